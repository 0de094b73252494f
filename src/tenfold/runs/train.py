"""train and resume: a recipe and a data set -> a finished run. Start here to follow a recipe to its steps."""

import copy
import shutil
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from torch import nn

from tenfold import files
from tenfold.data import Dataset
from tenfold.errors import RunError, UsageError
from tenfold.export.onnx import export_onnx
from tenfold.jobs.pool import OpenPool, Pool, Report, in_process_pool
from tenfold.models.composite import networks
from tenfold.runs.ensemble import MEMBERS, train_ensemble
from tenfold.runs.fit import CHECKPOINT, Watch, best_epoch, fit, parts_of, report_epochs
from tenfold.runs.prepare import Prepared, one_thread_each, prepare
from tenfold.runs.resumable import new_folder
from tenfold.runs.run import Run
from tenfold.training.checkpoint import save_weights
from tenfold.training.device import execution, torch_device
from tenfold.training.recipe import Recipe
from tenfold.training.records import Monitor
from tenfold.training.subset import ImageSubset
from tenfold.training.trainer import loss_and_accuracy

# Training images that the final training accuracy is measured on, evenly spaced; all of a smaller set.
TRAIN_SAMPLE = 10_000


def train(
    recipe: Recipe | Prepared,
    data: Dataset | None = None,
    *,
    folder: str | Path = "runs",
    path: Path | None = None,
    watch: Watch = lambda record: None,
    say: Callable[[str], None] = lambda line: None,
    monitors: Iterable[Monitor] = (),
    write_onnx: bool = True,
    open_pool: OpenPool = in_process_pool,
) -> Run:
    """Trains `recipe` and returns the finished run, in a new folder of `folder`, or in `path` where that is given.

    recipe: or what `prepare` made of it. data: in place of the data set that the recipe names. watch: called with every
    `Progress` and `EpochRecord`. say: called with a line for each network of an ensemble. write_onnx: whether to write
    `model.onnx`, which takes half a second. open_pool: where the networks of an ensemble are trained, one after another
    in this process by default; the weights are the same in any pool. The test images are not used. `resume` continues
    an interrupted training.

    Raises `TrainingError` at a loss that is not finite, `StorageError` when a file can't be written, and what `prepare`
    raises.
    """
    _check_pool(recipe if isinstance(recipe, Recipe) else recipe.recipe, open_pool)
    with open_pool() as pool:
        if isinstance(recipe, Recipe):
            recipe = prepare(one_thread_each(recipe) if pool.size > 1 else recipe, data)
        run = Run.create(recipe, path or new_folder(Path(folder), recipe.recipe.name))
        return _train(run, recipe, pool, watch, say, tuple(monitors), write_onnx)


def resume(
    path: str | Path,
    data: Dataset | None = None,
    *,
    watch: Watch = lambda record: None,
    say: Callable[[str], None] = lambda line: None,
    monitors: Iterable[Monitor] = (),
    write_onnx: bool = True,
    open_pool: OpenPool = in_process_pool,
) -> Run:
    """Continues an interrupted training after its last whole epoch; the weights are those of an uninterrupted one.

    Raises `RunError` for a finished run, or where data, feedback samples or starting weights have changed since.
    """
    run = Run.load(path)
    if run.finished:
        raise _nothing_to_resume(run)
    _check_pool(run.recipe, open_pool)
    prepared = prepare(run.recipe, data)
    run.check_prepared(prepared)
    with open_pool() as pool:
        return _train(Run(run.path, run.recipe, prepared.data), prepared, pool, watch, say, tuple(monitors), write_onnx)


def _nothing_to_resume(run: Run) -> RunError:
    return RunError(f"{run.path} is finished: there is nothing to resume")


def _check_pool(recipe: Recipe, open_pool: OpenPool) -> None:
    if open_pool is not in_process_pool and recipe.model.ensemble_size == 1:
        raise UsageError(
            f"recipe {recipe.name} has one network, which one process trains; --workers and --ray go with --seeds and "
            "with ensembles"
        )


def _train(
    run: Run,
    prepared: Prepared,
    pool: Pool,
    watch: Watch,
    say: Callable[[str], None],
    monitors: tuple[Monitor, ...],
    write_onnx: bool,
) -> Run:
    device = torch_device(run.recipe.device.device)
    model = copy.deepcopy(prepared.model).to(device)
    train_part, validation_part = parts_of(prepared)
    with run.working():
        # Another process may have finished it while this one prepared.
        if run.finished:
            raise _nothing_to_resume(run)
        if run.recipe.model.ensemble_size > 1:
            preparing = train_ensemble(run, prepared, model, pool, watch, say, monitors)
        else:
            with ExitStack() as stack:
                stack.enter_context(execution(run.recipe.device))
                watchers = [watch, *(stack.enter_context(monitor(run.path)) for monitor in monitors)]
                preparing = fit(run, prepared, networks(model)[0], train_part, validation_part, watchers)
        with execution(run.recipe.device):
            _finish(run, model, preparing, train_part, validation_part, write_onnx)
    return run


def _finish(
    run: Run,
    model: nn.Module,
    preparing: float,
    train_part: ImageSubset,
    validation_part: ImageSubset,
    write_onnx: bool,
) -> None:
    """Measures the trained model and writes it."""
    assert run.data is not None
    device, history = run.recipe.device, run.history
    train_loss, train_accuracy = loss_and_accuracy(model, train_part.sample(TRAIN_SAMPLE), device)
    validation_loss, validation_accuracy = loss_and_accuracy(model, validation_part, device)
    difference = export_onnx(model, run.path / "model.onnx", run.data.train_images) if write_onnx else None
    weights = run.path / "final.safetensors"
    save_weights(weights, model)
    run.add_metrics(
        training={
            "train_images": len(train_part),
            "validation_images": len(validation_part),
            "train_loss": train_loss,
            "train_accuracy": train_accuracy,
            "validation_loss": validation_loss,
            "validation_accuracy": validation_accuracy,
            "epochs": len(history),
            "kept_epoch": best_epoch(history) if run.recipe.training.final_weights == "best" else len(history),
            "seconds": preparing + sum(record.seconds for record in history),
            "preparing_seconds": preparing,
            "parameters": sum(p.numel() for p in model.parameters()),
            "model_bytes": weights.stat().st_size,
            "onnx_difference": difference,
            "class_names": list(run.data.class_names),
            "classes_present": len(np.unique(run.data.train_labels)),
        }
    )
    # model.safetensors is what makes a run finished, so it comes last.
    with files.storage_errors(run.path):
        weights.replace(run.path / "model.safetensors")
        (run.path / CHECKPOINT).unlink(missing_ok=True)
        shutil.rmtree(run.path / MEMBERS, ignore_errors=True)


def train_or_resume(
    recipe: Recipe,
    path: Path,
    data: Dataset | None = None,
    *,
    test: bool,
    watch: Watch = lambda record: None,
    monitors: Iterable[Monitor] = (),
) -> Run:
    """The finished run at `path`: trained there, resumed, or left as it is.

    test: whether to evaluate it on the test images, once; otherwise no `model.onnx` is written either.
    """
    if not (path / Run.manifest).exists():
        train(recipe, data, path=path, watch=watch, monitors=monitors, write_onnx=test)
    elif not Run.load(path).finished:
        resume(path, data, watch=watch, monitors=monitors, write_onnx=test)
    run = Run(path, Run.load(path).recipe, data)
    if test and "test" not in run.metrics:
        # It imports scikit-learn, which takes a second that a training alone need not spend.
        from tenfold.runs.evaluate import evaluate

        evaluate(run)
    return run


def train_run(
    report: Report, folder: Path, recipe: Recipe, test: bool, monitors: tuple[Monitor, ...], data: Dataset | None
) -> None:
    """A job: `train_or_resume` in the job's folder, which reports every epoch."""
    train_or_resume(recipe, folder, data, test=test, watch=partial(report_epochs, report), monitors=monitors)
