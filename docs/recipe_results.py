"""lab/results -> the tables of recipes: accuracy, time, comparisons with others."""

import functools
import json
import statistics
from collections.abc import Callable

from docs.results import Row, result_of, rows_of, table
from lab import RESULTS
from lab.records.record import COLUMNS, MARKS, last_record, row_of
from tenfold.evaluation.statistics import significant
from tenfold.training.recipe import Recipe

_RECIPES = {
    "sprint": ("sprint", "one epoch"),
    "dash": ("dash", "an epoch on all images, four on the hardest quarter"),
    "accurate": (
        "accurate",
        "an epoch on all images, eight on the hardest quarter; five shifted views",
    ),
    "ensemble": ("ensemble", "twelve networks, five shifted views of each image"),
    "small": ("small", "4,925 bytes of weights, 5,546 parameters"),
    "tiny": ("tiny", "1,493 parameters"),
    "micro": ("micro", "999 bytes of weights"),
}


def _seeds_of(file: str) -> list[Row]:
    """The seeds of a recipe that were measured."""
    lines = (RESULTS / f"recipe-{file}.jsonl").read_text(encoding="utf-8").splitlines()
    return [run for run in map(json.loads, lines) if "accuracy" in run]


def _recipes() -> str:
    """Each recipe's accuracy on the test images, over seeds, and its training time."""
    cells = []
    for file, (recipe, what) in _RECIPES.items():
        runs = _seeds_of(file)
        accuracies = [100 * run["accuracy"] for run in runs]
        seconds = [run["seconds"] for run in runs]
        least, middle, most = min(seconds), statistics.mean(seconds), max(seconds)
        cells.append([
            f"`{recipe}`: {what}", f"{statistics.mean(accuracies):.2f}", f"{statistics.stdev(accuracies):.2f}",
            f"{min(accuracies):.2f}", f"[{len(runs)}](../../lab/results/recipe-{file}.jsonl)",
            f"{significant(middle, 2)} ({significant(least, 2)} to {significant(most, 2)})",
        ])  # fmt: skip
    return table(["recipe", "test, %", "sd", "worst", "n", "training, s"], cells)


# Parameters of the examples, as their own files define the networks (lab/peers).
_EXAMPLES = {
    "PyTorch example": ("[PyTorch's MNIST example](https://github.com/pytorch/examples/tree/main/mnist)", 1_199_882),
    "Keras example": ("[Keras's convnet example](https://keras.io/examples/vision/mnist_convnet/)", 34_826),
}


def _readme() -> str:
    """Three recipes and the two examples, all on one machine."""
    rows = []
    for recipe in ("sprint", "dash", "accurate"):
        runs = _seeds_of(recipe)
        accuracies = [100 * run["accuracy"] for run in runs]
        rows.append([
            f"`{recipe}`: {_RECIPES[recipe][1]}",
            f"**{statistics.mean(accuracies):.2f} ± {statistics.stdev(accuracies):.2f}** ({len(runs)})",
            f"**{significant(statistics.mean(run['seconds'] for run in runs), 2)}**",
            f"{sum(layer.parameters for layer in Recipe.load(recipe).layers()):,}",
        ])  # fmt: skip
    for name, (title, parameters) in _EXAMPLES.items():
        found = result_of("time_to_accuracy")["targets"]["99"][name]
        rows.append([
            f"{title}, {found['epochs']} epochs", f"{found['accuracy']:.2f} ({found['n']})",
            significant(found["seconds"]), f"{parameters:,}",
        ])  # fmt: skip
    return table(["", "test accuracy, %: mean ± sd (n)", "training, s", "parameters"], rows)


def _small_data(name: str) -> str:
    """Classifiers on a small data set, the best first."""
    rows = [row for row in rows_of("small_data") if row["set"] == name]
    rows.sort(key=lambda row: -row["accuracy"])
    return table(["", "accuracy, %", "sd", "worst", "fit, s"], [
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
        values = [factor * seed[key] for seed in result_of("walk")["seeds"]]
        kept = (statistics.mean(values), statistics.stdev(values), worst(values))
        rows.append([title, *(f"{value:.{places}f}" for value in kept)])
    return table(columns, rows)


_PEERS = {
    "sprint": "`sprint`", "dash": "`dash`", "accurate": "`accurate`", "tutorial": "`tutorial`",
    "PyTorch example": "PyTorch's MNIST example", "Keras example": "Keras's convnet example",
    "scikit-learn MLP": "scikit-learn's `MLPClassifier`",
}  # fmt: skip


def _time_to_accuracy() -> str:
    """Median seconds of training to reach each accuracy."""
    targets = result_of("time_to_accuracy")["targets"]

    def cell(found: Row | None) -> str:
        if found is None:
            return ""
        epochs = found["epochs"]
        return f"{significant(found['seconds'])} ({epochs} epoch{'s' if epochs > 1 else ''}, {found['accuracy']:.2f} %)"

    rows = [[title, *(cell(target[name]) for target in targets.values())] for name, title in _PEERS.items()]
    return table(["seconds to reach", *(f"{target} %" for target in targets)], rows)


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
    return table(columns, [
        [f"`{row['label']}`" if name == "models" else row["label"], accuracy(row, "validation"), gain(row),
         accuracy(row, "test"), f"{row['parameters']:,}", f"{row['multiply_adds']:,}",
         significant(row["figures"]["seconds"]["mean"])]
        for row in rows_of(name)
    ])  # fmt: skip


def _headers() -> str:
    """The recipes for C headers: bytes of weights, and accuracy on the test images compiled and before."""
    rows = []
    for recipe in ("micro", "small"):
        runs = _seeds_of(recipe)
        compiled, trained = ([100 * run[key] for run in runs] for key in ("c_accuracy", "accuracy"))
        size = max(run["c_weight_bytes"] for run in runs)
        rows.append([
            f"`{recipe}`", f"{size:,}", f"{runs[0]['parameters']:,}", f"{statistics.mean(compiled):.2f}",
            f"{min(compiled):.2f}", f"{statistics.mean(trained):.2f}", str(len(runs)),
        ])  # fmt: skip
    return table(["recipe", "bytes of weights", "parameters", "in C, %", "worst", "run, %", "n"], rows)


def _records() -> str:
    """The records that lab/records holds."""
    records = [(mark, record) for mark in MARKS if (record := last_record(mark))]
    return table([*(column.removeprefix(">") for column in COLUMNS), "processor"], [
        [*row_of(mark, record), record.header["machine"]["processor"]] for mark, record in records
    ])  # fmt: skip


TABLES: dict[str, Callable[[], str]] = {
    "records": _records,
    "headers": _headers, "recipes": _recipes, "walk": _walk, "time to accuracy": _time_to_accuracy, "README": _readme,
    "small digits": functools.partial(_small_data, "scikit-learn's digits"),
    "small mnist": functools.partial(_small_data, "1,000 images of MNIST"),
    "models": functools.partial(_compared, "models", "recipe"),
    "remedies": functools.partial(_compared, "remedies", "change"),
}  # fmt: skip
