"""Weights and training state as safetensors files: arrays and a JSON header, with no code in them."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from tenfold import files
from tenfold.errors import CheckpointError
from tenfold.training.trainer import Trainer

Weights = dict[str, Tensor]


def save_weights(path: Path, model: nn.Module) -> None:
    """Writes the model's parameters and batch norm statistics."""
    _write(path, model.state_dict(), {})


def load_weights(path: Path, model: nn.Module) -> None:
    """Loads a file of `save_weights` into `model`. Raises `CheckpointError` for a damaged file or another model's."""
    weights, _ = _read(path)
    _check(model, weights, path)
    model.load_state_dict(weights)


def clone_weights(model: nn.Module) -> Weights:
    """Returns a copy of the current weights."""
    return {key: torch.clone(value.detach()) for key, value in model.state_dict().items()}


def save_checkpoint(path: Path, trainer: Trainer, best: Weights | None) -> None:
    """Writes all that the next epoch needs: weights, optimizer, epoch and, where kept, best and averaged weights and
    the training images' losses.
    """
    tensors = {f"model.{key}": value for key, value in trainer.network.state_dict().items()}
    tensors |= {f"optimizer.{key}": value for key, value in trainer.optimizer.state.items()}
    tensors |= {f"best.{key}": value for key, value in (best or {}).items()}
    header: dict[str, Any] = {"epoch": trainer.epoch, "preparing_seconds": trainer.preparing_seconds}
    if trainer.averaged:
        tensors |= {f"average.{key}": value for key, value in trainer.averaged.module.named_parameters()}
        header["averaged"] = int(trainer.averaged.n_averaged)
    if trainer.last_seen is not None:
        tensors["last_seen"] = trainer.last_seen
    _write(path, tensors, header)


def load_checkpoint(path: Path, trainer: Trainer) -> Weights | None:
    """Restores `trainer` as `save_checkpoint` found it. Returns the best weights, where they are kept.

    Raises `CheckpointError` for a damaged file or one that does not fit the trainer's recipe.
    """
    tensors, header = _read(path)
    if not isinstance(header, dict) or not isinstance(header.get("epoch"), int):
        raise CheckpointError(f"{path} is not a training checkpoint: its header names no epoch")
    if not trainer.first_epoch < header["epoch"] <= trainer.last_epoch:
        raise CheckpointError(
            f"{path} is of epoch {header['epoch']}; this training has epochs {trainer.first_epoch + 1} to "
            f"{trainer.last_epoch}"
        )
    network, best, average = (_with_prefix(prefix, tensors) for prefix in ("model.", "best.", "average."))
    _check(trainer.network, network, path)
    if best:
        _check(trainer.network, best, path)
    state, stored = trainer.optimizer.state, _with_prefix("optimizer.", tensors)
    if {key: value.shape for key, value in stored.items()} != {key: value.shape for key, value in state.items()}:
        raise CheckpointError(
            f"{path}: the optimizer's state does not fit the recipe's model, or is of an earlier version"
        )
    trainer.network.load_state_dict(network)
    for key, value in state.items():
        value.copy_(stored[key])
    if trainer.averaged:
        means = dict(trainer.averaged.module.named_parameters())
        if {key: value.shape for key, value in average.items()} != {key: value.shape for key, value in means.items()}:
            raise CheckpointError(f"{path}: the averaged weights do not fit the recipe's model")
        with torch.no_grad():
            for key, mean in means.items():
                mean.copy_(average[key])
        trainer.averaged.n_averaged.fill_(int(header.get("averaged", 0)))
    if "last_seen" in tensors:
        trainer.last_seen = tensors["last_seen"].to(trainer.device)
    trainer.epoch = header["epoch"]
    trainer.preparing_seconds = float(header.get("preparing_seconds", 0.0))
    return best or None


def _write(path: Path, tensors: Weights, header: dict[str, Any]) -> None:
    # A copy each: safetensors refuses tensors that share memory.
    plain = {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
    # As bytes: at a full disk the library's own writer raises an error that is no OSError.
    files.write_bytes(path, save(plain, {"tenfold": json.dumps(header)}))


def _read(path: Path) -> tuple[Weights, dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("tenfold", "{}"))
            return {key: file.get_tensor(key) for key in list(file.keys())}, header
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing: the run was not finished, or its weights were deleted") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged or not a safetensors file: {error}") from error


def _check(model: nn.Module, weights: Weights, path: Path) -> None:
    expected = model.state_dict()
    if missing := expected.keys() - weights.keys():
        raise CheckpointError(f"{path} lacks {sorted(missing)[0]!r}, which the recipe's model has")
    if extra := weights.keys() - expected.keys():
        raise CheckpointError(f"{path} holds {sorted(extra)[0]!r}, which the recipe's model lacks")
    for key, value in expected.items():
        if value.shape != weights[key].shape:
            found, shape = tuple(weights[key].shape), tuple(value.shape)
            raise CheckpointError(f"{path}: {key!r} has shape {found}; the recipe's model has {shape}")


def _with_prefix(prefix: str, tensors: Weights) -> Weights:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
