"""Commands that set recipes side by side: compare models, remedies and recipes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tenfold.cli.app import compare_app
from tenfold.cli.flags import (
    NO_RECIPE_FLAGS,
    PLAIN,
    Everywhere,
    EverywhereFlags,
    RecipeFlags,
    RecipeName,
    recipe_changes,
)
from tenfold.errors import UsageError
from tenfold.machine import freed_memory_kept

if TYPE_CHECKING:
    from tenfold.training.recipe import Recipe

SeedCount = Annotated[int | None, Parameter(show_default=False, help="Number of seeds per recipe. [default: 5]")]
Out = Annotated[Path, Parameter(help="The folder to make the comparison in.")]
Resume = Annotated[Path | None, Parameter(show_default=False, help="Resume an interrupted comparison: its folder.")]
Workers = Annotated[int | None, Parameter(show_default=False, help="Number of concurrent trainings. [default: 1]")]


@compare_app.command(sort_key=1)
def models(
    recipes: Annotated[tuple[str, ...], Parameter(show_default=False, help="Recipes; none: every architecture.")] = (),
    /,
    *,
    seeds: SeedCount = None,
    out: Out = Path("runs"),
    resume: Resume = None,
    workers: Workers = None,
    flags: RecipeFlags = NO_RECIPE_FLAGS,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Train every architecture by its recipe: accuracy against complexity."""
    from tenfold.studies import study_recipes

    changes = _changes(resume, flags, bool(recipes) or seeds is not None)
    _compare("models", lambda: study_recipes.models(recipes, changes), seeds, out, resume, workers, everywhere)


@compare_app.command(sort_key=2)
def remedies(
    recipe: RecipeName = "tutorial",
    /,
    *,
    seeds: SeedCount = None,
    out: Out = Path("runs"),
    resume: Resume = None,
    workers: Workers = None,
    flags: RecipeFlags = NO_RECIPE_FLAGS,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Measure what each remedy of the tutorials does to a recipe."""
    from tenfold.studies import study_recipes

    changes = _changes(resume, flags, recipe != "tutorial" or seeds is not None)
    _compare("remedies", lambda: study_recipes.remedies(recipe, changes), seeds, out, resume, workers, everywhere)


@compare_app.command(sort_key=3)
def recipes(
    names: Annotated[
        tuple[str, ...], Parameter(show_default=False, help="Two or more recipes; the first is the base.")
    ] = (),
    /,
    *,
    seeds: SeedCount = None,
    out: Out = Path("runs"),
    resume: Resume = None,
    workers: Workers = None,
    flags: RecipeFlags = NO_RECIPE_FLAGS,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Say whether recipes differ by more than chance."""
    from tenfold.studies import study_recipes

    changes = _changes(resume, flags, bool(names) or seeds is not None)
    _compare("recipes", lambda: study_recipes.recipes(names, changes), seeds, out, resume, workers, everywhere)


def _changes(resume: Path | None, flags: Any, named: bool) -> dict[str, Any]:
    if resume is not None and (named or flags != NO_RECIPE_FLAGS):
        raise UsageError("--resume continues with the comparison's own recipes; leave out recipes, --seeds and flags")
    return recipe_changes(flags)


def _compare(
    kind: str,
    recipes: Callable[[], "dict[str, Recipe]"],
    seeds: int | None,
    out: Path,
    resume: Path | None,
    workers: int | None,
    everywhere: Everywhere,
) -> None:
    screen = everywhere.screen()
    from tenfold.jobs.local import local_pool
    from tenfold.jobs.pool import in_process_pool
    from tenfold.runs.prepare import one_thread_each
    from tenfold.studies.number_format import percent
    from tenfold.studies.study import Study, as_document
    from tenfold.studies.study_report import change, verdict, write_study_report

    if resume is not None:
        study = Study.load(resume, kind)
    else:
        compared = recipes()
        if workers is not None:
            compared = {label: one_thread_each(recipe) for label, recipe in compared.items()}
        study = Study.create(kind, compared, 5 if seeds is None else seeds, out)
    open_pool = in_process_pool if workers is None else partial(local_pool, workers)
    with screen.training(quiet=True) as watch, freed_memory_kept():
        rows = study.run(watch, screen.say, open_pool)
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
    screen.table(columns, table, f"{study.count} seeds of each")
    screen.say(f"\nThe report: {report}")
    screen.result({"path": str(study.path), "report": str(report), **as_document(study, rows)})
