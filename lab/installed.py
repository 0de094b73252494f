"""Installed distributions and their size on disk."""

import functools
import importlib.metadata
import re
from collections.abc import Iterable
from pathlib import Path


def is_installed(name: str) -> bool:
    """Whether the distribution of this name (in the package index) is installed."""
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of those that are installed."""
    return {name: importlib.metadata.version(name) for name in names if is_installed(name)}


@functools.cache
def installed_bytes(distributions: tuple[str, ...]) -> int:
    """Bytes on disk of the distributions and all their requirements.

    Requirements of extras and of other systems are left out.
    """
    found: set[str] = set()
    waiting = list(distributions)
    total = 0
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found or not is_installed(name):
            continue
        found.add(name)
        distribution = importlib.metadata.distribution(name)
        files = (Path(str(distribution.locate_file(file))) for file in distribution.files or ())
        total += sum(file.stat().st_size for file in files if file.is_file())
        waiting += [match[0] for line in distribution.requires or () if (match := _required(line))]
    return total


def _required(line: str) -> re.Match[str] | None:
    """The name at the start of a requirement line, if its marker applies here."""
    from packaging.requirements import Requirement

    marker = Requirement(line).marker
    holds = marker is None or marker.evaluate({"extra": ""})
    return re.match(r"[\w.-]+", line) if holds else None
