"""train: a recipe and a data set -> a finished run."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tenfold import atomic
from tenfold.data import Dataset, stratified_split
from tenfold.errors import RunError, TrainingError, UsageError
from tenfold.export.onnx import export_onnx
from tenfold.models import build_model
from tenfold.runs.environment import describe_environment
from tenfold.runs.run import Run
from tenfold.training.checkpoint import clone_weights, load_checkpoint, save_checkpoint, save_weights
from tenfold.training.loop import Part, Trainer, loss_and_accuracy
from tenfold.training.monitors import Monitor
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord, Progress, to_line

Watch = Callable[[Progress | EpochRecord], None]

CHECKPOINT = "checkpoint.safetensors"


def train(
    recipe: Recipe,
    data: Dataset | None = None,
    *,
    folder: str | Path = "runs",
    watch: Watch = lambda record: None,
    monitors: Iterable[Monitor] = (),
) -> Run:
    """Trains `recipe` and leaves a finished run in a new folder of `folder`.

    data: in place of the data set that the recipe names. watch: is called with every `Progress` and `EpochRecord`,
    as they come. The test images are not touched. A training that is stopped leaves a run that `resume` takes up.

    Raises `TrainingError` at a loss that is not finite, with the last good epoch kept; `UsageError` for a batch
    larger than the data or a device that is not there; `StorageError` when a file can't be written.
    """
    data = data or _named_data(recipe)
    _check(recipe, data)
    run = _new_run(recipe, Path(folder))
    return _train(run, data, watch, monitors)


def resume(
    path: str | Path,
    data: Dataset | None = None,
    *,
    watch: Watch = lambda record: None,
    monitors: Iterable[Monitor] = (),
) -> Run:
    """Takes up a run that was stopped, after its last whole epoch, and ends with the weights of an unbroken run.

    Raises `RunError` when the run is finished already or is not one.
    """
    run = Run.load(path)
    if run.finished:
        raise RunError(f"{run.path} is finished: there is nothing to resume")
    return _train(run, data or _named_data(run.recipe), watch, monitors)


def split_indices(recipe: Recipe, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The training and the validation indices that a recipe makes of labels uint8[N]."""
    return stratified_split(labels, recipe.data.validation, recipe.data.split_seed)


def _train(run: Run, data: Dataset, watch: Watch, monitors: Iterable[Monitor]) -> Run:
    device = torch_device(run.recipe.engine.device)
    threads = torch.get_num_threads()
    torch.set_num_threads(run.recipe.engine.threads)
    # Adam's averages of gradients that have died out become denormal numbers, which the processor is slow at: without
    # this an epoch of the tutorial takes half as long again from the second on (docs/log.md).
    torch.set_flush_denormal(True)
    try:
        with ExitStack() as stack:
            watchers = [watch, *(stack.enter_context(monitor(run.path)) for monitor in monitors)]
            _fit(run, data, device, watchers)
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
    return run


def _fit(run: Run, data: Dataset, device: torch.device, watchers: list[Watch]) -> None:
    recipe = run.recipe
    train_indices, validation_indices = split_indices(recipe, data.train_labels)
    train_part = Part.of(data.train_images, data.train_labels, train_indices, device)
    validation_part = Part.of(data.train_images, data.train_labels, validation_indices, device)
    torch.manual_seed(recipe.training.seed)
    trainer = Trainer(build_model(recipe.model).to(device), recipe)
    best_weights = _take_up(run, trainer)
    history = run.history
    while trainer.epoch < recipe.training.epochs and not stopped_early(history, recipe):
        for record in _epoch(run, trainer, train_part, validation_part):
            if isinstance(record, EpochRecord):
                # On disk before anyone hears of it: what is shown is never lost.
                _append(run, record)
                history.append(record)
                if recipe.training.keep == "best" and best_epoch(history) == record.epoch:
                    best_weights = clone_weights(trainer.model)
                save_checkpoint(run.path / CHECKPOINT, trainer, best_weights)
            for watcher in watchers:
                watcher(record)
    if best_weights is not None:
        trainer.model.load_state_dict(best_weights)
    _finish(run, trainer, history, train_part, validation_part, data)


def _epoch(run: Run, trainer: Trainer, train_part: Part, validation_part: Part) -> Iterable[Progress | EpochRecord]:
    try:
        yield from trainer.run_epoch(train_part, validation_part)
    except TrainingError as error:
        kept = f"the weights of epoch {trainer.epoch} are kept in {run.path / CHECKPOINT}"
        raise TrainingError(f"{error} ({kept if trainer.epoch else 'in the first epoch: nothing to keep'})") from error


def _finish(
    run: Run, trainer: Trainer, history: list[EpochRecord], train_part: Part, validation_part: Part, data: Dataset
) -> None:
    model = trainer.model
    train_loss, train_accuracy = loss_and_accuracy(model, train_part)
    validation_loss, validation_accuracy = loss_and_accuracy(model, validation_part)
    parity = export_onnx(model, run.path / "model.onnx", data.train_images)
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
            "seconds": sum(record.seconds for record in history),
            "parameters": sum(p.numel() for p in model.parameters()),
            "model_bytes": model_bytes,
            "onnx_difference": parity,
            "class_names": list(data.class_names),
        }
    )
    # model.safetensors is what makes a run finished, so it comes last.
    with atomic.storage_errors(run.path):
        (run.path / "final.safetensors").replace(run.path / "model.safetensors")
        (run.path / CHECKPOINT).unlink(missing_ok=True)


def _take_up(run: Run, trainer: Trainer) -> dict[str, Tensor] | None:
    """Puts the trainer after the last whole epoch of the run, and its events too; None when no best is kept yet."""
    events = run.path / "events.jsonl"
    best = None
    if (run.path / CHECKPOINT).exists():
        best = load_checkpoint(run.path / CHECKPOINT, trainer)
    # A kill between an epoch's record and its checkpoint leaves a record of an epoch that will be trained again.
    records = run.history if events.exists() else []
    atomic.write_text(events, "".join(to_line(record) for record in records if record.epoch <= trainer.epoch))
    return best


def _append(run: Run, record: EpochRecord) -> None:
    events = run.path / "events.jsonl"
    with atomic.storage_errors(events), events.open("a", encoding="utf-8") as file:
        file.write(to_line(record))


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


def torch_device(name: str) -> torch.device:
    """`cpu`, `cuda` or `mps`; `auto` is the best that is there. Raises `UsageError` for one that is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, is_there in there.items() if is_there)
    if not there[name]:
        raise UsageError(
            f"--device {name} is not there; this machine has {', '.join(k for k, v in there.items() if v)}"
        )
    return torch.device(name)


def _named_data(recipe: Recipe) -> Dataset:
    from tenfold.data import load_dataset

    return load_dataset(recipe.data.dataset)


def _check(recipe: Recipe, data: Dataset) -> None:
    torch_device(recipe.engine.device)
    count = len(split_indices(recipe, data.train_labels)[0])
    if recipe.training.batch_size > count:
        raise UsageError(f"--batch-size {recipe.training.batch_size} is larger than the {count} images to train on")


def _new_run(recipe: Recipe, folder: Path) -> Run:
    stamp = datetime.now().strftime("%Y-%m-%d-%H%M%S")
    for attempt in range(1000):
        path = folder / (f"{stamp}-{recipe.name}" + (f"-{attempt + 1}" if attempt else ""))
        with atomic.storage_errors(path):
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                if path.is_dir():
                    continue  # Another run began in the same second.
                raise
        atomic.write_json(path / "environment.json", describe_environment())
        atomic.write_text(path / "events.jsonl", "")
        # recipe.toml is what makes a folder a run, so it comes last.
        atomic.write_text(path / "recipe.toml", recipe.to_toml())
        return Run(path, recipe)
    raise RunError(f"{folder} has a thousand runs of this second already")
