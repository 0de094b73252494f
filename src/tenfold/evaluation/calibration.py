"""Making confidence mean what it says, and choosing when to say nothing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

Logits = NDArray[np.float32]

# The usual number of bins of the expected calibration error (Guo et al. 2017).
CALIBRATION_BINS = 15


def fit_temperature(logits: Logits, labels: NDArray[np.integer[Any]]) -> float:
    """What to divide logits by, so that their softmax has the least log loss on these: Guo et al. (2017), section 4.2.

    logits: float32[N,10] and labels: integers[N], of images that the model was not trained on.
    """
    rows = np.arange(len(labels))

    def loss(logarithm: float) -> float:
        return -float(log_softmax(logits / np.exp(logarithm), 1)[rows, labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def choose_threshold(digits: NDArray[np.floating[Any]], strangers: NDArray[np.floating[Any]], answered: float) -> float:
    """The confidence below which a reading is called unsure: float.

    digits: floats[N], confidences of real digits; strangers: floats[M], of what is none. The threshold lies as high
    as still leaves the share `answered` of the digits answered: that marks as many strangers as can be.
    """
    level = float(np.quantile(digits, 1 - answered))
    # Nothing is gained by a threshold beyond the most confident stranger.
    return min(level, float(strangers.max(initial=0.0)))


def risk_coverage(
    confidences: NDArray[np.floating[Any]], right: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the most confident share of readings, the share that is wrong, for every share: float64[N] coverage and risk.

    El-Yaniv and Wiener (2010), "On the foundations of noise-free selective classification".
    """
    order = np.argsort(-confidences, kind="stable")
    wrong = np.cumsum(~right[order])
    counts = np.arange(1, len(order) + 1)
    return counts / len(order), wrong / counts


def reliability(
    confidences: NDArray[np.float64], right: NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Counts, mean confidences and accuracies of `bins` bins of equal width over (0,1]; 0 where a bin is empty."""
    bin_of = np.clip(np.ceil(confidences * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(bin_of, minlength=bins)
    full = np.maximum(counts, 1)
    mean_confidence = np.bincount(bin_of, weights=confidences, minlength=bins) / full
    accuracy = np.bincount(bin_of, weights=right.astype(np.float64), minlength=bins) / full
    return counts, mean_confidence, accuracy


def calibration_error(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error, 0 to 1: Guo et al. (2017), "On calibration of modern neural networks", eq. 3."""
    counts, mean_confidence, accuracy = reliability(confidences, right)
    return float((counts * np.abs(mean_confidence - accuracy)).sum() / counts.sum())
