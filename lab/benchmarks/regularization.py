"""Stores the results of `tenfold compare remedies` in the package, for `tenfold diagnose` to cite.

    tenfold compare remedies --seeds 5
    python -m lab.benchmarks.regularization runs/...-compare-remedies

Copies the comparison to results/remedies.json, and derives src/tenfold/evaluation/remedies.json and
docs/pictures/remedies.png from it. Without a folder it derives them from the existing copy.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab import PICTURES, RESULTS, ROOT
from tenfold.report.figures.comparison_figures import Bar, differences
from tenfold.report.figures.figure_style import to_png
from tenfold.studies.study_recipes import REMEDIES

KEPT = RESULTS / "remedies.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("comparison", type=Path, nargs="?", help="the folder of a tenfold compare remedies")
    if folder := parser.parse_args().comparison:
        KEPT.write_text((folder / "compare.json").read_text())
    rows = [row for row in json.loads(KEPT.read_text())["rows"] if row["difference"]]
    rows.sort(key=lambda row: -row["difference"]["mean"])
    measured = {
        flags_of(REMEDIES[row["label"]]): {key: row["difference"][key] for key in ("n", "mean", "interval", "stands")}
        for row in rows
    }
    shipped = {"network": "the tutorial's network", "remedies": measured}
    (ROOT / "src/tenfold/evaluation/remedies.json").write_text(json.dumps(shipped, indent=2) + "\n")
    bars = [bar(row["label"], **row["difference"]) for row in rows]
    picture = to_png(lambda theme: differences(bars, "validation accuracy", theme))
    (PICTURES / "remedies.png").write_bytes(picture)


def bar(label: str, mean: float, interval: list[float], stands: bool, **_: object) -> Bar:
    return Bar(label, 100 * mean, (100 * interval[0], 100 * interval[1]), stands)


def flags_of(changes: Mapping[str, Any]) -> str:
    """The changes as flags: `{"dropout": 0.2}` -> `--dropout 0.2`."""
    words = []
    for key, value in changes.items():
        flag = "--" + key.replace("_", "-")
        if value is True:
            words.append(flag)
        elif isinstance(value, list):
            words.append(f"{flag} {','.join(map(str, value))}")
        else:
            words.append(f"{flag} {value:g}" if isinstance(value, float) else f"{flag} {value}")
    return " ".join(words)


if __name__ == "__main__":
    main()
