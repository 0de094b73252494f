"""tenfold read and read-all."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tenfold.cli.app import app
from tenfold.cli.console import PLAIN, Screen, counted
from tenfold.cli.flags import given, switch
from tenfold.cli.study_commands import connection, pool_for
from tenfold.errors import BulkError, UsageError

ModelPath = Annotated[Path | None, Parameter(help=".onnx file that tenfold export wrote. [default: the shipped model]")]


@app.command
def read(
    images: Annotated[tuple[Path, ...], given("Images of one digit each.")] = (),
    /,
    *,
    number: Annotated[bool, switch("Read all numbers in a photo or scan, line by line.")] = False,
    explain: Annotated[
        bool, switch("Write NAME-explained.png next to each image: which ink counts for the digit.")
    ] = False,
    model: ModelPath = None,
    screen: Screen = PLAIN,
) -> None:
    """Read images of handwritten digits with the shipped model."""
    if not images:
        raise UsageError("no image given: tenfold read seven.png, or tenfold read --number photo.jpg")
    if number and explain:
        raise UsageError("--explain works for images of one digit; leave out --number")
    from tenfold.reading.reader import Reader

    reader = Reader(model)
    if number:
        numbers = [(path, reader.read_number(path)) for path in images]
        for path, found in numbers:
            if len(images) > 1:
                screen.heading(str(path))
            screen.say(found.text or "no digits found")
            doubtful = sum(digit.unsure for digit in found.digits)
            if doubtful:
                screen.say(f"unsure of {doubtful} of {len(found.digits)} digits", style="dim")
        screen.result({"numbers": [{"image": str(path), **found.to_dict()} for path, found in numbers]})
        return
    readings = [(path, reader.read(path)) for path in images]
    screen.table(
        ["image", "digit", ">confidence", ""],
        [[path, r.digit, f"{100 * r.confidence:.1f} %", "unsure" if r.unsure else ""] for path, r in readings],
    )
    if explain:
        from tenfold.ink.image import write_png
        from tenfold.reading.explain import draw_explanation
        from tenfold.reading.explain import explain as look

        for path, reading in readings:
            drawing = path.with_name(f"{path.stem}-explained.png")
            write_png(draw_explanation(look(reading.pixels, reading.digit, reader.probabilities)), drawing)
            screen.say(f"\nexplained in {drawing}")
    screen.result({"readings": [{"image": str(path), **reading.to_dict()} for path, reading in readings]})


@app.command
def read_all(
    sources: Annotated[
        tuple[str, ...], given("Folders, patterns, files or URLs: images, tars, Parquet, IDX, .npy.")
    ] = (),
    /,
    *,
    out: Annotated[str | None, given(".parquet file to write, or a folder for several files.")] = None,
    workers: Annotated[
        int | None, given("Number of worker processes, or of tasks with --ray. [default: one per core]")
    ] = None,
    ray: Annotated[str | None, given("Read on a Ray cluster: auto for that of this machine, or HOST:PORT.")] = None,
    resume: Annotated[bool, switch("Resume an interrupted job.")] = False,
    overwrite: Annotated[bool, switch("Start again, and replace the output at the end.")] = False,
    batch: Annotated[int, Parameter(help="Images per batch of a worker.")] = 256,
    column: Annotated[str | None, given("Column of the images in Parquet. [default: found by type and name]")] = None,
    probabilities: Annotated[bool, switch("Also write all ten probabilities.")] = False,
    model: ModelPath = None,
    screen: Screen = PLAIN,
) -> None:
    """Read millions of images into one Parquet file, one row per image."""
    if not sources or out is None:
        raise UsageError("no images or no output given: tenfold read-all SOURCE --out digits.parquet")
    from tenfold.bulk import read_all as run

    open_pool = None if ray is None else partial(pool_for, workers, ray)
    # Connected first, since listing the files can take an hour.
    with connection(ray), screen.images() as on_progress:
        summary = run(sources, out, open_pool=open_pool, workers=workers, model=model, column=column, resume=resume,
                      overwrite=overwrite, batch=batch, probabilities=probabilities,
                      on_progress=on_progress)  # fmt: skip
    rate = f", {summary.images_per_second:,.0f} images per second" if summary.rows > summary.already_read else ""
    screen.say(f"{summary.out}: {counted(summary.rows, 'row')} in {summary.seconds:,.1f} s{rate}")
    bad = summary.errors - summary.broken
    for count, what in (
        (summary.already_read, f"{summary.already_read:,} of them read before the job was interrupted"),
        (summary.unsure, f"{summary.unsure:,} unsure"),
        (bad, f"{counted(bad, 'image')} could not be read; see column error"),
        (summary.skipped, f"{counted(summary.skipped, 'file')} skipped: neither an image nor a shard by name"),
    ):
        if count:
            screen.say(what, style="dim")
    screen.result({**dataclasses.asdict(summary), "images_per_second": summary.images_per_second})
    if summary.broken:
        what = "1 shard or part of one" if summary.broken == 1 else f"{summary.broken:,} shards or parts of them"
        raise BulkError(
            f"{what} could not be read: see the rows of {summary.out} with an error and no index; all else was read"
        )
