"""The HTTP API: answers, and errors that name what is wrong with a request."""

import asyncio
import base64
import io
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tenfold import Reader
from tenfold.data import Dataset
from tenfold.errors import StoreBusyError, StoreError
from tenfold.serve import ServeSettings, create_app
from tenfold.serve.feedback import FeedbackStore

PNG = {"Content-Type": "image/png"}
JSON = {"Content-Type": "application/json"}


class Client:
    """Asks an app in this process. many: several requests at a time."""

    def __init__(self, app: Any, address: str = "127.0.0.1", base: str = "http://localhost") -> None:
        self.app, self.address, self.base = app, address, base

    def __call__(self, method: str, path: str, **what: Any) -> httpx.Response:
        return self.many([(method, path, what)])[0]

    def many(self, requests: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
        async def ask() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.app, client=(self.address, 1))
            async with httpx.AsyncClient(transport=transport, base_url=self.base) as client:
                return await asyncio.gather(*(client.request(m, path, **what) for m, path, what in requests))

        return asyncio.run(ask())


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Makes a client of a new app with these settings."""
    apps = []

    def make(address: str = "127.0.0.1", base: str = "http://localhost", **settings: Any) -> Client:
        database = f"sqlite:///{tmp_path / f'{len(apps)}.sqlite'}"
        apps.append(create_app(ServeSettings(**{"database": database, **settings})))
        return Client(apps[-1], address, base)

    async def end() -> None:
        for app in apps:
            async with app.router.lifespan_context(app):
                pass

    yield make
    asyncio.run(end())


@pytest.fixture(scope="module")
def digits(mnist: Dataset) -> list[bytes]:
    return [png(np.array(pixels)) for pixels in mnist.test_images[:20]]


def png(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def sample(**changes: Any) -> dict[str, Any]:
    made = {
        "id": str(uuid.uuid4()), "label": 7, "predicted": 1, "confidence": 0.6, "probabilities": [0.1] * 10,
        "pixels": base64.b64encode(bytes([255] * 784)).decode(), "strokes": [[[0, 0], [1.5, 2]]], "source": "draw",
        "model_digest": "a" * 64, "created_at": "2026-11-23T10:00:00.123+01:00",
    }  # fmt: skip
    return {**made, **changes}


def problem(answer: httpx.Response, status: int) -> str:
    """Its detail; every error has this one shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document.keys() == {"type", "title", "status", "detail"}
    assert document["status"] == status
    assert "Traceback" not in answer.text
    return str(document["detail"])


def test_reads_as_the_reader_does(client: Callable[..., Client], digits: list[bytes]) -> None:
    ask, reader = client(), Reader()
    answers = ask.many([("POST", "/v1/read?pixels=true", {"content": d, "headers": PNG}) for d in digits])
    for digit, answer in zip(digits, answers, strict=True):
        read, body = reader.read(digit), answer.json()
        assert (body["digit"], body["unsure"], body["box"]) == (read.digit, read.unsure, None)
        assert body["confidence"] == pytest.approx(read.confidence, abs=2e-6)
        assert body["probabilities"] == pytest.approx(read.probabilities.tolist(), abs=2e-6)
        assert base64.b64decode(body["pixels"]) == read.pixels.tobytes()
        assert body["model"]["name"] == "reader"


def test_invalid_images_do_not_fail_others_of_their_batch(client: Callable[..., Client], digits: list[bytes]) -> None:
    """Small pictures are read together, and some of these are cut short."""
    pictures = [digit[: len(digit) // 2] if place % 3 == 0 else digit for place, digit in enumerate(digits)]
    answers = client(feedback=False).many([("POST", "/v1/read", {"content": p, "headers": PNG}) for p in pictures])
    for place, (digit, answer) in enumerate(zip(digits, answers, strict=True)):
        if place % 3 == 0:
            assert "can't be decoded" in problem(answer, 400)
        else:
            assert answer.json()["digit"] == Reader().read(digit).digit


def test_accepts_forms_and_other_formats(client: Callable[..., Client], mnist: Dataset) -> None:
    ask, pixels = client(), np.kron(np.array(mnist.test_images[0]), np.ones((4, 4), np.uint8))
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        form = {"image": (f"seven.{kind}", png(pixels, kind), f"image/{kind.lower()}")}
        assert ask("POST", "/v1/read", files=form).json()["digit"] == 7, kind
        raw = ask("POST", "/v1/read", content=png(pixels, kind), headers={"Content-Type": f"image/{kind.lower()}"})
        assert raw.json()["digit"] == 7, kind


def test_reads_numbers_and_strokes(client: Callable[..., Client], mnist: Dataset) -> None:
    ask = client()
    page = np.zeros((60, 200), np.uint8)
    for place, index in enumerate((0, 2, 1)):  # 7, 1, 2
        page[16:44, 20 + 60 * place : 48 + 60 * place] = mnist.test_images[index]
    number = ask("POST", "/v1/read-number", content=png(255 - page), headers=PNG).json()
    assert number["text"] == "712"
    assert [digit["digit"] for digit in number["digits"]] == [7, 1, 2]
    assert all(len(digit["box"]) == 4 for digit in number["digits"])
    one = [[[10, 0], [10, 20], [10, 40]]]
    assert ask("POST", "/v1/read-strokes", json={"strokes": one}).json()["digit"] == 1
    two = [*one, [[40, 0], [40, 40]]]
    assert ask("POST", "/v1/read-strokes", json={"strokes": two, "several": True}).json()["text"] == "11"
    assert ask("POST", "/v1/read-strokes", json={"strokes": []}).json()["unsure"] is True


def test_models_are_listed_and_served(client: Callable[..., Client]) -> None:
    ask = client()
    model = ask("GET", "/v1/models").json()["models"][0]
    assert (model["name"], model["default"], model["accuracy_on"]) == ("reader", True, "MNIST test images")
    file = ask("GET", f"/{model['url']}", headers={"Accept-Encoding": "identity"})
    assert file.headers["content-type"] == "application/octet-stream"
    assert "immutable" in file.headers["cache-control"]
    assert len(file.content) == model["size_bytes"]
    assert ask("POST", "/v1/read?model=reader", content=png(np.zeros((28, 28), np.uint8)), headers=PNG).is_success
    assert "'reader'" in problem(ask("POST", "/v1/read?model=raeder", content=b"", headers=PNG), 422)
    assert "pixels" in problem(ask("POST", "/v1/read?pixels=maybe", content=b"", headers=PNG), 422)


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (415, b"{}", "application/json"),
        (415, b"", ""),
        (400, b"", "image/png"),
        (400, b"\x89PNG but no more", "image/png"),
        (400, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "image/eps"),
        (400, b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (400, b"no form", "multipart/form-data; boundary=x"),
        (400, b"--x", "multipart/form-data"),
        (422, b'--x\r\nContent-Disposition: form-data; name="photo"\r\n\r\n1\r\n--x--\r\n',
         "multipart/form-data; boundary=x"),
        (415, b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\nContent-Type: text/plain\r\n\r\n1'
         b"\r\n--x--\r\n", "multipart/form-data; boundary=x"),
    ],
)  # fmt: skip
def test_invalid_images_are_rejected(client: Callable[..., Client], status: int, content: bytes, kind: str) -> None:
    for path in ("/v1/read", "/v1/read-number"):
        problem(client(feedback=False)("POST", path, content=content, headers={"Content-Type": kind}), status)


def test_a_decompression_bomb_is_never_decoded(client: Callable[..., Client]) -> None:
    # A header that promises 30,000 x 30,000 pixels; the rest of the file does not matter.
    bomb = png(np.zeros((28, 28), np.uint8))
    bomb = bomb[:16] + (30_000).to_bytes(4, "big") * 2 + bomb[24:]
    import zlib

    bomb = bomb[:29] + zlib.crc32(bomb[12:29]).to_bytes(4, "big") + bomb[33:]
    for path in ("/v1/read", "/v1/read-number"):
        assert "64 megapixels" in problem(client(feedback=False)("POST", path, content=bomb, headers=PNG), 413)


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (400, "{"),
        (400, ""),
        (422, '{"strokes": [[[0, NaN]]]}'),
        (422, '{"strokes": [[[0, 1e400]]]}'),
        (422, '{"strokes": [[[0, 1e31]]]}'),
        (422, '{"strokes": [[[0]]]}'),
        (422, '{"strokes": [[["0", "1"]]]}'),
        (422, '{"strokes": null}'),
        (422, '{"strokes": [], "severl": true}'),
        (422, "[]"),
        (422, "{}"),
    ],
)
def test_invalid_strokes_are_rejected(client: Callable[..., Client], status: int, content: str) -> None:
    problem(client(feedback=False)("POST", "/v1/read-strokes", content=content, headers=JSON), status)


def test_a_sample_is_stored_once(client: Callable[..., Client]) -> None:
    ask, sent = client(), sample()
    for status in (201, 200, 200):
        answer = ask("POST", "/v1/feedback", json=sent)
        assert (answer.status_code, answer.json()) == (status, {"id": sent["id"]})
    least = sample(predicted=None, confidence=None, probabilities=None, strokes=None, model_digest=None, source="api")
    assert ask("POST", "/v1/feedback", json=least).status_code == 201
    assert 'tenfold_feedback_total{outcome="stored"} 2.0' in ask("GET", "/metrics").text


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "7"}, {"label": 10}, {"label": "7"}, {"predicted": -1}, {"confidence": 1.5}, {"probabilities": [1]},
        {"pixels": base64.b64encode(bytes(783)).decode()}, {"pixels": "*" * 1048},
        {"pixels": base64.b64encode(bytes(784)).decode()}, {"source": "fax"},
        {"model_digest": "no"}, {"created_at": "2026-11-23T10:00:00"}, {"created_at": "yesterday"}, {"more": 1},
    ],
)  # fmt: skip
def test_what_is_no_sample(client: Callable[..., Client], changes: dict[str, Any]) -> None:
    problem(client()("POST", "/v1/feedback", json=sample(**changes)), 422)


def test_feedback_requires_the_token(client: Callable[..., Client]) -> None:
    ask = client(token="open sesame")
    for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": "open sesame"}, {"Authorization": "ä"}):
        encoded = {name: value.encode() for name, value in headers.items()}
        answer = ask("POST", "/v1/feedback", json=sample(), headers=encoded)
        problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
    authorized = {"Authorization": "Bearer open sesame"}
    assert ask("POST", "/v1/feedback", json=sample(), headers=authorized).status_code == 201


@pytest.mark.parametrize("error", [StoreError("the database is gone"), StoreBusyError("too many wait")])
def test_an_unavailable_database(
    client: Callable[..., Client], monkeypatch: pytest.MonkeyPatch, error: StoreError
) -> None:
    ask = client()

    def fail(*_: object) -> None:
        raise error

    assert ask("GET", "/readyz").status_code == 200
    monkeypatch.setattr(FeedbackStore, "add", fail)
    monkeypatch.setattr(FeedbackStore, "check", fail)
    for answer in (ask("POST", "/v1/feedback", json=sample()), ask("GET", "/readyz")):
        problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
    assert ask("GET", "/healthz").json() == {"status": "ok"}


def test_the_queue_is_bounded(
    client: Callable[..., Client], monkeypatch: pytest.MonkeyPatch, digits: list[bytes]
) -> None:
    ask, go, read = client(threads=1, queue=1, feedback=False), threading.Event(), Reader.read_each

    def slow(reader: Reader, images: list[bytes]) -> object:
        assert go.wait(10)
        return read(reader, images)

    monkeypatch.setattr(Reader, "read_each", slow)
    large = png(np.kron(np.array(Image.open(io.BytesIO(digits[0]))), np.ones((9, 9), np.uint8)))
    for picture in (large, digits[0]):  # one by one, and in batches
        go.clear()
        threading.Timer(0.2, go.set).start()
        answers = ask.many([("POST", "/v1/read", {"content": picture, "headers": PNG})] * 5)
        assert sorted(answer.status_code for answer in answers) == [200, 200, 503, 503, 503]
        refused = next(answer for answer in answers if answer.status_code == 503)
        problem(refused, 503)
        assert refused.headers["retry-after"] == "1"
        assert "tenfold_pool_in_use 0.0" in ask("GET", "/metrics").text


def test_too_many_requests(client: Callable[..., Client], digits: list[bytes]) -> None:
    rates: dict[str, Any] = {"rate_per_second": 0.01, "rate_burst": 2, "feedback": False}
    request = ("POST", "/v1/read", {"content": digits[0], "headers": PNG})
    answers = client("192.0.2.7", **rates).many([request] * 3)
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    problem(answers[2], 429)
    assert 90 <= int(answers[2].headers["retry-after"]) <= 100
    assert {answer.status_code for answer in client(**rates).many([request] * 9)} == {200}  # this machine
    through = {"content": digits[0], "headers": {**PNG, "X-Forwarded-For": "127.0.0.1, 192.0.2.7"}}
    behind = client(trust_proxy=True, **rates)
    assert [a.status_code for a in behind.many([("POST", "/v1/read", through)] * 3)] == [200, 200, 429]


def test_an_internal_error_logs_one_line(
    client: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    digits: list[bytes],
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret path")

    monkeypatch.setattr(Reader, "read_each", broken)
    answer = client(feedback=False)("POST", "/v1/read", content=digits[0], headers=PNG)
    assert "secret" not in problem(answer, 500)
    assert answer.headers["content-security-policy"]
    assert [record.getMessage() for record in caplog.records] == ["POST /v1/read: RuntimeError: secret path"]


def test_paths_and_methods(client: Callable[..., Client]) -> None:
    ask = client(feedback=False)
    assert "/nothing" in problem(ask("GET", "/nothing"), 404)
    problem(ask("POST", "/v1/feedback", json={}), 404)
    refused = ask("GET", "/v1/read")
    problem(refused, 405)
    assert refused.headers["allow"] == "POST"
    head = ask("HEAD", "/healthz")
    assert (head.status_code, head.content) == (200, b"")


def test_every_answer_has_security_headers(client: Callable[..., Client], digits: list[bytes]) -> None:
    ask = client(feedback=False)
    answers = [ask("GET", path) for path in ("/", "/healthz", "/nothing", "/v1/read", "/openapi.json")]
    answers.append(ask("POST", "/v1/read", content=digits[0], headers=PNG))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["permissions-policy"].startswith("camera=(self), ")
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "strict-transport-security" not in answer.headers
        assert "server" not in answer.headers
    https = client(base="https://tenfold.example", feedback=False)("GET", "/healthz")
    assert "max-age" in https.headers["strict-transport-security"]
    assert "strict-transport-security" not in client(base="https://localhost:8000", feedback=False)("GET", "/").headers


def test_metrics_count(client: Callable[..., Client], digits: list[bytes]) -> None:
    ask = client(feedback=False)
    ask.many([("POST", "/v1/read", {"content": digits[0], "headers": PNG})] * 3)
    ask("GET", "/wp-login.php")
    metrics = ask("GET", "/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert 'tenfold_requests_total{route="/v1/read",status="200"} 3.0' in metrics.text
    assert 'tenfold_request_seconds_count{route="/v1/read"} 3.0' in metrics.text
    assert 'tenfold_readings_total{digit="7",unsure="false"} 3.0' in metrics.text
    assert 'tenfold_requests_total{route="web-app",status="404"} 1.0' in metrics.text
    assert "wp-login" not in metrics.text


def test_the_document_names_every_route(client: Callable[..., Client]) -> None:
    document = client(token="t")("GET", "/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/v1/models", "/v1/read", "/v1/read-number", "/v1/read-strokes", "/v1/feedback", "/healthz", "/readyz",
        "/metrics",
    }  # fmt: skip
    assert document["paths"]["/v1/feedback"]["post"]["security"] == [{"token": []}]
    assert "image/png" in document["paths"]["/v1/read"]["post"]["requestBody"]["content"]
    json.dumps(document, allow_nan=False)
