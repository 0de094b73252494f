"""User-supplied CSV: one line per image, its label and its 784 pixels.

https://www.kaggle.com/competitions/digit-recognizer/data describes the usual layout: a header,
`label,pixel0,...,pixel783`, then whole numbers; pixel = 28 * row + column. Here the header is optional, the label may
be any column, and a column that the header names as an index is left out.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tenfold.data.arrays import scaled_images, whole_labels
from tenfold.data.dataset import CLASSES, SIDE, DatasetPart, Images
from tenfold.data.idx import read_unpacked
from tenfold.errors import FormatError

PIXELS = SIDE * SIDE
COLUMNS = 1 + PIXELS
LABELS = ("label", "labels", "class", "target", "digit", "y")
# The index that pandas writes unless it is asked not to, and others' names for it.
_INDEXES = ("", "unnamed: 0", "id", "index", "imageid", "image_id")
# NumPy would also take 1.0 or +5 for a whole number.
_ALLOWED_BYTES = b'0123456789,\n" \t'


class UnlabeledError(FormatError):
    """The file holds images without labels."""


class _Lines(NamedTuple):
    """A CSV file: the names in its header, if there is one, the lines below, and the number of the first of them."""

    names: list[str]
    body: bytes
    first: int

    @property
    def index_column(self) -> int | None:
        """The column of the index, if the header names one."""
        return next((place for place, name in enumerate(self.names) if name in _INDEXES), None)

    @property
    def columns(self) -> int:
        """The number of columns of the first line, without the index."""
        return self.body.partition(b"\n")[0].count(b",") + 1 - (self.index_column is not None)


def read_csv(path: Path) -> tuple[DatasetPart, list[str]]:
    """Reads the images and labels of one CSV file, plain, gzip or xz; and says where an unnamed label was found.

    The label is the column that the header calls label, class, target, digit or y; without such a name the one column
    that holds several values from 0 to 9 and none beyond, if it is the first or the last, or not 0 in most lines.
    Fields may be quoted or padded with blanks. Raises `UnlabeledError` for a file of pixels alone, and `FormatError`
    naming the line and the column of a field that is missing, not a whole number, or out of range.
    """
    return _labeled(_split(path), path)


def read_csv_images(path: Path) -> tuple[list[str], Images, list[str]]:
    """Reads the images uint8[N,28,28] of a CSV file, labeled or not, as Kaggle's test.csv; their names, the index if
    the header names one, or numbers from 1; and what was done with them. Raises `FormatError`."""
    lines = _split(path)
    if lines.columns != PIXELS:
        part, notes = _labeled(lines, path)
        images = part.images
    else:
        table = _parse(lines, PIXELS)
        if table is None:
            raise FormatError(f"{path}: {PIXELS} columns of pixels, 0 to 255, are expected from line {lines.first} on")
        images, notes = scaled_images(table, str(path))
    names = [str(number) for number in range(1, len(images) + 1)]
    if lines.index_column is not None:
        names = [line.split(",")[lines.index_column].strip(' \t"') for line in lines.body.decode().split("\n")]
    return names, images, notes


def _labeled(lines: _Lines, path: Path) -> tuple[DatasetPart, list[str]]:
    named = label = _named_label(lines, path)
    if lines.columns == PIXELS:
        raise UnlabeledError(_first_fault(lines, path, 0))
    table = _parse(lines, COLUMNS)
    if table is None:
        raise FormatError(_first_fault(lines, path, label or 0))
    if label is None:
        label = _label_by_content(table, path)
    if table[:, label].max() >= CLASSES:
        raise FormatError(_first_fault(lines, path, label))
    images, notes = scaled_images(np.delete(table, label, 1), str(path))
    if named is None and label > 0:
        notes.append(f"its label is column {label + 1}, by its values")
    return DatasetPart(images, whole_labels(table[:, label], str(path))), notes


def _split(path: Path) -> _Lines:
    content = read_unpacked(path).removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    first, _, rest = content.partition(b"\n")
    if (delimiter := delimiter_of(first.decode("latin-1"))) != ",":
        content = content.replace(delimiter.encode(), b",")
        first, _, rest = content.partition(b"\n")
    names = [name.strip().strip('"').lower() for name in first.decode("utf-8", "replace").split(",")]
    # One text among numbers is a fault, not a header.
    numbered = list(map(str, range(len(names))))
    is_header = (
        any(name in LABELS for name in names)
        or not (_is_number(names[0]) or _is_number(names[-1]))
        or (len(names) > 1 and numbered in (names, [*names[1:], numbered[-1]]))  # As pandas numbers columns.
    )
    body = (rest if is_header and first else content).rstrip(b"\n")
    if not body:
        raise FormatError(f"{path} is empty: it needs one line per image, the label and then {PIXELS} pixels")
    return _Lines(names, body, 2) if is_header else _Lines([], body, 1)


def delimiter_of(line: str) -> str:
    """What separates the fields of a line: a comma, or else a semicolon or a tab."""
    return next((mark for mark in ",;\t" if mark in line), ",")


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return not re.search("[a-z_]", field)
    return True


def _named_label(lines: _Lines, path: Path) -> int | None:
    """The column that the header names as the label, without the index, if any."""
    if not lines.names:
        return None
    names = [name for place, name in enumerate(lines.names) if place != lines.index_column]
    found = [place for place, name in enumerate(names) if name in LABELS]
    if not found and len(names) == PIXELS:
        raise UnlabeledError(
            f"{path} has no labels: its {PIXELS} columns are all pixels, as in the test.csv of Kaggle's Digit "
            "Recognizer; load a file with a label, such as that competition's train.csv"
        )
    if len(names) != COLUMNS:
        raise FormatError(f"{path}, line 1: {_column_count(len(names))}")
    if len(found) > 1:
        raise FormatError(
            f"{path}: the columns {' and '.join(names[place] for place in found)} could both be the label"
        )
    return found[0] if found else None


def _label_by_content(table: NDArray[Any], path: Path) -> int:
    """The column whose values are those of a label. Pixels of the border are paper, the same in nearly all images."""
    varied = (table.max(0) < CLASSES) & (table.max(0) > table.min(0)) & (table == np.rint(table)).all(0)
    found = [
        place
        for place in np.flatnonzero(varied).tolist()
        if place in (0, COLUMNS - 1) or np.count_nonzero(table[:, place]) > len(table) / 2
    ]
    if len(found) > 1:
        columns = ", ".join(str(place + 1) for place in found[:3])
        raise FormatError(
            f"{path}: the columns {columns}{', ...' if len(found) > 3 else ''} could all be the label: add a header "
            "that names one of them label"
        )
    if not found and len(table) > 1 and np.ptp(table[:, 0]) == 0:
        raise FormatError(f"{path}: no column holds labels, which are several values from 0 to 9: add a header")
    return found[0] if found else 0


def _parse(lines: _Lines, count: int) -> NDArray[Any] | None:
    """Parses lines of `count` numbers and perhaps an index: [N,count], or None when anything is wrong.

    uint8 for whole numbers from 0 to 255; float32 where most numbers of the first line have a point.
    """
    body, index = lines.body, lines.index_column
    first = body.partition(b"\n")[0]
    is_float = first.count(b".") > first.count(b",") / 2
    if b"\n\n" in body or body.translate(None, _ALLOWED_BYTES + b".-+eE" * is_float):
        return None
    kept = None if index is None else [place for place in range(count + 1) if place != index]
    # NumPy doesn't count the columns of a line where it is asked for some of them.
    if kept is not None and body.count(b",") != count * (body.count(b"\n") + 1):
        return None
    try:
        table = np.loadtxt(
            body.split(b"\n"),
            np.float32 if is_float else np.uint8,
            delimiter=",",
            comments=None,
            quotechar='"',
            ndmin=2,
            usecols=kept,
        )
    except ValueError:
        return None
    return table if table.shape[1] == count else None


def _first_fault(lines: _Lines, path: Path, label: int) -> str:
    """Describes the first fault, with its line and column. Slow, and only used for a file that has one."""
    count = COLUMNS if lines.index_column is None else COLUMNS + 1
    if lines.index_column is not None and label >= lines.index_column:
        label += 1
    for line, text in enumerate(lines.body.decode("utf-8", "replace").split("\n"), lines.first):
        where = f"{path}, line {line}"
        fields = [field.strip(' \t"') for field in text.split(",")]
        if not text:
            return f"{where} is empty: remove it"
        if len(fields) == PIXELS and line == lines.first:
            return f"{where}: 784 columns, 785 expected: the label is missing; put it first"
        if len(fields) != count:
            return f"{where}: {_column_count(len(fields), count)}"
        for column, field in enumerate(fields):
            what, limit = ("label", CLASSES - 1) if column == label else ("pixel", 255)
            if column != lines.index_column and (not re.fullmatch("[0-9]+", field) or int(field) > limit):
                return f"{where}, column {column + 1}: {field[:40]!r} is not a {what}, a whole number from 0 to {limit}"
    return f"{path} has a misplaced quote: remove all quotes"


def _column_count(found: int, expected: int = COLUMNS) -> str:
    advice = "separate them with commas" if found == 1 else "give the label and then the pixels of a 28x28 image"
    return f"{found} columns, {expected} expected: {advice}"
