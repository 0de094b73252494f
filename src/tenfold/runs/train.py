"""train and resume: a recipe and a data set -> a finished run. Start here to follow a recipe to its steps."""

import copy
import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
from torch import nn

from tenfold import files
from tenfold.data import Dataset
from tenfold.errors import RunError, TrainingError, UsageError
from tenfold.export.onnx import export_onnx
from tenfold.jobs.pool import Job, JobSource, JobStopped, OpenPool, Outcome, Pool, Report, Say, in_process_pool
from tenfold.models.composite import networks
from tenfold.models.layers import set_memory_format
from tenfold.runs.fit import CHECKPOINT, Watch, best_epoch, fit, report_epochs, training_job
from tenfold.runs.prepare import Prepared, one_thread_each, prepare
from tenfold.runs.resumable import check_digest, new_folder
from tenfold.runs.run import Run
from tenfold.training.checkpoint import load_weights, save_weights
from tenfold.training.device import MEMORY_FORMATS, execution, torch_device
from tenfold.training.recipe import Recipe
from tenfold.training.records import Monitor, to_line
from tenfold.training.subset import ImageSubset
from tenfold.training.trainer import loss_and_accuracy

# The folder of an ensemble's networks in its run, until all are trained.
MEMBERS = "members"
# Training images that the final training accuracy is measured on, evenly spaced; all of a smaller set.
TRAIN_SAMPLE = 10_000


def train(
    recipe: Recipe | Prepared,
    data: Dataset | None = None,
    *,
    folder: str | Path = "runs",
    path: Path | None = None,
    watch: Watch = lambda record: None,
    say: Say = lambda line: None,
    monitors: Iterable[Monitor] = (),
    write_onnx: bool = True,
    open_pool: OpenPool = in_process_pool,
) -> Run:
    """Trains `recipe` and returns the finished run, in a new folder of `folder`, or in `path` where that is given.

    recipe: or what `prepare` made of it. data: in place of the data set that the recipe names. watch: called with every
    `Progress` and `EpochRecord`. say: called with a line for each network of an ensemble. write_onnx: whether to write
    `model.onnx`, which takes seconds for a few architectures. open_pool: where the networks of an ensemble are trained,
    one after another in this process by default; the weights are the same in any pool. The test images are not used.
    `resume` continues an interrupted training.

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
    say: Say = lambda line: None,
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
    run = Run(run.path, run.recipe, prepared.data)
    check_digest(prepared.data, run.environment["data"], run.path)
    run.check_feedback(prepared.feedback)
    run.start()  # Which checks its weights.
    with open_pool() as pool:
        return _train(run, prepared, pool, watch, say, tuple(monitors), write_onnx)


def _nothing_to_resume(run: Run) -> RunError:
    return RunError(f"{run.path} is finished: there is nothing to resume")


def _check_pool(recipe: Recipe, open_pool: OpenPool) -> None:
    if open_pool is not in_process_pool and recipe.model.ensemble_size == 1:
        raise UsageError(
            f"recipe {recipe.name} has one network, which one process trains; --workers and --ray go with --seeds and "
            "with ensembles"
        )


def _train(
    run: Run, prepared: Prepared, pool: Pool, watch: Watch, say: Say, monitors: tuple[Monitor, ...], write_onnx: bool
) -> Run:
    model = copy.deepcopy(prepared.model).to(torch_device(run.recipe.device.device))
    parts = prepared.parts()
    with run.working():
        # Another process may have finished it while this one prepared.
        if run.finished:
            raise _nothing_to_resume(run)
        if run.recipe.model.ensemble_size > 1:
            source = _Members(run, prepared, watch, say, monitors)
            pool.run(source)
            preparing = source.collect(model)
        else:
            preparing = fit(run, prepared, networks(model)[0], *parts, watch, monitors)
        with execution(run.recipe.device):
            _finish(run, model, preparing, *parts, write_onnx)
    return run


class _Members(JobSource):
    """The networks of an ensemble that are not trained yet, each in a run folder of its own within the ensemble's.

    The first weights of a network and its order of images depend on the recipe's seed and its number alone, so where
    and when it is trained changes nothing.
    """

    def __init__(self, run: Run, prepared: Prepared, watch: Watch, say: Say, monitors: tuple[Monitor, ...]) -> None:
        self.say, self.watch, self._run = say, watch, run
        count, shared = run.recipe.model.ensemble_size, (prepared,)
        self._members = [Run(run.path / MEMBERS / f"{number:02}", run.recipe) for number in range(count)]
        self.jobs = (
            training_job(number, train_member, member.path, (number, monitors), shared, run.recipe.device)
            for number, member in enumerate(self._members)
            if not member.finished
        )

    def on_done(self, job: Job, outcome: Outcome) -> None:
        name = f"network {job.key + 1} of {len(self._members)}"
        if outcome.kind == "stopped":
            raise JobStopped  # The whole ensemble is a job that is to stop.
        if outcome.kind == "diverged":
            raise TrainingError(f"{name}: {outcome.message}") from outcome.error
        if outcome.kind != "finished":
            raise RunError(f"{name}: {outcome.message}; then: {self._run.resume_command}") from outcome.error
        self.say(f"{name} is trained")

    def collect(self, model: nn.Module) -> float:
        """Puts all networks into `model`, and their epochs into the run. Returns the seconds spent on all else."""
        for network, member in zip(networks(model), self._members, strict=True):
            load_weights(member.path / "model.safetensors", network)
        set_memory_format(model, MEMORY_FORMATS[self._run.recipe.device.memory_format])
        records = [record for member in self._members for record in member.history]
        files.write_text(self._run.path / "events.jsonl", "".join(map(to_line, records)))
        return sum(float(member.metrics["preparing_seconds"]) for member in self._members)


def train_member(report: Report, folder: Path, number: int, monitors: tuple[Monitor, ...], prepared: Prepared) -> None:
    """A job: trains one network of an ensemble, in a run folder that ends with the weights of that network."""
    if not (folder / Run.manifest).exists():
        Run.create(prepared, folder)
    run = Run(folder, prepared.recipe, prepared.data)
    network = copy.deepcopy(networks(prepared.model)[number]).to(torch_device(run.recipe.device.device))
    with run.working():
        preparing = fit(run, prepared, network, *prepared.parts(), partial(report_epochs, report), monitors, number)
        run.add_metrics(preparing_seconds=preparing)
        # What makes a network trained, so it comes last.
        save_weights(folder / "model.safetensors", network)
        (folder / CHECKPOINT).unlink(missing_ok=True)


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


def train_run(
    report: Report, folder: Path, recipe: Recipe, test: bool, monitors: tuple[Monitor, ...], data: Dataset | None
) -> None:
    """A job: the finished run in `folder`, trained there, resumed, or left as it is.

    test: whether to evaluate it on the test images, once; otherwise no `model.onnx` is written either.
    """
    watch = partial(report_epochs, report)
    if not (folder / Run.manifest).exists():
        train(recipe, data, path=folder, watch=watch, monitors=monitors, write_onnx=test)
    elif not Run.load(folder).finished:
        resume(folder, data, watch=watch, monitors=monitors, write_onnx=test)
    run = Run(folder, Run.load(folder).recipe, data)
    if test and "test" not in run.metrics:
        # It imports scikit-learn, which takes a second that a training alone need not spend.
        from tenfold.runs.evaluate import evaluate

        evaluate(run)
