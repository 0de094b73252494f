"""The HTML report of a sweep. Its prose is in report/sweep.html."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tenfold.errors import RunError
from tenfold.report.figures.sweep_figures import ParameterPanel, TrialMark, history, importance, slices
from tenfold.report.html_report import environment_rows, format_duration, number, percent, write_html_report
from tenfold.studies.search_space import SearchParameter
from tenfold.studies.sweep import Sweep
from tenfold.studies.trial_runner import TrialResult, best_trial

# Trials in the table: the best ones.
_TABLE_ROWS = 20


def write_sweep_report(sweep: Sweep, rows: Sequence[TrialResult]) -> Path:
    """Writes `sweep.html` and its figures into the sweep's folder; returns the report's path.

    Raises `RunError` when no trial has finished.
    """
    best = best_trial(list(rows))
    if best is None or best.accuracy is None:
        raise RunError(f"{sweep.path}: no trial has finished, so there is nothing to report")
    parameters = sweep.plan.space.parameters
    ended = [row for row in rows if row.state == "finished"]
    shown = [row for row in rows if row.values and (row.accuracies or row.accuracy is not None)]
    marks = [_mark(row, best) for row in shown]
    figures = {
        "history": partial(history, marks),
        "slices": partial(slices, [_panel(parameter, shown) for parameter in parameters], marks),
    }
    if shares := sweep.importance():
        figures["importance"] = partial(importance, shares)
    ordered = sorted(rows, key=lambda row: (-(row.accuracy or 0.0), -max(row.accuracies.values(), default=0.0)))
    return write_html_report(
        sweep.path / "sweep.html",
        "sweep.html",
        figures,
        sweep=sweep,
        rows=rows,
        best=best,
        best_values=[[name, typed(value)] for name, value in best.values.items()],
        ended=ended,
        facts={
            "trials": f"{len(rows)}",
            "finished": f"{len(ended)}",
            "pruned": f"{sum(row.state == 'stopped' for row in rows)}",
            "diverged or failed": f"{sum(row.state in ('diverged', 'failed') for row in rows)}",
            "total training time": format_duration(sum(row.seconds or 0.0 for row in ended)),
        },
        columns=[">trial", *(p.name for p in parameters), "state", ">epochs", ">validation, %", ">parameters",
                 ">seconds"],
        cells=[
            [row.number, *(typed(row.values.get(p.name, "")) for p in parameters), row.state, len(row.accuracies),
             percent(row.accuracy), number(row.weights), number(row.seconds, ".3g")]
            for row in ordered[:_TABLE_ROWS]
        ],
        reasons=[f"trial {row.number}: {row.reason}" for row in rows if row.reason],
        environment=[
            *environment_rows(sweep.environment, sweep.environment["packages"]),
            ["sampler, pruner", f"{sweep.plan.sampler}, {sweep.plan.pruner}"],
        ],
    )  # fmt: skip


def typed(value: Any) -> str:
    """A parameter's value for display: `0.00312`, `128/64`, `true`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3g}"
    return "/".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _mark(row: TrialResult, best: TrialResult) -> TrialMark:
    accuracy = list(row.accuracies.values())[-1] if row.accuracy is None else row.accuracy
    return TrialMark(row.number, 100 * accuracy, row.state == "finished", row.number == best.number)


def _panel(parameter: SearchParameter, rows: Sequence[TrialResult]) -> ParameterPanel:
    values = [row.values.get(parameter.name, "") for row in rows]
    if parameter.choices:
        names = [typed(parameter.value(text)) for text in parameter.choices]
        return ParameterPanel(parameter.name, [typed(value) for value in values], names)
    return ParameterPanel(parameter.name, values, log=parameter.log)
