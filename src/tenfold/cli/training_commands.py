"""Commands that make models: walk, model and train."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tenfold.cli.app import app
from tenfold.cli.cluster_commands import Ray, pool_for
from tenfold.cli.flags import (
    NO_RECIPE_FLAGS,
    PLAIN,
    EverywhereFlags,
    RecipeFlags,
    RecipeName,
    recipe_changes,
    resolve_recipe,
)
from tenfold.errors import TrainingError, UsageError

if TYPE_CHECKING:
    from tenfold.cli.console import Screen
    from tenfold.jobs.pool import OpenPool
    from tenfold.runs.run import Run
    from tenfold.runs.train import Watch
    from tenfold.training.monitors import Monitor
    from tenfold.training.recipe import Recipe


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
    from tenfold.cli.console import size
    from tenfold.models import build_model
    from tenfold.models.describe import LAYER_COLUMNS, describe_model, layer_rows, totals

    built = build_model(resolved.model)
    layers, total = describe_model(built), totals(built)
    screen.table(LAYER_COLUMNS, layer_rows(layers, total), resolved.description)
    notes = [f"{size(total.bytes)} as float32"]
    if resolved.model.members > 1:
        notes.append(f"the layers are those of one network; the total is of all {resolved.model.members}")
    if resolved.model.shifted_copies:
        notes.append("each reads five views of an image")
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


@app.command(sort_key=6)
def train(
    recipe: RecipeName = "tutorial",
    /,
    *,
    out: Annotated[Path, Parameter(help="The folder to make the run in.")] = Path("runs"),
    seeds: Annotated[
        int | None, Parameter(show_default=False, help="Train with this many seeds, test each, and tell the spread.")
    ] = None,
    resume: Annotated[
        str | None, Parameter(help="Take up what was stopped: the folder of a run or of seeds, or latest.")
    ] = None,
    tensorboard: Annotated[
        bool, Parameter(negative="", show_default=False, help="Write TensorBoard events into the run.")
    ] = False,
    from_run: Annotated[
        str | None, Parameter(name="--from", show_default=False, help="Fine-tune this run on --data, gently.")
    ] = None,
    data: Annotated[
        str | None, Parameter(show_default=False, help="With --from: the folder that tenfold feedback export wrote.")
    ] = None,
    workers: Annotated[
        int | None,
        Parameter(
            show_default=False,
            help="Processes that share each batch; with --seeds, or for an ensemble: trainings at once.",
        ),
    ] = None,
    ray: Ray = None,
    flags: RecipeFlags = NO_RECIPE_FLAGS,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Train a recipe. Each of its fields is a flag."""
    screen = everywhere.screen()
    if (from_run is None) != (data is None):
        raise UsageError("--from RUN and --data DIR go together: a run is fine-tuned on corrections")
    if from_run is not None and (recipe != "tutorial" or resume is not None or seeds is not None):
        raise UsageError("--from takes the run's own recipe; leave out the recipe, --seeds and --resume")
    if resume is not None and (flags != NO_RECIPE_FLAGS or recipe != "tutorial" or seeds is not None):
        raise UsageError("--resume goes on with the run's own recipe; leave out the recipe and its flags")
    if resume == "latest":
        from tenfold.runs.run import latest_run

        resume = str(latest_run(files=("recipe.toml", "seeds.json")))
    several = seeds is not None or (resume is not None and Path(resume, "seeds.json").exists())
    if resume is not None:
        resolved = None
    elif from_run is not None and data is not None:
        resolved = _finetuning(from_run, data, flags)
    else:
        resolved = resolve_recipe(recipe, flags)
    from tenfold.training.monitors import tensorboard as tensorboard_monitor

    monitors = [tensorboard_monitor] if tensorboard else []
    if several:
        at_once = workers is not None or ray is not None
        if at_once and tensorboard:
            raise UsageError("--tensorboard goes with one training at a time; leave out --workers and --ray")
        open_pool = partial(pool_for, workers, ray) if at_once else None
        _train_seeds(screen, resolved, seeds, resume, out, monitors, open_pool)
        return
    from tenfold.runs import train as runs
    from tenfold.runs.members import FOLDER

    at_once = resume is not None and Path(resume, FOLDER).is_dir()
    at_once = at_once or (resolved is not None and resolved.model.members > 1)
    with screen.training() as watch:
        if workers is None and ray is None and not (at_once and resolved is None):
            if resolved is None:
                run = runs.resume(str(resume), watch=watch, monitors=monitors)
            else:
                run = runs.train(resolved, folder=out, watch=watch, monitors=monitors)
        elif tensorboard:
            raise UsageError("--tensorboard goes with one process; leave out --workers and --ray")
        elif at_once:
            run = _train_members(screen, resolved, resume, out, partial(pool_for, workers, ray))
        else:
            run = _train_together(screen, resolved, resume, out, workers, ray, watch)
    figures = run.training
    epochs = f"{figures['epochs']} epoch{'' if figures['epochs'] == 1 else 's'}"
    screen.say(
        f"\n{run.path}: {epochs} in {figures['seconds']:.1f} s, training accuracy "
        f"{100 * figures['train_accuracy']:.2f} %"
    )
    screen.say(f"next: tenfold evaluate {run.path}")
    screen.result({"run": str(run.path), **run.metrics})


def _train_members(
    screen: "Screen", recipe: "Recipe | None", resume: str | None, out: Path, open_pool: "OpenPool"
) -> "Run":
    from tenfold.jobs.members import resume_members_at_once, train_members_at_once

    if recipe is None:
        return resume_members_at_once(str(resume), open_pool, tell=screen.say)
    return train_members_at_once(recipe, open_pool, folder=out, tell=screen.say)


def _train_together(
    screen: "Screen",
    recipe: "Recipe | None",
    resume: str | None,
    out: Path,
    workers: int | None,
    ray: str | None,
    watch: "Watch",
) -> "Run":
    if ray is not None:
        from tenfold.jobs.ray_parallel import resume_on_ray, train_on_ray

        screen.say("Ray begins the workers, which takes some 20 seconds", style="dim")
        if recipe is None:
            return resume_on_ray(str(resume), ray, workers, watch=watch, tell=screen.say)
        return train_on_ray(recipe, ray, workers, folder=out, watch=watch, tell=screen.say)
    from tenfold.jobs.parallel import resume_together, train_together

    assert workers is not None
    if recipe is None:
        return resume_together(str(resume), workers, watch=watch, tell=screen.say)
    return train_together(recipe, workers, folder=out, watch=watch, tell=screen.say)


def _finetuning(from_run: str, data: str, flags: RecipeFlags) -> "Recipe":
    if from_run != "latest" and not Path(from_run).is_dir():
        raise UsageError(
            f"--from {from_run} is not a folder: it takes a run; the shipped model and other model files hold no "
            "weights to train on, but tenfold train reader makes a run of the shipped model's recipe"
        )
    from tenfold.runs.finetune import finetuning
    from tenfold.runs.run import Run

    return finetuning(Run.load(from_run), data).replace(**recipe_changes(flags))


def _train_seeds(
    screen: "Screen",
    recipe: "Recipe | None",
    count: int | None,
    resume: str | None,
    out: Path,
    monitors: "Sequence[Monitor]",
    open_pool: "OpenPool | None",
) -> None:
    from tenfold.jobs.seeds import resume_seeds_at_once, train_seeds_at_once
    from tenfold.runs.seeds import resume_seeds, train_seeds

    with screen.training(quiet=True) as watch:
        if open_pool is not None and recipe is None:
            done = resume_seeds_at_once(str(resume), open_pool, tell=screen.say)
        elif open_pool is not None and recipe is not None:
            done = train_seeds_at_once(recipe, count or 0, open_pool, folder=out, tell=screen.say)
        elif recipe is None:
            done = resume_seeds(str(resume), watch=watch, tell=screen.say, monitors=monitors)
        else:
            done = train_seeds(recipe, count or 0, folder=out, watch=watch, tell=screen.say, monitors=monitors)
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
    screen.table(
        ["", ">mean", ">sd", ">worst", ">best", ">95 % interval of the mean"],
        rows,
        f"{done.path}: n = {len(done.finished)}",
    )
    screen.result({"path": str(done.path), **done.document()})
