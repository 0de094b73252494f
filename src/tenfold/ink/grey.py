"""Any picture -> luminance: float32[H,W], 0 black to 1 white."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from tenfold.errors import FormatError

Grey = NDArray[np.float32]


def to_grey(image: Image.Image | NDArray[np.generic]) -> Grey:
    """An image -> luminance float32[H,W], 0 black to 1 white, upright, on white where it was transparent.

    image: a PIL image, or an array (H,W) or (H,W,3|4): uint8, bool, or floats from 0 to 1. Raises `FormatError` for
    what is no image.
    """
    if isinstance(image, np.ndarray):
        return _array_to_grey(image)
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # Pillow copies one that is upright, too.
        image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image, np.float32)
        return _array_to_grey(values / max(255.0 if values.max() < 256 else 65535.0, float(values.max())))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image if image.mode == "L" else image.convert("L"), np.float32) / np.float32(255)


def reduction(shape: tuple[int, ...], longest: int) -> int:
    """The side of the blocks of pixels that leave no side longer than `longest` when each becomes one."""
    return math.ceil(max(shape) / longest)


def reduced(grey: Grey, longest: int) -> Grey:
    """The same with no side longer than `longest`, each pixel the mean of a block."""
    block = reduction(grey.shape, longest)
    return grey if block < 2 else np.asarray(Image.fromarray(grey).reduce(block), np.float32)


def _array_to_grey(array: NDArray[np.generic]) -> Grey:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise FormatError(
            f"an image array is (H,W) or (H,W,3|4) with pixels in it; this one has the shape {array.shape}"
        )
    if array.dtype == np.uint8:
        values = array.astype(np.float32) / np.float32(255)
    elif array.dtype == np.bool_ or np.issubdtype(array.dtype, np.floating):
        # NaN fails every comparison, so it is refused too. Checked before the cast, which may overflow.
        if not (array.min() >= 0 and array.max() <= 1):
            raise FormatError("an image array of floats must be in the range 0 to 1, without NaN")
        values = array.astype(np.float32)
    else:
        raise FormatError(f"an image array holds uint8, bool, or floats from 0 to 1; this one holds {array.dtype}")
    if values.ndim == 2:
        return values
    grey = values[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601 luma, as Pillow's "L"
    return grey if values.shape[2] == 3 else grey * values[..., 3] + (1 - values[..., 3])
