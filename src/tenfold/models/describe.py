"""The layers of a model: output shapes, parameters and multiply-adds."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tenfold.models import SIDE
from tenfold.models.composite import Composite, networks


@dataclass(frozen=True)
class LayerSummary:
    """One layer; output shape and multiply-adds are for one image."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class ModelTotals:
    """Parameters of a whole model, multiply-adds for one image, and bytes of the parameters as float32."""

    parameters: int
    multiply_adds: int

    @property
    def bytes(self) -> int:
        return 4 * self.parameters


def model_totals(model: nn.Module) -> ModelTotals:
    """Counts all networks of an ensemble, and each forward pass of test-time augmentation."""
    layers = describe_model(model)
    passes = model.passes if isinstance(model, Composite) else 1
    parameters = len(networks(model)) * sum(layer.parameters for layer in layers)
    return ModelTotals(parameters, passes * sum(layer.multiply_adds for layer in layers))


LAYER_COLUMNS = ["layer", "kind", ">output", ">parameters", ">multiply-adds"]


def layer_rows(layers: list[LayerSummary], total: ModelTotals) -> list[list[str]]:
    """Returns the rows of a table with `LAYER_COLUMNS`: one for each layer, and the total."""
    rows = [
        [x.name, x.kind, " x ".join(map(str, x.output_shape)), f"{x.parameters:,}", f"{x.multiply_adds:,}"]
        for x in layers
    ]
    return [*rows, ["", "total", "", f"{total.parameters:,}", f"{total.multiply_adds:,}"]]


def describe_model(model: nn.Module) -> list[LayerSummary]:
    """Returns the layers of `model` in the order of a forward pass; for an ensemble, those of its first network."""
    model = networks(model)[0]
    layers: list[LayerSummary] = []
    seen: set[nn.Module] = set()

    def record(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            # A shared layer adds its parameters once, and its multiply-adds at each use.
            parameters = 0 if module in seen else sum(p.numel() for p in module.parameters())
            seen.add(module)
            cost = _multiply_adds(module, inputs[0], output)
            layers.append(LayerSummary(name, type(module).__name__, tuple(output.shape[1:]), parameters, cost))

        return hook

    leaves = [
        (name, module)
        for name, module in model.named_modules()
        if "parametrizations" not in name and all(name == "parametrizations" for name, _ in module.named_children())
    ]
    handles = [module.register_forward_hook(record(name)) for name, module in leaves]
    training = model.training
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(1, SIDE, SIDE))
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    return layers


def _multiply_adds(module: nn.Module, inputs: Tensor, output: Tensor) -> int:
    if isinstance(module, nn.Linear):
        return module.weight.numel()
    if isinstance(module, nn.Conv2d):
        return module.weight.numel() * output.shape[2] * output.shape[3]
    counted = getattr(module, "multiply_adds", None)
    return int(counted(inputs, output)) if counted else 0
