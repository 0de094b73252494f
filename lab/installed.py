"""Which distributions are installed, and how much of the disk they take."""

import functools
import importlib.metadata
import re
from collections.abc import Iterable
from pathlib import Path


def is_installed(name: str) -> bool:
    """Whether a distribution is, by its name in the package index."""
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def versions(names: Iterable[str]) -> dict[str, str]:
    """Of those that are installed."""
    return {name: importlib.metadata.version(name) for name in names if is_installed(name)}


@functools.cache
def installed_bytes(distributions: tuple[str, ...]) -> int:
    """The bytes on disk of the distributions and of all that they require, as if nothing else were installed.

    Requirements of extras, or for other systems, are left out.
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
    """The name at the start of a requirement that holds here."""
    from packaging.requirements import Requirement

    marker = Requirement(line).marker
    holds = marker is None or marker.evaluate({"extra": ""})
    return re.match(r"[\w.-]+", line) if holds else None
