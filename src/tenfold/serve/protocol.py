"""Connections. uvicorn alone waits without end for a request's head, of any length, on any number of them."""

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tenfold.serve.headers import SECURITY
from tenfold.serve.problems import MEDIA_TYPE, problem_body
from tenfold.serve.settings import ServeSettings

_log = logging.getLogger("tenfold.serve")


class GuardedProtocol(HttpToolsProtocol):
    """Closes a connection that has not sent a whole head in time, or has sent too long a one, or is one too many.

    A head that comes in one piece, as nearly all do, costs two comparisons and no timer.
    """

    settings = ServeSettings()
    _head_timer: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.settings.connections:
            _log.warning("more than %d connections: one was closed", self.settings.connections)
            transport.abort()
            return
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        begun_in_head = self._in_head
        super().data_received(data)
        # Empty lines before a head are no part of it, and yet they end uvicorn's wait on a kept connection.
        if not self._in_head and not (self.cycle and self.cycle.response_complete):
            self._stop_waiting()
            return
        self._head_bytes = self._head_bytes + len(data) if begun_in_head else len(data)
        if self._head_bytes > self.settings.header_bytes:
            self._refuse(431, f"the request's head is larger than {self.settings.header_bytes} bytes")
        elif self._head_timer is None:
            self._wait_for_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "this is not HTTP")

    def _wait_for_head(self) -> None:
        seconds = self.settings.header_seconds
        detail = f"the request's head took longer than {seconds:g} seconds"
        self._head_timer = self.loop.call_later(seconds, self._refuse, 408, detail)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: int, detail: str) -> None:
        """Answers and closes; where another answer is under way, only closes."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            body = problem_body(status, detail)
            headers: list[tuple[bytes, bytes]] = [
                (b"content-type", MEDIA_TYPE.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
                *SECURITY,
            ]
            lines = [b"HTTP/1.1 %d %s" % (status, _PHRASES[status]), *(b"%s: %s" % header for header in headers)]
            self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        self.transport.close()


_PHRASES = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


def protocol_with(settings: ServeSettings) -> type[Any]:
    """uvicorn makes its protocols itself, so what one must know is its class's."""
    return type("Protocol", (GuardedProtocol,), {"settings": settings})
