"""An inference graph as a LiteRT file, converted by TensorFlow."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tenfold import files
from tenfold.errors import ExportError
from tenfold.exporters.inference_graph import InferenceLayer, run_layers

# Rows of images, places and channels: TensorFlow's order is channels last.
_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": tf.nn.relu,
    "leaky_relu": lambda x: tf.nn.leaky_relu(x, 0.01),
    "elu": tf.nn.elu,
    "gelu": lambda x: tf.nn.gelu(x, approximate=False),
    "silu": tf.nn.silu,
    "tanh": tf.nn.tanh,
    "sigmoid": tf.nn.sigmoid,
}


def write_tflite(layers: Sequence[InferenceLayer], path: Path) -> Path:
    """Writes a model in float32: images uint8[N,28,28] in, probabilities float32[N,10] out, for any N.

    Raises `ExportError` for a kind of layer that there is no form for.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28], tf.uint8, "images")])  # type: ignore[untyped-decorator]
    def answer(images: Any) -> Any:
        return tf.nn.softmax(run_layers(layers, tf.cast(images, tf.float32), _step), name="probabilities")

    converter = tf.lite.TFLiteConverter.from_concrete_functions([answer.get_concrete_function()])
    return files.write_bytes(path, converter.convert())


def _step(layer: InferenceLayer, values: Any) -> Any:
    options = layer.options
    if layer.kind == "pixels":
        return _pixels(values, **options)
    if layer.kind == "pool":
        return tf.nn.max_pool2d(values, options["size"], options["size"], "VALID")
    if layer.kind == "flatten":
        # Place by place, as it lies.
        return tf.reshape(values, [-1, int(np.prod(values.shape[1:]))])
    if layer.kind == "mean_and_maximum":
        return tf.concat([tf.reduce_mean(values, [1, 2]), tf.reduce_max(values, [1, 2])], 1)
    if layer.weight is None or layer.bias is None:
        if layer.kind not in _ACTIVATIONS:
            raise ExportError(f"a layer of kind {layer.kind} has no form in LiteRT here")
        return _ACTIVATIONS[layer.kind](values)
    if layer.kind == "dense":
        return tf.matmul(values, layer.weight.T) + layer.bias
    if layer.kind == "scale":
        return values * layer.weight + layer.bias
    return _convolution(layer, values) + layer.bias


def _convolution(layer: InferenceLayer, values: Any) -> Any:
    assert layer.weight is not None
    stride, reach = layer.options["stride"], layer.options["padding"]
    if reach:
        values = tf.pad(values, [[0, 0], [reach, reach], [reach, reach], [0, 0]])
    # Outputs first -> height, width, inputs, outputs; each channel's own kernel is another operation.
    if layer.options["groups"] > 1:
        weight = layer.weight.transpose(2, 3, 0, 1)
        return tf.nn.depthwise_conv2d(values, weight, [1, stride, stride, 1], "VALID")
    return tf.nn.conv2d(values, layer.weight.transpose(2, 3, 1, 0), stride, "VALID")


def _pixels(values: Any, crop: int, patch: int, border: int, mean: float, spread: float) -> Any:
    margin = (28 - crop) // 2
    middle = values[:, margin : margin + crop, margin : margin + crop]
    if border:
        middle = tf.pad(middle, [[0, 0], [border, border], [border, border]])
    pixels = (middle * np.float32(1 / 255) - np.float32(mean)) * np.float32(1 / spread)
    side = (crop + 2 * border) // patch
    if patch == 1:
        return pixels[..., None]
    cells = tf.reshape(pixels, [-1, side, patch, side, patch])
    return tf.reshape(tf.transpose(cells, [0, 1, 3, 2, 4]), [-1, side, side, patch * patch])
