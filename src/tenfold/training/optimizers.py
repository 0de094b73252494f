"""Optimizers, weight decay and learning rate schedules."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tenfold.errors import TrainingError
from tenfold.training.recipe import TrainingConfig

# Where warmup starts, as a fraction of the peak learning rate.
WARMUP_START = 0.04


class Optimizer:
    """Adam, AdamW or SGD by PyTorch's fused kernels: the same bits as `torch.optim` with `fused=True`, whose first step
    imports PyTorch's compiler, which takes a second. A parameter without use has a gradient of zeros.

    Adam: Kingma and Ba (2015), with the paper's epsilon; AdamW: Loshchilov and Hutter (2019); SGD with Nesterov
    momentum: Sutskever et al. (2013). Weight decay is decoupled from the gradient in all three (Adam becomes AdamW),
    and applies to weights only, not to biases or batch norm.

    parameters: those of the model that require a gradient. learning_rate, epsilon: of the next step. state: by name,
    what a checkpoint must store; to be changed in place. Raises `TrainingError` for a model without such parameters.
    """

    def __init__(self, model: nn.Module, config: TrainingConfig) -> None:
        self.config = config
        self.learning_rate, self.epsilon = config.learning_rate, 1e-8
        names = ["exp_avg", "exp_avg_sq"]
        if config.optimizer == "sgd":
            names = ["momentum_buffer"] if config.momentum else []
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not self.parameters:
            raise TrainingError("the network has no parameters that require a gradient: there is nothing to train")
        # Like their parameters in memory format, too: a kernel goes through memory and not by index.
        moments = {name: [torch.zeros_like(parameter) for parameter in self.parameters] for name in names}
        self.steps = torch.zeros((), device=self.parameters[0].device)
        self.state = {"step": self.steps}
        for name, column in moments.items():
            self.state |= {f"{index}.{name}": moment for index, moment in enumerate(column)}
        every = list(range(len(self.parameters)))
        weights = [index for index in every if self.parameters[index].ndim > 1]
        # A second group costs 7 % of the tutorial's step, so it exists only where it is needed.
        groups = [(every, 0.0)]
        if config.weight_decay:
            others = [index for index in every if index not in weights]
            groups = [(weights, config.weight_decay), (others, 0.0)]
        columns: list[Sequence[Tensor]] = [self.parameters, *moments.values()]
        self.groups = [
            (indices, decay, [[column[index] for index in indices] for column in columns])
            for indices, decay in groups
            if indices
        ]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Updates the parameters; gradients: of each, in its shape and memory format."""
        self.steps += 1
        for indices, decay, (parameters, *moments) in self.groups:
            own = [gradients[index] for index in indices]
            if self.config.optimizer == "sgd":
                self._sgd(parameters, own, moments[0] if moments else [], decay)
            else:
                self._adam(parameters, own, moments[0], moments[1], decay)

    def _sgd(self, parameters: list[Tensor], gradients: list[Tensor], buffers: list[Tensor], decay: float) -> None:
        if decay:  # The kernel's own would be part of the gradient, where momentum multiplies it tenfold.
            torch._foreach_mul_(parameters, 1 - self.learning_rate * decay)
        torch._fused_sgd_(
            parameters, gradients, buffers, weight_decay=0.0, momentum=self.config.momentum, lr=self.learning_rate,
            dampening=0.0, nesterov=self.config.momentum > 0, maximize=False, is_first_step=False,
        )  # fmt: skip

    def _adam(
        self, parameters: list[Tensor], gradients: list[Tensor], first: list[Tensor], second: list[Tensor], decay: float
    ) -> None:
        torch._fused_adamw_(
            parameters, gradients, first, second, [], [self.steps] * len(parameters), lr=self.learning_rate,
            beta1=self.config.beta1, beta2=self.config.beta2, weight_decay=decay, eps=self.epsilon, amsgrad=False,
            maximize=False,
        )  # fmt: skip


def weights_of(model: nn.Module) -> list[nn.Parameter]:
    """Returns the parameters that penalties apply to: weight matrices and kernels, not biases or batch norm."""
    return [parameter for parameter in model.parameters() if parameter.ndim > 1]


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
