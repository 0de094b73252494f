"""What training makes small: cross-entropy, for digits and for strangers."""

import torch
from torch import Tensor
from torch.nn import functional

from tenfold.data.dataset import CLASSES

# The label of an image that shows no digit.
STRANGER = CLASSES


def targets_of(labels: Tensor, label_smoothing: float) -> Tensor:
    """What the network is to say: the labels int64[N] themselves, or float32[N,10] where strangers are among them.

    A stranger's target is the same for every class, so that the model learns to say that it doesn't know: Hendrycks,
    Mazeika and Dietterich (2019), "Deep anomaly detection with outlier exposure", section 3.
    """
    strangers = labels == STRANGER
    if not strangers.any():
        return labels
    certain = functional.one_hot(labels.clamp_max(CLASSES - 1), CLASSES).float()
    smoothing = torch.where(strangers, 1.0, label_smoothing)[:, None]
    return torch.lerp(certain, torch.full_like(certain, 1 / CLASSES), smoothing)


def cross_entropy(logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """Mean cross-entropy in nats of logits float32[N,10] with what `targets_of` gives, which are smoothed once."""
    smoothing = 0.0 if targets.is_floating_point() else label_smoothing
    return functional.cross_entropy(logits, targets, label_smoothing=smoothing)
