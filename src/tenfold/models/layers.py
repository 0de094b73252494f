"""Layers that several architectures share."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.models import SIDE

# Mean and standard deviation of MNIST's training pixels, scaled to 0..1; `tenfold profile mnist` reports them.
PIXEL_MEAN, PIXEL_SPREAD = 0.1307, 0.3081

ACTIVATION_LAYERS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def activation(name: str) -> nn.Module:
    """Returns a new layer for one of `model_config.ACTIVATIONS`."""
    return ACTIVATION_LAYERS[name]()


def classifier(features: int, dropout: float, classes: int) -> list[nn.Module]:
    """Returns the last layers of a network: dropout, where there is any, and a dense layer that gives the logits."""
    dense = nn.Linear(features, classes)
    return [nn.Dropout(dropout), dense] if dropout else [dense]


class InputLayer(nn.Module):
    """float32[N,28,28], 0 to 1 -> float32[N,patch^2,side,side]: center crop, padding, standardization, space to depth.

    border: width in pixels of the padding with paper, for convolutions that reach over the edge. It is added before
    standardization, after which a zero would be gray. Space to depth (Shi et al. 2016, in reverse) stacks patches of
    patch x patch pixels into channels, so that the first convolution runs at a fraction of the positions.
    """

    # Of the output, and so of the convolutions that follow; `set_memory_format` changes it.
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


class FlattenChannelsLast(nn.Module):
    """[N,C,H,W] -> [N,H*W*C], channels innermost: no copy in channels_last."""

    def forward(self, features: Tensor) -> Tensor:
        return features.permute(0, 2, 3, 1).flatten(1)


class AverageMaxPooling(nn.Module):
    """[N,C,H,W] -> [N,2C]: global average pooling and global max pooling, concatenated."""

    def forward(self, features: Tensor) -> Tensor:
        # Max pooling over the whole map is eight times faster than amax on a CPU.
        largest = functional.max_pool2d(features, features.shape[-1]).flatten(1)
        return torch.cat([features.mean((2, 3)), largest], 1)


class LearnedPooling(nn.Module):
    """[N,C,H,W] -> [N,C]: a sum over positions with learned weights, shared by all channels or separate for each."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1, channels, side, side), 1 / side**2))

    def forward(self, features: Tensor) -> Tensor:
        return (features * self.weight).sum((2, 3))

    def multiply_adds(self, inputs: Tensor, output: Tensor) -> int:
        """Returns the multiply-adds for one image."""
        return inputs[0].numel()


def set_memory_format(model: nn.Module, memory_format: torch.memory_format) -> None:
    """Sets the memory format of the images and weights that convolutions work on."""
    for module in model.modules():
        if isinstance(module, InputLayer):
            module.memory_format = memory_format
    model.to(memory_format=memory_format)  # type: ignore[call-overload]
