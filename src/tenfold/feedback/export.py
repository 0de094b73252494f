"""Corrections -> a data set: MNIST's four files, with the strokes and a manifest beside them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tenfold import atomic
from tenfold.data.idx import encode
from tenfold.errors import FeedbackError
from tenfold.feedback.correction import Correction

# One in so many is held out.
HELD_OUT = 5
_FILES = {"train": "train", "test": "t10k"}


@dataclass(frozen=True, kw_only=True)
class Exported:
    """folder: a data set for `load_dataset`. train, test: images in either part. repeated: left out, for the same ink
    was there already with the same label. contradicted: left out, for the same ink was said to be two digits."""

    folder: Path
    train: int
    test: int
    repeated: int
    contradicted: int


def export(corrections: Iterable[Correction], folder: Path) -> Exported:
    """Writes `train-images-idx3-ubyte` and its three fellows, `strokes.jsonl` and `manifest.json`.

    A fifth is held out as the test part: which ones is told by the ink alone, so that the same ink falls on the same
    side always, however many corrections come. Raises `FeedbackError` where a part would be empty, `StorageError`
    where the folder can't be written.
    """
    by_ink: dict[bytes, list[Correction]] = {}
    for correction in corrections:
        by_ink.setdefault(correction.pixels, []).append(correction)
    count = sum(map(len, by_ink.values()))
    if not count:
        raise FeedbackError("there are no corrections yet: tenfold serve takes them")
    agreed = [same[0] for same in by_ink.values() if len({correction.truth for correction in same}) == 1]
    contradicted = sum(len(same) for same in by_ink.values()) - sum(
        len(by_ink[correction.pixels]) for correction in agreed
    )
    parts: dict[str, list[Correction]] = {"train": [], "test": []}
    for correction in sorted(agreed, key=lambda correction: correction.id.int):
        parts["test" if held_out(correction.pixels) else "train"].append(correction)
    if empty := [name for name, part in parts.items() if not part]:
        raise FeedbackError(
            f"of {count} corrections none falls into the {empty[0]} part (one in {HELD_OUT} is held out): "
            "collect more of them first"
        )
    for name, part in parts.items():
        images = np.stack([np.frombuffer(correction.pixels, np.uint8).reshape(28, 28) for correction in part])
        labels = np.array([correction.truth for correction in part], np.uint8)
        atomic.write_bytes(folder / f"{_FILES[name]}-images-idx3-ubyte", encode(images))
        atomic.write_bytes(folder / f"{_FILES[name]}-labels-idx1-ubyte", encode(labels))
    lines = [json.dumps({"part": name, **_told(correction)}) for name, part in parts.items() for correction in part]
    atomic.write_text(folder / "strokes.jsonl", "\n".join(lines) + "\n")
    exported = Exported(
        folder=folder, train=len(parts["train"]), test=len(parts["test"]), repeated=count - len(agreed) - contradicted,
        contradicted=contradicted,
    )  # fmt: skip
    atomic.write_json(folder / "manifest.json", {**_manifest(exported), **_counts([*parts["train"], *parts["test"]])})
    return exported


def held_out(pixels: bytes) -> bool:
    """Whether ink belongs to the test part: by its SHA-256, so that nobody chooses."""
    return hashlib.sha256(pixels).digest()[0] % HELD_OUT == 0


def _told(correction: Correction) -> dict[str, object]:
    told = asdict(correction)
    del told["pixels"]
    return {name: str(value) if name in ("id", "made_at") else value for name, value in told.items()}


def _manifest(exported: Exported) -> dict[str, object]:
    return {name: value for name, value in asdict(exported).items() if name != "folder"}


def _counts(corrections: list[Correction]) -> dict[str, object]:
    return {
        "digits": {str(digit): sum(c.truth == digit for c in corrections) for digit in range(10)},
        "misread": sum(c.digit is not None and c.digit != c.truth for c in corrections),
        "sources": Counter(c.source for c in corrections),
        "models": Counter(c.model_digest or "" for c in corrections),
        "ids_digest": hashlib.sha256(b"".join(c.id.bytes for c in corrections)).hexdigest(),
    }
