"""The commands of `lab.records`."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

import lab.records
from lab import ROOT
from lab.benchmarks.recipe_seeds import one_seed
from lab.records.record import (
    COLUMNS,
    MARKS,
    RECORDS,
    SEEDS,
    Race,
    last_record,
    mark_of,
    read_race,
    row_of,
    shortcomings,
)
from tenfold.cli import main
from tenfold.cli.console import PLAIN, Screen
from tenfold.cli.flags import given
from tenfold.errors import UsageError
from tenfold.files import write_text
from tenfold.machine import describe_environment
from tenfold.training.recipe import Recipe

app = App(name="python -m lab.records", help=lab.records.__doc__, version_flags=[])


@app.default
def show(*, screen: Screen = PLAIN) -> None:
    """Show the records."""
    records = {mark: record for mark in MARKS if (record := last_record(mark))}
    screen.table(COLUMNS, [row_of(mark, record) for mark, record in records.items()])
    screen.result(
        {"records": {mark: dict(zip(COLUMNS, row_of(mark, record), strict=True)) for mark, record in records.items()}}
    )


@app.command
def race(
    recipe: Annotated[str, Parameter(help="A recipe's name, or its .toml file.")],
    mark: Annotated[str, Parameter(help="One of " + ", ".join(MARKS) + ".")],
    /,
    *,
    who: Annotated[str, Parameter(help="Whose record it would be.")],
    seeds: Annotated[int, Parameter(help="How many are trained.")] = SEEDS,
    out: Annotated[Path | None, given("Where the race is logged. [default: build/races/MARK-RECIPE]")] = None,
    records: Annotated[Path, Parameter(help="The folder of the records.")] = RECORDS,
    screen: Screen = PLAIN,
) -> None:
    """Train a recipe, for seconds in turn with the record of a mark; store it as the new record if it is one."""
    _, counts = mark_of(mark)
    loaded, before = Recipe.load(recipe), last_record(mark, records)
    # Parameters are counted; only times are compared in turn.
    rival = before.recipe if before and counts == "seconds" else None
    folder = out or ROOT / "build" / "races" / f"{mark}-{loaded.name}"
    made = _begin(
        folder, loaded, {"who": who, "when": _now(), "command": f"python -m lab.records race {recipe} {mark}"}
    )
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        for seed in range(seeds):
            for of, path, done in (("new", made.recipe, made.new), ("last", rival, made.last)):
                if path and seed not in done:
                    done[seed] = {"of": of, **one_seed(str(path), seed)}
                    log.write(json.dumps(done[seed]) + "\n")
                    log.flush()
                    screen.say(
                        f"seed {seed}, {of}: {100 * done[seed]['accuracy']:.2f} % after {done[seed]['seconds']:.2f} s"
                    )
    missing = shortcomings(made, mark, before)
    screen.table(COLUMNS, [row_of(mark, made)])
    if missing:
        screen.say("No record: " + "; ".join(missing))
    else:
        kept = records / mark / f"{made.header['when']}-{loaded.name}"
        shutil.copytree(folder, kept)
        screen.say(f"A record: {kept}")
    screen.result({"record": not missing, "missing": missing, "trainings": list(made.new.values())})


@app.command
def rerun(
    mark: Annotated[str, Parameter(help="One of " + ", ".join(MARKS) + ".")],
    /,
    *,
    seeds: Annotated[int, Parameter(help="How many are trained.")] = SEEDS,
    screen: Screen = PLAIN,
) -> None:
    """Train the record of a mark again, and show both."""
    mark_of(mark)
    record = last_record(mark)
    if record is None:
        raise UsageError(f"{mark} has no record yet: python -m lab.records race RECIPE {mark} --who NAME")
    again = Race(record.folder, {"who": "again", "when": _now(), **describe_environment()}, {}, {})
    for seed in range(seeds):
        again.new[seed] = one_seed(str(record.recipe), seed)
        screen.say(f"seed {seed}: {100 * again.new[seed]['accuracy']:.2f} % after {again.new[seed]['seconds']:.2f} s")
    screen.table(COLUMNS, [row_of(mark, record), row_of(mark, again)])
    screen.result({"trainings": list(again.new.values())})


def _begin(folder: Path, recipe: Recipe, header: dict[str, str]) -> Race:
    """A race that was stopped, or a new one. Raises `UsageError` where the folder holds one of another recipe."""
    text = recipe.to_toml()
    if not (folder / "log.jsonl").exists():
        write_text(folder / "recipe.toml", text)
        write_text(folder / "log.jsonl", json.dumps({**describe_environment(), **header}) + "\n")
    made = read_race(folder)
    if made.recipe.read_text("utf-8") != text:
        raise UsageError(f"{folder} holds a race of another recipe: give another folder, --out")
    if made.header["machine"] != describe_environment()["machine"]:
        raise UsageError(f"{folder} holds a race of another machine: give another folder, --out")
    return made


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S")


if __name__ == "__main__":
    main(command=app)
