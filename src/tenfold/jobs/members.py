"""The networks of an ensemble at once: the same run as one after another, in a pool."""

import dataclasses
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from tenfold.data import load_dataset
from tenfold.errors import RunError, TrainingError
from tenfold.jobs.job import Job, Outcome
from tenfold.jobs.pool import OpenPool, work
from tenfold.runs.members import assemble, begin_members, is_trained, member_folder
from tenfold.runs.run import Run
from tenfold.training.recipe import Recipe


def train_members_at_once(
    recipe: Recipe,
    open_pool: OpenPool,
    *,
    folder: str | Path = "runs",
    tell: Callable[[str], None] = lambda line: None,
) -> Run:
    """Trains the networks of an ensemble in a pool: `tenfold.runs.train.train`, sooner.

    The run's seconds are those of all its networks together. A recipe that leaves the number of threads open gets one
    for each network. Raises `UsageError` for a recipe of one network, and what `train` raises.
    """
    data = load_dataset(recipe.data.dataset)
    if not recipe.engine.threads:
        recipe = dataclasses.replace(recipe, engine=dataclasses.replace(recipe.engine, threads=1))
    with open_pool() as pool:  # First: where it can't be opened, nothing is left behind.
        return _go_on(begin_members(recipe, data, Path(folder)), lambda: nullcontext(pool), tell)


def resume_members_at_once(
    path: str | Path, open_pool: OpenPool, *, tell: Callable[[str], None] = lambda line: None
) -> Run:
    """Takes up an ensemble whose networks were being trained at once. Raises `RunError` for a run that is finished."""
    run = Run.load(path)
    if run.finished:
        raise RunError(f"{run.path} is finished: there is nothing to resume")
    return _go_on(run, open_pool, tell)


def _go_on(run: Run, open_pool: OpenPool, tell: Callable[[str], None]) -> Run:
    data = load_dataset(run.recipe.data.dataset)
    count = run.recipe.model.members
    jobs = iter(
        Job(key=member, recipe=run.recipe, path=member_folder(run, member), member=member)
        for member in range(count)
        if not is_trained(run, member)
    )

    def done(job: Job, outcome: Outcome) -> None:
        if outcome.kind == "diverged":
            raise TrainingError(f"network {job.key + 1} of {count}: {outcome.message}")
        if outcome.kind != "finished":
            raise RunError(f"network {job.key + 1}: {outcome.message}; then: tenfold train --resume {run.path}")
        tell(f"network {job.key + 1} of {count} is trained")

    try:
        with open_pool() as pool:
            work(pool, lambda: next(jobs, None), lambda job, record: True, done, tell)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"the training goes on with: tenfold train --resume {run.path} and --workers") from None
    return assemble(run, data)
