"""Bodies of requests: not too large, not too slow, and not too many of them in memory at a time."""

import asyncio
import contextlib
import math

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenfold.serve.problems import ProblemError
from tenfold.serve.settings import ServeSettings


class BodyGuard:
    """Middleware. What is wrong with a body is raised where the body is asked for, as a `ProblemError`."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self.app = app
        self.settings = settings
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        length: float | None = None
        limit = self.settings.picture_bytes
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
        body = _Body(self, length, limit, receive, send)
        try:
            await self.app(scope, body.receive, body.send)
        finally:
            self.held -= body.received


class _Body:
    """One request's body, and the answer that may come before all of it has."""

    def __init__(self, guard: BodyGuard, length: float, limit: int, receive: Receive, send: Send) -> None:
        self._guard, self._length, self._limit = guard, length, limit
        self._receive, self._send = receive, send
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._whole = False
        self.received = 0

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        settings = self._guard.settings
        if self._length > self._limit:
            raise self._too_large()
        # Slower than this in all, or silent for as long as a whole small body may take.
        slowest = self._begun + settings.body_seconds + self.received / settings.body_bytes_per_second
        try:
            async with asyncio.timeout_at(min(slowest, self._loop.time() + settings.body_seconds)):
                message = await self._receive()
        except TimeoutError:
            raise ProblemError(
                408, f"the body came too slowly: {self.received} bytes so far", connection="close"
            ) from None
        count = len(message.get("body", b""))
        self.received += count
        self._guard.held += count
        if self.received > self._limit:
            raise self._too_large()
        if self._guard.held > settings.held_bytes:
            raise ProblemError(503, "too many large pictures are being sent: try again", retry_after=5)
        self._whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if self._whole:
            await self._send(message)
        elif message["type"] == "http.response.start":
            # The rest of the body would be taken for the next request's head.
            headers = [header for header in message["headers"] if header[0] != b"connection"]
            await self._send({**message, "headers": [*headers, (b"connection", b"close")]})
        elif message.get("more_body", False):
            await self._send(message)
        else:
            await self._send({**message, "more_body": True})
            await self._linger()
            await self._send({"type": "http.response.body", "body": b""})

    async def _linger(self) -> None:
        """Throws away what still comes for a moment: closed at once, a client that is sending loses the answer."""
        with contextlib.suppress(TimeoutError):
            left = self._limit
            async with asyncio.timeout(self._guard.settings.linger_seconds):
                while left > 0 and (message := await self._receive()).get("more_body", False):
                    left -= len(message.get("body", b""))

    def _too_large(self) -> ProblemError:
        return ProblemError(413, f"the body is larger than {self._limit / 1e6:g} MB: make the picture smaller")
