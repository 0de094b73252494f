"""Steps with nothing around their arithmetic, for small networks: the same bits in two thirds of the time.

Autograd builds and walks a graph anew in each step, and the optimiser looks its state up and checks it; for a network
like the tutorial's both take as long as the arithmetic does. So PyTorch's tracer writes down once what a step's forward
and backward pass do, and that list is run instead, with the optimiser's own kernel after it (docs/decisions/0010).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx

from tenfold.training.engine import autocast
from tenfold.training.loss import cross_entropy
from tenfold.training.recipe import Recipe

aten = torch.ops.aten
# Operators of small networks by PyTorch's own bindings, which are called in half the time that their names take.
BOUND = {
    aten.addmm.default: torch.addmm,
    aten.mm.default: torch.mm,
    aten.relu.default: torch.relu,
    aten.sum.dim_IntList: torch.sum,
    aten.t.default: torch.t,
    aten.view.default: Tensor.view,
}


class LeanStep:
    """The steps of a network and its Adam or AdamW, on batches of one size.

    The optimiser must have taken a step. It and the network stay what they are, so a checkpoint finds their numbers;
    nothing may put other tensors in the place of theirs.
    """

    def __init__(
        self, network: nn.Module, recipe: Recipe, optimizer: torch.optim.Optimizer, images: Tensor, targets: Tensor
    ) -> None:
        self.state = [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]
        # The tracer runs what it writes down: on copies, and with draws that are given back.
        with torch.random.fork_rng(devices=[]):
            traced = make_fx(_pass(network, recipe))(images, targets, *(tensor.clone() for tensor in self.state))
        self.run = _plain(traced).forward
        self.kernel = torch._fused_adamw_ if isinstance(optimizer, torch.optim.AdamW) else torch._fused_adam_
        places: dict[Tensor, int] = {parameter: place for place, parameter in enumerate(network.parameters())}
        self.groups = [_Group(group, optimizer, places) for group in optimizer.param_groups]

    def __call__(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """A step on float32[N,28,28] and int64[N], at the groups' learning rates; returns loss and logits before it."""
        with torch.no_grad():
            loss, logits, *gradients = self.run(images, targets, *self.state)
            for group in self.groups:
                options = group.options
                beta1, beta2 = options["betas"]
                group.count += 1
                self.kernel(
                    group.parameters, [gradients[place] for place in group.places], group.first, group.second, [],
                    group.steps, amsgrad=False, lr=options["lr"], beta1=beta1, beta2=beta2,
                    weight_decay=options["weight_decay"], eps=options["eps"], maximize=False,
                )  # fmt: skip
        return loss, logits


class _Group:
    """The parameters of one of Adam's groups, their places among the network's, their moments and steps."""

    def __init__(self, options: dict[str, Any], optimizer: torch.optim.Optimizer, places: dict[Tensor, int]) -> None:
        self.options = options
        self.places = [places[parameter] for parameter in options["params"]]
        self.parameters: list[Tensor] = [parameter.detach() for parameter in options["params"]]
        states = [optimizer.state[parameter] for parameter in options["params"]]
        self.first: list[Tensor] = [state["exp_avg"] for state in states]
        self.second: list[Tensor] = [state["exp_avg_sq"] for state in states]
        # Views of one tensor, so that one operation counts for all of them.
        self.count = torch.stack([state["step"] for state in states])
        self.steps = list(self.count.unbind())
        for state, step in zip(states, self.steps, strict=True):
            state["step"] = step


def _pass(network: nn.Module, recipe: Recipe) -> Callable[..., Sequence[Tensor]]:
    """Images, targets and state -> loss, logits, and the gradient of each parameter."""
    config = recipe.training
    names = [name for name, _ in (*network.named_parameters(), *network.named_buffers())]
    count = len(list(network.parameters()))

    def function(images: Tensor, targets: Tensor, *state: Tensor) -> Sequence[Tensor]:
        parameters = [tensor.requires_grad_() for tensor in state[:count]]
        with autocast(recipe.engine, images.device):
            logits = torch.func.functional_call(network, dict(zip(names, state, strict=True)), (images,)).float()
        loss = cross_entropy(logits, targets, config.label_smoothing)
        penalised = loss + config.l1 * sum(p.abs().sum() for p in parameters if p.ndim > 1) if config.l1 else loss
        return loss.detach(), logits.detach(), *torch.autograd.grad(penalised, parameters)

    return function


def _plain(traced: fx.GraphModule) -> fx.GraphModule:
    """Without what means nothing where no gradient is taken: detaching, and turning a matrix round twice."""
    for node in list(traced.graph.nodes):
        given = node.args[0] if node.args else None
        if node.target is aten.detach.default:
            node.replace_all_uses_with(given)
        elif node.target is aten.t.default and isinstance(given, fx.Node) and given.target is torch.t:
            node.replace_all_uses_with(given.args[0])
        else:
            node.target = BOUND.get(node.target, node.target)
            continue
        traced.graph.erase_node(node)
    traced.graph.eliminate_dead_code()
    traced.recompile()
    return traced
