"""Predictions of a run's model for single images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.ink.image import opened
from tenfold.ink.normalize import normalize
from tenfold.runs.run import Run


@dataclass(frozen=True)
class Prediction:
    """source: a file, or `test 123`. pixels: uint8[28,28], what the model saw. probabilities:
    float32[10]. label: the true digit, where it is known."""

    source: str
    pixels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    label: int | None = None

    @property
    def digit(self) -> int:
        """The most probable class, 0 to 9."""
        return int(self.probabilities.argmax())

    @property
    def confidence(self) -> float:
        """Its probability, 0 to 1."""
        return float(self.probabilities.max())

    def summary(self) -> dict[str, Any]:
        """Everything but the pixels, as JSON takes it."""
        return {
            "image": self.source,
            "digit": self.digit,
            "confidence": self.confidence,
            "probabilities": self.probabilities.tolist(),
            "label": self.label,
        }


def predict_files(run: Run, paths: Sequence[Path]) -> list[Prediction]:
    """Predicts image files of one digit each, normalized as MNIST is. Raises `FormatError` for other files."""
    pixels = []
    for path in paths:
        with opened(path) as image:
            pixels.append(normalize(image))
    rows = run.predict(np.stack(pixels))
    return [Prediction(str(path), *pair) for path, *pair in zip(paths, pixels, rows, strict=True)]


def predict_random(run: Run, count: int, seed: int) -> list[Prediction]:
    """Predicts `count` distinct test images, the same for the same seed; all of them when there are fewer."""
    data = run.dataset
    total = len(data.test_labels)
    chosen = np.random.default_rng(seed).choice(total, min(count, total), replace=False)
    pixels = data.test_images[chosen]
    rows = zip(chosen, pixels, run.predict(pixels), data.test_labels[chosen], strict=True)
    return [Prediction(f"test {index}", image, row, int(label)) for index, image, row, label in rows]
