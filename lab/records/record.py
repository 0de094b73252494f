"""What a record is, and when one is new."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import ttest_1samp, ttest_rel

from tenfold.errors import UsageError, nearest
from tenfold.evaluation.statistics import Spread, spread

RECORDS = Path(__file__).parent
# Percent of the test images, and what counts there: the less, the better.
MARKS = {
    "99.0-seconds": (99.0, "seconds"),
    "99.5-seconds": (99.5, "seconds"),
    "99.7-seconds": (99.7, "seconds"),
    "99.0-parameters": (99.0, "parameters"),
    "99.4-parameters": (99.4, "parameters"),
}
# Seeds that a record has at least, and what p values stay below.
SEEDS, P_VALUE = 20, 0.01

# The mean with half its 95 % interval.
COLUMNS = ["mark", "record", "who", ">n", ">accuracy, %", ">seconds", ">parameters"]

Training = dict[str, Any]


@dataclass(frozen=True)
class Race:
    """A recipe's trainings, and those of the last record in turn with it, if there was one; both by seed.

    header: who, when and on what machine.
    """

    folder: Path
    header: dict[str, Any]
    new: dict[int, Training]
    last: dict[int, Training]

    @property
    def recipe(self) -> Path:
        return self.folder / "recipe.toml"

    def values(self, key: str) -> Spread:
        """The spread of one of a training's figures over the recipe's seeds."""
        return spread([float(training[key]) for training in self.new.values()])


def read_race(folder: Path) -> Race:
    """Reads a race from its `log.jsonl`, whose last line may be cut short."""
    header, *lines = (folder / "log.jsonl").read_text("utf-8").splitlines(keepends=True)
    trainings = [json.loads(line) for line in lines if line.endswith("\n")]
    new, last = ({t["seed"]: t for t in trainings if t["of"] == of} for of in ("new", "last"))
    return Race(folder, json.loads(header), new, last)


def mark_of(name: str) -> tuple[float, str]:
    """Percent, and what counts. Raises `UsageError` for another name."""
    if name not in MARKS:
        raise UsageError(f"{name} is no mark{nearest(name, MARKS)}")
    return MARKS[name]


def last_record(mark: str, records: Path = RECORDS) -> Race | None:
    """The record of a mark, whose folders begin with their dates and times; None before the first."""
    folders = sorted((records / mark).glob("*/log.jsonl"))
    return read_race(folders[-1].parent) if folders else None


def shortcomings(race: Race, mark: str, before: Race | None) -> list[str]:
    """What a race lacks to be the record of a mark, after the record `before`; empty for a record."""
    percent, counts = mark_of(mark)
    found = []
    seeds = sorted(race.new)
    if len(seeds) < SEEDS:
        found.append(f"{len(seeds)} seeds, of {SEEDS}")
    accuracies = [100 * race.new[seed]["accuracy"] for seed in seeds]
    p = float(ttest_1samp(accuracies, percent, alternative="greater").pvalue) if len(seeds) > 1 else 1.0
    if not p < P_VALUE:
        found.append(f"a mean of {sum(accuracies) / max(1, len(seeds)):.3f} %, above {percent} % with p = {p:.2g}")
    if before is None:
        return found
    if counts == "parameters":
        least, most = (spread([t[counts] for t in b.new.values()]) for b in (race, before))
        if not least.mean < most.mean:
            found.append(f"{least.mean:,.0f} parameters; the record has {most.mean:,.0f}")
        return found
    shared = [seed for seed in seeds if seed in race.last]
    new, last = ([b[seed][counts] for seed in shared] for b in (race.new, race.last))
    p = float(ttest_rel(new, last, alternative="less").pvalue) if len(shared) > 1 else 1.0
    if len(shared) < SEEDS or not p < P_VALUE:
        found.append(f"faster than the last record in {len(shared)} trainings in turn, with p = {p:.2g}")
    return found


def row_of(mark: str, race: Race) -> list[str]:
    """A row of a table with `COLUMNS`."""
    accuracy, seconds, parameters = (race.values(key) for key in ("accuracy", "seconds", "parameters"))
    low, high = accuracy.interval or (accuracy.mean, accuracy.mean)
    return [
        mark, race.folder.name, race.header["who"], str(accuracy.n),
        f"{100 * accuracy.mean:.3f} ±{50 * (high - low):.3f}", f"{seconds.mean:.2f}", f"{parameters.mean:,.0f}",
    ]  # fmt: skip
