"""Corrections -> a data set: MNIST's four files, with the strokes and a manifest beside them."""

import hashlib
import json
import sys
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tenfold import files
from tenfold.data.dataset import Dataset
from tenfold.data.idx import encode
from tenfold.errors import FeedbackError
from tenfold.serve.feedback.correction import Correction

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


class _Kept(NamedTuple):
    """What is remembered of a correction while all are read: not the strokes, which take the most."""

    id: uuid.UUID
    truth: int
    misread: bool
    source: str
    model: str
    pixels: bytes


def export(corrections: Iterable[Correction], folder: Path) -> Exported:
    """Writes `train-images-idx3-ubyte` and its three fellows, `strokes.jsonl` and `manifest.json`.

    corrections: gone through twice; more may come meanwhile. A fifth is held out as the test part: which ones is told
    by the ink alone, so that the same ink falls on the same side always, however many corrections come. Raises
    `FeedbackError` where a part would be empty or the folder holds something else, `StorageError` where it can't be
    written.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "manifest.json").is_file():
        raise FeedbackError(f"{folder} holds other files, and no corrections: name a new folder")
    agreed, repeated, contradicted = _agreed(corrections)
    parts: dict[str, list[_Kept]] = {"train": [], "test": []}
    for kept in agreed:
        parts["test" if held_out(kept.pixels) else "train"].append(kept)
    if empty := [name for name, part in parts.items() if not part]:
        raise FeedbackError(
            f"of {len(agreed)} corrections none falls into the {empty[0]} part (one in {HELD_OUT} is held out): "
            "collect more of them first"
        )
    data = _dataset(parts, folder)
    exported = Exported(
        folder=folder, train=len(parts["train"]), test=len(parts["test"]), repeated=repeated, contradicted=contradicted
    )
    # It says that the folder is ours, so it comes first.
    files.write_json(folder / "manifest.json", _manifest(exported, agreed, data.digest))
    _write(data, folder)
    places = {kept.id: (name, row) for name, part in parts.items() for row, kept in enumerate(part)}
    files.write_with(folder / "strokes.jsonl", lambda path: _write_lines(path, corrections, places))
    return exported


def held_out(pixels: bytes) -> bool:
    """Whether ink belongs to the test part: by its SHA-256, so that nobody chooses."""
    return hashlib.sha256(pixels).digest()[0] % HELD_OUT == 0


def _agreed(corrections: Iterable[Correction]) -> tuple[list[_Kept], int, int]:
    """One correction for each ink, by its id; how many repeated it, and how many are of ink said to be two digits."""
    by_ink: dict[bytes, list[_Kept]] = {}
    for one in corrections:
        misread = one.digit is not None and one.digit != one.truth
        kept = _Kept(one.id, one.truth, misread, one.source, sys.intern(one.model_digest or ""), one.pixels)
        by_ink.setdefault(one.pixels, []).append(kept)
    if not by_ink:
        raise FeedbackError("there are no corrections yet: tenfold serve takes them")
    groups = list(by_ink.values())
    agreed = [group for group in groups if len({kept.truth for kept in group}) == 1]
    repeated = sum(len(group) - 1 for group in agreed)
    contradicted = sum(map(len, groups)) - sum(map(len, agreed))
    return sorted((min(group) for group in agreed), key=lambda kept: kept.id.int), repeated, contradicted


def _dataset(parts: dict[str, list[_Kept]], folder: Path) -> Dataset:
    images = {
        name: np.frombuffer(b"".join(kept.pixels for kept in part), np.uint8).reshape(-1, 28, 28)
        for name, part in parts.items()
    }
    labels = {name: np.array([kept.truth for kept in part], np.uint8) for name, part in parts.items()}
    return Dataset(
        name=folder.name, origin="corrections", train_images=images["train"], train_labels=labels["train"],
        test_images=images["test"], test_labels=labels["test"],
    )  # fmt: skip


def _write(data: Dataset, folder: Path) -> None:
    # An export over an older one that is killed must not leave images beside labels that are another's.
    for name in _FILES.values():
        with files.storage_errors(folder):
            (folder / f"{name}-labels-idx1-ubyte").unlink(missing_ok=True)
    files.write_bytes(folder / "train-images-idx3-ubyte", encode(data.train_images))
    files.write_bytes(folder / "t10k-images-idx3-ubyte", encode(data.test_images))
    files.write_bytes(folder / "t10k-labels-idx1-ubyte", encode(data.test_labels))
    files.write_bytes(folder / "train-labels-idx1-ubyte", encode(data.train_labels))


def _write_lines(path: Path, corrections: Iterable[Correction], places: dict[uuid.UUID, tuple[str, int]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for correction in corrections:
            if correction.id not in places:
                continue
            part, row = places[correction.id]
            told = {name: value for name, value in vars(correction).items() if name != "pixels"}
            told |= {"id": str(correction.id), "made_at": correction.made_at.isoformat()}
            file.write(json.dumps({"part": part, "row": row, **told}) + "\n")


def _manifest(exported: Exported, agreed: list[_Kept], digest: str) -> dict[str, object]:
    """digest: `Dataset.digest`, which a run that is trained on it keeps in its environment.json."""
    return {
        **{name: value for name, value in asdict(exported).items() if name != "folder"},
        "digits": {str(digit): sum(kept.truth == digit for kept in agreed) for digit in range(10)},
        "misread": sum(kept.misread for kept in agreed),
        "sources": Counter(kept.source for kept in agreed),
        "models": Counter(kept.model for kept in agreed),
        "digest": digest,
    }
