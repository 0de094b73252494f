"""A way to a Ray cluster: one that answers soon, or an error that says what to do."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tenfold.errors import ClusterError, MissingDependencyError

# A cluster that has not answered after so many seconds is taken for absent. Left to itself, Ray tries for 80 seconds
# and then ends the process.
PATIENCE = 10
_NONE_HERE = "no Ray cluster runs on this machine: `ray start --head` begins one, or give its HOST:PORT"


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module `ray`, connected to the cluster at `address`: `auto` for the one of this machine, or `HOST:PORT`.

    A connection that is there already is used, and left. Raises `MissingDependencyError` without Ray, `ClusterError`
    when no cluster answers within 10 seconds.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    _answers(address)
    ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    _quiet()
    try:
        yield ray
    finally:
        ray.shutdown()


def import_ray() -> Any:
    """The module `ray`. Raises `MissingDependencyError`, which says how to install it."""
    # Ray 2.60 warns, each time, of a default that will change; this takes the new one.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError("ray", "cluster") from error
    return ray


def _answers(address: str) -> None:
    """Raises `ClusterError` unless a cluster answers there."""
    wanted = os.environ.get("RAY_ADDRESS", "auto") if address == "auto" else address
    host, _, port = wanted.removeprefix("ray://").rpartition(":")
    if wanted != "auto":
        if not host or not port.isdigit():
            raise ClusterError(f"--ray {wanted} is no address; give auto, or HOST:PORT such as 10.0.0.1:6379")
        try:
            # What is not there at all is told at once.
            socket.create_connection((host, int(port)), timeout=PATIENCE / 2).close()
        except (OSError, OverflowError) as error:
            raise ClusterError(
                f"no Ray cluster answers at {wanted} ({error}); is it up, and the port its own?"
            ) from error
    # In a process of its own, for Ray can't be told to give up: whatever this does ends in time.
    code = f"import ray; ray.init(address={wanted!r}, log_to_driver=False, logging_level='ERROR')"
    try:
        tried = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        where = "on this machine" if wanted == "auto" else f"at {wanted}"
        raise ClusterError(
            f"no Ray cluster answers {where} within {PATIENCE} seconds; is it up, and of this version?"
        ) from None
    if tried.returncode:
        said = tried.stderr.strip().splitlines() or [f"exit status {tried.returncode}"]
        if "Could not find any running Ray instance" in tried.stderr:
            raise ClusterError(_NONE_HERE)
        raise ClusterError(f"Ray can't be reached at {wanted}: {said[-1]}")


def _quiet() -> None:
    """Keeps the news of Ray's own daemons off stdout, which is for results; what concerns jobs comes as errors."""
    from ray._private import worker

    # There is no public switch; another version of Ray may do without this one, and chat.
    worker._worker_logs_enabled = False
