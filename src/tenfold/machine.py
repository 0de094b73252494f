"""This machine: the cores that a process may use, its allocator, and a description to store with figures."""

import ctypes
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TypedDict

_PACKAGES = ("tenfold", "torch", "numpy", "scipy", "scikit-learn", "onnx", "onnxruntime", "matplotlib")
# malloc.h: M_TRIM_THRESHOLD and M_MMAP_THRESHOLD.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


class Machine(TypedDict):
    """The hardware; memory_gb is None where the system does not say."""

    processor: str
    cores: int | None
    memory_gb: float | None


class Environment(TypedDict):
    """What figures were measured with. command: as typed in the shell. packages: versions by name."""

    command: str
    machine: Machine
    system: str
    python: str
    packages: dict[str, str]


def usable_cores() -> list[int]:
    """The cores that this process may use, which in a container are fewer than the machine has; all of them where the
    system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Lets glibc's allocator keep the memory that one training step frees for the next.

    By default glibc returns the pages of large tensors to the system in each step and requests them again, zeroed: a
    fifth of the time of a network at full resolution (docs/development/log.md). The settings can't be read,
    so what they were can't be restored, only usual values set: only a process that belongs to Tenfold, its command or a
    worker, uses this. No effect without glibc.
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
        # What glibc's own adjusting comes to in a process with large arrays.
        libc.mallopt(_MMAP_THRESHOLD, 2**25)
        libc.mallopt(_TRIM_THRESHOLD, 2**26)
        libc.malloc_trim(0)


def describe_environment() -> Environment:
    """Describes this process's environment: why the same command may give other figures elsewhere."""
    return {
        "command": _command(),
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "memory_gb": _memory_gb()},
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
    }


def _command() -> str:
    program = Path(sys.argv[0]).name
    return shlex.join(["tenfold", *sys.argv[1:]] if program in ("tenfold", "__main__.py") else [program])


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
