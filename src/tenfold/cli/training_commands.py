"""tenfold walk, model and train."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tenfold.cli.app import app
from tenfold.cli.console import PLAIN, Screen, counted, size
from tenfold.cli.flags import NO_RECIPE_FLAGS, RecipeFlags, RecipeName, given, recipe_changes, resolve_recipe, switch
from tenfold.cli.study_commands import Ray, pool_for
from tenfold.errors import TrainingError, UsageError
from tenfold.machine import freed_memory_kept

if TYPE_CHECKING:
    from tenfold.runs.seeds import Seeds
    from tenfold.training.recipe import Recipe


@app.command
def walk(
    recipe: RecipeName = "tutorial",
    /,
    *,
    out: Annotated[Path, Parameter(help="Where to create the run's folder.")] = Path("runs"),
    flags: RecipeFlags = NO_RECIPE_FLAGS,
    screen: Screen = PLAIN,
) -> None:
    """Run every step of an MNIST project, and write an HTML report."""
    resolved = resolve_recipe(recipe, flags)
    from tenfold.walk import walk as take

    with screen.training() as on_progress:
        done = take(resolved, folder=out, on_progress=on_progress)
    screen.say(f"\nThe report: {done.report}")
    screen.result(
        {
            "run": str(done.run.path),
            "report": str(done.report),
            "training": dataclasses.asdict(done.run.training),
            "test": done.evaluation.to_dict(),
            "findings": [dataclasses.asdict(finding) for finding in done.findings],
        }
    )


@app.command
def model(recipe: RecipeName = "tutorial", /, *, flags: RecipeFlags = NO_RECIPE_FLAGS, screen: Screen = PLAIN) -> None:
    """Show a recipe's network: layers, shapes, parameters, multiply-adds."""
    resolved = resolve_recipe(recipe, flags)
    from tenfold.models import build_model
    from tenfold.models.describe import LAYER_COLUMNS, describe_model, layer_rows, model_totals

    built = build_model(resolved.model, resolved.data.classes)
    layers, total = describe_model(built), model_totals(built)
    screen.table(LAYER_COLUMNS, layer_rows(layers, total), resolved.description)
    notes = [f"{size(total.bytes)} as float32"]
    if resolved.model.ensemble_size > 1:
        notes.append(f"layers of one network; total of all {resolved.model.ensemble_size}")
    if resolved.model.test_time_augmentation:
        notes.append("each evaluates five views of an image")
    screen.say("\n" + "; ".join(notes))
    screen.result(
        {
            "recipe": resolved.name,
            "parameters": total.parameters,
            "multiply_adds": total.multiply_adds,
            "bytes": total.bytes,
            "layers": [dataclasses.asdict(layer) for layer in layers],
        }
    )


@app.command
def train(
    recipe: RecipeName = "tutorial",
    /,
    *,
    out: Annotated[Path, Parameter(help="Where to create the run's folder.")] = Path("runs"),
    seeds: Annotated[int | None, given("Number of seeds to train and evaluate; shows the spread.")] = None,
    resume: Annotated[
        str | None, Parameter(help="Resume an interrupted training: the folder of a run or of seeds, or latest.")
    ] = None,
    tensorboard: Annotated[bool, switch("Write TensorBoard events to the run's folder.")] = False,
    from_run: Annotated[
        str | None, Parameter(name="--from", show_default=False, help="Run to fine-tune on --data.")
    ] = None,
    data: Annotated[
        str | None, given("With --from: data set to fine-tune on, such as a folder written by tenfold feedback export.")
    ] = None,
    workers: Annotated[int | None, given("Number of concurrent trainings, with --seeds or for an ensemble.")] = None,
    ray: Ray = None,
    flags: RecipeFlags = NO_RECIPE_FLAGS,
    screen: Screen = PLAIN,
) -> None:
    """Train the network that a recipe describes. Every field of the recipe is a flag."""
    if (from_run is None) != (data is None):
        raise UsageError("--from RUN and --data DIR go together: a run is fine-tuned on feedback samples")
    if from_run is not None and (recipe != "tutorial" or resume is not None or seeds is not None):
        raise UsageError("--from takes the run's own recipe; leave out the recipe, --seeds and --resume")
    if resume is not None and (flags != NO_RECIPE_FLAGS or recipe != "tutorial" or seeds is not None):
        raise UsageError("--resume continues with the run's own recipe; leave out the recipe and its flags")
    if from_run is not None and data is not None:
        resolved = _finetuning(from_run, data, flags)
    elif resume is None:
        resolved = resolve_recipe(recipe, flags)
    from tenfold.evaluation.diagnose import LOW
    from tenfold.jobs.pool import in_process_pool
    from tenfold.runs import train as runs
    from tenfold.runs.resumable import latest_folder
    from tenfold.runs.run_folder import RunFolder
    from tenfold.runs.seeds import Seeds, resume_seeds, train_seeds

    if resume == "latest":
        resume = str(latest_folder(Path("runs"), RunFolder.manifest, Seeds.manifest))
    several = seeds is not None or (resume is not None and Path(resume, Seeds.manifest).exists())
    with screen.training(quiet=several) as on_progress, freed_memory_kept():
        options: Any = {
            "on_progress": on_progress,
            "tensorboard": tensorboard,
            "open_pool": in_process_pool if workers is None and ray is None else partial(pool_for, workers, ray),
        }
        if several:
            done = (
                resume_seeds(resume, **options)
                if resume is not None
                else train_seeds(resolved, seeds or 0, folder=out, **options)
            )
        else:
            run = runs.resume(resume, **options) if resume is not None else runs.train(resolved, folder=out, **options)
    if several:
        _show_seeds(screen, done)
        return
    figures = run.training
    screen.say(
        f"\n{run.path}: {counted(figures.epochs, 'epoch')} in {figures.seconds:.1f} s, training accuracy "
        f"{100 * figures.train_accuracy:.2f} %"
    )
    screen.say(f"next: tenfold {'diagnose' if figures.train_accuracy < LOW else 'evaluate'} {run.path}")
    screen.result({"run": str(run.path), "training": dataclasses.asdict(figures)})


def _finetuning(from_run: str, data: str, flags: RecipeFlags) -> "Recipe":
    if from_run != "latest" and not Path(from_run).is_dir():
        raise UsageError(
            f"--from {from_run} is not the folder of a run. Model files, such as the shipped model, cannot be trained "
            "further; tenfold train reader creates a run with the shipped model's recipe"
        )
    from tenfold.runs.finetune import finetuning_recipe
    from tenfold.runs.run import Run

    return finetuning_recipe(Run.load(from_run), data).replace(**recipe_changes(flags))


def _show_seeds(screen: Screen, done: "Seeds") -> None:
    if not done.finished:
        raise TrainingError(f"{done.path}: every seed diverged; try a lower --learning-rate")
    rows = []
    for name, found in done.summary().items():
        scale, form = (1, "{:.2f}") if name == "seconds" else (100, "{:.3f}")
        values = [found.mean, found.sd, found.least, found.most, *(found.interval or (None, None))]
        words = ["" if value is None else form.format(scale * value) for value in values]
        worst, best = (words[3], words[2]) if name == "seconds" else (words[2], words[3])
        interval = f"{words[4]} to {words[5]}" if words[4] else ""
        label = name.replace("_", " ") + ("" if name == "seconds" else ", %")
        rows.append([label, words[0], words[1], worst, best, interval])
    screen.say()
    columns = ["", ">mean", ">sd", ">worst", ">best", ">95 % interval of the mean"]
    screen.table(columns, rows, f"{done.path}: n = {len(done.finished)}")
    screen.result({"path": str(done.path), **done.document()})
