"""One optimization step: forward pass, loss, backward pass, update. `traced_step` has a faster one for small networks.

A step is a callable `step(inputs, targets) -> (loss, logits)`. inputs: float32[N,28,28], 0 paper to 1 ink. targets: as
`loss.targets_of` returns them. Both results are from before the update and detached: the mean loss in nats and logits
float32[N,10].
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tenfold.training.device import autocast
from tenfold.training.loss import cross_entropy
from tenfold.training.optimizers import decay_weights, weights_of
from tenfold.training.recipe import Recipe

Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class PlainStep:
    """A step by PyTorch's autograd and optimizer, for any network, recipe and batch size."""

    def __init__(self, network: nn.Module, recipe: Recipe, optimizer: torch.optim.Optimizer) -> None:
        self.network = network
        self.recipe = recipe
        self.optimizer = optimizer

    def __call__(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        config = self.recipe.training
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.recipe.device, inputs.device):
            logits = self.network(inputs)
        logits = logits.float()
        loss = cross_entropy(logits, targets, config.label_smoothing)
        penalty = config.l1 * sum(weight.abs().sum() for weight in weights_of(self.network)) if config.l1 else 0.0
        (loss + penalty if config.l1 else loss).backward()  # type: ignore[no-untyped-call]
        decay_weights(self.network, config, self.optimizer.param_groups[0]["lr"])
        self.optimizer.step()
        return loss.detach(), logits.detach()
