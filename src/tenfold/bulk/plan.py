"""Sources -> units, in order, one at a time however many there are."""

from collections.abc import Iterator, Sequence
from itertools import chain, groupby

from tenfold.bulk.inputs import array, files, parquet, tar
from tenfold.bulk.listing import KNOWN, Entry, entries
from tenfold.bulk.unit import Unit
from tenfold.errors import FormatError


class Plan:
    """The units of sources. left_out: files that are no image and no shard by their names, known once it was iterated.

    A shard that can't be opened is a unit too, whose row will say so. Raises `FormatError` where nothing is to be read,
    `UsageError` for a Parquet file without a column of images.
    """

    def __init__(self, sources: Sequence[str], column: str | None) -> None:
        self._sources, self._column = sources, column
        self.left_out = 0

    def __iter__(self) -> Iterator[Unit]:
        self.left_out = 0
        any_unit = False
        found = chain.from_iterable(map(entries, self._sources))
        for kind, group in groupby(found, lambda entry: entry.kind):
            if kind is None:
                self.left_out += sum(1 for _ in group)
                continue
            for unit in files.plan(group) if kind == "image" else self._shards(group):
                any_unit = True
                yield unit
        if not any_unit:
            raise FormatError(f"{', '.join(self._sources)}: nothing to read is there; known are {KNOWN}")

    def _shards(self, group: Iterator[Entry]) -> Iterator[Unit]:
        for entry in group:
            try:
                yield from self._shard(entry)
            except FormatError as error:
                yield Unit(kind="broken", source=entry.path, path=entry.path, message=str(error))

    def _shard(self, entry: Entry) -> Iterator[Unit]:
        if entry.kind == "tar":
            return tar.plan(entry.path)
        if entry.kind == "parquet":
            return parquet.plan(entry.path, self._column)
        return array.plan(entry.path)
