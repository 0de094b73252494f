"""What the comparisons of frameworks and of runtimes share: their document, their limits, and their failures."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tenfold.errors import RunError, UsageError
from tenfold.machine import usable_cores

FORMAT = 1
Result = TypeVar("Result")


def document(plan: Any, environment: Mapping[str, Any], rows: Iterable[Any], **state: Any) -> dict[str, Any]:
    """The plan, the state and the results (dataclasses) of a comparison, for JSON."""
    return {
        "format": FORMAT,
        "plan": dataclasses.asdict(plan),
        "environment": environment,
        **state,
        "rows": [dataclasses.asdict(row) for row in rows],
    }


def check_limits(threads: Iterable[int], seconds: float, memory_gb: float) -> None:
    """Raises `UsageError` for a number of threads that this machine lacks, or a limit that is not above 0."""
    cores = len(usable_cores())
    for number in threads:
        if not 1 <= number <= cores:
            raise UsageError(f"--threads {number}: this machine supports 1 to {cores}")
    if not (seconds > 0 and memory_gb > 0):
        raise UsageError("the limits of time and memory must be above 0")


def measured(path: Path, what: str, rows: Sequence[Result], reasons: Sequence[str]) -> list[Result]:
    """The rows that have figures. Raises `RunError` with all reasons if none has."""
    good = [row for row in rows if getattr(row, "figures", None)]
    if not good:
        raise RunError(f"{path}: no {what} was measured: {'; '.join(reasons)}")
    return good
