"""tenfold read and read-all."""

import dataclasses
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tenfold.cli.app import app
from tenfold.cli.console import PLAIN, Screen, complain, counted
from tenfold.cli.flags import given, switch
from tenfold.cli.study_commands import connection, pool_for
from tenfold.errors import BulkError, DataError, FormatError, UsageError

if TYPE_CHECKING:
    from tenfold.reading.inputs import Pages
    from tenfold.reading.reader import Reader

STANDARD_INPUT = Path("-")
ModelPath = Annotated[Path | None, Parameter(help=".onnx file that tenfold export wrote. [default: the shipped model]")]


@app.command
def read(
    images: Annotated[
        tuple[Path, ...],
        Parameter(
            show_default=False,
            allow_leading_hyphen=True,
            help="Images of one digit each; - reads one from standard input.",
        ),
    ] = (),
    /,
    *,
    number: Annotated[bool, switch("Read all numbers in a photo or scan, line by line.")] = False,
    explain: Annotated[
        bool, switch("Write NAME-explained.png next to each image: which ink counts for the digit.")
    ] = False,
    pages: Annotated[
        str | None, Parameter(help="Pages to read of each PDF, TIFF or animation, from 0: all, or 0,2 and so on.")
    ] = None,
    model: ModelPath = None,
    screen: Screen = PLAIN,
) -> None:
    """Read images of handwritten digits with the shipped model."""
    if not images:
        raise UsageError("no image given: tenfold read seven.png, or tenfold read --number photo.jpg")
    if option := next((path for path in images if str(path).startswith("-") and path != STANDARD_INPUT), None):
        raise UsageError(f"unknown option {option}: tenfold read --help lists them")
    if number and explain:
        raise UsageError("--explain works for images of one digit; leave out --number")
    chosen = _pages(pages)
    if folder := next((path for path in images if path.is_dir()), None):
        raise UsageError(f"{folder} is a folder: tenfold read-all {folder} --out digits.parquet reads all images in it")
    from tenfold.reading.reader import Reader

    reader = Reader(model)
    read_one: Callable[..., Any] = reader.read_number if number else reader.read
    found: list[tuple[Path, dict[str, Any], Any]] = []
    failed: dict[Path, str] = {}
    for path in images:
        try:
            source = sys.stdin.buffer.read() if path == STANDARD_INPUT else path
            if chosen is None:
                found.append((path, {"image": str(path)}, read_one(source)))
                continue
            read_pages = read_one(source, pages=chosen)
            numbers = range(len(read_pages)) if chosen == "all" else chosen
            found += [
                (path, {"image": str(path), "page": page}, reading)
                for page, reading in zip(numbers, read_pages, strict=True)
            ]
        except FormatError as error:
            if len(images) == 1:
                raise
            failed[path] = str(error)
            complain(str(error))
    names = [", page ".join(map(str, place.values())) for _, place, _ in found]
    if number:
        for name, (_, _, reading) in zip(names, found, strict=True):
            if len(found) + len(failed) > 1:
                screen.heading(name)
            screen.say(reading.text or "no digits found")
            doubtful = sum(digit.unsure for digit in reading.digits)
            if doubtful:
                screen.say(f"unsure of {doubtful} of {len(reading.digits)} digits", style="dim")
    else:
        screen.table(
            ["image", "digit", ">confidence", ""],
            [
                [name, one.digit, f"{100 * one.confidence:.1f} %", "unsure" if one.unsure else ""]
                for name, (_, _, one) in zip(names, found, strict=True)
            ],
        )
    if explain:
        _explain(screen, reader, found)
    documents = [{**place, **reading.to_dict()} for _, place, reading in found]
    documents += [{"image": str(path), "error": message} for path, message in failed.items()]
    screen.result({"numbers" if number else "readings": documents})
    if failed:
        raise DataError(f"{len(failed)} of {len(images)} images could not be read")


def _pages(text: str | None) -> "Pages | None":
    if text is None:
        return None
    if text == "all":
        return "all"
    if not re.fullmatch("[0-9]+(,[0-9]+)*", text):
        raise UsageError(f"--pages is {text!r}; it takes all, or numbers such as 0,2")
    return [int(page) for page in text.split(",")]


def _explain(screen: Screen, reader: "Reader", found: list[tuple[Path, dict[str, Any], Any]]) -> None:
    from tenfold.data import load_dataset
    from tenfold.ink.image import write_png
    from tenfold.reading.explain import draw_explanation
    from tenfold.reading.explain import explain as look

    data = load_dataset("mnist")
    for path, place, reading in found:
        seen = look(reading.pixels, reading.digit, reader.probabilities, data.train_images, data.train_labels)
        stem = "standard-input" if path == STANDARD_INPUT else path.stem
        page = f"-{place['page']}" if "page" in place else ""
        drawing = path.with_name(f"{stem}{page}-explained.png")
        write_png(draw_explanation(seen), drawing)
        screen.say(f"\nexplained in {drawing}")


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
