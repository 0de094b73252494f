"""Everything before the first training step, once: checks, splits, the resolved recipe and the model as it starts."""

import copy
import dataclasses
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tenfold.data import Dataset, load_dataset, stratified_split, writer_split
from tenfold.data.catalog import is_known
from tenfold.data.dataset import DIGITS
from tenfold.data.npz_file import load_writers
from tenfold.data.splits import take_stratified
from tenfold.errors import UsageError, check_kind
from tenfold.files import expanded
from tenfold.jobs.pool import InProcessPool, Pool
from tenfold.models import SIDE, architecture_of, build_model, is_registered
from tenfold.models.composite import networks
from tenfold.reading.symbols import first_names
from tenfold.runs.run import Run
from tenfold.training.autotune import autotune
from tenfold.training.checkpoint import load_weights
from tenfold.training.device import torch_device
from tenfold.training.extra_images import count_with_extra_images
from tenfold.training.recipe import DataConfig, Recipe
from tenfold.training.subset import ImageSubset

Indices = NDArray[np.int64]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """What a training starts from.

    recipe: resolved: paths are absolute, and autotuning has decided what the device settings left open. train_indices,
    validation_indices: into `data.train_images`. feedback: the feedback samples that are trained on too. model: before
    its first step, on the CPU; training works on a copy. seconds: what preparing took; autotune_seconds: of those, for
    autotuning.
    """

    recipe: Recipe
    data: Dataset
    train_indices: Indices
    validation_indices: Indices
    feedback: Dataset | None
    model: nn.Module
    seconds: float
    autotune_seconds: float

    def parts(self) -> tuple[ImageSubset, ImageSubset]:
        """The training and the validation images, on the device that trains."""
        device = torch_device(self.recipe.device.device)
        images, labels = self.data.train_images, self.data.train_labels
        train, validation = self.train_indices, self.validation_indices
        return ImageSubset.of(images, labels, train, device), ImageSubset.of(images, labels, validation, device)


def prepare(recipe: Recipe, data: Dataset | None = None) -> Prepared:
    """Checks that `recipe` can be trained on `data`, and makes what training starts from. Writes nothing.

    data: in place of the data set that the recipe names. The model depends on the recipe's seed alone; torch's
    generator is left as it was. Raises `UsageError` for images of one class alone, synthetic digits with other classes,
    a batch larger than the data or a device that this machine lacks, `DataError` for data that can't be loaded,
    `RunError` or `CheckpointError` for a run to start from that is missing, unfinished or of another architecture.
    """
    if data is None:
        data = recipe.data.load()
        if not is_known(recipe.data.dataset):
            log.info("%s: %s", data.name, data.origin)  # What was changed, held out and left out.
    check_kind(data, Dataset, "load_dataset")
    started = time.perf_counter()
    if len(np.unique(data.train_labels)) < 2:
        raise UsageError(f"{data.name}: all training images are of class {data.train_labels[0]}: add others")
    if data.class_names != DIGITS and (recipe.data.synthetic or recipe.data.non_digits):
        raise UsageError(
            f"the classes of {data.name} are {first_names(data.class_names)}: synthetic digits don't go with "
            "them; add --synthetic 0 --non-digits 0"
        )
    recipe = with_absolute_paths(recipe)
    torch_device(recipe.device.device)
    model = _initial_model(recipe, data)
    train, validation = split_indices(recipe, data)
    if len(validation) == 0 and (recipe.training.final_weights == "best" or recipe.training.early_stopping):
        raise UsageError(
            f"a validation share of {recipe.data.validation} of {len(train)} images is none, and the recipe chooses "
            "its epoch on validation images: raise --validation, or add --final-weights last --early-stopping 0"
        )
    feedback = load_feedback(recipe.data) if recipe.data.feedback else None
    if feedback and feedback.class_names != data.class_names:
        raise UsageError(f"{recipe.data.feedback} has other classes than {data.name}")
    samples = len(feedback.train_labels) if feedback else 0
    _check_batches(recipe, model, count_with_extra_images(len(train), recipe.data, samples))
    tuning = time.perf_counter()
    batch = slice(recipe.training.batch_size)
    labels = torch.from_numpy(data.train_labels[batch].astype(np.int64))
    recipe = autotune(recipe, networks(model)[0], torch.from_numpy(np.array(data.train_images[batch])), labels)
    ended = time.perf_counter()
    return Prepared(recipe, data, train, validation, feedback, model, ended - started, ended - tuning)


def load_feedback(config: DataConfig) -> Dataset:
    """The feedback samples that a recipe names."""
    return load_dataset(config.feedback, class_names=config.class_names)


def split_indices(recipe: Recipe, data: Dataset) -> tuple[Indices, Indices]:
    """The recipe's split of the training images: training and validation indices, int64.

    Validation is the same with any number of images to train on. Raises `UsageError` when the recipe splits by writer
    and there is not one for each image, or asks for more images than there are.
    """
    config = recipe.data
    train, validation = _whole_split(recipe, data)
    if config.images > len(train):
        raise UsageError(f"--images {config.images}: {data.name} has {len(train)} to train on; 0 takes all")
    if 0 < config.images < len(train):
        train = train[take_stratified(data.train_labels[train], config.images, config.split_seed)[1]]
    return train, validation


def _whole_split(recipe: Recipe, data: Dataset) -> tuple[Indices, Indices]:
    """The split before images are left out."""
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


def check_workers(recipe: Recipe, pool: Pool) -> None:
    """Raises `UsageError` for a pool of other processes that don't know the recipe's architecture."""
    if is_registered(recipe.model) and not isinstance(pool, InProcessPool):
        raise UsageError(
            f"the architecture {architecture_of(recipe.model)} is registered in this process alone: train it here, "
            "without open_pool"
        )


def one_thread_each(recipe: Recipe) -> Recipe:
    """The recipe for one of several concurrent trainings: one thread where it leaves their number to autotuning, which
    would measure idle cores."""
    if recipe.device.threads:
        return recipe
    return dataclasses.replace(recipe, device=dataclasses.replace(recipe.device, threads=1))


def _initial_model(recipe: Recipe, data: Dataset) -> nn.Module:
    """With weights drawn by the recipe's seed, or those of the run that it starts from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.training.seed)
        model = build_model(recipe.model, data.classes)
    if recipe.training.initial_run:
        start = Run.load(recipe.training.initial_run)
        if start.class_names != data.class_names:
            raise UsageError(f"{start.path} was trained on other classes than those of {data.name}")
        load_weights(start.file("model.safetensors"), model)
    return model


def _check_batches(recipe: Recipe, model: nn.Module, count: int) -> None:
    size = recipe.training.batch_size
    if size > count:
        # The last batch must not be of one image.
        smaller = next(fitting for fitting in range(max(1, count // 8), count + 1) if count % fitting != 1)
        raise UsageError(
            f"--batch-size {size} is larger than the {count} images to train on: add --batch-size {smaller}"
        )
    if count % size == 1 or size == 1:
        # Batch norm has no variance of one value: of a unit of a dense layer, or of a channel of a single pixel.
        network = copy.deepcopy(networks(model)[0]).train()
        try:
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                network(torch.zeros(1, SIDE, SIDE))
        except ValueError as error:
            raise UsageError(
                f"--batch-size {size} leaves a batch of one image, for which the model's batch normalization is "
                "undefined; change it"
            ) from error


def with_absolute_paths(recipe: Recipe) -> Recipe:
    """The recipe with paths that hold from every folder."""
    config, training = recipe.data, recipe.training
    if not is_known(config.dataset) and expanded(config.dataset).exists():
        config = dataclasses.replace(config, dataset=str(expanded(config.dataset).resolve()))
    if config.writers not in ("", "known"):
        config = dataclasses.replace(config, writers=str(expanded(config.writers).resolve()))
    if config.feedback:
        config = dataclasses.replace(config, feedback=str(expanded(config.feedback).resolve()))
    if training.initial_run:
        training = dataclasses.replace(training, initial_run=str(Run.load(training.initial_run).path.resolve()))
    return dataclasses.replace(recipe, data=config, training=training)
