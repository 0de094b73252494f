"""The pool interface: jobs, their source, and the pool that runs them one after another in this process."""

import logging
import pickle
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from tenfold.errors import DataError, ExportError, RunError, StorageError, TenfoldError, TrainingError
from tenfold.machine import freed_memory_kept

log = logging.getLogger(__name__)

# A job whose process dies is restarted; after so many deaths it is given up, since it may itself be what kills them.
ATTEMPTS = 5


@dataclass(frozen=True, kw_only=True)
class Job:
    """A function call for a pool to run, in whichever process.

    key: unique among the jobs of a pool. function: called as `function(report, folder, *arguments, *shared)`; it must
    be importable, and everything must be picklable. folder: where the job writes, if anywhere; on a cluster it is
    copied back after every message, so a job that is restarted finds what it had written. shared: arguments that many
    jobs have in common, such as a data set: one tuple object is sent to a worker once. threads, gpus: what Ray
    reserves.
    """

    key: int
    function: Callable[..., Any]
    folder: Path | None = None
    arguments: tuple[Any, ...] = ()
    shared: tuple[Any, ...] = ()
    threads: int = 1
    gpus: int = 0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended.

    kind: `finished`; `stopped` by its source; `diverged` (a `TrainingError`); `invalid`: the job's own arguments are
    at fault, others may succeed; `failed`: the environment is at fault, such as a full disk; `lost`: its processes
    died, `ATTEMPTS` times. value: what the function returned. error: the exception, with the worker's traceback as a
    note where it was raised in another process.
    """

    kind: Literal["finished", "stopped", "diverged", "invalid", "failed", "lost"]
    message: str = ""
    value: Any = None
    error: Exception | None = field(default=None, compare=False)


class JobStopped(BaseException):
    """Raised in a job to end it, when its source answers that it is to stop."""


@dataclass(frozen=True)
class Report:
    """How a running job talks to its source: call it with a message.

    ask: delivers the message, and returns whether the job is to continue. progress: delivers one that needs no answer
    where that costs nothing, in the same process; other pools drop it.
    """

    ask: Callable[[Any], bool]
    progress: Callable[[Any], object] = lambda message: None

    def __call__(self, message: Any) -> bool:
        """Delivers `message`, and waits for the answer: whether the job is to stop."""
        return not self.ask(message)


class JobSource:
    """Supplies a pool with jobs and handles what they report. Subclass it; all methods run in the calling process.

    jobs: in the order in which they are to start.
    """

    jobs: Iterator[Job]

    def next_job(self) -> Job | None:
        """The next job; None when there is none for now. Called when the pool has an idle worker."""
        return next(self.jobs, None)

    def on_message(self, job: Job, message: Any) -> bool:
        """Handles a message; whether the job is to continue."""
        return True

    def on_progress(self, message: Any) -> None:
        """Handles a message that needs no answer."""

    def on_done(self, job: Job, outcome: Outcome) -> None:
        """Called once for every job."""

    def on_lost(self, job: Job, reason: str, attempts: int) -> Job | None:
        """The job to run in place of one whose process died, the same by default; None gives it up."""
        if attempts == ATTEMPTS:
            return None
        assert job.folder is not None
        log.warning("%s: %s; restarting it", job.folder.name, reason)
        return job

    def tick(self) -> None:
        """Called about once a second and between messages by pools of several processes."""


class Pool(ABC):
    """Runs jobs."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many jobs run at a time, now; a cluster may grow and shrink."""

    @abstractmethod
    def run(self, source: JobSource) -> None:
        """Runs jobs until `source` has no more and none is running. An exception of the source's ends it."""


OpenPool = Callable[[], AbstractContextManager[Pool]]


def execute(job: Job, report: Report) -> Outcome:
    """Calls the job's function."""
    try:
        value = job.function(report, job.folder, *job.arguments, *job.shared)
    except JobStopped:
        return Outcome(kind="stopped")
    except TrainingError as error:
        return Outcome(kind="diverged", message=str(error), error=error)
    except (StorageError, DataError, RunError, ExportError, OSError) as error:
        return Outcome(kind="failed", message=str(error), error=error)
    except TenfoldError as error:
        return Outcome(kind="invalid", message=str(error), error=error)
    except Exception as error:  # Such as PyTorch's, for a model that memory is too small for.
        lines = str(error).splitlines() or [""]
        return Outcome(kind="invalid", message=f"{type(error).__name__}: {lines[0]}", error=error)
    return Outcome(kind="finished", value=value)


def execute_in_worker(job: Job, report: Report) -> Outcome:
    """Calls the job's function; another process can receive the outcome. The traceback, which is not sent, becomes a
    note of the error."""
    with freed_memory_kept():
        outcome = execute(job, report)
    if outcome.error is None:
        return outcome
    error = outcome.error
    error.add_note("In the worker process:\n" + "".join(traceback.format_exception(error)).rstrip())
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # Not every exception survives that.
        error = RuntimeError(outcome.message)
        error.__notes__ = outcome.error.__notes__
    return replace(outcome, error=error)


class InProcessPool(Pool):
    """Runs jobs one after another in this process. Messages are calls, and `progress` is delivered too."""

    size = 1

    def run(self, source: JobSource) -> None:
        call = partial(_call, source)
        while (job := source.next_job()) is not None:
            try:
                outcome = execute(job, Report(partial(call, source.on_message, job), partial(call, source.on_progress)))
            except _SourceFailed as failed:
                # Pools may be nested: the error of an outer pool's source passes through this one.
                if failed.source is not source:
                    raise
                raise failed.error from None
            source.on_done(job, outcome)


def in_process_pool() -> AbstractContextManager[Pool]:
    """The pool that needs no workers."""
    return nullcontext(InProcessPool())


class _SourceFailed(BaseException):
    """Carries an exception of a source through the job, so that it is not taken for the job's own."""

    def __init__(self, source: JobSource, error: Exception) -> None:
        self.source, self.error = source, error


def _call(source: JobSource, method: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return method(*arguments)
    except Exception as error:
        raise _SourceFailed(source, error) from error


# A job's key, and what it reports: a message, for whose answer it waits, or its outcome. `lost` there means that its
# process or machine is gone.
PoolEvent = tuple[int, Any]


class WorkerPool(Pool):
    """A pool of several processes: the loop over their events."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Starts a job; called for no more than `size` of them at a time."""

    @abstractmethod
    def next_event(self, seconds: float) -> PoolEvent | None:
        """The next event; None when there is none for so many seconds."""

    @abstractmethod
    def answer(self, key: int, proceed: bool) -> None:
        """Answers a message."""

    def run(self, source: JobSource) -> None:
        running: dict[int, Job] = {}
        attempts: dict[int, int] = {}
        while True:
            while len(running) < self.size and (job := source.next_job()) is not None:
                running[job.key] = job
                self.submit(job)
            if not running:
                return
            event = self.next_event(1.0)
            source.tick()
            if event is None:
                continue
            key, news = event
            if not isinstance(news, Outcome):
                self.answer(key, source.on_message(running[key], news))
            elif news.kind != "lost":
                source.on_done(running.pop(key), news)
            else:
                attempts[key] = attempts.get(key, 0) + 1
                if (again := source.on_lost(running[key], news.message, attempts[key])) is not None:
                    running[key] = again
                    self.submit(again)
                else:
                    message = f"{news.message}, {attempts[key]} times"
                    source.on_done(running.pop(key), Outcome(kind="lost", message=message))
