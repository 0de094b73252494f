"""fit: trains one network in a run folder. Every epoch is stored, and training resumes after the last one."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

# The first optimizer imports this, which takes a second; here it counts with the other imports.
import torch._dynamo  # noqa: F401
from torch import Tensor, nn

from tenfold import files
from tenfold.errors import RunError, TrainingError
from tenfold.jobs.pool import Job, Report
from tenfold.runs.prepare import Prepared
from tenfold.runs.run import Run
from tenfold.training.checkpoint import clone_weights, load_checkpoint, save_checkpoint
from tenfold.training.device import execution
from tenfold.training.extra_images import has_extra_images, with_extra_images
from tenfold.training.recipe import DeviceConfig, Recipe
from tenfold.training.records import EpochRecord, Monitor, Progress, to_line
from tenfold.training.subset import ImageSubset
from tenfold.training.trainer import Trainer

Watch = Callable[[Progress | EpochRecord], None]

CHECKPOINT = "checkpoint.safetensors"


def fit(
    run: Run,
    prepared: Prepared,
    network: nn.Module,
    train_part: ImageSubset,
    validation_part: ImageSubset,
    watch: Watch,
    monitors: Iterable[Monitor],
    member: int = 0,
) -> float:
    """Trains `network` in place, up to its last epoch; continues after the last epoch stored in `run`.

    member: which network of an ensemble it is, from 0. watch, monitors: called with every record, once it is on disk.
    Returns the seconds spent on all but the epochs. Raises `TrainingError` at a loss that is not finite; the checkpoint
    is then that of the last good epoch.
    """
    recipe, samples = prepared.recipe, prepared.feedback
    feedback = None if samples is None else (samples.train_images, samples.train_labels)
    # What the network sees; the whole model deskews by itself.
    deskewed = ImageSubset.deskewed if recipe.model.deskew else lambda part: part
    with ExitStack() as stack:
        stack.enter_context(execution(recipe.device))
        watchers = [watch, *(stack.enter_context(monitor(run.path)) for monitor in monitors)]
        started = time.perf_counter()
        trainer = Trainer(network, recipe, member)
        best_weights = _restore(run, trainer)
        history = run.history
        seen, seen_validation = deskewed(train_part), deskewed(validation_part)
        # An ensemble is prepared once for all its networks.
        trainer.preparing_seconds += prepared.seconds / recipe.model.ensemble_size + time.perf_counter() - started
        while trainer.epoch < trainer.last_epoch and not stopped_early(history, recipe):
            if has_extra_images(recipe.data):
                began = time.perf_counter()
                seed, epoch = recipe.training.seed, trainer.epoch + 1
                seen = deskewed(with_extra_images(train_part, recipe.data, seed, epoch, feedback))
                trainer.preparing_seconds += time.perf_counter() - began
            for record in _run_epoch(run, trainer, seen, seen_validation):
                if isinstance(record, EpochRecord):
                    _append(run, record)
                    history.append(record)
                    if recipe.training.final_weights == "best" and best_epoch(history) == record.epoch:
                        best_weights = clone_weights(network)
                    save_checkpoint(run.path / CHECKPOINT, trainer, best_weights)
                for watcher in watchers:
                    watcher(record)
    if best_weights is not None:
        network.load_state_dict(best_weights)
    return trainer.preparing_seconds


def training_job(
    key: int, function: Callable[..., Any], folder: Path, arguments: tuple[Any, ...], shared: tuple[Any, ...],
    device: DeviceConfig,
) -> Job:  # fmt: skip
    """A job for a pool that trains with these device settings; the others are those of `Job`."""
    threads, gpus = device.threads, int(device.device == "cuda")
    return Job(
        key=key, function=function, folder=folder, arguments=arguments, shared=shared, threads=threads, gpus=gpus
    )


def report_epochs(report: Report, record: Progress | EpochRecord) -> None:
    """Watches a training for a job: its source gets every epoch, and may stop the job there."""
    if isinstance(record, EpochRecord):
        report(record)
    else:
        report.progress(record)


def best_epoch(history: list[EpochRecord]) -> int:
    """The epoch of the highest validation accuracy; the first of equals. Not of the lowest loss, which begins to rise
    from a few confident mistakes while accuracy still grows (docs/log.md)."""
    return max(history, key=lambda record: (record.validation_accuracy or 0.0, -record.epoch)).epoch


def stopped_early(history: list[EpochRecord], recipe: Recipe) -> bool:
    """Whether early stopping ends the training after this history."""
    patience = recipe.training.early_stopping
    return bool(patience and history) and len(history) - best_epoch(history) >= patience


def _run_epoch(
    run: Run, trainer: Trainer, train: ImageSubset, validation: ImageSubset
) -> Iterable[Progress | EpochRecord]:
    try:
        yield from trainer.run_epoch(train, validation)
    except TrainingError as error:
        kept = f"the weights of epoch {trainer.epoch} are kept in {run.path / CHECKPOINT}"
        if trainer.epoch == trainer.first_epoch:
            kept = "in the first epoch: nothing to keep"
        raise TrainingError(f"{error} ({kept})") from error


def _restore(run: Run, trainer: Trainer) -> dict[str, Tensor] | None:
    """Restores trainer and events as of the last whole epoch. Returns the best weights, where they are kept."""
    events = run.path / "events.jsonl"
    best = None
    if (run.path / CHECKPOINT).exists():
        best = load_checkpoint(run.path / CHECKPOINT, trainer)
    # A kill between writing an epoch's record and its checkpoint leaves a record of an epoch that is trained again.
    records = run.history if events.exists() else []
    trained = trainer.epoch - trainer.first_epoch
    if [record.epoch for record in records[:trained]] != list(range(trainer.first_epoch + 1, trainer.epoch + 1)):
        raise RunError(f"{events} lacks some of the {trained} epochs trained: the run can't be resumed")
    files.write_text(events, "".join(to_line(record) for record in records if record.epoch <= trainer.epoch))
    return best


def _append(run: Run, record: EpochRecord) -> None:
    events = run.path / "events.jsonl"
    with files.storage_errors(events), events.open("a", encoding="utf-8") as file:
        file.write(to_line(record))
        file.flush()
        os.fsync(file.fileno())  # Before the checkpoint is written, which must never be ahead of this file.
