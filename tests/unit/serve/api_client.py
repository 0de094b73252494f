"""What the tests of the API share: a client of an app in the same process, and what it sends and checks."""

import asyncio
import base64
import io
import uuid
from typing import Any

import httpx
import numpy as np
from PIL import Image

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
