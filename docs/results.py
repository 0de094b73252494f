"""lab/results -> the tables of docs/, in Markdown; those of recipes are in recipe_results.py."""

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

from lab import RESULTS
from lab.frameworks.framework_registry import FRAMEWORKS
from lab.runtimes.runtime_registry import RUNTIMES
from tenfold.evaluation.statistics import significant

Row = dict[str, Any]


def rows_of(name: str) -> list[Row]:
    rows: list[Row] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    return rows


def table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A Markdown table; numbers are right-aligned."""
    lines = ["| " + " | ".join(row) + " |" for row in (columns, *cells)]
    return "\n".join([lines[0], "|---|" + "---:|" * (len(columns) - 1), *lines[1:]])


def _frameworks(network: str, threads: int) -> list[Row]:
    rows = [row for row in rows_of("frameworks") if (row["network"], row["threads"]) == (network, threads)]
    return [row for row in rows if row["figures"]]


def _training(network: str, threads: int) -> str:
    rows = _frameworks(network, threads)
    best = rows[0]["figures"]["training_s"]["mean"]
    columns = ["", "training, s", "relative to the first", "rank", "to 97 %, s", "first step, s", "images/s", "test, %"]
    return table(columns, [
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
    return table(columns, [
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
    value = row["figures"][figure]
    return significant(factor * value["mean"]) + (f" ± {significant(factor * value['sd'], spread)}" if spread else "")


def _runtimes() -> str:
    columns = ["", "1 image, ms (over rounds)", "rank", "p99, ms", "images/s (a call)", "load, ms",
               "memory, MB (bare)", "file, kB", "installed, MB", "right, %", "same as float32, %",
               "largest difference"]  # fmt: skip

    def of(row: Row, figure: str, factor: float = 1, what: str = "median") -> str:
        return significant(factor * row["figures"][figure][what])

    return table(columns, [
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
        for row in rows_of("runtimes") if row["figures"]
    ])  # fmt: skip


# Assumed, and said to be where it is used: USD for a core and hour.
PRICE = 0.04


def result_of(name: str) -> Row:
    found: Row = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _sweeps() -> str:
    summary = result_of("sweep")["summary"]
    own = summary["ray's own seconds a trial, outside of training"]
    columns = ["24 trials", "the whole sweep, s", "times one process", "Ray's own time a trial, s"]
    return table(columns, [
        ["one process", f"{summary['seconds, one process']:.1f}", "", ""],
        ["two processes", f"{summary['seconds, two processes']:.1f}",
         f"{summary['rate of two processes, one is 1']:.2f}", ""],
        ["Ray, two CPUs", f"{summary['seconds, ray, two CPUs']:.1f}", f"{summary['rate on ray, one process is 1']:.2f}",
         f"{own:.2f}"],
    ])  # fmt: skip


_SOURCES = {
    "parquet": "Parquet, pixels",
    "idx": "IDX",
    "tars of png": "twelve tars of PNG",
    "folder of png": "a folder of PNG",
    "parquet, dark on bright": "Parquet, pixels, dark on bright",
}


def _bulk() -> str:
    cells = result_of("bulk")["cells"]
    columns = ["source", "images a second, 1 worker", "2 workers", "images for a second of a core, 1 worker"]
    rows = [
        [title, *(f"{cells[f'{name}, {workers} workers']['images_per_second']:,.0f}" for workers in (1, 2)),
         f"{_a_core(cells, name):,.0f}"]
        for name, title in _SOURCES.items()
    ]  # fmt: skip
    ray = f"{cells['parquet, ray']['images_per_second']:,.0f}"
    return table(columns, [*rows, ["Parquet, on Ray, two tasks at a time, the cluster up already", "", ray, ""]])


def _a_core(cells: Row, name: str) -> float:
    cell = cells[f"{name}, 1 workers"]
    images: float = cell["images"] / cell["cpu_seconds"]
    return images


def _bulk_memory() -> str:
    cells = result_of("bulk")["cells"]
    return table(["images", "Parquet", "a folder of PNG"], [
        [f"{images:,}", *(f"{cells[f'memory, {kind}, {images} images']['peak_pss_mb']:.0f} MB"
                          for kind in ("parquet", "folder"))]
        for images in (10_000, 100_000, 1_000_000)
    ])  # fmt: skip


def _paper(seconds: float) -> list[str]:
    """Core hours, minutes on 100 cores, and their price."""
    hours = seconds / 3600
    return [significant(hours), significant(60 * hours / 100), significant(hours * PRICE)]


def _billion() -> str:
    cells = result_of("bulk")["cells"]
    columns = ["a billion of", "images for a second of a core", "core hours", "on 100 cores, min", "USD"]
    names = {"parquet": "MNIST-made pixels in Parquet", "tars of png": "MNIST-made PNG in tars",
             "parquet, dark on bright": "28x28 of another form"}  # fmt: skip
    return table(columns, [
        [title, f"{_a_core(cells, name):,.0f}", *_paper(1e9 / _a_core(cells, name))] for name, title in names.items()
    ])  # fmt: skip


def _thousand() -> str:
    sweep = result_of("sweep")["summary"]
    trials = {"the tutorial's network, two epochs": sweep["seconds of a worker a trial, two processes"]}
    columns = ["a thousand trials of", "seconds of a core a trial", "core hours", "on 100 cores, min", "USD"]
    return table(columns, [[title, f"{t:,.1f}", *_paper(1000 * t)] for title, t in trials.items()])


def _layouts() -> str:
    """The layouts that tests/unit/data/test_layouts.py goes through."""
    from tests.unit.data.layouts import LAYOUTS

    return "\n".join(["| layout | what is done |", "|---|---|", *(f"| {one.shown} | {one.done} |" for one in LAYOUTS)])


def _numbers() -> str:
    """Tenfold on each set of whole numbers, and the share that each peer reads right."""
    results = result_of("numbers")["numbers"]
    peers = [name for name in dict.fromkeys(row["reader"] for row in results) if name != "tenfold"]
    right = {(row["reader"], row["name"]): row["right"] for row in results}
    columns = ["", "n", "digits right, %", "marks too, %", "unsure, %", "wrong and not unsure, %", "median, ms",
               *(f"{peer}: digits right, %" for peer in peers)]  # fmt: skip

    def share(value: float | None) -> str:
        return "" if value is None else f"{100 * value:.1f}"

    return table(columns, [
        [row["name"], f"{row['count']:,}", share(row["right"]), share(row["written"]), share(row["unsure"]),
         share(row["wrong_and_sure"]), f"{row['median_ms']:.0f}",
         *(share(right.get((peer, row["name"]))) for peer in peers)]
        for row in results if row["reader"] == "tenfold"
    ])  # fmt: skip


def _robustness() -> str:
    rows = result_of("robustness")["corruptions"]
    keys = ("error", "unsure", "confident_error", "plain_error")
    columns = ["corruption", "Reader misreads, %", "unsure, %", "wrong and not unsure, %", "plain CNN misreads, %"]
    return table(columns, [
        [row["name"], *(f"{100 * row[key]:.1f}" for key in keys)] for row in rows
    ])  # fmt: skip


TABLES: dict[str, Callable[[], str]] = {
    "runtimes": _runtimes, "sweeps": _sweeps, "bulk": _bulk, "bulk memory": _bulk_memory,
    "a billion images": _billion, "a thousand trials": _thousand, "layouts": _layouts,
    "numbers": _numbers, "robustness": _robustness,
}  # fmt: skip
for _network in ("mlp", "cnn"):
    for _threads in (1, 2):
        _name = f"{_network}, {_threads} thread{'s' if _threads > 1 else ''}"
        TABLES[_name] = functools.partial(_training, _network, _threads)
        TABLES[f"{_name}: costs"] = functools.partial(_costs, _network, _threads)
