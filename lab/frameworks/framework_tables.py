"""The tables of results for the terminal and the report."""

from collections.abc import Sequence
from itertools import groupby

from lab.frameworks.framework_comparison import FrameworkResult, accuracies_agree
from lab.frameworks.framework_registry import FRAMEWORKS
from tenfold.evaluation.statistics import Spread, percent, significant

COLUMNS = ("framework", ">training, s", ">images/s", ">first step, s", ">test, %", ">MB")


def tables(rows: Sequence[FrameworkResult]) -> list[tuple[str, Sequence[str], list[list[str]]]]:
    """A title, columns and cells for each network and number of threads."""
    return [(title, COLUMNS, [_cells(row, rows) for row in group]) for title, group in groups(rows)]


def remarks(rows: Sequence[FrameworkResult]) -> list[str]:
    """A line for each row that was not measured as planned, and for the star."""
    starred = any(accuracies_agree(row, list(rows)) is False for row in rows)
    return ["* further from the mean of all than their spread over seeds explains"] * starred + [
        f"{FRAMEWORKS[row.framework].title} ({setup(row.network, row.threads)}) {row.status}: {row.reason}"
        for row in rows
        if row.reason
    ]


def groups(rows: Sequence[FrameworkResult]) -> list[tuple[str, list[FrameworkResult]]]:
    """The rows of each network and number of threads, under what they are called."""
    grouped = groupby(rows, key=lambda row: (row.network, row.threads))
    return [(setup(network, threads), list(group)) for (network, threads), group in grouped]


def setup(network: str, threads: int) -> str:
    """`mlp, 1 thread`."""
    return f"{network}, {threads} thread{'' if threads == 1 else 's'}"


def of(spread: Spread | None, factor: float = 1, digits: int = 3, deviation: bool = False) -> str:
    """A mean to so many significant digits, with its standard deviation where asked for; empty without one."""
    if spread is None:
        return ""
    written = significant(factor * spread.mean, digits)
    return written + (f" ± {significant(factor * spread.sd, 2)}" if deviation and spread.sd is not None else "")


def _cells(row: FrameworkResult, rows: Sequence[FrameworkResult]) -> list[str]:
    name, figures = FRAMEWORKS[row.framework].title, row.figures
    if not figures:
        return [name, row.status, *[""] * (len(COLUMNS) - 2)]
    agrees = accuracies_agree(row, list(rows))
    return [
        name,
        of(figures["training_s"], deviation=True),
        of(figures["images_per_s"]),
        significant(row.gate["first_step_s"]),
        percent(figures["test_accuracy"]) + ("*" if agrees is False else ""),
        of(figures["peak_bytes"], 1e-6),
    ]
