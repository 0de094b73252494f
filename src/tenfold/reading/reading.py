"""How one digit was read."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Left, top, right, bottom, in pixels of the picture, right and bottom exclusive; of strokes, in the pen's unit.
Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Reading:
    """How one digit was read. Readings compare by value.

    digit: 0 to 9, the most probable. confidence: its probability, 0 to 1, calibrated: of readings with confidence 0.9,
    nine in ten are right. probabilities: float32[10]. unsure: the reader abstains: the digit is ambiguous, or there is
    none. pixels: uint8[28,28], what the model saw, 0 paper to 255 ink. box: left, top, right, bottom in the picture it
    was found in, in pixels, right and bottom exclusive; None where the whole picture is the digit.
    """

    digit: int
    confidence: float
    probabilities: NDArray[np.float32] = field(repr=False)
    unsure: bool
    pixels: NDArray[np.uint8] = field(repr=False)
    box: Box | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the reading without its pixels, ready for JSON; probabilities are rounded to six decimals."""
        return {
            "digit": self.digit,
            "confidence": round(self.confidence, 6),
            "probabilities": [round(p, 6) for p in self.probabilities.tolist()],
            "unsure": self.unsure,
            "box": None if self.box is None else [round(edge, 2) for edge in self.box],
        }

    def _key(self) -> tuple[Any, ...]:
        return self.digit, self.confidence, self.unsure, self.box, self.probabilities.tobytes(), self.pixels.tobytes()

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Reading) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())
