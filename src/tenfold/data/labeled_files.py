"""User-supplied images that a CSV file lists with their labels."""

import csv
import io
from pathlib import Path

import numpy as np

from tenfold.data.class_folder import class_of, normalized
from tenfold.data.csv_file import LABELS
from tenfold.data.dataset import DatasetPart
from tenfold.data.idx import read_bytes, unpack
from tenfold.errors import FormatError

_FILES = ("file", "filename", "file_name", "image", "path", "name", "image_path")
# More than the longest header of two to a few columns; one of 784 pixels is longer.
_HEAD = 2000


def is_table_of_files(path: Path) -> bool:
    """Whether a CSV file has a column of files and one of labels, by its header."""
    head = unpack(read_bytes(path), str(path))[:_HEAD].decode("utf-8-sig", "replace").split("\n")[0]
    return _columns(head) is not None


def read_labeled_files(path: Path) -> tuple[DatasetPart, list[str]]:
    """Reads the images that the table names, relative to its folder; and says which have no label.

    Raises `FormatError` for a file that is missing, no image or outside of the table's folder, and for a label that is
    no digit.
    """
    text = unpack(read_bytes(path), str(path)).decode("utf-8-sig", "replace")
    columns = _columns(text.partition("\n")[0])
    assert columns is not None
    images, labels, unlabeled = [], [], 0
    home = path.parent.resolve()
    for line, row in enumerate(csv.reader(io.StringIO(text)), 1):
        if line == 1 or not row:
            continue
        if len(row) <= max(columns):
            raise FormatError(f"{path}, line {line}: {len(row)} columns, {max(columns) + 1} expected")
        name, said = (row[place].strip() for place in columns)
        if not said:
            unlabeled += 1
            continue
        label = class_of(said)
        if label is None:
            raise FormatError(f"{path}, line {line}: {said[:40]!r} is no label: give a digit")
        file = (home / name).resolve()
        if not file.is_relative_to(home):
            raise FormatError(f"{path}, line {line}: {name[:80]} lies outside of the folder {path.parent}")
        images.append(normalized(file))
        labels.append(label)
    if not images:
        raise FormatError(f"{path} names no image with a label")
    notes = [f"{unlabeled:,} images without a label were left out"] if unlabeled else []
    return DatasetPart(np.stack(images), np.array(labels, np.uint8)), notes


def _columns(head: str) -> tuple[int, int] | None:
    """The places of the file's and of the label's column."""
    names = [name.strip().strip('"').lower() for name in head.strip().split(",")]
    files = [place for place, name in enumerate(names) if name in _FILES]
    labels = [place for place, name in enumerate(names) if name in LABELS]
    return (files[0], labels[0]) if len(files) == len(labels) == 1 else None
