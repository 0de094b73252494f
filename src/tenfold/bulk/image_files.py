"""Image files: in folders, local or by URL, and in tars as WebDataset writes them.

A local uncompressed tar is divided into units by its headers alone; any other tar is one unit.
"""

import os
import tarfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import BinaryIO, cast

from tenfold.bulk.bulk_sources import SourceFile, decompressed, fetch, is_hidden, is_url, kind_of, open_binary
from tenfold.bulk.bulk_units import UNIT, UNIT_BYTES, BrokenError, ImageChunk, WorkUnit, in_batches
from tenfold.errors import FormatError, TooLargeError

_BLOCK = 512
# Headers that belong to the member after them: GNU's long names and links, and pax.
_BEFORE_A_MEMBER = b"LKxX"
# Larger images are never read, so they need not be loaded.
_LARGEST = 512_000_000


def plan_images(list_source: Iterable[SourceFile], most: int = UNIT) -> Iterator[WorkUnit]:
    """Divides consecutive image files into units of at most `most`."""
    for folder, group in groupby(list_source, lambda entry: entry.folder):
        for names in in_batches(((entry.name, _size(entry)) for entry in group), most, UNIT_BYTES):
            yield WorkUnit(kind="files", source=folder, path=folder, count=len(names), names=tuple(names))


def read_images(unit: WorkUnit, batch: int) -> Iterator[ImageChunk]:
    for start in range(0, len(unit.names), batch):
        names = unit.names[start : start + batch]
        for images in fetch(unit.path, names):
            yield ImageChunk(images, names[: len(images)])
            names = names[len(images) :]


def _size(entry: SourceFile) -> int:
    if is_url(entry.folder):
        return 0
    try:
        return os.stat(entry.path).st_size
    except OSError:  # Its row will have the error.
        return 0


def plan_tar(path: str, most: int = UNIT) -> Iterator[WorkUnit]:
    """Divides a tar into units of `most` members. How many images each has is known only after reading it."""
    offset = 0
    if not is_url(path) and path.lower().endswith(".tar"):
        with open_binary(path) as file:
            for stop in _cuts(file, os.stat(path).st_size, most):
                yield WorkUnit(kind="tar", source=path, path=path, offset=offset, stop=stop)
                offset = stop
    yield WorkUnit(kind="tar", source=path, path=path, offset=offset)


def read_tar(unit: WorkUnit, batch: int) -> Iterator[ImageChunk]:
    """The members that are images by name, in order. Raises `BrokenError` when the tar is truncated or damaged."""
    for members in in_batches(_members(unit), batch):
        keys, images = zip(*members, strict=True)
        yield ImageChunk(list(images), keys)


def _members(unit: WorkUnit) -> Iterator[tuple[tuple[str, bytes | FormatError], int]]:
    """The images one by one: name, content and number of bytes."""
    with open_binary(unit.path) as plain:
        try:
            file = _RecordingFile(decompressed(plain))
            file.seek(unit.offset)
            # Not closed: closing would read to the end, and it holds nothing but the file.
            tar = tarfile.open(fileobj=cast(BinaryIO, file), mode="r:")  # noqa: SIM115
        except Exception as error:  # tarfile and the decompressors raise many kinds of exceptions on damaged files.
            raise BrokenError(f"{unit.path} is not a readable tar: {error}") from error
        while True:
            try:
                member = tar.next()
            except Exception as error:
                raise BrokenError(f"{unit.path} is truncated or damaged: {error}") from error
            # Otherwise tarfile keeps every member that it has passed.
            tar.members.clear()  # type: ignore[attr-defined]
            if member is None:
                _check_end(unit.path, file)
                return
            if unit.stop and member.offset >= unit.stop:
                return
            if not member.isreg() or kind_of(member.name) != "image" or is_hidden(os.path.basename(member.name)):
                continue
            try:
                content = _content(file, member)
            except Exception as error:
                raise BrokenError(f"{unit.path} is truncated or damaged in {member.name}: {error}") from error
            yield (member.name, content), member.size


class _RecordingFile:
    """A file for tarfile that records what was read last, since tarfile silently takes a damaged header for the end.

    Compressed files are only ever read forward: going back would decompress them from the start.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.last = b""
        self.tell, self.seek = file.tell, file.seek

    def read(self, size: int = -1) -> bytes:
        self.last = self._file.read(size)
        return self.last


def _content(file: _RecordingFile, member: tarfile.TarInfo) -> bytes | FormatError:
    if member.size > _LARGEST:
        return TooLargeError(f"{member.name} is larger than {_LARGEST // 1_000_000} MB: make it smaller")
    file.seek(member.offset_data)
    content = file.read(member.size)
    if len(content) < member.size:
        raise EOFError(f"only {len(content)} of {member.size} bytes")
    return content


def _check_end(path: str, file: _RecordingFile) -> None:
    """Raises `BrokenError` unless tarfile stopped at the tar's end: POSIX ends a tar with blocks of zeros."""
    if len(file.last) != _BLOCK or any(file.last):
        fault = "a header is damaged" if len(file.last) == _BLOCK else "the end is missing"
        raise BrokenError(f"{path} is truncated or damaged: {fault}; create the tar again")


def _cuts(file: BinaryIO, size: int, most: int) -> Iterator[int]:
    """Offsets of members at which a new unit starts.

    POSIX.1-1988 (ustar): a header of 512 bytes, then the content in blocks of 512. An invalid header ends the search;
    the last unit's reader then reports the error.
    """
    offset, members, cut_at, alone = 0, 0, 0, True
    while offset + _BLOCK <= size:
        if alone and (members >= most or offset - cut_at > UNIT_BYTES):
            yield offset
            members, cut_at = 0, offset
        file.seek(offset)
        header = file.read(_BLOCK)
        length = _length(header)
        if length is None:
            return
        alone = header[156] not in _BEFORE_A_MEMBER
        members += alone
        offset += _BLOCK * (1 + -(-length // _BLOCK))


def _length(header: bytes) -> int | None:
    """Bytes of content after a header; None for an invalid header (its checksum is the sum of all its other bytes)."""
    try:
        checksum = int(header[148:156].rstrip(b"\0 ") or b"-1", 8)
        length = header[124:136]
        if checksum != sum(header) - sum(header[148:156]) + 8 * ord(" ") or header[156] in b"S":
            return None
        # GNU tar writes sizes that are too large for octal in base 256.
        return int.from_bytes(length[1:], "big") if length[0] & 0x80 else int(length.rstrip(b"\0 ") or b"0", 8)
    except ValueError:
        return None
