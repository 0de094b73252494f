"""Optimizers, weight decay and learning rate schedules."""

import math
from typing import Any

import torch
from torch import nn

from tenfold.training.recipe import TrainingConfig

# Where warmup starts, as a fraction of the peak learning rate.
WARMUP_START = 0.04


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Returns the optimizer that `config` names, for all parameters of the model.

    Adam: Kingma and Ba (2015), with the paper's epsilon; AdamW: Loshchilov and Hutter (2019); SGD with Nesterov
    momentum: Sutskever et al. (2013). Weight decay is decoupled from the gradient in all three (Adam becomes
    AdamW), and applies to weights only, not to biases or batch norm.
    """
    groups: list[dict[str, Any]] = [{"params": list(model.parameters()), "weight_decay": 0.0}]
    # A second group costs 7 % of the tutorial's step, so it exists only where it is needed. SGD's own weight decay
    # would be part of the gradient, where momentum multiplies it tenfold; SGD's is applied in `decay_weights`.
    if config.weight_decay and config.optimizer != "sgd":
        groups = [
            {"params": weights_of(model), "weight_decay": config.weight_decay},
            {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=config.learning_rate, momentum=config.momentum, nesterov=config.momentum > 0, fused=True
        )
    kind = torch.optim.AdamW if config.optimizer == "adamw" or config.weight_decay else torch.optim.Adam
    return kind(groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), fused=True)


def weights_of(model: nn.Module) -> list[nn.Parameter]:
    """Returns the parameters that penalties apply to: weight matrices and kernels, not biases or batch norm."""
    return [parameter for parameter in model.parameters() if parameter.ndim > 1]


def decay_weights(model: nn.Module, config: TrainingConfig, learning_rate: float) -> None:
    """Applies a step's weight decay for SGD; Adam and AdamW apply their own."""
    if config.weight_decay and config.optimizer == "sgd":
        with torch.no_grad():
            for weight in weights_of(model):
                weight.mul_(1 - learning_rate * config.weight_decay)


def learning_rate_factor(schedule: str, warmup: float, progress: float) -> float:
    """Returns the learning rate at `progress`, as a fraction of its peak, 0 to 1.

    progress: fraction of all steps that are done, 0 to 1. warmup: fraction of all steps in which the rate rises.
    `one-cycle` is Smith and Topin (2019), "Super-convergence", with straight lines; `cosine` is Loshchilov and Hutter
    (2017), "SGDR", eq. 5, without restarts, after a linear warmup; `linear` falls to zero from the first step.
    """
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return 1 - progress
    if progress < warmup:
        return WARMUP_START + (1 - WARMUP_START) * progress / warmup
    decayed = (progress - warmup) / (1 - warmup)
    return 0.5 + 0.5 * math.cos(math.pi * decayed) if schedule == "cosine" else 1 - decayed
