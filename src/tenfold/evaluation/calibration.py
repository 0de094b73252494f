"""Calibration of confidences, and the threshold below which the reader abstains."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

Logits = NDArray[np.float32]

# The usual number of bins of the expected calibration error (Guo et al. 2017).
CALIBRATION_BINS = 15


def fit_temperature(logits: Logits, labels: NDArray[np.integer[Any]]) -> float:
    """Fits the temperature that logits are divided by to minimize log loss: Guo et al. (2017), section 4.2.

    logits: float32[N,C] and labels: integers[N], of images that the model was not trained on.
    """
    rows = np.arange(len(labels))

    def loss(logarithm: float) -> float:
        return -float(log_softmax(logits / np.exp(logarithm), 1)[rows, labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def choose_threshold(
    digits: NDArray[np.floating[Any]], non_digits: NDArray[np.floating[Any]] | None, answered: float
) -> float:
    """Chooses the confidence below which a reading is unsure, 0 to 1.

    digits: floats[N], confidences of digits; non_digits: floats[M], confidences of other images, if there are any.
    answered: share of the digits that must stay above the threshold. The threshold is as high as that allows, to reject
    most non-digits.
    """
    level = float(np.quantile(digits, 1 - answered))
    # A threshold above the most confident non-digit would gain nothing.
    return level if non_digits is None else min(level, float(non_digits.max(initial=0.0)))


def risk_coverage(
    confidences: NDArray[np.floating[Any]], right: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Computes the risk-coverage curve: the error rate of the most confident share of readings, for every share.

    Returns float64[N] coverage and float64[N] risk. El-Yaniv and Wiener (2010), "On the foundations of noise-free
    selective classification".
    """
    order = np.argsort(-confidences, kind="stable")
    wrong = np.cumsum(~right[order])
    counts = np.arange(1, len(order) + 1)
    return counts / len(order), wrong / counts


def reliability(
    confidences: NDArray[np.float64], right: NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Computes counts, mean confidences and accuracies in `bins` equal bins over (0,1]; 0 for empty bins."""
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
