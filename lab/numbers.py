"""How well whole numbers are read, by the public Reader and by others: `python -m lab.numbers FOLDER`.

Every picture that is read becomes a line of OUT/<reader>.jsonl, so that an interrupted benchmark resumes, and one in
another environment, with other peers, adds to it. A line counts while reader and picture are unchanged.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

import tenfold
from lab import RESULTS
from lab.contact_sheet import Failure, draw_contact_sheet
from lab.ink import percent
from lab.number_parts import key_of, number_parts
from lab.number_scores import (
    CalibrationBin,
    NumberRead,
    NumberResult,
    ScoredNumber,
    calibration_of,
    results_of,
    score_number,
)
from lab.number_sets import NumberPicture, load_sets, without_marks
from lab.peers.number_peers import PEERS, join_words, open_peer, to_rgb
from tenfold import files
from tenfold.cli import main
from tenfold.cli.console import PLAIN, Screen
from tenfold.cli.flags import given, switch
from tenfold.errors import TenfoldError
from tenfold.ink.image import write_png
from tenfold.machine import describe_environment
from tenfold.reading.reader import Reader, shipped_model

# Failures on a contact sheet, in rows of so many, with pictures of so many pixels.
SHOWN, ACROSS, SIDE = 120, 6, (300, 200)
# Parts of the package that decide how a number is read.
_READING = ("document", "ink", "reading")


@dataclass(frozen=True)
class NumberReader:
    """name: of its file of parts. open: loads what reads a picture; takes it, and whether its kind has marks."""

    name: str
    version: str
    open: Callable[[], Callable[[NumberPicture, bool], NumberRead]]


@dataclass(frozen=True)
class PeerWay:
    """A way in which a peer can read. right: share of the set whose digits it reads right. best: on this set."""

    peer: str
    set: str
    way: str
    right: float
    best: bool


@dataclass(frozen=True)
class NumberBenchmark:
    """The rows of every reader; of a peer those of its best way on each set, which `ways` names."""

    results: list[NumberResult]
    calibration: list[CalibrationBin]
    ways: list[PeerWay]


def measure_numbers(
    folder: Path,
    model: Path | None = None,
    *,
    scenes: int = 0,
    sample: int | None = None,
    peers: Sequence[str] = (),
    out: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> NumberBenchmark:
    """Reads every picture of the sets in `folder` with the Reader and the peers.

    scenes: how many are made of each kind. sample: the most pictures of a set. peers: names of
    `lab.peers.number_peers.PEERS`. out: a folder for the parts, from which it resumes, and for contact sheets of
    failures. Raises `DataError` for missing sets, and `UsageError` for a peer that isn't installed.
    """
    opened = {name: open_peer(name) for name in peers}
    pictures = load_sets(folder, scenes, sample)
    scored = {"tenfold": _scored(_tenfold(model), pictures, out, log)}
    compared: list[PeerWay] = []
    for name, peer in opened.items():
        ways = {}
        for way, read_words in peer.ways.items():
            reader = NumberReader(f"{name} {way}", peer.version, partial(_as_peer, read_words))
            ways[way] = _scored(reader, pictures, out, log)
        compared += (rows := _compared(name, ways))
        scored[name] = [one for row in rows if row.best for one in ways[row.way] if one.picture.set == row.set]
    if out is not None:
        for name, numbers in scored.items():
            _draw_failures(name, numbers, out, log)
    return NumberBenchmark(
        [result for name, numbers in scored.items() for result in results_of(name, numbers)],
        [row for name, numbers in scored.items() for row in calibration_of(name, numbers)],
        compared,
    )


def _tenfold(model: Path | None) -> NumberReader:
    """The public Reader; its version changes with the code and the models that read numbers."""
    package, digest = Path(tenfold.__file__).parent, hashlib.sha256()
    sources = [path for part in _READING for path in sorted((package / part).rglob("*.py"))]
    models = sorted(shipped_model().parent.glob("*.onnx"))
    for path in [*sources, *models, *([model] if model else [])]:
        digest.update(path.read_bytes())

    def opened() -> Callable[[NumberPicture, bool], NumberRead]:
        reader = Reader(model)

        def read(picture: NumberPicture, marks: bool) -> NumberRead:
            started = time.perf_counter()
            try:
                found = reader.read_number(picture.content)
            except TenfoldError as error:
                return _refused(error, started)
            return NumberRead(found.text, found.written, found.confidence, found.unsure, _since(started))

        return read

    return NumberReader("tenfold", digest.hexdigest()[:10], opened)


def _as_peer(opened: Any) -> Callable[[NumberPicture, bool], NumberRead]:
    """A peer abstains where it reads nothing."""
    words = opened()

    def read(picture: NumberPicture, marks: bool) -> NumberRead:
        started = time.perf_counter()
        try:
            written, confidence = join_words(words(to_rgb(picture.content), marks), marks)
        except Exception as error:  # Other people's code raises anything.
            return _refused(error, started)
        return NumberRead(without_marks(written), written, confidence, not written, _since(started))

    return read


def _refused(error: Exception, started: float) -> NumberRead:
    return NumberRead("", "", None, True, _since(started), str(error))


def _since(started: float) -> float:
    return round(1000 * (time.perf_counter() - started), 3)


def _scored(
    reader: NumberReader, pictures: Sequence[NumberPicture], out: Path | None, log: Callable[[str], None]
) -> list[ScoredNumber]:
    """Reads the pictures that are not among the parts in `out` yet."""
    kinds = {(one.set, one.kind) for one in pictures if one.written is not None and one.written != one.text}
    with number_parts(out, reader.name, reader.version) as (stored, store):
        missing = [picture for picture in pictures if key_of(picture) not in stored]
        if missing:
            log(f"{reader.name} {reader.version}: reading {len(missing):,} of {len(pictures):,} pictures")
            read = reader.open()
            for picture in missing:
                try:
                    found = read(picture, (picture.set, picture.kind) in kinds)
                except Exception as error:
                    error.add_note(f"while {reader.name} was reading {picture.name} of {picture.set}")
                    raise
                stored[key_of(picture)] = found
                store(picture, found)
    return [score_number(picture, stored[key_of(picture)]) for picture in pictures]


def _compared(peer: str, ways: dict[str, list[ScoredNumber]]) -> list[PeerWay]:
    """How the ways of a peer do on each set, over its pictures with digits."""
    rows = []
    for group in dict.fromkeys(one.picture.set for numbers in ways.values() for one in numbers):
        right = {}
        for way, numbers in ways.items():
            among = [one.right for one in numbers if one.picture.set == group and one.picture.text]
            right[way] = sum(among) / max(1, len(among))
        best = max(right, key=lambda way: right[way])
        rows += [PeerWay(peer, group, way, share, way == best) for way, share in right.items()]
    return rows


def _draw_failures(reader: str, numbers: Sequence[ScoredNumber], out: Path, log: Callable[[str], None]) -> None:
    """A contact sheet for each set: wrong and sure first, wrong marks last, and the most confident of each first."""
    for name in dict.fromkeys(one.picture.set for one in numbers):
        failures = [
            one for one in numbers if one.picture.set == name and not (one.right and one.written in (True, None))
        ]
        failures.sort(key=lambda one: (not one.wrong_and_sure, one.right, -(one.read.confidence or 0)))
        path = out / f"{reader}-{name}.png"
        path.unlink(missing_ok=True)
        if failures:
            write_png(draw_contact_sheet([_failure(one) for one in failures[:SHOWN]], ACROSS, SIDE), path)
            log(f"{len(failures)} failures of {reader} on {name}: {path}")


def _failure(one: ScoredNumber) -> Failure:
    picture, read = one.picture, one.read
    confidence = "" if read.confidence is None else f", confidence {read.confidence:.3f}"
    words = (
        picture.name if picture.name.startswith(picture.kind) else f"{picture.name}, {picture.kind}",
        f"written {picture.written or picture.text or 'nothing'}",
        f"read {read.error or read.written or 'nothing'}",
        f"{'unsure' if read.unsure else 'SURE'}{confidence}{', digits right' if one.right else ''}",
    )
    return Failure(to_rgb(picture.content), words, one.wrong_and_sure)


app = App(name="python -m lab.numbers", version_flags=[])


@app.default
def numbers(
    folder: Annotated[Path, Parameter(help="The folder with the sets, such as orand_car_a.zip.")],
    /,
    *,
    scenes: Annotated[int, given("Number of synthetic scenes of every kind. [default: 0]")] = 0,
    out: Annotated[Path | None, given("A folder for the parts, from which it resumes, and contact sheets.")] = None,
    peer: Annotated[
        tuple[str, ...],
        Parameter(consume_multiple=True, show_default=False, help=f"Readers to compare with: {', '.join(PEERS)}."),
    ] = (),
    sample: Annotated[int | None, given("The most pictures of a set. [default: all]")] = None,
    model: Annotated[Path | None, given("An .onnx file of tenfold export. [default: the shipped model]")] = None,
    record: Annotated[bool, switch("Update lab/results/numbers.json.")] = False,
    screen: Screen = PLAIN,
) -> None:
    """Measure how well whole numbers are read in photos, forms, cheques and synthetic scenes."""
    measured = measure_numbers(folder, model, scenes=scenes, sample=sample, peers=peer, out=out, log=screen.say)
    show(measured, screen)
    document = {
        "numbers": [vars(result) for result in measured.results],
        "calibration": [vars(row) for row in measured.calibration],
        "ways": [vars(row) for row in measured.ways],
    }
    if record:
        files.write_json(RESULTS / "numbers.json", {**document, "environment": describe_environment()})
    screen.result(document)


def show(measured: NumberBenchmark, screen: Screen) -> None:
    """The results and the calibration of each reader, and the ways of the peers, as tables."""
    for reader in dict.fromkeys(result.reader for result in measured.results):
        screen.table(
            ["set", ">n", ">digits", ">blanks", ">marks", ">unsure", ">wrong", ">ms", ">p95", ">ECE"],
            [
                [r.name, f"{r.count:,}", percent(r.right), percent(r.spaced), percent(r.written), percent(r.unsure),
                 percent(r.wrong_and_sure), f"{r.median_ms:.0f}", f"{r.p95_ms:.0f}", percent(r.calibration_error)]
                for r in measured.results if r.reader == reader
            ],
            title=f"\n{reader}, shares in %",
        )  # fmt: skip
        screen.table(
            ["confidence", ">n", ">mean", ">digits right, %"],
            [
                [f"{b.low:.1f} to {b.high:.1f}", f"{b.count:,}", f"{b.confidence:.3f}", percent(b.right)]
                for b in measured.calibration
                if b.reader == reader
            ],
            title=f"\n{reader}, pictures in which something was read",
        )
    for peer in dict.fromkeys(way.peer for way in measured.ways):
        ways = [way for way in measured.ways if way.peer == peer]
        sets = list(dict.fromkeys(way.set for way in ways))
        shares = {(way.way, way.set): f"{percent(way.right)}{'*' if way.best else ' '}" for way in ways}
        screen.table(
            ["way", *(f">{name}" for name in sets)],
            [[way, *(shares[way, name] for name in sets)] for way in dict.fromkeys(way.way for way in ways)],
            title=f"\nThe ways of {peer}, digits right in %; * stands for it above",
        )
    screen.say(
        "\ndigits: all of them right, line by line; blanks: and the blanks between numbers; marks: digits and marks;\n"
        "wrong: digits wrong, and not unsure; ms, p95: median and 95th percentile per picture, in milliseconds;\n"
        "ECE: expected calibration error of the confidence that the digits are right, where something was read.\n"
        "These sets have shaped the work: take the figures as development results."
    )


if __name__ == "__main__":
    main(command=app)
