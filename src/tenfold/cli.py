"""The command `tenfold`: parse, call, print. Heavy packages are imported by the command that needs them, not before."""

import dataclasses
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from tenfold.cli_flags import (
    NO_RECIPE_FLAGS,
    PLAIN,
    DatasetName,
    EverywhereFlags,
    RecipeFlags,
    RecipeName,
    RunPath,
    resolve_recipe,
)
from tenfold.errors import MissingDependencyError, TenfoldError, UsageError

if TYPE_CHECKING:
    from tenfold.data import DatasetInfo

app = App(
    name="tenfold",
    help="Reads handwritten digits, end to end: profile, preprocess, train, evaluate, predict.",
    version=lambda: metadata.version("tenfold"),
    help_epilogue="Begin with: tenfold walk",
    suppress_keyboard_interrupt=False,
)
data_app = App(name="data", help="The data sets that Tenfold knows.", sort_key=2)
app.command(data_app)

# More predictions than this are drawn only when asked for: drawing takes a second a dozen.
_DRAWN = 48


@app.command(sort_key=1)
def walk(
    recipe: RecipeName = "tutorial",
    /,
    *,
    out: Annotated[Path, Parameter(help="The folder to make the run in.")] = Path("runs"),
    flags: RecipeFlags = NO_RECIPE_FLAGS,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Take every step of an MNIST project, for real, and write a report."""
    screen = everywhere.screen()
    resolved = resolve_recipe(recipe, flags)
    from tenfold.walk import walk as take

    with screen.training() as watch:
        done = take(resolved, folder=out, tell=screen.say, watch=watch)
    screen.say(f"\nThe report: {done.report}")
    screen.result(
        {
            "run": str(done.run.path),
            "report": str(done.report),
            **done.run.metrics,
            "findings": [dataclasses.asdict(finding) for finding in done.findings],
        }
    )


@app.command(sort_key=3)
def profile(
    dataset: DatasetName = "mnist",
    /,
    *,
    out: Annotated[Path | None, Parameter(help="A folder to draw the figures in.")] = None,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Tell what is in a data set: counts, ink, duplicates, outliers."""
    screen = everywhere.screen()
    from tenfold.data import load_dataset
    from tenfold.profile import profile as look

    data = load_dataset(dataset)
    found = look(data)
    rows = [
        [name, f"{train:,}", f"{test:,}", f"{100 * ink:.1f}", f"{100 * spread:.1f}"]
        for name, train, test, ink, spread in zip(
            data.class_names, found.train.counts, found.test.counts, found.ink_mean, found.ink_spread, strict=True
        )
    ]
    screen.table(["class", ">train", ">test", ">ink, %", ">spread, points"], rows, data.name)
    screen.say(
        f"\nbalance {found.train.balance:.2f} (rarest class to commonest); pixels {found.pixel_mean:.4f} on "
        f"average, spread {found.pixel_spread:.4f}"
    )
    for name, part in (("train", found.train), ("test", found.test)):
        screen.say(
            f"{name}: {len(part.duplicates)} groups of duplicates ({len(part.contradictions)} with labels that "
            f"differ), {len(part.blank)} blank, {len(part.outlying)} outlying"
        )
    screen.say(f"{len(found.overlap)} images are in both parts")
    drawn = []
    if out is not None:
        from tenfold.report.pictures import draw_profile

        drawn = draw_profile(data, found, out)
        screen.say(f"figures in {out}")
    screen.result({**found.summary(), "figures": [str(path) for path in drawn]})


@app.command(sort_key=4)
def preprocess(
    dataset: DatasetName = "mnist",
    /,
    *,
    validation: Annotated[float, Parameter(help="Share of the training images kept for validation.")] = 0.2,
    seed: Annotated[int, Parameter(help="Seed of the split.")] = 0,
    writers: Annotated[
        Path | None, Parameter(help="A .npy or .npz with the writer of each training image: split by writer.")
    ] = None,
    out: Annotated[Path | None, Parameter(help="An .npz file to write the arrays to.")] = None,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Normalise, flatten, encode and split a data set."""
    screen = everywhere.screen()
    from tenfold.data import load_dataset
    from tenfold.data.writers import load_writers
    from tenfold.preprocessing import preprocess as prepare
    from tenfold.preprocessing import save

    ready = prepare(load_dataset(dataset), validation, seed, None if writers is None else load_writers(writers))
    arrays = vars(ready)
    screen.table(
        ["array", "type", ">shape", ">lowest", ">highest"],
        [
            [name, a.dtype, " x ".join(map(str, a.shape)), *((f"{a.min():g}", f"{a.max():g}") if a.size else ("", ""))]
            for name, a in arrays.items()
        ],
    )
    if out is not None:
        save(ready, out)
        screen.say(f"\nwritten to {out}")
    screen.result({"shapes": {name: list(a.shape) for name, a in arrays.items()}, "out": out and str(out)})


@app.command(sort_key=5)
def model(
    recipe: RecipeName = "tutorial",
    /,
    *,
    flags: RecipeFlags = NO_RECIPE_FLAGS,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Show a recipe's network: layers, shapes, parameters, multiply-adds."""
    screen = everywhere.screen()
    resolved = resolve_recipe(recipe, flags)
    from tenfold.models import build_model
    from tenfold.models.describe import describe_model

    layers = describe_model(build_model(resolved.model))
    parameters, cost = sum(layer.parameters for layer in layers), sum(layer.multiply_adds for layer in layers)
    rows = [
        [
            layer.name,
            layer.kind,
            " x ".join(map(str, layer.output_shape)),
            f"{layer.parameters:,}",
            f"{layer.multiply_adds:,}",
        ]
        for layer in layers
    ]
    rows.append(["", "total", "", f"{parameters:,}", f"{cost:,}"])
    screen.table(["layer", "kind", ">output", ">parameters", ">multiply-adds"], rows, resolved.description)
    screen.result(
        {
            "recipe": resolved.name,
            "parameters": parameters,
            "multiply_adds": cost,
            "layers": [dataclasses.asdict(layer) for layer in layers],
        }
    )


@app.command(sort_key=6)
def train(
    recipe: RecipeName = "tutorial",
    /,
    *,
    out: Annotated[Path, Parameter(help="The folder to make the run in.")] = Path("runs"),
    resume: Annotated[str | None, Parameter(help="Take up a run that was stopped: its folder, or latest.")] = None,
    tensorboard: Annotated[
        bool, Parameter(negative="", show_default=False, help="Write TensorBoard events into the run.")
    ] = False,
    flags: RecipeFlags = NO_RECIPE_FLAGS,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Train a recipe. Each of its fields is a flag."""
    screen = everywhere.screen()
    if resume is not None and (flags != NO_RECIPE_FLAGS or recipe != "tutorial"):
        raise UsageError("--resume goes on with the run's own recipe; leave out the recipe and its flags")
    resolved = None if resume is not None else resolve_recipe(recipe, flags)
    from tenfold.runs import train as runs
    from tenfold.training.monitors import tensorboard as tensorboard_monitor

    monitors = [tensorboard_monitor] if tensorboard else []
    with screen.training() as watch:
        if resolved is None:
            run = runs.resume(str(resume), watch=watch, monitors=monitors)
        else:
            run = runs.train(resolved, folder=out, watch=watch, monitors=monitors)
    figures = run.training
    screen.say(
        f"\n{run.path}: {figures['epochs']} epochs in {figures['seconds']:.1f} s, training accuracy "
        f"{100 * figures['train_accuracy']:.2f} %"
    )
    screen.say(f"next: tenfold evaluate {run.path}")
    screen.result({"run": str(run.path), **run.metrics})


@app.command(sort_key=7)
def evaluate(run: RunPath = "latest", /, *, everywhere: EverywhereFlags = PLAIN) -> None:
    """Measure a run on the test set."""
    screen = everywhere.screen()
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
    screen.say(f"most confused: {pairs or 'nothing'}")
    screen.result({"run": str(opened.path), **evaluation.summary()})


@app.command(sort_key=8)
def predict(
    run: RunPath = "latest",
    images: Annotated[
        tuple[Path, ...], Parameter(show_default=False, help="Image files of one digit each; none: random test images.")
    ] = (),
    /,
    *,
    count: Annotated[int, Parameter(help="How many random test images.")] = 12,
    seed: Annotated[int, Parameter(help="Seed of the random choice.")] = 0,
    out: Annotated[
        Path | None, Parameter(help="A .png to draw the predictions in; random ones go to the run's figures.")
    ] = None,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Read image files, or random test images, with a run's model."""
    screen = everywhere.screen()
    if not images and (count < 1 or seed < 0):
        raise UsageError(f"--count is {count} and --seed {seed}; they must be >= 1 and >= 0")
    from tenfold.runs.predict import predict_files, predict_random
    from tenfold.runs.run import Run

    opened = Run.load(run)
    made = predict_files(opened, images) if images else predict_random(opened, count, seed)
    names = opened.class_names
    screen.table(
        ["image", "read", ">confidence", "is"],
        [
            [p.source, names[p.digit], f"{100 * p.confidence:.1f} %", "" if p.label is None else names[p.label]]
            for p in made
        ],
    )
    if out is None and not images and count <= _DRAWN and os.access(opened.path, os.W_OK) and find_spec("matplotlib"):
        out = opened.path / "figures" / "predictions.png"
    if out is not None:
        from tenfold.report.pictures import draw_predictions

        draw_predictions(made, names, out)
        screen.say(f"\ndrawn in {out}")
    screen.result({"run": str(opened.path), "predictions": [p.summary() for p in made]})


@app.command(sort_key=9)
def diagnose(run: RunPath = "latest", /, *, everywhere: EverywhereFlags = PLAIN) -> None:
    """Name overfitting, poor convergence or low accuracy, and the flag to try."""
    screen = everywhere.screen()
    from tenfold.runs.diagnose import diagnose as look
    from tenfold.runs.run import Run

    opened = Run.load(run)
    findings = look(opened)
    for finding in findings:
        screen.heading(finding.fault)
        screen.say(finding.evidence)
        screen.table(["try", "because"], [[remedy.flag, remedy.why] for remedy in finding.remedies])
    if not findings:
        screen.say(f"{opened.path}: a healthy run: no overfitting, no poor convergence, no low accuracy")
    screen.result({"run": str(opened.path), "findings": [dataclasses.asdict(finding) for finding in findings]})


@app.command(sort_key=10)
def report(run: RunPath = "latest", /, *, everywhere: EverywhereFlags = PLAIN) -> None:
    """Write a run's report: one HTML page, and its figures as PNG."""
    screen = everywhere.screen()
    from tenfold.report.build import write_report
    from tenfold.runs.run import Run

    path = write_report(Run.load(run))
    screen.say(f"The report: {path}")
    screen.result({"report": str(path)})


@data_app.command(name="list")
def list_data(*, everywhere: EverywhereFlags = PLAIN) -> None:
    """List the known data sets, and where each is."""
    screen = everywhere.screen()
    from tenfold.data import list_datasets

    found = list_datasets()
    screen.table(
        ["name", ">train", ">test", "where", "licence"],
        [[i.name, f"{i.train_count:,}", f"{i.test_count:,}", i.location, i.licence] for i in found],
    )
    screen.result([_told(i) for i in found])


@data_app.command
def info(
    dataset: Annotated[str, Parameter(help="A known data set.")] = "mnist",
    /,
    *,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Tell all about a known data set: shape, licence, sources, digests."""
    screen = everywhere.screen()
    from tenfold.data import dataset_info

    told = _told(dataset_info(dataset))
    for key, value in told.items():
        if isinstance(value, list | tuple):
            screen.say(f"{key}:")
            for item in value:
                screen.say(f"  {item}")
        else:
            screen.say(f"{key}: {value}")
    screen.result(told)


@data_app.command
def fetch(dataset: DatasetName, /, *, everywhere: EverywhereFlags = PLAIN) -> None:
    """Download a known data set, verify it, and keep it in the cache."""
    screen = everywhere.screen()
    from tenfold.data import load_dataset

    with screen.downloads() as on_progress:
        data = load_dataset(dataset, on_progress=on_progress)
    screen.say(
        f"{data.name}: {len(data.train_images):,} training and {len(data.test_images):,} test images; {data.origin}"
    )
    screen.result(
        {"dataset": data.name, "train": len(data.train_images), "test": len(data.test_images), "origin": data.origin}
    )


def _told(info: "DatasetInfo") -> dict[str, Any]:
    files = [f"{file.name}  {file.digest}  {' '.join(file.urls)}" for file in info.files]
    digests = [f"{name}  sha256:{digest}" for name, digest in info.unpacked_sha256]
    return {**vars(info), "folder": str(info.folder), "files": files, "unpacked_sha256": digests}


def main(tokens: Sequence[str] | None = None) -> None:
    """Runs the command and exits: 0 when done, 2 on a usage error, 1 on any other, 130 when interrupted."""
    tokens = sys.argv[1:] if tokens is None else tokens
    sys.exit(_run(lambda: app(tokens, exit_on_error=False, print_error=False), debug="--debug" in tokens))


def _run(command: Callable[[], Any], debug: bool) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # A terminal that lacks a letter gets its code, not a crash.
    try:
        command()
        sys.stdout.flush()
    except (CycloptsError, TenfoldError) as error:
        if debug:
            raise
        return _fail(str(error), 2 if isinstance(error, CycloptsError | UsageError) else 1)
    except ModuleNotFoundError as error:
        if debug or error.name is None or error.name.startswith("tenfold"):
            raise
        return _fail(str(MissingDependencyError(error.name, "train")), 1)
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt as interrupted:
        return _fail("; ".join(filter(None, ["interrupted", str(interrupted)])), 130)
    except Exception as error:
        # What nobody thought of is one line too; its traceback is a flag away.
        if debug:
            raise
        return _fail(f"{type(error).__name__}: {error} (unexpected; --debug shows where)", 1)
    return 0


def _fail(message: str, code: int) -> int:
    from tenfold.console import complain

    complain(message)
    return code
