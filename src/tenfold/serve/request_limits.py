"""Limits on what clients send: connections, request heads and bodies, by number, size and time."""

import asyncio
import contextlib
import logging
import math
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tenfold.serve.middleware import SECURITY_HEADERS
from tenfold.serve.problems import MEDIA_TYPE, ProblemError, problem_body
from tenfold.serve.settings import ServeSettings

_PHRASES = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}

_log = logging.getLogger("tenfold.serve")


class BodyLimitMiddleware:
    """Limits the size and the duration of bodies, and the memory that all of them take together.

    A violation is raised as `ProblemError` where the handler reads the body.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self.app = app
        self.settings = settings
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        length: float | None = None
        limit = self.settings.image_bytes
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"content-length":
                    length = int(value) if value.isdigit() else math.inf
                elif name == b"transfer-encoding":
                    length = length or 0
                elif name == b"content-type" and value.lower().startswith(b"application/json"):
                    limit = self.settings.json_bytes
        if length is None:
            await self.app(scope, receive, send)
            return
        body = _LimitedBody(self, length, limit, receive, send)
        try:
            await self.app(scope, body.receive, body.send)
        finally:
            self.held -= body.received


class _LimitedBody:
    """One request's body, and the answer, which may be sent before all of the body has arrived."""

    def __init__(self, owner: BodyLimitMiddleware, length: float, limit: int, receive: Receive, send: Send) -> None:
        self._owner, self._length, self._limit = owner, length, limit
        self._receive, self._send = receive, send
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._complete = False
        self.received = 0

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()
        settings = self._owner.settings
        if self._length > self._limit:
            raise self._too_large()
        # Too slow overall, or silent for as long as a whole small body may take.
        deadline = self._started + settings.body_seconds + self.received / settings.body_bytes_per_second
        try:
            async with asyncio.timeout_at(min(deadline, self._loop.time() + settings.body_seconds)):
                message = await self._receive()
        except TimeoutError:
            detail = f"the body arrived too slowly: {self.received} bytes so far"
            raise ProblemError(408, detail, connection="close") from None
        count = len(message.get("body", b""))
        self.received += count
        self._owner.held += count
        if self.received > self._limit:
            raise self._too_large()
        if self._owner.held > settings.held_bytes:
            raise ProblemError(503, "too many large images are being uploaded: try again", retry_after=5)
        self._complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if self._complete:
            await self._send(message)
        elif message["type"] == "http.response.start":
            # On a kept connection the rest of the body would be parsed as the next request.
            headers = [header for header in message["headers"] if header[0] != b"connection"]
            await self._send({**message, "headers": [*headers, (b"connection", b"close")]})
        elif message.get("more_body", False):
            await self._send(message)
        else:
            await self._send({**message, "more_body": True})
            await self._linger()
            await self._send({"type": "http.response.body", "body": b""})

    async def _linger(self) -> None:
        """Discards what arrives for a moment: a client that is still sending would lose the answer on a close."""
        with contextlib.suppress(TimeoutError):
            left = self._limit
            async with asyncio.timeout(self._owner.settings.linger_seconds):
                while left > 0 and (message := await self._receive()).get("more_body", False):
                    left -= len(message.get("body", b""))

    def _too_large(self) -> ProblemError:
        return ProblemError(413, f"the body is larger than {self._limit / 1e6:g} MB: send a smaller image")


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
            lines = [b"HTTP/1.1 %d %s" % (status, _PHRASES[status]), *(b"%s: %s" % header for header in headers)]
            self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        self.transport.close()


def protocol_with(settings: ServeSettings) -> type[Any]:
    """A protocol class with these settings: uvicorn creates the instances."""
    return type("Protocol", (LimitedProtocol,), {"settings": settings})
