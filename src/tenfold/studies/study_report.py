"""The HTML report of a comparison. Its prose is in report/compare.html."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tenfold.errors import RunError
from tenfold.evaluation.statistics import Difference
from tenfold.evaluation.statistics import percent as spread_percent
from tenfold.report.figures.comparison_figures import Bar, Point, accuracy_against
from tenfold.report.figures.comparison_figures import differences as draw_differences
from tenfold.report.html_report import environment_rows, format_duration, number, percent, write_html_report
from tenfold.studies.study import RecipeResult, Study

_COSTS = {"parameters": "parameters", "multiply_adds": "multiply-adds per image"}


def write_study_report(study: Study, rows: Sequence[RecipeResult]) -> Path:
    """Writes `compare.html` and its figures into the study's folder; returns the report's path.

    Raises `RunError` when every training diverged.
    """
    measured = [row for row in rows if row.figures]
    if not measured:
        raise RunError(f"{study.path}: every training diverged, so there is nothing to compare")
    values = _models(measured) if study.kind == "models" else _changes(study, measured)
    seconds = sum(row.figures["seconds"].mean * study.count for row in measured)
    return write_html_report(
        study.path / "compare.html",
        "compare.html",
        study=study,
        rows=measured,
        facts={
            "recipes": f"{len(rows)}",
            "seeds per recipe": f"{study.count}",
            "training runs": f"{sum(row.figures['test_accuracy'].n for row in measured)}",
            "total training time": format_duration(seconds),
        },
        failed=[f"{row.label} ({row.failed} of {study.count})" for row in rows if row.failed],
        environment=environment_rows(study.environment, study.environment["packages"]),
        example=f"{study.path}/{min(study.path.glob('*/seed-*')).relative_to(study.path)}",
        **values,
    )


def pareto(rows: Sequence[RecipeResult], cost: str) -> set[str]:
    """The labels of the Pareto-optimal rows: none that costs the same or less has a better mean test accuracy."""
    places = {row.label: (-getattr(row, cost), _test(row)) for row in rows}
    return {
        label
        for label, (cheap, good) in places.items()
        if not any(other != (cheap, good) and other[0] >= cheap and other[1] >= good for other in places.values())
    }


def verdict(difference: Difference | None) -> str:
    """`better`, `worse` or `not significant`; the last also for a single seed."""
    if difference is None:
        return ""
    return ("better" if difference.mean > 0 else "worse") if difference.stands else "not significant"


def change(difference: Difference | None) -> str:
    """`+0.21 (0.11 to 0.31)`: a difference in percentage points, with its 95 % confidence interval."""
    if difference is None:
        return ""
    mean = f"{100 * difference.mean:+.2f}"
    if difference.interval is None:
        return mean
    low, high = difference.interval
    return f"{mean} ({100 * low:+.2f} to {100 * high:+.2f})"


def _models(rows: Sequence[RecipeResult]) -> dict[str, Any]:
    """What the template shows of a comparison of models; best: by validation accuracy, None where some have none."""
    validated = all("validation_accuracy" in row.figures for row in rows)
    panels = []
    for cost, name in _COSTS.items():
        front = pareto(rows, cost)
        points = [
            Point(row.label, getattr(row, cost), 100 * test.mean, 100 * (test.sd or 0.0), row.label in front)
            for row in rows
            if (test := row.figures["test_accuracy"])
        ]
        panels.append((name, points))
    return {
        "best": max(rows, key=lambda row: row.figures["validation_accuracy"].mean) if validated else None,
        "figures": {"models": partial(accuracy_against, panels)},
        "columns": ["recipe", ">parameters", ">multiply-adds", ">kB", ">validation, %", ">test, %", ">worst seed, %",
                    ">seconds"],
        "cells": [
            [row.label, number(row.parameters), number(row.multiply_adds), number(row.bytes / 1e3, ",.0f"),
             spread_percent(row.figures.get("validation_accuracy")), spread_percent(row.figures["test_accuracy"]),
             percent(row.figures["test_accuracy"].least), number(row.figures["seconds"].mean, ".3g")]
            for row in sorted(rows, key=_test)
        ],
    }  # fmt: skip


def _changes(study: Study, rows: Sequence[RecipeResult]) -> dict[str, Any]:
    """What the template shows of recipes or remedies that are compared with the first."""
    base, *others = rows
    differences = [row.difference for row in rows if row.difference]
    significant = [difference for difference in differences if difference.stands]
    better = sum(difference.mean > 0 for difference in significant)
    ordered = sorted(others, key=lambda row: -(row.difference.mean if row.difference else 0))
    bars = []
    for row in ordered:
        if found := row.difference:
            interval = found.interval and (100 * found.interval[0], 100 * found.interval[1])
            bars.append(Bar(row.label, 100 * found.mean, interval, found.stands))
    return {
        "differences": differences,
        "better": better,
        "worse": len(significant) - better,
        "unclear": len(differences) - len(significant),
        "corrected": sum(row.p_family is not None and row.p_family < 0.05 for row in rows),
        "figures": {study.kind: partial(draw_differences, bars, "validation accuracy")},
        "columns": ["", ">validation, %", ">change, points", "", ">p", ">p (Holm)", ">gap", ">test, %", ">seconds"],
        "cells": [
            [row.label, spread_percent(row.figures.get("validation_accuracy")), change(row.difference),
             verdict(row.difference), number(row.difference.p if row.difference else None, ".3f"),
             number(row.p_family, ".3f"), percent(row.gap), percent(_test(row)),
             number(row.figures["seconds"].mean, ".3g")]
            for row in [base, *ordered]
        ],
    }  # fmt: skip


def _test(row: RecipeResult) -> float:
    return row.figures["test_accuracy"].mean
