"""What every request passes: limits on rates and bodies, security headers, metrics, and the end of every error."""

import asyncio
import contextlib
import ipaddress
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenfold.serve.problems import ProblemError, problem_response
from tenfold.serve.server_metrics import ServerMetrics
from tenfold.serve.settings import ServeSettings

_DISABLED = (
    "accelerometer", "autoplay", "display-capture", "encrypted-media", "fullscreen", "geolocation",
    "gyroscope", "hid", "magnetometer", "microphone", "midi", "payment", "picture-in-picture",
    "publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
# Of every answer. The policies allow what the web app needs and nothing else.
SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
     b"img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
     b"form-action 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", ", ".join(["camera=(self)", *(f"{name}=()" for name in _DISABLED)]).encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)  # fmt: skip
# A browser that saw this never uses http again: on localhost that would break other servers.
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_LOCAL_HOSTS = {"localhost", "127.0.0.1", "[::1]", ""}
# What takes images, also as base64 in JSON.
_IMAGE_PATHS = ("/v1/read", "/v1/read-number")
# The metrics' name of all paths that are not the API's.
_OTHER_ROUTES = "web-app"

_log = logging.getLogger("tenfold.serve")


class GateMiddleware:
    """Limits rates and bodies, answers errors as problems, and counts requests.

    routes: the API's paths. held: bytes of all bodies that are in memory.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: ServerMetrics, routes: frozenset[str]) -> None:
        self.app = app
        self.settings = settings
        self.held = 0
        self._metrics, self._routes = metrics, routes
        rate = settings.rate_per_second
        self._rates = RateLimiter(rate, settings.rate_burst, settings.rate_clients) if rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(self, scope, receive, send)
        if exchange.is_head:
            scope = {**scope, "method": "GET"}
        started = time.perf_counter()
        try:
            if self._rates and scope["method"] == "POST":
                self._limit_rate(scope, exchange.headers, self._rates)
            await self.app(scope, exchange.receive, exchange.send)
        except ProblemError as problem:
            response = problem_response(problem.status_code, problem.detail, problem.headers)
            await response(scope, receive, exchange.send)
        except asyncio.CancelledError:  # The server stops, and its grace period is over.
            if not exchange.status:
                await problem_response(503, "the server is shutting down")(scope, receive, exchange.send)
        except ClientDisconnect:
            exchange.status = 499  # For the metrics only; the number is nginx's.
        except Exception as error:
            _log.error("%s %s: %s: %s", scope["method"], scope["path"], type(error).__name__, error)
            _log.debug("traceback:", exc_info=error)
            if exchange.status:
                raise ConnectionAbortedError("the answer had started") from None
            await problem_response(500, "internal error: see the server's log")(scope, receive, exchange.send)
        finally:
            self.held -= exchange.received
            route = scope["path"] if scope["path"] in self._routes else _OTHER_ROUTES
            self._metrics.count_request(route, exchange.status, time.perf_counter() - started)

    def _limit_rate(self, scope: Scope, headers: Headers, rates: "RateLimiter") -> None:
        address = scope["client"][0] if scope["client"] else ""
        if self.settings.trust_proxy:
            address = _last_entry(headers, "x-forwarded-for") or address
        client, is_local = identify_client(address)
        if is_local and not self.settings.rate_loopback:
            return
        if wait := rates.acquire(client):
            raise ProblemError(429, f"more than {self.settings.rate_per_second:g} requests a second: slow down",
                               retry_after=math.ceil(wait))  # fmt: skip


class _Exchange:
    """One request's body, and its answer, which may be sent before all of the body has arrived.

    Limits the size and the duration of the body, and the memory that all bodies take together; a violation is raised as
    `ProblemError` where the handler reads the body. status: of the answer, 0 before it starts. received: bytes so far.
    """

    def __init__(self, gate: GateMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        self._gate, self._receive, self._send = gate, receive, send
        self.headers = Headers(scope=scope)
        self.is_head = scope["method"] == "HEAD"
        self.status = self.received = 0
        self._is_secure = scope["scheme"] == "https"
        is_json = self.headers.get("content-type", "").lower().startswith("application/json")
        is_small = is_json and scope["path"] not in _IMAGE_PATHS
        self._limit = gate.settings.json_bytes if is_small else gate.settings.image_bytes
        self._complete = "content-length" not in self.headers and "transfer-encoding" not in self.headers
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._limit:
            raise self._too_large()
        settings = self._gate.settings
        # Too slow overall, or silent for as long as a whole small body may take.
        deadline = self._started + settings.body_seconds + self.received / settings.body_bytes_per_second
        try:
            async with asyncio.timeout_at(min(deadline, self._loop.time() + settings.body_seconds)):
                message = await self._receive()
        except TimeoutError:
            raise ProblemError(408, f"the body arrived too slowly: {self.received} bytes so far") from None
        count = len(message.get("body", b""))
        self.received += count
        self._gate.held += count
        if self.received > self._limit:
            raise self._too_large()
        if self._gate.held > settings.held_bytes:
            raise ProblemError(503, "too many large images are being uploaded: try again", retry_after=5)
        self._complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Adds headers to the answer, and drops its body for HEAD."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), *self._security_headers()]
            if not self._complete:
                # On a kept connection the rest of the body would be parsed as the next request.
                headers.append((b"connection", b"close"))
            await self._send({**message, "headers": headers})
            return
        if self.is_head:
            message = {**message, "body": b""}
        if self._complete or message.get("more_body", False):
            await self._send(message)
        else:
            await self._send({**message, "more_body": True})
            await self._linger()
            await self._send({"type": "http.response.body", "body": b""})

    async def _linger(self) -> None:
        """Discards what arrives for a moment: a client that is still sending would lose the answer on a close."""
        with contextlib.suppress(TimeoutError):
            left = self._limit
            async with asyncio.timeout(self._gate.settings.linger_seconds):
                while left > 0 and (message := await self._receive()).get("more_body", False):
                    left -= len(message.get("body", b""))

    def _too_large(self) -> ProblemError:
        return ProblemError(413, f"the body is larger than {self._limit / 1e6:g} MB: send a smaller image")

    def _security_headers(self) -> Iterable[tuple[bytes, bytes]]:
        https = self._is_secure
        if self._gate.settings.trust_proxy:
            https = _last_entry(self.headers, "x-forwarded-proto") == "https"
        host = self.headers.get("host", "").lower()
        name = host if host.endswith("]") else host.rsplit(":", 1)[0]
        return (*SECURITY_HEADERS, _HSTS) if https and name not in _LOCAL_HOSTS else SECURITY_HEADERS


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


def _last_entry(headers: Headers, name: str) -> str:
    """Of all lines of a header: the proxy appends the last entry, and the client may have written those before it."""
    return ",".join(headers.getlist(name)).rpartition(",")[2].strip()
