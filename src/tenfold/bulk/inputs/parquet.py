"""Parquet with a column of images: encoded as files are, or pixels as lists of numbers."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tenfold.bulk.places import opened
from tenfold.bulk.unit import HELD_BYTES, UNIT, BrokenError, Chunk, Unit
from tenfold.errors import FormatError, UsageError, nearest
from tenfold.ink.fit import SIDE

_PIXELS = SIDE * SIDE
# Of several columns that could hold images, one of these names is taken, the first that is there.
_USUAL = ("image", "images", "pixels", "img", "png", "jpg", "jpeg", "picture", "bytes", "content")
# A row group is read in so many units where it has the rows for it, and in more where each would have more rows than
# that. Each unpacks the rows before its own as well: 5 microseconds a row of 784 bytes, beside 120 for reading one.
_PIECES, _LONGEST = 4, 131_072
# What image files begin with: 784 bytes that don't are 28x28 pixels.
_MAGICS = (b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM", b"II", b"MM", b"RIFF")
_BUFFER = 1 << 20


def plan(path: str, column: str | None) -> Iterator[Unit]:
    """Row groups, several small ones or a part of a large one a unit.

    column: which holds the images; None for the only one that can, or that has a usual name. Raises `UsageError` that
    names the columns where there is none such; `FormatError` where the file can't be read.
    """
    with opened(path) as file:
        try:
            parquet = pq.ParquetFile(file)
            schema, sizes = parquet.schema_arrow, _group_sizes(parquet.metadata)
        except (pa.ArrowException, OSError) as error:
            raise FormatError(f"{path} is no Parquet file that can be read: {error}") from error
    column = choose_column(schema, column, path)
    for first, after, skip, count in _stretches(sizes):
        yield Unit(kind="parquet", source=path, path=path, count=count, column=column, groups=(first, after), skip=skip)


def read(unit: Unit, batch: int) -> Iterator[Chunk]:
    """Raises `BrokenError` where a page can't be read."""
    with opened(unit.path) as file:
        try:
            # A buffer: else a whole row group is held.
            parquet = pq.ParquetFile(file, buffer_size=_BUFFER)
            batch = max(1, min(batch, HELD_BYTES // max(1, _row_bytes(parquet.metadata, unit))))
            kind = parquet.schema_arrow.field(unit.column).type
            column = f"{unit.column}.bytes" if pa.types.is_struct(kind) else unit.column
            skip, left = unit.skip, unit.count or 0
            # Group by group: what comes before a damaged one is read.
            batches = (parquet.iter_batches(batch, row_groups=[group], columns=[column], use_threads=False)
                       for group in range(*unit.groups))  # fmt: skip
            for found in itertools.chain.from_iterable(batches):
                rows = found.column(0).slice(skip)
                skip -= len(found) - len(rows)
                if not len(rows):
                    continue
                rows = rows.slice(0, left)
                left -= len(rows)
                yield Chunk(images(rows))
                if not left:
                    return
        except (pa.ArrowException, OSError, KeyError) as error:
            raise BrokenError(f"{unit.path} is cut short or damaged: {error}") from error
    raise BrokenError(f"{unit.path} has {left} rows fewer than it had when the job began")


def choose_column(schema: pa.Schema, wanted: str | None, path: str) -> str:
    """The column that holds images. Raises `UsageError`, which names the columns."""
    kinds = dict(zip(schema.names, schema.types, strict=True))
    told = ", ".join(f"{name} ({kind})" for name, kind in kinds.items()) or "none"
    if wanted is not None:
        if wanted not in kinds:
            raise UsageError(f"{path} has no column {wanted!r}{nearest(wanted, kinds)}")
        if not _holds_images(kinds[wanted]):
            raise UsageError(f"{path}: column {wanted} is {kinds[wanted]}, which is no image; its columns: {told}")
        return wanted
    able = [name for name, kind in kinds.items() if _holds_images(kind)]
    if not able:
        raise UsageError(
            f"{path} has no column of images: encoded ones are binary, pixels are lists of numbers; its columns: {told}"
        )
    usual = [name for name in _USUAL if name in able]
    if len(able) > 1 and not usual:
        raise UsageError(f"{path} has several columns that could hold images: choose with --column: {', '.join(able)}")
    return usual[0] if usual else able[0]


def images(rows: pa.Array) -> Any:
    """A column's rows -> uint8[N,28,28] where all are such; else a list of bytes, arrays, and the errors of others."""
    if isinstance(rows, pa.ExtensionArray):
        shape = getattr(rows.type, "shape", None)
        rows = rows.storage
        if shape is not None and len(shape) > 1 and rows.null_count == 0 and pa.types.is_fixed_size_list(rows.type):
            return _pixel_images(_flat(rows), tuple(shape))
    if pa.types.is_struct(rows.type):
        rows = rows.field("bytes")
    if _is_binary(rows.type):
        return [_decoded(value) for value in rows.to_pylist()]
    if rows.null_count == 0:
        flat = _regular(rows)
        if flat is not None:
            return _pixel_images(flat, flat.shape[1:])
    return [_listed(value) for value in rows.to_pylist()]


def _pixel_images(flat: NDArray[Any], shape: tuple[int, ...]) -> Any:
    shape = (SIDE, SIDE) if shape in ((_PIXELS,), (SIDE, SIDE, 1), (1, SIDE, SIDE)) else shape
    values = flat.reshape(len(flat), *shape)
    if np.issubdtype(values.dtype, np.integer) and values.dtype != np.uint8:
        if values.size and (values.min() < 0 or values.max() > 255):
            return [_levels(value) for value in values]
        values = values.astype(np.uint8)
    if values.dtype == np.uint8 and shape == (SIDE, SIDE):
        return values
    if len(shape) < 2:
        return [FormatError(f"{shape[0]} numbers are no image: 28x28 are {_PIXELS}") for _ in values]
    return list(values)


def _regular(rows: pa.Array) -> NDArray[Any] | None:
    """Lists, perhaps of lists, as one array where all are of the same length."""
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


def _flat(rows: pa.Array) -> NDArray[Any]:
    return np.asarray(rows.flatten().to_numpy(zero_copy_only=False)).reshape(len(rows), -1)


def _decoded(value: bytes | None) -> Any:
    if value is None:
        return FormatError("there is no image: the row is null")
    if len(value) == _PIXELS and not value.startswith(_MAGICS):
        return np.frombuffer(value, np.uint8).reshape(SIDE, SIDE)
    return value


def _listed(value: Any) -> Any:
    if value is None:
        return FormatError("there is no image: the row is null")
    try:
        return _levels(np.array(value))
    except (ValueError, TypeError):
        return FormatError("the lists of numbers are of different lengths, or hold null")


def _levels(values: NDArray[Any]) -> Any:
    if not np.issubdtype(values.dtype, np.number):
        return FormatError("the lists of numbers are of different lengths, or hold null")
    if np.issubdtype(values.dtype, np.integer):
        if values.size and (values.min() < 0 or values.max() > 255):
            return FormatError(f"pixels are 0 to 255, not {values.min()} to {values.max()}")
        values = values.astype(np.uint8)
    found = _pixel_images(values[None], values.shape)
    return found[0]


def _holds_images(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_struct(kind):
        # As the Hugging Face Hub writes images.
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


def _group_sizes(metadata: pq.FileMetaData) -> list[int]:
    return [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]


def _stretches(sizes: list[int]) -> Iterator[tuple[int, int, int, int]]:
    """Row groups from and up to, rows to leave out, rows to read."""
    first, count = 0, 0
    for index, size in enumerate(sizes):
        parts = _parts(size)
        if parts > 1:
            if count:
                yield first, index, 0, count
            edges = [size * part // parts for part in range(parts + 1)]
            for start, after in itertools.pairwise(edges):
                yield index, index + 1, start, after - start
            first, count = index + 1, 0
        elif (count := count + size) >= UNIT:
            yield first, index + 1, 0, count
            first, count = index + 1, 0
    if count:
        yield first, len(sizes), 0, count


def _parts(size: int) -> int:
    """Units that a row group of so many rows is read in."""
    return max(-(-size // _LONGEST), min(_PIECES, size // UNIT))


def _row_bytes(metadata: pq.FileMetaData, unit: Unit) -> int:
    """Bytes of the column's row, on the mean of the unit's row groups, unpacked."""
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
