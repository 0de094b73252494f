"""The network to compare, and the files that runtimes load."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lab.runtimes.network_file import store_layers, store_module
from lab.runtimes.torch_graph import Deployed, GraphNetwork
from tenfold.errors import ExportError, UsageError
from tenfold.exporters.from_torch import inference_layers
from tenfold.exporters.inference_graph import InferenceLayer, dequantized
from tenfold.exporters.onnx import PARITY_IMAGES, export_onnx
from tenfold.exporters.onnx_graph import write_onnx
from tenfold.exporters.web import read_web, write_web
from tenfold.reading.reader import shipped_model
from tenfold.runs.run import Run
from tenfold.training.recipe import Recipe

Answers = NDArray[np.float32]
_BATCH = 250


@dataclass(frozen=True, kw_only=True)
class Network:
    """A trained network. module: float32[N,28,28] -> logits, which are divided by `temperature`; layers: its
    inference graph, temperature included, or None for the reason in `why_no_graph`; recipe: what builds the
    module, where it is a run's."""

    title: str
    module: nn.Module
    temperature: float
    layers: list[InferenceLayer] | None
    why_no_graph: str = ""
    recipe: Recipe | None = None

    @property
    def parameters(self) -> int:
        """Number of trained parameters, after folding."""
        if self.layers is None:
            return sum(parameter.numel() for parameter in self.module.parameters())
        arrays = [array for layer in self.layers for array in (layer.weight, layer.bias) if array is not None]
        return sum(array.size for array in arrays)

    def answers(self, images: NDArray[np.uint8], weights: str) -> Answers:
        """The network's own answers, in PyTorch: probabilities float32[N,10].

        weights: `float32`, or `int8` for dequantized int8 weights.
        """
        module = Deployed(self.module, self.temperature)
        if weights == "int8":
            assert self.layers is not None
            module = Deployed(GraphNetwork([dequantized(layer) for layer in self.layers]))
        module.eval()
        with torch.inference_mode():
            parts = [module(part) for part in torch.split(torch.from_numpy(np.array(images)), _BATCH)]
        return torch.cat(parts).numpy()


def load_network(model: str | None) -> Network:
    """The network of a run or of a web file (.10fd); None: the shipped one.

    Raises `UsageError` for an .onnx file, `RunError` or `FormatError` for what is neither.
    """
    if model is None:
        return _of_web_file(shipped_model().with_suffix(".10fd"), "the shipped reader")
    if Path(model).suffix == ".onnx":
        raise UsageError(f"{model}: an .onnx file can't be converted; name its run, or a .10fd file")
    if Path(model).is_file():
        return _of_web_file(Path(model), model)
    run = Run.load(model)
    temperature = run.temperature
    module = run.model()
    layers, why_no_graph = None, ""
    try:
        layers = inference_layers(module, temperature)
    except ExportError as error:
        why_no_graph = str(error)
    return Network(
        title=run.path.name,
        module=module,
        temperature=temperature,
        layers=layers,
        why_no_graph=why_no_graph,
        recipe=run.recipe,
    )


def _of_web_file(path: Path, title: str) -> Network:
    layers, _ = read_web(path)
    return Network(title=title, module=GraphNetwork(layers).eval(), temperature=1.0, layers=layers)


def write(network: Network, folder: Path, images: NDArray[np.uint8]) -> None:
    """Writes every file that needs no other package than [train]: model.onnx, model.safetensors, and for a network with
    an inference graph model-int8.onnx and model.10fd.

    images: real digits that the ONNX file is proven on. Raises `ExportError` where it doesn't agree.
    """
    onnx, stored, proof = folder / "model.onnx", folder / "model.safetensors", images[:PARITY_IMAGES]
    if network.layers is None:
        assert network.recipe is not None  # A web file always has layers.
        export_onnx(network.module, onnx, proof, network.temperature)
        store_module(stored, network.module, network.recipe, network.temperature)
    else:
        # As it is deployed: batch norm folded, for every runtime alike.
        write_onnx(network.layers, onnx, {})
        store_layers(stored, network.layers)
        write_onnx(network.layers, folder / "model-int8.onnx", {}, bits=8)
        write_web(network.layers, folder / "model.10fd", {})


def size_bytes(file: Path) -> int:
    """Size of a model's file; OpenVINO's has two."""
    pair = file.with_suffix(".bin")
    return file.stat().st_size + (pair.stat().st_size if file.suffix == ".xml" and pair.exists() else 0)
