"""Feedback over HTTP: stored once, for those with the token, and a full or missing database is said."""

import base64
import io
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tenfold import Reader
from tenfold.errors import StoreBusyError, StoreError
from tenfold.serve.feedback import FeedbackStore
from tests.unit.serve.api_client import PNG, Client, png, problem, sample


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
