"""Small pictures that come while others are read are read together.

A digit takes 0.1 ms of the model's time; to hand it to another thread and back takes longer. In batches it is handed
over once for all, and the model runs beside the event loop and not in turns with it: twice as many requests a second
(lab/benchmarks/serve_load.py).
"""

import asyncio
from collections.abc import Sequence

from tenfold.reading.reader import Reader, Reading
from tenfold.serve.pool import ReadingPool
from tenfold.serve.problems import ProblemError

# Two batches of it go round with 32 clients: one is read while the other is answered.
_MOST = 16
# Pixels a side: beyond it, a picture would keep others waiting.
_SMALL = 128


def is_small(picture: bytes) -> bool:
    """Whether a file's bytes begin a PNG of few pixels: its header says (PNG specification, 11.2.1)."""
    sides = picture[16:20], picture[20:24]
    return picture.startswith(b"\x89PNG") and all(int.from_bytes(side, "big") <= _SMALL for side in sides)


class Batch:
    """Of one reader."""

    def __init__(self, reader: Reader, pool: ReadingPool) -> None:
        self._reader, self._pool = reader, pool
        self._waiting: list[tuple[bytes, asyncio.Future[Reading]]] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def read(self, picture: bytes) -> Reading:
        """As `Reader.read`. Raises a `ProblemError` of 503 when as many wait as may."""
        if len(self._waiting) >= self._pool.most:
            raise ProblemError(503, f"{len(self._waiting)} pictures wait to be read: try again", retry_after=1)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reading] = loop.create_future()
        self._waiting.append((picture, future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch = self._waiting[:_MOST]
            del self._waiting[:_MOST]
            found: Sequence[Reading | Exception]
            try:
                found = await self._pool.run(_read_each, self._reader, [picture for picture, _ in batch])
            except Exception as error:
                found = [error] * len(batch)
            for (_, future), result in zip(batch, found, strict=True):
                if future.done():  # Its client has gone.
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)


def _read_each(reader: Reader, pictures: list[bytes]) -> Sequence[Reading | Exception]:
    """Readings, and what was raised for those that can't be read: nobody pays for another's picture."""
    try:
        return reader.read_many(pictures)
    except Exception:
        found: list[Reading | Exception] = []
        for picture in pictures:
            try:
                found.append(reader.read(picture))
            except Exception as error:
                found.append(error)
        return found
