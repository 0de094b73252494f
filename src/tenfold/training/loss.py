"""The loss: cross-entropy, for digits and for non-digits."""

import torch
from torch import Tensor
from torch.nn import functional

from tenfold.data.dataset import CLASSES

# The label of an image that shows no digit.
NON_DIGIT = CLASSES


def targets_of(labels: Tensor, label_smoothing: float) -> Tensor:
    """Returns the loss's targets: the labels int64[N] themselves, or float32[N,10] where some images are non-digits.

    The target of a non-digit is uniform over the classes, which teaches the model to be unsure: Hendrycks, Mazeika and
    Dietterich (2019), "Deep anomaly detection with outlier exposure", section 3.
    """
    non_digits = labels == NON_DIGIT
    if not non_digits.any():
        return labels
    one_hot = functional.one_hot(labels.clamp_max(CLASSES - 1), CLASSES).float()
    smoothing = torch.where(non_digits, 1.0, label_smoothing)[:, None]
    return torch.lerp(one_hot, torch.full_like(one_hot, 1 / CLASSES), smoothing)


def cross_entropy(logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """Mean cross-entropy in nats of logits float32[N,10]; targets as `targets_of` returns them, smoothed only once."""
    smoothing = 0.0 if targets.is_floating_point() else label_smoothing
    return functional.cross_entropy(logits, targets, label_smoothing=smoothing)
