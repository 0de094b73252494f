"""A `tenfold serve` on loopback for a benchmark, and connections that keep one request in flight each."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast
from urllib.parse import urlsplit

import numpy as np


def start_server(*flags: str) -> tuple[subprocess.Popen[str], int]:
    """Starts `tenfold serve` with `flags`; returns its process and its port once it answers."""
    command = [sys.executable, "-m", "tenfold", "serve", "--port", "0", "--json", *flags]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    text = ""
    for line in server.stdout:
        text += line
        if line == "}\n":
            return server, urlsplit(json.loads(text)["urls"][0]).port or 0
    raise SystemExit("the server did not start")


def stop_server(server: subprocess.Popen[str]) -> None:
    server.terminate()
    server.wait(30)
    assert server.stdout is not None
    server.stdout.close()


@contextmanager
def served() -> Iterator[str]:
    """The URL of a server with a temporary feedback database."""
    with tempfile.TemporaryDirectory() as folder:
        server, port = start_server("--database", f"sqlite:///{folder}/feedback.db")
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            stop_server(server)


class Connection(asyncio.Protocol, ABC):
    """One kept connection that sends a request, waits for the answer, and sends the next.

    It does little, because it shares the machine with the server. latencies: seconds of each answer.
    """

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.errors = 0
        self.stopped = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""

    @abstractmethod
    def next_request(self) -> bytes:
        """The whole request, head and body."""

    @abstractmethod
    def answered(self, head: bytes) -> None:
        """Called with the head of each answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass.
        self._send()

    def _send(self) -> None:
        request = self.next_request()
        self._started = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.index(b"content-length: ") + 16
        end = head.find(b"\r\n", at)
        if len(body) < int(head[at:end] if end > 0 else head[at:]):
            return
        self.latencies.append(time.perf_counter() - self._started)
        self.answered(head)
        self._buffer = b""
        if self.stopped:
            self.transport.close()
        else:
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


def latency_figures(latencies: Sequence[float]) -> dict[str, float]:
    """latencies: seconds. Returns milliseconds."""
    milliseconds = 1000 * np.array(latencies)
    return {
        "p50_ms": float(np.percentile(milliseconds, 50)),
        "p99_ms": float(np.percentile(milliseconds, 99)),
        "worst_ms": float(milliseconds.max()),
    }
