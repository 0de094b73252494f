"""What a worker does: reads a unit's images and writes its part file."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from tenfold.bulk import rows
from tenfold.bulk.inputs import array, files, parquet, tar
from tenfold.bulk.unit import BrokenError, Chunk, Unit
from tenfold.errors import FormatError
from tenfold.reading.reader import Reader, Reading

_KINDS: dict[str, Callable[[Unit, int], Iterator[Chunk]]] = {
    "array": array.read,
    "files": files.read,
    "parquet": parquet.read,
    "tar": tar.read,
}


@dataclass(frozen=True, kw_only=True)
class Task:
    """What all units of a job have in common.

    model: an .onnx file, or None for the shipped one. probabilities: whether rows have them. batch: images that are
    decoded and read at a time.
    """

    model: str | None = None
    probabilities: bool = False
    batch: int = 256


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What became of a unit: inputs that were met, rows with an error, readings that are unsure, and whether the rest
    of its shard could not be read (one of the errors)."""

    inputs: int = 0
    errors: int = 0
    unsure: int = 0
    broken: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        mine, others = dataclasses.astuple(self), dataclasses.astuple(other)
        return Counts(**dict(zip(_COUNTED, map(sum, zip(mine, others, strict=True)), strict=True)))


_COUNTED = tuple(field.name for field in dataclasses.fields(Counts))


def read_unit(
    reader: Reader,
    unit: Unit,
    task: Task,
    sink: BinaryIO,
    at: Callable[[int], object] = lambda done: None,
    deadly: frozenset[int] = frozenset(),
) -> Counts:
    """Reads a unit and writes its rows, in order, to `sink` as Parquet; the counts go into the file's metadata too.

    at: told how many inputs are done, before each batch. deadly: places of inputs that are not to be touched.
    """
    counts = Counts()
    with rows.writer(sink, task.probabilities) as writing:
        waiting: list[rows.Rows] = []
        for batch, found in _batches(reader, unit, task, at, deadly):
            waiting.append(batch)
            counts += found
            if counts.inputs % rows.GROUP < found.inputs:
                writing.write_table(rows.joined(waiting))
                waiting = []
        if waiting:
            writing.write_table(rows.joined(waiting))
        rows.tell(writing, dataclasses.asdict(counts))
    return counts


def _batches(
    reader: Reader, unit: Unit, task: Task, at: Callable[[int], object], deadly: frozenset[int]
) -> Iterator[tuple[rows.Rows, Counts]]:
    done = 0
    try:
        if unit.kind == "broken":
            raise BrokenError(unit.message)
        for chunk in _KINDS[unit.kind](unit, task.batch):
            at(done)
            readings = _readings(reader, _spared(chunk.images, done, deadly))
            batch = rows.table(unit.source, chunk.keys, done, readings, task.probabilities)
            done += len(readings)
            yield batch, _count(readings)
    except FormatError as error:
        # Everything that can befall one image is in its row: this befell the shard.
        yield rows.table(unit.source, None, None, [error], task.probabilities), Counts(inputs=1, errors=1, broken=1)


def _spared(images: Any, done: int, deadly: frozenset[int]) -> Any:
    places = [place - done for place in deadly if done <= place < done + len(images)]
    if not places:
        return images
    spared = list(images)
    for place in places:
        spared[place] = FormatError("the process that read it was killed, again and again: the image was left alone")
    return spared


def _readings(reader: Reader, images: Any) -> list[Reading | FormatError]:
    if isinstance(images, np.ndarray):
        return list(reader.read_many(images))
    whole = [image for image in images if not isinstance(image, FormatError)]
    try:
        read = iter(reader.read_each(whole))
    except Exception:
        # What nobody thought of, in one of them: it costs that one.
        read = iter([_reading(reader, image) for image in whole])
    return [image if isinstance(image, FormatError) else next(read) for image in images]


def _reading(reader: Reader, image: Any) -> Reading | FormatError:
    try:
        return reader.read_each([image])[0]
    except Exception as error:
        return FormatError(f"it can't be read: {type(error).__name__}: {error}")


def _count(readings: list[Reading | FormatError]) -> Counts:
    errors = sum(isinstance(one, FormatError) for one in readings)
    unsure = sum(not isinstance(one, FormatError) and one.unsure for one in readings)
    return Counts(inputs=len(readings), errors=errors, unsure=unsure)
