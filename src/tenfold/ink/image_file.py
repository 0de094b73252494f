"""Image files, opened with care."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

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
