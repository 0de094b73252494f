"""tenfold sweep and compare: studies of many trainings."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tenfold.cli.app import app, compare_app
from tenfold.cli.console import PLAIN, Screen, counted
from tenfold.cli.flags import NO_RECIPE_FLAGS, RecipeFlags, RecipeName, given, recipe_changes, resolve_recipe
from tenfold.errors import UsageError
from tenfold.machine import freed_memory_kept, usable_cores
from tenfold.studies import study_recipes

if TYPE_CHECKING:
    from tenfold.jobs.pool import Pool
    from tenfold.studies.sweep import Sweep
    from tenfold.training.recipe import Recipe

Workers = Annotated[
    int | None, given("Number of concurrent trainings. [default: one per core, or all of the Ray cluster]")
]
Ray = Annotated[str | None, given("Train on a Ray cluster: HOST:PORT, or auto for the one on this machine.")]


@app.command
def sweep(
    recipe: RecipeName = "tutorial",
    /,
    *,
    param: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="Field and its values: learning_rate=log:1e-4..1e-1, width=16,32,48 or dropout=0..0.5:0.1; "
            "repeatable.",
        ),
    ] = (),
    trials: Annotated[int | None, given("Number of trials. [default: 50, or the whole grid]")] = None,
    workers: Workers = None,
    sampler: Annotated[
        str, Parameter(help="Search algorithm: tpe (learns from completed trials), random or grid.")
    ] = "tpe",
    pruner: Annotated[
        str, Parameter(help="Early stopping of poor trials after an epoch: median, hyperband or none.")
    ] = "median",
    storage: Annotated[
        str | None, given("Database URL: sqlite:///PATH or postgresql://USER@HOST/NAME. [default: a journal file]")
    ] = None,
    ray: Ray = None,
    join: Annotated[str | None, given("Join a sweep of another machine: its name in --storage.")] = None,
    resume: Annotated[Path | None, given("Resume an interrupted sweep: its folder, or latest.")] = None,
    out: Annotated[Path, Parameter(help="Where to create the sweep's folder.")] = Path("runs"),
    flags: RecipeFlags = NO_RECIPE_FLAGS,
    screen: Screen = PLAIN,
) -> None:
    """Search for a recipe's best hyperparameters on validation images, and write a report."""
    asked = bool(param) or trials is not None or recipe != "tutorial" or flags != NO_RECIPE_FLAGS
    asked = asked or (sampler, pruner) != ("tpe", "median")
    if (resume is not None or join is not None) and asked:
        raise UsageError(
            "--resume and --join continue with the sweep's own plan; leave out the recipe and its flags, --param, "
            "--trials, --sampler and --pruner"
        )
    if join is not None and (storage is None or resume is not None):
        raise UsageError("--join NAME joins a sweep in a database: give its --storage, and no --resume")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers is {workers}; it must be >= 1")
    from tenfold.runs.resumable import latest_folder
    from tenfold.studies.sweep import Sweep
    from tenfold.studies.sweep_plan import SweepPlan

    plan = None
    if resume is None and join is None:
        plan = SweepPlan.make(
            resolve_recipe(recipe, flags), param, trials=trials, sampler=sampler, pruner=pruner,
            given=recipe_changes(flags),
        )  # fmt: skip
    with connection(ray):
        if plan is not None:
            found = Sweep.create(plan, out, storage)
        elif join is not None and storage is not None:
            found = Sweep.join(join, out, storage)
        else:
            if str(resume) == "latest":
                resume = latest_folder(out, Sweep.manifest, what="sweep", made_by="tenfold sweep")
            found = Sweep.load(str(resume), storage)
        with found:
            _run(screen, found, workers, ray)


def _run(screen: Screen, found: "Sweep", workers: int | None, ray: str | None) -> None:
    from tenfold.studies.sweep_report import typed, write_sweep_report
    from tenfold.studies.trial_runner import best_trial

    screen.say(f"{found.path}: {found.plan.trials} trials of {found.plan.name}, {found.plan.sampler}")
    if found.url is not None:
        screen.say(f"to join from another machine: tenfold sweep --join {found.study.study_name} --storage {found.url}")
    threads = found.plan.space.recipe.device.threads
    with screen.log(quiet=True):
        results = found.run(lambda: pool_for(workers, ray, threads))
    report = write_sweep_report(found, results)
    best = best_trial(results)
    assert best is not None
    screen.say()
    screen.table(["field", "best value"], [[name, typed(value)] for name, value in best.values.items()],
                 f"trial {best.number}: {100 * (best.accuracy or 0):.2f} % of the validation images")  # fmt: skip
    screen.say(f"\nThe report: {report}")
    screen.say(f"next: tenfold train {found.path / 'best.toml'} --seeds 5")
    screen.result({"path": str(found.path), "report": str(report), **found.result_document(results)})


def connection(ray: str | None) -> "AbstractContextManager[object]":
    """Holds a connection to Ray, so that a cluster that does not answer is reported before any other work."""
    if ray is None:
        return nullcontext()
    from tenfold.jobs.ray_pool import connected

    return connected(ray)


def pool_for(workers: int | None, ray: str | None, threads: int = 1) -> "AbstractContextManager[Pool]":
    """The pool for trainings with `threads` threads each: on Ray, or in processes of this machine."""
    if ray is not None:
        from tenfold.jobs.ray_pool import ray_pool

        return ray_pool(ray, workers)
    from tenfold.jobs.local import local_pool

    return local_pool(max(1, len(usable_cores()) // threads) if workers is None else workers)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Options of every comparison."""

    seeds: Annotated[int | None, given("Number of seeds per recipe. [default: 5]")] = None
    out: Annotated[Path, Parameter(help="Where to create the comparison's folder.")] = Path("runs")
    resume: Annotated[Path | None, given("Resume an interrupted comparison: its folder.")] = None
    workers: Annotated[int | None, given("Number of concurrent trainings. [default: 1]")] = None
    flags: RecipeFlags = NO_RECIPE_FLAGS
    screen: Screen = PLAIN


NEW = Comparison()


@compare_app.command
def models(
    recipes: Annotated[tuple[str, ...], given("Recipes. [default: one for each architecture]")] = (),
    /,
    *,
    options: Comparison = NEW,
) -> None:
    """Compare architectures: accuracy against parameters and multiply-adds."""
    _compare("models", partial(study_recipes.models, recipes), bool(recipes), options)


@compare_app.command
def remedies(recipe: RecipeName = "tutorial", /, *, options: Comparison = NEW) -> None:
    """Measure the effect of common regularization methods on a recipe."""
    _compare("remedies", partial(study_recipes.remedies, recipe), recipe != "tutorial", options)


@compare_app.command
def recipes(
    names: Annotated[tuple[str, ...], given("Two or more recipes; the first is the baseline.")] = (),
    /,
    *,
    options: Comparison = NEW,
) -> None:
    """Test whether recipes differ significantly."""
    _compare("recipes", partial(study_recipes.recipes, names), bool(names), options)


def _compare(
    kind: str, make: "Callable[[dict[str, Any]], dict[str, Recipe]]", named: bool, options: Comparison
) -> None:
    """make: the recipes by label, changed by the flags. named: whether the user named recipes."""
    from tenfold.evaluation.statistics import percent
    from tenfold.jobs.local import local_pool
    from tenfold.jobs.pool import in_process_pool
    from tenfold.runs.prepare import one_thread_each
    from tenfold.studies.study import Study
    from tenfold.studies.study_report import change, verdict, write_study_report

    screen, flags = options.screen, options.flags
    workers = options.workers
    if options.resume is None:
        compared = make(recipe_changes(flags))
        if workers is not None:
            compared = {label: one_thread_each(recipe) for label, recipe in compared.items()}
        study = Study.create(kind, compared, 5 if options.seeds is None else options.seeds, options.out)
    elif named or options.seeds is not None or flags != NO_RECIPE_FLAGS:
        raise UsageError("--resume continues with the comparison's own recipes; leave out recipes, --seeds and flags")
    else:
        study = Study.load(options.resume, kind)
    open_pool = in_process_pool if workers is None else partial(local_pool, workers)
    with screen.training(quiet=True) as on_progress, freed_memory_kept():
        rows = study.run(on_progress, open_pool)
    report = write_study_report(study, rows)
    if kind == "models":
        columns = ["recipe", ">parameters", ">multiply-adds", ">validation, %", ">test, %", ">seconds"]
        table = [
            [r.label, f"{r.parameters:,}", f"{r.multiply_adds:,}", percent(r.figures.get("validation_accuracy")),
             percent(r.figures["test_accuracy"]), f"{r.figures['seconds'].mean:.3g}"]
            for r in rows
            if r.figures
        ]  # fmt: skip
    else:
        columns = ["", ">validation, %", ">change, points", ""]
        table = [
            [r.label, percent(r.figures.get("validation_accuracy")), change(r.difference), verdict(r.difference)]
            for r in rows
        ]
    screen.say()
    screen.table(columns, table, f"{counted(study.count, 'seed')} per recipe")
    screen.say(f"\nThe report: {report}")
    screen.result({"path": str(study.path), "report": str(report), **study.document(rows)})
