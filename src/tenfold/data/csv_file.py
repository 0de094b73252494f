"""User-supplied CSV: one line per image, its label first and then its 784 pixels (Kaggle's layout).

https://www.kaggle.com/competitions/digit-recognizer/data describes it: a header, `label,pixel0,...,pixel783`, then
whole numbers; pixel = 28 * row + column. The header is optional.
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
# NumPy would also take 1.0 or +5 for a whole number.
_ALLOWED_BYTES = b'0123456789,\n" \t'


def read_csv(path: Path) -> DatasetPart:
    """Reads the images and labels of one CSV file, plain or gzip.

    Fields may be quoted or padded with blanks. Raises `FormatError` naming the line and the column of a field that is
    missing, not a whole number, or out of range.
    """
    content = unpack(read_bytes(path), str(path)).removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    first, _, rest = content.partition(b"\n")
    if _is_header(first):
        _check_header(first, path)
        body, first_line = rest, 2
    else:
        body, first_line = content, 1
    body = body.rstrip(b"\n")
    if not body:
        raise FormatError(f"{path} is empty: it needs one line per image, the label and then {PIXELS} pixels")
    values = _parse(body)
    if values is None:
        raise FormatError(_first_fault(body, path, first_line))
    return DatasetPart(np.ascontiguousarray(values[:, 1:]).reshape(-1, SIDE, SIDE), values[:, 0].copy())


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


def _check_header(line: bytes, path: Path) -> None:
    names = [name.strip().strip('"').lower() for name in line.decode("utf-8", "replace").split(",")]
    if "label" not in names and len(names) == PIXELS:
        raise FormatError(
            f"{path} has no labels: its {PIXELS} columns are all pixels, as in the test.csv of Kaggle's Digit "
            "Recognizer; load a file whose first column is the label, such as that competition's train.csv"
        )
    if "label" in names[1:]:
        raise FormatError(f"{path}: the label is column {names.index('label') + 1}: move it to the first")
    if len(names) != COLUMNS:
        raise FormatError(f"{path}, line 1: {_column_count(len(names))}")


def _parse(body: bytes) -> NDArray[np.uint8] | None:
    """Parses lines of label and pixels; returns uint8[N,785], or None when anything is wrong."""
    if b"\n\n" in body or body.translate(None, _ALLOWED_BYTES):
        return None
    try:
        table = np.loadtxt(body.split(b"\n"), np.uint8, delimiter=",", comments=None, quotechar='"', ndmin=2)
    except ValueError:
        return None
    return table if table.shape[1] == COLUMNS and table[:, 0].max() < CLASSES else None


def _first_fault(body: bytes, path: Path, first_line: int) -> str:
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
        for column, field in enumerate(fields, 1):
            what, limit = ("label", CLASSES - 1) if column == 1 else ("pixel", 255)
            if not re.fullmatch("[0-9]+", field) or int(field) > limit:
                return f"{where}, column {column}: {field[:40]!r} is not a {what}, a whole number from 0 to {limit}"
    return f"{path} has a misplaced quote: remove all quotes"


def _column_count(count: int) -> str:
    advice = "separate them with commas" if count == 1 else "give the label and then the pixels of a 28x28 image"
    return f"{count} columns, {COLUMNS} expected: {advice}"
