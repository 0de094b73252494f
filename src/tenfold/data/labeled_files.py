"""User-supplied images that a CSV file lists with their labels."""

import csv
import io
import re
from pathlib import Path

import numpy as np

from tenfold.data.class_folder import SUFFIXES, class_of, folders_of, normalized
from tenfold.data.csv_file import LABELS, UnlabeledError, delimiter_of
from tenfold.data.dataset import DatasetPart
from tenfold.data.idx import read_unpacked
from tenfold.errors import FormatError

# More than the first lines of a few columns; two lines of 784 pixels are longer, and hold no file's name.
_HEAD = 4000
_UNLABELED = ("", "-1", "nan", "none", "null", "na")


def is_table_of_files(path: Path) -> bool:
    """Whether one of the first lines of a CSV file names an image."""
    lines = read_unpacked(path, _HEAD).decode("utf-8-sig", "replace").splitlines()[:2]
    return any(_is_image(field) for line in lines for field in line.split(delimiter_of(lines[0])))


def read_labeled_files(path: Path) -> tuple[DatasetPart, list[str]]:
    """Reads the images that the table names, relative to its folder or to one in it; and says which have no label.

    The column of files is the one whose values are names of images; that of labels is found by its name, or is the only
    other one. Raises `UnlabeledError` for a table without labels, and `FormatError` for a file that is missing, no
    image, in several folders or outside of the table's folder, and for a label that is no digit.
    """
    text = read_unpacked(path).decode("utf-8-sig", "replace")
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter_of(text.partition("\n")[0]), strict=True))
        return _read(rows, path)
    except (csv.Error, ValueError) as error:  # Of a path with a NUL, too.
        raise FormatError(f"{path} is no CSV file of files and labels: {error}") from error


def _read(rows: list[list[str]], path: Path) -> tuple[DatasetPart, list[str]]:
    first = 0 if any(_is_image(field) for field in rows[0]) else 1
    if len(rows) <= first:
        raise FormatError(f"{path} names no image with a label")
    files = [place for place, field in enumerate(rows[first]) if _is_image(field)]
    names = [name.strip().lower() for name in rows[0]] if first else []
    labels = [place for place, name in enumerate(names) if name in LABELS] or [
        place for place in range(len(rows[first])) if place not in files and len(rows[first]) == 2
    ]
    if len(files) != 1 or len(labels) > 1:
        raise FormatError(f"{path}: more than one column could be the file or the label: keep one of each")
    if not labels:
        raise UnlabeledError(f"{path} has no labels: a column 'label' is missing")
    home = path.parent.resolve()
    folder = _folder(home, _clean(rows[first][files[0]]), path)
    images, digits, unlabeled = [], [], 0
    for line, row in enumerate(rows[first:], first + 1):
        where = f"{path}, line {line}"
        if not row:
            continue
        if len(row) <= max(files + labels):
            raise FormatError(f"{where}: {len(row)} columns, {max(files + labels) + 1} expected")
        name, said = _clean(row[files[0]]), row[labels[0]].strip()
        if said.lower() in _UNLABELED:
            unlabeled += 1
            continue
        digit = class_of(re.sub(r"\.0+$", "", said)) if re.fullmatch(r"[0-9](\.0+)?|[A-Za-z]+", said) else None
        if digit is None:
            raise FormatError(f"{where}: {said[:40]!r} is no label: give a digit")
        if not (folder / name).resolve().is_relative_to(home):
            raise FormatError(f"{where}: {name[:80]} lies outside of the folder {path.parent}")
        images.append(normalized(folder / name))
        digits.append(digit)
    if not images:
        raise FormatError(f"{path} names no image with a label")
    notes = [f"images without a label, left out: {unlabeled:,}"] if unlabeled else []
    return DatasetPart(np.stack(images), np.array(digits, np.uint8)), notes


def _is_image(field: str) -> bool:
    return Path(_clean(field)).suffix.lower() in SUFFIXES


def _clean(name: str) -> str:
    return name.strip().strip('"').replace("\\", "/")


def _folder(home: Path, name: str, path: Path) -> Path:
    """The folder that a table's files are in: its own, or the one in it that holds the first of them."""
    if (home / name).exists():
        return home
    found = [folder for folder in folders_of(home) if (folder / name).exists()]
    named = [folder for folder in found if folder.name.lower() == path.name.partition(".")[0].lower()]
    if len(found) > 1 and not named:
        raise FormatError(f"{path}: {name[:80]} is in {' and '.join(folder.name for folder in found)}: name the folder")
    return (named or found or [home])[0]
