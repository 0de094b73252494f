"""A comparison of frameworks -> frameworks.html, one page that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path

from lab.frameworks.comparison import DIFFERENCES, Comparison, Row, accuracies_agree, scientific
from lab.frameworks.figure import Bar, Way, bars, ways
from lab.frameworks.measure import GRADIENTS, LOGITS, MOVEMENT, STEPS, TARGET_ACCURACY
from lab.frameworks.registry import FRAMEWORKS
from lab.frameworks.task import TASKS
from lab.frameworks.terminal import groups, of
from tenfold import files
from tenfold.errors import RunError
from tenfold.report.blocks import Code, Figure, Step, Table, Text, environment_table
from tenfold.report.page import render
from tenfold.report.pictures import Show, figure_maker
from tenfold.studies.numbers import percent, significant

METHOD = (
    "Every framework gets the same first weights from one file, the same images in the same order, cross-entropy, "
    "Adam and float32. Before any clock it must do the arithmetic of a reference in float64 that no framework had a "
    f"hand in: log-probabilities within {LOGITS:g}, every gradient within {GRADIENTS:g} of its norm, and after {STEPS} "
    f"steps nine weights in ten within {100 * MOVEMENT:g} % of the learning rate.",
    "Each training runs in a process of its own, pinned to its cores before anything is imported and told its threads "
    "through its own settings too. Frameworks take turns, seed by seed, so a slow minute slows all. The clock runs "
    "from before the network is built to the end of the last step, compiling included, and stops while accuracy is "
    "looked at. Importing is apart: beyond NumPy, which all of them need. The first step is that of a fresh process. "
    "Latency is from NumPy to NumPy. Memory is the most that was resident, with the training images (151 MB in "
    "float32).",
    "Adam's epsilon is 1e-12 for all: some add it to the root of the corrected second moment and some to that of the "
    "uncorrected, and with the usual 1e-8 they part after a few steps. Denormal numbers, which Adam's averages come to "
    "and processors are slow at, are rounded to zero for all, as some do by themselves. The product's rate is that of "
    "two float32 matrices of 1,024 by 1,024 in the same process; training's share of it counts the matrix products "
    "alone. The best is the fastest product of all of them, NumPy's among them.",
)


def write_page(comparison: Comparison, rows: Sequence[Row]) -> Path:
    """Writes `frameworks.html` and its figures into the comparison's folder, and returns the page's path.

    Raises `RunError` where nothing was measured.
    """
    measured = [row for row in rows if row.figures]
    if not measured:
        told = "; ".join(f"{FRAMEWORKS[row.framework].title}: {row.told}" for row in rows)
        raise RunError(f"{comparison.path}: no framework was measured: {told}")
    show = figure_maker(comparison.path / "figures")
    steps = [_setup(title, group, show) for title, group in groups(rows)]
    quickest = measured[0]
    seconds = quickest.figures["training_s"].mean
    slowest = max(
        (row for row in measured if (row.network, row.threads) == (quickest.network, quickest.threads)),
        key=lambda row: row.figures["training_s"].mean,
    )
    title = FRAMEWORKS[quickest.framework].title
    return files.write_text(
        comparison.path / "frameworks.html",
        render(
            title="Compared: frameworks",
            kicker=comparison.path.name,
            value=f"{significant(seconds)}\u202fs",
            what=f"for the whole training of {quickest.network} by {title}, the quickest here",
            lead=f"The slowest, {FRAMEWORKS[slowest.framework].title}, takes "
            f"{significant(slowest.figures['training_s'].mean / seconds, 2)} times as long for the same weights, but "
            "for rounding. All of them passed the same gate first.",
            facts={
                "frameworks": f"{len({row.framework for row in measured})} measured",
                "networks": ", ".join(comparison.plan.networks),
                "threads": ", ".join(map(str, comparison.plan.threads)),
                "seeds of each": f"{comparison.plan.seeds}",
            },
            steps=[*steps, _gate(rows), _method(comparison)],
            footer="Every figure above was measured in this comparison, in processes that took turns.",
        ),
    )


def _setup(title: str, rows: list[Row], show: Show) -> Step:
    good = [row for row in rows if row.figures]
    task = TASKS[rows[0].network]
    name = title.replace(", ", "-").replace(" ", "-")
    told = f"{_network(task.network)}; batches of {task.batch_size}, {task.epochs} epochs of 48,000 images."
    step = Step(name, title, [Text(told)])
    if good:
        step.blocks.append(_times(name, good, show))
        step.blocks.append(_times_table(good, rows))
        if any(accuracies_agree(row, rows) is False for row in good):
            step.blocks.append(Text("* further from the mean of all than their spread over seeds explains."))
        step.blocks.append(_costs(name, good, show))
        step.blocks.append(_costs_table(good))
        step.blocks.append(_ceiling_table(good))
    if left := [f"{FRAMEWORKS[row.framework].title}: {row.status}, {row.told}" for row in rows if row.told]:
        step.blocks.append(Text("Not as planned: " + "; ".join(left) + "."))
    return step


def _times(name: str, rows: list[Row], show: Show) -> Figure:
    lines = [
        Way(
            FRAMEWORKS[row.framework].title,
            row.figures["to_target_s"].mean if "to_target_s" in row.figures else None,
            row.figures["training_s"].mean,
            row.figures["training_s"].interval,
            row.framework == "tenfold",
        )
        for row in rows
    ]
    target = f"{100 * TARGET_ACCURACY:g} % of the validation images"
    return show(
        f"{name}-times",
        "Whole training and the way to it, means over seeds; the broad line is the mean's 95 % interval.",
        lambda theme: ways(lines, target, theme),
    )


def _times_table(rows: list[Row], everyone: list[Row]) -> Table:
    first = rows[0].figures["training_s"].mean
    cells = [
        [
            _name(row),
            of(row.figures["training_s"], deviation=True),
            f"{row.figures['training_s'].mean / first:.2f}",
            "" if row.ahead is None else f"{row.ahead + 1}",
            of(row.figures.get("to_target_s")),
            significant(row.gate["first_step_s"]),
            percent(row.figures["test_accuracy"]) + ("*" if accuracies_agree(row, everyone) is False else ""),
        ]
        for row in rows
    ]
    return Table(
        ["", ">training, s", ">times first", ">place", ">to 97 %, s", ">first step, s", ">test, %"], cells
    )  # fmt: skip


def _costs(name: str, rows: list[Row], show: Show) -> Figure:
    def panel(figure: str, factor: float, unit: str, down: bool) -> list[Bar]:
        values = [(row, factor * row.figures[figure].mean) for row in rows]
        ordered = sorted(values, key=lambda pair: pair[1] if down else -pair[1])
        return [
            Bar(FRAMEWORKS[row.framework].title, value, f"{significant(value)}{unit}", row.framework == "tenfold")
            for row, value in ordered
        ]

    panels = [
        ("training, images a second: more is better", panel("images_per_s", 1, "", False)),
        ("reading one image, ms: less is better", panel("latency_1_ms", 1, "", True)),
        ("reading 1,024 images, ms: less is better", panel("latency_1024_ms", 1, "", True)),
        ("memory, MB: less is better", panel("peak_bytes", 1e-6, "", True)),
    ]
    return show(
        f"{name}-costs",
        "Steady throughput after the first epoch, latency of a prediction, and the most memory. Bars begin at zero.",
        lambda theme: bars(panels, theme),
    )


def _costs_table(rows: list[Row]) -> Table:
    cells = [
        [
            _name(row),
            of(row.figures["import_s"]),
            of(row.figures["images_per_s"]),
            of(row.figures["latency_1_ms"]),
            of(row.figures["latency_1024_ms"]),
            of(row.figures["peak_bytes"], 1e-6),
            significant(row.installed_bytes / 1e6),
        ]
        for row in rows
    ]
    return Table(["", ">import, s", ">images/s", ">1 image, ms", ">1,024, ms", ">memory, MB", ">installed, MB"], cells)


def _ceiling_table(rows: list[Row]) -> Table:
    """How much of the machine's rate of multiplication a training gets."""
    best = max(row.figures[product].mean for row in rows for product in ("product_gflops", "numpy_product_gflops"))
    cells = []
    for row in rows:
        rate, product = row.figures["training_gflops"].mean, row.figures["product_gflops"].mean
        shares = [f"{100 * rate / product:.0f}", f"{100 * rate / best:.0f}"]
        cells.append([_name(row), significant(rate), significant(product), *shares])
    return Table(["", ">training, GFLOPS", ">its product, GFLOPS", ">share of it, %", ">of the best, %"], cells)


def _name(row: Row) -> str:
    """For narrow columns: no line ends within a name."""
    return FRAMEWORKS[row.framework].title.replace("-", "\u2011").replace(" ", "\u00a0")


def _gate(rows: Sequence[Row]) -> Step:
    cells = [
        [
            _name(row),
            f"{row.network}, {row.threads}",
            row.gate["status"],
            *(scientific(row.gate[name], 2) if name in row.gate else "" for name in DIFFERENCES),
            ", ".join(f"{name} {version}" for name, version in row.versions.items()),
        ]
        for row in rows
    ]
    return Step(
        "gate",
        "The gate",
        [
            Text("How far each is from the reference: see the method below for what the three mean."),
            Table(["", "network, threads", "", ">logits", ">gradients", ">movement", "versions"], cells),
        ],
    )


def _method(comparison: Comparison) -> Step:
    return Step(
        "method",
        "Method",
        [
            *(Text(paragraph) for paragraph in METHOD),
            Code(comparison.environment["command"]),
            environment_table(comparison.environment),
        ],
    )


def _network(name: str) -> str:
    if name == "mlp":
        return "784-128-64-10 with ReLU"
    return "Two 3x3 convolutions with 16 and 32 channels, each with ReLU and 2x2 pooling, and a dense layer"
