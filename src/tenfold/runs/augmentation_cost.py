"""Examples of a recipe's augmentations, and their cost relative to its training step."""

import statistics
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from tenfold.data import Dataset
from tenfold.errors import UsageError
from tenfold.models.composite import networks
from tenfold.runs.prepare import prepare
from tenfold.training.augment import Augmentation
from tenfold.training.device import execution
from tenfold.training.recipe import AugmentConfig, Recipe
from tenfold.training.subset import scale_pixels
from tenfold.training.trainer import Trainer

# Strengths at which each is clearly visible and digits stay readable.
TYPICAL = {"rotation": 10.0, "shear": 0.15, "zoom": 0.1, "shift": 2.0, "elastic": 0.7, "thickness": 0.5}
# Batches timed of each; the median counts.
STEPS = 30


@dataclass(frozen=True)
class AugmentationCost:
    """seconds: median of one batch. share: of the time of a training step with all of the recipe's augmentation."""

    name: str
    strength: str
    seconds: float
    share: float


def measure_cost(recipe: Recipe, data: Dataset) -> list[AugmentationCost]:
    """Times each augmentation of `recipe`, and its training step. Raises `UsageError` when it augments nothing."""
    augmentations = _each_augmentation(recipe.augment)
    if not augmentations:
        raise UsageError(f"recipe {recipe.name} augments nothing; give a strength, such as --rotation 10")
    prepared = prepare(recipe.replace(device="cpu"), data)
    recipe, size = prepared.recipe, prepared.recipe.training.batch_size
    images = torch.from_numpy(np.array(data.train_images[:size]))
    labels = torch.from_numpy(data.train_labels[:size].astype(np.int64))
    trainer = Trainer(networks(prepared.model)[0], recipe)
    pixels = scale_pixels(images)
    with execution(recipe.device), torch.random.fork_rng(devices=[]):
        step = _median_seconds(lambda: trainer.step(images, labels))
        costs = []
        for name, augment in augmentations.items():
            seconds = _median_seconds(partial(augment, pixels))
            strength = f"{getattr(recipe.augment, name):g}" if name in vars(recipe.augment) else ""
            costs.append(AugmentationCost(name, strength, seconds, seconds / step))
    return costs


def examples(images: NDArray[np.uint8], config: AugmentConfig, seed: int = 0) -> dict[str, NDArray[np.uint8]]:
    """images: uint8[N,28,28] -> by name, uint8[N,28,28] changed by each augmentation of `config`, and by all."""
    changed = {}
    pixels = scale_pixels(torch.from_numpy(np.array(images)))
    for name, augment in _each_augmentation(config).items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            changed[name] = augment(pixels).mul(255).round().byte().numpy()
    return changed


def _each_augmentation(config: AugmentConfig) -> dict[str, Augmentation]:
    """Each augmentation of `config` by itself, by name; then all of them together, where there are several."""
    strengths = {name: strength for name, strength in vars(config).items() if strength}
    configs = {name: AugmentConfig(**{name: strength}) for name, strength in strengths.items()}
    if len(configs) > 1:
        configs["all together"] = config
    return {name: Augmentation(one, torch.device("cpu")) for name, one in configs.items()}


def _median_seconds(work: Callable[[], object]) -> float:
    return statistics.median(timeit.repeat(work, number=1, repeat=STEPS))
