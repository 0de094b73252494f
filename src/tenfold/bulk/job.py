"""A bulk read from beginning to end: plan, read, go on after a stop, put the parts together, count.

A job keeps what it has done in a folder beside its output, `digits.parquet.job`: `job.json` and `units.jsonl` say what
there is to do, `parts/` holds a file for each unit that is done. Every file is written whole or not at all, so that a
unit is done or not; the output appears in one step, when everything is.
"""

import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tenfold.bulk.folder import JobFolder, Settings
from tenfold.bulk.output import check_out, is_of, put_together
from tenfold.bulk.places import is_url, lives_in_memory
from tenfold.bulk.pool import Engine, Moving, read_here, with_workers
from tenfold.bulk.unit import Unit
from tenfold.bulk.work import Counts, Task
from tenfold.errors import BulkError, StorageError, UsageError
from tenfold.machine import usable_cores
from tenfold.reading.reader import Reader

Watch = Callable[["Progress"], object]


@dataclass(frozen=True)
class Progress:
    """How far a job is. inputs, of which total; total is None where only reading tells. rate: images a second."""

    inputs: int
    total: int | None
    rate: float


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a job did.

    rows: of the output, one for each input: images, and what stands for the unreadable rest of a shard. errors: rows
    with an error. broken: those of them that stand for shards. unsure: readings not to be trusted. left_out: files that
    are no image and no shard by their names. read_before: rows that an earlier, stopped run had done. seconds: of this
    run, to the last byte.
    """

    out: str
    rows: int
    errors: int
    broken: int
    unsure: int
    left_out: int
    read_before: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        return (self.rows - self.read_before) / self.seconds


def read_all(
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    engine: Engine | None = None,
    workers: int | None = None,
    model: str | Path | None = None,
    column: str | None = None,
    probabilities: bool = False,
    batch: int = 256,
    resume: bool = False,
    overwrite: bool = False,
    watch: Watch = lambda progress: None,
) -> Summary:
    """Reads every image of the sources, and writes a row for each, in their order.

    sources: folders, patterns, files or URLs: images, tars, Parquet, IDX and .npy. out: a .parquet file, or a folder
    for several. engine: who reads; processes on this machine, unless said. workers: how many; one for each core, unless
    said. model: an .onnx file; the shipped one, unless said. column: the images' column in Parquet. batch: images that
    a worker decodes and reads at a time. resume: go on with a stopped job; overwrite: begin again, and replace the
    output at the end. Rows are the same whoever reads, and however many.

    Raises `UsageError` for what makes no sense, `FormatError` where there is nothing to read, `BulkError` where the
    output or a stopped job is there already or the counts don't agree, `StorageError` where the disk is full: what is
    done stays, for `resume`. An image that can't be read is a row with its error.
    """
    begun = time.monotonic()
    places = [str(source) if is_url(str(source)) else os.path.abspath(Path(source).expanduser()) for source in sources]
    if not places:
        raise UsageError("which images? tenfold read-all SOURCE --out digits.parquet")
    if batch < 1 or (workers is not None and workers < 1):
        raise UsageError(f"--batch and --workers are 1 at least, not {batch if batch < 1 else workers}")
    if resume and overwrite:
        raise UsageError("--resume goes on and --overwrite begins again: leave one of them out")
    here = any(map(lives_in_memory, places))
    if here and engine is not None:
        raise UsageError("memory:// is this process's own: leave out --ray")
    target = check_out(str(out))
    Reader(model)  # To find out now what is wrong with it.
    settings = Settings.of(places, model, column, probabilities)
    task = Task(model=None if model is None else str(Path(model).resolve()), probabilities=probabilities, batch=batch)
    with JobFolder(target) as folder:
        if folder.begin(settings, resume=resume, overwrite=overwrite):
            folder.plan(settings, overwrite)
        elif target.exists() and not folder.replaces and not is_of(folder, target):
            raise BulkError(f"{target} has appeared since the job began: move it away, or --overwrite")
        before = folder.done()
        if engine is None:
            engine = (
                read_here
                if here
                else with_workers(min(workers or len(usable_cores()), max(1, folder.units - len(before))))
            )
        try:
            counted = _read(folder, engine, task, before, watch)
            total = put_together(folder, target, task.probabilities)
        except StorageError as error:
            raise StorageError(f"{error}; then --resume goes on") from error
        left_out = folder.left_out
        folder.remove()
    return Summary(
        out=str(target),
        rows=total.inputs,
        errors=total.errors,
        broken=total.broken,
        unsure=total.unsure,
        left_out=left_out,
        read_before=total.inputs - counted.inputs,
        seconds=time.monotonic() - begun,
    )


def _read(folder: JobFolder, engine: Engine, task: Task, before: frozenset[int], watch: Watch) -> Counts:
    """Reads what is not done yet, and counts it."""

    def left() -> Generator[tuple[int, Unit]]:
        for number, unit in folder:
            if number not in before:
                yield number, unit

    begun, counts, under_way = time.monotonic(), Counts(), dict[int, int]()
    done_before = sum(folder.counts(number).inputs for number in before)
    with closing(left()) as units, closing(engine(units, task, folder.part)) as events:
        for event in events:
            if isinstance(event, Moving):
                under_way[event.number] = event.inputs
            else:
                under_way.pop(event.number, None)
                counts += event.counts
            now = counts.inputs + sum(under_way.values())
            watch(Progress(done_before + now, folder.inputs, now / max(1e-3, time.monotonic() - begun)))
    return counts
