"""Commands for a finished run: evaluate, predict, diagnose, report, calibrate, export."""

import dataclasses
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tenfold import files
from tenfold.cli.app import app
from tenfold.cli.console import PLAIN, Screen, counted, size
from tenfold.cli.flags import RunPath, given
from tenfold.errors import DataError, RunError, UsageError

if TYPE_CHECKING:
    from tenfold.runs.run_folder import RunFolder

# More predictions than this are drawn only with --out: drawing a dozen takes a second.
_DRAWN = 48


@app.command
def evaluate(run: RunPath = "latest", /, *, screen: Screen = PLAIN) -> None:
    """Evaluate a run on the test set."""
    from tenfold.runs.evaluate import evaluate as measure
    from tenfold.runs.run import Run

    opened = Run.load(run)
    evaluation = measure(opened)
    names = opened.dataset.class_names
    rows = [
        [name, f"{100 * s.precision:.2f}", f"{100 * s.recall:.2f}", f"{100 * s.f1:.2f}", f"{s.support:,}"]
        for name, s in zip(names, evaluation.classes, strict=True)
    ]
    low, high = evaluation.interval
    screen.table(["class", ">precision, %", ">recall, %", ">F1, %", ">images"], rows, opened.path.name)
    screen.say(
        f"\naccuracy {100 * evaluation.accuracy:.2f} % (95 % interval {100 * low:.2f} to {100 * high:.2f}), macro "
        f"F1 {100 * evaluation.macro_f1:.2f} %, log loss {evaluation.log_loss:.4f}, calibration error "
        f"{100 * evaluation.calibration_error:.2f} %"
    )
    pairs = ", ".join(f"{names[t]} as {names[p]} ({n})" for t, p, n in evaluation.confused_pairs(5))
    screen.say(f"most confused: {pairs or 'none'}")
    screen.result({"run": str(opened.path), **evaluation.to_dict(), **_before_and_after(screen, opened)})


def _before_and_after(screen: Screen, run: "RunFolder") -> dict[str, Any]:
    """Shows and returns metrics before and after fine-tuning; empty for a run that was not fine-tuned."""
    from tenfold.runs.finetune import before_and_after

    try:
        compared = before_and_after(run)
    except (RunError, DataError) as error:  # For example, feedback was exported again since.
        screen.say(f"no comparison with the run before fine-tuning: {error}", style="yellow")
        return {}
    if not compared:
        return {}
    rows = []
    for found in compared:
        shares = [[100 * share for share in (e["accuracy"], *e["interval"])] for e in (found["before"], found["after"])]
        cells = ("{:.2f} ({:.2f} to {:.2f})".format(*three) for three in shares)
        rows.append([found["set"], f"{found['images']:,}", *cells])
    columns = ["", ">images", ">before, % (95 % interval)", ">after, %"]
    screen.say()
    screen.table(columns, rows, f"fine-tuned from {Path(run.recipe.training.initial_run).name}")
    return {"before_and_after": compared}


@app.command
def predict(
    run: RunPath = "latest",
    images: Annotated[
        tuple[Path, ...],
        given("Image files of one digit each; or a folder, .csv, .npz or IDX file. [default: random test images]"),
    ] = (),
    /,
    *,
    count: Annotated[int, Parameter(help="Number of random test images.")] = 12,
    seed: Annotated[int, Parameter(help="Seed for choosing test images.")] = 0,
    out: Annotated[
        Path | None,
        given(
            ".csv or .parquet file for a table, or .png for a drawing. [default for test images: in the run's figures]"
        ),
    ] = None,
    screen: Screen = PLAIN,
) -> None:
    """Predict the digits in image files, or in random test images, with a run's model."""
    if not images and (count < 1 or seed < 0):
        raise UsageError(f"--count is {count} and --seed {seed}; they must be >= 1 and >= 0")
    from tenfold.runs.predict import is_image_set, predict_files, predict_random, predict_set, write_predictions
    from tenfold.runs.run import Run

    opened = Run.load(run)
    is_table = out is not None and out.suffix in (".csv", ".parquet")
    many = [path for path in images if is_image_set(path)]
    if many and (len(images) > 1 or not is_table):
        raise UsageError(f"{many[0]} holds many images: give no other path, and add --out predictions.csv or .parquet")
    if out is not None and not is_table and out.suffix != ".png":
        raise UsageError(f"--out is {out}; it ends in .csv or .parquet for a table, or in .png for a drawing")
    if out is not None and any(files.expanded(path).resolve() == files.expanded(out).resolve() for path in images):
        raise UsageError(f"--out is {out}, which is an input: name another file")
    notes: list[str] = []
    if many:
        made, notes = predict_set(opened, many[0])
    else:
        made = predict_files(opened, images) if images else predict_random(opened, count, seed)
    if out is not None and is_table:
        write_predictions(made, out)
        screen.say("; ".join([f"{counted(len(made), 'prediction')} by {opened.path} in {out}", *notes]))
        screen.result({"run": str(opened.path), "out": str(out), "images": len(made), "notes": notes})
        return
    screen.table(
        ["image", "predicted", ">confidence", "label"],
        [
            [p.source, p.class_name, f"{100 * p.confidence:.1f} %", "" if p.label is None else p.class_names[p.label]]
            for p in made
        ],
        str(opened.path),
    )
    if out is None and not images and count <= _DRAWN and os.access(opened.path, os.W_OK) and find_spec("matplotlib"):
        out = opened.path / "figures" / "predictions.png"
    if out is not None:
        from tenfold.report.figures.figure_files import draw_predictions

        draw_predictions(made, out)
        screen.say(f"\ndrawn in {out}")
    screen.result({"run": str(opened.path), "predictions": [p.to_dict() for p in made]})


@app.command
def diagnose(run: RunPath = "latest", /, *, screen: Screen = PLAIN) -> None:
    """Detect overfitting, poor convergence or low accuracy, and suggest what to change."""
    from tenfold.runs.evaluate import diagnose as look
    from tenfold.runs.run import Run

    opened = Run.load(run)
    findings = look(opened)
    for finding in findings:
        screen.heading(finding.fault)
        screen.say(finding.evidence)
        screen.table(["try", "reason", "measured effect"], [[r.flag, r.why, r.measured] for r in finding.remedies])
    if not findings:
        screen.say(f"{opened.path}: no problem found: no overfitting, no poor convergence, no low accuracy")
    screen.result({"run": str(opened.path), "findings": [dataclasses.asdict(finding) for finding in findings]})


@app.command
def report(run: RunPath = "latest", /, *, screen: Screen = PLAIN) -> None:
    """Write a run's HTML report, and its figures as PNG files."""
    from tenfold.report.run_report import write_report
    from tenfold.runs.run import Run

    path = write_report(Run.load(run))
    screen.say(f"The report: {path}")
    screen.result({"report": str(path)})


@app.command
def calibrate(run: RunPath = "latest", /, *, screen: Screen = PLAIN) -> None:
    """Calibrate a run's confidence, and choose the threshold below which it is unsure."""
    from tenfold.runs.evaluate import calibrate as choose
    from tenfold.runs.run import Run

    made = choose(Run.load(run))
    screen.say(
        f"temperature {made.temperature:.3f}: calibration error {100 * made.error_before:.2f} % before, "
        f"{100 * made.error_after:.2f} % after, on {made.images:,} validation images"
    )
    screen.say(
        f"unsure below {made.unsure_below:.3f}: {100 * made.answered:.2f} % of these images answered"
        + (
            ""
            if made.non_digits_unsure is None
            else f", {100 * made.non_digits_unsure:.1f} % of synthetic non-digits unsure"
        )
    )
    screen.result(dataclasses.asdict(made))


@app.command
def export(
    run: RunPath = "latest",
    /,
    *,
    to: Annotated[
        str, Parameter(help="Format: onnx, onnx-int8 (a quarter of the size), web (for the web app) or c (a C header).")
    ] = "onnx",
    out: Annotated[Path | None, Parameter(help="File to write. [default: in the run's folder]")] = None,
    screen: Screen = PLAIN,
) -> None:
    """Export a run's model to ONNX, the web format or C, and verify its outputs."""
    from tenfold.runs.export import export as write
    from tenfold.runs.run import Run

    made = write(Run.load(run), to, out)
    screen.say(
        f"{made.path}: {size(made.size_bytes)}; {made.changed} of {made.images} predictions differ, probabilities "
        f"within {made.difference:.2g}"
    )
    screen.result({**vars(made), "path": str(made.path)})
