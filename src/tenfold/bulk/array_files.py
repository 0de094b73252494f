"""Arrays of images: IDX files and NumPy's .npy. Uncompressed files are divided into units, compressed ones are one."""

import itertools
import lzma
import math
import os
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from tenfold.bulk.bulk_sources import decompressed, open_binary
from tenfold.bulk.bulk_units import UNIT, BrokenError, ImageChunk, WorkUnit, in_batches
from tenfold.data.idx import read_header
from tenfold.errors import FormatError
from tenfold.ink.fit import SIDE

_FAULTS = (OSError, EOFError, lzma.LZMAError, zlib.error)
# An IDX header of 255 sizes is 1,024 bytes.
_HEADER = 1024


def plan_array(path: str, most: int = UNIT) -> Iterator[WorkUnit]:
    """Divides a file into units of `most` images; none for IDX labels. Raises `FormatError` when it is no array of
    images."""
    with open_binary(path) as plain:
        file = decompressed(plain)
        compressed = file is not plain
        dtype, shape, start = _npy_header(file, path) if path.lower().endswith(".npy") else _idx_header(file, path)
        size = 0 if compressed else file.seek(0, os.SEEK_END)
    if len(shape) == 1 and not path.lower().endswith(".npy"):
        return
    one = _image_shape(shape, path)
    length = math.prod(one) * dtype.itemsize
    # A header may claim anything: what is missing becomes one unit, whose reader reports it.
    available = shape[0] if compressed else min(shape[0], (size - start) // length)
    firsts = [0] if compressed else [*range(0, available, most), *([available] if available < shape[0] else [])]
    for first, after in itertools.pairwise([*firsts, shape[0]]):
        yield WorkUnit(kind="array", source=path, path=path, count=after - first, offset=start + first * length,
                   shape=one, dtype=dtype.str)  # fmt: skip


def read_array(unit: WorkUnit, batch: int) -> Iterator[ImageChunk]:
    """Raises `BrokenError` when there are fewer bytes than the header says."""
    dtype = np.dtype(unit.dtype)
    for contents in in_batches(_contents(unit, math.prod(unit.shape) * dtype.itemsize), batch):
        values = np.frombuffer(b"".join(contents), dtype)
        yield ImageChunk(_images(values.reshape(len(contents), *unit.shape)))


def _contents(unit: WorkUnit, length: int) -> Iterator[tuple[bytes, int]]:
    """The images one by one, each with its length: a longer read that meets damage would lose those before it."""
    with open_binary(unit.path) as plain:
        try:
            file = decompressed(plain)
            file.seek(unit.offset)
            for left in range(unit.count or 0, 0, -1):
                content = file.read(length)
                if len(content) < length:
                    raise BrokenError(f"{unit.path} is truncated: {left} images are missing; fetch it again")
                yield content, length
        except _FAULTS as error:
            raise BrokenError(f"{unit.path} is truncated or damaged: {error}; fetch it again") from error


def _images(values: np.ndarray[Any, Any]) -> Any:
    if values.dtype == np.uint8:
        return values if values.shape[1:] == (SIDE, SIDE) else list(values)
    return list(values.astype(values.dtype.newbyteorder("=")))


def _idx_header(file: BinaryIO, path: str) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    try:
        return read_header(file.read(_HEADER), path)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise FormatError(f"{path} is truncated or damaged: {error}; fetch it again") from error


def _npy_header(file: BinaryIO, path: str) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read(file)
    except Exception as error:  # NumPy's parser raises many kinds of exceptions on damaged files.
        raise FormatError(f"{path} is not a readable .npy: {error}") from error
    if dtype.hasobject or (is_fortran and len(shape) > 1):
        kind = "Python objects" if dtype.hasobject else "an array in Fortran order"
        raise FormatError(f"{path} holds {kind}: save numbers, with np.ascontiguousarray")
    return dtype, shape, file.tell()


def _image_shape(shape: tuple[int, ...], path: str) -> tuple[int, ...]:
    """The shape of one image."""
    if shape[1:] in ((SIDE * SIDE,), (SIDE, SIDE, 1), (1, SIDE, SIDE)):
        return (SIDE, SIDE)
    if 0 in shape[1:]:
        raise FormatError(f"{path} holds images without pixels")
    if len(shape) == 3 or (len(shape) == 4 and shape[3] in (3, 4)):
        return shape[1:]
    sizes = " x ".join(map(str, shape))
    raise FormatError(f"{path} holds {sizes}: images are N x 784, N x H x W, or N x H x W x 3")
