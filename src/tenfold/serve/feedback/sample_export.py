"""Feedback samples -> a dataset: MNIST's four files, with strokes and a manifest."""

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
from tenfold.data.dataset import Dataset, DatasetPart
from tenfold.data.idx import encode
from tenfold.errors import FeedbackError
from tenfold.serve.schemas import FeedbackSample

# One in this many is held out.
HELD_OUT = 5


@dataclass(frozen=True, kw_only=True)
class FeedbackDataset:
    """folder: a dataset for `load_dataset`. train, test: images in each part. duplicates: left out, as the same pixels
    have the same label already. contradictory: left out, as the same pixels have two labels."""

    folder: Path
    train: int
    test: int
    duplicates: int
    contradictory: int


class _Kept(NamedTuple):
    """A sample without its strokes, which take most of the memory."""

    id: uuid.UUID
    label: int
    misread: bool
    source: str
    model: str
    pixels: bytes


def export_samples(samples: Iterable[FeedbackSample], folder: Path) -> FeedbackDataset:
    """Writes `train-images-idx3-ubyte` and the other three files, `strokes.jsonl` and `manifest.json`.

    samples: iterated twice; more may be stored meanwhile. A fifth is held out as the test part, chosen by the digest
    of the pixels: later exports keep every image in its part. Raises `FeedbackError` if a part would be empty or the
    folder holds other files, and `StorageError` if it can't be written.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "manifest.json").is_file():
        raise FeedbackError(f"{folder} holds other files, not exported feedback: name a new folder")
    agreed, duplicates, contradictory = _agreed(samples)
    parts: dict[str, list[_Kept]] = {"train": [], "test": []}
    for kept in agreed:
        parts["test" if held_out(kept.pixels) else "train"].append(kept)
    if empty := [name for name, part in parts.items() if not part]:
        raise FeedbackError(
            f"the {empty[0]} part of {len(agreed)} samples is empty (one in {HELD_OUT} is held out): collect more first"
        )
    data = Dataset.of_parts(_part(parts["train"]), _part(parts["test"]), name=folder.name, origin="feedback")
    exported = FeedbackDataset(
        folder=folder, train=len(parts["train"]), test=len(parts["test"]), duplicates=duplicates,
        contradictory=contradictory,
    )  # fmt: skip
    # The manifest marks the folder as ours, so it is written first.
    files.write_json(folder / "manifest.json", _manifest(exported, agreed, data.digest))
    _write(data, folder)
    places = {kept.id: (name, row) for name, part in parts.items() for row, kept in enumerate(part)}
    files.write_with(folder / "strokes.jsonl", lambda path: _write_lines(path, samples, places))
    return exported


def held_out(pixels: bytes) -> bool:
    """Whether an image belongs to the test part, by its SHA-256."""
    return hashlib.sha256(pixels).digest()[0] % HELD_OUT == 0


def _agreed(samples: Iterable[FeedbackSample]) -> tuple[list[_Kept], int, int]:
    """One sample per image, ordered by id; the number of duplicates and of contradictory samples."""
    by_pixels: dict[bytes, list[_Kept]] = {}
    for one in samples:
        misread = one.predicted is not None and one.predicted != one.label
        kept = _Kept(one.id, one.label, misread, one.source, sys.intern(one.model_digest or ""), one.pixels)
        by_pixels.setdefault(one.pixels, []).append(kept)
    if not by_pixels:
        raise FeedbackError("there is no feedback yet: collect it with tenfold serve")
    groups = list(by_pixels.values())
    agreed = [group for group in groups if len({kept.label for kept in group}) == 1]
    duplicates = sum(len(group) - 1 for group in agreed)
    contradictory = sum(map(len, groups)) - sum(map(len, agreed))
    return sorted((min(group) for group in agreed), key=lambda kept: kept.id.int), duplicates, contradictory


def _part(part: list[_Kept]) -> DatasetPart:
    images = np.frombuffer(b"".join(kept.pixels for kept in part), np.uint8).reshape(-1, 28, 28)
    return DatasetPart(images, np.array([kept.label for kept in part], np.uint8))


def _write(data: Dataset, folder: Path) -> None:
    # If an export over an older one is killed, images must not be left with the labels of others.
    for name in ("train", "t10k"):
        with files.storage_errors(folder):
            (folder / f"{name}-labels-idx1-ubyte").unlink(missing_ok=True)
    files.write_bytes(folder / "train-images-idx3-ubyte", encode(data.train_images))
    files.write_bytes(folder / "t10k-images-idx3-ubyte", encode(data.test_images))
    files.write_bytes(folder / "t10k-labels-idx1-ubyte", encode(data.test_labels))
    files.write_bytes(folder / "train-labels-idx1-ubyte", encode(data.train_labels))


def _write_lines(path: Path, samples: Iterable[FeedbackSample], places: dict[uuid.UUID, tuple[str, int]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for sample in samples:
            if sample.id not in places:
                continue
            part, row = places[sample.id]
            document = {name: value for name, value in sample if name != "pixels"}
            document |= {"id": str(sample.id), "created_at": sample.created_at.isoformat()}
            file.write(json.dumps({"part": part, "row": row, **document}) + "\n")


def _manifest(exported: FeedbackDataset, agreed: list[_Kept], digest: str) -> dict[str, object]:
    """digest: `Dataset.digest`, which a run trained on it records too."""
    return {
        **{name: value for name, value in asdict(exported).items() if name != "folder"},
        "digits": {str(digit): sum(kept.label == digit for kept in agreed) for digit in range(10)},
        "misread": sum(kept.misread for kept in agreed),
        "sources": Counter(kept.source for kept in agreed),
        "models": Counter(kept.model for kept in agreed),
        "digest": digest,
    }
