"""What training makes small: cross-entropy, for digits and for strangers."""

import torch
from torch import Tensor
from torch.nn import functional

from tenfold.data.dataset import CLASSES

# The label of an image that shows no digit.
STRANGER = CLASSES


def cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
    """Mean cross-entropy in nats of logits float32[N,10] with labels int64[N], 0 to 9, or 10 for no digit.

    A stranger's target is the same for every class, so that the model learns to say that it doesn't know: Hendrycks,
    Mazeika and Dietterich (2019), "Deep anomaly detection with outlier exposure", section 3.
    """
    strangers = labels == STRANGER
    if not strangers.any():
        return functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    certain = functional.one_hot(labels.clamp_max(CLASSES - 1), CLASSES).to(logits.dtype)
    smoothing = torch.where(strangers, 1.0, label_smoothing)[:, None]
    return functional.cross_entropy(logits, torch.lerp(certain, torch.full_like(certain, 1 / CLASSES), smoothing))
