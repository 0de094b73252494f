"""The HTML report of a sweep."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tenfold.errors import RunError
from tenfold.report import html_report as html
from tenfold.report.figures.figure_files import Show, figure_maker
from tenfold.report.figures.sweep_figures import ParameterPanel, TrialMark, history, importance, slices
from tenfold.studies.search_space import SearchParameter
from tenfold.studies.study_report import number
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
    show, environment = figure_maker(sweep.path / "figures"), sweep.environment
    search = f"{sweep.plan.sampler}, {sweep.plan.pruner}"
    ended = [row for row in rows if row.state == "finished"]
    shown = [row for row in rows if row.values and (row.accuracies or row.accuracy is not None)]
    marks = [_mark(row, best) for row in shown]
    recipe: list[html.Block] = [
        html.Table(["parameter", "value"], [[name, typed(value)] for name, value in best.values.items()]),
        html.Paragraph(
            "best.toml is the recipe with these values. Train it with several seeds to measure its accuracy on the "
            "test set, without selection bias:"
        ),
        html.CodeBlock(f"tenfold train {sweep.path / 'best.toml'} --seeds 5"),
    ]
    course = show(
        "history",
        "Trials in the order in which they were started. The line is the best accuracy so far; the best trial is "
        "orange. A cross is a pruned trial, shown with the accuracy of its last epoch.",
        lambda theme: history(marks, theme),
    )
    reproduction: list[html.Block] = [
        html.CodeBlock(environment["command"]),
        html.environment_table(environment, environment["packages"], more=[["sampler, pruner", search]]),
        html.Paragraph(
            "With one trial at a time, the command gives the same trials again. With several at a time, adaptive "
            "samplers depend on the order in which trials finish, so only the grid and random samplers are "
            "reproducible. Each trial is a run with a folder of its own, on the machine where it was trained."
        ),
    ]
    return html.write_html_report(
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
            "total training time": html.format_duration(sum(row.seconds or 0.0 for row in ended)),
        },
        sections=[
            html.Section("best", "The best recipe", recipe),
            html.Section("history", "Search history", [course]),
            _parameters_section(sweep, shown, marks, len(ended), show),
            _trials_section(sweep, rows),
            html.Section("reproduce", "Reproduce this sweep", reproduction),
        ],
        footer="All numbers were measured in this sweep.",
    )


def typed(value: Any) -> str:
    """A parameter's value for display: `0.00312`, `128/64`, `true`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3g}"
    return "/".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _parameters_section(
    sweep: Sweep, shown: Sequence[TrialResult], marks: Sequence[TrialMark], finished: int, show: Show
) -> html.Section:
    section = html.Section("parameters", "Parameters")
    if shares := sweep.importance():
        section.blocks.append(
            show(
                "importance",
                "Parameter importance: how strongly each parameter separates the best trials from the others (PED-"
                f"ANOVA, Watanabe, Bansal and Hutter 2023), over {finished} finished trials. It covers only the values "
                "that were tried, and is unreliable for few trials.",
                lambda theme: importance(shares, theme),
            )
        )
    else:
        section.blocks.append(
            html.Paragraph("Too few trials have finished to estimate the importance of the parameters.")
        )
    panels = [_panel(parameter, shown) for parameter in sweep.plan.space.parameters]
    section.blocks.append(
        show(
            "slices",
            "Validation accuracy against each parameter, with the other parameters varying. Crosses are pruned trials; "
            "the best trial is orange.",
            lambda theme: slices(panels, marks, theme),
        )
    )
    return section


def _trials_section(sweep: Sweep, rows: Sequence[TrialResult]) -> html.Section:
    names = [parameter.name for parameter in sweep.plan.space.parameters]
    ordered = sorted(rows, key=lambda row: (-(row.accuracy or 0.0), -max(row.accuracies.values(), default=0.0)))
    table = [
        [row.number, *(typed(row.values.get(name, "")) for name in names), row.state, len(row.accuracies),
         number(row.accuracy and 100 * row.accuracy, ".2f"), number(row.weights, ","), number(row.seconds)]
        for row in ordered[:_TABLE_ROWS]
    ]  # fmt: skip
    columns = [">trial", *names, "state", ">epochs", ">validation, %", ">parameters", ">seconds"]
    section = html.Section(
        "trials", "The best trials" if len(rows) > _TABLE_ROWS else "All trials", [html.Table(columns, table)]
    )
    if reasons := [f"trial {row.number}: {row.reason}" for row in rows if row.reason]:
        more = f"; and {len(reasons) - 5} more" if len(reasons) > 5 else ""
        section.blocks.append(html.Paragraph(f"Diverged or failed: {'; '.join(reasons[:5])}{more}."))
    return section


def _mark(row: TrialResult, best: TrialResult) -> TrialMark:
    accuracy = list(row.accuracies.values())[-1] if row.accuracy is None else row.accuracy
    return TrialMark(row.number, 100 * accuracy, row.state == "finished", row.number == best.number)


def _panel(parameter: SearchParameter, rows: Sequence[TrialResult]) -> ParameterPanel:
    values = [row.values.get(parameter.name, "") for row in rows]
    if parameter.choices:
        names = [typed(parameter.value(text)) for text in parameter.choices]
        return ParameterPanel(parameter.name, [typed(value) for value in values], names)
    return ParameterPanel(parameter.name, values, log=parameter.log)
