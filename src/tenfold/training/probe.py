"""What a recipe's engine leaves open, decided by timing a few steps of its own training on this machine."""

import dataclasses
import time

import torch
from torch import Tensor, nn

from tenfold.machine import usable_cores
from tenfold.models import build_model
from tenfold.training.engine import settings, torch_device
from tenfold.training.loop import Trainer
from tenfold.training.recipe import EngineConfig, Recipe

# A second thread must be faster by this much to be taken, and so on: each is a core that others can't use, and threads
# that wait for one another on a busy machine make a step many times slower (docs/log.md).
WORTH = 1.15
# Steps timed of each way, after one that is not; the fastest counts.
STEPS = 3


def resolve(recipe: Recipe, images: Tensor, labels: Tensor) -> Recipe:
    """The recipe with an engine that leaves nothing open; what it sets itself is kept.

    images: uint8[N,28,28], labels: int64[N], a batch or more. On a GPU nothing is timed: there threads don't matter,
    and convolutions are built for bfloat16 in channels_last. Raises `UsageError` for a device that is not there.
    """
    engine = dataclasses.replace(recipe.engine, device=torch_device(recipe.engine.device).type)
    if engine.device != "cpu":
        engine = dataclasses.replace(
            engine,
            threads=engine.threads or 1,
            precision="bfloat16" if engine.precision == "auto" else engine.precision,
            layout="channels_last" if engine.layout == "auto" else engine.layout,
        )
    elif engine.threads == 0 or "auto" in (engine.precision, engine.layout):
        size = recipe.training.batch_size
        with torch.random.fork_rng(devices=[]):
            engine = _fastest(recipe, engine, images[:size], labels[:size])
    return dataclasses.replace(recipe, engine=engine)


def _fastest(recipe: Recipe, engine: EngineConfig, images: Tensor, labels: Tensor) -> EngineConfig:
    # One network stands for all members of an ensemble, which are trained one after another.
    recipe = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, members=1))
    convolves = any(isinstance(module, nn.Conv2d) for module in build_model(recipe.model).modules())
    precisions, layouts = [engine.precision], [engine.layout]
    if engine.precision == "auto":
        # Where bfloat16 is emulated it is the slower always.
        precisions = ["bfloat16", "float32"] if torch.ops.mkldnn._is_mkldnn_bf16_supported() else ["float32"]
    if engine.layout == "auto":
        layouts = ["channels_last", "contiguous"] if convolves else ["contiguous"]
    best, least = engine, float("inf")
    for precision in precisions:
        for layout in layouts:
            way = dataclasses.replace(engine, precision=precision, layout=layout, threads=engine.threads or 1)
            seconds = _step_seconds(recipe, way, images, labels, least)
            if seconds < least:
                best, least = way, seconds
    while not engine.threads and 2 * best.threads <= len(usable_cores()):
        way = dataclasses.replace(best, threads=2 * best.threads)
        seconds = _step_seconds(recipe, way, images, labels, least)
        if seconds * WORTH > least:
            break
        best, least = way, seconds
    return best


def _step_seconds(recipe: Recipe, way: EngineConfig, images: Tensor, labels: Tensor, limit: float) -> float:
    """The least seconds of a few steps; of fewer where a way is clearly slower than `limit`."""
    trainer = Trainer(build_model(recipe.model), dataclasses.replace(recipe, engine=way))
    with settings(way):
        least = float("inf")
        for step in range(1 + STEPS):
            started = time.perf_counter()
            trainer.step(images, labels)
            seconds = time.perf_counter() - started
            if step:
                least = min(least, seconds)
            if seconds > (4 if step == 0 else 1.5) * limit:
                return seconds
        return least
