"""A unit of work: a stretch of one source that one worker reads, and that leaves one part file."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from tenfold.errors import FormatError

# Images a unit: half a second of work, and small enough for a stopped job to lose next to nothing.
UNIT = 4096
# Bytes a unit, where they are known: photos take longer than digits do.
UNIT_BYTES = 64_000_000
# Bytes of encoded images that a worker holds at a time.
HELD_BYTES = 32_000_000

# uint8[N,28,28] is the fastest; else paths, bytes, arrays, and the error of what could not be fetched.
Images = NDArray[Any] | list[Any]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Where its inputs are, as plain values that JSON holds.

    kind: which of `tenfold.bulk.inputs` reads it. source: what its rows say they come from. path: the file, or for
    `files` the folder that `names` are in. count: how many inputs it has; None where only reading tells. offset, stop:
    bytes to begin at and to stop before; a stop of 0 is the end. shape, dtype: of an array's one image. column, groups,
    skip: of Parquet: the column, the row groups from and up to, and the rows of them to leave out. message: what is
    wrong with a `broken` one.
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
    def from_json(cls, text: str) -> "Unit":
        found = json.loads(text)
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in found.items()
        }
        return cls(**values)


@dataclass(frozen=True)
class Chunk:
    """Some inputs of a unit in order: at most a batch of them.

    images: as `Images`. keys: their names within the source; None where they have none.
    """

    images: Images
    keys: tuple[str, ...] | None = None


class BrokenError(FormatError):
    """The rest of a shard can't be read: its one row says so, and the job goes on."""
