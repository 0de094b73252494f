"""User-supplied images in one folder per class: `0/` to `9/`, optionally under `train/` and `test/`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import DIGITS, DatasetPart
from tenfold.errors import FormatError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"})


def is_class_folder(folder: Path) -> bool:
    """Whether the folder, or its `train/`, holds folders named after digits."""
    return any((folder / part / digit).is_dir() for part in ("", "train") for digit in DIGITS)


def read_class_folder(folder: Path) -> tuple[DatasetPart, DatasetPart | None]:
    """Reads the training part and, if there is a `test/`, the test part.

    Images are normalized as `tenfold predict` normalizes an image file, so that trained and predicted pixels are the
    same; those that have MNIST's form already are kept pixel for pixel. Raises `FormatError` naming an image that
    can't be read, a class folder that is not 0 to 9, or a folder without images.
    """
    if (folder / "train").is_dir():
        has_test = (folder / "test").is_dir()
        return _read_part(folder / "train"), _read_part(folder / "test") if has_test else None
    return _read_part(folder), None


def _read_part(folder: Path) -> DatasetPart:
    images, labels = [], []
    for label, path in _labeled_images(folder):
        images.append(_read_image(path))
        labels.append(label)
    if not images:
        raise FormatError(f"{folder} has no images: put them into folders named 0 to 9 ({', '.join(sorted(SUFFIXES))})")
    return DatasetPart(np.stack(images), np.array(labels, np.uint8))


def _labeled_images(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yields the label and path of each image, sorted by name: the order is the same on every machine."""
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
    from tenfold.ink.image import opened
    from tenfold.ink.normalize import normalize

    with opened(path) as image:
        return normalize(image)
