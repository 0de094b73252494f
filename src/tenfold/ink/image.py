"""Images: opened from files with care, and converted to luminance, float32[H,W], 0 black to 1 white."""

import io
import math
import operator
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from tenfold import files
from tenfold.errors import FormatError, TooLargeError

MAX_PIXELS = 64_000_000
# Formats whose files may hold several images.
_PAGED = ("TIFF", "GIF", "WEBP", "PNG", "AVIF", "HEIF", "PDF")
# Luminance that varies by less than this may hide ink of another color.
_FLAT = 0.15
# The share of its bounding box that a card with a transparent margin fills, even at 45 degrees.
_CARD = 0.4
_TOO_LARGE = f"is larger than {MAX_PIXELS // 1_000_000} megapixels: make it smaller"


def read_pages(source: str | Path | bytes, pages: Iterable[int] | Literal["all"]) -> list[Image.Image]:
    """Pages of a file, numbered from 0: of a TIFF, or the frames of an animation. Raises `FormatError`, as `opened`
    does, and for a page that the file does not have."""
    found = []
    try:
        chosen = None if pages == "all" else [operator.index(page) for page in pages]
    except TypeError as error:
        raise FormatError(f'pages are numbers from 0 in a list, or "all", not {pages!r}') from error
    with opened(source, any_page=True) as image:
        count = getattr(image, "n_frames", 1)
        for page in range(count) if chosen is None else chosen:
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
    path = "the image" if isinstance(source, bytes) else str(source)[:300]
    try:
        # Opened here, so that it is closed whatever Pillow makes of it.
        with (
            warnings.catch_warnings(),
            io.BytesIO(source) if isinstance(source, bytes) else files.expanded(source).open("rb") as file,
        ):
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # The limit here is lower.
            head = file.read(12)
            file.seek(0)
            with _opener(head, path)(file) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise TooLargeError(f"{path} {_TOO_LARGE}")
                # Phones put a preview into a JPEG, which is no page.
                if not any_page and image.format in _PAGED and getattr(image, "is_animated", False):
                    pages = getattr(image, "n_frames", 2)
                    raise FormatError(
                        f"{path} has {pages} pages: choose with pages= (--pages), or save the one that is meant"
                    )
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


def _opener(head: bytes, path: object) -> Callable[[IO[bytes]], Image.Image]:
    """What opens a file with these first bytes: for HEIC, the photos of phones (ISO/IEC 23008-12), and for PDF packages
    of their own."""
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"mif1"):
        try:
            from pillow_heif import HeifImageFile
        except ModuleNotFoundError:
            raise FormatError(f"{path} is HEIC: pip install pillow-heif, or save it as JPEG") from None
        return cast(Callable[[IO[bytes]], Image.Image], HeifImageFile)
    if head.startswith(b"%PDF-"):
        try:
            import pypdfium2  # noqa: F401
        except ModuleNotFoundError:
            raise FormatError(f"{path} is a PDF: pip install pypdfium2, or save its pages as PNG") from None
        from tenfold.ink.pdf_file import PdfFile

        return PdfFile
    return Image.open


def write_png(image: Image.Image, path: Path) -> Path:
    """Writes a picture, whole or not at all. Raises `StorageError` where that can't be done."""
    return files.write_with(path, lambda temporary: image.save(temporary, "PNG"))


# float32[H,W]: of luminance, 0 black to 1 white; and of ink, 0 paper to 1 ink.
Gray = NDArray[np.float32]
Ink = NDArray[np.float32]


def to_gray(image: Image.Image | NDArray[np.generic]) -> Gray:
    """An image -> luminance float32[H,W], 0 black to 1 white, upright.

    Where it was transparent it is white, or black under bright ink, or as its own paper. Where luminance is the same
    throughout, the distance of colors from the border's takes its place. image: a PIL image, or an array (H,W),
    (H,W,1|3|4) or (1|3|4,H,W) of whole numbers to 255, uint16, bool, or floats from 0 to 1 or, where some are far above
    1, to 255. Raises `FormatError` for what is no image.
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
        image = image.convert("RGBA")
        if np.asarray(image)[..., 3].min() < 255:
            return _array_to_gray(np.asarray(image))
        image = image.convert("RGB")
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
    shape = array.shape
    array = np.asarray(array)  # Not a matrix, nor a masked array.
    while array.ndim > 2 and array.shape[0] == 1:  # As PyTorch holds an image.
        array = array[0]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim == 3 and array.shape[0] in (3, 4) and array.shape[2] not in (3, 4):
        array = array.transpose(1, 2, 0)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise FormatError(
            f"an image array is (H,W), (H,W,1|3|4) or (1|3|4,H,W) with pixels in it; this one has the shape {shape}"
        )
    if np.issubdtype(array.dtype, np.integer) and array.dtype not in (np.uint8, np.uint16):
        if array.min() < 0 or array.max() > 255:
            raise FormatError(f"an image array of {array.dtype} holds 0 to 255, not {array.min()} to {array.max()}")
        array = array.astype(np.uint8)
    values: NDArray[np.float32]
    if array.dtype in (np.uint8, np.uint16):
        values = array.astype(np.float32) / np.float32(255 if array.dtype == np.uint8 else 65535)
    elif array.dtype == np.bool_ or np.issubdtype(array.dtype, np.floating):
        # NaN fails every comparison, so it is refused too. Checked before the cast, which may overflow.
        # A little above 1 they may be either; scikit-learn's digits go to 16.
        if not (array.min() >= 0 and (array.max() <= 1 or 16 < array.max() <= 255)):
            raise FormatError("an image array of floats must be in the range 0 to 1 or 0 to 255, without NaN")
        values = array.astype(np.float32) / np.float32(1 if array.max() <= 1 else 255)
    else:
        raise FormatError(f"an image array holds whole numbers, bool or floats; this one holds {array.dtype}")
    if values.ndim == 2:
        return values
    color = values[..., :3]
    gray: Gray = color @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601 luma, as Pillow's "L"
    if values.shape[2] == 4:
        alpha = values[..., 3]
        ground = _ground(gray, alpha)
        gray = gray * alpha + ground * (1 - alpha)
        color = color * alpha[..., None] + ground * (1 - alpha[..., None])
    return _by_color(color, gray) if is_flat(gray) else gray


def _ground(gray: Gray, alpha: NDArray[np.float32]) -> np.float32:
    """The luminance of what lies under a transparent image: its own paper's, or what its ink differs from."""
    opaque = alpha > 0.5
    if opaque.all() or not opaque.any():
        return np.float32(1)
    rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
    box = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    values = gray[opaque]
    darkest, middle, brightest = np.percentile(values, (2, 50, 98))
    # A card that is written on: it fills its box better than ink does, and holds two luminances.
    if opaque.sum() > _CARD * box and brightest - darkest > _FLAT:
        return np.float32(middle)
    # Under ink that is bright on the whole, white would hide it.
    return np.float32(0 if values.mean() > 0.5 else 1)


def is_flat(gray: Gray) -> bool:
    """Whether luminance varies so little that ink of another color may be hidden in it."""
    # Most images show in their middle row that they are not.
    return bool(np.ptp(gray[len(gray) // 2]) < _FLAT and np.ptp(gray) < _FLAT)


def _by_color(color: NDArray[np.float32], gray: Gray) -> Gray:
    """How near each pixel's color, float32[H,W,3], is to the border's, where that varies more than luminance does."""
    border = np.concatenate([color[0], color[-1], color[:, 0], color[:, -1]])
    distance = np.sqrt(np.square(color - np.median(border, 0)).sum(2))
    return np.asarray(1 - distance, np.float32).clip(0, 1) if distance.max() > 2 * np.ptp(gray) else gray
