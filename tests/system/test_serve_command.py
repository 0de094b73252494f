"""The command `tenfold serve`: output, addresses, shutdown and durability."""

import concurrent.futures
import contextlib
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tenfold import cli
from tenfold.serve.feedback import FeedbackStore

SERVE = [sys.executable, "-W", "error", "-m", "tenfold", "serve"]


def test_it_listens_on_loopback_and_stops_cleanly(serving, tmp_path: Path) -> None:
    with serving(tmp_path) as (process, document):
        (url,) = document["urls"]
        assert urlsplit(url).hostname == "127.0.0.1"
        assert document["token"] is None
        assert httpx.get(f"{url}readyz").json() == {"status": "ok"}
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=15)
    assert process.returncode == 0
    assert said == f"{url}\nPress Ctrl-C to stop.\n"


def test_https_with_a_certificate_that_a_phone_can_trust(serving, tmp_path: Path) -> None:
    with serving(tmp_path, "--https", "--no-feedback") as (_, document):
        url, *_ = document["urls"]
        port = urlsplit(url).port
        folder = tmp_path / "tenfold" / "https"
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        for host in ("localhost", "127.0.0.1"):
            answer = httpx.get(f"https://{host}:{port}/tenfold-ca.crt", verify=context)
            # The key is for this machine alone: a phone gets the certificate that follows it.
            key, begin, certificate = (folder / "ca.pem").read_bytes().partition(b"-----BEGIN CERTIFICATE")
            assert b"KEY" in key
            assert answer.content == begin + certificate
        for path in folder.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"KEY" not in answer.content


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([*SERVE, "--port", str(port), "--no-feedback"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: cannot listen on 127.0.0.1:{port}: the port is in use")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["--port", "70000"], 2, "from 0 to 65535"),
        (["--token", "two words"], 2, "without spaces"),
        (["--host", "203.0.113.1"], 1, "no such address"),
        (["--model", "gone.onnx", "--no-feedback", "--port", "0"], 1, "no such file"),
    ],
)
def test_usage_errors(capsys: pytest.CaptureFixture[str], words: Sequence[str], code: int, expected: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["serve", *words])
    assert stopped.value.code == code
    assert expected in capsys.readouterr().err


def test_a_public_address_generates_a_token_and_shows_a_qr_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    seen: list[Any] = []

    def run(settings: Any, listener: socket.socket, started: Any, tls: Any) -> None:
        seen.extend([settings, tls])
        started()

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("tenfold.serve.server.serve", run)
    monkeypatch.setattr("tenfold.serve.server.lan_addresses", lambda: ["192.168.1.20"])
    with pytest.raises(SystemExit) as stopped:
        cli.main(["serve", "--https", "--port", "0"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    settings, tls = seen
    assert len(settings.token) >= 16
    assert f"https://192.168.1.20:{printed.split(':')[2].split('/')[0]}/#token={settings.token}\n" in printed
    assert printed.count("█") > 100
    assert "iPhone" in printed
    assert "Android" in printed
    assert tls.is_file()
    assert settings.ca.startswith(b"-----BEGIN CERTIFICATE")


def test_behind_a_proxy_feedback_requires_a_token(serving, tmp_path: Path) -> None:
    with serving(tmp_path, "--trust-proxy") as (_, document):
        url, _, end = document["urls"][0].partition("#")
        assert end == f"token={document['token']}"
        assert httpx.post(f"{url}v1/feedback", json={}).status_code == 401


def test_acknowledged_samples_survive_a_kill(serving, feedback_sample, tmp_path: Path) -> None:
    enough = threading.Event()

    def send(client: httpx.Client, url: str) -> list[str]:
        acknowledged: list[str] = []
        with contextlib.suppress(httpx.HTTPError):
            while len(acknowledged) < 1000:
                made = feedback_sample()
                assert client.post(f"{url}v1/feedback", json=made).status_code == 201
                acknowledged.append(made["id"])
                if len(acknowledged) == 20:
                    enough.set()
        return acknowledged

    database = f"sqlite:///{tmp_path / 'feedback.db'}"
    with (
        serving(tmp_path, "--database", database) as (process, document),
        httpx.Client() as client,
        concurrent.futures.ThreadPoolExecutor(4) as pool,
    ):
        sending = [pool.submit(send, client, document["urls"][0]) for _ in range(4)]
        assert enough.wait(20)
        process.kill()
        acknowledged = {one for sent in sending for one in sent.result(20)}
    store = FeedbackStore(database)
    try:
        assert acknowledged <= {str(sample.id) for sample in store}
    finally:
        store.close()
