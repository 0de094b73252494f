"""The data sets known by name, from `catalog.toml`: files, digests, license and shape."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenfold.errors import UsageError, nearest

# Called during a download with the file's name, the bytes so far, and the total if the server reports it.
DownloadProgress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file to download. urls: mirrors, tried in order. digest: `md5:` or `sha256:`, then hexadecimal digits."""

    name: str
    urls: tuple[str, ...]
    digest: str
    size_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class CatalogEntry:
    """A data set known by name.

    train, test: names of the IDX files with images and with labels. archive: name of the zip that holds these, None if
    they are separate files. transposed: the files hold images with x and y exchanged. first_label: the label of
    the first class in the files. unpacked_sha256: digests of the
    unpacked files by name; only for the data set that ships with the package.
    """

    name: str
    title: str
    files: tuple[RemoteFile, ...]
    train: tuple[str, str]
    test: tuple[str, str]
    train_count: int
    test_count: int
    class_names: tuple[str, ...]
    license: str
    citation: str
    homepage: str
    archive: str | None = None
    transposed: bool = False
    first_label: int = 0
    unpacked_sha256: Mapping[str, str] = field(default_factory=dict)

    @property
    def embedded(self) -> bool:
        """Whether the data set ships with the package."""
        return bool(self.unpacked_sha256)


def find_entry(name: str) -> CatalogEntry:
    """Finds an entry by name; case, `-` and `_` don't matter. Raises `UsageError` naming the nearest known one."""
    for entry in CATALOG:
        if _plain(entry.name) == _plain(name):
            return entry
    raise UsageError(f"no data set is called {name!r}{nearest(name.lower(), (entry.name for entry in CATALOG))}")


def is_known(name: str) -> bool:
    """Whether `find_entry` knows the name."""
    return any(_plain(entry.name) == _plain(name) for entry in CATALOG)


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "")


def _entry(name: str, table: dict[str, Any]) -> CatalogEntry:
    """An entry from its table. A file has the URLs of the entry, or its own name at each of the entry's mirrors."""
    urls, mirrors = table.pop("urls", ()), table.pop("mirrors", ())
    files = tuple(
        RemoteFile(urls=tuple(urls) or tuple(mirror + file["name"] for mirror in mirrors), **file)
        for file in table.pop("files")
    )
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return CatalogEntry(name=name, files=files, **fields)


_TABLES = tomllib.loads(Path(__file__).with_name("catalog.toml").read_text("utf-8"))
CATALOG = tuple(_entry(name, table) for name, table in _TABLES.items())
