"""How a training's arithmetic is done: on which device, in how many threads, in which precision and layout."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tenfold.errors import UsageError
from tenfold.training.recipe import EngineConfig

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
# malloc.h: M_TRIM_THRESHOLD and M_MMAP_THRESHOLD.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def torch_device(name: str) -> torch.device:
    """`cpu`, `cuda` or `mps`; `auto` is the best that is there. Raises `UsageError` for one that is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, is_there in there.items() if is_there)
    if not there[name]:
        raise UsageError(
            f"--device {name} is not there; this machine has {', '.join(k for k, v in there.items() if v)}"
        )
    return torch.device(name)


@contextmanager
def settings(engine: EngineConfig) -> Iterator[None]:
    """Sets up this process for a training on the CPU, and gives back what was."""
    threads = torch.get_num_threads()
    torch.set_num_threads(engine.threads)
    # Adam's averages of gradients that have died out become denormal numbers, which the processor is slow at: without
    # this an epoch of the tutorial takes half as long again from the second on (docs/log.md).
    torch.set_flush_denormal(True)
    try:
        with _memory_kept():
            yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)


@contextmanager
def _memory_kept() -> Iterator[None]:
    """Lets the process keep the memory that a step frees for the next step.

    By its defaults glibc hands the pages of large tensors back to the system and asks for them again, zeroed, in each
    step: a fifth of the time of a network at full resolution (docs/log.md). Elsewhere nothing is changed.
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        yield
        return
    libc.mallopt(_MMAP_THRESHOLD, 2**30)
    libc.mallopt(_TRIM_THRESHOLD, 2**30)
    try:
        yield
    finally:
        # What glibc's own adjusting comes to for a process with large arrays.
        libc.mallopt(_MMAP_THRESHOLD, 2**25)
        libc.mallopt(_TRIM_THRESHOLD, 2**26)
        libc.malloc_trim(0)


def autocast(engine: EngineConfig, device: torch.device) -> torch.autocast:
    """The context that a forward pass runs in."""
    return torch.autocast(device.type, DTYPES[engine.precision], enabled=engine.precision != "float32")
