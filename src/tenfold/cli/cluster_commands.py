"""Commands that outgrow one process: sweep."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tenfold.cli.app import app
from tenfold.cli.flags import (
    NO_RECIPE_FLAGS,
    PLAIN,
    EverywhereFlags,
    RecipeFlags,
    RecipeName,
    given,
    recipe_changes,
    resolve_recipe,
)
from tenfold.errors import UsageError
from tenfold.machine import usable_cores

if TYPE_CHECKING:
    from tenfold.cli.console import Screen
    from tenfold.jobs.pool import Pool
    from tenfold.studies.sweep import Sweep

Workers = Annotated[int | None, given("How many trainings at once; none: one for each core, or all of Ray.")]
Ray = Annotated[str | None, given("Train on a Ray cluster: auto for the one of this machine, or HOST:PORT.")]


@app.command(sort_key=19)
def sweep(
    recipe: RecipeName = "tutorial",
    /,
    *,
    param: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="A field and its values: learning_rate=log:1e-4..1e-1, width=16,32,48, dropout=0..0.5:0.1. Once for "
            "each field.",
        ),
    ] = (),
    trials: Annotated[int | None, given("How many trainings in all; none: 50, or the whole grid.")] = None,
    workers: Workers = None,
    sampler: Annotated[
        str, Parameter(help="What chooses values: tpe, which learns from trials that are done, random or grid.")
    ] = "tpe",
    pruner: Annotated[
        str, Parameter(help="What stops trials that lag behind, after an epoch: median, hyperband or none.")
    ] = "median",
    storage: Annotated[
        str | None,
        given("A database in place of a journal in the sweep's folder: sqlite:///PATH or postgresql://USER@HOST/NAME."),
    ] = None,
    ray: Ray = None,
    join: Annotated[
        str | None, given("Take part in a sweep that another machine began: its name in --storage.")
    ] = None,
    resume: Annotated[Path | None, given("Take up a sweep that was stopped: its folder, or latest.")] = None,
    out: Annotated[Path, Parameter(help="The folder to make the sweep in.")] = Path("runs"),
    flags: RecipeFlags = NO_RECIPE_FLAGS,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Search a recipe's best values, judged by the validation images, and write a report."""
    screen = everywhere.screen()
    asked = bool(param) or trials is not None or recipe != "tutorial" or flags != NO_RECIPE_FLAGS
    asked = asked or (sampler, pruner) != ("tpe", "median")
    if (resume is not None or join is not None) and asked:
        raise UsageError(
            "--resume and --join go on with the sweep's own plan; leave out the recipe and its flags, --param, "
            "--trials, --sampler and --pruner"
        )
    if join is not None and (storage is None or resume is not None):
        raise UsageError("--join NAME takes part in a sweep of a database: give its --storage, and no --resume")
    from tenfold.studies.sweep import Sweep
    from tenfold.studies.sweep_plan import SweepPlan

    plan = None
    if resume is None and join is None:
        plan = SweepPlan.make(
            resolve_recipe(recipe, flags), param, trials=trials, sampler=sampler, pruner=pruner,
            given=recipe_changes(flags),
        )  # fmt: skip
    with _reached(workers, ray):
        if plan is not None:
            found = Sweep.create(plan, out, storage)
        elif join is not None and storage is not None:
            found = Sweep.join(join, out, storage)
        else:
            found = Sweep.load(_latest(out) if str(resume) == "latest" else str(resume), storage)
        with found:
            _run(screen, found, workers, ray)


def _latest(out: Path) -> Path:
    from tenfold.runs.resumable import latest_folder
    from tenfold.studies.sweep import Sweep

    return latest_folder(out, Sweep.manifest, what="sweep", made_by="tenfold sweep")


def _run(screen: "Screen", found: "Sweep", workers: int | None, ray: str | None) -> None:
    from tenfold.studies.sweep_report import typed, write_sweep_report
    from tenfold.studies.trial_runner import best_trial

    screen.say(f"{found.path}: {found.plan.trials} trials of {found.plan.name}, {found.plan.sampler}")
    if found.url is not None:
        screen.say(f"others take part with: tenfold sweep --join {found.study.study_name} --storage {found.url}")
    threads = found.plan.space.recipe.engine.threads
    results = found.run(lambda: pool_for(workers, ray, threads), screen.say)
    report = write_sweep_report(found, results)
    best = best_trial(results)
    assert best is not None
    screen.say()
    screen.table(["best value of", ""], [[name, typed(value)] for name, value in best.values.items()],
                 f"trial {best.number}: {100 * (best.accuracy or 0):.2f} % of the validation images")  # fmt: skip
    screen.say(f"\nThe report: {report}")
    screen.say(f"next: tenfold train {found.path / 'best.toml'} --seeds 5")
    screen.result({"path": str(found.path), "report": str(report), **found.result_document(results)})


@contextmanager
def _reached(workers: int | None, ray: str | None) -> Iterator[None]:
    """Finds out before a sweep is begun whether it can run: a folder of one that can't would be in the way."""
    if workers is not None and workers < 1:
        raise UsageError(f"--workers is {workers}; it must be >= 1")
    if ray is None:
        yield
        return
    from tenfold.jobs.ray_connection import connected

    with connected(ray):
        yield


def pool_for(workers: int | None, ray: str | None, threads: int = 1) -> "AbstractContextManager[Pool]":
    """Where trainings of so many threads run: on Ray, or in processes of this machine."""
    if ray is not None:
        from tenfold.jobs.ray_pool import ray_pool

        return ray_pool(ray, workers)
    from tenfold.jobs.local import local_pool

    return local_pool(max(1, len(usable_cores()) // threads) if workers is None else workers)
