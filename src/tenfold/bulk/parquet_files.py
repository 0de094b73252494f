"""Parquet files with a column of images: encoded image files, or pixels as lists of numbers."""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tenfold.bulk.bulk_sources import open_binary
from tenfold.bulk.bulk_units import HELD_BYTES, UNIT, BrokenError, ImageChunk, WorkUnit
from tenfold.errors import FormatError, UsageError, nearest
from tenfold.ink.fit import SIDE

_PIXELS = SIDE * SIDE
# Of several possible image columns, the first of these names is used.
_USUAL = ("image", "images", "pixels", "img", "png", "jpg", "jpeg", "picture", "bytes", "content")
# A large row group is divided into this many units, and into more if each would have more rows than the second number.
# Each unit also decompresses the rows before its own: 5 microseconds per row of 784 bytes, against 120 for reading it.
_PIECES, _LONGEST = 4, 131_072
# The first bytes of image files: 784 bytes that start otherwise are 28x28 pixels.
_MAGICS = (b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM", b"II", b"MM", b"RIFF")
_BUFFER = 1 << 20


def plan_parquet(path: str, column: str | None, most: int = UNIT) -> Iterator[WorkUnit]:
    """Divides a file into units of about `most` rows: several small row groups each, or a part of a large one.

    column: of the images; None for the only possible one, or one with a usual name. Raises `UsageError`, which lists
    the columns, when there is none; `FormatError` when the file cannot be read.
    """
    with open_binary(path) as file:
        try:
            parquet = pq.ParquetFile(file)
            schema, metadata = parquet.schema_arrow, parquet.metadata
            sizes = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
        except (pa.ArrowException, OSError) as error:
            raise FormatError(f"{path} is not a readable Parquet file: {error}") from error
    column = choose_column(schema, column, path)
    for first, after, skip, count in _divide_groups(sizes, most):
        yield WorkUnit(
            kind="parquet", source=path, path=path, count=count, column=column, groups=(first, after), skip=skip
        )


def read_parquet(unit: WorkUnit, batch: int) -> Iterator[ImageChunk]:
    """Raises `BrokenError` when a page cannot be read."""
    with open_binary(unit.path) as file:
        try:
            # Without a buffer size, a whole row group is held in memory.
            parquet = pq.ParquetFile(file, buffer_size=_BUFFER)
            batch = max(1, min(batch, HELD_BYTES // max(1, _row_bytes(parquet.metadata, unit))))
            kind = parquet.schema_arrow.field(unit.column).type
            column = f"{unit.column}.bytes" if pa.types.is_struct(kind) else unit.column
            skip, left = unit.skip, unit.count or 0
            # Group by group, so that those before a damaged one are read.
            batches = (parquet.iter_batches(batch, row_groups=[group], columns=[column], use_threads=False)
                       for group in range(*unit.groups))  # fmt: skip
            for found in itertools.chain.from_iterable(batches):
                rows = found.column(0).slice(skip)
                skip -= len(found) - len(rows)
                if not len(rows):
                    continue
                rows = rows.slice(0, left)
                left -= len(rows)
                yield ImageChunk(images(rows))
                if not left:
                    return
        except (pa.ArrowException, OSError, KeyError) as error:
            raise BrokenError(f"{unit.path} is truncated or damaged: {error}") from error
    raise BrokenError(f"{unit.path} has {left} rows fewer than when the job was started")


def choose_column(schema: pa.Schema, wanted: str | None, path: str) -> str:
    """The column of images. Raises `UsageError`, which lists the columns, when it cannot be determined."""
    kinds = dict(zip(schema.names, schema.types, strict=True))
    listed = ", ".join(f"{name} ({kind})" for name, kind in kinds.items()) or "none"
    if wanted is not None:
        if wanted not in kinds:
            raise UsageError(f"{path} has no column {wanted!r}{nearest(wanted, kinds)}")
        if not _holds_images(kinds[wanted]):
            raise UsageError(f"{path}: column {wanted} is {kinds[wanted]}, not images; its columns: {listed}")
        return wanted
    able = [name for name, kind in kinds.items() if _holds_images(kind)]
    if not able:
        raise UsageError(
            f"{path} has no column of images, which are binary (image files) or lists of numbers (pixels); "
            f"its columns: {listed}"
        )
    usual = [name for name in _USUAL if name in able]
    if len(able) > 1 and not usual:
        raise UsageError(f"{path} has several possible image columns: choose one with --column: {', '.join(able)}")
    return usual[0] if usual else able[0]


def images(rows: pa.Array) -> Any:
    """A column's rows -> uint8[N,28,28] if possible; otherwise a list of bytes, arrays and `FormatError`s."""
    shape = None
    if isinstance(rows, pa.ExtensionArray):
        shape = getattr(rows.type, "shape", None)
        rows = rows.storage
    if pa.types.is_struct(rows.type):
        rows = rows.field("bytes")
    if _is_binary(rows.type):
        return [_decoded(value) for value in rows.to_pylist()]
    if rows.null_count == 0 and (pixels := _regular(rows)) is not None:
        return _pixel_images(pixels, tuple(shape or pixels.shape[1:]))
    return [_listed(value) for value in rows.to_pylist()]


def _pixel_images(pixels: NDArray[Any], shape: tuple[int, ...]) -> Any:
    """N images of `shape` each; those that are none as `FormatError`s."""
    shape = (SIDE, SIDE) if shape in ((_PIXELS,), (SIDE, SIDE, 1), (1, SIDE, SIDE)) else shape
    values = pixels.reshape(len(pixels), *shape)
    if np.issubdtype(values.dtype, np.integer) and values.dtype != np.uint8:
        if values.size and (values.min() < 0 or values.max() > 255):
            if len(values) > 1:
                return [_pixel_images(value[None], shape)[0] for value in values]
            return [FormatError(f"pixels must be 0 to 255, not {values.min()} to {values.max()}")]
        values = values.astype(np.uint8)
    if values.dtype == np.uint8 and shape == (SIDE, SIDE):
        return values
    if len(shape) < 2:
        return [FormatError(f"{shape[0]} numbers are not an image: 28x28 has {_PIXELS}") for _ in values]
    return list(values)


def _regular(rows: pa.Array) -> NDArray[Any] | None:
    """Lists, possibly nested, as one array; None when their lengths differ or values are missing."""
    shape: list[int] = []
    inner = rows
    while pa.types.is_nested(inner.type):
        if inner.null_count:
            return None
        if pa.types.is_fixed_size_list(inner.type):
            shape.append(inner.type.list_size)
        else:
            lengths = np.diff(np.asarray(inner.offsets))
            if len(lengths) == 0 or (lengths != lengths[0]).any():
                return None
            shape.append(int(lengths[0]))
        inner = inner.flatten()
    if inner.null_count:
        return None
    return np.asarray(inner.to_numpy(zero_copy_only=False)).reshape(len(rows), *shape)


def _decoded(value: bytes | None) -> Any:
    if value is None:
        return FormatError("no image: the row is null")
    if len(value) == _PIXELS and not value.startswith(_MAGICS):
        return np.frombuffer(value, np.uint8).reshape(SIDE, SIDE)
    return value


def _listed(value: Any) -> Any:
    if value is None:
        return FormatError("no image: the row is null")
    with suppress(ValueError, TypeError):
        pixels = np.array(value)
        if np.issubdtype(pixels.dtype, np.number):
            return _pixel_images(pixels[None], pixels.shape)[0]
    return FormatError("the lists of numbers have different lengths or contain null")


def _holds_images(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_struct(kind):
        # The format of images on the Hugging Face Hub.
        return bool(kind.get_field_index("bytes") >= 0) and _is_binary(kind.field("bytes").type)
    if _is_binary(kind):
        return True
    if not _is_list(kind):
        return False
    while _is_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _divide_groups(sizes: list[int], most: int) -> Iterator[tuple[int, int, int, int]]:
    """First row group, the one to stop before, rows to skip, rows to read."""
    first, count = 0, 0
    for index, size in enumerate(sizes):
        parts = max(-(-size // _LONGEST), min(_PIECES, size // most))
        if parts > 1:
            if count:
                yield first, index, 0, count
            edges = [size * part // parts for part in range(parts + 1)]
            for start, after in itertools.pairwise(edges):
                yield index, index + 1, start, after - start
            first, count = index + 1, 0
        elif (count := count + size) >= most:
            yield first, index + 1, 0, count
            first, count = index + 1, 0
    if count:
        yield first, len(sizes), 0, count


def _row_bytes(metadata: pq.FileMetaData, unit: WorkUnit) -> int:
    """Uncompressed bytes per row of the column, averaged over the unit's row groups."""
    rows = size = 0
    for index in range(*unit.groups):
        group = metadata.row_group(index)
        rows += group.num_rows
        size += sum(
            column.total_uncompressed_size
            for column in (group.column(place) for place in range(group.num_columns))
            if column.path_in_schema.split(".")[0] == unit.column
        )
    return size // max(1, rows)
