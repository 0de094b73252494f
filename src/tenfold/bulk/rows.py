"""The rows: their columns, and the Parquet files that hold them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tenfold.errors import FormatError
from tenfold.reading.reader import Reading

Rows: TypeAlias = pa.RecordBatch
# Rows that are written at a time.
GROUP = 65_536
_METADATA = b"tenfold"
_FIELDS = [
    pa.field("source", pa.string(), nullable=False),
    pa.field("key", pa.string()),
    pa.field("index", pa.int64()),
    pa.field("digit", pa.int8()),
    pa.field("confidence", pa.float32()),
    pa.field("unsure", pa.bool_()),
    pa.field("probabilities", pa.list_(pa.float32(), 10)),
    pa.field("error", pa.string()),
]


def schema(probabilities: bool) -> pa.Schema:
    """A row for each input.

    source: the folder, the shard or the URL. key: the image's name in it; null for rows of tables. index: the place in
    the source, from 0; null for what stands for the unreadable rest of a shard. digit, confidence, unsure,
    probabilities: as `Reading` has them; null where there is an error. error: one line, or null.
    """
    return pa.schema([field for field in _FIELDS if probabilities or field.name != "probabilities"])


def table(
    source: str,
    keys: Sequence[str] | None,
    first: int | None,
    readings: Sequence[Reading | FormatError],
    probabilities: bool,
) -> Rows:
    """Rows of inputs that follow one another. first: the index of the first; None for the rest of a shard."""
    count = len(readings)
    read = [None if isinstance(one, FormatError) else one for one in readings]
    columns: list[pa.Array] = [
        pa.array([source] * count, pa.string()),
        pa.nulls(count, pa.string()) if keys is None else pa.array([_text(key) for key in keys], pa.string()),
        pa.nulls(count, pa.int64()) if first is None else pa.array(np.arange(first, first + count)),
        pa.array([one and one.digit for one in read], pa.int8()),
        pa.array([one and one.confidence for one in read], pa.float32()),
        pa.array([one and one.unsure for one in read], pa.bool_()),
    ]
    if probabilities:
        columns.append(_probabilities(read))
    columns.append(pa.array([_line(one) if isinstance(one, FormatError) else None for one in readings], pa.string()))
    return pa.RecordBatch.from_arrays(columns, schema=schema(probabilities))


def joined(batches: Sequence[Rows]) -> pa.Table:
    """Rows under one another, to be written at once."""
    return pa.Table.from_batches(batches)


def writer(sink: BinaryIO, probabilities: bool) -> pq.ParquetWriter:
    """Writes rows as Parquet, packed by zstd: the same rows in the same calls give the same bytes."""
    return pq.ParquetWriter(sink, schema(probabilities), compression="zstd")


def tell(writing: pq.ParquetWriter, facts: dict[str, Any]) -> None:
    """Puts facts about the rows into the file's metadata."""
    writing.add_key_value_metadata({_METADATA: json.dumps(facts, sort_keys=True)})


def told(path: Path) -> dict[str, Any]:
    """The facts in a file's metadata, and its number of rows as `rows`."""
    metadata = pq.read_metadata(path)
    return {**json.loads(metadata.metadata[_METADATA]), "rows": metadata.num_rows}


def moved(path: Path, by: int) -> Iterator[Rows]:
    """A part's rows, with `by` added to each index."""
    with pq.ParquetFile(path) as part:
        for batch in part.iter_batches(GROUP, use_threads=False):
            index = batch.schema.get_field_index("index")
            yield batch.set_column(index, batch.schema.field(index), pc.add(batch.column(index), by))


def _probabilities(read: Sequence[Reading | None]) -> pa.Array:
    blank = np.zeros(10, np.float32)
    flat = np.concatenate([blank if one is None else one.probabilities for one in read]) if read else blank[:0]
    return pa.FixedSizeListArray.from_arrays(
        pa.array(flat), 10, mask=pa.array([one is None for one in read], pa.bool_())
    )


def _line(error: FormatError) -> str:
    return _text(" ".join(str(error).split()))


def _text(name: str) -> str:
    # A file's name may be any bytes; a string of Parquet is UTF-8.
    return name.encode("utf-8", "backslashreplace").decode()
