"""What a run was made on: enough to tell why the same command gave another figure elsewhere."""

import os
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("tenfold", "torch", "numpy", "scipy", "scikit-learn", "onnx", "onnxruntime", "matplotlib")


def describe_environment() -> dict[str, Any]:
    """Machine, system, Python and package versions, as JSON takes them."""
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
