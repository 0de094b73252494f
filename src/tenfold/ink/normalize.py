"""Any image of one digit -> 28x28, made as MNIST was made.

"The original black and white images were size normalized to fit in a 20x20 pixel box while preserving their aspect
ratio. The resulting images contain grey levels as a result of the anti-aliasing technique used by the normalization
algorithm. The images were centered in a 28x28 image by computing the center of mass of the pixels, and translating
the image so as to position this point at the center of the 28x28 field." - LeCun, Bottou, Bengio and Haffner (1998),
"Gradient-based learning applied to document recognition", section III.A.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy import ndimage

from tenfold.errors import FormatError

SIDE = 28
BOX = 20
# A blot smaller than this share of the largest one is a speck of paper, not a stroke.
SPECK = 0.02
# Ink must differ from paper by this much of the full range, or there is none to read.
FAINTEST = 0.06

Grey = NDArray[np.float32]


def normalize(image: Image.Image | NDArray[np.generic]) -> NDArray[np.uint8]:
    """One digit, in any size, colour and polarity -> uint8[28,28], 0 paper to 255 ink.

    image: a PIL image, or an array (H,W) or (H,W,3|4): uint8, bool, or floats from 0 to 1. A page without ink gives
    28x28 zeros. Raises `FormatError` for what is not an image.
    """
    ink = drop_specks(estimate_ink(to_grey(image)))
    if not ink.any():
        return np.zeros((SIDE, SIDE), np.uint8)
    return centre(fit(crop(ink)))


def to_grey(image: Image.Image | NDArray[np.generic]) -> Grey:
    """An image -> luminance float32[H,W], 0 black to 1 white, upright, on white where it was transparent."""
    if isinstance(image, np.ndarray):
        return _array_to_grey(image)
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image, np.float32)
        return _array_to_grey(values / max(255.0 if values.max() < 256 else 65535.0, float(values.max())))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("L"), np.float32) / np.float32(255)


def estimate_ink(grey: Grey) -> Grey:
    """Luminance float32[H,W] -> ink float32[H,W], 0 paper to 1 ink, whichever of the two is the darker.

    The paper is what most of the border shows; ink is what departs from it, in the direction that departs most.
    """
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = np.median(border)
    darker, brighter = np.clip(paper - grey, 0, None), np.clip(grey - paper, 0, None)
    ink = darker if darker.sum() >= brighter.sum() else brighter
    # What the paper itself varies by, on the border, is grain and shade. Twice what nine tenths of it stay under is
    # 3.3 deviations of normal noise, and leaves next to none; paper without grain loses nothing. A stroke that runs
    # over the border must not pass for grain: never more than a quarter of the darkest is taken off.
    grain = min(2 * np.quantile(np.abs(border - paper), 0.9), 0.25 * ink.max())
    ink = np.clip(ink - grain, 0, None)
    peak = ink.max()
    return np.asarray(ink / peak if peak >= FAINTEST else np.zeros_like(ink), np.float32)


def drop_specks(ink: Grey) -> Grey:
    """Clears blots that hold less than 2 % of the ink of the largest."""
    blots, count = ndimage.label(ink > 0, structure=np.ones((3, 3)))
    if count < 2:
        return ink
    masses = np.bincount(blots.ravel(), weights=ink.ravel())
    masses[0] = 0
    keep = masses >= SPECK * masses.max()
    ink[~keep[blots]] = 0
    return ink


def crop(ink: Grey) -> Grey:
    """Cuts to the smallest box that holds all ink."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def fit(ink: Grey) -> Grey:
    """Scales to fit a 20x20 box, the aspect kept, each new pixel the mean of what it covers."""
    scale = BOX / max(ink.shape)
    height, width = (max(1, round(length * scale)) for length in ink.shape)
    if (height, width) == ink.shape:
        return ink
    way = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    scaled = np.asarray(Image.fromarray(ink).resize((width, height), way))
    # A hairline that covers part of a pixel stays as dark as MNIST's strokes are.
    return np.asarray(np.clip(scaled / scaled.max(), 0, 1), np.float32)


def centre(ink: Grey) -> NDArray[np.uint8]:
    """float32[H,W] of 20x20 at most -> uint8[28,28] with its centre of mass in the middle, as near as pixels allow."""
    height, width = ink.shape
    row, column = ndimage.center_of_mass(ink)
    # MNIST's makers put the centre of mass on pixel 14, not on the corner between 13 and 14 where the middle is:
    # rounded to it, 99 % of MNIST's images are given back as they are, and next to none the other way.
    top = int(np.clip(round(SIDE / 2 - row), 0, SIDE - height))
    left = int(np.clip(round(SIDE / 2 - column), 0, SIDE - width))
    field = np.zeros((SIDE, SIDE), np.uint8)
    field[top : top + height, left : left + width] = np.rint(ink * 255)
    return field


def _array_to_grey(array: NDArray[np.generic]) -> Grey:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise FormatError(
            f"an image array is (H,W) or (H,W,3|4) with pixels in it; this one has the shape {array.shape}"
        )
    if array.dtype == np.uint8:
        values = array.astype(np.float32) / np.float32(255)
    elif array.dtype == np.bool_ or np.issubdtype(array.dtype, np.floating):
        values = array.astype(np.float32)
    else:
        raise FormatError(f"an image array holds uint8, bool, or floats from 0 to 1; this one holds {array.dtype}")
    # NaN fails every comparison, so it is refused here too.
    if not (values.min() >= 0 and values.max() <= 1):
        raise FormatError("an image array of floats must lie from 0 to 1, without NaN")
    if values.ndim == 2:
        return values
    grey = values[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601 luma, as Pillow's "L"
    return grey if values.shape[2] == 3 else grey * values[..., 3] + (1 - values[..., 3])
