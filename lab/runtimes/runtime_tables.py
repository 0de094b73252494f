"""The terminal's table of results, and number formats."""

from collections.abc import Sequence

from lab.runtimes.runtime_comparison import RuntimeResult
from lab.runtimes.runtime_registry import RUNTIMES
from tenfold.evaluation.statistics import significant

# Short names: the table fits into 80 columns.
COLUMNS = ("runtime", ">ms", ">p99", ">images/s", ">load, s", ">MB", ">kB", ">right", ">same")
LEGEND = (
    "ms, p99: latency of one image, median and 99th percentile; load: to the first answer of a fresh process;\n"
    "MB: its memory; kB: the model's file; right, same: % of the test images, read right, and as in float32"
)


def table(rows: Sequence[RuntimeResult]) -> list[list[str]]:
    """The cells under `COLUMNS`."""
    return [_cells(row) for row in rows]


def remarks(rows: Sequence[RuntimeResult]) -> list[str]:
    """A line for each result that was not measured as planned."""
    return [f"{RUNTIMES[row.runtime].title} {row.status}: {row.reason}" for row in rows if row.reason]


def of(row: RuntimeResult, figure: str, factor: float = 1) -> str:
    """The median over rounds to three digits; empty if there is none."""
    return significant(factor * row.figures[figure].median) if figure in row.figures else ""


def share(row: RuntimeResult, figure: str) -> str:
    """A result of the gate, in percent."""
    return f"{100 * row.gate[figure]:.2f}" if figure in row.gate else ""


def kilobytes(row: RuntimeResult) -> str:
    """Size of the model's file."""
    return "" if row.size_bytes is None else f"{row.size_bytes / 1e3:.0f}"


def _cells(row: RuntimeResult) -> list[str]:
    title = RUNTIMES[row.runtime].title
    if not row.figures:
        return [title, row.status, *[""] * (len(COLUMNS) - 5), kilobytes(row), share(row, "accuracy"),
                share(row, "agreement")]  # fmt: skip
    return [
        title,
        of(row, "latency_ms"),
        of(row, "latency_p99_ms"),
        of(row, "images_per_s"),
        of(row, "load_s"),
        of(row, "peak_bytes", 1e-6),
        kilobytes(row),
        share(row, "accuracy"),
        share(row, "agreement"),
    ]
