"""What the server is made of: files, certificates, models, rates."""

import asyncio
import contextlib
import dataclasses
import gzip
import io
import json
import os
import shutil
import socket
import ssl
import stat
import threading
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from tenfold.errors import ModelError, RunError
from tenfold.reading.reader import Reader, Reading, shipped_model
from tenfold.runs.evaluate import evaluate
from tenfold.runs.export import export
from tenfold.runs.run import Run
from tenfold.serve.certificate import local_certificate
from tenfold.serve.middleware import RateLimiter, identify_client
from tenfold.serve.problems import ProblemError, on_http_exception
from tenfold.serve.reading_pool import BatchReader, ReadingPool
from tenfold.serve.served_models import load_models
from tenfold.serve.static_files import StaticFiles


@pytest.fixture
def web_app(tmp_path: Path) -> Path:
    """As Vite and its compression leave it."""
    folder = tmp_path / "web_app"
    (folder / "assets").mkdir(parents=True)
    files = {
        "index.html": "<!doctype html>", "sw.js": "//", "manifest.webmanifest": "{}", "icon.svg": "<svg/>",
        "assets/index-abc.js": "let page", "assets/reader-abc.10fd": "10FD",
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
        (folder / f"{name}.br").write_bytes(b"br:" + text.encode())
    (tmp_path / "secret.txt").write_text("secret")
    return folder


def get(files: StaticFiles, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        app = Starlette(exception_handlers={HTTPException: on_http_exception})
        app.router.default = files
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            # As it is on the wire: httpx would undo what is encoded.
            async with client.stream(method, path, headers={"accept-encoding": "", **names}) as answer:
                answer._content = b"".join([part async for part in answer.aiter_raw()])
                return answer

    return asyncio.run(ask())


def test_the_web_app_is_served_compressed_and_cached(web_app: Path) -> None:
    files = StaticFiles(web_app, [], None)
    index = get(files, "/")
    assert (index.content, index.headers["cache-control"]) == (b"<!doctype html>", "no-cache")
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    assert index.headers["vary"] == "Accept-Encoding"
    asset = get(files, "/assets/index-abc.js", accept_encoding="gzip, deflate, br")
    assert (asset.headers["content-encoding"], asset.content) == ("br", b"br:let page")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["content-type"] == "text/javascript; charset=utf-8"
    for accepted in ("gzip", "br;q=0, gzip;q=0.5", "br;q=0.0,*"):
        assert get(files, "/assets/index-abc.js", accept_encoding=accepted).headers["content-encoding"] == "gzip"
    for name, kind in (
        ("sw.js", "text/javascript; charset=utf-8"),
        ("manifest.webmanifest", "application/manifest+json"),
        ("icon.svg", "image/svg+xml"),
        ("assets/reader-abc.10fd", "application/octet-stream"),
    ):
        assert get(files, f"/{name}").headers["content-type"] == kind


def test_etags_save_transfers(web_app: Path) -> None:
    files = StaticFiles(web_app, [], None)
    first = get(files, "/")
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = get(files, "/", if_none_match=known)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert get(files, "/", accept_encoding="br", if_none_match=first.headers["etag"]).status_code == 200


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", 
                                  "//etc/passwd", "/index.html.gz", "/assets", "/assets/"])  # fmt: skip
def test_no_other_file_is_served(web_app: Path, path: str) -> None:
    assert get(StaticFiles(web_app, [], None), path).status_code == 404


def test_files_are_read_only(web_app: Path) -> None:
    refused = get(StaticFiles(web_app, [], None), "/index.html", "POST")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


def test_phones_can_load_the_ca(web_app: Path) -> None:
    answer = get(StaticFiles(web_app, [], b"PEM"), "/tenfold-ca.crt")
    assert (answer.content, answer.headers["content-type"]) == (b"PEM", "application/x-x509-ca-cert")


def test_large_images_are_read_one_at_a_time() -> None:
    pool, running, most = ReadingPool(4, 20), [0], [0]

    def work() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.01)
        running[0] -= 1

    async def many() -> list[object]:
        return await asyncio.gather(*(pool.run_large(work) for _ in range(12)), return_exceptions=True)

    refused = [one for one in asyncio.run(many()) if one]
    pool.close()
    assert most == [1]
    assert [one.status_code for one in refused if isinstance(one, ProblemError)] == [503] * 4


def test_an_unexpected_error_of_one_image_does_not_fail_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Reader.read_each

    def broken(reader: Reader, images: list[bytes]) -> object:
        if b"bad" in images:
            raise RuntimeError
        return read(reader, images)

    monkeypatch.setattr(Reader, "read_each", broken)
    content = io.BytesIO()
    Image.new("L", (28, 28), 255).save(content, "PNG")
    pool = ReadingPool(1, 8)
    batch = BatchReader(Reader(), pool)

    async def both() -> list[object]:
        return await asyncio.gather(batch.read(content.getvalue()), batch.read(b"bad"), return_exceptions=True)

    good, bad = asyncio.run(both())
    pool.close()
    assert isinstance(good, Reading)
    assert isinstance(bad, RuntimeError)


def test_a_burst_and_then_a_rate() -> None:
    now = [0.0]
    rates = RateLimiter(2, 3, 2, lambda: now[0])
    assert [rates.acquire("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert rates.acquire("b") == 0
    now[0] = 0.5
    assert [rates.acquire("a"), rates.acquire("a")] == [0, 0.5]
    rates.acquire("b"), rates.acquire("c")  # of three addresses, two are remembered
    assert len(rates._buckets) == 2
    assert rates.acquire("a") == 0
    now[0] = 3600  # A client that was silent for long may send a burst, and no more.
    assert [rates.acquire("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_clients_are_identified_by_address() -> None:
    assert identify_client("192.0.2.1") == ("192.0.2.1", False)
    assert identify_client("127.0.0.5") == ("127.0.0.5", True)
    assert identify_client("::ffff:127.0.0.1") == ("127.0.0.1", True)
    assert identify_client("2001:db8:1:2:3::1") == identify_client("2001:db8:1:2:4::9")
    assert identify_client("::1")[1]
    assert identify_client("x" * 1000) == ("x" * 64, False)


def handshake(made: tuple[Path, bytes], address: str, host: str) -> str | None:
    """A handshake with a client that trusts the authority alone; what it says against the certificate."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made[0])
    client = ssl.create_default_context(cadata=made[1].decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_server((address, 0)) as listener:

        def accept() -> None:
            taken, _ = listener.accept()
            with taken, contextlib.suppress(OSError):
                server.wrap_socket(taken, server_side=True).close()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname()) as plain,
                client.wrap_socket(plain, server_hostname=host),
            ):
                return None
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        finally:
            thread.join()


def test_the_certificate_is_valid_for_its_hosts_only(tmp_path: Path) -> None:
    made = local_certificate(tmp_path, ["192.168.1.20", "203.0.113.9", "reader.example"])
    for host in ("localhost", "127.0.0.1", "::1", "192.168.1.20", "203.0.113.9", "reader.example"):
        assert handshake(made, "127.0.0.1", host) is None, host
    for host in ("192.168.1.21", "example.com"):
        assert "mismatch" in str(handshake(made, "127.0.0.1", host))
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"KEY" not in made[1]


def test_the_ca_is_kept_when_addresses_change(tmp_path: Path) -> None:
    server, ca = local_certificate(tmp_path, ["192.168.1.20"])
    certificate = server.read_bytes()
    local_certificate(tmp_path, ["192.168.1.20"])
    assert server.read_bytes() == certificate
    again = local_certificate(tmp_path, ["10.0.0.7"])
    assert again[1] == ca
    assert handshake(again, "127.0.0.1", "10.0.0.7") is None
    # An address of the world outside needs another authority; a damaged file is made anew.
    again = local_certificate(tmp_path, ["203.0.113.9"])
    assert again[1] != ca
    assert handshake(again, "127.0.0.1", "203.0.113.9") is None
    server.write_text("damaged")
    assert handshake(local_certificate(tmp_path, []), "127.0.0.1", "localhost") is None


def test_a_stolen_ca_key_cannot_sign_for_other_sites(tmp_path: Path) -> None:
    from tenfold.serve import certificate as c

    made = local_certificate(tmp_path, [])
    ca = c._load(tmp_path / "ca.pem")
    assert ca is not None
    c._write(made[0], c._create_server({c._general_name("bank.example")}, ca))
    assert "permitted subtree" in str(handshake(made, "127.0.0.1", "bank.example"))


def test_the_shipped_model_is_served() -> None:
    (model,) = load_models([]).values()
    assert model.content == shipped_model().with_suffix(".10fd").read_bytes()
    assert model.about.accuracy is not None
    assert model.about.accuracy > 0.99
    assert model.about.url == f"models/reader-{model.about.digest[:12]}.10fd"


@pytest.fixture(scope="module")
def served_run(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy that a test may change, not evaluated yet, whatever was done to the run before."""
    folder = tmp_path_factory.mktemp("served") / "My Run 1"
    shutil.copytree(run.path, folder)
    (folder / "metrics.json").write_text(json.dumps({"training": dataclasses.asdict(run.training)}))
    return Run.load(folder)


def test_a_run_is_exported_if_its_files_are_missing_or_old(served_run: Run) -> None:
    folder = served_run.path
    before = sorted(path.name for path in folder.iterdir())
    model = load_models([str(folder), str(folder)])["my-run-1"]
    assert sorted(path.name for path in folder.iterdir()) == before  # what was lacking was written elsewhere
    assert (model.about.title, model.about.accuracy, model.about.accuracy_on) == ("My Run 1", None, None)
    assert model.content[:4] == b"10FD"
    assert model.about.parameters == served_run.training.parameters
    assert list(load_models([str(folder), str(folder)])) == ["reader", "my-run-1", "my-run-1-2"]
    # With files of its own, PyTorch is not needed; but not where the run was calibrated after they were written.
    export(served_run, "web")
    evaluate(served_run)
    known = load_models([str(folder)])["my-run-1"]
    assert known.about.accuracy == Run.load(folder).test.accuracy
    assert known.about.accuracy_on == "small.npz test images"
    (folder / "calibration.json").write_text(json.dumps({"temperature": 2.0, "unsure_below": 0.25}))
    later = time.time() + 10
    os.utime(folder / "calibration.json", (later, later))
    calibrated = load_models([str(folder)])["my-run-1"]
    assert calibrated.reader.unsure_below == 0.25
    assert calibrated.about.digest != known.about.digest


def test_an_exported_pair_of_files_is_served(served_run: Run, tmp_path: Path) -> None:
    onnx = export(served_run, "onnx", tmp_path / "mine.onnx").path
    with pytest.raises(ModelError, match=r"mine\.10fd: no such file; create it with tenfold export"):
        load_models([str(onnx)])
    web = export(served_run, "web", tmp_path / "mine.10fd").path
    model = load_models([str(onnx)])["mine"]
    assert (model.about.accuracy, model.about.parameters) == (None, served_run.training.parameters)
    assert isinstance(model.reader, Reader)
    web.write_bytes(b"10FD\xff\xff\0\0{")
    with pytest.raises(ModelError, match=r"damaged.*export it again"):
        load_models([str(onnx)])


def test_missing_models(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        load_models([str(tmp_path / "gone.onnx")])
    with pytest.raises(RunError, match="not a run"):
        load_models([str(tmp_path)])
