"""A step without overhead around its arithmetic, for small networks: the same bits in two thirds of the time.

Autograd builds and walks a graph in every step, and the optimizer looks up and checks its state; for a network like the
tutorial's both take as long as the arithmetic. Here PyTorch's tracer records once what a step's forward and backward
pass compute, and each step runs that recording, then the optimizer's own kernel (docs/development/decisions/0010).
"""

from collections.abc import Callable, Sequence
from typing import Any

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
    return (
        device.type == "cpu" and recipe.device.precision == "float32" and recipe.training.optimizer in ("adam", "adamw")
    )


class TracedStep:
    """The step of a network and its Adam or AdamW, for class labels and batches of one size; `plain` does all others.

    The optimizer must have taken a step. Network and optimizer keep their tensors, so checkpoints find them up to date;
    nothing may replace a tensor of theirs afterwards.
    """

    def __init__(self, plain: PlainStep, inputs: Tensor, labels: Tensor) -> None:
        self.plain = plain
        self.batch_size = len(inputs)
        network, optimizer = plain.network, plain.optimizer
        self.state = [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]
        # The tracer executes what it records: on copies, and with the generator restored.
        with torch.random.fork_rng(devices=[]):
            traced = make_fx(_gradients_of(network, plain.recipe))(inputs, labels, *(t.clone() for t in self.state))
        self.run = _simplified(traced).forward
        self.kernel = torch._fused_adamw_ if isinstance(optimizer, torch.optim.AdamW) else torch._fused_adam_
        index: dict[Tensor, int] = {parameter: place for place, parameter in enumerate(network.parameters())}
        self.groups = [_ParameterGroup(group, optimizer, index) for group in optimizer.param_groups]

    def __call__(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        if len(inputs) != self.batch_size or targets.is_floating_point():
            return self.plain(inputs, targets)
        with torch.no_grad():
            loss, logits, *gradients = self.run(inputs, targets, *self.state)
            for group in self.groups:
                options = group.options
                beta1, beta2 = options["betas"]
                group.step_counts += 1
                self.kernel(
                    group.parameters, [gradients[place] for place in group.places], group.first_moments,
                    group.second_moments, [], group.steps, amsgrad=False, lr=options["lr"], beta1=beta1, beta2=beta2,
                    weight_decay=options["weight_decay"], eps=options["eps"], maximize=False,
                )  # fmt: skip
        return loss, logits


class _ParameterGroup:
    """One of the optimizer's parameter groups: parameters, their places in the network, moments and step counts."""

    def __init__(self, options: dict[str, Any], optimizer: torch.optim.Optimizer, index: dict[Tensor, int]) -> None:
        self.options = options
        self.places = [index[parameter] for parameter in options["params"]]
        self.parameters: list[Tensor] = [parameter.detach() for parameter in options["params"]]
        states = [optimizer.state[parameter] for parameter in options["params"]]
        self.first_moments: list[Tensor] = [state["exp_avg"] for state in states]
        self.second_moments: list[Tensor] = [state["exp_avg_sq"] for state in states]
        # Views of one tensor, so that one operation increments all of them.
        self.step_counts = torch.stack([state["step"] for state in states])
        self.steps = list(self.step_counts.unbind())
        for state, step in zip(states, self.steps, strict=True):
            state["step"] = step


def _gradients_of(network: nn.Module, recipe: Recipe) -> Callable[..., Sequence[Tensor]]:
    """Returns a function of inputs, labels and state that gives loss, logits and the gradient of each parameter."""
    config = recipe.training
    names = [name for name, _ in (*network.named_parameters(), *network.named_buffers())]
    count = len(list(network.parameters()))

    def function(inputs: Tensor, labels: Tensor, *state: Tensor) -> Sequence[Tensor]:
        parameters = [tensor.requires_grad_() for tensor in state[:count]]
        with autocast(recipe.device, inputs.device):
            logits = torch.func.functional_call(network, dict(zip(names, state, strict=True)), (inputs,)).float()
        loss = cross_entropy(logits, labels, config.label_smoothing)
        penalized = loss + config.l1 * sum(p.abs().sum() for p in parameters if p.ndim > 1) if config.l1 else loss
        return loss.detach(), logits.detach(), *torch.autograd.grad(penalized, parameters)

    return function


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
