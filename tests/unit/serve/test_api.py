"""The HTTP API: answers, and errors that name what is wrong with a request."""

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tenfold import Reader
from tenfold.data import Dataset
from tenfold.serve.reading_pool import ReadingPool
from tests.unit.serve.api_client import JSON, PNG, Client, png, problem


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


def test_a_photo_as_base64_is_accepted_and_other_json_of_its_size_is_not(client: Callable[..., Client]) -> None:
    photo = io.BytesIO()
    Image.new("L", (1200, 1200), 255).save(photo, "BMP")
    body = json.dumps({"image": base64.b64encode(photo.getvalue()).decode()}).encode()
    assert len(body) > 1_500_000
    answers = client().many([("POST", path, {"content": body, "headers": JSON}) for path in
                             ("/v1/read", "/v1/read-number", "/v1/read-strokes")])  # fmt: skip
    assert [answer.status_code for answer in answers] == [200, 200, 413]


def test_accepts_forms_and_other_formats(client: Callable[..., Client], mnist: Dataset) -> None:
    ask, pixels = client(), np.kron(np.array(mnist.test_images[0]), np.ones((4, 4), np.uint8))
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        form = {"image": (f"seven.{kind}", png(pixels, kind), f"image/{kind.lower()}")}
        assert ask("POST", "/v1/read", files=form).json()["digit"] == 7, kind
        raw = ask("POST", "/v1/read", content=png(pixels, kind), headers={"Content-Type": f"image/{kind.lower()}"})
        assert raw.json()["digit"] == 7, kind


@pytest.fixture
def form(mnist: Dataset) -> bytes:
    """A picture of 7 and 12, 200 by 60 pixels."""
    page = np.zeros((60, 200), np.uint8)
    for left, index in ((10, 0), (100, 2), (130, 1)):
        page[16:44, left : left + 28] = mnist.test_images[index]
    return png(255 - page)


def test_reads_numbers_and_strokes(client: Callable[..., Client], form: bytes) -> None:
    ask = client()
    number = ask("POST", "/v1/read-number?pixels=true", content=form, headers=PNG).json()
    read = Reader().read_number(form)
    assert number["text"] == read.text
    assert number["written"] == read.written
    assert number["confidence"] == pytest.approx(read.confidence, abs=2e-6)
    assert number["unsure"] is read.unsure
    assert [digit["digit"] for digit in number["digits"]] == [7, 1, 2]
    assert all(len(digit["box"]) == 4 for digit in number["digits"])
    assert all(
        base64.b64decode(d["pixels"]) == r.pixels.tobytes() for d, r in zip(number["digits"], read.digits, strict=True)
    )
    one = [[[10, 0], [10, 20], [10, 40]]]
    assert ask("POST", "/v1/read-strokes", json={"strokes": one}).json()["digit"] == 1
    two = [*one, [[40, 0], [40, 40]]]
    assert ask("POST", "/v1/read-strokes", json={"strokes": two, "several": True}).json()["text"] == "11"
    assert ask("POST", "/v1/read-strokes", json={"strokes": []}).json()["unsure"] is True


def test_reads_the_fields_of_a_form(client: Callable[..., Client], form: bytes) -> None:
    """As JSON, and as a part of a form, with the same answer."""
    ask, fields = client(feedback=False), [[90, 0, 200, 60], [0, 0, 60, 60], [45, 0, 90, 20]]
    as_json = {"image": base64.b64encode(form).decode(), "fields": fields}
    answer = ask("POST", "/v1/read-number", json=as_json).json()
    assert answer.keys() == {"fields"}
    assert [number["text"] for number in answer["fields"]] == ["12", "7", ""]
    assert [number["unsure"] for number in answer["fields"]] == [False, False, True]
    assert 90 <= answer["fields"][0]["digits"][0]["box"][0] <= 200
    parts: dict[str, Any] = {"files": {"image": form}, "data": {"fields": json.dumps(fields)}}
    assert ask("POST", "/v1/read-number", **parts).json() == answer
    assert ask("POST", "/v1/read-number", json={**as_json, "fields": []}).json() == {"fields": []}
    assert ask("POST", "/v1/read-number", json={**as_json, "fields": None}).json().keys() > {"text", "written"}


@pytest.mark.parametrize(
    ("status", "fields", "detail"),
    [
        (422, "[[0, 0, 201, 60]]", "not in the image"),
        (422, "[[0, 0, 60, 60], [60, 60, 0, 0]]", "not in the image"),
        (422, "[[0, 0, 60, 0]]", "not in the image"),
        (422, "[[-1, 0, 60, 60]]", "fields.0.0: "),
        (422, "[[0, 0, 60]]", "fields.0.3: "),
        (422, '[["0", 0, 60, 60]]', "fields.0.0: "),
        (422, "[[0, 0, NaN, 60]]", "fields.0.2: "),
        (422, "[0, 0, 60, 60]", "fields.0: "),
        (422, "7", "fields: "),
        (422, json.dumps([[0, 0, 1, 1]] * 201), "fields: "),
        (422, json.dumps([[0, 0, 200, 60]] * 3), "larger than 2 times the image"),
        # One that is upside down does not allow others.
        (422, json.dumps([[0, 0, 200, 60]] * 3 + [[200, 0, 0, 60]] * 3), "larger than 2 times the image"),
        (400, "[[0, 0,", ""),
    ],
)
def test_invalid_fields_are_rejected(
    client: Callable[..., Client], form: bytes, status: int, fields: str, detail: str
) -> None:
    ask, image = client(feedback=False), base64.b64encode(form).decode()
    body = f'{{"image": "{image}", "fields": {fields}}}'
    assert detail in problem(ask("POST", "/v1/read-number", content=body, headers=JSON), status)
    parts: dict[str, Any] = {"files": {"image": form}, "data": {"fields": fields}}
    assert detail in problem(ask("POST", "/v1/read-number", **parts), status)


def test_a_digit_has_no_fields(client: Callable[..., Client], form: bytes) -> None:
    body = {"image": base64.b64encode(form).decode(), "fields": [[0, 0, 60, 60]]}
    assert "fields" in problem(client(feedback=False)("POST", "/v1/read", json=body), 422)


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
        (422, b"{}", "application/json"),
        (422, b'{"image": "no base64!"}', "application/json"),
        (400, b'{"image": "aGVsbG8="}', "application/json"),
        (400, b"", ""),
        (400, b"", "image/png"),
        (400, b"\x89PNG but no more", "image/png"),
        (400, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "image/eps"),
        (400, b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (400, b"no form", "multipart/form-data; boundary=x"),
        (400, b"--x", "multipart/form-data"),
        (422, b'--x\r\nContent-Disposition: form-data; name="photo"\r\n\r\n1\r\n--x--\r\n',
         "multipart/form-data; boundary=x"),
        (400, b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\nContent-Type: text/plain\r\n\r\n1'
         b"\r\n--x--\r\n", "multipart/form-data; boundary=x"),
    ],
)  # fmt: skip
def test_invalid_images_are_rejected(client: Callable[..., Client], status: int, content: bytes, kind: str) -> None:
    for path in ("/v1/read", "/v1/read-number"):
        problem(client(feedback=False)("POST", path, content=content, headers={"Content-Type": kind}), status)


@pytest.mark.parametrize("kind", ["", "application/octet-stream", "application/x-www-form-urlencoded", "image/jpeg"])
def test_the_first_bytes_decide_what_an_image_is(
    client: Callable[..., Client], digits: list[bytes], reader: Reader, kind: str
) -> None:
    ask, digit = client(feedback=False), reader.read(digits[0]).digit
    assert ask("POST", "/v1/read", content=digits[0], headers={"Content-Type": kind}).json()["digit"] == digit
    declared = {"image": ("seven", digits[0], kind)} if kind else {"image": digits[0]}
    assert ask("POST", "/v1/read", files=declared).json()["digit"] == digit


def test_an_image_may_come_as_base64(client: Callable[..., Client], digits: list[bytes], reader: Reader) -> None:
    ask, text = client(feedback=False), base64.b64encode(digits[0]).decode()
    for image in (text, f"data:image/png;base64,{text}"):
        answer = ask("POST", "/v1/read", json={"image": image})
        assert answer.json()["digit"] == reader.read(digits[0]).digit


def test_other_sites_may_call_where_that_is_set(client: Callable[..., Client], digits: list[bytes]) -> None:
    origin = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in client(feedback=False)("OPTIONS", "/v1/read", headers=origin).headers
    ask = client(feedback=False, allow_origins=("https://example.org",))
    asked = ask("OPTIONS", "/v1/read", headers={**origin, "Access-Control-Request-Headers": "content-type"})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "https://example.org")
    read = ask("POST", "/v1/read", content=digits[0], headers={**PNG, "Origin": "https://example.org"})
    assert read.headers["access-control-allow-origin"] == "https://example.org"
    other = ask("POST", "/v1/read", content=digits[0], headers={**PNG, "Origin": "https://other.org"})
    assert "access-control-allow-origin" not in other.headers
    problem(ask("POST", "/v1/read", content=b"none", headers={**PNG, "Origin": "https://example.org"}), 400)


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


def test_large_images_are_read_one_at_a_time(client: Callable[..., Client], monkeypatch: pytest.MonkeyPatch) -> None:
    alone, run_large = [], ReadingPool.run_large
    monkeypatch.setattr("tenfold.serve.routes._LARGE_PIXELS", 400 * 400)
    monkeypatch.setattr(ReadingPool, "run_large", lambda self, *work: alone.append(work) or run_large(self, *work))
    ask = client(feedback=False)
    for side, count in ((400, 0), (401, 1)):
        content = png(np.full((side, side), 255, np.uint8))
        assert ask("POST", "/v1/read-number", content=content, headers=PNG).status_code == 200
        assert len(alone) == count


def test_the_bodies_in_memory_are_counted_while_they_are_there(
    client: Callable[..., Client], digits: list[bytes]
) -> None:
    ask = client(held_bytes=2 * len(digits[0]), feedback=False)
    for _ in range(5):
        assert ask("POST", "/v1/read", content=digits[0], headers=PNG).status_code == 200
    answer = ask("POST", "/v1/read", content=digits[0] + bytes(2 * len(digits[0])), headers=PNG)
    assert "too many large images" in problem(answer, 503)
    assert ask("POST", "/v1/read", content=digits[0], headers=PNG).status_code == 200


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
        assert "script-src 'self' 'wasm-unsafe-eval';" in policy
        assert policy.count("unsafe") == 1
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
    forms = [document["paths"][path]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
             for path in ("/v1/read", "/v1/read-number")]  # fmt: skip
    assert [set(form) for form in forms] == [{"image"}, {"image", "fields"}]
    json.dumps(document, allow_nan=False)
