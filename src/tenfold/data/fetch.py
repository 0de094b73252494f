"""Files of a known set from the first mirror that has them, resumed where a download broke off, and verified.

pooch does what it does well: it puts a file in its place only when the digest is right. What it leaves out is done
here: several mirrors, going on from a `.part` file, a lock between processes, and errors that say what to do.
"""

import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pooch
import requests
import urllib3

from tenfold.data.catalog import Entry, Progress, RemoteFile
from tenfold.errors import DownloadError
from tenfold.files import lock, make_folder, storage_errors

TIMEOUT_S = 30.0
# How often one mirror is asked for one file; each time but the first goes on from what the last has brought.
_ATTEMPTS = 5
_CHUNK_BYTES = 1 << 18


class _MirrorError(Exception):
    """Why a mirror did not give a file, in a few words. Not an OSError: those are about the disk."""


def fetch(
    entry: Entry, folder: Path, on_progress: Progress | None = None, *, timeout_s: float = TIMEOUT_S
) -> tuple[Path, ...]:
    """Fetches the files of `entry` into `folder`; those that are there and sound are left alone.

    on_progress: called with a file's name, its bytes so far, and its bytes in all where the server says. timeout_s:
    how long a server may stay silent. Returns the files' paths, in the order of `entry.files`. A file is under its own
    name only once its digest is right. Raises `DownloadError` with every mirror's reason and how to place the file by
    hand, and `StorageError` when `folder` can't be written to.
    """
    make_folder(folder)
    report = on_progress or (lambda name, done, total: None)
    return tuple(_fetch_file(file, folder, report, timeout_s) for file in entry.files)


def _fetch_file(file: RemoteFile, folder: Path, report: Progress, timeout_s: float) -> Path:
    path = folder / file.name
    if _is_sound(path, file.digest):
        return path
    reasons = []
    # The second of two processes waits here, and then finds the file done.
    with lock(folder / f".{file.name}.lock"):
        for url in file.urls:
            try:
                _fetch_from(url, file, path, report, timeout_s)
                _part_path(path).unlink(missing_ok=True)
                return path
            except _MirrorError as error:
                reasons.append(f"{url}: {error}")
    there = f"; the file that is there now has another {file.digest.split(':')[0]}" if path.exists() else ""
    raise DownloadError(
        f"could not fetch {file.name} from any mirror: {'; '.join(reasons)}. Check the connection and try again, or "
        f"download the file in another way and place it at {path} ({file.digest.replace(':', ' ')}){there}"
    )


def _fetch_from(url: str, file: RemoteFile, path: Path, report: Progress, timeout_s: float) -> None:
    """Tries one mirror, again as long as each attempt brings it forward. Raises `_MirrorError` in the end."""
    part = _part_path(path)
    for attempt in range(1, _ATTEMPTS + 1):
        before = _size(part)
        try:
            with storage_errors(path), _quiet_pooch():
                pooch.retrieve(
                    url, file.digest, path.name, path.parent, downloader=_downloader(part, report, timeout_s)
                )
            return
        except ValueError as error:
            # The only ValueError is pooch's about the digest; it has deleted what came. Where that began with bytes of
            # an earlier download, perhaps of another mirror, those may be to blame: once more, from nothing. A part
            # that is still there had no share in it.
            if not before or part.exists():
                raise _MirrorError("what it sent is not the published file (wrong digest)") from error
        except _MirrorError:
            if attempt == _ATTEMPTS or _size(part) <= before:
                raise
    raise _MirrorError("what it sent is not the published file (wrong digest)")


def _downloader(part: Path, report: Progress, timeout_s: float) -> Callable[[str, str, Any], None]:
    """What pooch calls with a URL and a temporary file to fill."""

    def download(url: str, output_file: str, _: Any) -> None:
        aside = part.with_suffix(".again")
        try:
            os.replace(_stream(url, part, aside, report, timeout_s), output_file)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _MirrorError(_in_words(error)) from error
        finally:
            aside.unlink(missing_ok=True)

    return download


def _stream(url: str, part: Path, aside: Path, report: Progress, timeout_s: float) -> Path:
    """Brings `part` to its full length, from where it ends if the server can do that; returns the whole file.

    A server that starts from the beginning again writes to `aside`, so that a long `part` is not lost to a short page
    that says "not found" with status 200.
    """
    offset = _size(part)
    # "identity": a .gz must arrive as it is, not unpacked on the way.
    headers = {"User-Agent": "tenfold", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    with requests.get(url, headers=headers, stream=True, timeout=timeout_s) as response:
        if response.status_code == 416 and offset:
            return part  # nothing follows: the part is whole, or the digest will tell
        if response.status_code == 206:
            _check_range(response, part, offset)
            target, done = part, offset
        elif response.status_code == 200:
            target, done = (aside, 0) if offset else (part, 0)
        else:
            raise _MirrorError(f"answered {response.status_code} {response.reason}")
        length = response.headers.get("Content-Length", "")
        total = done + int(length) if length.isdigit() else None
        _write(response, target, done, total, report, part.name.removesuffix(".part"))
    return target


def _write(
    response: requests.Response, target: Path, done: int, total: int | None, report: Progress, name: str
) -> None:
    with storage_errors(target), target.open("ab" if done else "wb") as file:
        report(name, done, total)
        while chunk := _read(response):
            file.write(chunk)
            done += len(chunk)
            report(name, done, total)
    if total is not None and done < total:
        raise _MirrorError(f"broke off after {done:,} of {total:,} bytes")


def _read(response: requests.Response) -> bytes:
    """The next bytes; none at the end. Errors of the network leave as `_MirrorError`: they are OSErrors too."""
    try:
        return bytes(response.raw.read(_CHUNK_BYTES, decode_content=False))
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise _MirrorError(f"broke off: {_in_words(error)}") from error


def _check_range(response: requests.Response, part: Path, offset: int) -> None:
    start = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if start is None or int(start[1]) != offset:
        with storage_errors(part):
            part.unlink()
        raise _MirrorError("answered with another range of bytes than it was asked for")


def _in_words(error: Exception) -> str:
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate can't be verified"
    if isinstance(error, requests.ConnectionError):
        return "the connection failed"
    return str(error) or type(error).__name__


@contextlib.contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Keeps pooch from writing to stderr what `on_progress` tells already."""
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _is_sound(path: Path, digest: str) -> bool:
    algorithm, _, expected = digest.partition(":")
    with storage_errors(path):
        return path.is_file() and pooch.file_hash(path, alg=algorithm) == expected


def _part_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
