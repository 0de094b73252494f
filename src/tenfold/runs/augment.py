"""What a recipe's augmentation does and what it costs, measured on its own training steps."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tenfold.data import Dataset
from tenfold.errors import UsageError
from tenfold.models import build_model
from tenfold.runs.begin import check
from tenfold.training.augment import make_augmentation
from tenfold.training.engine import settings
from tenfold.training.loop import Trainer, to_float
from tenfold.training.probe import resolve
from tenfold.training.recipe import AugmentConfig, Recipe

# Strengths at which each is plain to see and a digit stays itself.
TYPICAL = {"rotation": 10.0, "shear": 0.15, "zoom": 0.1, "shift": 2.0, "elastic": 0.7, "thickness": 0.5}
# Timed of each; the median counts.
STEPS = 30


@dataclass(frozen=True)
class Cost:
    """seconds: of one batch, the median. share: of a training step with all of the recipe's augmentation."""

    name: str
    strength: str
    seconds: float
    share: float


def kinds(config: AugmentConfig) -> dict[str, AugmentConfig]:
    """Each augmentation that `config` asks for by itself, by name; and all of them together, where there are more."""
    single = {
        name: dataclasses.replace(AugmentConfig(), **{name: strength})
        for name, strength in vars(config).items()
        if strength
    }
    return {**single, "all together": config} if len(single) > 1 else single


def measure_cost(recipe: Recipe, data: Dataset) -> list[Cost]:
    """Times each augmentation of `recipe`, and its training step. Raises `UsageError` when it augments nothing."""
    if not kinds(recipe.augment):
        raise UsageError(f"recipe {recipe.name} changes no image; give a strength, such as --rotation 10")
    recipe = recipe.replace(device="cpu")
    check(recipe, data)
    size = recipe.training.batch_size
    images = torch.from_numpy(np.array(data.train_images[:size]))
    labels = torch.from_numpy(data.train_labels[:size].astype(np.int64))
    recipe = resolve(recipe, images, labels)
    trainer = Trainer(build_model(recipe.model), recipe)
    pixels = to_float(images)
    with settings(recipe.engine), torch.random.fork_rng(devices=[]):
        step = _median(lambda: trainer.step(images, labels))
        costs = []
        for name, config in kinds(recipe.augment).items():
            augment = make_augmentation(config, torch.device("cpu"))
            assert augment is not None
            seconds = _median(lambda augment=augment: augment(pixels))  # type: ignore[misc]
            strength = "" if name == "all together" else f"{getattr(config, name):g}"
            costs.append(Cost(name, strength, seconds, seconds / step))
    return costs


def examples(images: NDArray[np.uint8], config: AugmentConfig, seed: int = 0) -> dict[str, NDArray[np.uint8]]:
    """images: uint8[N,28,28] -> by name, uint8[N,28,28] changed by each augmentation of `config`, and by all."""
    changed = {}
    pixels = to_float(torch.from_numpy(np.array(images)))
    for name, one in kinds(config).items():
        augment = make_augmentation(one, torch.device("cpu"))
        assert augment is not None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            changed[name] = augment(pixels).mul(255).round().byte().numpy()
    return changed


def _median(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(STEPS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds))
