"""Write the inference graph as a C header without dependencies, for a microcontroller, say.

The header holds the weights, packed, and one function that computes layer by layer in float32. It needs a C99 compiler
and `math.h`.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold import files
from tenfold.errors import ExportError
from tenfold.exporters.inference_graph import Array, InferenceLayer, pack, quantize, rows_and_columns

# Where a program has no array: that of a layer without a bias.
_NONE = "TENFOLD_NONE"
_ACTIVATIONS = {
    "relu": "x > 0 ? x : 0",
    "leaky_relu": "x > 0 ? x : 0.01f * x",
    "elu": "x > 0 ? x : expm1f(x)",
    "gelu": "0.5f * x * (1 + erff(x * 0.70710678f))",
    "silu": "x / (1 + expf(-x))",
    "tanh": "tanhf(x)",
    "sigmoid": "1 / (1 + expf(-x))",
}


def write_c(
    layers: Sequence[InferenceLayer], path: Path, settings: Mapping[str, Any], precision: tuple[int, int] = (8, 16)
) -> list[InferenceLayer]:
    """Writes `layers` to `path`, and returns them with the weights that the header holds.

    settings: those of `tenfold.reading.model_file`. precision: bits of a weight, 2 to 8, and of a scale, one for each
    output, or bias, 8 or 16; these are whole numbers times a power of two. Raises `ExportError` for a value that is not
    finite.
    """
    program = _Program(*precision)
    rest = list(layers)
    while rest:
        layer = rest.pop(0)
        # The batch norm of shared weights, which has scales of its own for each use of them.
        norm = rest.pop(0) if layer.kind == "convolution" and rest and rest[0].kind == "scale" else None
        program.add(layer, norm)
    files.write_text(path, program.text(settings))
    return program.layers


class _Program:
    """The calls of a forward pass, the bytes of its weights, and the layers with these weights.

    Arrays between layers lie in a few buffers; a buffer is used again when its values are no longer needed.
    """

    def __init__(self, bits: int, number_bits: int) -> None:
        self.bits, self.number_bits = bits, number_bits
        self.layers: list[InferenceLayer] = []
        self.weights = bytearray()
        self.offsets: dict[bytes, int] = {}
        self.calls: list[str] = []
        self.functions = {"number", "whole", "predict"}
        # The size of each buffer; the one with the latest values, and their shape; those that slots hold.
        self.buffers = [784]
        self.at, self.shape = 0, (1, 28, 28)
        self.slots: dict[int, tuple[int, tuple[int, int, int]]] = {}

    def place(self, content: bytes) -> str:
        if content not in self.offsets:  # Layers may share weights.
            self.offsets[content] = len(self.weights)
            self.weights += content
        return str(self.offsets[content])

    def numbers(self, values: Array) -> tuple[str, Array]:
        """Places scales or biases; returns the place, and the values as they are there."""
        if not values.any():  # Those of a layer without a bias take no bytes.
            return _NONE, values
        if not np.isfinite(values).all():
            raise ExportError("a bias or scale is not finite: a C header can't hold it")
        largest = 2 ** (self.number_bits - 1) - 1
        exponent = max(-128, int(np.frexp(np.abs(values).max() / largest)[1]))
        whole = np.rint(np.ldexp(values.astype(np.float64), -exponent)).astype(f"<i{self.number_bits // 8}")
        content = bytes([exponent + 128]) + whole.tobytes()
        return self.place(content), np.ldexp(whole.astype(np.float32), exponent)

    def call(self, function: str, *arguments: object, shape: tuple[int, int, int], in_place: bool = False) -> None:
        """A layer that takes the latest values and gives others of a shape."""
        size = int(np.prod(shape))
        to = self.at
        kept = {buffer for buffer, _ in self.slots.values()}
        if not in_place or self.at in kept:
            busy = {self.at, *kept}
            to = next((number for number in range(len(self.buffers)) if number not in busy), len(self.buffers))
            if to == len(self.buffers):
                self.buffers.append(0)
        self.buffers[to] = max(self.buffers[to], size)
        shown = ", ".join(map(str, arguments))
        self.calls.append(f"tenfold_{function}(buffer_{self.at}, buffer_{to}{', ' if shown else ''}{shown});")
        self.functions.add(function)
        self.at, self.shape = to, shape

    def add(self, layer: InferenceLayer, norm: InferenceLayer | None = None) -> None:
        """Adds a layer; norm: scales and biases of a convolution that are separate from its weights."""
        options, (channels, height, width) = layer.options, self.shape
        area = height * width
        if layer.weight is None:
            self.layers.append(layer)
        if layer.kind == "keep":
            self.slots[options["slot"]] = self.at, self.shape
        elif layer.kind == "recall":
            self.at, self.shape = self.slots.pop(options["slot"])
        elif layer.kind == "add":
            other, _ = self.slots.pop(options["slot"])
            self.call("add", f"buffer_{other}", channels * area, shape=self.shape, in_place=True)
        elif layer.kind == "deskew":
            self.call("deskew", shape=self.shape)
        elif layer.kind == "pixels":
            crop, patch, border = options["crop"], options["patch"], options["border"]
            side = (crop + 2 * border) // patch
            numbers = _constant(options["mean"]), _constant(options["spread"])
            self.call("pixels", crop, patch, border, *numbers, shape=(patch * patch, side, side))
        elif layer.kind == "pool":
            tall, wide = rows_and_columns(options["size"])
            self.call("pool", channels, height, width, tall, wide, shape=(channels, height // tall, width // wide))
        elif layer.kind == "flatten":
            self.call("flatten", channels, area, shape=(channels * area, 1, 1))
        elif layer.kind == "mean_and_maximum":
            self.call("mean_and_maximum", channels, area, shape=(2 * channels, 1, 1))
        elif layer.weight is None or layer.bias is None:
            if layer.kind not in _ACTIVATIONS:
                raise ExportError(f"a layer of kind {layer.kind} can't be written as C; --to onnx supports every model")
            self.call(layer.kind, channels * area, shape=self.shape, in_place=True)
        elif layer.kind == "scale":
            (scales, factors), (biases, offsets) = self.numbers(layer.weight), self.numbers(layer.bias)
            self.layers.append(replace(layer, weight=factors, bias=offsets))
            self.call("scale", channels, area, scales, biases, shape=self.shape, in_place=True)
        else:
            self._add_weights(layer, norm)

    def _add_weights(self, layer: InferenceLayer, norm: InferenceLayer | None) -> None:
        assert layer.weight is not None
        assert layer.bias is not None
        whole, scales = quantize(layer.weight, self.bits)
        biases = layer.bias
        if norm is not None and norm.weight is not None and norm.bias is not None:
            scales, biases = scales * norm.weight, biases * norm.weight + norm.bias
        outputs, (channels, height, width) = len(whole), self.shape
        # One kernel for all channels is that of a learned pooling which they share.
        one = layer.kind == "convolution" and (whole == whole[0]).all() and (scales == scales[0]).all()
        kernels = 1 if one else outputs
        weights_at = self.place(pack(whole[:kernels], self.bits))
        (scales_at, factors), (biases_at, offsets) = self.numbers(scales[:kernels]), self.numbers(biases)
        weight = (whole * factors.reshape(-1, *[1] * (whole.ndim - 1))).astype(np.float32)
        self.layers.append(replace(layer, weight=weight, bias=offsets))
        arrays = weights_at, scales_at, biases_at
        if layer.kind == "dense":
            self.call("dense", whole.shape[1], outputs, *arrays, shape=(outputs, 1, 1))
            return
        (above, left), (down, across) = (rows_and_columns(layer.options[key]) for key in ("padding", "stride"))
        tall, wide = whole.shape[2:]
        rows, columns = (height + 2 * above - tall) // down + 1, (width + 2 * left - wide) // across + 1
        sizes = channels, height, width, outputs, rows, columns, kernels, whole.shape[1], tall, wide
        self.call("convolution", *sizes, above, left, down, across, *arrays, shape=(outputs, rows, columns))

    def text(self, settings: Mapping[str, Any]) -> str:
        """The header."""
        numbers = [str(byte) for byte in self.weights]
        names = "the digits 0 to 9"
        if "class_names" in settings:  # Any text, within a comment.
            names = " ".join(f"the classes {', '.join(settings['class_names'])}".replace("*/", "* /").split())
        values: dict[str, object] = {
            "version": version("tenfold"),
            "names": names,
            "classes": self.shape[0],
            # By default, an even chance of being wrong.
            "unsure_below": _constant(settings.get("unsure_below", 0.5)),
            "bits": self.bits,
            "number_bits": self.number_bits,
            "weight_bytes": len(self.weights),
            "weights": ",\n".join(f"    {', '.join(numbers[at : at + 24])}" for at in range(0, len(numbers), 24)),
            "memory": 4 * sum(self.buffers),
            "buffers": "\n".join(f"    static float buffer_{at}[{size}];" for at, size in enumerate(self.buffers)),
            "calls": "\n".join(f"    {call}" for call in self.calls) + f"\n    const float *logits = buffer_{self.at};",
        }
        blocks = []
        for block in (resources.files("tenfold.exporters") / "template.h").read_text("utf-8").split("\n\n"):
            function = re.match(r"(?:/\*.*\*/\n)?static \w+ tenfold_(\$?\w+)\(", block)
            if function and function[1] == "$activation":
                blocks += [
                    Template(block).substitute(activation=kind, expression=_ACTIVATIONS[kind])
                    for kind in sorted(self.functions & _ACTIVATIONS.keys())
                ]
            elif not function or function[1] in self.functions:
                blocks.append(Template(block).substitute(values))
        return "\n\n".join(blocks)


def _constant(value: float) -> str:
    """A number as a float constant of C."""
    return f"{np.float32(value)!s}f"


def run_c(header: Path, images: NDArray[np.uint8]) -> Array | None:
    """Compiles the header and returns the probabilities of images uint8[N,28,28] as float32[N,C].

    Returns None where there is no C compiler. Raises `ExportError` when the header can't be compiled or run.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program"
        command = [
            compiler,
            "-std=c99",
            "-O2",
            "-include",
            str(header.resolve()),
            "-x",
            "c",
            "-",
            "-o",
            str(program),
            "-lm",
        ]
        built = subprocess.run(command, input=_MAIN, capture_output=True, text=True, check=False)
        if built.returncode:
            raise ExportError(f"{header.name} can't be compiled: {built.stderr.strip().splitlines()[0]}")
        pixels = np.ascontiguousarray(images).tobytes()
        answers = subprocess.run([program], input=pixels, capture_output=True, check=False)
        if answers.returncode:
            raise ExportError(f"{header.name} was compiled, and its program ended with code {answers.returncode}")
    return np.frombuffer(answers.stdout, np.float32).reshape(len(images), -1)


_MAIN = """
#include <stdio.h>
int main(void)
{
    unsigned char image[784];
    float probabilities[TENFOLD_CLASSES];
    while (fread(image, 1, 784, stdin) == 784) {
        tenfold_predict(image, probabilities);
        fwrite(probabilities, sizeof *probabilities, TENFOLD_CLASSES, stdout);
    }
    return 0;
}
"""
