"""Write the inference graph as ONNX, with float32 weights or with quantized ones, which are stored as int8 and
dequantized when the file is loaded: a quarter of the size."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tenfold import files
from tenfold.exporters.inference_graph import InferenceLayer, quantize, rows_and_columns
from tenfold.reading.model_file import METADATA
from tenfold.reading.symbols import BLANK, DIGITS, SYMBOLS

# Opset 20 is the first with Gelu; ONNX Runtime 1.17 and later read it.
_OPSET, _IR = 20, 9
_NAMES = {"relu": "Relu", "leaky_relu": "LeakyRelu", "elu": "Elu", "gelu": "Gelu", "tanh": "Tanh", "sigmoid": "Sigmoid"}


@dataclass(frozen=True)
class _FileForm:
    """What a kind of file takes and gives: in words, and as ONNX has it, free dimensions by name."""

    purpose: str
    images: str
    outputs: str
    shape: tuple[int | str, ...]
    output_names: tuple[str, ...]
    output_shape: tuple[int | str, ...]


_LINE = _FileForm(
    "Reads a line of handwritten digits and marks",
    "uint8[n,32,w], 0 paper to 255 ink, a line of writing as high as the strip; w is a multiple of 16",
    f"log_probabilities: float32[n,w/2,{BLANK + 1}], of the symbols {SYMBOLS} and CTC's blank, in each column of "
    "two pixels",
    ("n", 32, "w"),
    ("log_probabilities",),
    ("n", "columns", BLANK + 1),
)


def _image_form(settings: Mapping[str, Any]) -> _FileForm:
    names = settings.get("class_names", DIGITS)
    digits = tuple(names) == tuple(DIGITS)
    return _FileForm(
        "Reads one handwritten digit an image" if digits else f"Classifies images into {len(names)} classes",
        "uint8[n,28,28], 0 paper to 255 ink, a digit in a box of 20x20, its center of mass in the middle, as MNIST's",
        f"logits and probabilities: float32[n,{len(names)}], of "
        + ("the digits 0 to 9" if digits else "class_names in the metadata"),
        ("n", 28, 28),
        ("logits", "probabilities"),
        ("n", len(names)),
    )


class _OnnxGraph:
    """Nodes and constants in order; each node reads the output of the one before it."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.names: dict[tuple[Any, ...], str] = {}
        self.at = "images"
        self.channels = 1
        self.slots: dict[int, str] = {}

    def constant(self, values: np.ndarray | np.generic) -> str:
        key = (values.dtype.name, values.shape, values.tobytes())
        if key not in self.names:  # Layers may share weights.
            self.names[key] = f"constant_{len(self.constants)}"
            self.constants.append(numpy_helper.from_array(np.array(values), self.names[key]))
        return self.names[key]

    def node(self, operator: str, *more: str, output: str = "", **attributes: Any) -> None:
        output = output or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, [self.at, *more], [output], **attributes))
        self.at = output

    def weight(self, weight: np.ndarray) -> str:
        if not self.bits:
            return self.constant(weight)
        whole, scales = quantize(weight, self.bits)
        name = f"weight_{len(self.nodes)}"
        parts = [self.constant(whole), self.constant(scales)]
        self.nodes.append(helper.make_node("DequantizeLinear", parts, [name], axis=0))
        return name


def write_onnx(layers: Sequence[InferenceLayer], path: Path, settings: Mapping[str, Any], bits: int = 0) -> Path:
    """Writes uint8[N,28,28], 0 paper to 255 ink -> `logits` and `probabilities`, float32[N,C], for any N.

    For a line network: uint8[N,32,W], W a multiple of 16 -> `log_probabilities` float32[N,W/2,24].
    settings: stored in the file's metadata, see `tenfold.reading.model_file.ModelFile.settings`. bits: 2 to 8 of
    each weight, stored as int8 with one scale for each output; 0: float32. Biases stay float32.
    """
    graph = _OnnxGraph(bits)
    for layer in layers:
        _add(graph, layer)
    form = _LINE if layers[0].kind == "strips" else _image_form(settings)
    if form is _LINE:
        graph.node("Squeeze", graph.constant(np.array([2], np.int64)))
        graph.node("Transpose", perm=[0, 2, 1])
        graph.node("LogSoftmax", output="log_probabilities", axis=2)
    else:
        graph.nodes[-1].output[0] = graph.at = "logits"
        graph.node("Softmax", output="probabilities", axis=1)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "tenfold",
            [helper.make_tensor_value_info("images", TensorProto.UINT8, form.shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, form.output_shape) for name in form.output_names],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
        producer_name="tenfold",
    )
    describe(model, settings, form)
    onnx.checker.check_model(model)
    return files.write_bytes(path, model.SerializeToString())


def describe(model: onnx.ModelProto, settings: Mapping[str, Any], form: _FileForm | None = None) -> None:
    """Stores in an ONNX model what it says of itself; docs/reference/file-formats.md lists it."""
    form = form or _image_form(settings)
    model.doc_string = f"{form.purpose}. images: {form.images}. {form.outputs}."
    said = {"input": form.images, "range": "0 to 255", "output": form.outputs}
    helper.set_model_props(model, {METADATA: json.dumps(settings, sort_keys=True), **said})


def _add(graph: _OnnxGraph, layer: InferenceLayer) -> None:
    options = layer.options
    if layer.kind == "pixels":
        _pixels(graph, options)
    elif layer.kind == "deskew":
        _deskew(graph)
    elif layer.kind == "strips":
        _strips(graph, options)
    elif layer.kind == "convolution":
        assert layer.weight is not None
        assert layer.bias is not None
        graph.channels = len(layer.weight)
        weight, bias = graph.weight(layer.weight), graph.constant(layer.bias)
        padding, stride = rows_and_columns(options["padding"]), rows_and_columns(options["stride"])
        graph.node("Conv", weight, bias, pads=padding * 2, strides=stride, group=options["groups"])
    elif layer.kind == "dense":
        assert layer.weight is not None
        assert layer.bias is not None
        graph.node("Gemm", graph.weight(layer.weight), graph.constant(layer.bias), transB=1)
    elif layer.kind == "scale":
        assert layer.weight is not None
        assert layer.bias is not None
        # Batch norm with a mean of 0 and a variance of 1, which ONNX Runtime computes faster than a product and a sum.
        zeros, ones = np.zeros_like(layer.bias), np.ones_like(layer.bias)
        constants = [graph.constant(values) for values in (layer.weight, layer.bias, zeros, ones)]
        graph.node("BatchNormalization", *constants, epsilon=0.0)
    elif layer.kind == "pool":
        size = rows_and_columns(options["size"])
        graph.node("MaxPool", kernel_shape=size, strides=size)
    elif layer.kind == "flatten":
        if graph.channels > 1:
            graph.node("Transpose", perm=[0, 2, 3, 1])
        graph.node("Flatten", axis=1)
    elif layer.kind == "mean_and_maximum":
        _average_and_max_pool(graph)
    elif layer.kind == "keep":
        graph.slots[options["slot"]] = graph.at
    elif layer.kind == "recall":
        graph.at = graph.slots[options["slot"]]
    elif layer.kind == "add":
        graph.node("Add", graph.slots[options["slot"]])
    elif layer.kind == "silu":
        before = graph.at
        graph.node("Sigmoid")
        graph.node("Mul", before)
    else:
        graph.node(_NAMES[layer.kind])


def _pixels(graph: _OnnxGraph, options: Mapping[str, Any]) -> None:
    """uint8[N,28,28] -> standardized float32[N,patch^2,side,side]."""
    crop, patch, border = options["crop"], options["patch"], options["border"]
    graph.channels = patch * patch
    margin = (28 - crop) // 2
    # Not Unsqueeze: OpenCV 4 divides by zero at it where the batch is larger than 1.
    graph.node("Reshape", graph.constant(np.array([-1, 1, 28, 28], np.int64)))
    if margin:
        ends = [np.array(values, np.int64) for values in ([margin] * 2, [margin + crop] * 2, [2, 3])]
        graph.node("Slice", *[graph.constant(values) for values in ends])
    graph.node("Cast", output="pixels", to=TensorProto.FLOAT)
    if border:
        pads = np.array([0, 0, border, border, 0, 0, border, border], np.int64)
        graph.node("Pad", graph.constant(pads))
    _standardize(graph, options)
    if patch > 1:
        side = (crop + 2 * border) // patch
        _space_to_depth(graph, -1, side, side, patch)


def _deskew(graph: _OnnxGraph) -> None:
    """uint8[N,28,28] -> float32[N,1,28,28] as `inference_graph.deskewed` does it, in the coordinates of AffineGrid,
    which are -1 to 1."""
    axis = (np.arange(28, dtype=np.float32) + np.float32(0.5)) / 14 - 1
    graph.node("Cast", to=TensorProto.FLOAT)
    images = graph.at
    graph.node("ReduceSum", graph.constant(np.array([1, 2], np.int64)))
    graph.node("Max", graph.constant(np.float32(1e-4)))
    graph.at, total = images, graph.at
    graph.node("Div", total)
    # sums[n,i,j]: over rows and columns of mass row^i column^j
    graph.node("MatMul", graph.constant(np.stack([np.ones_like(axis), axis], 1)))
    columns = graph.at
    graph.at = graph.constant(np.stack([np.ones_like(axis), axis, axis * axis]))
    graph.node("MatMul", columns)
    graph.node("Flatten", axis=1)
    sums = graph.at

    def moment(row: int, column: int) -> str:
        graph.at = sums
        graph.node("Gather", graph.constant(np.array([2 * row + column], np.int64)), axis=1)
        return graph.at

    def combined(operator: str, first: str, second: str) -> str:
        graph.at = first
        graph.node(operator, second)
        return graph.at

    x, y = moment(0, 1), moment(1, 0)
    covariance = combined("Sub", moment(1, 1), combined("Mul", x, y))
    variance = combined("Sub", moment(2, 0), combined("Mul", y, y))
    slant = combined("Div", covariance, combined("Max", variance, graph.constant(np.float32(1e-6))))
    graph.at = slant
    graph.node("Concat", x, y, axis=1)
    # [1, slant, x], [0, 1, y]
    places = np.zeros((3, 6), np.float32)
    places[[0, 1, 2], [1, 2, 5]] = 1
    graph.node("MatMul", graph.constant(places))
    graph.node("Add", graph.constant(np.array([1, 0, 0, 0, 1, 0], np.float32)))
    theta = combined("Reshape", graph.at, graph.constant(np.array([-1, 2, 3], np.int64)))
    graph.at = images
    graph.node("Reshape", graph.constant(np.array([-1, 1, 28, 28], np.int64)))
    pictures = graph.at
    graph.node("Shape")
    grid = combined("AffineGrid", theta, graph.at)
    graph.at = combined("GridSample", pictures, grid)


def _strips(graph: _OnnxGraph, options: Mapping[str, Any]) -> None:
    """uint8[N,32,W] -> standardized float32[N,patch^2,32/patch,W/patch]."""
    patch = options["patch"]
    graph.channels = patch * patch
    graph.node("Cast", output="pixels", to=TensorProto.FLOAT)
    _standardize(graph, options)
    # N and W are free, and Reshape infers one of them alone (-1); it copies the other (0).
    _space_to_depth(graph, 0, 32 // patch, -1, patch)


def _standardize(graph: _OnnxGraph, options: Mapping[str, Any]) -> None:
    graph.node("Mul", graph.constant(np.float32(1 / (255 * options["spread"]))))
    graph.node("Add", graph.constant(np.float32(-options["mean"] / options["spread"])))


def _space_to_depth(graph: _OnnxGraph, count: int, height: int, width: int, patch: int) -> None:
    """torch's pixel_unshuffle: ONNX's SpaceToDepth has another order of channels. Dimensions as for Reshape."""
    graph.node("Reshape", graph.constant(np.array([count, height, patch, width, patch], np.int64)))
    graph.node("Transpose", perm=[0, 2, 4, 1, 3])
    graph.node("Reshape", graph.constant(np.array([count, patch * patch, height, width], np.int64)))


def _average_and_max_pool(graph: _OnnxGraph) -> None:
    before = graph.at
    graph.node("GlobalAveragePool")
    mean = graph.at
    graph.at = before
    graph.node("GlobalMaxPool")
    largest = graph.at
    graph.at = mean
    graph.node("Concat", largest, axis=1)
    graph.node("Flatten", axis=1)
