"""How a training's arithmetic is done: on which device, in how many threads, in which precision and layout."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tenfold.errors import UsageError
from tenfold.training.recipe import EngineConfig

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
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
    """Sets torch's threads for a training on the CPU, and gives back what was."""
    threads = torch.get_num_threads()
    torch.set_num_threads(engine.threads)
    # Adam's averages of gradients that have died out become denormal numbers, which the processor is slow at: without
    # this an epoch of the tutorial takes half as long again from the second on (docs/log.md).
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)


def autocast(engine: EngineConfig, device: torch.device) -> torch.autocast:
    """The context that a forward pass runs in."""
    return torch.autocast(device.type, DTYPES[engine.precision], enabled=engine.precision != "float32")
