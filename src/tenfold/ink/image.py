"""Images: opened from files with care, and converted to luminance, float32[H,W], 0 black to 1 white."""

import io
import math
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from tenfold import files
from tenfold.errors import FormatError, TooLargeError

MAX_PIXELS = 64_000_000
# Formats whose files may hold several images.
_PAGED = ("TIFF", "GIF", "WEBP", "PNG", "AVIF", "HEIF")
# Luminance that varies by less than this may hide ink of another color.
_FLAT = 0.15
_TOO_LARGE = f"is larger than {MAX_PIXELS // 1_000_000} megapixels: make it smaller"


def read_pages(source: str | Path | bytes, pages: Iterable[int] | Literal["all"]) -> list[Image.Image]:
    """Pages of a file, numbered from 0: of a TIFF, or the frames of an animation. Raises `FormatError`, as `opened`
    does, and for a page that the file does not have."""
    found = []
    with opened(source, any_page=True) as image:
        count = getattr(image, "n_frames", 1)
        for page in range(count) if pages == "all" else pages:
            if not 0 <= page < count:
                raise FormatError(f"there is no page {page}: it has {count}, numbered from 0")
            image.seek(page)
            found.append(image.copy())
    return found


@contextmanager
def opened(source: str | Path | bytes, any_page: bool = False) -> Iterator[Image.Image]:
    """The image in a file, or in a file's bytes, with nothing decoded yet but its header.

    any_page: whether the file may hold several images, of which this is the first. Raises `FormatError` naming the file
    when there is none, it is not an image, it holds several, or the block fails to decode it; `TooLargeError`, which is
    one, for more than 64 megapixels.
    """
    path = "the image" if isinstance(source, bytes) else source
    try:
        # Opened here, so that it is closed whatever Pillow makes of it.
        with (
            warnings.catch_warnings(),
            io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as file,
        ):
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # The limit here is lower.
            _enable_heic(file.read(12), path)
            file.seek(0)
            with Image.open(file) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise TooLargeError(f"{path} {_TOO_LARGE}")
                # Phones put a preview into a JPEG, which is no page.
                if not any_page and image.format in _PAGED and getattr(image, "is_animated", False):
                    pages = getattr(image, "n_frames", 2)
                    raise FormatError(f"{path} has {pages} pages: read them with pages=, or save the one that is meant")
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


def _enable_heic(head: bytes, path: object) -> None:
    """Lets Pillow read HEIC, the photos of phones, where a file's first bytes say that it is one (ISO/IEC 23008-12)."""
    if head[4:8] != b"ftyp" or head[8:12] not in (b"heic", b"heix", b"hevc", b"mif1"):
        return
    try:
        import pillow_heif
    except ModuleNotFoundError:
        raise FormatError(f"{path} is HEIC: pip install pillow-heif, or save it as JPEG") from None
    pillow_heif.register_heif_opener()


def write_png(image: Image.Image, path: Path) -> Path:
    """Writes a picture, whole or not at all. Raises `StorageError` where that can't be done."""
    return files.write_with(path, lambda temporary: image.save(temporary, "PNG"))


# float32[H,W]: of luminance, 0 black to 1 white; and of ink, 0 paper to 1 ink.
Gray = NDArray[np.float32]
Ink = NDArray[np.float32]


def to_gray(image: Image.Image | NDArray[np.generic]) -> Gray:
    """An image -> luminance float32[H,W], 0 black to 1 white, upright.

    Where it was transparent it is white, or black under bright ink. Where luminance is the same throughout, the
    distance of colors from the border's takes its place. image: a PIL image, or an array (H,W), (H,W,1|3|4) or (1,H,W):
    uint8, uint16, bool, or floats from 0 to 1 or, where some are far above 1, to 255. Raises `FormatError` for what is
    no image.
    """
    if isinstance(image, np.ndarray):
        return _array_to_gray(image)
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # Pillow copies one that is upright, too.
        image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image, np.float32)
        highest = float(values.max())
        # Whole numbers are of 8 or 16 bits; floats go to 1, or are numbers of such bits.
        ranges = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        return _array_to_gray(values / next((most for most in ranges if highest <= most), highest))
    if "A" in image.getbands() or "transparency" in image.info:
        return _array_to_gray(np.asarray(image.convert("RGBA")))
    level = image if image.mode == "L" else image.convert("L")
    gray: Gray = np.asarray(level, np.float32) / np.float32(255)
    if image.mode not in ("L", "1") and is_flat(gray):
        return _by_color(np.asarray(image.convert("RGB"), np.float32) / np.float32(255), gray)
    return gray


def reduction(shape: tuple[int, ...], longest: int) -> int:
    """The side of the blocks of pixels that leave no side longer than `longest` when each becomes one."""
    return math.ceil(max(shape) / longest)


def reduced(gray: Gray, longest: int) -> Gray:
    """The same with no side longer than `longest`, each pixel the mean of a block."""
    block = reduction(gray.shape, longest)
    return gray if block < 2 else np.asarray(Image.fromarray(gray).reduce(block), np.float32)


def _array_to_gray(array: NDArray[np.generic]) -> Gray:
    if array.ndim == 3 and array.shape[0] == 1:  # As PyTorch holds an image.
        array = array[0]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise FormatError(
            f"an image array is (H,W), (H,W,1|3|4) or (1,H,W) with pixels in it; this one has the shape {array.shape}"
        )
    values: NDArray[np.float32]
    if array.dtype in (np.uint8, np.uint16):
        values = array.astype(np.float32) / np.float32(255 if array.dtype == np.uint8 else 65535)
    elif array.dtype == np.bool_ or np.issubdtype(array.dtype, np.floating):
        # NaN fails every comparison, so it is refused too. Checked before the cast, which may overflow.
        # Little above 1 they may be either.
        if not (array.min() >= 0 and (array.max() <= 1 or 16 <= array.max() <= 255)):
            raise FormatError("an image array of floats must be in the range 0 to 1 or 0 to 255, without NaN")
        values = array.astype(np.float32) / np.float32(1 if array.max() <= 1 else 255)
    else:
        raise FormatError(f"an image array holds uint8, uint16, bool or floats; this one holds {array.dtype}")
    if values.ndim == 2:
        return values
    color = values[..., :3]
    gray: Gray = color @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601 luma, as Pillow's "L"
    if values.shape[2] == 4:
        alpha = values[..., 3]
        shown = float((gray * alpha).sum()) / max(float(alpha.sum()), 1e-6)
        # Under ink that is bright on the whole, white would hide it.
        ground = np.float32(0 if alpha.min() < 0.5 and shown > 0.5 else 1)
        gray = gray * alpha + ground * (1 - alpha)
        color = color * alpha[..., None] + ground * (1 - alpha[..., None])
    return _by_color(color, gray) if is_flat(gray) else gray


def is_flat(gray: Gray) -> bool:
    """Whether luminance varies so little that ink of another color may be hidden in it."""
    # Most images show in their middle row that they are not.
    return bool(np.ptp(gray[len(gray) // 2]) < _FLAT and np.ptp(gray) < _FLAT)


def _by_color(color: NDArray[np.float32], gray: Gray) -> Gray:
    """How near each pixel's color, float32[H,W,3], is to the border's, where that varies more than luminance does."""
    border = np.concatenate([color[0], color[-1], color[:, 0], color[:, -1]])
    distance = np.sqrt(np.square(color - np.median(border, 0)).sum(2))
    return np.asarray(1 - distance, np.float32).clip(0, 1) if distance.max() > 2 * np.ptp(gray) else gray
