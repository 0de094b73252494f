"""Slow, oversized and aborted requests: each gets its status, and memory stays bounded."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# With limits that a test can wait for.
SERVER = """
import logging, sys
from pathlib import Path
from tenfold.serve.server import listen, serve
from tenfold.serve.settings import ServeSettings
logging.basicConfig(level="WARNING")
listener = listen("127.0.0.1", 0)
settings = ServeSettings(web_app=Path("nowhere"), database=sys.argv[1], body_seconds=0.8, header_seconds=0.8,
                         linger_seconds=0.3, keep_alive_seconds=3, connections=20, shutdown_seconds=5)
serve(settings, listener, lambda: print(listener.getsockname()[1], flush=True))
"""
HEAD = b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"


class Server:
    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-W", "error", "-c", SERVER, f"sqlite:///{folder / 'feedback.sqlite'}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def rss_mb(self) -> float:
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4096 / 1e6

    def stop(self) -> tuple[int, str]:
        """How it ended, and what it said on stderr."""
        self.process.send_signal(signal.SIGTERM)
        _, output = self.process.communicate(timeout=15)
        return self.process.returncode, output


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("limits"))
    yield made
    code, output = made.stop()
    assert code == 0
    assert "Traceback" not in output


def answer(connection: socket.socket) -> tuple[int, dict[str, str], Any]:
    """Until the server closes, or the answer is whole: status, headers, JSON."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        assert part, "closed without an answer"
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65536)
    return int(first.split()[1]), headers, json.loads(body)


def upload(connection: socket.socket, total: int, wrap: bool) -> int:
    """Sends until the server has had enough, and says how much that was."""
    sent, block = 0, bytes(1_000_000)
    piece = b"%x\r\n%s\r\n" % (len(block), block) if wrap else block
    with contextlib.suppress(ConnectionError):
        while sent < total:
            connection.sendall(piece)
            sent += len(block)
    return sent


@pytest.mark.parametrize("length", [b"Content-Length: 1000000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
def test_a_gigabyte_is_rejected_early(server: Server, length: bytes) -> None:
    before = server.rss_mb()
    with server.connect() as connection:
        connection.sendall(HEAD + length)
        if length.startswith(b"Transfer"):
            upload(connection, 40_000_000, wrap=True)  # The limit is 32 MB.
        status, headers, body = answer(connection)
        started = time.monotonic()
        assert upload(connection, 10**9, wrap=False) < 10**9
        assert time.monotonic() - started < 5
    assert (status, body["status"], headers["connection"]) == (413, 413, "close")
    assert server.rss_mb() < before + 100


def test_json_is_limited_to_a_megabyte(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /v1/read-strokes HTTP/1.1\r\nHost: l\r\nContent-Type: application/json\r\n"
                           b"Content-Length: 2000000\r\n\r\n")  # fmt: skip
        assert answer(connection)[0] == 413


def test_expect_100_continue_is_rejected_before_the_body(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 1000000000\r\n\r\n")
        assert answer(connection)[0] == 413


@pytest.mark.parametrize("sent", [b"", b"\x89PNG"])
def test_a_slow_body(server: Server, sent: bytes) -> None:
    with server.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n" + sent)
        status, headers, _ = answer(connection)
        assert (status, headers["connection"]) == (408, "close")
        assert connection.recv(1) == b""


def test_a_body_that_trickles(server: Server) -> None:
    """Each byte comes in time, but all of them would take for ever."""
    with server.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - started < 1.5:
                connection.sendall(b"x")
                time.sleep(0.05)
        assert answer(connection)[0] == 408


@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: l\r\n\r\n"])
@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nX-Slow: x", b"\r\n"])
def test_a_slow_head(server: Server, before: bytes, sent: bytes) -> None:
    with server.connect() as connection:
        if before:
            connection.sendall(before)
            assert answer(connection)[0] == 200
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent)
            while sent and time.monotonic() - started < 1.5:
                connection.sendall(b"x" if sent.endswith(b"x") else sent)
                time.sleep(0.05)
        if sent or not before:
            assert answer(connection)[0] == 408
        # A kept connection that says nothing is closed without a word.
        assert connection.recv(1) == b""
        assert time.monotonic() - started < 4


def test_an_endless_head(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            for number in range(100_000):
                connection.sendall(b"X-%d: y\r\n" % number)
        assert answer(connection)[0] == 431


def test_what_is_not_http(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        status, headers, body = answer(connection)
    assert (status, headers["content-type"], body["status"]) == (400, "application/problem+json", 400)


def test_the_number_of_connections_is_limited(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(server.connect())
        with server.connect() as connection, contextlib.suppress(ConnectionError):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: l\r\n\r\n")
            assert connection.recv(1) == b""


def test_a_client_that_disconnects_is_not_a_server_error(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\nhalf")
    time.sleep(0.3)
    with server.connect() as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: l\r\nConnection: close\r\n\r\n")
        received = b""
        while part := connection.recv(65536):
            received += part
    assert b'tenfold_requests_total{route="/v1/read",status="499"}' in received
    assert b'status="500"' not in received


def test_a_web_app_that_is_not_built(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: l\r\n\r\n")
        status, _, body = answer(connection)
    assert status == 404
    assert "make web-app" in body["detail"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_running_requests_finish_before_shutdown(tmp_path: Path, how: signal.Signals) -> None:
    server = Server(tmp_path)
    body = b'{"strokes": [[[0, 0], [0, 9]]]}'
    head = "POST /v1/read-strokes HTTP/1.1\r\nHost: l\r\nContent-Type: application/json\r\nContent-Length: "
    with server.connect() as idle, server.connect() as connection:
        connection.sendall(f"{head}{len(body)}\r\n\r\n".encode() + body[:5])
        time.sleep(0.2)
        server.process.send_signal(how)
        time.sleep(0.3)
        connection.sendall(body[5:])
        assert answer(connection)[0] == 200
        assert idle.recv(1) == b""
    _, output = server.process.communicate(timeout=10)
    assert server.process.returncode == 0
    assert output == ""
