"""The data that the parts of a bulk read exchange: units of work, images, and counts."""

import dataclasses
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from numpy.typing import NDArray

from tenfold.errors import FormatError

T = TypeVar("T")

# Images per unit: half a second of work, so that little is lost when a job is stopped.
UNIT = 4096
# Of whole numbers, each of which takes about as long as a thousand digits.
NUMBERS_UNIT = 32
# Bytes per unit, where they are known: photos take longer than digits.
UNIT_BYTES = 64_000_000
# Bytes of encoded images that a worker holds at a time.
HELD_BYTES = 32_000_000

# uint8[N,28,28] is the fastest; else a list of paths, bytes, arrays, or the errors of images that could not be loaded.
Images = NDArray[Any] | list[Any]


@dataclass(frozen=True, kw_only=True)
class WorkUnit:
    """A part of one source that one worker reads into one part file; plain values, which JSON can hold.

    kind: `files`, `tar`, `array`, `parquet`, or `broken` for what cannot be read. source: what its rows name as their
    source. path: the file, or for `files` the folder of `names`. count: how many inputs it has; None when unknown
    before reading. offset, stop: the first byte, and the byte to stop before; a stop of 0 is the end. shape, dtype: of
    one image of an array. column, groups, skip: of Parquet: the column, the first row group and the one to stop before,
    and the rows of them to skip. message: why a `broken` unit cannot be read.
    """

    kind: str
    source: str
    path: str
    count: int | None = None
    names: tuple[str, ...] = ()
    offset: int = 0
    stop: int = 0
    shape: tuple[int, ...] = ()
    dtype: str = ""
    column: str = ""
    groups: tuple[int, int] = (0, 0)
    skip: int = 0
    message: str = ""

    def to_json(self) -> str:
        plain = {
            field.name: value
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default
        }
        return json.dumps(plain, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "WorkUnit":
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in json.loads(text).items()
        }
        return cls(**values)


@dataclass(frozen=True)
class ImageChunk:
    """Consecutive inputs of a unit, at most a batch.

    images: as `Images`. keys: their names within the source; None when they have none.
    """

    images: Images
    keys: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class UnitCounts:
    """Numbers of a unit's inputs, of its rows with an error, of unsure readings, and of shards whose rest could not be
    read (0 or 1, also one of the errors)."""

    inputs: int = 0
    errors: int = 0
    unsure: int = 0
    broken: int = 0

    def __add__(self, other: "UnitCounts") -> "UnitCounts":
        return UnitCounts(**{name: value + getattr(other, name) for name, value in vars(self).items()})


class BrokenError(FormatError):
    """The rest of a shard cannot be read. It gets one row, which says so, and the job continues."""


def in_batches(items: Iterable[tuple[T, int]], batch: int, most_bytes: int = HELD_BYTES) -> Iterator[list[T]]:
    """Collects items into lists of at most `batch`, each of which ends with the item that exceeds `most_bytes`.

    items: each with its number of bytes. A `BrokenError` that they raise comes after the items before it.
    """
    held: list[T] = []
    held_bytes = 0
    broken = None
    try:
        for item, size in items:
            held.append(item)
            held_bytes += size
            if len(held) == batch or held_bytes > most_bytes:
                yield held
                held, held_bytes = [], 0
    except BrokenError as error:
        broken = error
    if held:
        yield held
    if broken is not None:
        raise broken
