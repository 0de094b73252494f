"""tenfold read and read-all."""

import csv
import dataclasses
import re
import sys
from collections.abc import Callable, Sequence
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
    from tenfold.reading.reading import Box

STANDARD_INPUT = Path("-")
# The columns of a list of fields: the last four are a field's edges in pixels.
FIELD_COLUMNS = ("name", "left", "top", "right", "bottom")
# A file that was read, what names the reading in the output, and the Reading or Number.
Found = tuple[Path, dict[str, Any], Any]
ModelPath = Annotated[
    Path | None,
    Parameter(help=".onnx file, folder of a run, or latest: the newest run. [default: the shipped model]"),
]


@app.command
def read(
    images: Annotated[
        tuple[Path, ...],
        Parameter(
            show_default=False,
            allow_leading_hyphen=True,
            help="Images, of one digit each without --number; - reads one from standard input.",
        ),
    ] = (),
    /,
    *,
    number: Annotated[bool, switch("Read all numbers in a photo, scan or form, line by line.")] = False,
    written: Annotated[bool, switch("With --number: print the marks as well, as in 12.50 or 3/4.")] = False,
    fields: Annotated[
        Path | None,
        given("With --number: read only these fields. CSV with the columns name,left,top,right,bottom, in pixels."),
    ] = None,
    explain: Annotated[
        bool, switch("Write NAME-explained.png next to each image: it shows which ink speaks for the digit.")
    ] = False,
    pages: Annotated[
        str | None, Parameter(help="Pages of each PDF, TIFF or animation, counted from 0: all, or a list such as 0,2.")
    ] = None,
    model: ModelPath = None,
    screen: Screen = PLAIN,
) -> None:
    """Read handwritten digits, or whole numbers, in images."""
    if not images:
        raise UsageError("no image given: tenfold read seven.png, or tenfold read --number photo.jpg")
    if option := next((path for path in images if str(path).startswith("-") and path != STANDARD_INPUT), None):
        raise UsageError(f"unknown option {option}: tenfold read --help lists them")
    if number and explain:
        raise UsageError("--explain works for images of one digit; leave out --number")
    if (written or fields is not None) and not number:
        raise UsageError(f"{'--written' if written else '--fields'} works for whole numbers: add --number")
    if fields is not None and pages is not None:
        raise UsageError("--fields lists places of one page: leave out --pages")
    chosen = _pages(pages)
    places = None if fields is None else read_field_list(fields)
    if folder := next((path for path in images if path.is_dir()), None):
        raise UsageError(f"{folder} is a folder: tenfold read-all {folder} --out digits.parquet reads all images in it")
    from tenfold.reading.reader import Reader

    reader = Reader(_model(model))
    read_one: Callable[..., Any] = reader.read_number if number else reader.read
    found: list[Found] = []
    failed: dict[Path, str] = {}
    for path in images:
        image = {"image": str(path)}
        try:
            source = sys.stdin.buffer.read() if path == STANDARD_INPUT else path
            if places is not None:
                in_fields = reader.read_number(source, fields=[box for _, box in places])
                found += [
                    (path, {**image, "name": name}, one) for (name, _), one in zip(places, in_fields, strict=True)
                ]
            elif chosen is not None:
                on_pages = read_one(source, pages=chosen)
                pages_read = range(len(on_pages)) if chosen == "all" else chosen
                found += [(path, {**image, "page": page}, one) for page, one in zip(pages_read, on_pages, strict=True)]
            else:
                found.append((path, image, read_one(source)))
        # A field may lie outside of one image, and in the others.
        except (FormatError, UsageError) as error:
            if len(images) == 1:
                raise
            failed[path] = str(error)
            complain(str(error))
    if places is not None:
        _show_fields(screen, found, written, len(images) > 1)
    elif number:
        _show_numbers(screen, found, written, len(found) + len(failed) > 1)
    else:
        screen.table(
            ["image", "digit", ">confidence", ""],
            [
                [_place(place), one.digit, f"{100 * one.confidence:.1f} %", "unsure" if one.unsure else ""]
                for _, place, one in found
            ],
        )
    if explain:
        _explain(screen, reader, found)
    documents = [{**place, **reading.to_dict()} for _, place, reading in found]
    documents += [{"image": str(path), "error": message} for path, message in failed.items()]
    screen.result({"numbers" if number else "readings": documents})
    if failed:
        raise DataError(f"{len(failed)} of {len(images)} images could not be read")


def _model(model: Path | None) -> Path | None:
    if model != Path("latest"):
        return model
    from tenfold.runs.run_folder import latest_run

    return latest_run()


def _place(place: dict[str, Any]) -> str:
    """An image, or its page, as a person names it."""
    return ", page ".join(map(str, place.values()))


def _show_numbers(screen: Screen, found: Sequence[Found], written: bool, headed: bool) -> None:
    for _, place, one in found:
        if headed:
            screen.heading(_place(place))
        screen.say((one.written if written else one.text) or "no digits found")
        if one.unsure and one.digits:
            doubtful = sum(digit.unsure for digit in one.digits)
            of = f" of {doubtful} of {len(one.digits)} digits" if doubtful else ""
            screen.say(f"unsure{of}, confidence {100 * one.confidence:.1f} %", style="dim")


def _show_fields(screen: Screen, found: Sequence[Found], written: bool, several: bool) -> None:
    """A row for each field. several: images, whose names are shown then."""
    rows = []
    for _, place, one in found:
        text = (one.written if written else one.text).replace("\n", "; ")
        doubt = "" if not one.unsure else "unsure" if one.digits else "no digits found"
        rows.append([*place.values(), text, f"{100 * one.confidence:.1f} %", doubt][0 if several else 1 :])
    screen.table([*(["image"] if several else []), "field", "text", ">confidence", ""], rows)


def read_field_list(path: Path) -> list[tuple[str, "Box"]]:
    """A CSV file with a header of `FIELD_COLUMNS`, in any order -> each field's name and place.

    Raises `FormatError` with the line that is no field.
    """
    form = f"a list of fields is a CSV file with the columns {','.join(FIELD_COLUMNS)}"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if missing := set(FIELD_COLUMNS) - set(rows.fieldnames or ()):
                raise FormatError(f"{path} has no column {min(missing, key=FIELD_COLUMNS.index)}: {form}")
            fields = [(row["name"] or "", _edges(row, f"{path}, line {rows.line_num}")) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}; {form}") from error
    if not fields:
        raise FormatError(f"{path} lists no fields: {form}")
    return fields


def _edges(row: dict[str, str], line: str) -> "Box":
    try:
        left, top, right, bottom = (float(row[edge]) for edge in FIELD_COLUMNS[1:])
    except (TypeError, ValueError):
        edges = ",".join(str(row[edge]) for edge in FIELD_COLUMNS[1:])
        raise FormatError(f"{line}: left,top,right,bottom are numbers of pixels, not {edges}") from None
    return left, top, right, bottom


def _pages(text: str | None) -> "Pages | None":
    if text is None:
        return None
    if text == "all":
        return "all"
    if not re.fullmatch("[0-9]+(,[0-9]+)*", text):
        raise UsageError(f"--pages is {text!r}; it takes all, or numbers such as 0,2")
    return [int(page) for page in text.split(",")]


def _explain(screen: Screen, reader: "Reader", found: list[Found]) -> None:
    from tenfold.ink.image import write_png
    from tenfold.runs.explain import explain as look

    for path, place, reading in found:
        seen = look(reader, reading)
        stem = "standard-input" if path == STANDARD_INPUT else path.stem
        page = f"-{place['page']}" if "page" in place else ""
        drawing = path.with_name(f"{stem}{page}-explained.png")
        write_png(seen.draw(), drawing)
        screen.say(f"\nexplained in {drawing}")


@app.command
def read_all(
    sources: Annotated[
        tuple[str, ...], given("Folders, files, patterns or URLs of images, tars, Parquet, IDX or .npy files.")
    ] = (),
    /,
    *,
    out: Annotated[str | None, given(".parquet file to write, or a folder for several files.")] = None,
    workers: Annotated[
        int | None, given("Number of worker processes, or of tasks with --ray. [default: one per core]")
    ] = None,
    ray: Annotated[str | None, given("Read on a Ray cluster: HOST:PORT, or auto for the one on this machine.")] = None,
    resume: Annotated[bool, switch("Resume an interrupted job.")] = False,
    overwrite: Annotated[bool, switch("Start again, and replace the output at the end.")] = False,
    batch: Annotated[int, Parameter(help="Images per batch of a worker.")] = 256,
    column: Annotated[str | None, given("Column of the images in Parquet. [default: found by type and name]")] = None,
    number: Annotated[
        bool, switch("Read all numbers of each image, to the columns text, written, confidence and unsure.")
    ] = False,
    probabilities: Annotated[bool, switch("Also write all ten probabilities of each digit.")] = False,
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
        summary = run(sources, out, open_pool=open_pool, workers=workers, model=_model(model), column=column,
                      resume=resume, overwrite=overwrite, batch=batch, number=number, probabilities=probabilities,
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
