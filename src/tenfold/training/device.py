"""Where and how a training computes: device, threads, precision, memory format, and the process settings it needs."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tenfold.errors import UsageError
from tenfold.training.recipe import DeviceConfig

MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def torch_device(name: str) -> torch.device:
    """Returns the device `cpu`, `cuda` or `mps`; for `auto` the fastest available one.

    Raises `UsageError` for a device that this machine lacks.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, exists in available.items() if exists)
    if not available[name]:
        kinds = ", ".join(kind for kind, exists in available.items() if exists)
        raise UsageError(f"--device {name} is not available; this machine has {kinds}")
    return torch.device(name)


@contextmanager
def execution(config: DeviceConfig) -> Iterator[None]:
    """Sets threads and denormal handling for a training; restores them, and torch's generator, afterwards."""
    threads, flushed = torch.get_num_threads(), flushes_denormals()
    # Adam's moments of vanished gradients become denormal numbers, which processors are slow at: without flushing, an
    # epoch of the tutorial takes 1.5 times as long from the second epoch on (docs/development/log.md).
    torch.set_num_threads(config.threads)
    torch.set_flush_denormal(True)
    try:
        # On a GPU its current generator is restored too.
        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if config.device == "cuda" else []):
            yield
    finally:
        torch.set_flush_denormal(flushed)
        torch.set_num_threads(threads)


def flushes_denormals() -> bool:
    """Returns whether arithmetic on this thread rounds denormal numbers to zero."""
    return bool(torch.tensor(1e-310, dtype=torch.float64) * 0.5 == 0)


def computes_in_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16. Where it is emulated it is always slower, and timing that
    takes longer than all other settings together."""
    if platform.machine() in ("x86_64", "AMD64"):
        return bool(torch.cpu._is_avx512_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def autocast(config: DeviceConfig, device: torch.device) -> torch.autocast:
    """Returns the context of a forward pass: mixed precision where the recipe asks for it."""
    return torch.autocast(device.type, DTYPES[config.precision], enabled=config.precision != "float32")
