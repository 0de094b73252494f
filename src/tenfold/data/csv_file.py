"""CSV of a user's own: a line for each image, its label first and 784 pixels after it (Kaggle's layout).

https://www.kaggle.com/competitions/digit-recognizer/data describes it: a header, `label,pixel0,...,pixel783`, then
whole numbers; pixel = 28 * row + column. The header may be left out.
"""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import CLASSES, SIDE, Part
from tenfold.data.idx import read_bytes, unpack
from tenfold.errors import FormatError

PIXELS = SIDE * SIDE
COLUMNS = 1 + PIXELS
# Parsed in pieces of about this size, so that what is made of one stays in the processor's cache.
_PIECE_BYTES = 1 << 18
_COMMA, _NEWLINE, _ZERO = b",\n0"


def read_csv(path: Path) -> Part:
    """The images and labels of one CSV file, plain or gzip.

    Raises `FormatError` that names the line and the column of what is missing, not a whole number, or out of range.
    """
    content = unpack(read_bytes(path), str(path)).removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    first, _, rest = content.partition(b"\n")
    if _is_header(first):
        _check_header(first, path)
        body, first_line = rest, 2
    else:
        body, first_line = content, 1
    body = _tidy(body)
    if not body:
        raise FormatError(f"{path} is empty: it needs a line for each image, the label and then {PIXELS} pixels")
    values = _parse(body, path, first_line)
    return Part(np.ascontiguousarray(values[:, 1:]).reshape(-1, SIDE, SIDE), values[:, 0].copy())


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


def _tidy(body: bytes) -> bytes:
    """Drops quotes and blanks around fields, and empty lines at the end: harmless, and not worth an error."""
    if any(byte in body for byte in (b'"', b" ", b"\t")):
        lines = body.split(b"\n")
        body = b"\n".join(b",".join(field.strip(b' \t"') for field in line.split(b",")) for line in lines)
    return body.rstrip(b"\n")


def _parse(body: bytes, path: Path, first_line: int) -> NDArray[np.uint8]:
    """uint8[N,785] of the text; `first_line` is what the first line is called in an error."""
    pieces, start, line = [], 0, first_line
    while start < len(body):
        end = body.find(b"\n", start + _PIECE_BYTES)
        end = len(body) if end < 0 else end
        piece = body[start:end] + b"\n"
        values = _parse_fast(piece)
        if values is None:
            raise FormatError(_culprit(piece, path, line))
        pieces.append(values)
        line += len(values)
        start = end + 1
    return np.concatenate(pieces)


def _parse_fast(piece: bytes) -> NDArray[np.uint8] | None:
    """uint8[n,785] of whole lines, or None where anything is amiss: all digits at once, without a loop over fields.

    A field of one to three digits ends at a comma or a newline; its value is the digit before that, ten times the one
    before, and a hundred times the one before that, as far as the field reaches.
    """
    text = np.frombuffer(piece, np.uint8)
    ends = np.flatnonzero((text == _COMMA) | (text == _NEWLINE))
    if len(ends) % COLUMNS or np.count_nonzero(text == _NEWLINE) * COLUMNS != len(ends):
        return None
    lengths = np.diff(ends, prepend=-1) - 1
    if not np.all(text[ends[COLUMNS - 1 :: COLUMNS]] == _NEWLINE) or lengths.min() < 1 or lengths.max() > 3:
        return None
    digits = text - np.uint8(_ZERO)  # what lies below "0" wraps around to more than 9
    if np.count_nonzero(digits > 9) != len(ends):
        return None
    values = digits[ends - 1].astype(np.uint16)
    for place, worth in ((2, 10), (3, 100)):
        # Where a field is shorter, the digit found there is another's (or, in the first, the text's last): 0 instead.
        values += np.uint16(worth) * np.where(lengths >= place, digits[ends - place], np.uint8(0)).astype(np.uint16)
    table = values.reshape(-1, COLUMNS)
    if table.max() > 255 or table[:, 0].max() >= CLASSES:
        return None
    return table.astype(np.uint8)


def _culprit(piece: bytes, path: Path, first_line: int) -> str:
    """The first thing that is wrong, in words. Slow, and only for a file that has something wrong."""
    for line, text in enumerate(piece.decode("utf-8", "replace").removesuffix("\n").split("\n"), first_line):
        where = f"{path}, line {line}"
        fields = text.split(",")
        if not text:
            return f"{where} is empty: remove it"
        if len(fields) == PIXELS and line == first_line:
            return f"{where}: 784 columns, 785 expected: the label is missing; put it first"
        if len(fields) != COLUMNS:
            return f"{where}: {_column_count(len(fields))}"
        for column, field in enumerate(fields, 1):
            what, limit = ("label", CLASSES - 1) if column == 1 else ("pixel", 255)
            if not re.fullmatch("[0-9]{1,3}", field) or int(field) > limit:
                return f"{where}, column {column}: {field[:40]!r} is not a {what}, a whole number from 0 to {limit}"
    raise AssertionError("the fast parser refused what the slow one takes")


def _column_count(count: int) -> str:
    mend = "separate them with commas" if count == 1 else "give the label and then the pixels of a 28x28 image"
    return f"{count} columns, {COLUMNS} expected: {mend}"
