"""train: a recipe and a data set -> a finished run."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tenfold import files
from tenfold.data import Dataset, load_dataset
from tenfold.errors import RunError, TrainingError
from tenfold.export.onnx import export_onnx
from tenfold.runs.begin import (
    alone,
    anchored,
    begin,
    check,
    corrections_of,
    new_folder,
    resolved,
    split_indices,
    start_model,
)
from tenfold.runs.run import Run
from tenfold.training.checkpoint import clone_weights, load_checkpoint, save_checkpoint, save_weights
from tenfold.training.engine import settings, torch_device
from tenfold.training.loop import Part, Trainer, loss_and_accuracy
from tenfold.training.mixture import is_mixed, mixed
from tenfold.training.monitors import Monitor
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord, Progress, to_line
from tenfold.training.share import Share

Watch = Callable[[Progress | EpochRecord], None]

CHECKPOINT = "checkpoint.safetensors"
# Training images that the accuracy on them is measured on at the end, evenly spaced; all of a smaller set.
TRAIN_SAMPLE = 10_000


def train(
    recipe: Recipe,
    data: Dataset | None = None,
    *,
    folder: str | Path = "runs",
    path: Path | None = None,
    watch: Watch = lambda record: None,
    monitors: Iterable[Monitor] = (),
    deploy: bool = True,
) -> Run:
    """Trains `recipe` and leaves a finished run in a new folder of `folder`, or in `path` where that is given.

    data: in place of the data set that the recipe names. watch: is called with every `Progress` and `EpochRecord`,
    as they come. deploy: whether to write `model.onnx`, which takes half a second. The test images are not touched.
    A training that is stopped leaves a run that `resume` takes up.

    Raises `TrainingError` at a loss that is not finite, with the last good epoch kept; `UsageError` for a batch
    larger than the data or a device that is not there; `StorageError` when a file can't be written.
    """
    data = data or load_dataset(recipe.data.dataset)
    check(recipe, data)
    started = time.perf_counter()
    recipe = resolved(anchored(recipe), data)
    probed = time.perf_counter() - started
    run = begin(recipe, data, path or new_folder(Path(folder), recipe.name))
    return _train(run, data, watch, monitors, probed, deploy)


def resume(
    path: str | Path,
    data: Dataset | None = None,
    *,
    watch: Watch = lambda record: None,
    monitors: Iterable[Monitor] = (),
    deploy: bool = True,
    share: Share | None = None,
) -> Run:
    """Takes up a run that was stopped, after its last whole epoch, and ends with the weights of an unbroken run.

    share: this process's, where several train the model, each with the run in a folder of its own; the first one's
    alone is finished. Raises `RunError` when the run is finished already or is not one.
    """
    run = Run.load(path)
    if run.finished:
        raise RunError(f"{run.path} is finished: there is nothing to resume")
    data = data or load_dataset(run.recipe.data.dataset)
    run.check_data(data)
    run.check_corrections(corrections_of(run.recipe))
    if run.recipe.training.start_from:
        run.check_start(Run.load(run.recipe.training.start_from))
    return _train(Run(run.path, run.recipe, data), data, watch, monitors, 0.0, deploy, share=share)


def train_member(recipe: Recipe, member: int, data: Dataset, path: Path, watch: Watch = lambda record: None) -> None:
    """Trains one network of an ensemble in a folder of its own, which ends with its checkpoint: see `runs.members`.

    member: which, from 0. A training that was stopped goes on. Raises what `train` and `resume` raise.
    """
    if not (path / "recipe.toml").exists():
        begin(resolved(anchored(recipe), data), data, path)
    run = Run.load(path)
    run.check_data(data)
    _train(Run(path, run.recipe, data), data, watch, (), 0.0, deploy=False, member=member)
    # What makes a network trained, so it comes last.
    run.add_metrics(member=member)


def _train(
    run: Run,
    data: Dataset,
    watch: Watch,
    monitors: Iterable[Monitor],
    probed: float,
    deploy: bool,
    member: int | None = None,
    share: Share | None = None,
) -> Run:
    try:
        with ExitStack() as stack:
            stack.enter_context(alone(run))
            stack.enter_context(settings(run.recipe.engine))
            watchers = [watch, *(stack.enter_context(monitor(run.path)) for monitor in monitors)]
            _fit(run, data, watchers, probed, deploy, member, share)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"the training goes on with: tenfold train --resume {run.path}") from None
    return run


def _fit(
    run: Run,
    data: Dataset,
    watchers: list[Watch],
    probed: float,
    deploy: bool,
    member: int | None,
    share: Share | None,
) -> None:
    started = time.perf_counter()
    recipe, device = run.recipe, torch_device(run.recipe.engine.device)
    torch.manual_seed(recipe.training.seed)
    model = start_model(recipe).to(device)
    corrections = corrections_of(recipe)
    told = None if corrections is None else (corrections.train_images, corrections.train_labels)
    trainer = Trainer(model, recipe, share)
    begun, last = 0, trainer.epochs
    if member is not None:
        begun, last = member * recipe.training.epochs, (member + 1) * recipe.training.epochs
    best_weights = _take_up(run, trainer, begun)
    earlier = trainer.preparing_seconds
    history = run.history
    train_part, validation_part = (
        Part.of(data.train_images, data.train_labels, indices, device) for indices in split_indices(recipe, data)
    )
    # What the networks see; the model as a whole deskews by itself.
    deskewed = Part.deskewed if recipe.model.deskew else lambda part: part
    seen, seen_validation = deskewed(train_part), deskewed(validation_part)
    trainer.preparing_seconds = earlier + probed + time.perf_counter() - started
    while trainer.epoch < last and not stopped_early(history, recipe):
        if is_mixed(recipe.data):
            began = time.perf_counter()
            seen = deskewed(mixed(train_part, recipe.data, recipe.training.seed, trainer.epoch + 1, told))
            trainer.preparing_seconds += time.perf_counter() - began
        for record in _epoch(run, trainer, seen, seen_validation):
            if isinstance(record, EpochRecord):
                # On disk before anyone hears of it: what is shown is never lost.
                _append(run, record)
                history.append(record)
                if recipe.training.keep == "best" and best_epoch(history) == record.epoch:
                    best_weights = clone_weights(trainer.model)
                save_checkpoint(run.path / CHECKPOINT, trainer, best_weights)
            for watcher in watchers:
                watcher(record)
    if member is not None or trainer.share.rank:
        return
    if best_weights is not None:
        trainer.model.load_state_dict(best_weights)
    _finish(run, trainer, history, train_part, validation_part, data, deploy)


def _epoch(run: Run, trainer: Trainer, train_part: Part, validation_part: Part) -> Iterable[Progress | EpochRecord]:
    try:
        yield from trainer.run_epoch(train_part, validation_part)
    except TrainingError as error:
        kept = f"the weights of epoch {trainer.epoch} are kept in {run.path / CHECKPOINT}"
        raise TrainingError(f"{error} ({kept if trainer.epoch else 'in the first epoch: nothing to keep'})") from error


def _finish(
    run: Run,
    trainer: Trainer,
    history: list[EpochRecord],
    train_part: Part,
    validation_part: Part,
    data: Dataset,
    deploy: bool,
) -> None:
    model, engine = trainer.model, run.recipe.engine
    train_loss, train_accuracy = loss_and_accuracy(model, train_part.sample(TRAIN_SAMPLE), engine)
    validation_loss, validation_accuracy = loss_and_accuracy(model, validation_part, engine)
    parity = export_onnx(model, run.path / "model.onnx", data.train_images) if deploy else None
    save_weights(run.path / "final.safetensors", model)
    model_bytes = (run.path / "final.safetensors").stat().st_size
    run.add_metrics(
        training={
            "train_images": len(train_part),
            "validation_images": len(validation_part),
            "train_loss": train_loss,
            "train_accuracy": train_accuracy,
            "validation_loss": validation_loss,
            "validation_accuracy": validation_accuracy,
            "epochs": len(history),
            "kept_epoch": best_epoch(history) if run.recipe.training.keep == "best" else len(history),
            "seconds": trainer.preparing_seconds + sum(record.seconds for record in history),
            "preparing_seconds": trainer.preparing_seconds,
            "parameters": sum(p.numel() for p in model.parameters()),
            "model_bytes": model_bytes,
            "onnx_difference": parity,
            "class_names": list(data.class_names),
            "classes_present": len(np.unique(data.train_labels)),
        }
    )
    # model.safetensors is what makes a run finished, so it comes last.
    with files.storage_errors(run.path):
        (run.path / "final.safetensors").replace(run.path / "model.safetensors")
        (run.path / CHECKPOINT).unlink(missing_ok=True)


def _take_up(run: Run, trainer: Trainer, begun: int) -> dict[str, Tensor] | None:
    """Puts the trainer after the last whole epoch of the run, and its events too; None when no best is kept yet.

    begun: the epochs before the run's first.
    """
    trainer.epoch = begun
    events = run.path / "events.jsonl"
    best = None
    if (run.path / CHECKPOINT).exists():
        best = load_checkpoint(run.path / CHECKPOINT, trainer)
    # A kill between an epoch's record and its checkpoint leaves a record of an epoch that will be trained again.
    records = run.history if events.exists() else []
    trained = trainer.epoch - begun
    if [record.epoch for record in records[:trained]] != list(range(begun + 1, trainer.epoch + 1)):
        raise RunError(f"{events} lacks some of the {trained} epochs trained: the run can't be resumed truly")
    files.write_text(events, "".join(to_line(record) for record in records if record.epoch <= trainer.epoch))
    return best


def _append(run: Run, record: EpochRecord) -> None:
    events = run.path / "events.jsonl"
    with files.storage_errors(events), events.open("a", encoding="utf-8") as file:
        file.write(to_line(record))
        file.flush()
        os.fsync(file.fileno())  # Before the checkpoint is: it must never know of more epochs than this file.


def best_epoch(history: list[EpochRecord]) -> int:
    """The epoch that read the most validation images right; the first of equals.

    By accuracy and not by loss: the loss begins to rise from a few confident mistakes while accuracy still grows
    (docs/log.md has the measurement).
    """
    return max(history, key=lambda record: (record.validation_accuracy or 0.0, -record.epoch)).epoch


def stopped_early(history: list[EpochRecord], recipe: Recipe) -> bool:
    """Whether early stopping ends the run after this history."""
    patience = recipe.training.early_stopping
    return bool(patience and history) and len(history) - best_epoch(history) >= patience
