"""An inference graph as a PyTorch module: the network as it is deployed, with batch norm folded."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.errors import ExportError
from tenfold.exporters.inference_graph import InferenceLayer
from tenfold.models.composite import deskew
from tenfold.models.layers import ACTIVATION_LAYERS, AverageMaxPooling, FlattenChannelsLast


class _Deskew(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return deskew(images)


_MODULES: dict[str, Callable[[], nn.Module]] = {
    **ACTIVATION_LAYERS,
    "deskew": _Deskew,
    "flatten": FlattenChannelsLast,
    "mean_and_maximum": AverageMaxPooling,
    # The network does these itself: they need what other layers gave.
    "keep": nn.Identity,
    "recall": nn.Identity,
    "add": nn.Identity,
}


class GraphNetwork(nn.Module):
    """float32[N,28,28], 0 paper to 1 ink -> logits float32[N,10]. Raises `ExportError` for an unknown kind of layer."""

    def __init__(self, layers: Sequence[InferenceLayer]) -> None:
        super().__init__()
        self.kinds = [(layer.kind, int(layer.options.get("slot", 0))) for layer in layers]
        self.steps = nn.ModuleList(_module(layer) for layer in layers)

    def forward(self, images: Tensor) -> Tensor:
        values = images
        slots: dict[int, Tensor] = {}
        for (kind, slot), step in zip(self.kinds, self.steps, strict=True):
            if kind == "keep":
                slots[slot] = values
            elif kind == "recall":
                values = slots[slot]
            elif kind == "add":
                values = values + slots[slot]
            else:
                values = step(values)
        return values


class Deployed(nn.Module):
    """images uint8[N,28,28], 0 paper to 255 ink -> probabilities float32[N,10]; logits are divided by `temperature`."""

    def __init__(self, network: nn.Module, temperature: float = 1.0) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images.float() * (1 / 255))
        return (logits / self.temperature).softmax(1)


class _Pixels(nn.Module):
    """float32[N,28,28] -> standardized float32[N,patch^2,side,side]."""

    def __init__(self, crop: int, patch: int, border: int, mean: float, spread: float) -> None:
        super().__init__()
        self.margin, self.crop, self.patch, self.border = (28 - crop) // 2, crop, patch, border
        self.mean, self.spread = mean, spread

    def forward(self, images: Tensor) -> Tensor:
        middle = slice(self.margin, self.margin + self.crop)
        pixels = images[:, None, middle, middle]
        if self.border:
            pixels = functional.pad(pixels, (self.border,) * 4)
        pixels = (pixels - self.mean) * (1 / self.spread)
        return functional.pixel_unshuffle(pixels, self.patch) if self.patch > 1 else pixels


class _Scale(nn.Module):
    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight[:, None, None]), nn.Parameter(bias[:, None, None])

    def forward(self, values: Tensor) -> Tensor:
        return values * self.weight + self.bias


def _module(layer: InferenceLayer) -> nn.Module:
    if layer.kind == "pixels":
        return _Pixels(**layer.options)
    if layer.kind == "pool":
        return nn.MaxPool2d(layer.options["size"])
    if layer.weight is None or layer.bias is None:
        if layer.kind not in _MODULES:
            raise ExportError(f"a layer of kind {layer.kind} has no form in PyTorch here")
        return _MODULES[layer.kind]()
    weight, bias = torch.tensor(layer.weight), torch.tensor(layer.bias)
    if layer.kind == "scale":
        return _Scale(weight, bias)
    module: nn.Linear | nn.Conv2d
    if layer.kind == "dense":
        module = nn.Linear(weight.shape[1], weight.shape[0])
    else:
        options = layer.options
        module = nn.Conv2d(
            weight.shape[1] * options["groups"], weight.shape[0], weight.shape[2],
            stride=options["stride"], padding=options["padding"], groups=options["groups"],
        )  # fmt: skip
    with torch.no_grad():
        module.weight.copy_(weight)
        assert module.bias is not None
        module.bias.copy_(bias)
    return module
