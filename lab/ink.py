"""Accuracy of the public Reader on sets of real handwriting: `python -m lab.ink FOLDER`.

Whole numbers are measured by `lab.numbers`.
"""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import App, Parameter
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import auc, roc_curve

from lab.contact_sheet import Failure, draw_contact_sheet
from tenfold.cli import main
from tenfold.cli.console import PLAIN, Screen
from tenfold.cli.flags import given
from tenfold.data import load_dataset
from tenfold.errors import DataError
from tenfold.evaluation.calibration import calibration_error
from tenfold.ink.image import write_png
from tenfold.reading.reader import Reader, Reading

# The kind of each file: images of one digit, pen strokes of one digit, or non-digits, which are compared with digits.
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


@dataclass(frozen=True, kw_only=True)
class InkResult:
    """One set. unsure: share marked so.

    Of digits: right, the share read right, unsure or not, and the expected calibration error. Of non-digits: auroc, the
    area under the ROC curve of the confidence, which separates digits from them, and the false positive rates: the
    share of them that is answered where 95 and 99 % of the digits are. The digits are those of all sets, each set
    counting alike.
    """

    name: str
    count: int
    unsure: float
    right: float | None = None
    calibration_error: float | None = None
    auroc: float | None = None
    false_positives_95: float | None = None
    false_positives_99: float | None = None


def measure_ink(
    folder: Path, model: Path | None = None, out: Path | None = None, log: Callable[[str], None] = lambda line: None
) -> list[InkResult]:
    """Reads MNIST's test images and every set in `folder`. out: a folder for a picture of each set's failures.

    Raises `DataError` if the folder has none of the sets.
    """
    available = [folder / name for name in SETS if (folder / name).exists()]
    if not available:
        raise DataError(f"{folder} holds none of {', '.join(SETS)}: name the folder with the sets")
    reader = Reader(model)
    results: list[InkResult] = []
    confidences: list[NDArray[np.float64]] = []
    for name, (readings, texts) in [
        ("MNIST test", _mnist(reader)),
        *((_name(path), _read(reader, path)) for path in available),
    ]:
        sure = np.array([reading.confidence for reading in readings])
        count, unsure = len(readings), float(np.mean([reading.unsure for reading in readings]))
        if texts is None:
            digits = np.concatenate(confidences)
            weights = np.concatenate([np.full(len(one), 1 / len(one)) for one in confidences])
            results.append(InkResult(name=name, count=count, unsure=unsure, **_separation(digits, weights, sure)))
            failures = [(reading, "none") for reading in readings if not reading.unsure]
        else:
            right = np.array([str(reading.digit) == text for reading, text in zip(readings, texts, strict=True)])
            error = calibration_error(sure, right)
            results.append(
                InkResult(name=name, count=count, unsure=unsure, right=float(right.mean()), calibration_error=error)
            )
            confidences.append(sure)
            failures = [(readings[index], texts[index]) for index in np.flatnonzero(~right)]
        if out is not None and failures:
            path = out / f"{name.lower().replace(' ', '_')}.png"
            write_png(draw_contact_sheet([_failure(*failure) for failure in failures], ACROSS, (SIDE, SIDE)), path)
            log(f"{len(failures)} failures of {name} in {path}")
    return results


def _separation(
    digits: NDArray[np.float64], weights: NDArray[np.float64], others: NDArray[np.float64]
) -> dict[str, float]:
    """How well the confidence separates digits, floats[D] of such weights, from non-digits, floats[M]."""
    labels = np.r_[np.ones(len(digits)), np.zeros(len(others))]
    both = np.r_[weights / weights.sum(), np.full(len(others), 1 / len(others))]
    negative, positive, _ = roc_curve(labels, np.r_[digits, others], sample_weight=both, drop_intermediate=False)
    rates = {f"false_positives_{share}": float(negative[np.argmax(positive >= share / 100)]) for share in (95, 99)}
    return {"auroc": float(auc(negative, positive)), **rates}


def _failure(reading: Reading, truth: str) -> Failure:
    """What the model saw, its label, and what was read."""
    return Failure(
        Image.fromarray(255 - reading.pixels), [f"{truth} as {reading.digit}{'?' if reading.unsure else ''}"]
    )


def _mnist(reader: Reader) -> tuple[list[Reading], list[str]]:
    data = load_dataset("mnist")
    return reader.read_many(data.test_images), [str(label) for label in data.test_labels]


def _name(path: Path) -> str:
    return path.name.split(".")[0]


def _read(reader: Reader, path: Path) -> tuple[list[Reading], list[str] | None]:
    """The readings of a set, and its labels; None for non-digits."""
    kind = SETS[path.name]
    if kind == "strokes":
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        return [reader.read_strokes(row["strokes"]) for row in rows], [row["text"] for row in rows]
    pictures, texts = zip(*_pictures(path), strict=True)
    return [reader.read(picture) for picture in pictures], list(texts) if kind == "digit" else None


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
    columns = ["set", ">count", ">unsure", ">right", ">ECE", ">AUROC", ">FPR at 95", ">at 99"]
    screen.table(columns, [[r.name, f"{r.count:,}", *map(percent, list(vars(r).values())[2:])] for r in results])
    screen.say(
        "\nAll in %. ECE: expected calibration error. AUROC, and false positive rates at 95 and 99 % of the digits"
    )
    screen.say("answered: how well the confidence separates the digits of all sets from non-digits.")
    screen.say("These sets have shaped the work: take the figures as development results.")
    screen.result({"sets": [vars(result) for result in results]})


def percent(share: float | None) -> str:
    """A share, 0 to 1, in percent; empty for None."""
    return "" if share is None else f"{100 * share:.2f}"


if __name__ == "__main__":
    main(command=app)
