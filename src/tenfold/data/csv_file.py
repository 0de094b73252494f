"""User-supplied CSV: one line per image, its label and its 784 pixels.

https://www.kaggle.com/competitions/digit-recognizer/data describes the usual layout: a header,
`label,pixel0,...,pixel783`, then whole numbers; pixel = 28 * row + column. Here the header is optional, and the label
may be any column that the header names, or the last one.
"""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import CLASSES, SIDE, DatasetPart
from tenfold.data.idx import read_bytes, unpack
from tenfold.errors import FormatError

PIXELS = SIDE * SIDE
COLUMNS = 1 + PIXELS
LABELS = ("label", "labels", "class", "target", "digit", "y")
# NumPy would also take 1.0 or +5 for a whole number.
_ALLOWED_BYTES = b'0123456789,\n" \t'


class UnlabeledError(FormatError):
    """The file holds images without labels."""


def read_csv(path: Path) -> DatasetPart:
    """Reads the images and labels of one CSV file, plain or gzip.

    The label is the column that the header calls label, class, target, digit or y; without such a name the first or the
    last, whichever holds several values from 0 to 9 and none beyond. Fields may be quoted or padded with blanks. Raises
    `UnlabeledError` for a file of pixels alone, and `FormatError` naming the line and the column of a field that is
    missing, not a whole number, or out of range.
    """
    head, body, first_line = _split(path)
    label = None if head is None else _named_label(head, path)
    table = _parse(body)
    if table is None or table.shape[1] != COLUMNS:
        raise FormatError(_first_fault(body, path, first_line, label or 0))
    if label is None:
        label = _label_by_content(table, path)
    if table[:, label].max() >= CLASSES:
        raise FormatError(_first_fault(body, path, first_line, label))
    pixels = np.ascontiguousarray(np.delete(table, label, 1)).reshape(-1, SIDE, SIDE)
    return DatasetPart(pixels, table[:, label].copy())


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """Reads the images of a CSV file of pixels alone, as Kaggle's test.csv: uint8[N,28,28]. Raises `FormatError`."""
    _, body, first_line = _split(path)
    table = _parse(body)
    if table is None or table.shape[1] != PIXELS:
        raise FormatError(f"{path}: {PIXELS} columns of pixels are expected from line {first_line} on")
    return table.reshape(-1, SIDE, SIDE)


def _split(path: Path) -> tuple[bytes | None, bytes, int]:
    """The header, if there is one, the lines below it, and the number of the first of them."""
    content = unpack(read_bytes(path), str(path)).removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    first, _, rest = content.partition(b"\n")
    head, body = (first, rest) if _is_header(first) else (None, content)
    body = body.rstrip(b"\n")
    if not body:
        raise FormatError(f"{path} is empty: it needs one line per image, the label and then {PIXELS} pixels")
    return head, body, 1 if head is None else 2


def _is_header(line: bytes) -> bool:
    """Whether neither the first nor the last field is a number: one text among numbers is a fault, not a header."""
    fields = line.split(b",")
    return all(re.search(rb"[A-Za-z_]", field) and not _is_number(field) for field in (fields[0], fields[-1]))


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _named_label(line: bytes, path: Path) -> int | None:
    """The column that the header names as the label, if any."""
    names = [name.strip().strip('"').lower() for name in line.decode("utf-8", "replace").split(",")]
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


def _label_by_content(table: NDArray[np.uint8], path: Path) -> int:
    """The first column or the last: the corners of an image are paper, which is the same in all of them."""
    first, last = (table[:, place].max() < CLASSES and len(np.unique(table[:, place])) > 1 for place in (0, -1))
    if first and last:
        raise FormatError(
            f"{path}: the first and the last column could both be the label: add a header that names one of them label"
        )
    return COLUMNS - 1 if last else 0


def _parse(body: bytes) -> NDArray[np.uint8] | None:
    """Parses lines of whole numbers from 0 to 255; returns uint8[N,columns], or None when anything is wrong."""
    if b"\n\n" in body or body.translate(None, _ALLOWED_BYTES):
        return None
    try:
        return np.loadtxt(body.split(b"\n"), np.uint8, delimiter=",", comments=None, quotechar='"', ndmin=2)
    except ValueError:
        return None


def _first_fault(body: bytes, path: Path, first_line: int, label: int) -> str:
    """Describes the first fault, with its line and column. Slow, and only used for a file that has one."""
    for line, text in enumerate(body.decode("utf-8", "replace").split("\n"), first_line):
        where = f"{path}, line {line}"
        fields = [field.strip(' \t"') for field in text.split(",")]
        if not text:
            return f"{where} is empty: remove it"
        if len(fields) == PIXELS and line == first_line:
            return f"{where}: 784 columns, 785 expected: the label is missing; put it first"
        if len(fields) != COLUMNS:
            return f"{where}: {_column_count(len(fields))}"
        for column, field in enumerate(fields):
            what, limit = ("label", CLASSES - 1) if column == label else ("pixel", 255)
            if not re.fullmatch("[0-9]+", field) or int(field) > limit:
                return f"{where}, column {column + 1}: {field[:40]!r} is not a {what}, a whole number from 0 to {limit}"
    return f"{path} has a misplaced quote: remove all quotes"


def _column_count(count: int) -> str:
    advice = "separate them with commas" if count == 1 else "give the label and then the pixels of a 28x28 image"
    return f"{count} columns, {COLUMNS} expected: {advice}"
