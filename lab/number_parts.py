"""Pictures that were read, stored as lines of JSON, so that a benchmark of numbers resumes."""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from lab.number_scores import NumberRead
from lab.number_sets import NumberPicture
from tenfold import files
from tenfold.errors import RunError
from tenfold.runs.resumable import locked

# Set, name and digest of a picture: of another picture nothing is stored.
Key = tuple[str, str, str]
Store = Callable[[NumberPicture, NumberRead], None]


def key_of(picture: NumberPicture) -> Key:
    return picture.set, picture.name, picture.digest


@contextlib.contextmanager
def number_parts(out: Path | None, reader: str, version: str) -> Iterator[tuple[dict[Key, NumberRead], Store]]:
    """What a version of a reader has read, from its file in `out`, and a function that adds a line to it.

    Without `out` there is nothing, and nothing is stored. Raises `RunError` where another process is at work, and for a
    file with other content.
    """
    if out is None:
        yield {}, lambda picture, read: None
        return
    path = files.make_folder(out) / f"{_file_name(reader)}-{_file_name(version)}.jsonl"
    with locked(out), contextlib.ExitStack() as stack:
        with files.storage_errors(path):
            file = stack.enter_context(path.open("a+", encoding="utf-8"))
            stored = _read_parts(file, path)

        def store(picture: NumberPicture, read: NumberRead) -> None:
            of, name, digest = key_of(picture)
            line = {"set": of, "name": name, "digest": digest, "truth": picture.written or picture.text}
            with files.storage_errors(path):
                file.write(json.dumps({**line, **dataclasses.asdict(read)}, ensure_ascii=False) + "\n")
                file.flush()

        yield stored, store


def _read_parts(file: IO[str], path: Path) -> dict[Key, NumberRead]:
    """The parts in a file; an incomplete last line, left by a kill, is cut off."""
    file.seek(0)
    text = file.read()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        file.truncate(len(whole.encode()))
    stored = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            part = json.loads(line)
            key = part.pop("set"), part.pop("name"), part.pop("digest")
            part.pop("truth")
            stored[key] = NumberRead(**part)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{path}, line {number} is not a picture that was read: {error}") from error
    return stored


def _file_name(name: str) -> str:
    return "-".join("".join(sign if sign.isalnum() or sign in "._" else " " for sign in name).split())
