"""A sweep -> sweep.html, one page that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tenfold import files
from tenfold.errors import RunError
from tenfold.report.blocks import Code, Step, Table, Text
from tenfold.report.figures.sweep import Mark, Slice, history, importance, slices
from tenfold.report.page import render
from tenfold.report.pictures import Show, figure_maker
from tenfold.studies.sweeps.plan import Plan
from tenfold.studies.sweeps.rows import Row, best_of
from tenfold.studies.sweeps.sweep import Sweep

# Rows of the table of trials: the best ones.
SHOWN = 20


def write_page(sweep: Sweep, rows: Sequence[Row]) -> Path:
    """Writes `sweep.html` and its figures into the sweep's folder, and returns the page's path.

    Raises `RunError` where no trial came to its end.
    """
    best = best_of(list(rows))
    if best is None or best.accuracy is None:
        raise RunError(f"{sweep.path}: no trial came to its end: there is nothing to show")
    show = figure_maker(sweep.path / "figures")
    ended = [row for row in rows if row.state == "finished"]
    seconds = sum(row.seconds or 0.0 for row in ended)
    steps = [_best_step(sweep, best), _history_step(rows, best, show)]
    steps += [_importance_step(sweep, rows, best, show), _trials_step(sweep, rows), _again_step(sweep)]
    return files.write_text(
        sweep.path / "sweep.html",
        render(
            title=f"Searched: {sweep.plan.name}",
            kicker=sweep.path.name,
            value=f"{100 * best.accuracy:.2f}\u202f%",
            what=f"of the validation images read right by trial {best.number}, the best of {len(ended)}",
            lead=(
                "The same images chose it, so it will read somewhat fewer of others; the more trials, the more so. "
                "The test images had no part in any of this."
            ),
            facts={
                "trials": f"{len(rows)}",
                "trained to the end": f"{len(ended)}",
                "stopped early": f"{sum(row.state == 'stopped' for row in rows)}",
                "diverged or failed": f"{sum(row.state in ('diverged', 'failed') for row in rows)}",
                "time in training": _duration(seconds),
            },
            steps=steps,
            footer="Every figure above was measured in this sweep.",
        ),
    )


def typed(value: Any) -> str:
    """A value as one reads it: `0.00312`, `128/64`, `true`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3g}"
    return "/".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _best_step(sweep: Sweep, best: Row) -> Step:
    rows = [[name, typed(value)] for name, value in best.values.items()]
    return Step(
        "best",
        "The best recipe",
        [
            Table(["parameter", "value"], rows),
            Text(
                "best.toml is the recipe that was searched, with these values. It is ready to train; several seeds "
                "tell what it really reaches, on test images that chose nothing:"
            ),
            Code(f"tenfold train {sweep.path / 'best.toml'} --seeds 5"),
        ],
    )


def _history_step(rows: Sequence[Row], best: Row, show: Show) -> Step:
    marks = _marks(rows, best)
    return Step(
        "history",
        "How it went",
        [
            show(
                "history",
                "Each trial in its turn; the line is the best so far, orange the best of all. A cross was stopped "
                "early and stands at the accuracy of its last epoch.",
                lambda theme: history(marks, theme),
            ),
        ],
    )


def _importance_step(sweep: Sweep, rows: Sequence[Row], best: Row, show: Show) -> Step:
    step = Step("parameters", "What mattered")
    shares = sweep.importance()
    if shares:
        step.blocks.append(
            show(
                "importance",
                "Which parameters set the best trials apart from the others (PED-ANOVA, Watanabe, Bansal and Hutter "
                f"2023), over {sum(row.state == 'finished' for row in rows)} trials. It says nothing of values that "
                "were not tried, and little where trials are few.",
                lambda theme: importance(shares, theme),
            )
        )
    else:
        step.blocks.append(Text("Too few trials came to their end to say which parameter mattered most."))
    told = [row for row in rows if row.values and (row.accuracies or row.accuracy is not None)]
    panels = [_slice(sweep.plan, parameter.name, told) for parameter in sweep.plan.space.parameters]
    marks = _marks(told, best)
    step.blocks.append(
        show(
            "slices",
            "Accuracy against each parameter by itself, whatever the others were. Crosses were stopped early, orange "
            "is the best.",
            lambda theme: slices(panels, marks, theme),
        )
    )
    return step


def _trials_step(sweep: Sweep, rows: Sequence[Row]) -> Step:
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
        for row in ordered[:SHOWN]
    ]
    columns = [">trial", *names, "", ">epochs", ">validation, %", ">weights", ">seconds"]
    step = Step("trials", "The best trials" if len(rows) > SHOWN else "All trials", [Table(columns, table)])
    if reasons := [f"trial {row.number}: {row.why}" for row in rows if row.why]:
        more = f"; and {len(reasons) - 5} more" if len(reasons) > 5 else ""
        step.blocks.append(Text(f"Diverged or failed: {'; '.join(reasons[:5])}{more}."))
    return step


def _again_step(sweep: Sweep) -> Step:
    environment = sweep.environment
    machine = environment["machine"]
    return Step(
        "again",
        "Do it again",
        [
            Code(environment["command"]),
            Table(
                ["", ""],
                [
                    ["sampler, pruner", f"{sweep.plan.sampler}, {sweep.plan.pruner}"],
                    ["machine", f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB"],
                    ["system", f"{environment['system']}, Python {environment['python']}"],
                    ["packages", ", ".join(f"{n} {v}" for n, v in environment["packages"].items())],
                ],
            ),
            Text(
                "With one trial at a time the same trials come again. With more, what the sampler knows when it "
                "chooses hangs on which trial ends first, so only grid and random do. Each trial is a run in a "
                "folder of its own, where it was trained."
            ),
        ],
    )


def _marks(rows: Sequence[Row], best: Row) -> list[Mark]:
    found = []
    for row in rows:
        last = row.accuracy if row.accuracy is not None else next(reversed(row.accuracies.values()), None)
        if last is not None:
            found.append(Mark(row.number, 100 * last, row.state == "finished", row.number == best.number))
    return found


def _slice(plan: Plan, name: str, rows: Sequence[Row]) -> Slice:
    parameter = next(parameter for parameter in plan.space.parameters if parameter.name == name)
    values = [typed(row.values[name]) if name in row.values else "" for row in rows]
    if parameter.choices:
        return Slice(name, values, [typed(parameter.value(text)) for text in parameter.choices])
    return Slice(name, [row.values.get(name, "") for row in rows], log=parameter.log)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
