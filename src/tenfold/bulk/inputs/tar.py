"""Tars of images, as WebDataset writes them: `.tar`, packed or not.

A plain tar on this machine is cut into units by its headers alone; any other is read in one go, by one worker.
"""

import bz2
import gzip
import lzma
import os
import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from tenfold.bulk.listing import is_hidden, kind_of
from tenfold.bulk.places import is_url, opened
from tenfold.bulk.unit import HELD_BYTES, UNIT, UNIT_BYTES, BrokenError, Chunk, Unit
from tenfold.errors import FormatError, TooLargeError

_BLOCK = 512
# Headers that belong to the member after them: GNU's long names and links, and pax.
_BEFORE_A_MEMBER = b"LKxX"
# No image that is read has more; a tar need not be held in memory to find that out.
_LARGEST = 512_000_000
_UNPACKERS: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)


def plan(path: str) -> Iterator[Unit]:
    """Units that can be read each for itself; only reading tells how many images are in one."""
    offset = 0
    if not is_url(path) and path.lower().endswith(".tar"):
        with opened(path) as file:
            for stop in _cuts(file, os.stat(path).st_size):
                yield Unit(kind="tar", source=path, path=path, offset=offset, stop=stop)
                offset = stop
    yield Unit(kind="tar", source=path, path=path, offset=offset)


def read(unit: Unit, batch: int) -> Iterator[Chunk]:
    """Members with an image's name, in order. Raises `BrokenError` where the tar is cut short or damaged."""
    with opened(unit.path) as plain:
        try:
            file = _Watched(_unpacked(plain))
            file.seek(unit.offset)
            # Not closed: that would read on, and all it holds is the file.
            tar = tarfile.open(fileobj=cast(BinaryIO, file), mode="r:")  # noqa: SIM115
        except Exception as error:  # The unpackers and tarfile raise whatever they stumble on.
            raise BrokenError(f"{unit.path} is no tar that can be read: {error}") from error
        keys: list[str] = []
        images: list[bytes | FormatError] = []
        held = 0
        broken = None
        while broken is None:
            try:
                member = tar.next()
            except Exception as error:
                broken = BrokenError(f"{unit.path} is cut short or damaged: {error}")
                break
            # What was passed is kept by tarfile otherwise, all of it.
            tar.members.clear()  # type: ignore[attr-defined]
            if member is None:
                broken = _end(unit.path, file)
                break
            if unit.stop and member.offset >= unit.stop:
                break
            if not member.isreg() or kind_of(member.name) != "image" or is_hidden(os.path.basename(member.name)):
                continue
            try:
                images.append(_content(file, member))
            except Exception as error:
                broken = BrokenError(f"{unit.path} is cut short or damaged in {member.name}: {error}")
                break
            keys.append(member.name)
            held += member.size
            if len(images) == batch or held > HELD_BYTES:
                yield Chunk(images, tuple(keys))
                keys, images, held = [], [], 0
        if images:
            yield Chunk(images, tuple(keys))
        if broken is not None:
            raise broken


class _Watched:
    """A file for tarfile that remembers what was read last: tarfile takes a damaged header for the end, and is silent.

    Unpacked files seek forward only; going back would unpack them from the start.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.last = b""
        self.tell, self.seek = file.tell, file.seek

    def read(self, size: int = -1) -> bytes:
        self.last = self._file.read(size)
        return self.last


def _unpacked(file: BinaryIO) -> BinaryIO:
    begins = file.read(6)
    file.seek(0)
    for magic, unpack in _UNPACKERS:
        if begins.startswith(magic):
            return cast(BinaryIO, unpack(file))
    return file


def _content(file: _Watched, member: tarfile.TarInfo) -> bytes | FormatError:
    if member.size > _LARGEST:
        return TooLargeError(f"{member.name} is larger than {_LARGEST // 1_000_000} MB: make it smaller")
    file.seek(member.offset_data)
    content = file.read(member.size)
    if len(content) < member.size:
        raise EOFError(f"{len(content)} of {member.size} bytes are there")
    return content


def _end(path: str, file: _Watched) -> BrokenError | None:
    """What is wrong with where tarfile stopped, if anything is: POSIX ends a tar with blocks of zeros."""
    if len(file.last) == _BLOCK and not any(file.last):
        return None
    fault = "a header is damaged" if len(file.last) == _BLOCK else "it has no end"
    return BrokenError(f"{path} is cut short or damaged: {fault}; make the tar again")


def _cuts(file: BinaryIO, size: int) -> Iterator[int]:
    """Bytes where a member begins that the next unit may begin with.

    POSIX.1-1988 (ustar): a header of 512 bytes, then the content in blocks of 512. What is no header ends the search:
    tarfile reads on from the last cut, and says what is wrong.
    """
    offset, members, cut_at, alone = 0, 0, 0, True
    while offset + _BLOCK <= size:
        if alone and (members >= UNIT or offset - cut_at > UNIT_BYTES):
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
    """Bytes of content that follow a header; None for what is none: its checksum is the sum of it but itself."""
    try:
        told = int(header[148:156].rstrip(b"\0 ") or b"-1", 8)
        length = header[124:136]
        if told != sum(header) - sum(header[148:156]) + 8 * ord(" ") or header[156] in b"S":
            return None
        # GNU tar writes what octal can't hold in base 256.
        return int.from_bytes(length[1:], "big") if length[0] & 0x80 else int(length.rstrip(b"\0 ") or b"0", 8)
    except ValueError:
        return None
