"""IDX files of a user's own: MNIST's four names, or any pair of images and labels."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Part, check_images, check_part, describe, to_labels
from tenfold.data.idx import read_idx
from tenfold.errors import FormatError

_PACKINGS = ("", ".gz", ".xz")
# train-images-idx3-ubyte, train-images.idx3-ubyte, qmnist-train-labels-idx2-int, each with .gz or .xz or neither
_NAME = re.compile(r"(?P<before>.*)(?P<kind>images|labels)(?P<dash>[-.])idx\d-(ubyte|int)(\.gz|\.xz)?")
# MNIST's labels are the first, QMNIST's the second.
_LABEL_TAILS = ("idx1-ubyte", "idx2-int")
# QMNIST's extended labels, columns of its `idx2-int` files (facebookresearch/qmnist, README.md, section 2.2).
_CLASS_COLUMN = 0
_WRITER_COLUMN = 2


def is_idx_name(name: str) -> bool:
    """Whether a file of that name is taken for IDX images or labels."""
    return _NAME.fullmatch(name) is not None


def read_idx_folder(folder: Path) -> tuple[Part, Part | None]:
    """The training part and, where there is one, the test part of a folder of IDX files.

    Raises `FormatError` when files are missing, damaged, don't fit together, or it is unclear which is which.
    """
    names = {path.name for path in folder.iterdir() if is_idx_name(path.name)}
    stems = sorted({_unpacked(name) for name in names})
    found = [stem for stem in stems if _kind(stem) == "images"]
    if not found:
        raise FormatError(f"{folder} has labels ({stems[0]}) but no images: add the images file beside them")
    if len(found) == 1:
        return _read_beside(folder, found[0]), None
    train = [stem for stem in found if "train" in stem.lower()]
    test = [stem for stem in found if re.search("t10k|test", stem.lower())]
    if len(found) > 2 or len(train) != 1 or len(test) != 1 or train == test:
        raise FormatError(
            f"{folder} has several images files ({', '.join(found)}): keep one of train and one of t10k or test, "
            "or name the one to read"
        )
    return _read_beside(folder, train[0]), _read_beside(folder, test[0])


def read_idx_file(path: Path) -> Part:
    """An IDX file of images, with the labels beside it. Raises `FormatError` when either is missing or damaged."""
    if not is_idx_name(path.name):
        raise FormatError(
            f"{path}: the labels of IDX images are found by name; call the two like MNIST's, such as "
            "train-images-idx3-ubyte and train-labels-idx1-ubyte"
        )
    if _kind(path.name) == "labels":
        raise FormatError(f"{path} holds labels: give the images file, and the labels are found beside it")
    return _read_beside(path.parent, _unpacked(path.name), path)


def make_part(images: NDArray[Any], labels: NDArray[Any], where: str) -> Part:
    """Decoded IDX images and labels -> a part, checked; labels are integers[N], or QMNIST's integers[N,8] with writers.

    Raises `FormatError`, beginning with `where`, when the two don't fit or hold something else.
    """
    writers = None
    check_images(images, where)
    if labels.ndim == 2 and labels.shape[1] > _WRITER_COLUMN and np.issubdtype(labels.dtype, np.integer):
        writers = labels[:, _WRITER_COLUMN].copy()
        labels = labels[:, _CLASS_COLUMN]
    part = Part(images, to_labels(labels, where), writers)
    check_part(part, where)
    return part


def _read_beside(folder: Path, stem: str, images_path: Path | None = None) -> Part:
    """The images named `stem`, packed or not, with the labels whose name differs only in what it must."""
    images_path = images_path or _packed(folder, stem)
    match = _NAME.fullmatch(stem)
    assert images_path is not None
    assert match is not None
    stems = [f"{match['before']}labels{match['dash']}{tail}" for tail in _LABEL_TAILS]
    labels_path = next((path for stem in stems if (path := _packed(folder, stem))), None)
    if labels_path is None:
        raise FormatError(f"the labels of {images_path} are missing: put {stems[0]} (or .gz, .xz) beside it")
    images = read_idx(images_path)
    if images.ndim != 3:
        raise FormatError(f"{images_path} does not hold images: it is {describe(images)}, not uint8[N,28,28]")
    return make_part(images, read_idx(labels_path), str(images_path))


def _kind(name: str) -> str:
    match = _NAME.fullmatch(name)
    assert match is not None
    return match["kind"]


def _unpacked(name: str) -> str:
    return re.sub(r"\.(gz|xz)$", "", name)


def _packed(folder: Path, stem: str) -> Path | None:
    """The file of that name, plain rather than packed."""
    return next((path for packing in _PACKINGS if (path := folder / (stem + packing)).is_file()), None)
