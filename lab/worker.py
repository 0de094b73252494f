"""One measurement in a process of its own: pinned to its cores before anything is imported, limited, and never trusted.

What it imports, leaks or breaks ends with it. `python -m lab.worker` is the other side of `run_worker`.
"""

import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab import ROOT
from tenfold.errors import TenfoldError, WorkerError

# Every library's own name for the number of threads that it may make; read once, when it is loaded.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
# How often the process is looked at: often enough to stop one that fills the memory, rarely enough to cost nothing.
LOOK_SECONDS = 0.25


def run_worker(
    target: str,
    spec: Mapping[str, Any],
    *,
    cores: Sequence[int],
    seconds: float,
    memory_gb: float,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Calls `target`, as `module:function`, with `spec` in a new process, and returns the dictionary that it returns.

    cores: that it may use; as many threads are allowed it. seconds, memory_gb: what it and its children may take in
    all. environment: variables beside this process's own. Raises `WorkerError` for one that crashes, hangs or takes
    too much, with the last line that it wrote.
    """
    threads = dict.fromkeys(THREADS, str(len(cores)))
    with tempfile.TemporaryDirectory(prefix="tenfold-worker-") as folder, Path(folder, "log").open("w+b") as log:
        result = Path(folder, "result.json")
        request = {"target": target, "spec": dict(spec), "cores": list(cores), "result": str(result)}
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.worker"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            # A folder of its own, so that no cache of an earlier worker makes this one look fast.
            env=_environment(threads | {"TMPDIR": folder} | dict(environment or {})),
            start_new_session=True,
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # It is gone already; its exit tells.
            process.stdin.write(json.dumps(request).encode())
            process.stdin.close()
        try:
            _wait(process, seconds, memory_gb)
        finally:
            _end(process)
        log.seek(0)
        said = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        if process.returncode == 0 and result.exists():
            answer: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
            return answer
        if process.returncode < 0:
            raise WorkerError("crashed", f"ended by signal {signal.Signals(-process.returncode).name}")
        last = said[-1].strip() if said else f"exit status {process.returncode}"
        raise WorkerError("crashed", last[:300])


def _environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `changes`, in which a worker imports `lab` from any working directory."""
    paths = [str(ROOT), changes.get("PYTHONPATH", ""), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, **changes, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _wait(process: "subprocess.Popen[bytes]", seconds: float, memory_gb: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            process.wait(LOOK_SECONDS)
            return
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                raise WorkerError("hung", f"no result within {seconds:g} s") from None
            if (taken := _group_memory(process.pid)) > memory_gb * 1e9:
                raise WorkerError(
                    "memory", f"took {taken / 1e9:.1f} GB of memory; the limit is {memory_gb:g} GB"
                ) from None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends the worker and whatever it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _group_memory(group: int) -> int:
    """Resident bytes of all processes of a group; 0 where the system has no /proc."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # Fields after the name, which may hold spaces and brackets: state, parent, group, ..., resident pages.
            fields = status.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError, ValueError):
            continue  # It ended in between.
    return total


def resolve(target: str) -> Callable[..., Any]:
    """What `module:name` stands for."""
    module, _, name = target.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def broken(error: Exception) -> dict[str, str]:
    """What a worker answers where an installation can't be imported; whatever it raises is the finding."""
    return {"status": "broken", "told": " ".join(f"{type(error).__name__}: {error}".split())[:300]}


def _main() -> None:
    _end_with_parent()
    request = json.load(sys.stdin)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, request["cores"])
    try:
        answer = resolve(request["target"])(request["spec"])
    except TenfoldError as error:
        sys.exit(str(error))  # Its message is the whole finding.
    partial = Path(request["result"] + ".partial")
    partial.write_text(json.dumps(answer), encoding="utf-8")
    partial.replace(request["result"])


def _end_with_parent() -> None:
    """A parent that is killed can't end its worker; Linux does it then (prctl(2), PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


if __name__ == "__main__":
    _main()
