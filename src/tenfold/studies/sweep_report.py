"""The HTML report of a sweep."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tenfold.errors import RunError
from tenfold.report.figures.figure_files import Show, figure_maker
from tenfold.report.figures.sweep_figures import ParameterPanel, TrialMark, history, importance, slices
from tenfold.report.html_report import (
    CodeBlock,
    Paragraph,
    Section,
    Table,
    environment_table,
    format_duration,
    write_html_report,
)
from tenfold.studies.sweep import Sweep
from tenfold.studies.sweep_plan import SweepPlan
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
    show = figure_maker(sweep.path / "figures")
    ended = [row for row in rows if row.state == "finished"]
    seconds = sum(row.seconds or 0.0 for row in ended)
    sections = [_best_section(sweep, best), _history_section(rows, best, show)]
    sections += [
        _importance_section(sweep, rows, best, show),
        _trials_section(sweep, rows),
        _reproduction_section(sweep),
    ]
    return write_html_report(
        sweep.path / "sweep.html",
        title=f"Hyperparameter sweep of {sweep.plan.name}",
        kicker=sweep.path.name,
        value=f"{100 * best.accuracy:.2f}\u202f%",
        what=f"validation accuracy of trial {best.number}, the best of {len(ended)}",
        lead=(
            "The trial was selected on these validation images, so its accuracy on new images will be somewhat lower; "
            "the more trials, the larger this bias. The test set was not used."
        ),
        facts={
            "trials": f"{len(rows)}",
            "finished": f"{len(ended)}",
            "pruned": f"{sum(row.state == 'stopped' for row in rows)}",
            "diverged or failed": f"{sum(row.state in ('diverged', 'failed') for row in rows)}",
            "total training time": format_duration(seconds),
        },
        sections=sections,
        footer="All numbers were measured in this sweep.",
    )


def typed(value: Any) -> str:
    """A parameter's value for display: `0.00312`, `128/64`, `true`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3g}"
    return "/".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _best_section(sweep: Sweep, best: TrialResult) -> Section:
    rows = [[name, typed(value)] for name, value in best.values.items()]
    return Section(
        "best",
        "The best recipe",
        [
            Table(["parameter", "value"], rows),
            Paragraph(
                "best.toml is the recipe with these values. Train it with several seeds to measure its accuracy on "
                "the test set, without selection bias:"
            ),
            CodeBlock(f"tenfold train {sweep.path / 'best.toml'} --seeds 5"),
        ],
    )


def _history_section(rows: Sequence[TrialResult], best: TrialResult, show: Show) -> Section:
    marks = _marks(rows, best)
    return Section(
        "history",
        "Search history",
        [
            show(
                "history",
                "Trials in the order in which they were started. The line is the best accuracy so far; the best trial "
                "is orange. A cross is a pruned trial, shown with the accuracy of its last epoch.",
                lambda theme: history(marks, theme),
            ),
        ],
    )


def _importance_section(sweep: Sweep, rows: Sequence[TrialResult], best: TrialResult, show: Show) -> Section:
    section = Section("parameters", "Parameters")
    shares = sweep.importance()
    if shares:
        section.blocks.append(
            show(
                "importance",
                "Parameter importance: how strongly each parameter separates the best trials from the others (PED-"
                f"ANOVA, Watanabe, Bansal and Hutter 2023), over {sum(row.state == 'finished' for row in rows)} "
                "finished trials. It covers only the values that were tried, and is unreliable for few trials.",
                lambda theme: importance(shares, theme),
            )
        )
    else:
        section.blocks.append(Paragraph("Too few trials have finished to estimate the importance of the parameters."))
    shown = [row for row in rows if row.values and (row.accuracies or row.accuracy is not None)]
    panels = [_slice(sweep.plan, parameter.name, shown) for parameter in sweep.plan.space.parameters]
    marks = _marks(shown, best)
    section.blocks.append(
        show(
            "slices",
            "Validation accuracy against each parameter, with the other parameters varying. Crosses are pruned trials; "
            "the best trial is orange.",
            lambda theme: slices(panels, marks, theme),
        )
    )
    return section


def _trials_section(sweep: Sweep, rows: Sequence[TrialResult]) -> Section:
    names = [parameter.name for parameter in sweep.plan.space.parameters]
    ordered = sorted(rows, key=lambda row: (-(row.accuracy or 0.0), -max(row.accuracies.values(), default=0.0)))
    table = [
        [
            row.number,
            *(typed(row.values[name]) if name in row.values else "" for name in names),
            row.state,
            len(row.accuracies),
            "" if row.accuracy is None else f"{100 * row.accuracy:.2f}",
            "" if row.weights is None else f"{row.weights:,}",
            "" if row.seconds is None else f"{row.seconds:.3g}",
        ]
        for row in ordered[:_TABLE_ROWS]
    ]
    columns = [">trial", *names, "state", ">epochs", ">validation, %", ">parameters", ">seconds"]
    section = Section("trials", "The best trials" if len(rows) > _TABLE_ROWS else "All trials", [Table(columns, table)])
    if reasons := [f"trial {row.number}: {row.reason}" for row in rows if row.reason]:
        more = f"; and {len(reasons) - 5} more" if len(reasons) > 5 else ""
        section.blocks.append(Paragraph(f"Diverged or failed: {'; '.join(reasons[:5])}{more}."))
    return section


def _reproduction_section(sweep: Sweep) -> Section:
    environment = sweep.environment
    return Section(
        "reproduce",
        "Reproduce this sweep",
        [
            CodeBlock(environment["command"]),
            environment_table(
                environment,
                environment["packages"],
                more=[["sampler, pruner", f"{sweep.plan.sampler}, {sweep.plan.pruner}"]],
            ),
            Paragraph(
                "With one trial at a time, the command gives the same trials again. With several at a time, adaptive "
                "samplers depend on the order in which trials finish, so only the grid and random samplers are "
                "reproducible. Each trial is a run with a folder of its own, on the machine where it was trained."
            ),
        ],
    )


def _marks(rows: Sequence[TrialResult], best: TrialResult) -> list[TrialMark]:
    found = []
    for row in rows:
        last = row.accuracy if row.accuracy is not None else next(reversed(row.accuracies.values()), None)
        if last is not None:
            found.append(TrialMark(row.number, 100 * last, row.state == "finished", row.number == best.number))
    return found


def _slice(plan: SweepPlan, name: str, rows: Sequence[TrialResult]) -> ParameterPanel:
    parameter = next(parameter for parameter in plan.space.parameters if parameter.name == name)
    values = [typed(row.values[name]) if name in row.values else "" for row in rows]
    if parameter.choices:
        return ParameterPanel(name, values, [typed(parameter.value(text)) for text in parameter.choices])
    return ParameterPanel(name, [row.values.get(name, "") for row in rows], log=parameter.log)
