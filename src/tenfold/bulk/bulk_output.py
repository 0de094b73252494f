"""Merges the part files in order: into one Parquet file, or a folder of several."""

import os
import shutil
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tenfold import files
from tenfold.bulk.bulk_folder import BulkFolder
from tenfold.bulk.bulk_sources import is_url
from tenfold.bulk.bulk_units import UnitCounts
from tenfold.bulk.unit_reader import GROUP, Rows, parquet_writer, read_metadata, shifted_rows, write_metadata
from tenfold.errors import BulkError, UsageError

# Rows of a row group: the unit that readers skip by and that the writer holds in memory.
_GROUP = 2 * GROUP
# Rows per file when the output is a folder.
FILE_ROWS = 10_000_000
_SUFFIXES = (".parquet", ".pq")


def check_output_path(out: str) -> Path:
    """The path of the output. Raises `UsageError` when it cannot be one."""
    if is_url(out):
        raise UsageError(f"--out {out}: write to a local path, then copy the file there")
    path = Path(out).expanduser()
    if path.suffix and path.suffix not in _SUFFIXES and not path.is_dir():
        raise UsageError(
            f"--out {out}: give a file whose name ends in .parquet, or a folder, whose name has no extension"
        )
    if path.is_dir() and any(not one.match("part-*.parquet") for one in path.iterdir()):
        raise UsageError(f"--out {out} is a folder with other files: choose a .parquet file, or a new folder")
    return path


def write_output(folder: BulkFolder, out: Path, columns: Sequence[str]) -> UnitCounts:
    """Writes the output atomically and returns the sum of the counts.

    Raises `BulkError`, with nothing written, when a part is missing or the number of rows differs from the number of
    inputs; `StorageError`.
    """
    is_file = out.suffix in _SUFFIXES
    merged = folder.path / "merged"
    shutil.rmtree(merged, ignore_errors=True)
    files.make_folder(merged)
    with closing(_PartTables(folder)) as tables:
        most = None if is_file else FILE_ROWS
        while not tables.ended:
            path = merged / f"part-{len(list(merged.iterdir())):05d}.parquet"
            files.write_with(path, lambda temporary: _write(temporary, tables, folder, columns, most))
    held = sum(pq.read_metadata(path).num_rows for path in merged.iterdir())
    if held != tables.counts.inputs:
        raise BulkError(f"{out} would have {held} rows for {tables.counts.inputs} inputs, so it was not written")
    with files.storage_errors(out):
        if is_file:
            os.replace(path, out)
        else:
            if out.exists():
                os.rename(out, folder.path / "replaced")
            os.rename(merged, out)
    return tables.counts


def is_output_of(folder: BulkFolder, out: Path) -> bool:
    """Whether the output is that of this job, which was killed before its folder was removed."""
    try:
        facts = read_metadata(next(iter(sorted(out.iterdir())), out) if out.is_dir() else out)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return all(facts.get(key) == value for key, value in folder.facts.items())


class _PartTables:
    """The rows of all parts in order, in large tables. counts: of the parts taken so far."""

    def __init__(self, folder: BulkFolder) -> None:
        self.counts = UnitCounts()
        self.ended = False
        self._units = iter(folder)
        self._found = self._tables(folder)

    def close(self) -> None:
        self._found.close()
        self._units.close()

    def take(self) -> pa.Table | None:
        found = next(self._found, None)
        self.ended = found is None
        return found

    def _tables(self, folder: BulkFolder) -> Generator[pa.Table]:
        waiting: list[Rows] = []
        # The index of the next unit's first row in its source. There may be shards between the images of a folder.
        source, first, in_folders = "", 0, dict[str, int]()
        for number, unit in self._units:
            counts = folder.counts(number)
            if unit.count is not None and not counts.broken and counts.inputs != unit.count:
                raise BulkError(f"{folder.part(number)} holds {counts.inputs} rows for {unit.count} inputs")
            if unit.kind == "files":
                first = in_folders.get(unit.source, 0)
            elif unit.source != source:
                first = 0
            waiting += shifted_rows(folder.part(number), first)
            first += counts.inputs - counts.broken if unit.count is None else unit.count
            source = unit.source
            if unit.kind == "files":
                in_folders[source] = first
            self.counts += counts
            if sum(batch.num_rows for batch in waiting) >= _GROUP:
                yield pa.Table.from_batches(waiting)
                waiting = []
        if waiting:
            yield pa.Table.from_batches(waiting)


def _write(path: Path, tables: _PartTables, folder: BulkFolder, columns: Sequence[str], most: int | None) -> None:
    """most: rows after which no more tables are written; None for all."""
    written = 0
    with path.open("wb") as sink, parquet_writer(sink, columns) as writing:
        while (most is None or written < most) and (table := tables.take()) is not None:
            writing.write_table(table)
            written += table.num_rows
        write_metadata(writing, folder.facts)
