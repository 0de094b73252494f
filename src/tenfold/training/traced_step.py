"""A step without overhead around its arithmetic, for small networks: the same bits in two thirds of the time.

Autograd builds and walks a graph in every step, and the optimizer looks up and checks its state; for a network like the
tutorial's both take as long as the arithmetic. Here PyTorch's tracer records once what a step's forward and backward
pass compute, and each step runs that recording, then the optimizer's own kernel (docs/development/decisions/0010).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx

from tenfold.training.device import autocast
from tenfold.training.recipe import Recipe
from tenfold.training.step import PlainStep, cross_entropy

aten = torch.ops.aten
# Operators of small networks, by PyTorch's own bindings: these are called in half the time.
_BINDINGS = {
    aten.addmm.default: torch.addmm,
    aten.mm.default: torch.mm,
    aten.relu.default: torch.relu,
    aten.sum.dim_IntList: torch.sum,
    aten.t.default: torch.t,
    aten.view.default: Tensor.view,
}


def is_traceable(recipe: Recipe, device: torch.device) -> bool:
    """Returns whether a traced step is known to give the same bits; in bfloat16 it does not for every network."""
    return device.type == "cpu" and recipe.device.precision == "float32"


class TracedStep:
    """The step of a network, for class labels and batches of one size; `plain` does all others.

    The network keeps its tensors, so checkpoints find them up to date; nothing may replace one afterwards.
    """

    def __init__(self, plain: PlainStep, inputs: Tensor, labels: Tensor) -> None:
        self.plain = plain
        self.batch_size = len(inputs)
        network = plain.network
        self.state = [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]
        # The tracer executes what it records: on copies, and with the generator restored.
        with torch.random.fork_rng(devices=[]):
            traced = make_fx(_gradients_of(network, plain.recipe))(inputs, labels, *(t.clone() for t in self.state))
        self.run = _simplified(traced).forward

    def __call__(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        if len(inputs) != self.batch_size or targets.is_floating_point():
            return self.plain(inputs, targets)
        with torch.no_grad():
            loss, logits, *gradients = self.run(inputs, targets, *self.state)
            self.plain.optimizer.step(gradients)
        return loss, logits


def _gradients_of(network: nn.Module, recipe: Recipe) -> Callable[..., Sequence[Tensor]]:
    """Returns a function of inputs, labels and state that gives loss, logits and the gradients."""
    config = recipe.training
    names = [name for name, _ in (*network.named_parameters(), *network.named_buffers())]
    trained = [parameter.requires_grad for parameter in network.parameters()]

    def function(inputs: Tensor, labels: Tensor, *state: Tensor) -> Sequence[Tensor]:
        parameters = [tensor.requires_grad_() for tensor, use in zip(state, trained, strict=False) if use]
        with autocast(recipe.device, inputs.device):
            logits = torch.func.functional_call(network, dict(zip(names, state, strict=True)), (inputs,)).float()
        loss = cross_entropy(logits, labels, config.label_smoothing)
        penalized = loss + config.l1 * sum(p.abs().sum() for p in parameters if p.ndim > 1) if config.l1 else loss
        gradients = torch.autograd.grad(penalized, parameters, materialize_grads=True)
        # In the memory format of their parameters, as `backward` gives them.
        return loss.detach(), logits.detach(), *map(_laid_out_like, parameters, gradients)

    return function


def _laid_out_like(parameter: Tensor, gradient: Tensor) -> Tensor:
    return gradient if gradient.stride() == parameter.stride() else torch.empty_like(parameter).copy_(gradient)


def _simplified(traced: fx.GraphModule) -> fx.GraphModule:
    """Removes what has no effect without gradients: detaching, and transposing a matrix twice."""
    for node in list(traced.graph.nodes):
        source = node.args[0] if node.args else None
        if node.target is aten.detach.default:
            node.replace_all_uses_with(source)
        elif node.target is aten.t.default and isinstance(source, fx.Node) and source.target is torch.t:
            node.replace_all_uses_with(source.args[0])
        else:
            node.target = _BINDINGS.get(node.target, node.target)
            continue
        traced.graph.erase_node(node)
    traced.graph.eliminate_dead_code()
    traced.recompile()
    return traced
