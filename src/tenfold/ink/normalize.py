"""Any image of one digit -> 28x28, made as MNIST was made.

The steps, each a function of its own: luminance (`gray`), ink (`ground`), the 20x20 box and MNIST's thickness, and the
center of mass (`fit`). docs/how-it-works/ink.md shows each.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold.errors import FormatError
from tenfold.ink.fit import BOX, SIDE, center, fit
from tenfold.ink.ground import find_ink
from tenfold.ink.image import Gray, Ink, opened, reduced, reduction, to_gray

# Pixels a side that ink is looked for at: twelve times the box that it will fill.
LONGEST = 240


def normalize(image: str | Path | Image.Image | NDArray[np.generic]) -> NDArray[np.uint8]:
    """One digit or symbol, in any size, color and polarity -> uint8[28,28], 0 paper to 255 ink, as MNIST was made.

    This is what `load_dataset` makes of the images of a folder, and `predict` of an image. image: a path, a PIL image,
    or an array (H,W) or (H,W,3|4): uint8, bool, or floats from 0 to 1. A page without ink gives 28x28 zeros. Raises
    `FormatError` for what is not an image.
    """
    if isinstance(image, str | Path):
        with opened(image) as file:
            return normalize(file)
    if not isinstance(image, Image.Image | np.ndarray):
        raise FormatError(f"an image is a path, a PIL image or an array, not {type(image).__name__}")
    return normalize_gray(to_gray(image))


def normalize_gray(gray: Gray) -> NDArray[np.uint8]:
    """As `normalize`, of luminance float32[H,W], 0 black to 1 white."""
    if gray.shape == (SIDE, SIDE):
        pixels = to_uint8(gray)
        if has_mnist_form(pixels[None])[0]:
            return pixels
    ink = find_ink(reduced(gray, LONGEST))
    rows, columns = extent(ink)
    if rows.stop == 0:
        return np.zeros((SIDE, SIDE), np.uint8)
    # A small digit on a large page: a closer look at the place where it is, if that shows more.
    block = reduction(gray.shape, LONGEST)
    margin = max(rows.stop - rows.start, columns.stop - columns.start) // 3 + 1
    closer = gray[
        max(0, rows.start - margin) * block : (rows.stop + margin) * block,
        max(0, columns.start - margin) * block : (columns.stop + margin) * block,
    ]
    if reduction(closer.shape, LONGEST) < block:
        return normalize_gray(closer)
    return center(fit(ink[rows, columns]))


def to_uint8(gray: Gray | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luminance float32, 0 to 1 -> uint8, 0 to 255; what is uint8 already stays as it is."""
    return np.asarray(gray if gray.dtype == np.uint8 else np.floor(gray * 255 + 0.5), np.uint8)


def extent(ink: Ink) -> tuple[slice, slice]:
    """The rows and the columns of the smallest box that holds all ink; empty slices at 0 where there is none."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if len(rows) == 0:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def has_mnist_form(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which of uint8[N,28,28] have MNIST's form already, and are read as they are: bool[N].

    Bright ink that fills a 20x20 box one way at least and lies nowhere outside one, its center of mass on pixel 14.
    """
    axis = np.arange(SIDE, dtype=np.float32)
    lengths, places = [], []
    for direction in (1, 2):
        lines = np.asarray((images > 0).any(3 - direction))
        lengths.append(SIDE - lines.argmax(1) - lines[:, ::-1].argmax(1))
        mass = images.sum(3 - direction, dtype=np.float32)
        places.append(mass @ axis / np.maximum(mass.sum(1), 1))
    # A blank image has its center of mass at 0 here, and is none.
    centered = (np.abs(np.array(places) - SIDE / 2) <= 0.51).all(0)
    return np.asarray(centered & (np.maximum(*lengths) == BOX))
