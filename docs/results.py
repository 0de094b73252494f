"""lab/results -> the tables of docs/, in Markdown."""

import functools
import json
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from lab import RESULTS
from lab.frameworks.framework_registry import FRAMEWORKS
from lab.runtimes.runtime_registry import RUNTIMES
from tenfold.evaluation.statistics import significant
from tenfold.training.recipe import Recipe

Row = dict[str, Any]


def _rows(name: str) -> list[Row]:
    rows: list[Row] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    return rows


def _table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A Markdown table; numbers are right-aligned."""
    lines = ["| " + " | ".join(row) + " |" for row in (columns, *cells)]
    return "\n".join([lines[0], "|---|" + "---:|" * (len(columns) - 1), *lines[1:]])


def _frameworks(network: str, threads: int) -> list[Row]:
    rows = [row for row in _rows("frameworks") if (row["network"], row["threads"]) == (network, threads)]
    return [row for row in rows if row["figures"]]


def _training(network: str, threads: int) -> str:
    rows = _frameworks(network, threads)
    best = rows[0]["figures"]["training_s"]["mean"]
    columns = ["", "training, s", "relative to the first", "rank", "to 97 %, s", "first step, s", "images/s", "test, %"]
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
    value = row["figures"][figure]
    return significant(factor * value["mean"]) + (f" ± {significant(factor * value['sd'], spread)}" if spread else "")


def _runtimes() -> str:
    columns = ["", "1 image, ms (over rounds)", "rank", "p99, ms", "images/s (a call)", "load, ms",
               "memory, MB (bare)", "file, kB", "installed, MB", "right, %", "same as float32, %",
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


# Assumed, and said to be where it is used: USD for a core and hour.
PRICE = 0.04


def _result(name: str) -> Row:
    found: Row = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _sweeps() -> str:
    summary = _result("sweep")["summary"]
    own = summary["ray's own seconds a trial, outside of training"]
    columns = ["24 trials", "the whole sweep, s", "times one process", "Ray's own time a trial, s"]
    return _table(columns, [
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
    cells = _result("bulk")["cells"]
    columns = ["source", "images a second, 1 worker", "2 workers", "images for a second of a core, 1 worker"]
    rows = [
        [title, *(f"{cells[f'{name}, {workers} workers']['images_per_second']:,.0f}" for workers in (1, 2)),
         f"{_a_core(cells, name):,.0f}"]
        for name, title in _SOURCES.items()
    ]  # fmt: skip
    ray = f"{cells['parquet, ray']['images_per_second']:,.0f}"
    return _table(columns, [*rows, ["Parquet, on Ray, two tasks at a time, the cluster up already", "", ray, ""]])


def _a_core(cells: Row, name: str) -> float:
    cell = cells[f"{name}, 1 workers"]
    images: float = cell["images"] / cell["cpu_seconds"]
    return images


def _bulk_memory() -> str:
    cells = _result("bulk")["cells"]
    return _table(["images", "Parquet", "a folder of PNG"], [
        [f"{images:,}", *(f"{cells[f'memory, {kind}, {images} images']['peak_pss_mb']:.0f} MB"
                          for kind in ("parquet", "folder"))]
        for images in (10_000, 100_000, 1_000_000)
    ])  # fmt: skip


def _paper(seconds: float) -> list[str]:
    """Core hours, minutes on 100 cores, and their price."""
    hours = seconds / 3600
    return [significant(hours), significant(60 * hours / 100), significant(hours * PRICE)]


def _billion() -> str:
    cells = _result("bulk")["cells"]
    columns = ["a billion of", "images for a second of a core", "core hours", "on 100 cores, min", "USD"]
    names = {"parquet": "MNIST-made pixels in Parquet", "tars of png": "MNIST-made PNG in tars",
             "parquet, dark on bright": "28x28 of another form"}  # fmt: skip
    return _table(columns, [
        [title, f"{_a_core(cells, name):,.0f}", *_paper(1e9 / _a_core(cells, name))] for name, title in names.items()
    ])  # fmt: skip


def _thousand() -> str:
    sweep = _result("sweep")["summary"]
    trials = {"the tutorial's network, two epochs": sweep["seconds of a worker a trial, two processes"]}
    columns = ["a thousand trials of", "seconds of a core a trial", "core hours", "on 100 cores, min", "USD"]
    return _table(columns, [[title, f"{t:,.1f}", *_paper(1000 * t)] for title, t in trials.items()])


def _layouts() -> str:
    """The layouts that tests/unit/data/test_layouts.py goes through."""
    from tests.unit.data.layouts import LAYOUTS

    return "\n".join(["| layout | what is done |", "|---|---|", *(f"| {one.shown} | {one.done} |" for one in LAYOUTS)])


def _numbers() -> str:
    """Tenfold on each set of whole numbers, and the share that each peer reads right."""
    results = _result("numbers")["numbers"]
    peers = [name for name in dict.fromkeys(row["reader"] for row in results) if name != "tenfold"]
    right = {(row["reader"], row["name"]): row["right"] for row in results}
    columns = ["", "n", "digits right, %", "marks too, %", "unsure, %", "wrong and not unsure, %", "median, ms",
               *(f"{peer}: digits right, %" for peer in peers)]  # fmt: skip

    def share(value: float | None) -> str:
        return "" if value is None else f"{100 * value:.1f}"

    return _table(columns, [
        [row["name"], f"{row['count']:,}", share(row["right"]), share(row["written"]), share(row["unsure"]),
         share(row["wrong_and_sure"]), f"{row['median_ms']:.0f}",
         *(share(right.get((peer, row["name"]))) for peer in peers)]
        for row in results if row["reader"] == "tenfold"
    ])  # fmt: skip


_RECIPES = {
    "sprint": ("sprint", "one epoch"),
    "sprint-epyc": ("sprint", "the same, EPYC"),
    "dash": ("dash", "three epochs"),
    "dash-epyc": ("dash", "the same, EPYC"),
    "accurate": ("accurate", "six epochs at full resolution, five shifted views of each image; EPYC"),
    "ensemble": ("ensemble", "twelve networks, five shifted views of each image"),
    "small": ("small", "5,546 parameters; EPYC"),
    "tiny": ("tiny", "1,493 parameters"),
}


def _recipes() -> str:
    """Each recipe's accuracy on the test images, over seeds, and its training time."""
    cells = []
    for file, (recipe, what) in _RECIPES.items():
        lines = (RESULTS / f"recipe-{file}.jsonl").read_text(encoding="utf-8").splitlines()
        runs = [run for run in map(json.loads, lines) if "accuracy" in run]
        accuracies = [100 * run["accuracy"] for run in runs]
        seconds = [run["seconds"] for run in runs]
        least, middle, most = min(seconds), statistics.mean(seconds), max(seconds)
        cells.append([
            f"`{recipe}`: {what}", f"{statistics.mean(accuracies):.2f}", f"{statistics.stdev(accuracies):.2f}",
            f"{min(accuracies):.2f}", str(len(runs)),
            f"{significant(middle, 2)} ({significant(least, 2)} to {significant(most, 2)})",
        ])  # fmt: skip
    return _table(["recipe", "test, %", "sd", "worst", "n", "training, s"], cells)


# Parameters of the examples, as their own files define the networks (lab/peers).
_EXAMPLES = {
    "PyTorch example": ("[PyTorch's MNIST example](https://github.com/pytorch/examples/tree/main/mnist)", 1_199_882),
    "Keras example": ("[Keras's convnet example](https://keras.io/examples/vision/mnist_convnet/)", 34_826),
}


def _readme() -> str:
    """Three recipes and the two examples, all on one machine."""
    rows = []
    for recipe, file in (("sprint", "sprint-epyc"), ("dash", "dash-epyc"), ("accurate", "accurate")):
        lines = (RESULTS / f"recipe-{file}.jsonl").read_text(encoding="utf-8").splitlines()
        runs = [run for run in map(json.loads, lines) if "accuracy" in run]
        accuracies = [100 * run["accuracy"] for run in runs]
        rows.append([
            f"`{recipe}`: {_RECIPES[file][1] if recipe == 'accurate' else _RECIPES[recipe][1]}".removesuffix("; EPYC"),
            f"**{statistics.mean(accuracies):.2f} ± {statistics.stdev(accuracies):.2f}** ({len(runs)})",
            f"**{significant(statistics.mean(run['seconds'] for run in runs), 2)}**",
            f"{sum(layer.parameters for layer in Recipe.load(recipe).layers()):,}",
        ])  # fmt: skip
    for name, (title, parameters) in _EXAMPLES.items():
        found = _result("time_to_accuracy")["targets"]["99"][name]
        rows.append([
            f"{title}, {found['epochs']} epochs", f"{found['accuracy']:.2f} ({found['n']})",
            significant(found["seconds"]), f"{parameters:,}",
        ])  # fmt: skip
    return _table(["", "test accuracy, %: mean ± sd (n)", "training, s", "parameters"], rows)


def _small_data(name: str) -> str:
    """Classifiers on a small data set, the best first."""
    rows = [row for row in _rows("small_data") if row["set"] == name]
    rows.sort(key=lambda row: -row["accuracy"])
    return _table(["", "accuracy, %", "sd", "worst", "fit, s"], [
        [
            f"`{row['classifier']}`", f"{100 * row['accuracy']:.2f}", f"{100 * row['sd']:.2f}",
            f"{100 * row['worst']:.2f}", significant(row["seconds"], 2),
        ]
        for row in rows
    ])  # fmt: skip


def _walk() -> str:
    """The tutorial's five seeds on both machines."""
    columns = ["", "mean", "sd", "worst"]
    figures = [
        ("test accuracy, 10,000 images, %", "test_accuracy", 100, 2, min),
        ("training accuracy, 10,000 of the images trained on, %", "train_accuracy", 100, 2, min),
        ("training, s", "training_seconds", 1, 1, max),
        ("the whole walk, including figures and report, s", "walk_seconds", 1, 1, max),
        ("peak memory, MB", "peak_memory_mb", 1, 0, max),
        ("weights, MB", "model_bytes", 1e-6, 2, max),
    ]  # fmt: skip
    rows = []
    for title, key, factor, places, worst in figures:
        values = [factor * seed[key] for seed in _result("walk")["seeds"]]
        kept = (statistics.mean(values), statistics.stdev(values), worst(values))
        rows.append([title, *(f"{value:.{places}f}" for value in kept)])
    return _table(columns, rows)


_PEERS = {
    "sprint": "`sprint`", "dash": "`dash`", "accurate": "`accurate`", "tutorial": "`tutorial`",
    "PyTorch example": "PyTorch's MNIST example", "Keras example": "Keras's convnet example",
    "scikit-learn MLP": "scikit-learn's `MLPClassifier`",
}  # fmt: skip


def _time_to_accuracy() -> str:
    """Median seconds of training to reach each accuracy."""
    targets = _result("time_to_accuracy")["targets"]

    def cell(found: Row | None) -> str:
        if found is None:
            return ""
        epochs = found["epochs"]
        return f"{significant(found['seconds'])} ({epochs} epoch{'s' if epochs > 1 else ''}, {found['accuracy']:.2f} %)"

    rows = [[title, *(cell(target[name]) for target in targets.values())] for name, title in _PEERS.items()]
    return _table(["seconds to reach", *(f"{target} %" for target in targets)], rows)


def _compared(name: str, first: str) -> str:
    """A comparison of recipes: the spread of each over seeds, on validation and, for the record, test images."""

    def accuracy(row: Row, kind: str) -> str:
        figure = row["figures"][f"{kind}_accuracy"]
        return f"{100 * figure['mean']:.2f} ± {100 * figure['sd']:.2f}"

    def gain(row: Row) -> str:
        if row["difference"] is None:
            return ""
        stars = "" if row["p_family"] is None else f" (p {row['p_family']:.2g})"
        return f"{100 * row['difference']['mean']:+.2f}{stars}"

    columns = [first, "validation, %", "difference, points", "test, %", "parameters", "multiply-adds", "training, s"]
    return _table(columns, [
        [f"`{row['label']}`" if name == "models" else row["label"], accuracy(row, "validation"), gain(row),
         accuracy(row, "test"), f"{row['parameters']:,}", f"{row['multiply_adds']:,}",
         significant(row["figures"]["seconds"]["mean"])]
        for row in _rows(name)
    ])  # fmt: skip


def _robustness() -> str:
    rows = _result("robustness")["corruptions"]
    return _table(["corruption", "Reader misreads, %", "unsure, %", "plain CNN misreads, %"], [
        [row["name"], *(f"{100 * row[key]:.1f}" for key in ("error", "unsure", "plain_error"))] for row in rows
    ])  # fmt: skip


TABLES: dict[str, Callable[[], str]] = {
    "runtimes": _runtimes, "sweeps": _sweeps, "bulk": _bulk, "bulk memory": _bulk_memory,
    "a billion images": _billion, "a thousand trials": _thousand, "layouts": _layouts,
    "numbers": _numbers, "recipes": _recipes, "walk": _walk, "time to accuracy": _time_to_accuracy,
    "README": _readme, "small digits": functools.partial(_small_data, "scikit-learn's digits"),
    "small mnist": functools.partial(_small_data, "1,000 images of MNIST"),
    "models": functools.partial(_compared, "models", "recipe"),
    "remedies": functools.partial(_compared, "remedies", "change"), "robustness": _robustness,
}  # fmt: skip
for _network in ("mlp", "cnn"):
    for _threads in (1, 2):
        _name = f"{_network}, {_threads} thread{'s' if _threads > 1 else ''}"
        TABLES[_name] = functools.partial(_training, _network, _threads)
        TABLES[f"{_name}: costs"] = functools.partial(_costs, _network, _threads)
