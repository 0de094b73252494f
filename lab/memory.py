"""The memory that a process took."""

import resource
import sys
from pathlib import Path


def peak_bytes() -> int:
    """The peak resident memory of this process, in bytes.

    Linux's ru_maxrss includes that of the process that started this one, so it is not used there.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
