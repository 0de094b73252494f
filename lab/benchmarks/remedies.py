"""Ships what `tenfold compare remedies` measured, for `tenfold diagnose` to cite.

    tenfold compare remedies --seeds 5
    python lab/benchmarks/remedies.py runs/...-compare-remedies

Keeps the whole comparison as results/remedies.json, and makes of it src/tenfold/evaluation/remedies.json and
docs/pictures/remedies.png. Without a folder it makes them of what was kept.
"""

import json
import sys
from pathlib import Path

from tenfold.report.figures.comparison_figures import Bar, differences
from tenfold.report.figures.figure_style import to_png
from tenfold.studies.choices import REMEDIES, flags_of

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "benchmarks" / "results" / "remedies.json"


def main() -> None:
    if len(sys.argv) > 1:
        KEPT.write_text(Path(sys.argv[1], "compare.json").read_text())
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
    (ROOT / "docs/pictures/remedies.png").write_bytes(picture)


def bar(label: str, mean: float, interval: list[float], stands: bool, **_: object) -> Bar:
    return Bar(label, 100 * mean, (100 * interval[0], 100 * interval[1]), stands)


if __name__ == "__main__":
    main()
