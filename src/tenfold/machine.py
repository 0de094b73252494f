"""What this machine gives a process, and what the process has taken of it."""

import os
import sys
from pathlib import Path


def usable_cores() -> list[int]:
    """The cores that this process may use, which in a container are fewer than the machine has.

    Where the system does not tell, all.
    """
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def peak_bytes() -> int:
    """The most memory that this process has had resident.

    Linux's ru_maxrss would be that of the process that started this one, where that had more.
    """
    try:
        told = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(told.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        import resource  # Windows has none, and does without this figure.

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
