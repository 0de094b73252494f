"""Fifteen corruptions of MNIST's test images, through the Reader and through a plain CNN that gets the pixels as is.

    tenfold train cnn && python lab/benchmarks/robustness.py RUN

RUN is the plain CNN's run. It writes results/robustness.json and docs/pictures/robustness.png.
"""

import argparse
import json
from pathlib import Path

from lab.robustness import measure_robustness
from tenfold.reading.model_file import ModelFile
from tenfold.reading.reader import Reader
from tenfold.report.figures.comparison_figures import error_pairs
from tenfold.report.figures.figure_style import to_png
from tenfold.runs.environment import describe_environment

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a plain CNN's run")
    results = measure_robustness(Reader(), ModelFile(parser.parse_args().run / "model.onnx"))
    document = {"corruptions": [vars(result) for result in results], "environment": describe_environment()}
    (HERE / "results" / "robustness.json").write_text(json.dumps(document, indent=2) + "\n")
    spoilt = sorted(results[1:], key=lambda result: result.plain_error or 0)
    percent = [(r.name, 100 * r.error, 100 * (r.plain_error or 0)) for r in spoilt]
    rows = [("not spoilt", 100 * results[0].error, 100 * (results[0].plain_error or 0)), *percent]
    picture = to_png(lambda theme: error_pairs(rows, ("the Reader", "a plain CNN"), theme))
    (HERE.parent / "docs" / "pictures" / "robustness.png").write_bytes(picture)
    for name, ours, plain in rows:
        print(f"{name:16} {ours:6.2f} {plain:6.2f}")
    ours, plain = (sum(row[k] for row in rows[1:]) / len(spoilt) for k in (1, 2))
    print(f"{'mean of fifteen':16} {ours:6.2f} {plain:6.2f}   {ours / plain:.2f} of its errors")


if __name__ == "__main__":
    main()
