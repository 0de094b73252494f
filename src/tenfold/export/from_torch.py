"""Convert a PyTorch model to the inference graph: fold batch norm, drop dropout."""

import numpy as np
import torch
from torch import nn

from tenfold.errors import ExportError
from tenfold.export.inference_graph import Array, InferenceLayer
from tenfold.models.layers import (
    ACTIVATION_LAYERS,
    PIXEL_MEAN,
    PIXEL_SPREAD,
    AverageMaxPooling,
    FlattenChannelsLast,
    InputLayer,
    LearnedPooling,
)
from tenfold.models.resnet import ResidualBlock
from tenfold.models.separable import SeparableBlock

_ACTIVATIONS = {layer: name for name, layer in ACTIVATION_LAYERS.items()}


def inference_layers(model: nn.Module, temperature: float = 1.0) -> list[InferenceLayer]:
    """Converts a model in evaluation mode; logits are divided by `temperature`.

    Raises `ExportError` with the first module that cannot be converted.
    """
    if not isinstance(model, nn.Sequential):
        raise ExportError(
            f"{type(model).__name__} has no inference graph: export it with --to onnx, or train "
            "without ensemble, deskewing and test-time augmentation"
        )
    layers: list[InferenceLayer] = []
    # An mlp takes pixels without standardization.
    if not isinstance(model[0], InputLayer):
        layers.append(InferenceLayer("pixels", {"crop": 28, "patch": 1, "border": 0, "mean": 0.0, "spread": 1.0}))
    _add_all(layers, model)
    last = layers[-1]
    if last.kind != "dense" or last.weight is None or last.bias is None:
        raise ExportError(f"the last layer is {last.kind}; the last layer must be dense")
    layers[-1] = InferenceLayer("dense", last.options, last.weight / temperature, last.bias / temperature)
    return layers


def _add(layers: list[InferenceLayer], module: nn.Module) -> None:
    if isinstance(module, InputLayer):
        options = {"crop": module.crop, "patch": module.patch, "border": module.border}
        layers.append(InferenceLayer("pixels", {**options, "mean": PIXEL_MEAN, "spread": PIXEL_SPREAD}))
    elif isinstance(module, nn.Conv2d):
        if module.kernel_size[0] != module.kernel_size[1] or module.groups not in (1, module.in_channels):
            raise ExportError(
                f"{module} cannot be exported: it needs square kernels, and one group in all or per channel"
            )
        options = {"padding": int(module.padding[0]), "stride": module.stride[0], "groups": module.groups}
        layers.append(InferenceLayer("convolution", options, *_weights(module)))
    elif isinstance(module, nn.Linear):
        layers.append(InferenceLayer("dense", {}, *_weights(module)))
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        _fold(layers, module)
    elif isinstance(module, nn.MaxPool2d):
        size = module.kernel_size if isinstance(module.kernel_size, int) else module.kernel_size[0]
        layers.append(InferenceLayer("pool", {"size": size}))
    elif isinstance(module, FlattenChannelsLast):
        layers.append(InferenceLayer("flatten"))
    elif isinstance(module, nn.Flatten):
        # With one channel the order is the same, and no architecture uses it with more.
        layers.append(InferenceLayer("flatten"))
    elif isinstance(module, AverageMaxPooling):
        layers.append(InferenceLayer("mean_and_maximum"))
    elif isinstance(module, LearnedPooling):
        # A depthwise convolution whose kernel covers the whole image.
        channels, side = module.weight.shape[1:3]
        weight = module.weight.detach().cpu().numpy().reshape(channels, 1, side, side)
        options = {"padding": 0, "stride": 1, "groups": channels}
        layers.append(InferenceLayer("convolution", options, weight, np.zeros(channels, np.float32)))
        layers.append(InferenceLayer("flatten"))
    elif isinstance(module, ResidualBlock):
        _add_block(layers, module)
    elif isinstance(module, SeparableBlock):
        layers.append(InferenceLayer("keep", {"slot": 0}))
        _add_all(layers, module.inner)
        layers.append(InferenceLayer("add", {"slot": 0}))
        _add(layers, module.activation)
    elif type(module) in _ACTIVATIONS:
        layers.append(InferenceLayer(_ACTIVATIONS[type(module)]))
    elif not isinstance(module, nn.Dropout):
        raise ExportError(f"{type(module).__name__} has no inference graph; --to onnx supports every model")


def _add_all(layers: list[InferenceLayer], modules: nn.Sequential) -> None:
    for module in modules:
        _add(layers, module)


def _add_block(layers: list[InferenceLayer], block: ResidualBlock) -> None:
    if block.shortcut is None:
        layers.append(InferenceLayer("keep", {"slot": 0}))
        _add_all(layers, block.first)
    else:
        _add_all(layers, block.first)
        layers.append(InferenceLayer("keep", {"slot": 1}))
        _add(layers, block.shortcut)
        layers += [InferenceLayer("keep", {"slot": 0}), InferenceLayer("recall", {"slot": 1})]
    _add_all(layers, block.second)
    layers.append(InferenceLayer("add", {"slot": 0}))


def _weights(module: nn.Conv2d | nn.Linear) -> tuple[Array, Array]:
    weight = module.weight.detach().cpu().contiguous().numpy().astype(np.float32)
    bias = np.zeros(len(weight), np.float32) if module.bias is None else module.bias.detach().cpu().numpy()
    return weight, bias.astype(np.float32)


def _fold(layers: list[InferenceLayer], norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
    """x -> x scale + shift, folded into the preceding weights, or as a separate layer."""
    if norm.running_mean is None or norm.running_var is None:
        raise ExportError("batch norm without running statistics can't be folded")
    with torch.no_grad():
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        shift = norm.bias - norm.running_mean * scale
    factors, offsets = scale.cpu().numpy(), shift.cpu().numpy()
    before = layers[-1]
    if before.weight is None or before.bias is None or before.kind == "scale":
        layers.append(InferenceLayer("scale", {}, factors.astype(np.float32), offsets.astype(np.float32)))
        return
    weight = before.weight * factors.reshape(-1, *[1] * (before.weight.ndim - 1))
    layers[-1] = InferenceLayer(before.kind, before.options, weight, before.bias * factors + offsets)
