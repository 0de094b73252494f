"""Accuracy on corrupted images, MNIST's test images with fifteen corruptions: `python -m lab.robustness`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import App, Parameter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from lab import PICTURES, RESULTS
from lab.corruptions import CORRUPTIONS, corrupt
from lab.ink import percent
from tenfold import files
from tenfold.cli import main
from tenfold.cli.console import PLAIN, Screen
from tenfold.cli.flags import given
from tenfold.data import load_dataset
from tenfold.errors import UsageError
from tenfold.machine import describe_environment
from tenfold.reading.model_file import ModelFile
from tenfold.reading.reader import Reader
from tenfold.report.figures.figure_style import Theme, figure, name_rows, to_png

SEED = 0


@dataclass(frozen=True)
class Robustness:
    """One corruption, or `none`. error: the Reader's error rate; plain_error: that of a model that gets the corrupted
    pixels as they are, or None. unsure: share of images on which the Reader abstains; confident_error: share that is
    wrong and not unsure."""

    name: str
    error: float
    unsure: float
    confident_error: float
    plain_error: float | None


def measure_robustness(reader: Reader, plain: ModelFile | None = None, images: int | None = None) -> list[Robustness]:
    """Reads the test images (the first `images`), uncorrupted and with each corruption."""
    data = load_dataset("mnist")
    digits, labels = np.array(data.test_images[:images]), data.test_labels[:images]
    cases: dict[str, NDArray[np.uint8]] = {"none": digits}
    cases |= {name: corrupt(name, digits, SEED) for name in CORRUPTIONS}
    results = []
    for name, corrupted in cases.items():
        readings = reader.read_many(corrupted)
        wrong = np.array([reading.digit for reading in readings]) != labels
        plain_wrong = None if plain is None else float((plain.probabilities(corrupted).argmax(1) != labels).mean())
        unsure = np.array([reading.unsure for reading in readings])
        shares = [float(share.mean()) for share in (wrong, unsure, wrong & ~unsure)]
        results.append(Robustness(name, shares[0], shares[1], shares[2], plain_wrong))
    return results


app = App(name="python -m lab.robustness", version_flags=[])


@app.default
def robustness(
    *,
    against: Annotated[
        Path | None, given("A run's model.onnx to compare with, which gets the corrupted pixels as they are.")
    ] = None,
    record: Annotated[
        bool,
        Parameter(negative="", help="Update lab/results/robustness.json and its figure in docs."),
    ] = False,
    model: Annotated[Path | None, given("An .onnx file of tenfold export. [default: the shipped model]")] = None,
    screen: Screen = PLAIN,
) -> None:
    """Measure how well MNIST's test images are read when corrupted in fifteen ways, after MNIST-C."""
    if record and against is None:
        raise UsageError("--record stores a comparison: give --against RUN/model.onnx too")
    results = measure_robustness(Reader(model), None if against is None else ModelFile(against))
    columns = ["corruption", ">wrong, %", ">unsure, %", ">wrong and not unsure, %"]
    rows = [[r.name, *map(percent, (r.error, r.unsure, r.confident_error))] for r in results]
    if against:
        columns.append(">plain model wrong, %")
        rows = [[*row, percent(r.plain_error)] for row, r in zip(rows, results, strict=True)]
    screen.table(columns, rows)
    corrupted = results[1:]
    mean = sum(r.error for r in corrupted) / len(corrupted)
    confident = sum(r.confident_error for r in corrupted) / len(corrupted)
    screen.say(f"\nmean over the corruptions {100 * mean:.2f} % wrong, {100 * confident:.2f} % wrong and not unsure")
    if against:
        plain = sum(r.plain_error or 0 for r in corrupted) / len(corrupted)
        screen.say(f"the plain model {100 * plain:.2f} % wrong: the Reader makes {mean / plain:.2f} of its errors")
    if record:
        write_record(results)
    screen.result({"corruptions": [vars(result) for result in results]})


def write_record(results: list[Robustness]) -> None:
    """Writes the results with the machine they come from, and the figure that the README shows."""
    document = {"corruptions": [vars(result) for result in results], "environment": describe_environment()}
    files.write_json(RESULTS / "robustness.json", document)
    clean, *corrupted = results
    corrupted.sort(key=lambda result: result.plain_error or 0)
    rows = [
        (name, 100 * result.error, 100 * (result.plain_error or 0))
        for name, result in [("not corrupted", clean), *((result.name, result) for result in corrupted)]
    ]
    picture = to_png(lambda theme: error_pairs(rows, ("the Reader", "a plain CNN"), theme))
    files.write_bytes(PICTURES / "robustness.png", picture)


def error_pairs(rows: Sequence[tuple[str, float, float]], names: tuple[str, str], theme: Theme) -> Figure:
    """The error rates of two models, on a log axis, one row for each case.

    rows: the case and the two error rates in percent. names: of the two models.
    """
    drawing = figure(1.2 + 0.28 * len(rows))
    axes = drawing.add_subplot()
    axes.set_xscale("log")
    for row, (_, first, second) in enumerate(rows):
        axes.plot([first, second], [row, row], color=theme.muted, linewidth=1.5, alpha=0.5, zorder=1)
    for errors, name, color in (
        ([r[1] for r in rows], names[0], theme.accent),
        ([r[2] for r in rows], names[1], theme.contrast),
    ):
        axes.plot(errors, range(len(rows)), "o", color=color, markersize=6, label=name, linestyle="none")
    name_rows(axes, [row[0] for row in rows], theme)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("error rate, %")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return drawing


if __name__ == "__main__":
    main(command=app)
