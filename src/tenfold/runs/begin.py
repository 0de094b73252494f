"""What comes before the first step: whether a recipe can be trained, on which images, and the folder of its run."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from tenfold import files
from tenfold.data import Dataset, load_dataset, stratified_split, writer_split
from tenfold.data.catalog import is_known
from tenfold.data.writers import load_writers
from tenfold.errors import RunError, UsageError
from tenfold.models import build_model
from tenfold.runs.environment import describe_environment
from tenfold.runs.run import Run
from tenfold.training.checkpoint import load_weights
from tenfold.training.engine import torch_device
from tenfold.training.mixture import mixed_count
from tenfold.training.probe import resolve
from tenfold.training.recipe import Recipe


def check(recipe: Recipe, data: Dataset, workers: int = 1) -> None:
    """Raises `UsageError` or `RecipeError` for what can't be trained, before anything is written.

    workers: how many share each batch.
    """
    device = torch_device(recipe.engine.device)
    if workers < 1:
        raise UsageError(f"--workers is {workers}; it must be >= 1")
    if workers > 1 and device.type != "cpu":
        raise UsageError(f"--workers shares a training among CPUs, and the recipe trains on {device.type}")
    start_model(recipe)
    count, size = _epoch_images(recipe, data), recipe.training.batch_size
    if size > count:
        raise UsageError(f"--batch-size {size} is larger than the {count} images to train on")
    one = dataclasses.replace(recipe.model, members=1)
    norms = any(isinstance(module, _BatchNorm) for module in build_model(one).modules())
    if norms and (count % size == 1 or size == 1):
        raise UsageError(
            f"--batch-size {size} leaves a batch of one image, which batch normalisation can't take; change it"
        )
    if (least := smallest_batch(recipe, data)) < workers:
        raise UsageError(
            f"--batch-size {size} leaves a batch of {least} image{'s' if least > 1 else ''}, which {workers} workers "
            "can't share: lower --workers"
        )


def smallest_batch(recipe: Recipe, data: Dataset) -> int:
    """How many images the last batch of an epoch has: as many workers can share every batch."""
    return _epoch_images(recipe, data) % recipe.training.batch_size or recipe.training.batch_size


def _epoch_images(recipe: Recipe, data: Dataset) -> int:
    corrections = corrections_of(recipe)
    told = 0 if corrections is None else len(corrections.train_labels)
    return mixed_count(len(split_indices(recipe, data)[0]), recipe.data, told)


def start_model(recipe: Recipe) -> torch.nn.Module:
    """The recipe's model before its first step: as the seed draws it, or with the weights of the run it starts from.

    Raises `RunError` or `CheckpointError` when there is no such run, or its model is another.
    """
    model = build_model(recipe.model)
    if recipe.training.start_from:
        load_weights(Run.load(recipe.training.start_from).path / "model.safetensors", model)
    return model


def corrections_of(recipe: Recipe) -> Dataset | None:
    """The corrections that the recipe trains on too; None where it names none."""
    return load_dataset(recipe.data.corrections) if recipe.data.corrections else None


def split_indices(recipe: Recipe, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The training and the validation indices, int64, that a recipe makes of the training images.

    Raises `UsageError` when the recipe splits by writer and there is not one for each image.
    """
    config = recipe.data
    if not config.writers:
        return stratified_split(data.train_labels, config.validation, config.split_seed)
    writers = data.train_writers if config.writers == "known" else load_writers(Path(config.writers))
    if writers is None or len(writers) != len(data.train_labels):
        has = "none" if writers is None else f"{len(writers)}"
        raise UsageError(
            f"--writers {config.writers}: {has} for {len(data.train_labels)} training images of {data.name}"
        )
    return writer_split(writers, config.validation, config.split_seed)


def anchored(recipe: Recipe) -> Recipe:
    """The recipe with a path to data that holds from every folder."""
    config = recipe.data
    if not is_known(config.dataset) and Path(config.dataset).exists():
        config = dataclasses.replace(config, dataset=str(Path(config.dataset).resolve()))
    if config.writers not in ("", "known"):
        config = dataclasses.replace(config, writers=str(Path(config.writers).resolve()))
    if config.corrections:
        config = dataclasses.replace(config, corrections=str(Path(config.corrections).resolve()))
    training = recipe.training
    if training.start_from:
        training = dataclasses.replace(training, start_from=str(Run.load(training.start_from).path.resolve()))
    return dataclasses.replace(recipe, data=config, training=training)


def resolved(recipe: Recipe, data: Dataset) -> Recipe:
    """The recipe with an engine that leaves nothing open."""
    few = slice(recipe.training.batch_size)
    images = torch.from_numpy(np.array(data.train_images[few]))
    return resolve(recipe, images, torch.from_numpy(data.train_labels[few].astype(np.int64)))


def new_folder(folder: Path, name: str) -> Path:
    """Makes a folder of its own in `folder`, named by the second and by `name`."""
    stamp = datetime.now().strftime("%Y-%m-%d-%H%M%S")
    for attempt in range(1000):
        path = folder / (f"{stamp}-{name}" + (f"-{attempt + 1}" if attempt else ""))
        with files.storage_errors(path):
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                if path.is_dir():
                    continue  # Another began in the same second.
                raise
        return path
    raise RunError(f"{folder} has a thousand runs of this second already")


def begin(recipe: Recipe, data: Dataset, path: Path) -> Run:
    """Makes the folder of a run whose recipe leaves nothing open; nothing is trained yet."""
    with files.storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    digests = {"data": data.digest}
    if corrections := corrections_of(recipe):
        digests["corrections"] = corrections.digest
    if recipe.training.start_from:
        digests["start_from"] = Run.load(recipe.training.start_from).digest
    files.write_json(path / "environment.json", {**describe_environment(), **digests})
    files.write_text(path / "events.jsonl", "")
    # recipe.toml is what makes a folder a run, so it comes last.
    files.write_text(path / "recipe.toml", recipe.to_toml())
    return Run(path, recipe, data)


@contextmanager
def alone(run: Run) -> Iterator[None]:
    """Keeps a second process from training the same run; without `fcntl` (Windows) nothing is held."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (run.path / "recipe.toml").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunError(f"{run.path} is being trained by another process") from error
        yield
