"""Classification metrics: scikit-learn's where it has them, and calibration error and intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from tenfold.evaluation.calibration import calibration_error
from tenfold.evaluation.summary import ClassScores, EvaluationSummary


@dataclass(frozen=True, kw_only=True)
class Evaluation(EvaluationSummary):
    """The metrics of an `EvaluationSummary`, and the predictions that they come from.

    labels, predictions: int64[N]; confidences: float64[N], 0 to 1.
    """

    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    confidences: NDArray[np.float64]


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
    names = class_names or tuple(map(str, classes))
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predictions, labels=classes, zero_division=0.0
    )
    present = support > 0
    right = len(truth) - len(wrong)
    return Evaluation(
        images=len(truth),
        class_names=names,
        accuracy=right / len(truth),
        interval=wilson_interval(right, len(truth)),
        classes=tuple(
            ClassScores(name=name, precision=float(p), recall=float(r), f1=float(f), support=int(n))
            for name, p, r, f, n in zip(names, precision, recall, f1, support, strict=True)
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
