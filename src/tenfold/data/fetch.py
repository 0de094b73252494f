"""Downloads the files of a catalog entry: tries mirrors in order, resumes interrupted downloads, verifies digests."""

import hashlib
import os
import re
from pathlib import Path

import requests
import urllib3

from tenfold.data.catalog import CatalogEntry, DownloadProgress, RemoteFile
from tenfold.errors import DownloadError
from tenfold.files import lock, make_folder, storage_errors

TIMEOUT_S = 30.0
# Attempts per mirror and file; each resumes where the previous one stopped.
_ATTEMPTS = 5
_CHUNK_BYTES = 1 << 18


class _MirrorError(Exception):
    """Why a mirror did not provide a file. Not an OSError: those are about the disk."""


def fetch(
    entry: CatalogEntry, folder: Path, on_progress: DownloadProgress | None = None, *, timeout_s: float = TIMEOUT_S
) -> tuple[Path, ...]:
    """Downloads the files of `entry` into `folder`; existing files with the right digest are kept.

    on_progress: called with a file's name, the bytes so far, and the total if the server reports it. timeout_s: longest
    silence of a server. Returns the files' paths, in the order of `entry.files`. A file gets its final name only when
    its digest is right. Raises `DownloadError` with each mirror's reason and how to place the file by hand, and
    `StorageError` when `folder` is not writable.
    """
    make_folder(folder)
    report = on_progress or (lambda name, done, total: None)
    return tuple(_fetch_file(file, folder, report, timeout_s) for file in entry.files)


def _fetch_file(file: RemoteFile, folder: Path, report: DownloadProgress, timeout_s: float) -> Path:
    path = folder / file.name
    if _is_valid(path, file.digest):
        return path
    reasons = []
    # A second process waits here, and then finds the file complete.
    with lock(folder / f".{file.name}.lock"):
        if _is_valid(path, file.digest):
            return path
        for url in file.urls:
            try:
                _fetch_from(url, file, path, report, timeout_s)
                _part_path(path).unlink(missing_ok=True)
                return path
            except _MirrorError as error:
                reasons.append(f"{url}: {error}")
    existing = f"; the file that is there now has another {file.digest.split(':')[0]}" if path.exists() else ""
    raise DownloadError(
        f"could not fetch {file.name} from any mirror: {'; '.join(reasons)}. Check the connection and try again, or "
        f"download the file in another way and place it at {path} ({file.digest.replace(':', ' ')}){existing}"
    )


def _fetch_from(url: str, file: RemoteFile, path: Path, report: DownloadProgress, timeout_s: float) -> None:
    """Tries one mirror, repeatedly as long as each attempt makes progress. Raises `_MirrorError` on failure."""
    part = _part_path(path)
    for attempt in range(1, _ATTEMPTS + 1):
        before = _size(part)
        try:
            complete = _stream(url, part, report, timeout_s)
        except _MirrorError:
            if attempt == _ATTEMPTS or _size(part) <= before:
                raise
            continue
        with storage_errors(path):
            if _is_valid(complete, file.digest):
                os.replace(complete, path)
                return
            complete.unlink()
        # The part of an earlier download, perhaps from another mirror, may be at fault: retry from the start.
        if not before or complete != part:
            break
    raise _MirrorError("the file is not the published one (wrong digest)")


def _stream(url: str, part: Path, report: DownloadProgress, timeout_s: float) -> Path:
    """Completes `part`, resuming at its end if the server supports that; returns the complete file.

    A response from the beginning goes to another file, so that a long `part` is not overwritten by a short error page
    with status 200.
    """
    offset, aside = _size(part), part.with_suffix(".again")
    # "identity": a .gz must not be decompressed in transit.
    headers = {"User-Agent": "tenfold", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    try:
        with requests.get(url, headers=headers, stream=True, timeout=timeout_s) as response:
            if response.status_code == 416 and offset:
                return part  # no bytes follow: the part is complete, or its digest is wrong
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
    except BaseException as error:
        aside.unlink(missing_ok=True)  # Also after Ctrl-C, and when the disk is full.
        if isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError):
            raise _MirrorError(_describe_error(error)) from error
        raise
    return target


def _write(
    response: requests.Response, target: Path, done: int, total: int | None, report: DownloadProgress, name: str
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
    """Returns the next bytes, b"" at the end. Network errors become `_MirrorError`: they are OSErrors too."""
    try:
        return bytes(response.raw.read(_CHUNK_BYTES, decode_content=False))
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise _MirrorError(f"broke off: {_describe_error(error)}") from error


def _check_range(response: requests.Response, part: Path, offset: int) -> None:
    start = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if start is None or int(start[1]) != offset:
        with storage_errors(part):
            part.unlink()
        raise _MirrorError("answered with another byte range than requested")


def _describe_error(error: Exception) -> str:
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate can't be verified"
    if isinstance(error, requests.ConnectionError):
        return "the connection failed"
    return str(error) or type(error).__name__


def _is_valid(path: Path, digest: str) -> bool:
    algorithm, _, expected = digest.partition(":")
    with storage_errors(path):
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest() == expected


def _part_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
