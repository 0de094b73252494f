"""Ships what `tenfold compare remedies` measured, for `tenfold diagnose` to cite.

    tenfold compare remedies --seeds 5
    python benchmarks/remedies.py runs/...-compare-remedies

Writes src/tenfold/evaluation/remedies.json, and keeps the whole comparison as results/remedies.json.
"""

import json
import sys
from pathlib import Path

from tenfold.compare.choices import REMEDIES, flags_of

ROOT = Path(__file__).parent.parent


def main() -> None:
    document = json.loads(Path(sys.argv[1], "compare.json").read_text())
    measured = {
        flags_of(REMEDIES[row["label"]]): {key: row["difference"][key] for key in ("n", "mean", "interval", "stands")}
        for row in document["rows"][1:]
    }
    shipped = {"network": "the tutorial's network", "remedies": measured}
    (ROOT / "src/tenfold/evaluation/remedies.json").write_text(json.dumps(shipped, indent=2) + "\n")
    (ROOT / "benchmarks/results/remedies.json").write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
