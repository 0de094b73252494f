"""The loss, and one optimization step: forward pass, loss, backward pass, update.

A step is a callable `step(inputs, targets) -> (loss, logits)`. inputs: float32[N,28,28], 0 paper to 1 ink. targets: as
`targets_of` returns them. Both results are from before the update and detached: the mean loss in nats and logits
float32[N,C] of C classes. `traced_step` has a faster one for small networks.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.data.dataset import CLASSES
from tenfold.training.device import autocast
from tenfold.training.optimizers import Optimizer, weights_of
from tenfold.training.recipe import Recipe

# The label of an image that shows no digit.
NON_DIGIT = -1


def targets_of(labels: Tensor, label_smoothing: float) -> Tensor:
    """Returns the loss's targets: the labels int64[N] themselves, or float32[N,10] where some images are non-digits
    (which only digits are trained with).

    The target of a non-digit is uniform over the classes, which teaches the model to be unsure: Hendrycks, Mazeika and
    Dietterich (2019), "Deep anomaly detection with outlier exposure", section 3.
    """
    non_digits = labels == NON_DIGIT
    if not non_digits.any():
        return labels
    one_hot = functional.one_hot(labels.clamp_min(0), CLASSES).float()
    smoothing = torch.where(non_digits, 1.0, label_smoothing)[:, None]
    return torch.lerp(one_hot, torch.full_like(one_hot, 1 / CLASSES), smoothing)


def cross_entropy(logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """Mean cross-entropy in nats of logits float32[N,C]; targets as `targets_of` returns them, smoothed only once."""
    smoothing = 0.0 if targets.is_floating_point() else label_smoothing
    return functional.cross_entropy(logits, targets, label_smoothing=smoothing)


Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class PlainStep:
    """A step by PyTorch's autograd, for any network, recipe and batch size."""

    def __init__(self, network: nn.Module, recipe: Recipe, optimizer: Optimizer) -> None:
        self.network = network
        self.recipe = recipe
        self.optimizer = optimizer

    def __call__(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        config = self.recipe.training
        for parameter in self.optimizer.parameters:
            parameter.grad = None
        with autocast(self.recipe.device, inputs.device):
            logits = self.network(inputs)
        logits = logits.float()
        loss = cross_entropy(logits, targets, config.label_smoothing)
        penalty = config.l1 * sum(weight.abs().sum() for weight in weights_of(self.network)) if config.l1 else 0.0
        (loss + penalty if config.l1 else loss).backward()  # type: ignore[no-untyped-call]
        # PyTorch gives each gradient the memory format of its parameter; a parameter without use has none.
        self.optimizer.step([torch.zeros_like(p) if p.grad is None else p.grad for p in self.optimizer.parameters])
        return loss.detach(), logits.detach()
