"""Runs one measurement in a separate process, pinned to its cores before anything is imported, with limits.

`python -m lab.worker` is the child process of `run_worker`.
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
from tenfold.errors import TenfoldError

# Thread-count variables of the numerical libraries, which read them once, at import.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
# Polling interval: short enough to stop a process that fills the memory, long enough to cost nothing.
LOOK_SECONDS = 0.25


class WorkerError(TenfoldError):
    """A measurement in a separate process failed. kind: `crashed`, `hung` or `memory`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class MissingToolError(TenfoldError):
    """A program that no Python package provides, such as a compiler, is not installed."""

    def __init__(self, what: str, tool: str, install: str) -> None:
        super().__init__(f"{what} needs {tool}, which is not installed: {install}")


def run_worker(
    target: str,
    spec: Mapping[str, Any],
    *,
    cores: Sequence[int],
    seconds: float,
    memory_gb: float,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Calls `target` (`module:function`) with `spec` in a new process; returns the dictionary that it returns.

    cores: CPU cores to use, with one thread each. seconds, memory_gb: limits for it and its children together.
    environment: additional variables. Raises `WorkerError`, with its last line of output, if it crashes, hangs or
    exceeds the memory limit.
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
            # A fresh folder, so that no cache of an earlier worker makes this one look fast.
            env=_environment(threads | {"TMPDIR": folder} | dict(environment or {})),
            start_new_session=True,
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # It has died already; its exit status says why.
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
    """Kills the worker and all its children."""
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
            continue  # The process has ended meanwhile.
    return total


def resolve(target: str) -> Callable[..., Any]:
    """The object named `module:name`."""
    module, _, name = target.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def broken(error: Exception) -> dict[str, str]:
    """The result of a worker whose library can't be imported."""
    return {"status": "broken", "reason": " ".join(f"{type(error).__name__}: {error}".split())[:300]}


def _main() -> None:
    _end_with_parent()
    request = json.load(sys.stdin)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, request["cores"])
    try:
        answer = resolve(request["target"])(request["spec"])
    except TenfoldError as error:
        sys.exit(str(error))  # Its message is the result.
    partial = Path(request["result"] + ".partial")
    partial.write_text(json.dumps(answer), encoding="utf-8")
    partial.replace(request["result"])


def _end_with_parent() -> None:
    """Has Linux kill this worker when its parent is killed (prctl(2), PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


if __name__ == "__main__":
    _main()
