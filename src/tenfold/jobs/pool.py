"""Many jobs at once: what runs them is a pool, of this machine's processes or of Ray's; the loop is the same."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tenfold.jobs.job import Job, Outcome
from tenfold.training.records import EpochRecord

# A job whose process dies is begun again; one that kills every process, such as by its memory, is given up.
ATTEMPTS = 5


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """A job's epoch is over, and its process waits to hear whether to go on."""

    key: int
    record: EpochRecord


@dataclass(frozen=True, kw_only=True)
class Done:
    """A job has come to its end."""

    key: int
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class Lost:
    """The process or the machine that a job ran on is gone."""

    key: int
    reason: str


Event = Epoch | Done | Lost


class Pool(Protocol):
    """Where jobs run. size: how many at once, now; a cluster may grow and shrink."""

    @property
    def size(self) -> int: ...

    def submit(self, job: Job) -> None:
        """Begins a job; called for no more than `size` of them at once."""

    def next(self, seconds: float) -> Event | None:
        """What happens next; None when nothing does for so long."""

    def answer(self, key: int, go_on: bool) -> None:
        """Answers an `Epoch`."""


OpenPool = Callable[[], AbstractContextManager[Pool]]


def work(
    pool: Pool,
    take: Callable[[], Job | None],
    on_epoch: Callable[[Job, EpochRecord], bool],
    on_done: Callable[[Job, Outcome], None],
    tell: Callable[[str], None],
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Runs jobs until `take` gives no more and none is running.

    on_epoch: says whether the job is to go on. on_done: is called once a job. tell: hears of lost ones, which are begun
    again. tick: is called about once a second and between events.
    """
    running: dict[int, Job] = {}
    attempts: dict[int, int] = {}
    while True:
        while len(running) < pool.size and (job := take()) is not None:
            running[job.key] = job
            pool.submit(job)
        if not running:
            return
        event = pool.next(1.0)
        tick()
        if isinstance(event, Epoch):
            pool.answer(event.key, on_epoch(running[event.key], event.record))
        elif isinstance(event, Done):
            on_done(running.pop(event.key), event.outcome)
        elif isinstance(event, Lost):
            attempts[event.key] = attempts.get(event.key, 0) + 1
            job = running[event.key]
            if attempts[event.key] < ATTEMPTS:
                tell(f"{job.path.name}: {event.reason}; it is begun again")
                pool.submit(job)
            else:
                running.pop(event.key)
                on_done(job, Outcome(kind="lost", message=f"{event.reason}, {ATTEMPTS} times"))
