"""Convert a PyTorch model to the inference graph: fold batch norm, drop dropout."""

import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from tenfold.errors import ExportError
from tenfold.exporters.inference_graph import Array, InferenceLayer, rows_and_columns
from tenfold.models.composite import Composite
from tenfold.models.layers import (
    ACTIVATION_LAYERS,
    PIXEL_MEAN,
    PIXEL_SPREAD,
    AverageMaxPooling,
    FlattenChannelsLast,
    InputLayer,
    LearnedPooling,
)
from tenfold.models.recurrent import SharedConvolutions
from tenfold.models.resnet import ResidualBlock
from tenfold.models.separable import SeparableBlock
from tenfold.reading.symbols import BLANK

_ACTIVATIONS = {layer: name for name, layer in ACTIVATION_LAYERS.items()}


def inference_layers(model: nn.Module, temperature: float = 1.0) -> list[InferenceLayer]:
    """Converts a model in evaluation mode; logits are divided by `temperature`.

    Raises `ExportError` with the first module that cannot be converted.
    """
    layers: list[InferenceLayer] = []
    if isinstance(model, Composite) and model.passes == 1:
        layers += [InferenceLayer("deskew")] if model.deskew else []
        model = model.members[0]
    if not isinstance(model, nn.Sequential):
        raise ExportError(
            f"{type(model).__name__} has no inference graph: export it with --to onnx, or train "
            "without ensemble and test-time augmentation"
        )
    # An mlp takes pixels without standardization.
    if not isinstance(model[0], InputLayer):
        layers.append(InferenceLayer("pixels", {"crop": 28, "patch": 1, "border": 0, "mean": 0.0, "spread": 1.0}))
    _add_all(layers, model)
    last = layers[-1]
    if last.kind != "dense" or last.weight is None or last.bias is None:
        raise ExportError(f"the last layer is {last.kind}; the last layer must be dense")
    layers[-1] = InferenceLayer("dense", last.options, last.weight / temperature, last.bias / temperature)
    return layers


def line_layers(model: nn.Sequential) -> list[InferenceLayer]:
    """Converts a line network in evaluation mode: `nn.PixelUnshuffle(2)`, then convolutions, batch norms and so on.

    model: float32[N,1,32,W], 0 paper to 1 ink -> logits float32[N,24,1,W/2]. Raises `ExportError` with the first module
    that cannot be converted.
    """
    layers: list[InferenceLayer] = []
    _add_all(layers, model)
    first, last = layers[0], layers[-1]
    if first.kind != "strips" or last.kind != "convolution" or last.bias is None or len(last.bias) != BLANK + 1:
        raise ExportError(
            f"a line network starts with nn.PixelUnshuffle and ends with a convolution to {BLANK + 1} classes"
        )
    return layers


def _add(layers: list[InferenceLayer], module: nn.Module) -> None:
    if isinstance(module, InputLayer):
        options = {"crop": module.crop, "patch": module.patch, "border": module.border}
        layers.append(InferenceLayer("pixels", {**options, "mean": PIXEL_MEAN, "spread": PIXEL_SPREAD}))
    elif isinstance(module, nn.PixelUnshuffle):
        layers.append(InferenceLayer("strips", {"patch": module.downscale_factor, "mean": 0.0, "spread": 1.0}))
    elif isinstance(module, nn.Conv2d):
        dilated = set(module.dilation) != {1}
        if isinstance(module.padding, str) or dilated or module.groups not in (1, module.in_channels):
            raise ExportError(
                f"{module} cannot be exported: it needs padding in numbers, no dilation, and one group in all or per "
                "channel"
            )
        across = {"padding": _one_or_pair(module.padding), "stride": _one_or_pair(module.stride)}
        layers.append(InferenceLayer("convolution", {**across, "groups": module.groups}, *_weights(module)))
    elif isinstance(module, nn.Linear):
        _add_dense(layers, module)
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        _fold(layers, module)
    elif isinstance(module, nn.MaxPool2d):
        if module.stride != module.kernel_size or module.padding not in (0, (0, 0)):
            raise ExportError(f"{module} cannot be exported: it needs a stride equal to its size, and no padding")
        layers.append(InferenceLayer("pool", {"size": _one_or_pair(module.kernel_size)}))
    elif isinstance(module, FlattenChannelsLast):
        layers.append(InferenceLayer("flatten"))
    elif isinstance(module, nn.Flatten):
        # With one channel the order is the same, and no architecture uses it with more.
        layers.append(InferenceLayer("flatten"))
    elif isinstance(module, AverageMaxPooling):
        layers.append(InferenceLayer("mean_and_maximum"))
    elif isinstance(module, LearnedPooling):
        # A depthwise convolution whose kernel covers the whole image.
        weight = module.weight.detach().cpu().numpy().transpose(1, 0, 2, 3)
        channels = max(len(weight), next(len(layer.bias) for layer in reversed(layers) if layer.bias is not None))
        weight = np.repeat(weight, channels // len(weight), 0)
        options = {"padding": 0, "stride": 1, "groups": channels}
        layers.append(InferenceLayer("convolution", options, weight, np.zeros(channels, np.float32)))
        layers.append(InferenceLayer("flatten"))
    elif isinstance(module, SharedConvolutions):
        _add_shared(layers, module)
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


def _add_shared(layers: list[InferenceLayer], module: SharedConvolutions) -> None:
    norms = iter(module.norms)
    for letter in module.plan:
        if letter == "-":
            _add(layers, module.pool)
            continue
        layers.append(InferenceLayer("keep", {"slot": 0}))
        _add(layers, module.convolutions[letter])
        if module.plan.count(letter) == 1:
            _add(layers, next(norms))
        else:
            # Not folded: the same weights are used again, and files hold them once.
            layers.append(InferenceLayer("scale", {}, *_scale_and_shift(next(norms))))
        layers.append(InferenceLayer("add", {"slot": 0}))
        _add(layers, module.activation)


def _add_dense(layers: list[InferenceLayer], module: nn.Linear) -> None:
    weight, bias = _weights(module)
    if layers and layers[-1].kind == "scale" and not is_parametrized(module):
        # Batch norm after pooling: it becomes part of the weights, unless those are rounded.
        factors, offsets = layers[-1].weight, layers.pop().bias
        assert factors is not None
        assert offsets is not None
        weight, bias = weight * factors, bias + weight @ offsets
    layers.append(InferenceLayer("dense", {}, weight, bias))


def _one_or_pair(option: int | tuple[int, ...]) -> int | list[int]:
    """One number where rows and columns have the same, as in all files of digit networks."""
    rows, columns = rows_and_columns(option)
    return rows if rows == columns else [rows, columns]


def _weights(module: nn.Conv2d | nn.Linear) -> tuple[Array, Array]:
    weight = module.weight.detach().cpu().contiguous().numpy().astype(np.float32)
    bias = np.zeros(len(weight), np.float32) if module.bias is None else module.bias.detach().cpu().numpy()
    return weight, bias.astype(np.float32)


def _fold(layers: list[InferenceLayer], norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
    """x -> x scale + shift, folded into the preceding weights, or as a separate layer."""
    factors, offsets = _scale_and_shift(norm)
    before = layers[-1]
    if before.weight is None or before.bias is None or before.kind == "scale":
        layers.append(InferenceLayer("scale", {}, factors, offsets))
        return
    weight = before.weight * factors.reshape(-1, *[1] * (before.weight.ndim - 1))
    layers[-1] = InferenceLayer(before.kind, before.options, weight, before.bias * factors + offsets)


def _scale_and_shift(norm: nn.Module) -> tuple[Array, Array]:
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
    if norm.running_mean is None or norm.running_var is None:
        raise ExportError("batch norm without running statistics can't be folded")
    with torch.no_grad():
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        shift = norm.bias - norm.running_mean * scale
    return scale.float().cpu().numpy(), shift.float().cpu().numpy()
