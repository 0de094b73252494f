"""`read_all`: plan the units, read them, merge the part files.

A job stores its progress in a folder next to its output, `digits.parquet.job`: `job.json` and `units.jsonl` describe
the work, `parts/` has a file for each finished unit. All files are written atomically, so a killed job can be resumed.
"""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tenfold.bulk.bulk_folder import BulkFolder, bulk_settings
from tenfold.bulk.bulk_output import check_output_path, is_output_of, write_output
from tenfold.bulk.bulk_sources import is_url
from tenfold.bulk.unit_jobs import UnitJobs
from tenfold.bulk.unit_reader import DIGIT_COLUMNS, NUMBER_COLUMNS, NUMBERS_BATCH
from tenfold.errors import BulkError, StorageError, UsageError
from tenfold.jobs.local import local_pool
from tenfold.jobs.pool import OpenPool, in_process_pool
from tenfold.machine import usable_cores
from tenfold.reading.reader import Reader

OnProgress = Callable[["BulkProgress"], object]


@dataclass(frozen=True)
class BulkProgress:
    """inputs: read so far. total: None when unknown before reading. rate: images per second."""

    inputs: int
    total: int | None
    rate: float


@dataclass(frozen=True, kw_only=True)
class BulkSummary:
    """The result of a job.

    rows: of the output, one for each image and one for each unreadable rest of a shard. errors: rows with an error.
    broken: errors that stand for the rest of a shard. unsure: readings that the reader abstains from. skipped: files
    that by name are neither image nor shard. already_read: rows read before the job was resumed. seconds: wall time of
    this call.
    """

    out: str
    rows: int
    errors: int
    broken: int
    unsure: int
    skipped: int
    already_read: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        return (self.rows - self.already_read) / self.seconds


def read_all(
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    open_pool: OpenPool | None = None,
    workers: int | None = None,
    model: str | Path | None = None,
    column: str | None = None,
    number: bool = False,
    probabilities: bool = False,
    batch: int = 256,
    resume: bool = False,
    overwrite: bool = False,
    on_progress: OnProgress = lambda progress: None,
) -> BulkSummary:
    """Reads every image of the sources and writes a row for each to Parquet, in the order of the sources.

    sources: folders, glob patterns, files or URLs, of images, tars, Parquet, IDX and .npy. out: a .parquet file, or a
    folder for several. open_pool: where the units are read; by default in `workers` processes, one for each core.
    model: an .onnx file or the folder of a run; by default the shipped one. column: of the images in Parquet; by
    default found by type and name. number: read whole numbers, not one digit each. probabilities: also write all ten of
    a digit. batch: images that a worker decodes and reads at a time. resume: continue a stopped job. overwrite: start
    again, and replace the output at the end. The rows do not depend on the pool.

    Raises `UsageError` for invalid arguments; `FormatError` when there is nothing to read; `BulkError` when the output
    or a stopped job exists already, or the counts disagree; `StorageError` when the disk is full, after which `resume`
    continues. An image that cannot be read becomes a row with its error.
    """
    started = time.monotonic()
    places = [str(source) if is_url(str(source)) else os.path.abspath(Path(source).expanduser()) for source in sources]
    if not places:
        raise UsageError("no sources given: tenfold read-all SOURCE --out digits.parquet")
    if batch < 1 or (workers is not None and workers < 1):
        raise UsageError(f"--batch and --workers must be at least 1, not {batch if batch < 1 else workers}")
    if number and probabilities:
        raise UsageError("--probabilities are those of one digit: leave out --number or --probabilities")
    if resume and overwrite:
        raise UsageError("--resume and --overwrite exclude each other: one continues a job, the other starts again")
    # fsspec's file system in memory, which only this process can read.
    in_memory = any(place.startswith("memory://") for place in places)
    if open_pool is None:
        open_pool = in_process_pool if in_memory else partial(local_pool, workers or len(usable_cores()))
    elif in_memory and open_pool is not in_process_pool:
        raise UsageError("only this process can read memory://: leave out --ray")
    target = check_output_path(str(out))
    reader = Reader(model, threads=None if open_pool is in_process_pool else 1)
    columns = NUMBER_COLUMNS if number else (*DIGIT_COLUMNS, *(["probabilities"] if probabilities else []))
    batch = min(batch, NUMBERS_BATCH) if number else batch
    settings = bulk_settings(places, model, column, columns)
    with BulkFolder(target) as folder:
        if folder.open(settings, resume=resume, overwrite=overwrite):
            folder.plan(settings, overwrite)
        elif target.exists() and not folder.job["overwrite"] and not is_output_of(folder, target):
            raise BulkError(f"{target} has appeared since the job was started: move it away, or use --overwrite")
        known, began = sum(folder.counts(number).inputs for number in folder.done()), time.monotonic()

        def show(inputs: int) -> None:
            rate = inputs / max(1e-3, time.monotonic() - began)
            on_progress(BulkProgress(known + inputs, folder.job["inputs"], rate))

        try:
            with closing(UnitJobs(folder, reader, columns, batch, show)) as jobs, open_pool() as pool:
                pool.run(jobs)
            total = write_output(folder, target, columns)
        except StorageError as error:
            raise StorageError(f"{error}; then --resume continues") from error
        folder.remove()
    return BulkSummary(out=str(target), rows=total.inputs, errors=total.errors, broken=total.broken,
                       unsure=total.unsure, skipped=folder.job["skipped"], already_read=known,
                       seconds=time.monotonic() - started)  # fmt: skip
