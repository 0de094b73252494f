"""Reads the images of a unit and writes a row for each to a Parquet file."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tenfold.bulk.array_files import read_array
from tenfold.bulk.bulk_units import BrokenError, ImageChunk, UnitCounts, WorkUnit
from tenfold.bulk.image_files import read_images, read_tar
from tenfold.bulk.parquet_files import read_parquet
from tenfold.errors import FormatError
from tenfold.reading.reader import Number, Reader, Reading

Rows: TypeAlias = pa.RecordBatch
# How an image was read, or why it was not.
ReadOutcome = Reading | Number | FormatError
# Rows that are written at a time.
GROUP = 65_536
# Images of numbers that are read between two messages of progress.
NUMBERS_BATCH = 8
DIGIT_COLUMNS = ("digit", "confidence", "unsure")
NUMBER_COLUMNS = ("text", "written", "confidence", "unsure")
ONE_DIGIT_EACH = "{path} holds images of 28x28, one digit each: leave out --number"
_METADATA = b"tenfold"
_FIELDS = [
    pa.field("source", pa.string(), nullable=False),
    pa.field("key", pa.string()),
    pa.field("index", pa.int64()),
    pa.field("digit", pa.int8()),
    pa.field("text", pa.string()),
    pa.field("written", pa.string()),
    pa.field("confidence", pa.float32()),
    pa.field("unsure", pa.bool_()),
    pa.field("probabilities", pa.list_(pa.float32(), 10)),
    pa.field("error", pa.string()),
]
_KINDS: dict[str, Callable[[WorkUnit, int], Iterator[ImageChunk]]] = {
    "array": read_array,
    "files": read_images,
    "parquet": read_parquet,
    "tar": read_tar,
}


def read_unit(
    reader: Reader,
    unit: WorkUnit,
    sink: BinaryIO,
    columns: Sequence[str],
    batch: int,
    at: Callable[[int], object],
    deadly: frozenset[int],
) -> UnitCounts:
    """Reads a unit and writes its rows to `sink` as Parquet, in order, with the counts in the file's metadata.

    columns: `DIGIT_COLUMNS`, also with `probabilities`, or `NUMBER_COLUMNS`, for which whole numbers are read. batch:
    images that are decoded and read at a time. at: called before each batch with the number of inputs that are
    done. deadly: indices of inputs not to be read.
    """
    counts = UnitCounts()
    with parquet_writer(sink, columns) as writing:
        waiting: list[Rows] = []
        for rows, found in _batches(reader, unit, columns, batch, at, deadly):
            waiting.append(rows)
            counts += found
            if counts.inputs % GROUP < found.inputs:
                writing.write_table(pa.Table.from_batches(waiting))
                waiting = []
        if waiting:
            writing.write_table(pa.Table.from_batches(waiting))
        write_metadata(writing, dataclasses.asdict(counts))
    return counts


def _batches(
    reader: Reader,
    unit: WorkUnit,
    columns: Sequence[str],
    batch: int,
    at: Callable[[int], object],
    deadly: frozenset[int],
) -> Iterator[tuple[Rows, UnitCounts]]:
    done = 0
    try:
        if unit.kind == "broken":
            raise BrokenError(unit.message)
        for chunk in _KINDS[unit.kind](unit, batch):
            at(done)
            images = _without_deadly(chunk.images, done, deadly)
            readings: Sequence[ReadOutcome]
            if not reads_numbers(columns):
                readings = _readings(reader, images)
            elif isinstance(chunk.images, np.ndarray):
                raise BrokenError(ONE_DIGIT_EACH.format(path=unit.path))
            else:
                readings = [_number(reader, image) for image in images]
            rows = make_rows(unit.source, chunk.keys, done, readings, columns)
            done += len(readings)
            yield rows, _count(readings)
    except FormatError as error:
        # Errors of single images are in their rows: this one is of the shard.
        yield make_rows(unit.source, None, None, [error], columns), UnitCounts(inputs=1, errors=1, broken=1)


def _without_deadly(images: Any, done: int, deadly: frozenset[int]) -> Any:
    inside = [place - done for place in deadly if done <= place < done + len(images)]
    if not inside:
        return images
    guarded = list(images)
    for place in inside:
        guarded[place] = FormatError("the process that read it was killed repeatedly, so this image was not read")
    return guarded


def _readings(reader: Reader, images: Any) -> list[Reading | FormatError]:
    if isinstance(images, np.ndarray):
        return list(reader.read_many(images))
    whole = [image for image in images if not isinstance(image, FormatError)]
    try:
        read = iter(reader.read_each(whole))
    except Exception:
        # An unexpected error in one of them must not affect the others.
        read = iter([_reading(reader, image) for image in whole])
    return [image if isinstance(image, FormatError) else next(read) for image in images]


def _reading(reader: Reader, image: Any) -> Reading | FormatError:
    try:
        return reader.read_each([image])[0]
    except Exception as error:
        return FormatError(f"cannot be read: {type(error).__name__}: {error}")


def _number(reader: Reader, image: Any) -> Number | FormatError:
    if isinstance(image, FormatError):
        return image
    try:
        return reader.read_number(image)
    except FormatError as error:
        return error
    except Exception as error:  # As for a digit.
        return FormatError(f"cannot be read: {type(error).__name__}: {error}")


def _count(readings: Sequence[ReadOutcome]) -> UnitCounts:
    errors = sum(isinstance(one, FormatError) for one in readings)
    unsure = sum(not isinstance(one, FormatError) and one.unsure for one in readings)
    return UnitCounts(inputs=len(readings), errors=errors, unsure=unsure)


def reads_numbers(columns: Sequence[str]) -> bool:
    """Whether an output with these columns is of whole numbers."""
    return "text" in columns


def schema(columns: Sequence[str]) -> pa.Schema:
    """The columns of the output, which has a row for each input.

    source: the folder, the shard or the URL. key: the image's name in it; null for arrays and Parquet. index: the
    position in the source, from 0; null for the unreadable rest of a shard. digit, confidence, unsure, probabilities:
    as in `Reading`, or text, written, confidence, unsure: as in `Number`; null for an error. error: one line, or null.
    """
    always = ("source", "key", "index", "error")
    return pa.schema([field for field in _FIELDS if field.name in columns or field.name in always])


def make_rows(
    source: str,
    keys: Sequence[str] | None,
    first: int | None,
    readings: Sequence[ReadOutcome],
    columns: Sequence[str],
) -> Rows:
    """Rows of consecutive inputs. first: the index of the first one; None for the rest of a shard."""
    count = len(readings)
    read = [None if isinstance(one, FormatError) else one for one in readings]
    values = {
        "source": [source] * count,
        "key": [None] * count if keys is None else [_text(key) for key in keys],
        "index": [None] * count if first is None else np.arange(first, first + count),
        **{name: [one and getattr(one, name) for one in read] for name in columns},
        "error": [_line(one) if isinstance(one, FormatError) else None for one in readings],
    }
    return pa.RecordBatch.from_pydict(values, schema=schema(columns))


def parquet_writer(sink: BinaryIO, columns: Sequence[str]) -> pq.ParquetWriter:
    """A writer of rows, compressed with zstd. The same rows in the same calls give the same bytes."""
    return pq.ParquetWriter(sink, schema(columns), compression="zstd")


def write_metadata(writing: pq.ParquetWriter, facts: dict[str, Any]) -> None:
    """Stores facts about the rows in the file's metadata."""
    writing.add_key_value_metadata({_METADATA: json.dumps(facts, sort_keys=True)})


def read_metadata(path: Path) -> dict[str, Any]:
    """The facts stored in a file's metadata, and its number of rows as `rows`."""
    metadata = pq.read_metadata(path)
    return {**json.loads(metadata.metadata[_METADATA]), "rows": metadata.num_rows}


def shifted_rows(path: Path, by: int) -> Iterator[Rows]:
    """The rows of a part file, with `by` added to each index."""
    with pq.ParquetFile(path) as part:
        for batch in part.iter_batches(GROUP, use_threads=False):
            index = batch.schema.get_field_index("index")
            yield batch.set_column(index, batch.schema.field(index), pc.add(batch.column(index), by))


def _line(error: FormatError) -> str:
    return _text(" ".join(str(error).split()))


def _text(name: str) -> str:
    # A file name may contain any bytes; strings in Parquet are UTF-8.
    return name.encode("utf-8", "backslashreplace").decode()
