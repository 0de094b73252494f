"""A model, told: its layers, their shapes and what they cost."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tenfold.models import SIDE
from tenfold.models.composite import Composite, networks


@dataclass(frozen=True)
class Layer:
    """One layer: what it is, what comes out of it for one image, and how many numbers it learns."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Totals:
    """Of a whole model: numbers that it learns, multiply-adds for one image, and bytes of its numbers as float32."""

    parameters: int
    multiply_adds: int

    @property
    def bytes(self) -> int:
        return 4 * self.parameters


def totals(model: nn.Module) -> Totals:
    """Counts all members of an ensemble, and each of the copies of an image that it looks at."""
    layers = describe_model(model)
    times = model.times if isinstance(model, Composite) else 1
    members = len(networks(model))
    return Totals(members * sum(layer.parameters for layer in layers), times * sum(x.multiply_adds for x in layers))


LAYER_COLUMNS = ["layer", "kind", ">output", ">parameters", ">multiply-adds"]


def layer_rows(layers: list[Layer], total: Totals) -> list[list[str]]:
    """A table's rows under `LAYER_COLUMNS`: a row a layer, and the total."""
    rows = [
        [x.name, x.kind, " x ".join(map(str, x.output_shape)), f"{x.parameters:,}", f"{x.multiply_adds:,}"]
        for x in layers
    ]
    return [*rows, ["", "total", "", f"{total.parameters:,}", f"{total.multiply_adds:,}"]]


def describe_model(model: nn.Module) -> list[Layer]:
    """The layers of `model` in the order that an image passes them, measured by passing one through.

    Of a composite, those of one network: the others are like it.
    """
    model = networks(model)[0]
    layers: list[Layer] = []
    seen: set[nn.Module] = set()

    def record(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            # A layer that is used again learns nothing more, and costs as much again.
            parameters = 0 if module in seen else sum(p.numel() for p in module.parameters())
            seen.add(module)
            cost = _multiply_adds(module, inputs[0], output)
            layers.append(Layer(name, type(module).__name__, tuple(output.shape[1:]), parameters, cost))

        return hook

    leaves = [(name, module) for name, module in model.named_modules() if not list(module.children())]
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
