"""Units as jobs of a pool, and what happens to a unit whose worker dies."""

import io
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tenfold import files
from tenfold.bulk.bulk_folder import BulkFolder
from tenfold.bulk.bulk_units import UnitCounts, WorkUnit
from tenfold.bulk.unit_reader import read_unit
from tenfold.errors import BulkError, StorageError, TenfoldError
from tenfold.jobs.pool import Job, JobSource, Outcome, Report
from tenfold.reading.reader import Reader

# A worker may die for other reasons, too; an image that this many workers died on is not read again.
_DEADLY = 2
# When this many workers have died on a unit, it becomes one row with an error.
_MOST_DEATHS = 30
# When this many workers in succession have died before they began to read, none can.
_FAILED_STARTS = 5
# Seconds between two progress messages.
_PROGRESS_INTERVAL = 0.3


@dataclass
class _Deaths:
    """How many workers died on a unit, and on which of its inputs."""

    count: int = 0
    at: Counter[int] = field(default_factory=Counter)


class UnitJobs(JobSource):
    """Gives a pool the units of a folder that are not read yet, and writes their part files.

    reader: workers get a copy. columns: of the output. on_progress: called with the number of inputs read so far.
    counts: of the units read.
    """

    def __init__(
        self,
        folder: BulkFolder,
        reader: Reader,
        columns: Sequence[str],
        batch: int,
        on_progress: Callable[[int], object],
    ) -> None:
        self._folder, self._batch, self._on_progress = folder, batch, on_progress
        self._shared = (reader, columns)
        self._done = folder.done()
        self._units = iter(folder)
        self._unit: dict[int, WorkUnit] = {}
        # The inputs that were read of each unit in progress; none before its worker is ready.
        self._inputs: dict[int, int] = {}
        self._deaths: dict[int, _Deaths] = {}
        self._failed_starts = 0
        self.counts = UnitCounts()

    def close(self) -> None:
        self._units.close()

    def next_job(self) -> Job | None:
        for number, unit in self._units:
            if number not in self._done:
                self._unit[number] = unit
                return self._job(number)
        return None

    def on_message(self, job: Job, message: int) -> bool:
        self._failed_starts = 0
        self._inputs[job.key] = message
        self._on_progress(self.counts.inputs + sum(self._inputs.values()))
        return True

    def on_done(self, job: Job, outcome: Outcome) -> None:
        if outcome.kind != "finished":
            if isinstance(outcome.error, TenfoldError):
                raise outcome.error
            raise (StorageError if outcome.kind == "failed" else BulkError)(outcome.message) from outcome.error
        part, counts = outcome.value
        files.write_bytes(self._folder.part(job.key), part)
        self.counts += counts
        for finished in (self._unit, self._inputs, self._deaths):
            finished.pop(job.key, None)
        self._on_progress(self.counts.inputs + sum(self._inputs.values()))

    def on_lost(self, job: Job, reason: str, attempts: int) -> Job:
        unit = self._unit[job.key]
        if job.key not in self._inputs:
            self._failed_starts += 1
            if self._failed_starts == _FAILED_STARTS:
                raise BulkError(f"a worker cannot start: {reason}")
            return job
        at = self._inputs.pop(job.key)
        deaths = self._deaths.setdefault(job.key, _Deaths())
        if deaths.count > _MOST_DEATHS:
            raise BulkError(f"{unit.path}: every worker that reads it dies: {reason}")
        if deaths.count > 0:  # In its first attempt a worker reports batches, not single inputs.
            deaths.at[at] += 1
        deaths.count += 1
        if deaths.count > _MOST_DEATHS:
            message = f"{unit.path}: {_MOST_DEATHS} workers died while reading this part of it"
            self._unit[job.key] = WorkUnit(kind="broken", source=unit.source, path=unit.path, message=message)
        return self._job(job.key)

    def _job(self, number: int) -> Job:
        deaths = self._deaths.get(number, _Deaths())
        deadly = frozenset(place for place, times in deaths.at.items() if times >= _DEADLY)
        arguments = (self._unit[number], 1 if deaths.count else self._batch, deadly)
        return Job(key=number, function=_read, arguments=arguments, shared=self._shared)


def _read(
    report: Report,
    folder: Path | None,
    unit: WorkUnit,
    batch: int,
    deadly: frozenset[int],
    reader: Reader,
    columns: Sequence[str],
) -> tuple[bytes, UnitCounts]:
    """Reads a unit; returns its part file. With a batch of 1 it reports every image before reading it."""
    report(0)
    last = time.monotonic()

    def at(done: int) -> None:
        nonlocal last
        if batch == 1 or time.monotonic() > last + _PROGRESS_INTERVAL:
            last = time.monotonic()
            report(done)

    part = io.BytesIO()
    counts = read_unit(reader, unit, part, columns, batch, at, deadly)
    return part.getvalue(), counts
