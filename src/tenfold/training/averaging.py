"""Averaging of weights: the mean of the weights that a training passes through at its end.

Izmailov et al. (2018), "Averaging weights leads to wider optima and better generalization". Batch norm's statistics
belong to the weights that they were gathered under, so the mean of the weights gets its own, by passing images through.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Average:
    """The running mean of a network's parameters."""

    def __init__(self, network: nn.Module) -> None:
        self.count = 0
        self.mean = {name: torch.zeros_like(value) for name, value in network.named_parameters()}

    @torch.no_grad()
    def add(self, network: nn.Module) -> None:
        """Takes the network's parameters into the mean."""
        self.count += 1
        torch._foreach_lerp_(list(self.mean.values()), list(network.parameters()), 1 / self.count)

    @torch.no_grad()
    def settle(self, network: nn.Module, batches: Iterable[Tensor]) -> None:
        """Gives the network the mean for its parameters, and batch norm the statistics of `batches` under it.

        batches: float32[N,28,28] each, as in training.
        """
        if not self.count:
            return
        for name, value in network.named_parameters():
            value.copy_(self.mean[name])
        norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
        if not norms:
            return
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # The plain mean over all batches.
        network.train()
        for batch in batches:
            network(batch)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
