"""The output: all parts in order as one Parquet file, or as a folder of several."""

import os
import shutil
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tenfold import files
from tenfold.bulk import rows
from tenfold.bulk.folder import JobFolder
from tenfold.bulk.places import is_url
from tenfold.bulk.work import Counts
from tenfold.errors import BulkError, UsageError

# Rows of a row group: a reader skips by them, and a writer holds one in memory.
_GROUP = 2 * rows.GROUP
# Rows of a file, where the output is a folder.
FILE_ROWS = 10_000_000
_SUFFIXES = (".parquet", ".pq")


def check_out(out: str) -> Path:
    """Raises `UsageError` for what is no place to write to."""
    if is_url(out):
        raise UsageError(f"--out {out}: write to this machine, then copy it there")
    path = Path(out).expanduser()
    if path.suffix and path.suffix not in _SUFFIXES and not path.is_dir():
        raise UsageError(f"--out {out}: it takes a name that ends in .parquet, or a folder, whose name has no ending")
    if path.is_dir() and any(not one.match("part-*.parquet") for one in path.iterdir()):
        raise UsageError(f"--out {out} is a folder that holds other things: choose a .parquet file, or a new folder")
    return path


def put_together(folder: JobFolder, out: Path, probabilities: bool) -> Counts:
    """Counts the parts, writes the output in one step, and counts that too.

    Raises `BulkError`, with nothing written, where a part is missing or there is other than a row for each input;
    `StorageError`.
    """
    with closing(_Tables(folder)) as tables:
        if out.suffix in _SUFFIXES:
            files.write_with(out, lambda temporary: _write(temporary, tables, folder, probabilities, checked=True))
            return tables.counts
        made = folder.path / "made"
        shutil.rmtree(made, ignore_errors=True)
        files.make_folder(made)
        while not tables.ended:
            path = made / f"part-{len(list(made.iterdir())):05d}.parquet"
            files.write_with(path, lambda temporary: _write(temporary, tables, folder, probabilities, FILE_ROWS))
    _check(sum(pq.read_metadata(path).num_rows for path in made.iterdir()), tables.counts, out)
    with files.storage_errors(out):
        if out.exists():
            os.rename(out, folder.path / "replaced")
        os.rename(made, out)
    return tables.counts


def is_of(folder: JobFolder, out: Path) -> bool:
    """Whether the output is this very job's, stopped after its last step but one."""
    try:
        facts = rows.told(next(iter(sorted(out.iterdir())), out) if out.is_dir() else out)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return all(facts.get(key) == value for key, value in folder.facts.items())


class _Tables:
    """The rows of all parts in order, some ten thousand at a time. counts: of what was taken so far."""

    def __init__(self, folder: JobFolder) -> None:
        self.counts = Counts()
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

    def _tables(self, folder: JobFolder) -> Generator[pa.Table]:
        waiting: list[rows.Rows] = []
        # Where the next unit of a source begins. A folder's images may come with shards between them.
        source, first, in_folders = "", 0, dict[str, int]()
        for number, unit in self._units:
            counts = folder.counts(number)
            if unit.count is not None and not counts.broken and counts.inputs != unit.count:
                raise BulkError(f"{folder.part(number)} holds {counts.inputs} rows for {unit.count} inputs")
            if unit.kind == "files":
                first = in_folders.get(unit.source, 0)
            elif unit.source != source:
                first = 0
            waiting += rows.moved(folder.part(number), first)
            first += counts.inputs - counts.broken if unit.count is None else unit.count
            source = unit.source
            if unit.kind == "files":
                in_folders[source] = first
            self.counts += counts
            if sum(batch.num_rows for batch in waiting) >= _GROUP:
                yield rows.joined(waiting)
                waiting = []
        if waiting:
            yield rows.joined(waiting)


def _write(
    path: Path, tables: _Tables, folder: JobFolder, probabilities: bool, most: int | None = None, checked: bool = False
) -> None:
    written = 0
    with path.open("wb") as sink, rows.writer(sink, probabilities) as writing:
        while (most is None or written < most) and (table := tables.take()) is not None:
            writing.write_table(table)
            written += table.num_rows
        rows.tell(writing, folder.facts)
    if checked:
        _check(pq.read_metadata(path).num_rows, tables.counts, path)


def _check(held: int, counts: Counts, out: Path) -> None:
    if held != counts.inputs:
        raise BulkError(f"{out} would hold {held} rows for {counts.inputs} inputs; it was not written")
