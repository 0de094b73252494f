"""The command that reads images by the million: read-all."""

import contextlib
import dataclasses
from typing import Annotated

from cyclopts import Parameter

from tenfold.cli.app import app
from tenfold.cli.flags import PLAIN, EverywhereFlags, given
from tenfold.cli.read_commands import ModelPath
from tenfold.errors import BulkError, UsageError


@app.command(sort_key=2)
def read_all(
    sources: Annotated[
        tuple[str, ...],
        given("Folders, patterns, files or URLs: images, tars, Parquet, IDX, .npy."),
    ] = (),
    /,
    *,
    out: Annotated[str | None, given("The .parquet file to write, or a folder for several.")] = None,
    workers: Annotated[
        int | None, given("Processes that read; one for each core, unless said; with --ray, actors.")
    ] = None,
    ray: Annotated[str | None, given("Read on a Ray cluster: auto for the one of this machine, or HOST:PORT.")] = None,
    resume: Annotated[bool, Parameter(negative="", help="Go on with a stopped job.")] = False,
    overwrite: Annotated[bool, Parameter(negative="", help="Begin again, and replace the output at the end.")] = False,
    batch: Annotated[int, Parameter(help="Images that a worker holds at a time.")] = 256,
    column: Annotated[str | None, given("The images' column in Parquet, where it isn't plain.")] = None,
    probabilities: Annotated[bool, Parameter(negative="", help="Write all ten probabilities too.")] = False,
    model: ModelPath = None,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Read millions of images into one Parquet file, a row for each."""
    screen = everywhere.screen()
    if not sources or out is None:
        raise UsageError("which images, and where to? tenfold read-all SOURCE --out digits.parquet")
    from tenfold.bulk import read_all as run

    engine = None
    with contextlib.ExitStack() as stack:
        if ray is not None:
            from tenfold.jobs.ray_connection import connected

            # Before anything else: to find out after an hour of listing files that there is no cluster would be late.
            stack.enter_context(connected(ray))
            from tenfold.bulk.on_ray import on_ray

            engine = on_ray(workers)
        watch = stack.enter_context(screen.images())
        summary = run(sources, out, engine=engine, workers=workers, model=model, column=column, resume=resume,
                      overwrite=overwrite, batch=batch, probabilities=probabilities, watch=watch)  # fmt: skip
    rate = f", {summary.images_per_second:,.0f} images a second" if summary.rows > summary.read_before else ""
    screen.say(f"{summary.out}: {_counted(summary.rows, 'row')} in {summary.seconds:,.1f} s{rate}")
    bad = summary.errors - summary.broken
    for count, what in (
        (summary.read_before, f"{summary.read_before:,} of them read before the job was stopped"),
        (summary.unsure, f"{summary.unsure:,} unsure"),
        (bad, f"{_counted(bad, 'image')} could not be read: column error says why"),
        (summary.left_out, f"{_counted(summary.left_out, 'file')} left out: no image and no shard by name"),
    ):
        if count:
            screen.say(what, style="dim")
    screen.result({**dataclasses.asdict(summary), "images_per_second": summary.images_per_second})
    if summary.broken:
        what = "1 shard or part of one" if summary.broken == 1 else f"{summary.broken:,} shards or parts of them"
        raise BulkError(
            f"{what} could not be read: rows of {summary.out} with an error and no index say why; all else was read"
        )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
