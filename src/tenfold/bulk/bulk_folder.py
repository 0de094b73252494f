"""The folder next to the output in which a job stores its units and the part files of those that are done."""

import hashlib
import json
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from importlib import metadata
from itertools import chain, groupby
from pathlib import Path
from typing import Any

from tenfold import files
from tenfold.bulk.array_files import plan_array
from tenfold.bulk.bulk_sources import KNOWN, SourceFile, list_source
from tenfold.bulk.bulk_units import NUMBERS_UNIT, UNIT, UnitCounts, WorkUnit
from tenfold.bulk.image_files import plan_images, plan_tar
from tenfold.bulk.parquet_files import plan_parquet
from tenfold.bulk.unit_reader import ONE_DIGIT_EACH, read_metadata, reads_numbers
from tenfold.errors import BulkError, FormatError, ModelError, UsageError
from tenfold.ink.fit import SIDE
from tenfold.reading.line_reader import shipped_line_model
from tenfold.reading.reader import model_path


def bulk_settings(
    sources: Sequence[str], model: str | Path | None, column: str | None, columns: Sequence[str]
) -> dict[str, Any]:
    """What the rows of a job depend on, as JSON takes it. A stopped job can be resumed with the same settings only.

    column: of the images in Parquet. columns: of the output.
    """
    path = model_path(model)
    if not path.is_file():
        raise ModelError(f"{path}: no such file; a model is an .onnx file written by tenfold export")
    models = [path, shipped_line_model()] if reads_numbers(columns) else [path]
    return {
        "sources": list(sources),
        "column": column,
        "columns": list(columns),
        "model_sha256": hashlib.sha256(b"".join(model.read_bytes() for model in models)).hexdigest(),
        "version": metadata.version("tenfold"),
    }


def plan_units(sources: Sequence[str], column: str | None, numbers: bool) -> Iterator[WorkUnit | None]:
    """The units of sources, and None for each file that by name is neither image nor shard.

    A shard that cannot be opened is a unit too, whose row will say so. numbers: whether whole numbers are read. Raises
    `FormatError` when there is nothing to read, and `UsageError` for a Parquet file without a column of images, or for
    numbers in an array of 28x28.
    """
    most = NUMBERS_UNIT if numbers else UNIT
    any_unit = False
    found = chain.from_iterable(map(list_source, sources))
    for kind, group in groupby(found, lambda entry: entry.kind):
        for unit in _plan(kind, group, column, most):
            any_unit = any_unit or unit is not None
            if numbers and unit is not None and unit.shape == (SIDE, SIDE):
                raise UsageError(ONE_DIGIT_EACH.format(path=unit.path))
            yield unit
    if not any_unit:
        raise FormatError(f"{', '.join(sources)}: nothing to read there; supported are {KNOWN}")


def _plan(kind: str | None, group: Iterator[SourceFile], column: str | None, most: int) -> Iterator[WorkUnit | None]:
    if kind == "image":
        yield from plan_images(group, most)
        return
    for entry in group:
        try:
            if kind == "tar":
                yield from plan_tar(entry.path, most)
            elif kind == "parquet":
                yield from plan_parquet(entry.path, column, most)
            elif kind == "array":
                yield from plan_array(entry.path, most)
            else:
                yield None
        except FormatError as error:
            yield WorkUnit(kind="broken", source=entry.path, path=entry.path, message=str(error))


class BulkFolder:
    """The folder `digits.parquet.job`. Iterating gives the numbered units, read from disk.

    job: the contents of `job.json`, after `open` or `plan`: the settings; `overwrite`, whether the output may be
    replaced; `inputs`, how many there are, None when unknown before reading; `skipped` files; `units_sha256`.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.path = out.with_name(f"{out.name}.job")
        self.job: dict[str, Any] = {}
        self._lock = ExitStack()

    def __enter__(self) -> "BulkFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    @property
    def facts(self) -> dict[str, Any]:
        """What the metadata of the output say about this job."""
        return {key: self.job[key] for key in ("units_sha256", "model_sha256", "version")}

    def part(self, number: int) -> Path:
        return self.path / "parts" / f"{number:08d}.parquet"

    def counts(self, number: int) -> UnitCounts:
        """The counts of a finished unit. Raises `BulkError` when its part file is damaged or contradicts them."""
        try:
            facts = read_metadata(self.part(number))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BulkError(f"{self.part(number)} is damaged: {error}; delete it, then use --resume") from error
        held = facts.pop("rows")
        counts = UnitCounts(**facts)
        if held != counts.inputs:
            raise BulkError(
                f"{self.part(number)} holds {held} rows for {counts.inputs} inputs; delete it, then use --resume"
            )
        return counts

    def done(self) -> frozenset[int]:
        return frozenset(int(path.stem) for path in (self.path / "parts").glob("[0-9]*.parquet"))

    def __iter__(self) -> Generator[tuple[int, WorkUnit]]:
        with (self.path / "units.jsonl").open(encoding="utf-8") as file:
            for number, line in enumerate(file):
                yield number, WorkUnit.from_json(line)

    def open(self, settings: dict[str, Any], *, resume: bool, overwrite: bool) -> bool:
        """Locks the folder. Returns whether this is a new job, as opposed to a stopped one that is resumed.

        Raises `BulkError` when the output exists, when there is a stopped job but neither `resume` nor `overwrite` is
        given, and when another process is working on it; `UsageError` when the stopped job had other settings.
        """
        exists = (self.path / "job.json").exists()
        if self.out.exists() and not overwrite and not (resume and exists):
            raise BulkError(
                f"{self.out} is complete, so there is nothing to resume; --overwrite reads everything again"
                if resume
                else f"{self.out} already exists: --overwrite replaces it, or choose another --out"
            )
        if exists and not resume and not overwrite:
            raise BulkError(f"{self.path} holds a stopped job: --resume continues it, --overwrite starts again")
        files.make_folder(self.path / "parts")
        busy = BulkError(f"{self.path}: another process is working on it")
        self._lock.enter_context(files.lock(self.path / "lock", busy))
        if not (exists and resume):
            self._clear()
            return True
        self.job = json.loads((self.path / "job.json").read_text())
        for key, value in settings.items():
            if self.job.get(key) != value:
                raise UsageError(
                    f"{self.path}: the stopped job had {key} {self.job.get(key)}, not {value}: "
                    "use the same settings, or --overwrite to start again"
                )
        return False

    def plan(self, settings: dict[str, Any], overwrite: bool) -> None:
        """Stores the units of a new job. Raises what `plan_units` raises, and then removes the folder."""
        digest = hashlib.sha256()
        skipped = 0
        inputs: int | None = 0

        def write(temporary: Path) -> None:
            nonlocal inputs, skipped
            with temporary.open("w", encoding="utf-8") as file:
                for unit in plan_units(settings["sources"], settings["column"], reads_numbers(settings["columns"])):
                    if unit is None:
                        skipped += 1
                        continue
                    line = unit.to_json()
                    digest.update(line.encode())
                    file.write(line + "\n")
                    known = 1 if unit.kind == "broken" else unit.count
                    inputs = None if inputs is None or known is None else inputs + known

        try:
            files.write_with(self.path / "units.jsonl", write)
        except Exception:
            self.remove()
            raise
        counted = {"inputs": inputs, "skipped": skipped, "units_sha256": digest.hexdigest()}
        self.job = {**settings, "overwrite": overwrite, **counted}
        files.write_json(self.path / "job.json", self.job)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def _clear(self) -> None:
        (self.path / "job.json").unlink(missing_ok=True)
        for path in (self.path / "parts").iterdir():
            path.unlink()
