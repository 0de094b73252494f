"""Images as files of a folder, on this machine or behind a URL."""

import os
from collections.abc import Iterable, Iterator
from itertools import groupby

from tenfold.bulk.listing import Entry
from tenfold.bulk.places import fetch, is_url
from tenfold.bulk.unit import UNIT, UNIT_BYTES, Chunk, Unit


def plan(entries: Iterable[Entry]) -> Iterator[Unit]:
    """Images that follow one another, as units."""
    for folder, group in groupby(entries, lambda entry: entry.folder):
        names: list[str] = []
        size = 0
        for entry in group:
            names.append(entry.name)
            size += _size(entry)
            if len(names) == UNIT or size > UNIT_BYTES:
                yield Unit(kind="files", source=folder, path=folder, count=len(names), names=tuple(names))
                names, size = [], 0
        if names:
            yield Unit(kind="files", source=folder, path=folder, count=len(names), names=tuple(names))


def read(unit: Unit, batch: int) -> Iterator[Chunk]:
    for start in range(0, len(unit.names), batch):
        names = unit.names[start : start + batch]
        for images in fetch(unit.path, names):
            yield Chunk(images, names[: len(images)])
            names = names[len(images) :]


def _size(entry: Entry) -> int:
    if is_url(entry.folder):
        return 0
    try:
        return os.stat(entry.path).st_size
    except OSError:  # Its row will say so.
        return 0
