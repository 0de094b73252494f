"""What every request passes: rate limit, metrics, security headers, and the end of every error."""

import asyncio
import ipaddress
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenfold.serve.problems import ProblemError, problem_response
from tenfold.serve.server_metrics import ServerMetrics
from tenfold.serve.settings import ServeSettings

Headers = Sequence[tuple[bytes, bytes]]

_POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "media-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_DISABLED = (
    "accelerometer", "autoplay", "display-capture", "encrypted-media", "fullscreen", "geolocation",
    "gyroscope", "hid", "magnetometer", "microphone", "midi", "payment", "picture-in-picture",
    "publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
# Of every answer. The policies allow what the web app needs and nothing else.
SECURITY_HEADERS: Headers = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "permissions-policy": ", ".join(["camera=(self)", *(f"{name}=()" for name in _DISABLED)]),
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }.items()
)
# A browser that saw this never uses http again: on localhost that would break other servers.
_HSTS: Headers = ((b"strict-transport-security", b"max-age=31536000"),)
_LOCAL_HOSTS = {b"localhost", b"127.0.0.1", b"[::1]", b""}
# The metrics' name of all paths that are not the API's.
_OTHER_ROUTES = "web-app"

_log = logging.getLogger("tenfold.serve")


class GateMiddleware:
    """Limits rates, answers errors as problems, and counts requests. routes: the API's paths."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: ServerMetrics, routes: frozenset[str]) -> None:
        self.app = app
        self._settings, self._metrics, self._routes = settings, metrics, routes
        rate = settings.rate_per_second
        self._rates = RateLimiter(rate, settings.rate_burst, settings.rate_clients) if rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(scope, send, self._security_headers(scope))
        if answer.is_head:
            scope = {**scope, "method": "GET"}
        started = time.perf_counter()
        try:
            if self._rates and scope["method"] == "POST":
                self._limit_rate(scope, self._rates)
            await self.app(scope, receive, answer.send)
        except ProblemError as problem:
            await problem.response()(scope, receive, answer.send)
        except asyncio.CancelledError:  # The server stops, and its grace period is over.
            if not answer.status:
                await problem_response(503, "the server is shutting down")(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = 499  # For the metrics only; the number is nginx's.
        except Exception as error:
            _log.error("%s %s: %s: %s", scope["method"], scope["path"], type(error).__name__, error)
            _log.debug("traceback:", exc_info=error)
            if answer.status:
                raise ConnectionAbortedError("the answer had started") from None
            await problem_response(500, "internal error: see the server's log")(scope, receive, answer.send)
        finally:
            path = scope["path"]
            route = path if path in self._routes else _OTHER_ROUTES
            self._metrics.count_request(route, answer.status, time.perf_counter() - started)

    def _limit_rate(self, scope: Scope, rates: "RateLimiter") -> None:
        address = scope["client"][0] if scope["client"] else ""
        if self._settings.trust_proxy:
            # The proxy appends the last entry; the client may have written those before it.
            address = _header(scope, b"x-forwarded-for").decode("latin-1").rsplit(",", 1)[-1].strip() or address
        client, is_local = identify_client(address)
        if is_local and not self._settings.rate_loopback:
            return
        if wait := rates.acquire(client):
            raise ProblemError(429, f"more than {self._settings.rate_per_second:g} requests a second: slow down",
                               retry_after=math.ceil(wait))  # fmt: skip

    def _security_headers(self, scope: Scope) -> Headers:
        https = scope["scheme"] == "https"
        if self._settings.trust_proxy:
            https = _header(scope, b"x-forwarded-proto") == b"https"
        if not https:
            return SECURITY_HEADERS
        host = _header(scope, b"host")
        name = host if host.endswith(b"]") else host.rsplit(b":", 1)[0]
        return SECURITY_HEADERS if name.lower() in _LOCAL_HOSTS else (*SECURITY_HEADERS, *_HSTS)


class _Answer:
    """Adds headers to an answer, drops the body for HEAD, and remembers the status: 0 before the answer starts."""

    def __init__(self, scope: Scope, send: Send, headers: Headers) -> None:
        self.is_head = scope["method"] == "HEAD"
        self.status = 0
        self._send, self._headers = send, headers

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._headers]
        elif self.is_head:
            message = {**message, "body": b""}
        await self._send(message)


class RateLimiter:
    """A token bucket per client: up to `burst` tokens, refilled at `per_second`. Memory is bounded: the `clients`
    seen last are remembered."""

    def __init__(
        self, per_second: float, burst: int, clients: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second, self._burst, self._clients, self._clock = per_second, burst, clients, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def acquire(self, client: str) -> float:
        """Takes a token and returns 0, or returns the seconds until there is one."""
        now = self._clock()
        tokens, seen = self._buckets.pop(client, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - seen) * self._per_second)
        wait = max(0.0, 1 - tokens) / self._per_second
        self._buckets[client] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > self._clients:
            self._buckets.popitem(last=False)
        return wait


@lru_cache(4096)
def identify_client(address: str) -> tuple[str, bool]:
    """The client that an address belongs to, and whether it is this machine. A household has a whole IPv6 /64."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64], False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped), found.ipv4_mapped.is_loopback
        return str(ipaddress.ip_network((found, 64), strict=False)), found.is_loopback
    return address, found.is_loopback


def _header(scope: Scope, wanted: bytes) -> bytes:
    """The last header of that name."""
    found = b""
    for name, value in scope["headers"]:
        if name == wanted:
            found = value
    return found
