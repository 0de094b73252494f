"""The way to a Ray cluster, and a clear word where there is none."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tenfold.errors import ClusterError, MissingDependencyError, UsageError

# Seconds that an address has to answer in.
ANSWER_SECONDS = 10
# What opens HTTP/2, and so gRPC (RFC 9113, section 3.4): the preface, and SETTINGS without any.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
_SETTINGS = 4


@contextmanager
def connect(address: str) -> Iterator[None]:
    """Connects this process to a Ray cluster for the block; a connection that is there already is used, and left.

    address: `auto` for the one that runs on this machine, or that `RAY_ADDRESS` names; else HOST:PORT, as `ray start
    --head` tells it. Raises `MissingDependencyError` without Ray, `UsageError` for what is no address, and
    `ClusterError` after ten seconds at most where none answers.
    """
    # Ray prints what befalls workers to stdout, where a command's document goes. It reads this when it is imported.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingDependencyError("Ray", "cluster") from error
    if ray.is_initialized():
        yield
        return
    place = os.environ.get("RAY_ADDRESS", "auto") if address == "auto" else address
    if place != "auto":
        _ask(place)
    try:
        ray.init(address=place, logging_level=logging.CRITICAL, log_to_driver=False)
    except Exception as error:  # ConnectionError where there is none, RuntimeError for other versions, and Ray's own.
        advice = "; ray start --head makes one of this machine" if place == "auto" else ""
        raise ClusterError(f"no Ray cluster at {place}: {' '.join(str(error).split())[:300]}{advice}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _ask(address: str) -> None:
    """Whether something that speaks Ray's protocol is there: Ray itself would try for most of a minute."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"--ray is {address!r}: it takes auto, or HOST:PORT as ray start --head tells it")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS) as found:
            found.settimeout(ANSWER_SECONDS)
            found.sendall(_PREFACE)
            answer = found.recv(9)
    except OSError as error:
        reason = f"no answer in {ANSWER_SECONDS} s" if isinstance(error, TimeoutError) else error.strerror or error
        raise ClusterError(
            f"no Ray cluster at {address}: {reason}; is it running, and may this machine reach it?"
        ) from (error)
    if len(answer) < 4 or answer[3] != _SETTINGS:
        raise ClusterError(f"{address} answers, but is no Ray cluster: give the address that ray start --head tells")
