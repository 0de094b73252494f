"""Threads that read: so many work, so many wait, and the rest is told to come back."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from tenfold.serve.problems import ProblemError

# Of pictures that are read one at a time, as many may be in line.
_IN_LINE = 8

P = ParamSpec("P")
T = TypeVar("T")


class ReadingPool:
    """A queue without an end would take all memory, and answer long after the client had gone."""

    def __init__(self, threads: int, waiting: int) -> None:
        self.threads = threads
        self.most = threads + waiting
        self._inside = 0
        self._in_line = 0
        self._alone = asyncio.Lock()
        self._executor = ThreadPoolExecutor(threads, "reading")

    @property
    def in_use(self) -> int:
        return min(self._inside, self.threads)

    @property
    def waiting(self) -> int:
        return max(0, self._inside - self.threads)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns. Raises a `ProblemError` of 503 when all threads work and as many wait as may."""
        if self._inside >= self.most:
            raise ProblemError(503, f"{self._inside} pictures are being read or wait to be: try again", retry_after=1)
        self._inside += 1
        try:
            future = self._executor.submit(work, *args, **kwargs)
            return await asyncio.wrap_future(future)
        finally:
            self._inside -= 1

    async def run_alone(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `run`, of work that takes so much memory that it is done one at a time."""
        if self._in_line >= _IN_LINE:
            raise ProblemError(503, f"{self._in_line} large pictures wait to be read: try again", retry_after=10)
        self._in_line += 1
        try:
            async with self._alone:
                return await self.run(work, *args, **kwargs)
        finally:
            self._in_line -= 1

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)
