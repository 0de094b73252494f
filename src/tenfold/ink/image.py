"""Images: opened from files with care, and converted to luminance, float32[H,W], 0 black to 1 white."""

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from tenfold import files
from tenfold.errors import FormatError, TooLargeError

MAX_PIXELS = 64_000_000
_TOO_LARGE = f"is larger than {MAX_PIXELS // 1_000_000} megapixels: make it smaller"


@contextmanager
def opened(source: str | Path | bytes) -> Iterator[Image.Image]:
    """The image in a file, or in a file's bytes, with nothing decoded yet but its header.

    Raises `FormatError` naming the file when there is none, it is not an image, or the block fails to decode it;
    `TooLargeError`, which is one, for more than 64 megapixels.
    """
    path = "the image" if isinstance(source, bytes) else source
    try:
        # Opened here, so that it is closed whatever Pillow makes of it.
        with (
            warnings.catch_warnings(),
            io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as file,
        ):
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # The limit here is lower.
            with Image.open(file) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise TooLargeError(f"{path} {_TOO_LARGE}")
                yield image
    except FormatError as error:
        raise error if str(path) in str(error) else FormatError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise FormatError(f"{path}: no such file") from error
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"{path} {_TOO_LARGE}") from error
    except UnidentifiedImageError as error:
        raise FormatError(f"{path} is not an image: save it again as PNG or JPEG") from error
    except Exception as error:
        # Pillow's decoders raise whatever they stumble on: OSError, SyntaxError, IndexError, struct.error, ...
        raise FormatError(f"{path} can't be decoded: {error}; save it again as PNG or JPEG") from error


def write_png(image: Image.Image, path: Path) -> Path:
    """Writes a picture, whole or not at all. Raises `StorageError` where that can't be done."""
    return files.write_with(path, lambda temporary: image.save(temporary, "PNG"))


# float32[H,W]: of luminance, 0 black to 1 white; and of ink, 0 paper to 1 ink.
Gray = NDArray[np.float32]
Ink = NDArray[np.float32]


def to_gray(image: Image.Image | NDArray[np.generic]) -> Gray:
    """An image -> luminance float32[H,W], 0 black to 1 white, upright, on white where it was transparent.

    image: a PIL image, or an array (H,W) or (H,W,3|4): uint8, bool, or floats from 0 to 1. Raises `FormatError` for
    what is no image.
    """
    if isinstance(image, np.ndarray):
        return _array_to_gray(image)
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # Pillow copies one that is upright, too.
        image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image, np.float32)
        return _array_to_gray(values / max(255.0 if values.max() < 256 else 65535.0, float(values.max())))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image if image.mode == "L" else image.convert("L"), np.float32) / np.float32(255)


def reduction(shape: tuple[int, ...], longest: int) -> int:
    """The side of the blocks of pixels that leave no side longer than `longest` when each becomes one."""
    return math.ceil(max(shape) / longest)


def reduced(gray: Gray, longest: int) -> Gray:
    """The same with no side longer than `longest`, each pixel the mean of a block."""
    block = reduction(gray.shape, longest)
    return gray if block < 2 else np.asarray(Image.fromarray(gray).reduce(block), np.float32)


def _array_to_gray(array: NDArray[np.generic]) -> Gray:
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
    gray = values[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601 luma, as Pillow's "L"
    return gray if values.shape[2] == 3 else gray * values[..., 3] + (1 - values[..., 3])
