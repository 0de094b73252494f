"""One correction: the ink, what it was read as, and what it was."""

import math
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from tenfold.errors import FeedbackError

SOURCES = ("draw", "photo", "api")
PIXELS = 28 * 28
# Strokes of more points are no digit.
MOST_POINTS = 20_000

Strokes = tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True, kw_only=True)
class Correction:
    """id: made by who corrects, so that what is sent twice is stored once. truth: 0 to 9, what it was; digit,
    confidence (0 to 1) and probabilities (ten of them): what it was read as. pixels: 784 bytes, 0 paper to 255 ink,
    what the model saw. strokes: x right and y down, if a pen wrote it. source: draw, photo or api. model_digest: the
    SHA-256 of the model's file. made_at: the corrector's clock, with its time zone.

    Raises `FeedbackError` naming the field that is wrong.
    """

    id: uuid.UUID
    truth: int
    digit: int | None = None
    confidence: float | None = None
    probabilities: tuple[float, ...] | None = None
    pixels: bytes
    strokes: Strokes | None = None
    source: str = "api"
    model_digest: str | None = None
    made_at: datetime

    def __post_init__(self) -> None:
        for name in ("truth", "digit"):
            value = getattr(self, name)
            _check(value is None or (type(value) is int and 0 <= value <= 9), name, value, "a digit, 0 to 9")
        _check(self.truth is not None, "truth", self.truth, "a digit, 0 to 9")
        _check(self.confidence is None or 0 <= self.confidence <= 1, "confidence", self.confidence, "from 0 to 1")
        row = self.probabilities
        _check(row is None or (len(row) == 10 and all(0 <= p <= 1 for p in row)), "probabilities", row, "ten, 0 to 1")
        _check(len(self.pixels) == PIXELS, "pixels", f"{len(self.pixels)} bytes", "28x28 bytes")
        _check(any(self.pixels), "pixels", "blank", "ink: nothing is learned from a blank image")
        _check(self.source in SOURCES, "source", self.source, " or ".join(SOURCES))
        digest = self.model_digest
        _check(digest is None or bool(re.fullmatch("[0-9a-f]{64}", digest)), "model_digest", digest, "a SHA-256 in hex")
        _check(_is_aware(self.made_at), "made_at", self.made_at, "a time with its time zone")
        points = [place for stroke in self.strokes or () for place in stroke]
        _check(len(points) <= MOST_POINTS, "strokes", f"{len(points)} points", f"at most {MOST_POINTS} points")
        good = all(len(place) == 2 and all(map(math.isfinite, place)) for place in points)
        _check(good, "strokes", "another number", "finite numbers x, y")


def _is_aware(time: datetime) -> bool:
    try:
        return time.utcoffset() is not None and time.astimezone(UTC) is not None
    except OverflowError:  # Databases keep UTC, where the first hours of year 1 may lie before it.
        return False


def _check(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        raise FeedbackError(f"{name} is {value}; it must be {wanted}")
