"""The open sets of numbers: pictures, and what is written in them."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data import load_dataset
from tenfold.data.npz_file import load_writers
from tenfold.data.splits import writer_split
from tenfold.errors import DataError
from tenfold.reading.symbols import MARKS
from tenfold.synthesis.glyphs import Glyphs, make_glyphs
from tenfold.synthesis.scenes import KINDS, make_scene

CHEQUES, PHOTOS, PAGES, CASES, SCENES = "orand_car_a", "photo_numbers", "pages", "cases", "scenes"
WRITERS = "mnist_writers.npz"
# The kind of pages without a handwritten digit.
NONE = "none"
# What is written in the pictures of ../cases/pictures, next to the folder with the sets.
WRITTEN = {
    "cell_bar.png": "0",
    "comb.png": "752127",
    "date_12-05-2024_slashes.png": "12/05/2024",
    "decimal_3.14.png": "3.14",
    "desk_note.jpg": "60500",
    "float01_7.tif": "7",
    "form_boxes_404368.png": "404368",
    "form_boxes_joined_404368.png": "404368",
    "lost_digit_17409.png": "17409",
    "lost_leading_1_1230.png": "12:30",
    "table_edge_left_67591.png": "67591",
    "tilt14_404368.png": "404368",
    "tilt20_404368.png": "404368",
    "white_on_transparent_7.png": "7",
}
# Share of MNIST's writers that `lab.train_line_reader` holds out, and the seed of its split.
_HELD_OUT, _SPLIT = 0.1, 0
# Far from the seeds that trainings use: of the drawn glyphs, and of the first scene of a kind.
_GLYPHS, _FIRST_SCENE, _MORE_SCENES = 1_000_003, 1_000_000, 2_000_000
_DRAWN = 2_500


@dataclass(frozen=True, eq=False)
class NumberPicture:
    """A picture of a set, and what is written in it.

    content: a file's bytes, or uint8[H,W] or uint8[H,W,3]. text: the digits; lines are joined by a newline, separate
    numbers by a blank. written: the same with the marks; None where a set does not hold them. kind: "" in a set of one
    kind.
    """

    set: str
    name: str
    kind: str
    content: bytes | NDArray[np.uint8]
    text: str
    written: str | None

    @property
    def digest(self) -> str:
        """Changes with the picture."""
        if isinstance(self.content, bytes):
            return hashlib.sha256(self.content).hexdigest()[:16]
        return hashlib.sha256(repr(self.content.shape).encode() + self.content.tobytes()).hexdigest()[:16]


def without_marks(written: str) -> str:
    """The digits and blanks of each line; a mark goes with the blanks around it."""
    lines = []
    for line in written.split("\n"):
        for mark in MARKS:
            line = mark.join(part.strip(" ") for part in line.split(mark))
        lines.append(" ".join("".join(filter(str.isdigit, word)) for word in line.split()))
    return "\n".join(lines)


def load_sets(folder: Path, scenes: int = 0, sample: int | None = None) -> list[NumberPicture]:
    """Loads all sets that are there. scenes: of each kind. sample: the most pictures of a set, evenly spread.

    Raises `DataError` if the folder has none of the sets, or lacks the writers whose digits scenes are made of.
    """
    sets = [list(_of_zip(folder / f"{name}.zip")) for name in (CHEQUES, PHOTOS, PAGES)]
    sets.append(list(_of_cases(folder.parent / "cases" / "pictures")))
    if not any(sets):
        files = ", ".join(f"{name}.zip" for name in (CHEQUES, PHOTOS, PAGES))
        raise DataError(f"{folder} holds none of {files}: name the folder with the sets")
    if sample is not None:
        sets = [_spread(pictures, sample) for pictures in sets]
    if scenes:
        sets.append(list(_made(held_out_glyphs(folder / WRITERS), scenes)))
    return [picture for pictures in sets for picture in pictures]


def _spread(pictures: list[NumberPicture], count: int) -> list[NumberPicture]:
    """At most `count` of the pictures, from the first to the last."""
    count = min(count, len(pictures))
    return [pictures[index * len(pictures) // count] for index in range(count)]


def _of_zip(path: Path) -> Iterator[NumberPicture]:
    if not path.exists():
        return
    name = path.stem
    with zipfile.ZipFile(path) as archive:
        with archive.open("index.csv") as file:
            rows = list(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")))
        for row in rows:
            kind = row["kind"] if name == PAGES else ""
            written = None if name == CHEQUES else row["text"]
            yield NumberPicture(name, row["file"], kind, archive.read(row["file"]), without_marks(row["text"]), written)


def _of_cases(folder: Path) -> Iterator[NumberPicture]:
    for name, written in WRITTEN.items():
        if (folder / name).exists():
            yield NumberPicture(CASES, name, "", (folder / name).read_bytes(), without_marks(written), written)


def held_out_glyphs(writers: Path) -> Glyphs:
    """Glyphs of the MNIST writers that no line reader was trained on, and drawn ones of another seed."""
    if not writers.exists():
        raise DataError(f"scenes need {writers}, who wrote each MNIST image, to leave out the writers of the training")
    data = load_dataset("mnist")
    _, held_out = writer_split(load_writers(writers), _HELD_OUT, _SPLIT)
    return make_glyphs(data.train_images[held_out], data.train_labels[held_out], _GLYPHS, _DRAWN)


def more_scenes(folder: Path, count: int) -> list[NumberPicture]:
    """Scenes of every kind of which `load_sets` makes none."""
    return list(_made(held_out_glyphs(folder / WRITERS), count, _MORE_SCENES))


def _made(glyphs: Glyphs, count: int, first: int = _FIRST_SCENE) -> Iterator[NumberPicture]:
    for kind in KINDS:
        for seed in range(first, first + count):
            scene = make_scene(kind, glyphs, seed)
            yield NumberPicture(SCENES, f"{kind} {seed}", kind, scene.picture, scene.text, scene.written)
