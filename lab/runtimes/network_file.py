"""A network for PyTorch and for converters as one safetensors file: arrays, and a JSON header that says what they are.

The header lists the inference graph of the network, or else the recipe that builds it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save
from torch import nn

from lab.runtimes.torch_graph import Deployed, GraphNetwork
from tenfold import files
from tenfold.exporters.inference_graph import InferenceLayer
from tenfold.training.recipe import Recipe


def store_layers(path: Path, layers: Sequence[InferenceLayer]) -> None:
    """Writes an inference graph with float32 weights."""
    arrays = {
        f"{place}.{name}": array
        for place, layer in enumerate(layers)
        for name, array in (("weight", layer.weight), ("bias", layer.bias))
        if array is not None
    }
    _store(path, arrays, {"layers": [[layer.kind, layer.options] for layer in layers]})


def store_module(path: Path, module: nn.Module, recipe: Recipe, temperature: float) -> None:
    """Writes a module that the recipe builds; its logits are divided by `temperature`."""
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}
    _store(path, arrays, {"recipe": recipe.to_toml(), "temperature": temperature})


def read_layers(path: Path) -> list[InferenceLayer]:
    """What `store_layers` wrote."""
    header, arrays = _read(path)
    return [
        InferenceLayer(kind, options, arrays.get(f"{place}.weight"), arrays.get(f"{place}.bias"))
        for place, (kind, options) in enumerate(header["layers"])
    ]


def read_deployed(path: Path) -> Deployed:
    """What either wrote, as a module in evaluation mode: uint8[N,28,28] -> probabilities float32[N,10]."""
    header, arrays = _read(path)
    if "layers" in header:
        return Deployed(GraphNetwork(read_layers(path))).eval()
    from tenfold.models import build_model

    module = build_model(Recipe.from_toml(header["recipe"], name="stored").model)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return Deployed(module, header["temperature"]).eval()


def _store(path: Path, arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> None:
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    files.write_bytes(path, save(contiguous, {"tenfold": json.dumps(header)}))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    with safe_open(path, framework="numpy") as file:
        header: dict[str, Any] = json.loads(file.metadata()["tenfold"])
        return header, {name: file.get_tensor(name) for name in list(file.keys())}
