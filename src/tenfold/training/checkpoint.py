"""Weights and training state as safetensors files: arrays and a JSON header, nothing that runs when it is read."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from tenfold import files
from tenfold.errors import CheckpointError
from tenfold.training.loop import Trainer


def save_weights(path: Path, model: nn.Module) -> None:
    """Writes the model's parameters and batch norm's statistics."""
    _write(path, {key: value.detach().cpu() for key, value in model.state_dict().items()}, {})


def load_weights(path: Path, model: nn.Module) -> None:
    """Fills `model` from `save_weights`'s file; raises `CheckpointError` when it is cut short or of another shape."""
    tensors, _ = _read(path)
    _fill(model, tensors, path)


def save_checkpoint(path: Path, trainer: Trainer, best: dict[str, Tensor] | None) -> None:
    """Writes all that the next epoch needs: weights, optimiser, epoch, and the best or mean weights, where kept."""
    tensors = {f"model.{key}": value for key, value in trainer.model.state_dict().items()}
    for index, state in trainer.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": value for key, value in state.items() if value is not None}
    tensors |= {f"best.{key}": value for key, value in (best or {}).items()}
    if trainer.average:
        tensors |= {f"average.{key}": value for key, value in trainer.average.mean.items()}
    averaged = trainer.average.count if trainer.average else 0
    numbers = {"epoch": trainer.epoch, "averaged": averaged, "preparing_seconds": trainer.preparing_seconds}
    _write(path, tensors, numbers)


def load_checkpoint(path: Path, trainer: Trainer) -> dict[str, Tensor] | None:
    """Puts `trainer` where `save_checkpoint` left it, and gives back its `best`."""
    tensors, metadata = _read(path)
    if not isinstance(metadata, dict) or not isinstance(metadata.get("epoch"), int):
        raise CheckpointError(f"{path} is not a training checkpoint: its header names no epoch")
    epoch, averaged = metadata["epoch"], int(metadata.get("averaged", 0))
    epochs = trainer.recipe.training.epochs
    if not 1 <= epoch <= trainer.epochs:
        raise CheckpointError(f"{path} is after epoch {epoch}, and the recipe has {trainer.epochs}")
    trainer.begin((epoch - 1) // epochs)
    _fill(trainer.model, _under("model.", tensors), path)
    best = _under("best.", tensors)
    if best:
        _check(trainer.model, best, path)
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in _under("optimizer.", tensors).items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]
    shapes = {index: parameter.shape for index, parameter in enumerate(parameters)}
    # Torch takes what it is given here, and its fused kernels read past the end of a tensor that is too short.
    if state.keys() != shapes.keys() or any(
        value.ndim and value.shape != shapes[index] for index, entry in state.items() for value in entry.values()
    ):
        raise CheckpointError(f"{path}: the optimiser's state does not fit the recipe's model")
    # Torch's fused kernels go through memory and not by index: a moment must lie as its weights do.
    laid_out = {
        index: {key: _like(parameters[index], value) for key, value in entry.items()} for index, entry in state.items()
    }
    groups = trainer.optimizer.state_dict()["param_groups"]
    trainer.optimizer.load_state_dict({"state": laid_out, "param_groups": groups})
    if trainer.average:
        mean = _under("average.", tensors)
        if {key: value.shape for key, value in mean.items()} != {k: v.shape for k, v in trainer.average.mean.items()}:
            raise CheckpointError(f"{path}: the mean weights do not fit the recipe's model")
        trainer.average.mean = {key: _like(value, mean[key]) for key, value in trainer.average.mean.items()}
        trainer.average.count = averaged
    trainer.epoch = epoch
    trainer.preparing_seconds = float(metadata.get("preparing_seconds", 0.0))
    return best or None


def _like(parameter: Tensor, value: Tensor) -> Tensor:
    """`value` on the parameter's device, and in its order in memory where it has its shape."""
    if value.shape != parameter.shape:
        return value.to(parameter.device) if value.ndim else value
    return torch.empty_like(parameter, requires_grad=False).copy_(value)


def _write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    header = {"tenfold": json.dumps(metadata)}
    # A copy each: safetensors refuses tensors that share memory.
    plain = {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
    # As bytes: the library's own writing has an error of its own for a full disk, which is no OSError.
    files.write_bytes(path, save(plain, header))


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get("tenfold", "{}"))
            return {key: file.get_tensor(key) for key in list(file.keys())}, metadata
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing: the run was not finished, or its weights were deleted") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is cut short or not a safetensors file: {error}") from error


def _fill(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    _check(model, tensors, path)
    model.load_state_dict(tensors)


def _check(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    wanted = model.state_dict()
    if missing := wanted.keys() - tensors.keys():
        raise CheckpointError(f"{path} lacks {sorted(missing)[0]!r}, which the recipe's model has")
    if extra := tensors.keys() - wanted.keys():
        raise CheckpointError(f"{path} holds {sorted(extra)[0]!r}, which the recipe's model has not")
    for key, value in wanted.items():
        if value.shape != tensors[key].shape:
            has, wants = tuple(tensors[key].shape), tuple(value.shape)
            raise CheckpointError(f"{path}: {key!r} has the shape {has}, and the recipe's model wants {wants}")


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def clone_weights(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the weights as they are now."""
    return {key: torch.clone(value.detach()) for key, value in model.state_dict().items()}
