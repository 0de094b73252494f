"""Listening: addresses, sockets, signals and a graceful shutdown."""

import contextlib
import errno
import gc
import ipaddress
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from tenfold.errors import ServeError
from tenfold.serve.application import create_app
from tenfold.serve.connection_limits import protocol_with
from tenfold.serve.settings import ServeSettings


def is_loopback(host: str) -> bool:
    """Whether a server on this host can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def lan_addresses() -> list[str]:
    """Private IPv4 addresses of this machine, that of the default route first; empty without a network."""
    found: list[str] = []
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Sends nothing: the system only picks a route. The address is reserved for documentation (RFC 5737).
        probe.connect(("192.0.2.1", 9))
        found.append(probe.getsockname()[0])
    with contextlib.suppress(OSError):
        found += [str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    kept = [ipaddress.ip_address(address) for address in dict.fromkeys(found)]
    return [str(a) for a in kept if a.is_private and not a.is_loopback and not a.is_unspecified]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 for any free one. Raises `ServeError` if the address can't be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise ServeError(f"cannot listen on {host}:{port}: {_reason(error, port)}") from error


def _reason(error: Exception, port: int) -> str:
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return f"the port is in use; try --port {port + 1}"
    if code == errno.EACCES:
        return "ports below 1024 need privileges; try --port 8000"
    if code == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return "this machine has no such address; --host 0.0.0.0 listens on all addresses"
    return str(error)


def serve(
    settings: ServeSettings,
    listener: socket.socket,
    on_started: Callable[[], None],
    tls: Path | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM; then finishes running requests, stores pending feedback and returns.

    on_started: called once requests are accepted. tls: key and certificate, PEM. Raises `TenfoldError` as `create_app`.
    """
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        http=protocol_with(settings),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # The middleware does that: uvicorn would trust the client's own entries.
        server_header=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        ssl_certfile=tls,
    )
    # uvicorn raises the signal again after its shutdown; nothing is left to interrupt then.
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        _Server(config, on_started).run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What exists now stays: without this, garbage collection sometimes pauses all answers for 30 ms.
        gc.collect()
        gc.freeze()
        self._on_started()
