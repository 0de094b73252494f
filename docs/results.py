"""benchmarks/results -> the tables of docs/, in Markdown."""

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tenfold.compare.frameworks.registry import FRAMEWORKS
from tenfold.compare.numbers import significant
from tenfold.compare.runtimes.registry import RUNTIMES

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
Row = dict[str, Any]


def _rows(name: str) -> list[Row]:
    rows: list[Row] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    return rows


def _table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Markdown; numbers stand at the right."""
    lines = ["| " + " | ".join(row) + " |" for row in (columns, *cells)]
    return "\n".join([lines[0], "|---|" + "---:|" * (len(columns) - 1), *lines[1:]])


def _frameworks(network: str, threads: int) -> list[Row]:
    rows = [row for row in _rows("frameworks") if (row["network"], row["threads"]) == (network, threads)]
    return [row for row in rows if row["figures"]]


def _training(network: str, threads: int) -> str:
    rows = _frameworks(network, threads)
    best = rows[0]["figures"]["training_s"]["mean"]
    columns = ["", "training, s", "times the first", "place", "to 97 %, s", "first step, s", "images/s", "test, %"]
    return _table(columns, [
        [
            FRAMEWORKS[row["framework"]].title,
            _mean(row, "training_s", spread=2),
            f"{row['figures']['training_s']['mean'] / best:.2f}",
            str(row["ahead"] + 1),
            _mean(row, "to_target_s"),
            significant(row["gate"]["first_step_s"]),
            _mean(row, "images_per_s"),
            f"{100 * row['figures']['test_accuracy']['mean']:.2f} ± {100 * row['figures']['test_accuracy']['sd']:.2f}",
        ]
        for row in rows
    ])  # fmt: skip


def _costs(network: str, threads: int) -> str:
    columns = ["", "import, s", "memory, MB", "1 image, ms", "1,024 images, ms", "of its product, %", "installed, MB"]
    return _table(columns, [
        [
            FRAMEWORKS[row["framework"]].title,
            _mean(row, "import_s"),
            _mean(row, "peak_bytes", 1e-6),
            _mean(row, "latency_1_ms"),
            _mean(row, "latency_1024_ms"),
            f"{100 * row['figures']['training_gflops']['mean'] / row['figures']['product_gflops']['mean']:.0f}",
            f"{row['installed_bytes'] / 1e6:,.0f}",
        ]
        for row in _frameworks(network, threads)
    ])  # fmt: skip


def _mean(row: Row, figure: str, factor: float = 1, spread: int = 0) -> str:
    if figure not in row["figures"]:
        return ""
    told = row["figures"][figure]
    return significant(factor * told["mean"]) + (f" ± {significant(factor * told['sd'], spread)}" if spread else "")


def _runtimes() -> str:
    columns = ["", "1 image, ms (over rounds)", "place", "p99, ms", "images/s (a call)", "load, ms",
               "memory, MB (bare)", "file, kB", "installed, MB", "right, %", "as float32, %",
               "largest difference"]  # fmt: skip

    def of(row: Row, figure: str, factor: float = 1, what: str = "median") -> str:
        return significant(factor * row["figures"][figure][what])

    return _table(columns, [
        [
            RUNTIMES[row["runtime"]].title,
            f"{of(row, 'latency_ms')} ({of(row, 'latency_ms', what='least')} to {of(row, 'latency_ms', what='most')})",
            str(row["place"]),
            of(row, "latency_p99_ms"),
            f"{of(row, 'images_per_s')} ({row['batch']})",
            of(row, "load_s", 1e3),
            f"{of(row, 'peak_bytes', 1e-6)} ({of(row, 'bare_bytes', 1e-6)})",
            f"{row['size_bytes'] / 1e3:.0f}",
            "" if row["installed_bytes"] is None else f"{row['installed_bytes'] / 1e6:,.0f}",
            f"{100 * row['gate']['accuracy']:.2f}",
            f"{100 * row['gate']['agreement']:.2f}",
            f"{row['gate']['difference']:.0e}",
        ]
        for row in _rows("runtimes") if row["figures"]
    ])  # fmt: skip


TABLES: dict[str, Callable[[], str]] = {"runtimes": _runtimes}
for _network in ("mlp", "cnn"):
    for _threads in (1, 2):
        _name = f"{_network}, {_threads} thread{'s' if _threads > 1 else ''}"
        TABLES[_name] = functools.partial(_training, _network, _threads)
        TABLES[f"{_name}: costs"] = functools.partial(_costs, _network, _threads)
