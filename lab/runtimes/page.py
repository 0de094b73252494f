"""A comparison of runtimes -> runtimes.html, one page that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path

from lab.frameworks.figure import Bar, bars
from lab.runtimes.comparison import Comparison, Row
from lab.runtimes.figure import Wait, waits
from lab.runtimes.measure import ALONE, BATCHES
from lab.runtimes.registry import RUNTIMES
from lab.runtimes.terminal import kilobytes, of, share
from tenfold import files
from tenfold.errors import RunError
from tenfold.export.onnx import TOLERANCE
from tenfold.report.blocks import Code, Step, Table, Text, environment_table
from tenfold.report.page import render
from tenfold.report.pictures import Show, figure_maker
from tenfold.runs.export import CHANGED
from tenfold.studies.numbers import significant

# What Tenfold's own Reader and page run: drawn in the accent.
OURS = ("onnxruntime-int8", "browser")

METHOD = (
    "All files are made of one network, with batch norm folded into the weights and pixels as they come: uint8 in, "
    "probabilities out. Before any clock each runtime reads all 10,000 test images of MNIST, the first "
    f"{ALONE} one at a time. Each probability must be within {TOLERANCE:g} of what PyTorch makes of the same weights; "
    "of int8 weights that is what they stand for, and they must also read "
    f"{100 * (1 - CHANGED):g} % of the images as float32 weights do. What fails is not timed.",
    "Then, in rounds: each runtime in two fresh processes, pinned to its cores before anything is imported and told "
    "its threads through its own settings too, all runtimes in turn, in another order each round, so that a slow "
    "minute slows all. The first process imports, opens the file and answers, with files in the system's cache, and "
    "its memory is taken after fifty images one at a time. Python and NumPy, or Node, are there before the clock "
    "starts; their memory is in the figure and told beside it. The second is warmed up, then timed: half of the time "
    f"one image a call, another each time; the other half {', '.join(map(str, BATCHES))} a call. From NumPy to NumPy, "
    "but for Node, which has no NumPy and takes one image at a time. All figures are medians over rounds.",
    "OpenVINO is told to compute in float32: on a CPU with bfloat16 it would take that, and give other answers. "
    "PyTorch has channels last. ONNX Runtime turns int8 weights into floats when it opens the file, so they save "
    "bytes and no time. The page's code is its TypeScript with the types stripped.",
)


def write_page(comparison: Comparison, rows: Sequence[Row]) -> Path:
    """Writes `runtimes.html` and its figures into the comparison's folder, and returns the page's path.

    Raises `RunError` where nothing was measured.
    """
    measured = [row for row in rows if row.figures]
    if not measured:
        told = "; ".join(f"{RUNTIMES[row.runtime].title}: {row.told}" for row in rows)
        raise RunError(f"{comparison.path}: no runtime was measured: {told}")
    show = figure_maker(comparison.path / "figures")
    network, plan = comparison.network, comparison.plan
    return files.write_text(
        comparison.path / "runtimes.html",
        render(
            title="Compared: runtimes",
            kicker=comparison.path.name,
            value=f"{of(measured[0], 'latency_ms')}\u202fms",
            what=f"for one image by {_quickest(measured)}",
            lead=_lead(measured),
            facts={
                "network": network.title,
                "weights, folded": f"{network.parameters:,}",
                "threads": f"{plan.threads}",
                "rounds": f"{plan.rounds}",
            },
            steps=[
                _speed(measured, show),
                _costs(measured, rows, show),
                _gate(rows),
                _method(comparison, rows),
            ],
            footer="Every figure above was measured in this comparison, in processes that took turns.",
        ),
    )


def _quickest(rows: Sequence[Row]) -> str:
    first, *others = [RUNTIMES[row.runtime].title for row in rows if row.place == 1]
    return (
        f"{first}, which shares the first place with {', '.join(others)}" if others else f"{first}, the quickest here"
    )


def _lead(rows: Sequence[Row]) -> str:
    most = max(rows, key=lambda row: row.figures["images_per_s"].median)
    light = min(rows, key=lambda row: row.figures["peak_bytes"].median)
    quick = min(rows, key=lambda row: row.figures["load_s"].median)
    return (
        f"Most a second: {RUNTIMES[most.runtime].title}, {of(most, 'images_per_s')}. First to answer in a fresh "
        f"process: {RUNTIMES[quick.runtime].title}, {of(quick, 'load_s', 1e3)} ms. Least memory: "
        f"{RUNTIMES[light.runtime].title}, {of(light, 'peak_bytes', 1e-6)} MB. All of them passed the same gate first."
    )


def _speed(rows: Sequence[Row], show: Show) -> Step:
    lines = [
        Wait(
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
    return Step(
        "speed",
        "Speed",
        [
            show(
                "latency",
                "One image a call. The broad line is from the quickest round to the slowest. Blue: what Tenfold's own "
                "Reader and page run.",
                lambda theme: waits(lines, theme),
            ),
            show(
                "throughput",
                "With as many images a call as suits each best. Bars begin at zero.",
                lambda theme: bars([("images a second: more is better", throughput)], theme),
            ),
            Table(
                ["", ">1 image, ms", ">over rounds", ">place", ">p99, ms", ">images/s", ">batch"],
                cells,
            ),
            Text(
                "Those whose rounds overlap share a place. p99 is what 99 of 100 calls stay under; batch is how many "
                "images a call the throughput is of."
            ),
        ],
    )


def _costs(measured: Sequence[Row], rows: Sequence[Row], show: Show) -> Step:
    panels = [
        ("to the first answer, ms: less is better", _bars(measured, "load_s", 1e3, True)),
        ("memory of a process that reads one at a time, MB: less is better",
         _bars(measured, "peak_bytes", 1e-6, True)),
        ("the model's file, kB: less is better", [
            Bar(RUNTIMES[row.runtime].title, row.size_bytes / 1e3, kilobytes(row), row.runtime in OURS)
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
    step = Step(
        "costs",
        "What it takes",
        [
            show("costs", "A fresh process each time. Bars begin at zero.", lambda theme: bars(panels, theme)),
            Table(["", ">import, ms", ">open, ms", ">first answer, ms", ">load: all three, ms"], loads),
            Table(["", ">bare, MB", ">one, MB", ">many, MB", ">file, kB", ">installed, MB"], sizes),
            Text(
                "Memory: bare is that of the process before the import, one of a process that reads one image at a "
                "time, many of one that reads hundreds. Installed is with all that is required, NumPy included; a "
                "browser is there."
            ),
        ],
    )  # fmt: skip
    if left := [f"{RUNTIMES[row.runtime].title}: {row.status}, {row.told}" for row in rows if row.told]:
        step.blocks.append(Text("Not as planned: " + "; ".join(left) + "."))
    return step


def _bars(rows: Sequence[Row], figure: str, factor: float, down: bool) -> list[Bar]:
    values = [(row, factor * row.figures[figure].median) for row in rows]
    ordered = sorted(values, key=lambda pair: pair[1] if down else -pair[1])
    return [Bar(RUNTIMES[row.runtime].title, value, significant(value), row.runtime in OURS) for row, value in ordered]


def _gate(rows: Sequence[Row]) -> Step:
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
    return Step(
        "gate",
        "The gate",
        [
            Text(
                "On all 10,000 test images: what is read right, what is read as PyTorch reads it in float32, and the "
                "largest difference of a probability: from the same weights, and from those in float32."
            ),
            Table(["", "weights", "", ">right, %", ">as float32, %", ">off its own", ">off float32"], cells),
        ],
    )


def _method(comparison: Comparison, rows: Sequence[Row]) -> Step:
    versions = dict(pair for row in rows for pair in row.versions.items())
    return Step(
        "method",
        "Method",
        [
            *(Text(paragraph) for paragraph in METHOD),
            Code(comparison.environment["command"]),
            environment_table(comparison.environment, dict(sorted(versions.items()))),
        ],
    )


def _name(row: Row) -> str:
    """For narrow columns: no line ends within a name."""
    return RUNTIMES[row.runtime].title.replace(" ", "\u00a0")
