"""Trains the model that `Reader()` loads, calibrates it, and stores it in the package with its model card.

    python -m lab.benchmarks.ship_reader --writers FILE     train anew; FILE: who wrote each MNIST image (.npy or .npz)
    python -m lab.benchmarks.ship_reader --run RUN          ship a run that was trained before
    python -m lab.benchmarks.ship_reader ... --ink FOLDER   and measure on sets of real handwriting

Without --writers the validation images are split by label, and one writer may have images in both parts. The line
reader, `lines.onnx`, is trained by `lab.train_line_reader`, which calls `record_line_reader`.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from lab.ink import measure_ink
from lab.numbers import measure_numbers
from tenfold.exporters.inference_graph import count_parameters
from tenfold.exporters.web import read_web
from tenfold.machine import describe_environment
from tenfold.models.describe import model_totals
from tenfold.reading.line_reader import shipped_line_model
from tenfold.reading.reader import shipped_model
from tenfold.runs.evaluate import calibrate
from tenfold.runs.export import export
from tenfold.runs.run import Run
from tenfold.runs.train import train
from tenfold.training.recipe import Recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", default="", help="of MNIST's training images")
    parser.add_argument("--run", type=Path, help="a finished run of the recipe reader")
    parser.add_argument("--ink", type=Path, help="the folder with the sets")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    recipe = Recipe.load("reader").replace(writers=options.writers, seed=options.seed)
    run = Run.load(options.run) if options.run else train(recipe)
    calibration = calibrate(run)
    path = shipped_model()
    made = export(run, "onnx-int8", path)
    export(run, "web", path.with_suffix(".10fd"))
    counted = model_totals(run.model())
    layers, _ = read_web(path.with_suffix(".10fd"))
    document: dict[str, Any] = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "size_bytes": made.size_bytes,
        # Of the shipped files, into whose weights batch norm is folded.
        "parameters": count_parameters(layers),
        "multiply_adds": counted.multiply_adds,
        "seed": run.recipe.training.seed,
        "by_writer": bool(run.recipe.data.writers),
        "calibration": vars(calibration),
        "training_seconds": run.training.seconds,
        "sets": [vars(result) for result in measure_ink(options.ink)] if options.ink else [],
        "environment": describe_environment(),
    }
    (path.parent / "reader.json").write_text(json.dumps(document, indent=2) + "\n")
    if options.ink and (path.parent / "lines.json").exists():
        # Numbers are read with both models.
        record_line_reader({}, options.ink)
    write_card()
    print(f"{path}: {made.size_bytes:,} bytes")


def record_line_reader(figures: dict[str, Any], ink: Path | None) -> None:
    """Stores what the model card says of the shipped `lines.onnx` in `lines.json`, and writes the card.

    figures: `parameters`, `lines` (how many were composed), `steps`, `by_writer` and `training_seconds`; those that are
    missing stay as they were. ink: the folder with the sets of numbers to measure; None for none.
    """
    path = shipped_line_model().with_suffix(".json")
    document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"numbers": []}
    content = shipped_line_model().read_bytes()
    document |= {**figures, "sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    if ink is not None:
        document["numbers"] = [vars(result) for result in measure_numbers(ink).results]
    path.write_text(json.dumps(document, indent=2) + "\n")
    write_card()


def write_card() -> None:
    """Writes the model card from `reader.json` and, if it exists, `lines.json`."""
    folder = shipped_model().parent
    text = card(json.loads((folder / "reader.json").read_text()))
    if (folder / "lines.json").exists():
        text += line_card(json.loads((folder / "lines.json").read_text()))
    (folder / "README.md").write_text(text)


def line_card(document: dict[str, Any]) -> str:
    """The section on the line reader."""
    numbers = "\n".join(
        f"| {s['name']} | {s['count']:,} | {_percent(s['right'])} | {_percent(s['unsure'])} | "
        f"{_percent(s['wrong_and_sure'])} | {_percent(s['calibration_error'])} |"
        for s in document["numbers"]
    )
    writers = ", without one writer in ten," if document["by_writer"] else ","
    return f"""
## The line reader

`lines.onnx` reads a line of digits and marks for `Reader.read_number`: {document["parameters"]:,} parameters, weights as int8;
{document["size_bytes"]:,} bytes. SHA-256: `{document["sha256"]}`.

**What it is for.** Handwritten numbers: ten digits and the marks `. , - / : + × ÷ = % ( )`, in a line that `tenfold.document` has found
and made level. Letters, words and doodles should lower the confidence. It is not for print.

**What it was trained on.** {document["lines"]:,} lines that `tenfold.synthesis.lines` composes of MNIST's training digits{writers} of synthetic
digits and marks, and of letters and scribbles as non-digits. No other handwriting, and no photos or forms. {document["steps"]:,} steps,
{document["training_seconds"] / 60:.0f} minutes of training in several stages of different seeds, between which
the lines and the network were changed. `python -m lab.train_line_reader OUT` trains such a network on the lines as they are now; with `--start
FILE` it begins with the weights of one that is there.

**Measured** through `Reader.read_number`, with the digit classifier: shares of numbers whose digits are all right, unsure or not.
These sets have shaped the work: treat the figures as development results.

| set | n | digits right, % | unsure, % | wrong and not unsure, % | calibration error, % |
|---|---|---|---|---|---|
{numbers}

**Known failures.** Touching zeros of which one is lost, a 5 without its upper bow, a slanted 1 at the start that looks like a slash.
Printed numbers, and numbers crossed out or written over each other, are not what it was made for.
"""


def card(document: dict[str, Any]) -> str:
    """The model card, after Mitchell et al. (2019), "Model cards for model reporting"."""
    calibration = document["calibration"]
    shares = ("right", "unsure", "calibration_error", "auroc", "false_positives_95", "false_positives_99")
    rows = "\n".join(
        f"| {s['name']} | {s['count']:,} | {' | '.join(_percent(s[share]) for share in shares)} |"
        for s in document["sets"]
    )
    split = "by writer" if document["by_writer"] else "split by label"
    return f"""# The model that `Reader()` loads

`reader.onnx` and `reader.10fd` (for the web app) hold the same {document["parameters"]:,} numbers, weights as int8 with a scale for
each output; {document["size_bytes"]:,} bytes; {document["multiply_adds"]:,} multiply-adds an image.
SHA-256 of `reader.onnx`: `{document["sha256"]}`.

**What it is for.** One handwritten digit, brought to MNIST's form by `tenfold.ink`. Non-digits should read as
unsure. It is not for printed text, for numerals other than 0 to 9, or for identifying writers.

**What it was trained on.** MNIST's 60,000 training images except {calibration["images"]:,} for calibration ({split});
synthetic digits in styles that MNIST lacks; degraded copies of MNIST's; and synthetic non-digits, letters of
printed fonts among them. No other handwriting. Recipe `reader`, seed {document["seed"]}, {document["training_seconds"]:.0f} s of training. `python -m lab.benchmarks.ship_reader --writers FILE` repeats the training.

**Confidence.** Temperature {calibration["temperature"]:.3f}; unsure below {calibration["unsure_below"]:.3f}. On the calibration images the expected
calibration error is {_percent(calibration["error_after"])} % ({_percent(calibration["error_before"])} % before), {_percent(calibration["answered"])} % are answered, and of synthetic non-digits
{_percent(calibration["non_digits_unsure"])} % are unsure.

**Measured** through the public `Reader`, each digit counted, unsure or not. All sets but MNIST's test images have shaped the
work: treat them as development results.

| set | n | right, % | unsure, % | calibration error, % | AUROC, % | FPR at 95, % | FPR at 99, % |
|---|---|---|---|---|---|---|---|
{rows}

AUROC and FPR are of non-digits: how well the confidence separates them from the digits of all sets, and the share of them that is
answered where 95 or 99 % of the digits are.

**Known failures.** A 7 with a short or bent bar and a 1 with a long upstroke are the same shape in two writing traditions, and
so are a slim 4 and a 9 with an open head: they are often confused with high confidence. A 9 whose tail curls back reads as 3
or 8; filled digits become blots; a truncated digit is read as what is left of it. Printed letters that look like digits
(I, O, S, l) are answered, and so are about three in ten letters of unknown scripts.
"""


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"


if __name__ == "__main__":
    main()
