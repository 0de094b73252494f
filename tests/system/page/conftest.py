"""A real server, a real browser: what the tests of the page share."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, sync_playwright

from lab.handwriting import write_number, write_on_pad

ROOT = Path(__file__).parents[3]
BUILT = ROOT / "src" / "tenfold" / "serve" / "web_app" / "index.html"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PIXEL = {
    "viewport": {"width": 412, "height": 915},
    "device_scale_factor": 2.625,
    "has_touch": True,
    "is_mobile": True,
    "user_agent": "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile "
    "Safari/537.36",
}
# Lines that a browser writes about what the tests do on purpose.
EXPECTED = ("Failed to load resource", "net::ERR_", "willReadFrequently")


class Server:
    """`tenfold serve` as a process of its own."""

    def __init__(self, folder: Path, *flags: str, port: int = 0) -> None:
        self.folder, self.flags = folder, flags
        self.port = port or free_port()
        self.database = f"sqlite:///{folder / 'feedback.db'}"
        self.process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        words = [sys.executable, "-m", "tenfold", "serve", "--port", str(self.port), *self.flags]
        if "--database" not in self.flags:
            words += ["--database", self.database]
        environment = {name: value for name, value in os.environ.items() if name != "TENFOLD_DATABASE_URL"}
        with (self.folder / "server.log").open("a") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, text=True, env=environment)
        for _ in range(200):
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(self.url + "readyz", timeout=2).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError((self.folder / "server.log").read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def built_page() -> Path:
    if not BUILT.is_file():
        reason = "the web app is not built (make web-app)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return BUILT.parent


@pytest.fixture(scope="session")
def server(built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests that leave it as it is."""
    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    running.stop()


@pytest.fixture
def own_server(built_page: Path, tmp_path: Path) -> Iterator[Server]:
    """One that a test may stop and start."""
    running = Server(tmp_path)
    yield running
    running.stop()


Browse = Callable[..., BrowserContext]


@pytest.fixture
def browse(chromium: str, tmp_path: Path) -> Iterator[Browse]:
    """Opens Chromium with a fresh profile. What a page complains of on its console fails the test.

    A test requests its server first: the browser is closed before it then, and does not complain that it is gone.
    """
    complaints: list[str] = []
    opened: list[BrowserContext] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(words in message.text for words in EXPECTED):
            complaints.append(message.text)

    with sync_playwright() as playwright:

        def start(*flags: str, **options: object) -> BrowserContext:
            context = playwright.chromium.launch_persistent_context(
                tmp_path / f"profile{len(opened)}", executable_path=chromium, args=[*FLAGS, *flags], **options
            )
            context.set_default_timeout(15_000)
            context.on("console", heard)
            context.on("weberror", lambda error: complaints.append(str(error.error)))
            opened.append(context)
            return context

        yield start
        for context in opened:
            context.close()
    assert not complaints


@pytest.fixture
def page(browse: Browse, server: Server) -> Page:
    tab = browse().pages[0]
    tab.goto(server.url)
    tab.wait_for_selector("#ink")
    return tab


def wait_for_text(page: Page, text: str) -> None:
    """Until the page reads this."""
    page.wait_for_function("text => document.body.dataset.read === text", arg=text)


@pytest.fixture(scope="session")
def draw():  # type: ignore[no-untyped-def]
    """What tests draw with; test modules can't import from here."""
    return SimpleNamespace(write=write_on_pad, wait_for_text=wait_for_text, ink_of=write_number, PIXEL=PIXEL)


@pytest.fixture
def serve(built_page: Path, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers with flags of their own."""
    running: list[Server] = []

    def start(*flags: str) -> Server:
        running.append(Server(tmp_path, *flags))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def sub_path(own_server: Server) -> Iterator[str]:
    """The server behind a proxy that shows it as /digits/ of another host, as in docs/guides/deploy.md."""

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not self.path.startswith("/digits/"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            upstream = HTTPConnection("127.0.0.1", own_server.port)
            upstream.request(self.command, self.path.removeprefix("/digits"), body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            upstream.close()

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as host:
        Thread(target=host.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{host.server_port}/digits/"
        host.shutdown()


@pytest.fixture
def static_host(built_page: Path) -> Iterator[str]:
    """The page in a folder of a host that knows nothing of Tenfold."""

    class Quiet(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return super().translate_path(path.removeprefix("/digits"))

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built_page))) as host:
        Thread(target=host.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{host.server_port}/digits/"
        host.shutdown()
