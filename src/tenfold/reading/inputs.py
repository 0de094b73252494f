"""What a reader is given, in any form that holds an image -> luminance, or the pixels that a model gets."""

import base64
import binascii
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeGuard
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold.errors import FormatError
from tenfold.ink.fit import SIDE
from tenfold.ink.image import Gray, is_flat, opened, read_pages, to_gray
from tenfold.ink.normalize import has_mnist_form, normalize_gray, to_uint8

# A path or a data URL, a file's bytes, a PIL image, or an array; also an open file, and a tensor of any library.
ImageLike = str | Path | bytes | bytearray | memoryview | BinaryIO | Image.Image | NDArray[np.generic]

Pages = Iterable[int] | Literal["all"]

# A JPEG is decoded at the smallest of its scales that has as many pixels a side as this.
DECODED = 1600


def all_pixels(
    images: Sequence[ImageLike], errors: dict[int, FormatError] | None = None
) -> tuple[list[NDArray[np.uint8]], dict[int, NDArray[np.uint8]]]:
    """Returns what the model gets of each image; and of each of 28x28 that lacks MNIST's form its own pixels.

    errors: takes the error of each image that can't be read, which is left out then; without it the first is raised.
    """
    found: list[NDArray[np.uint8]] = []
    small: list[int] = []
    for index, image in enumerate(images):
        try:
            gray: Any = image if _is_small(image) else gray_of(image)[0]
        except FormatError as error:
            if errors is None:
                raise
            errors[index] = error
            continue
        if gray.shape == (SIDE, SIDE):
            small.append(len(found))
        found.append(to_uint8(gray) if gray.shape == (SIDE, SIDE) else normalize_gray(gray))
    if not small:
        return found, {}
    # Whether they have MNIST's form is asked of all of them together, which is ten times as fast.
    as_made = has_mnist_form(np.stack([found[index] for index in small])).tolist()
    unlike_mnist = {index: found[index] for index, made in zip(small, as_made, strict=True) if not made}
    for index, pixels in unlike_mnist.items():
        found[index] = normalize_gray(to_gray(pixels))
    return found, unlike_mnist


def _is_small(image: Any) -> TypeGuard[NDArray[np.uint8]]:
    return isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.shape == (SIDE, SIDE)


def gray_of(image: ImageLike) -> tuple[Gray, float]:
    """Luminance, and how many of the picture's pixels each of its pixels stands for."""
    image = _content(image)
    if isinstance(image, np.ndarray):
        return to_gray(image), 1
    if isinstance(image, Image.Image):
        try:
            return to_gray(image), 1
        except FormatError:
            raise
        except Exception as error:  # It decodes now, and Pillow's decoders raise whatever they stumble on.
            raise FormatError(f"the image can't be decoded: {error}") from error
    if not isinstance(image, str | Path | bytes):
        raise FormatError(f"an image is a path, bytes, a PIL image or an array, not {type(image).__name__}")
    gray, scale = _decoded(image, "L")  # A JPEG holds luminance as it is.
    return _decoded(image, "RGB") if is_flat(gray) else (gray, scale)


def pages_of(image: ImageLike, pages: Pages) -> list[Image.Image]:
    content = _content(image)
    if not isinstance(content, str | Path | bytes):
        raise FormatError(f"pages are those of a file, not of {type(image).__name__}")
    return read_pages(content, pages)


def _content(image: Any) -> Any:
    """What any of `ImageLike` holds: a path, bytes, a PIL image or an array."""
    if isinstance(image, str) and image[:5].lower() == "data:":
        return of_base64(image)
    if isinstance(image, str | Path | bytes | Image.Image | np.ndarray):
        return image
    if isinstance(image, bytearray | memoryview):
        return bytes(image)
    if isinstance(image, os.PathLike):
        return Path(image)
    if hasattr(image, "read"):
        try:
            if image.seekable():  # As Pillow does: what was written to a buffer is read from its start.
                image.seek(0)
            content = image.read()
        except ValueError as error:  # A closed file.
            raise FormatError(f"the file can't be read: {error}") from error
        if not isinstance(content, bytes):
            raise FormatError(f"an image file is opened to read bytes, not {type(content).__name__}: open(path, 'rb')")
        return content
    return to_array(image) if hasattr(image, "__array__") else image


def to_array(tensor: Any) -> NDArray[Any]:
    """A tensor of PyTorch, JAX or another library as an array, by NumPy's protocol. Raises `FormatError`."""
    try:
        return np.asarray(tensor.detach().cpu() if hasattr(tensor, "detach") else tensor)
    except Exception as error:  # Libraries raise what they like: RuntimeError, TypeError, NotImplementedError ...
        raise FormatError(f"this {type(tensor).__name__} can't be an array: {str(error).splitlines()[0]}") from error


def of_base64(text: str) -> bytes:
    """The bytes of base64, or of a data URL; blanks and missing padding do no harm. Raises `FormatError`."""
    is_url = text[:5].lower() == "data:"
    head, _, content = text.partition(",") if is_url else (";base64", "", text)
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(content)
    content = "".join(unquote(content).split()).rstrip("=")
    try:
        return base64.b64decode(content + "=" * (-len(content) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError(f"this is no base64: {error}") from error


def _decoded(image: str | Path | bytes, mode: str) -> tuple[Gray, float]:
    with opened(image) as file:
        longest = max(file.size)
        file.draft(mode, (DECODED, DECODED))
        gray = to_gray(file)
        return gray, longest / max(gray.shape)
