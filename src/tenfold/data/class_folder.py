"""A folder per class: `0/` to `9/` with images in them, perhaps under `train/` and `test/`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import DIGITS, SIDE, Part
from tenfold.errors import FormatError

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"})


def is_class_folder(folder: Path) -> bool:
    """Whether the folder, or its `train/`, holds folders named after digits."""
    return any((folder / part / digit).is_dir() for part in ("", "train") for digit in DIGITS)


def read_class_folder(folder: Path) -> tuple[Part, Part | None]:
    """The training part and, where there is a `test/`, the test part.

    A 28x28 greyscale image with bright ink on dark ground is kept as it is, pixel for pixel; any other is made into one
    as MNIST's were. Raises `FormatError` that names an image that can't be read, a class folder that is not 0 to 9, or
    a folder without images.
    """
    if (folder / "train").is_dir():
        has_test = (folder / "test").is_dir()
        return _read_part(folder / "train"), _read_part(folder / "test") if has_test else None
    return _read_part(folder), None


def _read_part(folder: Path) -> Part:
    images, labels = [], []
    for label, path in _labelled_images(folder):
        images.append(_read_image(path))
        labels.append(label)
    if not images:
        raise FormatError(f"{folder} has no images: put them into folders named 0 to 9 ({', '.join(sorted(SUFFIXES))})")
    return Part(np.stack(images), np.array(labels, np.uint8))


def _labelled_images(folder: Path) -> Iterator[tuple[int, Path]]:
    """Label and path of each image, in the order of their names, so that every machine sees the same set."""
    for class_folder in sorted(path for path in folder.iterdir() if path.is_dir()):
        if class_folder.name.startswith((".", "__")):  # .git, __MACOSX
            continue
        if class_folder.name not in DIGITS:
            raise FormatError(
                f"{class_folder}: a class folder is named 0 to 9, by its digit; rename it or move it away"
            )
        for path in sorted(class_folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                yield int(class_folder.name), path


def _read_image(path: Path) -> NDArray[np.uint8]:
    from tenfold.ink.image_file import opened

    with opened(path) as image:
        return _to_digit(image)


def _to_digit(image: "Image.Image") -> NDArray[np.uint8]:
    from tenfold.ink.normalize import normalize

    image.load()
    if image.mode == "L" and image.size == (SIDE, SIDE):
        pixels = np.array(image)
        if _is_dark_ground(pixels):
            return pixels
    return normalize(image)


def _is_dark_ground(pixels: NDArray[np.uint8]) -> bool:
    """Whether the border is mostly dark: MNIST's ink is bright, and hardly ever reaches the border."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    return bool(np.median(border) < 128)
