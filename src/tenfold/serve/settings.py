"""The settings of a server."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from tenfold.machine import usable_cores


def _reading_threads() -> int:
    # Decoding an image of 64 megapixels takes half a gigabyte: a thread per core of a large machine would take all.
    return min(8, len(usable_cores()))


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """Models, files, feedback and limits.

    models: runs, or .onnx files with a .10fd of the same name, served next to the shipped model. web_app: folder of the
    built web app. database: URL for feedback; None for the default. feedback: whether feedback is accepted. token:
    bearer token required for feedback; None for none. ca: PEM certificate that phones can install.

    allow_origins: web sites whose pages may call the API (CORS), such as https://example.org; "*" for all.

    trust_proxy: take the client's address from the last entry of X-Forwarded-For and the scheme from X-Forwarded-Proto.

    threads, queue: images read at a time, and images that may wait. held_bytes: request bodies in memory, in total.
    A body may take body_seconds plus its size / body_bytes_per_second; a request's head header_seconds. linger_seconds:
    how long the rest of a rejected body is read. rate_*: requests a second and burst of one address, POST only; 0 for
    no limit.
    """

    models: tuple[str, ...] = ()
    web_app: Path = Path(str(resources.files("tenfold"))) / "serve" / "web_app"
    database: str | None = None
    feedback: bool = True
    token: str | None = None
    allow_origins: tuple[str, ...] = ()
    trust_proxy: bool = False
    ca: bytes | None = None
    threads: int = _reading_threads()
    queue: int = 64
    image_bytes: int = 32_000_000
    json_bytes: int = 1_000_000
    held_bytes: int = 256_000_000
    body_seconds: float = 10
    body_bytes_per_second: float = 16_000
    header_seconds: float = 10
    header_bytes: int = 65_536
    linger_seconds: float = 1
    keep_alive_seconds: int = 15
    shutdown_seconds: int = 10
    connections: int = 500
    rate_per_second: float = 20
    rate_burst: int = 60
    rate_clients: int = 10_000
    rate_loopback: bool = False
