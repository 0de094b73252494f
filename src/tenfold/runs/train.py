"""train and resume: a recipe and a data set -> a finished run. Start here to follow a recipe to its steps."""

import copy
import logging
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np
from torch import nn

from tenfold import files
from tenfold.data import Dataset
from tenfold.errors import RunError, TrainingError, UsageError
from tenfold.jobs.pool import Job, JobSource, JobStopped, OpenPool, Outcome, Pool, Report, in_process_pool
from tenfold.models.composite import networks
from tenfold.models.layers import set_memory_format
from tenfold.runs.fit import best_epoch, fit, training_job
from tenfold.runs.memory_run import MemoryRun
from tenfold.runs.prepare import Prepared, check_workers, one_thread_each, prepare
from tenfold.runs.resumable import check_digest, new_folder
from tenfold.runs.run import Run, TrainingResult
from tenfold.runs.run_folder import RunFolder
from tenfold.training.checkpoint import load_weights, save_weights
from tenfold.training.device import MEMORY_FORMATS, execution, torch_device
from tenfold.training.recipe import Recipe
from tenfold.training.records import Callbacks, EpochRecord, OnEpoch, OnProgress, Progress, to_line
from tenfold.training.subset import ImageSubset
from tenfold.training.trainer import loss_and_accuracy

log = logging.getLogger(__name__)

# Training images that the final training accuracy is measured on, evenly spaced; all of a smaller set.
TRAIN_SAMPLE = 10_000


@overload
def train(
    recipe: str | Recipe | Prepared, data: Dataset | None = ..., *, folder: None, path: None = ...,
    on_epoch: OnEpoch | None = ..., on_progress: OnProgress | None = ..., tensorboard: bool = ...,
    write_onnx: bool = ..., open_pool: OpenPool = ...,
) -> MemoryRun: ...  # fmt: skip
@overload
def train(
    recipe: str | Recipe | Prepared, data: Dataset | None = ..., *, folder: str | Path = ..., path: Path | None = ...,
    on_epoch: OnEpoch | None = ..., on_progress: OnProgress | None = ..., tensorboard: bool = ...,
    write_onnx: bool = ..., open_pool: OpenPool = ...,
) -> RunFolder: ...  # fmt: skip
def train(
    recipe: str | Recipe | Prepared,
    data: Dataset | None = None,
    *,
    folder: str | Path | None = "runs",
    path: Path | None = None,
    on_epoch: OnEpoch | None = None,
    on_progress: OnProgress | None = None,
    tensorboard: bool = False,
    write_onnx: bool = True,
    open_pool: OpenPool = in_process_pool,
) -> Run:
    """Trains `recipe` and returns the finished run, in a new folder of `folder`, or in `path` where that is given.

    recipe: a recipe, its name, or what `prepare` made of it. data: in place of the data set that the recipe names.
    folder: None trains in memory, and writes nothing. on_epoch: called with the `EpochRecord` of each epoch, once it is
    stored; where it
    returns True, the training of that network ends as after its last epoch. on_progress: called with a `Progress` ten
    times a second, unless the pool's other processes train. tensorboard: whether to write TensorBoard events to the
    run's folder. write_onnx: whether to write `model.onnx`, which takes seconds for a few architectures. open_pool:
    where the networks of an ensemble are trained, one after another in this process by default; the weights are the
    same in any pool.

    The test images are not used. Epochs are logged by the logger `tenfold` at level INFO. `resume` continues an
    interrupted training. Raises `TrainingError` at a loss that is not finite, `StorageError` when a file can't be
    written, and what `prepare` raises.
    """
    recipe = Recipe.load(recipe) if isinstance(recipe, str) else recipe
    _check_pool(recipe if isinstance(recipe, Recipe) else recipe.recipe, open_pool)
    if path is None and folder is None and open_pool is not in_process_pool:
        raise UsageError("folder is None: a pool needs a folder for its networks")
    callbacks = Callbacks(on_epoch, on_progress, tensorboard)
    with open_pool() as pool:
        check_workers(recipe if isinstance(recipe, Recipe) else recipe.recipe, pool)
        if isinstance(recipe, Recipe):
            recipe = prepare(one_thread_each(recipe) if pool.size > 1 else recipe, data)
        if path is None and folder is None:
            return _train_in_memory(recipe, callbacks)
        run = RunFolder._create(recipe, path or new_folder(Path(folder or ""), recipe.recipe.name))
        return _train(run, recipe, pool, callbacks, write_onnx)


def resume(
    path: str | Path,
    data: Dataset | None = None,
    *,
    on_epoch: OnEpoch | None = None,
    on_progress: OnProgress | None = None,
    tensorboard: bool = False,
    write_onnx: bool = True,
    open_pool: OpenPool = in_process_pool,
) -> RunFolder:
    """Continues an interrupted training after its last whole epoch; the weights are those of an uninterrupted one.

    Takes what `train` takes. Raises `RunError` for a finished run, or where data, feedback samples or starting weights
    have changed since.
    """
    run = Run.load(path)
    if run.finished:
        raise _nothing_to_resume(run)
    _check_pool(run.recipe, open_pool)
    prepared = prepare(run.recipe, data)
    run = RunFolder(run.path, run.recipe, prepared.data)
    check_digest(prepared.data, run.environment["data"], run.path)
    run._check_feedback(prepared.feedback)
    run.initial_run()  # Which checks its weights.
    callbacks = Callbacks(on_epoch, on_progress, tensorboard)
    if not run.file(run.checkpoint).exists() and not run.file(run.members).exists():
        log.info("%s has no whole epoch: training starts over", run.path)
    with open_pool() as pool:
        check_workers(run.recipe, pool)
        return _train(run, prepared, pool, callbacks, write_onnx)


def _nothing_to_resume(run: RunFolder) -> RunError:
    return RunError(f"{run.path} is finished: there is nothing to resume")


def _check_pool(recipe: Recipe, open_pool: OpenPool) -> None:
    if open_pool is not in_process_pool and recipe.model.ensemble_size == 1:
        raise UsageError(
            f"recipe {recipe.name} has one network, which one process trains; --workers and --ray go with --seeds and "
            "with ensembles"
        )


def _train(run: RunFolder, prepared: Prepared, pool: Pool, callbacks: Callbacks, write_onnx: bool) -> RunFolder:
    model, parts = _copy(prepared.model, prepared.recipe), prepared.parts()
    with run.working():
        # Another process may have finished it while this one prepared.
        if run.finished:
            raise _nothing_to_resume(run)
        if run.recipe.model.ensemble_size > 1:
            source = _Members(run, prepared, callbacks)
            pool.run(source)
            preparing = source.collect(model)
        else:
            preparing = fit(run, prepared, networks(model)[0], *parts, callbacks)
        with execution(run.recipe.device):
            run._finish(model, _measure(run, model, preparing, *parts), run._parity_images if write_onnx else None)
    return run


def _train_in_memory(prepared: Prepared, callbacks: Callbacks) -> MemoryRun:
    if callbacks.tensorboard:
        raise UsageError("tensorboard writes to the run's folder, and folder is None")
    run, model, parts = MemoryRun(prepared), _copy(prepared.model, prepared.recipe), prepared.parts()
    preparing = sum(
        fit(run, prepared, network, *parts, callbacks, member) for member, network in enumerate(networks(model))
    )
    with execution(run.recipe.device):
        run._finish(model, _measure(run, model, preparing, *parts))
    return run


def _copy(model: nn.Module, recipe: Recipe) -> nn.Module:
    return copy.deepcopy(model).to(torch_device(recipe.device.device))


class _Members(JobSource):
    """The networks of an ensemble that are not trained yet, each in a run folder of its own within the ensemble's.

    The first weights of a network and its order of images depend on the recipe's seed and its number alone, so where
    and when it is trained changes nothing.
    """

    def __init__(self, run: RunFolder, prepared: Prepared, callbacks: Callbacks) -> None:
        self._callbacks, self._run = callbacks, run
        count, shared = run.recipe.model.ensemble_size, (prepared,)
        self._members = [RunFolder(run.file(run.members) / f"{number:02}", run.recipe) for number in range(count)]
        self.jobs = (
            training_job(number, train_member, member.path, (number, callbacks.tensorboard), shared, run.recipe.device)
            for number, member in enumerate(self._members)
            if not member.finished
        )

    def on_message(self, job: Job, message: EpochRecord) -> bool:
        return not self._callbacks.stop_after(message)

    def on_progress(self, message: Progress) -> None:
        self._callbacks.show(message)

    def on_done(self, job: Job, outcome: Outcome) -> None:
        name = f"network {job.key + 1} of {len(self._members)}"
        if outcome.kind == "stopped":
            raise JobStopped  # The whole ensemble is a job that is to stop.
        if outcome.kind == "diverged":
            raise TrainingError(f"{name}: {outcome.message}") from outcome.error
        if outcome.kind != "finished":
            raise RunError(f"{name}: {outcome.message}; then: {self._run.resume_command}") from outcome.error
        log.info("%s is trained", name)

    def collect(self, model: nn.Module) -> float:
        """Puts all networks into `model`, and their epochs into the run. Returns the seconds spent on all else."""
        for network, member in zip(networks(model), self._members, strict=True):
            load_weights(member.file("model.safetensors"), network)
        set_memory_format(model, MEMORY_FORMATS[self._run.recipe.device.memory_format])
        records = [record for member in self._members for record in member.history]
        files.write_text(self._run.file("events.jsonl"), "".join(map(to_line, records)))
        return sum(float(member._metrics["preparing_seconds"]) for member in self._members)


def train_member(report: Report, folder: Path, number: int, tensorboard: bool, prepared: Prepared) -> None:
    """A job: trains one network of an ensemble, in a run folder that ends with the weights of that network."""
    if not (folder / RunFolder.manifest).exists():
        RunFolder._create(prepared, folder)
    run = RunFolder(folder, prepared.recipe, prepared.data)
    network = _copy(networks(prepared.model)[number], run.recipe)
    with run.working():
        preparing = fit(
            run, prepared, network, *prepared.parts(), Callbacks(report, report.progress, tensorboard), number
        )
        run._add_metrics(preparing_seconds=preparing)
        # What makes a network trained, so it comes last.
        save_weights(run.file("model.safetensors"), network)
        run.file(run.checkpoint).unlink(missing_ok=True)


def _measure(
    run: Run, model: nn.Module, preparing: float, train_part: ImageSubset, validation_part: ImageSubset
) -> TrainingResult:
    """The figures of a trained model; that of its ONNX file is not known yet."""
    assert run.data is not None
    device, history = run.recipe.device, run.history
    train_loss, train_accuracy = loss_and_accuracy(model, train_part.sample(TRAIN_SAMPLE), device)
    assert train_loss is not None  # There are images to train on.
    assert train_accuracy is not None
    validation_loss, validation_accuracy = loss_and_accuracy(model, validation_part, device)
    parameters = sum(p.numel() for p in model.parameters())
    return TrainingResult(
        train_images=len(train_part),
        validation_images=len(validation_part),
        train_loss=train_loss,
        train_accuracy=train_accuracy,
        validation_loss=validation_loss,
        validation_accuracy=validation_accuracy,
        epochs=len(history),
        kept_epoch=best_epoch(history) if run.recipe.training.final_weights == "best" else len(history),
        seconds=preparing + float(history.seconds.sum()),
        preparing_seconds=preparing,
        parameters=parameters,
        model_bytes=4 * parameters,
        onnx_difference=None,
        classes_present=len(np.unique(run.data.train_labels)),
    )


def train_run(
    report: Report, folder: Path, recipe: Recipe, test: bool, tensorboard: bool, data: Dataset | None
) -> None:
    """A job: the finished run in `folder`, trained there, resumed, or left as it is.

    test: whether to evaluate it on the test images, once; otherwise no `model.onnx` is written either, and a training
    that its source stops is left unfinished.
    """
    options: Any = {
        "on_epoch": report if test else partial(_abandoned, report), "on_progress": report.progress,
        "tensorboard": tensorboard, "write_onnx": test,
    }  # fmt: skip
    if not (folder / RunFolder.manifest).exists():
        train(recipe, data, path=folder, **options)
    elif not Run.load(folder).finished:
        resume(folder, data, **options)
    run = RunFolder(folder, Run.load(folder).recipe, data)
    if test and run.test is None:
        # It imports scikit-learn, which takes a second that a training alone need not spend.
        from tenfold.runs.evaluate import evaluate

        evaluate(run)


def _abandoned(report: Report, record: EpochRecord) -> None:
    if report(record):
        raise JobStopped
