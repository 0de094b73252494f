"""The HTML report of a comparison of frameworks."""

from collections.abc import Sequence
from pathlib import Path

from lab.comparison_folder import measured
from lab.frameworks.framework_comparison import (
    DIFFERENCES,
    FrameworkComparison,
    FrameworkResult,
    accuracies_agree,
    scientific,
)
from lab.frameworks.framework_figures import LabeledBar, TrainingTime, bar_panels, training_times
from lab.frameworks.framework_measurement import GRADIENTS, LOGITS, MOVEMENT, STEPS, TARGET_ACCURACY
from lab.frameworks.framework_registry import FRAMEWORKS
from lab.frameworks.framework_tables import groups, of
from lab.frameworks.framework_task import TASKS
from lab.report_blocks import CodeBlock, Figure, Paragraph, Section, Table, write_block_report
from tenfold.evaluation.statistics import percent, significant
from tenfold.report.html_report import environment_rows

METHOD = (
    "Every framework starts from the same initial weights, read from one file, and gets the same images in the same "
    "order, with cross-entropy, Adam and float32. Before anything is timed, it must match an independent float64 "
    f"reference: log-probabilities within {LOGITS:g}, every gradient within {GRADIENTS:g} of its norm, and after "
    f"{STEPS} steps nine weights in ten within {100 * MOVEMENT:g} % of the learning rate.",
    "Each training runs in a process of its own, pinned to its cores before anything is imported; the number of "
    "threads is also set through the framework's own settings. Frameworks are interleaved, seed by seed, so that a "
    "slow minute of the machine affects all of them. The clock starts before the network is built and stops at the end "
    "of the last step, compilation included; it is paused while accuracy is evaluated. Import time is measured "
    "separately, without NumPy, which all of them need. The first step is that of a fresh process. Latency is measured "
    "from NumPy arrays to NumPy arrays. Memory is the peak resident set, including the training images (151 MB in "
    "float32).",
    "Adam's epsilon is 1e-12 for all: some frameworks add it to the square root of the corrected second moment and "
    "some to that of the uncorrected one, and with the usual 1e-8 the results differ after a few steps. Denormal "
    "numbers, which occur in Adam's averages and which processors handle slowly, are flushed to zero for all, as some "
    "frameworks do by default. The matrix product rate is that of two float32 matrices of 1,024 by 1,024 in the same "
    "process; the share that training reaches counts its matrix products only. The best rate is the fastest of all "
    "frameworks, NumPy's included.",
)


def write_framework_report(comparison: FrameworkComparison, rows: Sequence[FrameworkResult]) -> Path:
    """Writes `frameworks.html` and its figures into the comparison's folder; returns the report's path.

    Raises `RunError` when nothing was measured.
    """
    reasons = [f"{FRAMEWORKS[row.framework].title}: {row.reason}" for row in rows]
    good = measured(comparison.path, "framework", rows, reasons)
    sections = [_setup(title, group) for title, group in groups(rows)]
    quickest = good[0]
    seconds = quickest.figures["training_s"].mean
    slowest = max(
        (row for row in good if (row.network, row.threads) == (quickest.network, quickest.threads)),
        key=lambda row: row.figures["training_s"].mean,
    )
    title = FRAMEWORKS[quickest.framework].title
    return write_block_report(
        comparison.path / "frameworks.html",
        title="Comparison of frameworks",
        kicker=comparison.path.name,
        value=f"{significant(seconds)}\u202fs",
        what=f"for the complete training of {quickest.network} with {title}, the fastest framework",
        lead=f"The slowest, {FRAMEWORKS[slowest.framework].title}, takes "
        f"{significant(slowest.figures['training_s'].mean / seconds, 2)} times as long, for the same weights up to "
        "rounding errors. All frameworks passed the same correctness check first.",
        facts={
            "frameworks": f"{len({row.framework for row in good})} measured",
            "networks": ", ".join(comparison.plan.networks),
            "threads": ", ".join(map(str, comparison.plan.threads)),
            "seeds per framework": f"{comparison.plan.seeds}",
        },
        sections=[*sections, _gate(rows), _method(comparison)],
        footer="All numbers were measured in this comparison, in interleaved processes.",
    )


def _setup(title: str, rows: list[FrameworkResult]) -> Section:
    good = [row for row in rows if row.figures]
    task = TASKS[rows[0].network]
    name = title.replace(", ", "-").replace(" ", "-")
    description = f"{_network(task.network)}; batches of {task.batch_size}, {task.epochs} epochs of 48,000 images."
    section = Section(name, title, [Paragraph(description)])
    if good:
        section.blocks.append(_times(name, good))
        section.blocks.append(_times_table(good, rows))
        if any(accuracies_agree(row, rows) is False for row in good):
            footnote = "* differs from the mean of all frameworks by more than the spread over seeds explains."
            section.blocks.append(Paragraph(footnote))
        section.blocks.append(_costs(name, good))
        section.blocks.append(_costs_table(good))
        section.blocks.append(_ceiling_table(good))
    if left := [f"{FRAMEWORKS[row.framework].title}: {row.status}, {row.reason}" for row in rows if row.reason]:
        section.blocks.append(Paragraph("Not measured as planned: " + "; ".join(left) + "."))
    return section


def _times(name: str, rows: list[FrameworkResult]) -> Figure:
    lines = [
        TrainingTime(
            FRAMEWORKS[row.framework].title,
            row.figures["to_target_s"].mean if "to_target_s" in row.figures else None,
            row.figures["training_s"].mean,
            row.figures["training_s"].interval,
            row.framework == "tenfold",
        )
        for row in rows
    ]
    target = f"{100 * TARGET_ACCURACY:g} % of the validation images"
    return Figure(
        f"{name}-times",
        "Time to the target accuracy and for the complete training, means over seeds. The broad line is the 95 % "
        "confidence interval of the mean.",
        lambda theme: training_times(lines, target, theme),
    )


def _times_table(rows: list[FrameworkResult], everyone: list[FrameworkResult]) -> Table:
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
        ["", ">training, s", ">relative to the first", ">rank", ">to 97 %, s", ">first step, s", ">test, %"], cells
    )  # fmt: skip


def _costs(name: str, rows: list[FrameworkResult]) -> Figure:
    def panel(figure: str, factor: float, unit: str, down: bool) -> list[LabeledBar]:
        values = [(row, factor * row.figures[figure].mean) for row in rows]
        ordered = sorted(values, key=lambda pair: pair[1] if down else -pair[1])
        return [
            LabeledBar(
                FRAMEWORKS[row.framework].title, value, f"{significant(value)}{unit}", row.framework == "tenfold"
            )
            for row, value in ordered
        ]

    panels = [
        ("training, images per second: more is better", panel("images_per_s", 1, "", False)),
        ("reading one image, ms: less is better", panel("latency_1_ms", 1, "", True)),
        ("reading 1,024 images, ms: less is better", panel("latency_1024_ms", 1, "", True)),
        ("memory, MB: less is better", panel("peak_bytes", 1e-6, "", True)),
    ]
    return Figure(
        f"{name}-costs",
        "Throughput after the first epoch, latency of a prediction, and peak memory. All axes start at zero.",
        lambda theme: bar_panels(panels, theme),
    )


def _costs_table(rows: list[FrameworkResult]) -> Table:
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


def _ceiling_table(rows: list[FrameworkResult]) -> Table:
    """The share of the machine's matrix product rate that a training reaches."""
    best = max(row.figures[product].mean for row in rows for product in ("product_gflops", "numpy_product_gflops"))
    cells = []
    for row in rows:
        rate, product = row.figures["training_gflops"].mean, row.figures["product_gflops"].mean
        shares = [f"{100 * rate / product:.0f}", f"{100 * rate / best:.0f}"]
        cells.append([_name(row), significant(rate), significant(product), *shares])
    return Table(
        ["", ">training, GFLOPS", ">matrix product, GFLOPS", ">share of it, %", ">share of the best, %"], cells
    )


def _name(row: FrameworkResult) -> str:
    """A title without line breaks, for narrow columns."""
    return FRAMEWORKS[row.framework].title.replace("-", "\u2011").replace(" ", "\u00a0")


def _gate(rows: Sequence[FrameworkResult]) -> Section:
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
    return Section(
        "gate",
        "Correctness check",
        [
            Paragraph("The differences between each framework and the reference; see Method for their meaning."),
            Table(["", "network, threads", "", ">logits", ">gradients", ">movement", "versions"], cells),
        ],
    )


def _method(comparison: FrameworkComparison) -> Section:
    return Section(
        "method",
        "Method",
        [
            *(Paragraph(paragraph) for paragraph in METHOD),
            CodeBlock(comparison.environment["command"]),
            Table(["", ""], environment_rows(comparison.environment)),
        ],
    )


def _network(name: str) -> str:
    if name == "mlp":
        return "784-128-64-10 with ReLU"
    return "Two 3x3 convolutions with 16 and 32 channels, each with ReLU and 2x2 pooling, and a dense layer"
