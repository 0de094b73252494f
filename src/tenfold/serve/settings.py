"""What a server is told before it starts."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from tenfold.machine import usable_cores


def _threads() -> int:
    # A picture of 64 megapixels takes half a gigabyte while it is decoded: many cores would take all memory.
    return min(8, len(usable_cores()))


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """models: runs, or .onnx files with a .10fd beside them, that are served beside the shipped model; page: the built
    page's folder; database: its URL, None for the platform's place; feedback: whether corrections are taken; token:
    what who sends corrections must know, None for no such thing.

    trust_proxy: the last address of X-Forwarded-For is the client's, and X-Forwarded-Proto its scheme. ca: the
    certificate to give to phones, PEM.

    threads, waiting: pictures that are read at a time, and that wait for it. held_bytes: bodies in memory, together.
    A body may take body_seconds and as long as it takes at body_bytes_per_second; headers header_seconds. rate_*:
    requests a second of one address that reads or corrects, and how many at once; 0 for no limit.
    """

    models: tuple[str, ...] = ()
    page: Path = Path(str(resources.files("tenfold"))) / "serve" / "page"
    database: str | None = None
    feedback: bool = True
    token: str | None = None
    trust_proxy: bool = False
    ca: bytes | None = None
    threads: int = _threads()
    waiting: int = 64
    picture_bytes: int = 32_000_000
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
