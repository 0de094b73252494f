"""Autotuning: what a recipe's device settings leave open is decided by timing a few of its own training steps here."""

import copy
import dataclasses
import time

import torch
from torch import Tensor, nn

from tenfold.machine import usable_cores
from tenfold.training.device import computes_in_bfloat16, execution, torch_device
from tenfold.training.recipe import DeviceConfig, Recipe
from tenfold.training.trainer import Trainer

# Twice the threads must be faster by this factor: each thread is a core that others can't use, and threads that wait
# for one another on a busy machine make a step many times slower (docs/development/log.md).
MIN_SPEEDUP = 1.15
# Timed steps per setting, after one untimed; the fastest counts.
STEPS = 3


def autotune(recipe: Recipe, network: nn.Module, images: Tensor, labels: Tensor) -> Recipe:
    """Returns the recipe with all device settings resolved; those that it sets itself are kept.

    network: one of the recipe's, on the CPU; copies of it are trained. images: uint8[N,28,28], labels: int64[N], a
    batch or more. On a GPU nothing is timed: threads don't matter there, and bfloat16 in channels_last is the fast way.
    Raises `UsageError` for a device that this machine lacks.
    """
    config = dataclasses.replace(recipe.device, device=torch_device(recipe.device.device).type)
    if config.device != "cpu":
        config = dataclasses.replace(
            config,
            threads=config.threads or 1,
            precision="bfloat16" if config.precision == "auto" else config.precision,
            memory_format="channels_last" if config.memory_format == "auto" else config.memory_format,
        )
    elif config.threads == 0 or "auto" in (config.precision, config.memory_format):
        size = recipe.training.batch_size
        with torch.random.fork_rng(devices=[]):
            config = _fastest(recipe, config, network, images[:size], labels[:size])
    return dataclasses.replace(recipe, device=config)


def _fastest(recipe: Recipe, config: DeviceConfig, network: nn.Module, images: Tensor, labels: Tensor) -> DeviceConfig:
    convolutional = any(isinstance(module, nn.Conv2d) for module in network.modules())
    precisions, formats = [config.precision], [config.memory_format]
    if config.precision == "auto":
        precisions = ["bfloat16", "float32"] if computes_in_bfloat16() else ["float32"]
    if config.memory_format == "auto":
        formats = ["channels_last", "contiguous"] if convolutional else ["contiguous"]
    best, least = config, float("inf")
    for precision in precisions:
        for memory_format in formats:
            candidate = dataclasses.replace(
                config, precision=precision, memory_format=memory_format, threads=config.threads or 1
            )
            seconds = _step_seconds(recipe, candidate, network, images, labels, least)
            if seconds < least:
                best, least = candidate, seconds
    while not config.threads and 2 * best.threads <= len(usable_cores()):
        candidate = dataclasses.replace(best, threads=2 * best.threads)
        seconds = _step_seconds(recipe, candidate, network, images, labels, least)
        if seconds * MIN_SPEEDUP > least:
            break
        best, least = candidate, seconds
    return best


def _step_seconds(
    recipe: Recipe, candidate: DeviceConfig, network: nn.Module, images: Tensor, labels: Tensor, limit: float
) -> float:
    """Seconds of the fastest of a few steps; of fewer steps where a setting is clearly slower than `limit`."""
    trainer = Trainer(copy.deepcopy(network), dataclasses.replace(recipe, device=candidate))
    with execution(candidate):
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
