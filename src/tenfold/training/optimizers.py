"""How gradients become steps."""

from typing import Any

import torch

# The first optimiser that is made imports this, for a second; here that is paid with the other imports.
import torch._dynamo
from torch import nn

from tenfold.training.recipe import TrainingConfig


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """The optimiser that `config` names, over all of the model's parameters.

    Adam: Kingma and Ba (2015), with its paper's epsilon; AdamW: Loshchilov and Hutter (2019);
    SGD with Nesterov's momentum: Sutskever et al. (2013). `l2` decays the weights apart from the gradient
    in all three (for Adam that makes AdamW of it), and spares biases and batch norm's scales.
    """
    groups: list[dict[str, Any]] = [{"params": list(model.parameters()), "weight_decay": 0.0}]
    # A second group costs 7 % of the tutorial's step, so there is one only where it is needed. Decoupled decay takes
    # learning_rate * weight_decay a step; SGD's own option would put it into the gradient, where momentum gathers it
    # tenfold, so SGD gets it in `decay_weights`.
    if config.l2 and config.optimizer != "sgd":
        groups = [
            {"params": decayed(model), "weight_decay": config.l2},
            {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=config.learning_rate, momentum=config.beta1, nesterov=config.beta1 > 0, fused=True
        )
    kind = torch.optim.AdamW if config.optimizer == "adamw" or config.l2 else torch.optim.Adam
    return kind(groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), fused=True)


def decayed(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that penalties apply to: tables of weights, not biases or batch norm's scales."""
    return [parameter for parameter in model.parameters() if parameter.ndim > 1]


def decay_weights(model: nn.Module, config: TrainingConfig, learning_rate: float) -> None:
    """The weight decay of a step for SGD; Adam's kinds do their own."""
    if config.l2 and config.optimizer == "sgd":
        with torch.no_grad():
            for weight in decayed(model):
                weight.mul_(1 - learning_rate * config.l2)
