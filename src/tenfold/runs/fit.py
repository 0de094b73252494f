"""fit: trains one network of a run, epoch by epoch; training resumes after the last one stored."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from torch import nn

from tenfold.errors import TrainingError
from tenfold.jobs.pool import Job
from tenfold.runs.prepare import Prepared
from tenfold.runs.run import Run
from tenfold.runs.run_folder import RunFolder
from tenfold.training.checkpoint import clone_weights
from tenfold.training.device import execution
from tenfold.training.extra_images import with_extra_images
from tenfold.training.recipe import DeviceConfig, Recipe
from tenfold.training.records import Callbacks, EpochRecord, Progress, tensorboard
from tenfold.training.subset import ImageSubset
from tenfold.training.trainer import Trainer

log = logging.getLogger(__name__)


def fit(
    run: Run,
    prepared: Prepared,
    network: nn.Module,
    train_part: ImageSubset,
    validation_part: ImageSubset,
    callbacks: Callbacks,
    member: int = 0,
) -> float:
    """Trains `network` in place, up to its last epoch; continues after the last epoch stored in `run`.

    member: which network of an ensemble it is, from 0. callbacks: called with every epoch, once it is stored. Returns
    the seconds spent on all but the epochs. Raises `TrainingError` at a loss that is not finite; the checkpoint is then
    that of the last good epoch.
    """
    recipe, samples = prepared.recipe, prepared.feedback
    feedback = None if samples is None else (samples.train_images, samples.train_labels)
    # What the network sees; the whole model deskews by itself.
    deskewed = ImageSubset.deskewed if recipe.model.deskew else lambda part: part
    with ExitStack() as stack:
        stack.enter_context(execution(recipe.device))
        write = stack.enter_context(tensorboard(run.file("."))) if callbacks.tensorboard else None
        started = time.perf_counter()
        trainer = Trainer(network, recipe, member)
        best_weights = run._restore(trainer)
        history = list(run.history)
        if trainer.epoch > trainer.first_epoch:
            log.info("%s continues after epoch %d of %d", run.name, trainer.epoch, trainer.last_epoch)
        seen, seen_validation = deskewed(train_part), deskewed(validation_part)
        # An ensemble is prepared once for all its networks.
        trainer.preparing_seconds += prepared.seconds / recipe.model.ensemble_size + time.perf_counter() - started
        if trainer.is_traced(len(seen)):
            import torch._dynamo  # noqa: F401  Tracing would; here it counts with the other imports.
        stopped = False
        while trainer.epoch < trainer.last_epoch and not stopped and not stopped_early(history, recipe):
            if recipe.data.has_extra_images:
                began = time.perf_counter()
                seed, epoch = recipe.training.seed, trainer.epoch + 1
                seen = deskewed(with_extra_images(train_part, recipe.data, seed, epoch, feedback))
                trainer.preparing_seconds += time.perf_counter() - began
            for record in _run_epoch(run, trainer, seen, seen_validation):
                if isinstance(record, Progress):
                    callbacks.show(record)
                    continue
                history.append(record)
                if recipe.training.final_weights == "best" and best_epoch(history) == record.epoch:
                    best_weights = clone_weights(network)
                run._add_epoch(record, trainer, best_weights)
                if write:
                    write(record)
                stopped = callbacks.stop_after(record)
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


def best_epoch(history: Sequence[EpochRecord]) -> int:
    """The epoch of the highest validation accuracy; of equals, that of the lowest loss. Not of the lowest loss alone,
    which begins to rise from a few confident mistakes while accuracy still grows (docs/development/log.md)."""
    return max(history, key=lambda record: (record.validation_accuracy or 0.0, -(record.validation_loss or 0.0))).epoch


def stopped_early(history: Sequence[EpochRecord], recipe: Recipe) -> bool:
    """Whether early stopping ends the training after this history."""
    patience = recipe.training.early_stopping
    accuracies = [record.validation_accuracy or 0.0 for record in history]
    # Of equal epochs the first: an epoch that is no better does not prolong the training.
    return bool(patience and history) and len(history) - 1 - accuracies.index(max(accuracies)) >= patience


def _run_epoch(
    run: Run, trainer: Trainer, train: ImageSubset, validation: ImageSubset
) -> Iterable[Progress | EpochRecord]:
    try:
        yield from trainer.run_epoch(train, validation)
    except TrainingError as error:
        if not isinstance(run, RunFolder):
            raise
        kept = f"the weights of epoch {trainer.epoch} are kept in {run.file(run.checkpoint)}"
        if trainer.epoch == trainer.first_epoch:
            kept = "in the first epoch: nothing to keep"
        raise TrainingError(f"{error} ({kept})") from error
