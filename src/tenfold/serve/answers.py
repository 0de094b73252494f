"""Readings as JSON."""

import base64
import json
from typing import Any

from starlette.responses import Response

from tenfold.reading.reader import Number, Reading
from tenfold.serve.models import ServedModel


class Answers:
    """Of one model."""

    def __init__(self, model: ServedModel) -> None:
        self._model = {"name": model.name, "digest": model.digest}

    def reading(self, reading: Reading, pixels: bool) -> dict[str, Any]:
        """pixels: with the 28x28 that the model saw. Of a probability, six digits are more than it is worth."""
        found: dict[str, Any] = {
            "digit": reading.digit,
            "confidence": round(reading.confidence, 6),
            "probabilities": [round(p, 6) for p in reading.probabilities.tolist()],
            "unsure": reading.unsure,
            "box": None if reading.box is None else [round(edge, 2) for edge in reading.box],
            "model": self._model,
        }
        if pixels:
            found["pixels"] = base64.b64encode(reading.pixels.tobytes()).decode()
        return found

    def number(self, number: Number, pixels: bool) -> dict[str, Any]:
        digits = [self.reading(digit, pixels) for digit in number.digits]
        return {"text": number.text, "unsure": number.unsure, "digits": digits, "model": self._model}


_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode


def json_response(document: Any, status: int = 200) -> Response:
    return Response(_encode(document), status, None, "application/json")
