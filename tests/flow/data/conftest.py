"""A server that misbehaves as requested."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest


@dataclass
class Mirror:
    """A local server. The first part of a path says how it behaves, the rest names a file of `files`.

    good; status403, status503; short (promises more than it sends); wrong; page (status 200 and an HTML page); silent
    (never answers); closed (hangs up); norange (ignores Range); half (sends half of what is asked for, then hangs up);
    shifted (answers another range than asked for).
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    served_bytes: int = 0
    release: threading.Event = field(default_factory=threading.Event)


class _Handler(http.server.BaseHTTPRequestHandler):
    mirror: Mirror

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        behavior, _, name = self.path.strip("/").partition("/")
        wanted = self.headers.get("Range")
        self.mirror.requests.append((behavior, wanted))
        content = self.mirror.files[name]
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if behavior.startswith("status"):
            self.send_error(int(behavior.removeprefix("status")))
        elif behavior == "silent":
            self.mirror.release.wait(10)
        elif behavior == "closed":
            self.close_connection = True
        elif behavior == "wrong":
            self._send(200, content[::-1], len(content))
        elif behavior == "page":
            self._send(200, b"<html>moved</html>", 18)
        elif behavior == "norange":
            self._send(200, content, len(content))
        elif wanted and start >= len(content):
            self.send_error(416)
        elif behavior == "shifted" and wanted:
            self._send(206, content, len(content), 0)
        else:
            rest = content[start:]
            share = {"half": 2, "short": 3}.get(behavior, 1)
            # "half" brings a download forward each time; "short" only the first.
            sent = b"" if wanted and behavior == "short" else rest[: -(-len(rest) // share)]
            self._send(206 if wanted else 200, sent, len(rest), start)

    def _send(self, status: int, body: bytes, length: int, start: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{start + length - 1}/{start + length}")
        self.end_headers()
        self.mirror.served_bytes += len(body)
        with contextlib.suppress(ConnectionError):  # the client may have given up
            self.wfile.write(body)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    state = Mirror()
    handler = type("Handler", (_Handler,), {"mirror": state})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    state.release.set()
    server.shutdown()
    thread.join()
    server.server_close()
