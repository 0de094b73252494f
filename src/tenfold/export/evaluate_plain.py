"""Plain layers, run with NumPy: slow and plain, what files written from them are held against."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit

from tenfold.export.plain import PlainLayer, walk

Array = NDArray[np.float32]

_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, np.float32(0.01) * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: x * np.float32(0.5) * (1 + erf(x / np.float32(2**0.5))),
    "silu": lambda x: x * expit(x),
    "tanh": np.tanh,
    "sigmoid": expit,
}


def evaluate_plain(layers: Sequence[PlainLayer], images: NDArray[np.uint8]) -> Array:
    """uint8[N,28,28], 0 paper to 255 ink -> logits float32[N,10]."""
    logits: Array = walk(layers, images.astype(np.float32), _step)
    return logits


def _step(layer: PlainLayer, values: Array) -> Array:
    options = layer.options
    if layer.kind == "pixels":
        return _pixels(values, **options)
    if layer.kind == "pool":
        size = options["size"]
        count, channels, height, width = values.shape
        cut = values[:, :, : height // size * size, : width // size * size]
        return np.asarray(cut.reshape(count, channels, height // size, size, width // size, size).max((3, 5)))
    if layer.kind == "flatten":
        return values.transpose(0, 2, 3, 1).reshape(len(values), -1)
    if layer.kind == "mean_and_maximum":
        return np.concatenate([values.mean((2, 3)), values.max((2, 3))], 1)
    if layer.weight is None or layer.bias is None:
        return np.asarray(_ACTIVATIONS[layer.kind](values), np.float32)
    if layer.kind == "dense":
        return values @ layer.weight.T + layer.bias
    if layer.kind == "scale":
        return values * layer.weight[:, None, None] + layer.bias[:, None, None]
    padding, stride, side = options["padding"], options["stride"], layer.weight.shape[-1]
    padded = np.pad(values, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), (2, 3))[:, :, ::stride, ::stride]
    if options["groups"] > 1:
        sums = np.einsum("nchwyx,cyx->nchw", windows, layer.weight[:, 0])
    else:
        sums = np.einsum("nchwyx,ocyx->nohw", windows, layer.weight, optimize=True)
    return np.asarray(sums + layer.bias[:, None, None])


def _pixels(values: Array, crop: int, patch: int, border: int, mean: float, spread: float) -> Array:
    margin = (values.shape[1] - crop) // 2
    middle = slice(margin, margin + crop)
    padded = np.pad(values[:, middle, middle], ((0, 0), (border,) * 2, (border,) * 2))
    pixels = (padded / np.float32(255) - np.float32(mean)) / np.float32(spread)
    side = (crop + 2 * border) // patch
    cells = pixels.reshape(-1, side, patch, side, patch).transpose(0, 2, 4, 1, 3)
    return cells.reshape(-1, patch * patch, side, side)


def softmax(logits: NDArray[np.floating[Any]]) -> Array:
    """floats[N,10] -> probabilities float32[N,10], rows that sum to 1."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)
