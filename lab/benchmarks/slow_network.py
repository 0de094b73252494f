"""A proxy on loopback that is as slow as a phone's network, and counts what comes through it.

DevTools slow down what a page fetches, but not what its workers do: here every byte waits.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

CHUNK = 1460  # bytes of a TCP segment


@dataclass
class Network:
    """round_trip: seconds. down: bytes a second, shared by all connections; 0 for as fast as it goes. received: bytes
    that have come down so far, heads of answers included."""

    round_trip: float = 0.0
    down: float = 0.0
    received: int = 0
    free_at: float = 0.0

    async def deliver(self, size: int) -> None:
        """Waits for as long as `size` bytes take on the shared line."""
        if self.down:
            self.free_at = max(self.free_at, time.perf_counter()) + size / self.down
            await asyncio.sleep(max(0.0, self.free_at - time.perf_counter()))
        self.received += size


# Lighthouse's and WebPageTest's slow 4G.
SLOW_4G = {"round_trip": 0.150, "down": 1.6e6 / 8}


@contextmanager
def through(port: int, network: Network) -> Iterator[str]:
    """The address of a proxy to a port of this machine."""
    loop = asyncio.new_event_loop()
    # A browser that is closed leaves connections where they are.
    loop.set_exception_handler(lambda *_: None)
    ready: list[int] = []
    started = threading.Event()

    async def serve() -> None:
        server = await asyncio.start_server(lambda r, w: _connection(r, w, port, network), "127.0.0.1", 0)
        ready.append(server.sockets[0].getsockname()[1])
        started.set()
        async with server:
            await server.serve_forever()

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    task = loop.create_task(serve())
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait()
    try:
        yield f"http://127.0.0.1:{ready[0]}/"
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(5)


async def _connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, network: Network) -> None:
    there, up = await asyncio.open_connection("127.0.0.1", port)
    # TCP's own handshake is a round trip too.
    await asyncio.sleep(network.round_trip)
    await asyncio.gather(_up(reader, up, network), _down(there, writer, network), return_exceptions=True)


async def _up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, network: Network) -> None:
    while content := await reader.read(65536):
        await asyncio.sleep(network.round_trip / 2)
        writer.write(content)
        await writer.drain()
    writer.close()


async def _down(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, network: Network) -> None:
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        while True:
            due, content = await on_the_way.get()
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if not content:
                break
            writer.write(content)
            await writer.drain()
        writer.close()

    arriving = asyncio.create_task(arrive())
    while content := await reader.read(CHUNK if network.down else 65536):
        await network.deliver(len(content))
        on_the_way.put_nowait((time.perf_counter() + network.round_trip / 2, content))
    on_the_way.put_nowait((0.0, b""))
    await arriving
