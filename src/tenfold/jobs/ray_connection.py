"""A way to a Ray cluster: one that answers soon, or an error that says what to do."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tenfold.errors import ClusterError, MissingDependencyError, UsageError

# A cluster that has not answered after so many seconds is taken for absent. Left to itself, Ray tries for 80 seconds
# and then ends the process.
PATIENCE = 10


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module `ray`, connected to the cluster at `address`: `auto` for the one of this machine, or that
    `RAY_ADDRESS` names; else HOST:PORT.

    A connection that is there already is used, and left. Raises `MissingDependencyError` without Ray, `UsageError` for
    what is no address, and `ClusterError` when no cluster answers within 10 seconds.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    place = os.environ.get("RAY_ADDRESS", "auto") if address == "auto" else address
    _answers(place)
    ray.init(address=place, log_to_driver=False, logging_level="ERROR")
    # Keeps the news of Ray's own daemons off stdout, which is for results; what concerns jobs comes as errors. There is
    # no public switch; another version of Ray may do without this one, and chat.
    ray._private.worker._worker_logs_enabled = False
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
    except ModuleNotFoundError as error:
        raise MissingDependencyError("Ray", "cluster") from error
    return ray


def _answers(place: str) -> None:
    """Raises `ClusterError` unless a cluster answers there."""
    if place != "auto":
        host, _, port = place.removeprefix("ray://").rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise UsageError(f"--ray is {place!r}: it takes auto, or HOST:PORT as ray start --head prints it")
        try:
            # Where nothing listens this fails immediately.
            socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
        except OSError as error:
            reason = error.strerror or error
            raise ClusterError(
                f"no Ray cluster answers at {place}: {reason}; is it running, and may this machine reach it?"
            ) from error
    # In a process of its own, since Ray has no timeout that ends for certain.
    code = f"import ray; print(flush=True); ray.init(address={place!r}, log_to_driver=False, logging_level='ERROR')"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as tried:
        assert tried.stdout is not None
        tried.stdout.readline()  # Ray is imported, however long a busy machine took for it.
        try:
            _, stderr = tried.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            tried.kill()
            where = "on this machine" if place == "auto" else f"at {place}"
            raise ClusterError(
                f"no Ray cluster answers {where} within {PATIENCE} seconds; is it up, and the port that ray start "
                "--head prints?"
            ) from None
    if tried.returncode:
        if "Could not find any running Ray instance" in stderr:
            raise ClusterError(
                "no Ray cluster runs on this machine: ray start --head begins one, or give its HOST:PORT"
            )
        lines = stderr.strip().splitlines() or [f"exit status {tried.returncode}"]
        raise ClusterError(f"Ray can't be reached at {place}: {lines[-1]}")
