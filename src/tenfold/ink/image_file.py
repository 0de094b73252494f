"""Image files, opened with care."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from tenfold.errors import FormatError

MAX_PIXELS = 64_000_000
_TOO_LARGE = f"is larger than {MAX_PIXELS // 1_000_000} megapixels: make it smaller"


@contextmanager
def opened(path: str | Path) -> Iterator[Image.Image]:
    """The image in a file, with nothing decoded yet but its header.

    Raises `FormatError` naming the file when there is none, it is not an image, it is larger than 64 megapixels, or
    the block fails to decode it.
    """
    try:
        # Opened here, so that it is closed whatever Pillow makes of it.
        with warnings.catch_warnings(), Path(path).open("rb") as file:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # The limit here is lower.
            with Image.open(file) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise FormatError(f"{path} {_TOO_LARGE}")
                yield image
    except FormatError as error:
        raise error if str(path) in str(error) else FormatError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise FormatError(f"{path}: no such file") from error
    except Image.DecompressionBombError as error:
        raise FormatError(f"{path} {_TOO_LARGE}") from error
    except UnidentifiedImageError as error:
        raise FormatError(f"{path} is not an image: save it again as PNG or JPEG") from error
    except Exception as error:
        # Pillow's decoders raise whatever they stumble on: OSError, SyntaxError, IndexError, struct.error, ...
        raise FormatError(f"{path} can't be decoded: {error}; save it again as PNG or JPEG") from error
