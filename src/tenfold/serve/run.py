"""A server that listens: sockets, signals, and an orderly end."""

import errno
import gc
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from tenfold.errors import ServeError
from tenfold.serve.app import create_app
from tenfold.serve.protocol import protocol_with
from tenfold.serve.settings import ServeSettings


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 is any that is free. Raises `ServeError` where the port is taken or not allowed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise ServeError(f"cannot listen on {host}:{port}: {_reason(error, port)}") from error


def _reason(error: Exception, port: int) -> str:
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return f"another program does; choose another port with --port {port + 1}"
    if code == errno.EACCES:
        return "ports below 1024 are the system's; choose another with --port 8000"
    if code == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return "this machine has no such address; --host 0.0.0.0 means all it has"
    return str(error)


def serve(
    settings: ServeSettings, listener: socket.socket, started: Callable[[], None], tls: tuple[Path, Path] | None = None
) -> None:
    """Serves until SIGINT or SIGTERM; then what has begun is answered, corrections are stored, and it returns.

    started: called once requests are answered. tls: certificate and key, PEM. Raises `TenfoldError` as `create_app`.
    """
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        http=protocol_with(settings),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # The gate does that: uvicorn would believe whatever a client writes.
        server_header=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        ssl_certfile=tls and tls[0],
        ssl_keyfile=tls and tls[1],
    )
    # uvicorn raises the signal again when it is done; by then there is nothing left to interrupt.
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        _Server(config, started).run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is there now stays: without this, looking for garbage in it stops all answers for 30 ms now and then.
        gc.collect()
        gc.freeze()
        self._tell()
