"""Classification metrics: scikit-learn's where it has them, and calibration error and intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from tenfold.evaluation.calibration import calibration_error


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """Metrics of one class, 0 to 1; support: number of its images."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Metrics of a model's predictions on labeled images.

    class_names: in the order of `classes` and of `confusion`. interval: 95 % Wilson interval of the accuracy. macro_*:
    means over the classes that occur. log_loss: nats per image. calibration_error: expected calibration error, 0 to 1.
    confusion: int64[C,C] of C classes, row the true class, column the predicted one. labels, predictions: int64[N];
    confidences: float64[N]; mistakes: indices of misclassified images, the most confident first.
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
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    confidences: NDArray[np.float64]
    mistakes: NDArray[np.int64]

    def confused_pairs(self, most: int = 10) -> list[tuple[int, int, int]]:
        """Returns (true class, predicted class, count) of the most frequent mistakes, in descending order."""
        wrong = self.confusion - np.diag(np.diag(self.confusion))
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        cells = [divmod(int(cell), len(wrong)) for cell in order]
        return [(true, read, int(wrong[true, read])) for true, read in cells if wrong[true, read]]

    def summary(self) -> dict[str, Any]:
        """Returns everything but the per-image arrays, ready for JSON."""
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


def measure(
    probabilities: NDArray[np.float32], labels: NDArray[np.integer[Any]], class_names: tuple[str, ...] | None = None
) -> Evaluation:
    """Computes all metrics.

    probabilities: float32[N,C], rows that sum to 1; labels: integers[N], 0 to C - 1. class_names: by default the
    numbers.
    """
    truth = labels.astype(np.int64)
    probabilities = probabilities.astype(np.float64)
    probabilities /= probabilities.sum(1, keepdims=True)  # float32 rows sum to 1 within 1e-7; log_loss asks for more.
    predictions = probabilities.argmax(1)
    confidences = probabilities.max(1)
    wrong = np.flatnonzero(predictions != truth)
    classes = np.arange(probabilities.shape[1])
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predictions, labels=classes, zero_division=0.0
    )
    present = support > 0
    right = len(truth) - len(wrong)
    return Evaluation(
        images=len(truth),
        class_names=class_names or tuple(map(str, classes)),
        accuracy=right / len(truth),
        interval=wilson_interval(right, len(truth)),
        classes=tuple(
            ClassScores(precision=float(p), recall=float(r), f1=float(f), support=int(n))
            for p, r, f, n in zip(precision, recall, f1, support, strict=True)
        ),
        macro_precision=float(precision[present].mean()),
        macro_recall=float(recall[present].mean()),
        macro_f1=float(f1[present].mean()),
        log_loss=float(log_loss(truth, probabilities, labels=classes)),
        calibration_error=calibration_error(confidences, predictions == truth),
        confusion=confusion_matrix(truth, predictions, labels=classes),
        labels=truth,
        predictions=predictions,
        confidences=confidences,
        mistakes=wrong[np.argsort(-confidences[wrong], kind="stable")],
    )


def wilson_interval(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """Computes the confidence interval of a proportion, 95 % by default: Wilson (1927), "Probable inference", eq. 4.

    Unlike the normal approximation, it is valid near 0 and 1.
    """
    share = successes / trials
    center = share + z * z / (2 * trials)
    spread = z * ((share * (1 - share) + z * z / (4 * trials)) / trials) ** 0.5
    scale = 1 + z * z / trials
    return max(0.0, (center - spread) / scale), min(1.0, (center + spread) / scale)
