"""Several seeds at once: the same runs as one after another, in a pool."""

import dataclasses
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from tenfold.data import load_dataset
from tenfold.errors import RunError
from tenfold.jobs.job import Job, Outcome
from tenfold.jobs.pool import OpenPool, work
from tenfold.runs.begin import new_folder
from tenfold.runs.seeds import Seeds, check_seeds
from tenfold.training.recipe import Recipe


def train_seeds_at_once(
    recipe: Recipe,
    count: int,
    open_pool: OpenPool,
    *,
    folder: str | Path = "runs",
    tell: Callable[[str], None] = lambda line: None,
) -> Seeds:
    """Trains `recipe` with `count` seeds in a pool, and tests each run once: `tenfold.runs.seeds.train_seeds`, faster.

    A recipe that leaves the number of threads open gets one for each training, since cores are busy with others.
    """
    data = load_dataset(recipe.data.dataset)
    if not recipe.engine.threads:
        recipe = dataclasses.replace(recipe, engine=dataclasses.replace(recipe.engine, threads=1))
    check_seeds(recipe, count, data)
    with open_pool() as pool:  # First: where it can't be opened, nothing is left behind.
        seeds = Seeds.begin(recipe, count, new_folder(Path(folder), f"{recipe.name}-seeds"), data)
        return _go_on(seeds, lambda: nullcontext(pool), tell)


def resume_seeds_at_once(
    path: str | Path, open_pool: OpenPool, *, tell: Callable[[str], None] = lambda line: None
) -> Seeds:
    """Takes up seeds that were stopped, however they were trained before."""
    seeds = Seeds.load(path)
    seeds.check_data(load_dataset(seeds.recipe.data.dataset))
    return _go_on(seeds, open_pool, tell)


def _go_on(seeds: Seeds, open_pool: OpenPool, tell: Callable[[str], None]) -> Seeds:
    finished = seeds.finished
    left = [seed for seed in seeds.seeds if seed not in finished and seed not in seeds.failed]
    jobs = iter(
        [Job(key=seed, recipe=seeds.recipe.replace(seed=seed), path=seeds.folder(seed), test=True) for seed in left]
    )
    for seed in seeds.seeds:
        if seed not in left:
            tell(seeds.settle(seed))

    def done(job: Job, outcome: Outcome) -> None:
        if outcome.kind == "diverged":
            seeds.failed[job.key] = outcome.message
        elif outcome.kind != "finished":
            raise RunError(f"seed {job.key}: {outcome.message}; mend that, then: tenfold train --resume {seeds.path}")
        tell(seeds.settle(job.key))

    if left:
        try:
            with open_pool() as pool:
                work(pool, lambda: next(jobs, None), lambda job, record: True, done, tell)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"the seeds go on with: tenfold train --resume {seeds.path}") from None
    return seeds
