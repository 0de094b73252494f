"""A trained network as a list of layers for inference, and their evaluation with NumPy. No PyTorch.

Batch norm is folded into weights, dropout is gone, and weights can be quantized to int8. The int8 ONNX file and the web
file are written from this list, and their outputs are compared with `evaluate_layers`, which is slow but simple.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform
from scipy.special import erf, expit

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


# Images that an exported model is compared on.
PARITY_IMAGES = 512


@dataclass(frozen=True)
class InferenceLayer:
    """One operation on the output of the layer before it.

    kind: `pixels` (the input of a digit network), `strips` (that of a line network), `deskew` (before `pixels`, see
    `deskewed`), `convolution` (`groups`: 1, or the number of channels), `dense`, `scale`, `pool`, `flatten`,
    `mean_and_maximum` (global average and maximum pooling) or the name of an activation; for residual connections
    `keep` saves values in a `slot`, `recall` loads them, `add` adds them. options: its numbers; `padding`, `stride` and
    `size` may be pairs, see `rows_and_columns`. weight: float32, outputs first, or None. bias: float32[outputs] or
    None.
    """

    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    weight: Array | None = None
    bias: Array | None = None


def count_parameters(layers: Sequence[InferenceLayer]) -> int:
    """Returns how many numbers the layers hold."""
    return sum(array.size for layer in layers for array in (layer.weight, layer.bias) if array is not None)


def rows_and_columns(option: int | Sequence[int]) -> tuple[int, int]:
    """Returns an option that is one number for rows and columns, or a pair of them, as a pair."""
    rows, columns = (option, option) if isinstance(option, int) else option
    return rows, columns


def run_layers(layers: Sequence[InferenceLayer], values: Any, step: Callable[[InferenceLayer, Any], Any]) -> Any:
    """Passes values, an array of any library, through all layers; `step` computes all kinds but the residual ones."""
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


def evaluate_layers(layers: Sequence[InferenceLayer], images: NDArray[np.uint8]) -> Array:
    """uint8[N,28,28], 0 paper to 255 ink -> logits float32[N,10].

    A line network takes strips uint8[N,32,W], W even, and gives the logits of each column, float32[N,W/2,24].
    """
    logits: Array = run_layers(layers, images.astype(np.float32), _step)
    return logits.squeeze(2).transpose(0, 2, 1) if layers[0].kind == "strips" else logits


def _step(layer: InferenceLayer, values: Array) -> Array:
    options = layer.options
    if layer.kind == "pixels":
        return _pixels(values, **options)
    if layer.kind == "deskew":
        return deskewed(values)
    if layer.kind == "strips":
        return _space_to_depth(_standardized(values, options["mean"], options["spread"]), options["patch"])
    if layer.kind == "pool":
        tall, wide = rows_and_columns(options["size"])
        count, channels, height, width = values.shape
        cut = values[:, :, : height // tall * tall, : width // wide * wide]
        return np.asarray(cut.reshape(count, channels, height // tall, tall, width // wide, wide).max((3, 5)))
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
    above, left = rows_and_columns(options["padding"])
    down, across = rows_and_columns(options["stride"])
    padded = np.pad(values, ((0, 0), (0, 0), (above,) * 2, (left,) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, layer.weight.shape[2:], (2, 3))[:, :, ::down, ::across]
    if options["groups"] > 1:
        sums = np.einsum("nchwyx,cyx->nchw", windows, layer.weight[:, 0])
    else:
        sums = np.einsum("nchwyx,ocyx->nohw", windows, layer.weight, optimize=True)
    return np.asarray(sums + layer.bias[:, None, None])


def _pixels(values: Array, crop: int, patch: int, border: int, mean: float, spread: float) -> Array:
    margin = (values.shape[1] - crop) // 2
    middle = slice(margin, margin + crop)
    padded = np.pad(values[:, middle, middle], ((0, 0), (border,) * 2, (border,) * 2))
    return _space_to_depth(_standardized(padded, mean, spread), patch)


def _standardized(values: Array, mean: float, spread: float) -> Array:
    return (values / np.float32(255) - np.float32(mean)) / np.float32(spread)


def deskewed(images: Array) -> Array:
    """float32[N,H,W], 0 paper -> the same, each centered on its center of mass and without its slant.

    As `tenfold.models.composite.deskew` does it; blank images are unchanged.
    """
    return np.stack([_without_slant(image) if image.any() else image for image in images])


def _without_slant(image: Array) -> Array:
    middle = (np.array(image.shape) - 1) / 2
    down, right = (np.arange(count) - center for count, center in zip(image.shape, middle, strict=True))
    mass = image / image.sum(dtype=np.float64)
    rows, columns = mass.sum(1), mass.sum(0)
    y, x = rows @ down, columns @ right
    # In pixels: the least variance of rows that a slant is divided by.
    least = 1e-6 * (len(image) / 2) ** 2
    slant = (down @ mass @ right - x * y) / max(rows @ down**2 - y * y, least)
    matrix = np.array([[1, 0], [slant, 1]])
    offset = middle + np.array([y, x]) - matrix @ middle
    return np.asarray(affine_transform(image, matrix, offset, order=1, mode="grid-constant"))


def _space_to_depth(pixels: Array, patch: int) -> Array:
    """[N,H,W] -> [N,patch^2,H/patch,W/patch], channels in the order of torch's pixel_unshuffle."""
    count, height, width = pixels.shape
    cells = pixels.reshape(count, height // patch, patch, width // patch, patch).transpose(0, 2, 4, 1, 3)
    return cells.reshape(count, patch * patch, height // patch, width // patch)


def softmax(logits: NDArray[np.floating[Any]]) -> Array:
    """floats[N,10] -> probabilities float32[N,10], rows that sum to 1."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


def log_softmax(logits: NDArray[np.floating[Any]]) -> Array:
    """floats[...,classes] -> log probabilities, float32, whose exponentials sum to 1 over the classes."""
    shifted = logits - logits.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)), np.float32)


def quantize(weight: Array, bits: int = 8) -> tuple[NDArray[np.int8], Array]:
    """Converts a weight to whole numbers of 2 to 8 bits with one scale per output: int8 * scale is within half a scale
    of the weight."""
    largest = 2 ** (bits - 1) - 1
    flat = np.abs(weight).reshape(len(weight), -1).max(1)
    scales = np.maximum(flat, 1e-12).astype(np.float32) / np.float32(largest)
    return np.rint(weight / _by_output(scales, weight)).astype(np.int8), scales


def dequantized(layer: InferenceLayer, bits: int = 8) -> InferenceLayer:
    """The layer with its weights rounded to `bits` and converted back; the weights of a `scale` layer stay."""
    if layer.weight is None or layer.kind == "scale":
        return layer
    whole, scales = quantize(layer.weight, bits)
    return replace(layer, weight=(whole * _by_output(scales, whole)).astype(np.float32))


def _by_output(scales: Array, weight: NDArray[Any]) -> Array:
    return scales.reshape(-1, *[1] * (weight.ndim - 1))


def pack(whole: NDArray[np.int8], bits: int) -> bytes:
    """Whole numbers as two's complement of so many bits each, one after another, the lowest bit first."""
    planes = (whole.reshape(-1, 1).astype(np.uint8) >> np.arange(bits, dtype=np.uint8)) & 1
    return np.packbits(planes.ravel(), bitorder="little").tobytes()


def unpack(content: bytes, count: int, bits: int) -> NDArray[np.int8]:
    """The inverse of `pack`: the first `count` numbers of `content`."""
    planes = np.unpackbits(np.frombuffer(content, np.uint8), count=count * bits, bitorder="little")
    values = planes.reshape(count, bits).astype(np.int16) @ (1 << np.arange(bits)).astype(np.int16)
    return np.where(values >> (bits - 1), values - (1 << bits), values).astype(np.int8)
