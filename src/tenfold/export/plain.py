"""A trained network as a list of plain layers: what is left when everything that only training needs is folded away.

Batch norm goes into the weights before it, dropout goes, and each weight may be kept as int8 with a scale for each
output. The int8 ONNX file and the web file are both written from this list, so they hold the same numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tenfold.errors import ExportError
from tenfold.models.activations import ACTIVATION_LAYERS
from tenfold.models.layers import PIXEL_MEAN, PIXEL_SPREAD, Flatten, LearnedPooling, MeanAndMaximum, Patches
from tenfold.models.resnet import Block
from tenfold.models.separable import Separable

Array = NDArray[np.float32]

_ACTIVATIONS = {layer: name for name, layer in ACTIVATION_LAYERS.items()}


@dataclass(frozen=True)
class PlainLayer:
    """One operation on what the layer before it gave. kind: `pixels`, `convolution` (`groups`: 1, or as many as
    channels), `dense`, `scale`, `pool`, `flatten`, `mean_and_maximum`, an activation's name; or `keep`, `recall` and
    `add`, which remember values in a `slot`, go on from them, and add them. options: its numbers. weight: float32,
    outputs first, or None; bias: float32[outputs] or None."""

    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    weight: Array | None = None
    bias: Array | None = None


def plain_layers(model: nn.Module, temperature: float = 1.0) -> list[PlainLayer]:
    """The layers of a model in evaluation mode; logits are divided by `temperature`.

    Raises `ExportError` naming the first module that has no plain form.
    """
    if not isinstance(model, nn.Sequential):
        raise ExportError(
            f"{type(model).__name__} has no plain form: export it with --to onnx, or train without members, deskew and "
            "shifted copies"
        )
    layers: list[PlainLayer] = []
    # An mlp takes pixels as they are.
    if not isinstance(model[0], Patches):
        layers.append(PlainLayer("pixels", {"crop": 28, "patch": 1, "border": 0, "mean": 0.0, "spread": 1.0}))
    _add_all(layers, model)
    last = layers[-1]
    if last.kind != "dense" or last.weight is None or last.bias is None:
        raise ExportError(f"the last layer is {last.kind}; a model ends in a dense layer")
    layers[-1] = PlainLayer("dense", last.options, last.weight / temperature, last.bias / temperature)
    return layers


def walk(layers: Sequence[PlainLayer], values: Any, step: Callable[[PlainLayer, Any], Any]) -> Any:
    """values, an array of any library, through all layers by its `step`; layers that remember are done here."""
    slots: dict[int, Any] = {}
    for layer in layers:
        slot = layer.options.get("slot", 0)
        if layer.kind == "keep":
            slots[slot] = values
        elif layer.kind == "recall":
            values = slots[slot]
        elif layer.kind == "add":
            values = values + slots[slot]
        else:
            values = step(layer, values)
    return values


def _add(layers: list[PlainLayer], module: nn.Module) -> None:
    if isinstance(module, Patches):
        options = {"crop": module.crop, "patch": module.patch, "border": module.border}
        layers.append(PlainLayer("pixels", {**options, "mean": PIXEL_MEAN, "spread": PIXEL_SPREAD}))
    elif isinstance(module, nn.Conv2d):
        if module.kernel_size[0] != module.kernel_size[1] or module.groups not in (1, module.in_channels):
            raise ExportError(f"{module} has no plain form: it takes square kernels, and one group or one a channel")
        options = {"padding": int(module.padding[0]), "stride": module.stride[0], "groups": module.groups}
        layers.append(PlainLayer("convolution", options, *_numbers(module)))
    elif isinstance(module, nn.Linear):
        layers.append(PlainLayer("dense", {}, *_numbers(module)))
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        _fold(layers, module)
    elif isinstance(module, nn.MaxPool2d):
        size = module.kernel_size if isinstance(module.kernel_size, int) else module.kernel_size[0]
        layers.append(PlainLayer("pool", {"size": size}))
    elif isinstance(module, Flatten):
        layers.append(PlainLayer("flatten"))
    elif isinstance(module, nn.Flatten):
        # Of one channel it is the same order, and no architecture flattens more with it.
        layers.append(PlainLayer("flatten"))
    elif isinstance(module, MeanAndMaximum):
        layers.append(PlainLayer("mean_and_maximum"))
    elif isinstance(module, LearnedPooling):
        # A convolution of each channel with a kernel as large as it is.
        channels, side = module.weight.shape[1:3]
        weight = module.weight.detach().cpu().numpy().reshape(channels, 1, side, side)
        options = {"padding": 0, "stride": 1, "groups": channels}
        layers.append(PlainLayer("convolution", options, weight, np.zeros(channels, np.float32)))
        layers.append(PlainLayer("flatten"))
    elif isinstance(module, Block):
        _add_block(layers, module)
    elif isinstance(module, Separable):
        layers.append(PlainLayer("keep", {"slot": 0}))
        _add_all(layers, module.inner)
        layers.append(PlainLayer("add", {"slot": 0}))
        _add(layers, module.activation)
    elif type(module) in _ACTIVATIONS:
        layers.append(PlainLayer(_ACTIVATIONS[type(module)]))
    elif not isinstance(module, nn.Dropout):
        raise ExportError(f"{type(module).__name__} has no plain form; --to onnx takes every model")


def _add_all(layers: list[PlainLayer], modules: nn.Sequential) -> None:
    for module in modules:
        _add(layers, module)


def _add_block(layers: list[PlainLayer], block: Block) -> None:
    if block.shortcut is None:
        layers.append(PlainLayer("keep", {"slot": 0}))
        _add_all(layers, block.first)
    else:
        _add_all(layers, block.first)
        layers.append(PlainLayer("keep", {"slot": 1}))
        _add(layers, block.shortcut)
        layers += [PlainLayer("keep", {"slot": 0}), PlainLayer("recall", {"slot": 1})]
    _add_all(layers, block.second)
    layers.append(PlainLayer("add", {"slot": 0}))


def _numbers(module: nn.Conv2d | nn.Linear) -> tuple[Array, Array]:
    weight = module.weight.detach().cpu().contiguous().numpy().astype(np.float32)
    bias = np.zeros(len(weight), np.float32) if module.bias is None else module.bias.detach().cpu().numpy()
    return weight, bias.astype(np.float32)


def _fold(layers: list[PlainLayer], norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
    """x -> x scale + shift, into the weights right before it, or as a layer of its own."""
    if norm.running_mean is None or norm.running_var is None:
        raise ExportError("batch norm without running statistics can't be folded")
    with torch.no_grad():
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        shift = norm.bias - norm.running_mean * scale
    factors, offsets = scale.cpu().numpy(), shift.cpu().numpy()
    before = layers[-1]
    if before.weight is None or before.bias is None or before.kind == "scale":
        layers.append(PlainLayer("scale", {}, factors.astype(np.float32), offsets.astype(np.float32)))
        return
    weight = before.weight * factors.reshape(-1, *[1] * (before.weight.ndim - 1))
    layers[-1] = PlainLayer(before.kind, before.options, weight, before.bias * factors + offsets)


def quantize(weight: Array) -> tuple[NDArray[np.int8], Array]:
    """A weight as int8 with a scale for each output: weight is about int8 times scale, within half a scale."""
    flat = np.abs(weight).reshape(len(weight), -1).max(1)
    scales = np.maximum(flat, 1e-12).astype(np.float32) / np.float32(127)
    shape = (-1, *[1] * (weight.ndim - 1))
    return np.rint(weight / scales.reshape(shape)).astype(np.int8), scales


def dequantized(layer: PlainLayer) -> PlainLayer:
    """The layer with the weights that its int8 form stands for; a `scale` stays as it is."""
    if layer.weight is None or layer.kind == "scale":
        return layer
    whole, scales = quantize(layer.weight)
    weight = whole * scales.reshape(-1, *[1] * (layer.weight.ndim - 1))
    return PlainLayer(layer.kind, layer.options, weight.astype(np.float32), layer.bias)
