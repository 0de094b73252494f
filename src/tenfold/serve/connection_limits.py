"""Limits on connections and on the heads of requests, by number, size and time."""

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tenfold.serve.middleware import SECURITY_HEADERS
from tenfold.serve.problems import MEDIA_TYPE, problem_body
from tenfold.serve.settings import ServeSettings

_log = logging.getLogger("tenfold.serve")


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits that it lacks: on connections, and on the size and duration of a request's head.

    A head that arrives in one piece, as nearly all do, costs two comparisons and no timer.
    """

    settings = ServeSettings()
    _head_timer: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.settings.connections:
            _log.warning("more than %d connections: closed one", self.settings.connections)
            transport.abort()
            return
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        started_in_head = self._in_head
        super().data_received(data)
        # Empty lines before a head end uvicorn's keep-alive timer, but are not part of the head.
        if not self._in_head and not (self.cycle and self.cycle.response_complete):
            self._stop_timer()
            return
        self._head_bytes = self._head_bytes + len(data) if started_in_head else len(data)
        if self._head_bytes > self.settings.header_bytes:
            self._reject(431, f"the request's head is larger than {self.settings.header_bytes} bytes")
        elif self._head_timer is None:
            self._start_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self._reject(400, "this is not HTTP")

    def _start_timer(self) -> None:
        seconds = self.settings.header_seconds
        detail = f"the request's head took longer than {seconds:g} seconds"
        self._head_timer = self.loop.call_later(seconds, self._reject, 408, detail)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _reject(self, status: int, detail: str) -> None:
        """Sends a problem and closes; closes only, if another answer has started."""
        self._stop_timer()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            body = problem_body(status, detail)
            headers: list[tuple[bytes, bytes]] = [
                (b"content-type", MEDIA_TYPE.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
                *SECURITY_HEADERS,
            ]
            lines = [
                b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode()),
                *(b"%s: %s" % header for header in headers),
            ]
            self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        self.transport.close()


def protocol_with(settings: ServeSettings) -> type[Any]:
    """A protocol class with these settings: uvicorn creates the instances."""
    return type("Protocol", (LimitedProtocol,), {"settings": settings})
