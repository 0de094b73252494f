"""Layers that several architectures are made of."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.models import SIDE

# Mean and standard deviation of MNIST's training pixels in [0,1]: `tenfold profile mnist` measures them.
PIXEL_MEAN, PIXEL_SPREAD = 0.1307, 0.3081


class Patches(nn.Module):
    """float32[N,28,28], 0 to 1 -> the middle, standardised, patches stacked into channels: [N,patch^2,side,side].

    border: pixels of paper all round, for a convolution that reaches over the edge; zeros put there after standardising
    would be grey. Stacking patches (space to depth; Shi et al. 2016, run backwards) lets the first convolution, which
    sees most positions, run at a quarter of them.
    """

    # The order in memory that the convolutions after it work in: `set_memory_format`.
    memory_format = torch.contiguous_format

    def __init__(self, patch: int = 1, crop: int = SIDE, border: int = 0) -> None:
        super().__init__()
        self.margin = (SIDE - crop) // 2
        self.crop = crop
        self.patch = patch
        self.border = border

    def forward(self, images: Tensor) -> Tensor:
        middle = slice(self.margin, self.margin + self.crop)
        pixels = images[:, None, middle, middle]
        if self.border:
            pixels = functional.pad(pixels, (self.border,) * 4)
        pixels = (pixels - PIXEL_MEAN) * (1 / PIXEL_SPREAD)
        if self.patch > 1:
            pixels = functional.pixel_unshuffle(pixels, self.patch)
        return pixels.contiguous(memory_format=self.memory_format)


class Flatten(nn.Module):
    """[N,C,H,W] -> [N,H*W*C]: place by place, which costs no copy in channels_last."""

    def forward(self, features: Tensor) -> Tensor:
        return features.permute(0, 2, 3, 1).flatten(1)


class MeanAndMaximum(nn.Module):
    """[N,C,H,W] -> each channel's mean and maximum, [N,2C]."""

    def forward(self, features: Tensor) -> Tensor:
        # Pooling over the whole is eight times faster than amax on a CPU.
        largest = functional.max_pool2d(features, features.shape[-1]).flatten(1)
        return torch.cat([features.mean((2, 3)), largest], 1)


class LearnedPooling(nn.Module):
    """[N,C,H,W] -> [N,C]: a sum over places with learned weights, the same for all channels or each its own."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1, channels, side, side), 1 / side**2))

    def forward(self, features: Tensor) -> Tensor:
        return (features * self.weight).sum((2, 3))

    def multiply_adds(self, inputs: Tensor, output: Tensor) -> int:
        """For one image."""
        return inputs[0].numel()


def set_memory_format(model: nn.Module, memory_format: torch.memory_format) -> None:
    """Puts images and weights in the order in which convolutions are to work."""
    for module in model.modules():
        if isinstance(module, Patches):
            module.memory_format = memory_format
    model.to(memory_format=memory_format)  # type: ignore[call-overload]
