"""EvaluationSummary: the metrics of an evaluation, as a run stores them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """Metrics of the class `name`, 0 to 1; support: number of its images."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, kw_only=True)
class EvaluationSummary:
    """Metrics of a model's predictions on labeled images.

    class_names: in the order of `classes` and of `confusion`. interval: 95 % Wilson interval of the accuracy. macro_*:
    means over the classes that occur. log_loss: nats per image. calibration_error: expected calibration error, 0 to 1.
    confusion: int64[C,C] of C classes, row the true class, column the predicted one. mistakes: int64[M], indices of
    misclassified images, the most confident first.
    """

    images: int
    class_names: tuple[str, ...]
    accuracy: float
    interval: tuple[float, float]
    classes: tuple[ClassScores, ...]
    macro_precision: float
    macro_recall: float
    macro_f1: float
    log_loss: float
    calibration_error: float
    confusion: NDArray[np.int64]
    mistakes: NDArray[np.int64]

    def confused_pairs(self, most: int = 10) -> list[tuple[int, int, int]]:
        """Returns (true class, predicted class, count) of the most frequent mistakes, in descending order."""
        wrong = self.confusion - np.diag(np.diag(self.confusion))
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        cells = [divmod(int(cell), len(wrong)) for cell in order]
        return [(true, read, int(wrong[true, read])) for true, read in cells if wrong[true, read]]

    def to_dict(self) -> dict[str, Any]:
        """Returns the summary, ready for JSON."""
        return {
            "images": self.images,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "macro_precision": self.macro_precision,
            "macro_recall": self.macro_recall,
            "macro_f1": self.macro_f1,
            "log_loss": self.log_loss,
            "calibration_error": self.calibration_error,
            "classes": [vars(scores) for scores in self.classes],
            "confusion": self.confusion.tolist(),
            "confused_pairs": [{"true": t, "predicted": p, "count": n} for t, p, n in self.confused_pairs()],
            "mistakes": self.mistakes.tolist(),
        }


def summary_from(document: Mapping[str, Any], class_names: tuple[str, ...]) -> EvaluationSummary:
    """The summary of what `to_dict` returned. Raises `KeyError`, `TypeError` or `ValueError` for another document."""
    fields = {**document, "class_names": class_names}
    del fields["confused_pairs"]
    low, high = document["interval"]
    fields["interval"] = low, high
    # Earlier versions did not store the names.
    named = zip(class_names, document["classes"], strict=True)
    fields["classes"] = tuple(ClassScores(**{**scores, "name": name}) for name, scores in named)
    fields["confusion"], fields["mistakes"] = (np.array(document[key], np.int64) for key in ("confusion", "mistakes"))
    return EvaluationSummary(**fields)
