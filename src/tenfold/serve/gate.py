"""What every request passes: its rate, what it took, the headers of its answer, and an end to every error."""

import asyncio
import logging
import math
import time

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenfold.serve.headers import SECURITY, Headers, security_headers
from tenfold.serve.metrics import Metrics
from tenfold.serve.problems import ProblemError, problem_response
from tenfold.serve.rates import RateLimiter, client_of
from tenfold.serve.settings import ServeSettings

_log = logging.getLogger("tenfold.serve")
# What a route is called in metrics when it is none of the API's.
_PAGE = "page"


class Gate:
    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: Metrics, routes: frozenset[str]) -> None:
        self.app = app
        self._settings, self._metrics, self._routes = settings, metrics, routes
        rate = settings.rate_per_second
        self._rates = RateLimiter(rate, settings.rate_burst, settings.rate_clients) if rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(scope, send, self._security(scope))
        if answer.head:
            scope = {**scope, "method": "GET"}
        begun = time.perf_counter()
        try:
            if self._rates and scope["method"] == "POST":
                self._hold_back(scope, self._rates)
            await self.app(scope, receive, answer.send)
        except ProblemError as problem:
            await problem.response()(scope, receive, answer.send)
        except asyncio.CancelledError:  # The server ends, and has waited for as long as it may.
            if not answer.status:
                await problem_response(503, "the server is ending")(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = 499  # Nobody is there to hear it; the number is nginx's.
        except Exception as error:
            _log.error("%s %s: %s: %s", scope["method"], scope["path"], type(error).__name__, error)
            _log.debug("where:", exc_info=error)
            if answer.status:
                raise ConnectionAbortedError("the answer had begun") from None
            await problem_response(500, "the server made a mistake; its log has a line")(scope, receive, answer.send)
        finally:
            path = scope["path"]
            route = path if path in self._routes else _PAGE
            self._metrics.answered(route, answer.status, time.perf_counter() - begun)

    def _hold_back(self, scope: Scope, rates: RateLimiter) -> None:
        address = scope["client"][0] if scope["client"] else ""
        if self._settings.trust_proxy:
            # What comes before the last was written by the client itself.
            address = _header(scope, b"x-forwarded-for").decode("latin-1").rsplit(",", 1)[-1].strip() or address
        client, is_here = client_of(address)
        if is_here and not self._settings.rate_loopback:
            return
        if wait := rates.wait(client):
            raise ProblemError(429, f"more than {self._settings.rate_per_second:g} requests a second: wait",
                          retry_after=math.ceil(wait))  # fmt: skip

    def _security(self, scope: Scope) -> Headers:
        https = scope["scheme"] == "https"
        if self._settings.trust_proxy:
            https = _header(scope, b"x-forwarded-proto") == b"https"
        return security_headers(True, _header(scope, b"host")) if https else SECURITY


class _Answer:
    """Adds to an answer's head, and remembers its status: 0 before it has begun."""

    def __init__(self, scope: Scope, send: Send, headers: Headers) -> None:
        self.head = scope["method"] == "HEAD"
        self.status = 0
        self._send, self._headers = send, headers

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._headers]
        elif self.head:
            message = {**message, "body": b""}
        await self._send(message)


def _header(scope: Scope, wanted: bytes) -> bytes:
    found = b""
    for name, value in scope["headers"]:
        if name == wanted:
            found = value
    return found
