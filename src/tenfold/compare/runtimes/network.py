"""The network to compare with, and the files that runtimes open it from."""

import dataclasses
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tenfold import atomic
from tenfold.compare.runtimes.plain_torch import Deployed, PlainNetwork
from tenfold.errors import ExportError, UsageError
from tenfold.export.onnx import PARITY_IMAGES, export_onnx
from tenfold.export.plain import PlainLayer, dequantized, plain_layers
from tenfold.export.plain_onnx import write_int8_onnx
from tenfold.export.web import read_web, write_web
from tenfold.reader import shipped_model
from tenfold.runs.export import calibration_of
from tenfold.runs.run import Run

Answers = NDArray[np.float32]
_BATCH = 250
# The plain layers, for a worker that makes a file of them.
LAYERS = "model.layers"


@dataclass(frozen=True, kw_only=True)
class Network:
    """A trained network. module: float32[N,28,28] -> logits, which are divided by `temperature`; layers: its plain
    form, with the temperature in it, or None where it has none, for the reason in `unplain`."""

    title: str
    module: nn.Module
    temperature: float
    layers: list[PlainLayer] | None
    unplain: str = ""

    @property
    def parameters(self) -> int:
        """Numbers that training chose, or that were folded from such."""
        if self.layers is None:
            return sum(parameter.numel() for parameter in self.module.parameters())
        arrays = [array for layer in self.layers for array in (layer.weight, layer.bias) if array is not None]
        return sum(array.size for array in arrays)

    def answers(self, images: NDArray[np.uint8], weights: str) -> Answers:
        """What the network says by itself, in PyTorch: probabilities float32[N,10].

        weights: `float32`, or `int8`: of the float32 numbers that int8 weights stand for.
        """
        module = Deployed(self.module, self.temperature)
        if weights == "int8":
            assert self.layers is not None
            module = Deployed(PlainNetwork([dequantized(layer) for layer in self.layers]))
        module.eval()
        with torch.inference_mode():
            parts = [module(part) for part in torch.split(torch.from_numpy(np.array(images)), _BATCH)]
        return torch.cat(parts).numpy()


def load_network(model: str | None) -> Network:
    """The network of a run or of a web file (.10fd); of None, the one that is shipped.

    Raises `UsageError` for an .onnx file, `RunError` or `FormatError` for what is neither.
    """
    if model is None:
        return _of_web_file(shipped_model().with_suffix(".10fd"), "the shipped reader")
    if Path(model).suffix == ".onnx":
        raise UsageError(f"{model}: other files can't be made of an .onnx; name the run that it came from, or a .10fd")
    if Path(model).is_file():
        return _of_web_file(Path(model), model)
    run = Run.load(model)
    temperature, _ = calibration_of(run)
    module = run.model()
    try:
        return Network(
            title=run.path.name, module=module, temperature=temperature, layers=plain_layers(module, temperature)
        )
    except ExportError as error:
        return Network(title=run.path.name, module=module, temperature=temperature, layers=None, unplain=str(error))


def _of_web_file(path: Path, title: str) -> Network:
    layers, _ = read_web(path)
    return Network(title=title, module=PlainNetwork(layers).eval(), temperature=1.0, layers=layers)


def write(network: Network, folder: Path, images: NDArray[np.uint8]) -> None:
    """Writes every file that needs no other package than [train]: model.onnx, model.pt, and of a network with plain
    layers model-int8.onnx, model.10fd and model.layers.

    images: real digits that the ONNX file is proven on. Raises `ExportError` where it doesn't agree.
    """
    layers = network.layers
    # As it is deployed: batch norm folded where it can be, for every runtime alike.
    module = network.module if layers is None else PlainNetwork(layers).eval()
    temperature = network.temperature if layers is None else 1.0
    export_onnx(module, folder / "model.onnx", images[:PARITY_IMAGES], temperature)
    atomic.write_with(folder / "model.pt", lambda path: torch.save(Deployed(module, temperature).eval(), path))
    if layers is not None:
        write_int8_onnx(layers, folder / "model-int8.onnx", {})
        write_web(layers, folder / "model.10fd", {})
        atomic.write_bytes(folder / LAYERS, pickle.dumps([dataclasses.asdict(layer) for layer in layers]))


def read_layers(folder: Path) -> list[PlainLayer]:
    """The plain layers that `write` has put there, in float32."""
    return [PlainLayer(**fields) for fields in pickle.loads((folder / LAYERS).read_bytes())]


def size_bytes(file: Path) -> int:
    """Of a model's file; where it is a pair, as OpenVINO's, of both."""
    pair = file.with_suffix(".bin")
    return file.stat().st_size + (pair.stat().st_size if file.suffix == ".xml" and pair.exists() else 0)
