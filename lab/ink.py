"""Accuracy of the public Reader on sets of real handwriting: `python -m lab.ink FOLDER`.

Whole numbers are measured by `lab.numbers`.
"""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import App, Parameter
from PIL import Image

from lab.contact_sheet import Failure, draw_contact_sheet
from tenfold.cli import main
from tenfold.cli.console import PLAIN, Screen
from tenfold.cli.flags import given
from tenfold.errors import DataError
from tenfold.evaluation.calibration import calibration_error
from tenfold.ink.image import write_png
from tenfold.reading.reader import Reader, Reading

# The kind of each file: images of one digit, pen strokes of one digit, or non-digits.
SETS = {
    "kensanata.zip": "digit",
    "hwd1000.zip": "digit",
    "optdigits_orig.zip": "digit",
    "semeion.zip": "digit",
    "usps.zip": "digit",
    "pendigits.jsonl.gz": "strokes",
    "omniglot.zip": "non-digits",
    "notmnist.zip": "non-digits",
}
# Failures in a row of a contact sheet, and the pixels of each.
ACROSS, SIDE = 12, 84


@dataclass(frozen=True)
class InkResult:
    """One set. right: share read right, unsure or not; None for non-digits. unsure: share marked so.
    calibration_error: expected calibration error; None for non-digits."""

    name: str
    count: int
    right: float | None
    unsure: float
    calibration_error: float | None
    note: str = ""


def measure_ink(
    folder: Path, model: Path | None = None, out: Path | None = None, log: Callable[[str], None] = lambda line: None
) -> list[InkResult]:
    """Reads MNIST's test images and every set in `folder`. out: a folder for a picture of each set's failures.

    Raises `DataError` if the folder has none of the sets.
    """
    available = [name for name in SETS if (folder / name).exists()]
    if not available:
        raise DataError(f"{folder} holds none of {', '.join(SETS)}: name the folder with the sets")
    reader = Reader(model)
    results = []
    for name, measure in [("MNIST test", _mnist), *((name, _of_kind(folder / name)) for name in available)]:
        result, failures = measure(reader)
        results.append(result)
        if out is not None and failures:
            path = out / f"{name.split('.')[0]}.png"
            write_png(draw_contact_sheet(failures, ACROSS, (SIDE, SIDE)), path)
            log(f"{len(failures)} failures of {name} in {path}")
    return results


Measured = tuple[InkResult, list[Failure]]


def _failure(reading: Reading, truth: str, read: str) -> Failure:
    """What the model saw, its label, and what was read."""
    return Failure(Image.fromarray(255 - reading.pixels), [f"{truth} as {read}"])


def _mnist(reader: Reader) -> Measured:
    from tenfold.data import load_dataset

    data = load_dataset("mnist")
    return _digits("MNIST test", reader.read_many(data.test_images), [str(label) for label in data.test_labels])


def _of_kind(path: Path) -> Callable[[Reader], Measured]:
    name, kind = path.name.split(".")[0], SETS[path.name]

    def measure(reader: Reader) -> Measured:
        if kind == "strokes":
            with gzip.open(path, "rt", encoding="utf-8") as file:
                rows = [json.loads(line) for line in file]
            readings = [reader.read_strokes(row["strokes"]) for row in rows]
            return _digits(name, readings, [row["text"] for row in rows])
        pictures, texts = zip(*_pictures(path), strict=True)
        readings = [reader.read(picture) for picture in pictures]
        if kind == "digit":
            return _digits(name, readings, texts)
        unsure = [reading.unsure for reading in readings]
        read = [_failure(reading, "none", str(reading.digit)) for reading in readings if not reading.unsure]
        return InkResult(name, len(readings), None, float(np.mean(unsure)), None, "no digits"), read

    return measure


def _digits(name: str, readings: Sequence[Reading], texts: Sequence[str]) -> Measured:
    right = np.array([str(reading.digit) == text for reading, text in zip(readings, texts, strict=True)])
    confidences = np.array([reading.confidence for reading in readings])
    failures = [
        _failure(reading, text, f"{reading.digit}{'?' if reading.unsure else ''}")
        for reading, text, fine in zip(readings, texts, right, strict=True)
        if not fine
    ]
    unsure = float(np.mean([reading.unsure for reading in readings]))
    return InkResult(name, len(readings), float(right.mean()), unsure, calibration_error(confidences, right)), failures


def _pictures(path: Path) -> Iterator[tuple[Image.Image, str]]:
    with zipfile.ZipFile(path) as archive:
        with archive.open("index.csv") as file:
            rows = list(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")))
        for row in rows:
            with Image.open(io.BytesIO(archive.read(row["file"]))) as image:
                image.load()
                yield image, row["text"]


app = App(name="python -m lab.ink", version_flags=[])


@app.default
def ink(
    folder: Annotated[Path, Parameter(help="The folder with the sets, such as kensanata.zip.")],
    /,
    *,
    out: Annotated[Path | None, given("A folder for a picture of each set's failures.")] = None,
    model: Annotated[Path | None, given("An .onnx file of tenfold export. [default: the shipped model]")] = None,
    screen: Screen = PLAIN,
) -> None:
    """Measure how well the public Reader reads sets of real handwriting."""
    results = measure_ink(folder, model, out, screen.say)
    screen.table(
        ["set", ">count", ">right, %", ">unsure, %", ">calibration error, %", ""],
        [
            [r.name, f"{r.count:,}", percent(r.right), percent(r.unsure), percent(r.calibration_error), r.note]
            for r in results
        ],
    )
    screen.say("\nThese sets have shaped the work: take the figures as development results.")
    screen.result({"sets": [vars(result) for result in results]})


def percent(share: float | None) -> str:
    """A share, 0 to 1, in percent; empty for None."""
    return "" if share is None else f"{100 * share:.2f}"


if __name__ == "__main__":
    main(command=app)
