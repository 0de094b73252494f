"""The HTML report of a comparison of runtimes."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lab.comparison_folder import measured
from lab.frameworks.framework_figures import LabeledBar, bar_panels
from lab.report_blocks import CodeBlock, Figure, Paragraph, Section, Table, write_block_report
from lab.runtimes.runtime_comparison import RuntimeComparison, RuntimeResult
from lab.runtimes.runtime_figures import LatencyRange, latency_chart
from lab.runtimes.runtime_measurement import ALONE, BATCHES
from lab.runtimes.runtime_registry import RUNTIMES
from lab.runtimes.runtime_tables import kilobytes, of, share
from tenfold.evaluation.statistics import significant
from tenfold.exporters.onnx import TOLERANCE
from tenfold.report.html_report import environment_rows
from tenfold.runs.export import CHANGED

# What Tenfold's Reader and web app use: drawn in the accent color.
OURS = ("onnxruntime-int8", "browser")

METHOD = (
    "All files are exported from one network, with batch norm folded into the weights. The input is uint8 pixels as "
    "stored, the output probabilities. Before anything is timed, each runtime reads all 10,000 test images of MNIST, "
    f"the first {ALONE} one at a time. Each probability must be within {TOLERANCE:g} of PyTorch's for the same "
    "weights; int8 files are compared with the rounded weights that they store, and must also give the same digit as "
    f"the float32 weights for {100 * (1 - CHANGED):g} % of the images. A runtime that fails is not timed.",
    "Then, in each round, every runtime runs in two fresh processes, pinned to their cores before anything is "
    "imported; the number of threads is also set through the runtime's own settings. Runtimes are interleaved, in a "
    "different order in each round, so that a slow minute of the machine affects all of them. The first process "
    "imports the runtime, opens the file and answers, with files in the system's cache; its memory is measured after "
    "fifty single images. Python with NumPy, or Node, is loaded before the clock starts; its memory is included in the "
    "figure and also given separately. The second process is warmed up and then timed: half of the time with one image "
    f"per call, a different one each time, the other half with {', '.join(map(str, BATCHES))} per call. Times are from "
    "NumPy array to NumPy array, except for Node, which has no NumPy and takes one image at a time. All figures are "
    "medians over rounds.",
    "OpenVINO is set to compute in float32: on a CPU with bfloat16 it would use that by default and give different "
    "results. PyTorch uses the channels-last memory format. ONNX Runtime converts int8 weights to floats when it opens "
    "the file, so they save space but no time. The web app's code is its TypeScript with the types stripped.",
)


def write_runtime_report(comparison: RuntimeComparison, rows: Sequence[RuntimeResult]) -> Path:
    """Writes `runtimes.html` and its figures into the comparison's folder; returns the report's path.

    Raises `RunError` when nothing was measured.
    """
    reasons = [f"{RUNTIMES[row.runtime].title}: {row.reason}" for row in rows]
    good = measured(comparison.path, "runtime", rows, reasons)
    network, plan = comparison.network, comparison.plan
    return write_block_report(
        comparison.path / "runtimes.html",
        title="Comparison of runtimes",
        kicker=comparison.path.name,
        value=f"{of(good[0], 'latency_ms')}\u202fms",
        what=f"for one image by {_quickest(good)}",
        lead=_lead(good),
        facts={
            "network": network.title,
            "weights, folded": f"{network.parameters:,}",
            "threads": f"{plan.threads}",
            "rounds": f"{plan.rounds}",
        },
        sections=[
            _speed(good),
            _costs(good, rows),
            _gate(rows),
            _method(comparison, rows),
        ],
        footer="All numbers were measured in this comparison, in interleaved processes.",
    )


def _quickest(rows: Sequence[RuntimeResult]) -> str:
    first, *others = [RUNTIMES[row.runtime].title for row in rows if row.place == 1]
    return f"{first}, statistically tied with {', '.join(others)}" if others else f"{first}, the fastest runtime"


def _lead(rows: Sequence[RuntimeResult]) -> str:
    most = max(rows, key=lambda row: row.figures["images_per_s"].median)
    light = min(rows, key=lambda row: row.figures["peak_bytes"].median)
    quick = min(rows, key=lambda row: row.figures["load_s"].median)
    return (
        f"Highest throughput: {RUNTIMES[most.runtime].title}, {of(most, 'images_per_s')} images per second. Fastest to "
        f"start and answer: {RUNTIMES[quick.runtime].title}, {of(quick, 'load_s', 1e3)} ms. Least memory: "
        f"{RUNTIMES[light.runtime].title}, {of(light, 'peak_bytes', 1e-6)} MB. All of them passed the same correctness "
        "check first."
    )


def _speed(rows: Sequence[RuntimeResult]) -> Section:
    lines = [
        LatencyRange(
            RUNTIMES[row.runtime].title,
            row.figures["latency_ms"].median,
            row.figures["latency_ms"].least,
            row.figures["latency_ms"].most,
            row.figures["latency_p99_ms"].median,
            row.runtime in OURS,
        )
        for row in rows
    ]
    cells = [
        [
            _name(row),
            of(row, "latency_ms"),
            f"{significant(row.figures['latency_ms'].least)} to {significant(row.figures['latency_ms'].most)}",
            f"{row.place}",
            of(row, "latency_p99_ms"),
            of(row, "images_per_s"),
            f"{row.batch}",
        ]
        for row in rows
    ]
    throughput = _bars(rows, "images_per_s", 1, False)
    return Section(
        "speed",
        "Speed",
        [
            Figure(
                "latency",
                "Latency with one image per call. The broad line spans the fastest to the slowest round. Blue: what "
                "Tenfold's Reader and web app use.",
                lambda theme: latency_chart(lines, theme),
            ),
            Figure(
                "throughput",
                "Throughput with the best batch size for each runtime. The axis starts at zero.",
                lambda theme: bar_panels([("images per second: more is better", throughput)], theme),
            ),
            Table(
                ["", ">1 image, ms", ">range over rounds", ">rank", ">p99, ms", ">images/s", ">batch"],
                cells,
            ),
            Paragraph(
                "Runtimes whose rounds overlap share a rank. p99 is the latency that 99 % of the calls stay below; "
                "batch is the number of images per call for the throughput."
            ),
        ],
    )


def _costs(measured: Sequence[RuntimeResult], rows: Sequence[RuntimeResult]) -> Section:
    panels = [
        ("time to the first answer, ms: less is better", _bars(measured, "load_s", 1e3, True)),
        ("memory when reading single images, MB: less is better",
         _bars(measured, "peak_bytes", 1e-6, True)),
        ("size of the model file, kB: less is better", [
            LabeledBar(RUNTIMES[row.runtime].title, row.size_bytes / 1e3, kilobytes(row), row.runtime in OURS)
            for row in sorted(measured, key=lambda row: row.size_bytes or 0) if row.size_bytes
        ]),
    ]  # fmt: skip
    loads = [
        [_name(row), *(of(row, figure, 1e3) for figure in ("import_s", "open_s", "first_s", "load_s"))]
        for row in measured
    ]
    sizes = [
        [
            _name(row),
            *(of(row, figure, 1e-6) for figure in ("bare_bytes", "peak_bytes", "batch_peak_bytes")),
            kilobytes(row),
            "" if row.installed_bytes is None else f"{row.installed_bytes / 1e6:,.0f}",
        ]
        for row in measured
    ]
    section = Section(
        "costs",
        "Startup, memory and size",
        [
            Figure("costs", "Each in a fresh process. All axes start at zero.", partial(bar_panels, panels)),
            Table(["", ">import, ms", ">open, ms", ">first answer, ms", ">load: all three, ms"], loads),
            Table(["", ">before, MB", ">single images, MB", ">batches, MB", ">file, kB", ">installed, MB"], sizes),
            Paragraph(
                "Memory of the process before the runtime is imported, when it reads one image at a time, and when it "
                "reads batches of hundreds. Installed size includes all dependencies, with NumPy; a browser counts as "
                "installed already."
            ),
        ],
    )  # fmt: skip
    if left := [f"{RUNTIMES[row.runtime].title}: {row.status}, {row.reason}" for row in rows if row.reason]:
        section.blocks.append(Paragraph("Not measured as planned: " + "; ".join(left) + "."))
    return section


def _bars(rows: Sequence[RuntimeResult], figure: str, factor: float, down: bool) -> list[LabeledBar]:
    values = [(row, factor * row.figures[figure].median) for row in rows]
    ordered = sorted(values, key=lambda pair: pair[1] if down else -pair[1])
    return [
        LabeledBar(RUNTIMES[row.runtime].title, value, significant(value), row.runtime in OURS)
        for row, value in ordered
    ]


def _gate(rows: Sequence[RuntimeResult]) -> Section:
    cells = [
        [
            _name(row),
            row.weights,
            row.status if row.status != "measured" else "passed",
            share(row, "accuracy"),
            share(row, "agreement"),
            f"{row.gate['own']:.0e}" if row.gate else "",
            f"{row.gate['difference']:.0e}" if row.gate else "",
        ]
        for row in rows
    ]
    return Section(
        "gate",
        "Correctness check",
        [
            Paragraph(
                "On all 10,000 test images: accuracy, agreement with PyTorch in float32, and the largest difference of "
                "a probability from PyTorch with the same weights and with float32 weights."
            ),
            Table(
                [
                    "",
                    "weights",
                    "",
                    ">accuracy, %",
                    ">agreement, %",
                    ">difference, same weights",
                    ">difference, float32",
                ],
                cells,
            ),
        ],
    )


def _method(comparison: RuntimeComparison, rows: Sequence[RuntimeResult]) -> Section:
    versions = dict(pair for row in rows for pair in row.versions.items())
    return Section(
        "method",
        "Method",
        [
            *(Paragraph(paragraph) for paragraph in METHOD),
            CodeBlock(comparison.environment["command"]),
            Table(["", ""], environment_rows(comparison.environment, dict(sorted(versions.items())))),
        ],
    )


def _name(row: RuntimeResult) -> str:
    """A title without line breaks, for narrow columns."""
    return RUNTIMES[row.runtime].title.replace(" ", "\u00a0")
