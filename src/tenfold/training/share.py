"""One training by several workers: each takes a share of every batch, and what they find is added up.

The workers draw what the whole batch needs (order, augmentation, dropout) from the same generators and use their own
part of it, and batch norm's statistics are those of the whole batch: so however many they are, it is the same training
but for rounding (docs/decisions/0013).
"""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from tenfold.training.board import CAPACITY, open_board


class Share:
    """A worker's part of each batch: images that lie together, as many for each worker or one more."""

    def __init__(self, rank: int = 0, workers: int = 1) -> None:
        self.rank, self.workers = rank, workers
        self.count, self.part = 0, slice(0)
        # Apart from the gradients, which go about while batch norm asks.
        self._group = dist.new_group() if workers > 1 else None
        self._board = open_board(rank, workers) if workers > 1 else None

    def take(self, count: int) -> slice:
        """This worker's part of a batch of `count`. Dropout and batch norm go by it until the next is taken."""
        if count != self.count:
            self.count = count
            self.part = slice(count * self.rank // self.workers, count * (self.rank + 1) // self.workers)
        return self.part

    def scaled(self, loss: Tensor) -> Tensor:
        """A mean over this worker's part, such that the workers' mean of these is the mean over the batch."""
        return loss if self.workers == 1 else loss * (self.workers * (self.part.stop - self.part.start) / self.count)

    def mean(self, value: Tensor) -> Tensor:
        """The mean over the batch, of every worker's mean over its part."""
        return value if self.workers == 1 else self.added(self.scaled(value)) / self.workers

    def added(self, value: Tensor) -> Tensor:
        """The sum of every worker's `value`, in its place."""
        if self.workers > 1:
            if self._board is not None and value.dtype == torch.float32 and value.numel() <= CAPACITY:
                return value.copy_(self._board.gathered(value.flatten()).sum(0).view_as(value))
            dist.all_reduce(value, group=self._group)
        return value

    def gathered(self, value: Tensor) -> Tensor:
        """Every worker's `value`, of one shape, first to last: [workers, ...]."""
        if self._board is not None and value.numel() <= CAPACITY:
            return self._board.gathered(value)
        found = [torch.empty_like(value) for _ in range(self.workers)]
        dist.all_gather(found, value, group=self._group)
        return torch.stack(found)

    def told(self, value: Any) -> Any:
        """The first worker's `value`, to every worker."""
        values = [value]
        if self.workers > 1:
            dist.broadcast_object_list(values, src=0)
        return values[0]

    def wrapped(self, network: nn.Module) -> nn.Module:
        """The network with the first worker's weights, whose backward pass gives the mean of all workers' gradients."""
        if self.workers == 1:
            return network
        # Its buffers are alike already: `joined`.
        return DistributedDataParallel(network, broadcast_buffers=False, gradient_as_bucket_view=True)

    @contextmanager
    def joined(self, model: nn.Module) -> Iterator[None]:
        """Lets batch norm and dropout of `model` see the whole batch, while it trains."""
        with ExitStack() as stack:
            for module in model.modules() if self.workers > 1 else ():
                forward: Any = {nn.Dropout: _dropped, nn.BatchNorm1d: _normalised, nn.BatchNorm2d: _normalised}.get(
                    type(module)
                )
                if forward is not None:
                    # The class stays what it is: exports and averaging look for it.
                    vars(module)["forward"] = partial(forward, self, module)
                    stack.callback(vars(module).pop, "forward")
            yield


def group_share() -> Share:
    """This process's share in a group of processes that is set up already."""
    # PyTorch 2.13's plans for a name; and that weights of one channel can be laid out in two ways that mean the same.
    warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated")
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
    return Share(dist.get_rank(), dist.get_world_size())


def _dropped(share: Share, module: nn.Dropout, inputs: Tensor) -> Tensor:
    if not module.training or not module.p:
        return inputs
    # As torch draws it, for the whole batch.
    whole = inputs.new_empty(share.count, *inputs.shape[1:]).bernoulli_(1 - module.p).div_(1 - module.p)
    return inputs * whole[share.part]


def _normalised(share: Share, norm: _BatchNorm, inputs: Tensor) -> Tensor:
    if not norm.training:
        return functional.batch_norm(
            inputs, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps
        )
    outputs: Tensor
    outputs, mean, variance = _WholeBatchNorm.apply(  # type: ignore[no-untyped-call]
        inputs, norm.weight, norm.bias, norm.eps, share
    )
    assert norm.num_batches_tracked is not None
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        norm.num_batches_tracked += 1
        # None: the plain mean over all batches.
        momentum = 1 / int(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
        count = share.count * inputs[0, 0].numel()
        norm.running_mean.lerp_(mean, momentum)
        norm.running_var.lerp_(variance * (count / (count - 1)), momentum)
    return outputs


class _WholeBatchNorm(torch.autograd.Function):
    """Ioffe and Szegedy (2015) over the batch of all workers: PyTorch has this for GPUs alone (SyncBatchNorm).

    The kernels are those of batch norm with given statistics, forward and backward. What a worker's gradient owes to
    the statistics' depending on the inputs is linear in the inputs, and put to it with sums over all workers.
    """

    @staticmethod
    def forward(
        context: Any, inputs: Tensor, weight: Tensor, bias: Tensor, epsilon: float, share: Share
    ) -> tuple[Tensor, Tensor, Tensor]:
        each = inputs[0, 0].numel()
        # Given float32 to fill, the kernel gives float32 back, whatever the inputs are.
        mean, variance = torch.batch_norm_update_stats(inputs, torch.zeros_like(weight), torch.ones_like(weight), 1.0)
        number = torch.full((1,), float(len(inputs) * each), device=weight.device)
        found = share.gathered(torch.cat([mean, variance, number]))
        means, variances, numbers = torch.split(found, [len(mean), len(mean), 1], 1)
        shares = numbers / numbers.sum()
        mean = (shares * means).sum(0)
        # Chan, Golub and LeVeque (1979): no small difference of large sums.
        variance = (shares * (variances + (means - mean).square())).sum(0)
        outputs = functional.batch_norm(inputs, mean, variance, weight, bias, False, 0.0, epsilon)
        context.save_for_backward(inputs, weight, mean, variance)
        context.epsilon, context.share, context.count = epsilon, share, share.count * each
        context.mark_non_differentiable(mean, variance)
        return outputs, mean, variance

    @staticmethod
    def backward(context: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight, mean, variance = context.saved_tensors
        of_inputs, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, inputs, weight, mean, variance, None, None, False, context.epsilon, [True, True, True]
        )
        sums = context.share.added(torch.stack([of_weight, of_bias]))
        scale = (variance + context.epsilon).rsqrt()
        slope = -weight * scale.square() * sums[0] / context.count
        offset = -weight * scale * sums[1] / context.count - slope * mean
        # Batch norm's kernel again: scaling channels by broadcasting takes four times as long in channels_last.
        nought = torch.zeros_like(mean)
        of_inputs += functional.batch_norm(inputs, nought, nought, slope, offset, False, 0.0, 1.0)
        return of_inputs, of_weight, of_bias, None, None
