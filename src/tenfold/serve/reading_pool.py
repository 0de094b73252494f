"""Threads that read images, with a bounded queue, and batches of small images.

Handing work to a thread and back takes longer than the 0.1 ms that reading a digit takes. Small images that arrive
while others are being read are therefore read together: twice as many requests a second
(lab/benchmarks/serve_load.py).
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from tenfold.reading.reader import Reader, Reading
from tenfold.serve.problems import ProblemError

# Large images that may wait for each other.
_LARGE_QUEUE = 8
# With 32 clients, one batch is read while the answers of another are sent.
_BATCH_SIZE = 16
# Pixels a side: larger images would delay the others of a batch.
_SMALL_SIDE = 128

P = ParamSpec("P")
T = TypeVar("T")


class ReadingPool:
    """Runs functions in threads. Its queue is bounded: a longer one would answer after the client had given up."""

    def __init__(self, threads: int, queue: int) -> None:
        self.threads = threads
        self.capacity = threads + queue
        self._running = 0
        self._large = 0
        self._large_lock = asyncio.Lock()
        self._executor = ThreadPoolExecutor(threads, "reading")

    @property
    def in_use(self) -> int:
        return min(self._running, self.threads)

    @property
    def waiting(self) -> int:
        return max(0, self._running - self.threads)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result. Raises `ProblemError` 503 when the queue is full."""
        if self._running >= self.capacity:
            raise ProblemError(503, f"{self._running} images are being read or waiting: try again", retry_after=1)
        self._running += 1
        try:
            return await asyncio.wrap_future(self._executor.submit(function, *args, **kwargs))
        finally:
            self._running -= 1

    async def run_large(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `run`, for work that needs so much memory that only one of its kind may run at a time."""
        if self._large >= _LARGE_QUEUE:
            raise ProblemError(503, f"{self._large} large images are waiting: try again", retry_after=10)
        self._large += 1
        try:
            async with self._large_lock:
                return await self.run(function, *args, **kwargs)
        finally:
            self._large -= 1

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)


def is_small(image: bytes) -> bool:
    """Whether a file is a PNG of few pixels, by its header (PNG specification, 11.2.1)."""
    sides = image[16:20], image[20:24]
    return image.startswith(b"\x89PNG") and all(int.from_bytes(side, "big") <= _SMALL_SIDE for side in sides)


class BatchReader:
    """Reads small images in batches with one reader."""

    def __init__(self, reader: Reader, pool: ReadingPool) -> None:
        self._reader, self._pool = reader, pool
        self._queue: list[tuple[bytes, asyncio.Future[Reading]]] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def read(self, image: bytes) -> Reading:
        """As `Reader.read`. Raises `ProblemError` 503 when the queue is full."""
        if len(self._queue) >= self._pool.capacity:
            raise ProblemError(503, f"{len(self._queue)} images are waiting: try again", retry_after=1)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reading] = loop.create_future()
        self._queue.append((image, future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._queue:
            batch = self._queue[:_BATCH_SIZE]
            del self._queue[:_BATCH_SIZE]
            results: Sequence[Reading | Exception]
            try:
                results = await self._pool.run(self._reader.read_each, [image for image, _ in batch])
            except Exception:  # An unexpected error of one must not fail the others.
                results = [await self._read_alone(image) for image, _ in batch]
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():  # The client has disconnected.
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    async def _read_alone(self, image: bytes) -> Reading | Exception:
        try:
            return (await self._pool.run(self._reader.read_each, [image]))[0]
        except Exception as error:
            return error
