"""A study -> compare.html, one page that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path

from tenfold import files
from tenfold.errors import RunError
from tenfold.evaluation.statistics import Difference
from tenfold.report.blocks import Code, Step, Table, Text, environment_table
from tenfold.report.figures.comparison import Bar, Point, accuracy_against, differences
from tenfold.report.page import render
from tenfold.report.pictures import Show, figure_maker
from tenfold.studies.numbers import percent
from tenfold.studies.study import Row, Study


def write_page(study: Study, rows: Sequence[Row]) -> Path:
    """Writes `compare.html` and its figures into the study's folder, and returns the page's path."""
    show = figure_maker(study.path / "figures")
    measured = [row for row in rows if row.figures]
    if not measured:
        raise RunError(f"{study.path}: every training diverged: there is nothing to compare")
    told = _models(measured, show) if study.kind == "models" else _changes(study, measured, show)
    if failed := [f"{row.label} ({row.failed} of {study.count})" for row in rows if row.failed]:
        told.blocks.append(Text(f"Trainings that diverged, and are not counted above: {', '.join(failed)}."))
    value, what, lead = _headline(study, measured)
    trained = sum(row.figures["test_accuracy"].n for row in measured)
    return files.write_text(
        study.path / "compare.html",
        render(
            title=f"Compared: {study.kind}",
            kicker=study.path.name,
            value=value,
            what=what,
            lead=lead,
            facts={
                "compared": f"{len(rows)} recipes",
                "seeds of each": f"{study.count}",
                "trainings": f"{trained}",
                "time in training": _duration(sum(row.figures["seconds"].mean * study.count for row in measured)),
            },
            steps=[told, _again(study)],
            footer="Every figure above was measured in this study. Recipes took turns, so that a slow hour slowed all.",
        ),
    )


def pareto(rows: Sequence[Row], cost: str) -> set[str]:
    """The labels of the rows that no cheaper or equally cheap row beats in mean test accuracy."""
    return {
        row.label
        for row in rows
        if not any(
            (getattr(other, cost) <= getattr(row, cost) and _test(other) > _test(row))
            or (getattr(other, cost) < getattr(row, cost) and _test(other) == _test(row))
            for other in rows
        )
    }  # fmt: skip


def verdict(difference: Difference | None) -> str:
    """`better`, `worse`, or `open` where chance may have done it, or one seed alone can't tell."""
    if difference is None:
        return ""
    return ("better" if difference.mean > 0 else "worse") if difference.stands else "open"


def change(difference: Difference | None) -> str:
    """`+0.21 (0.11 to 0.31)`: a difference in points of a percent, with its 95 % interval."""
    if difference is None:
        return ""
    mean = f"{100 * difference.mean:+.2f}"
    if difference.interval is None:
        return mean
    low, high = difference.interval
    return f"{mean} ({100 * low:+.2f} to {100 * high:+.2f})"


def _headline(study: Study, rows: Sequence[Row]) -> tuple[str, str, str]:
    if study.kind == "models":
        return _models_headline(rows)
    found = [row for row in rows if row.difference]
    stand = [row for row in found if row.difference and row.difference.stands]
    better = sum(row.difference.mean > 0 for row in stand if row.difference)
    worse, open_ = len(stand) - better, len(found) - len(stand)
    counts = [f"{worse} read fewer" if worse else "", f"of {open_} it stays open" if open_ else ""]
    lead = (
        f"Each was trained with the same {study.count} seeds, so the differences are taken seed by seed: Student's "
        "paired t test, p under 0.05, on one set of validation images."
    )
    if study.count == 1:
        lead = "One seed of each tells nothing about chance: take five or more."
    if any(counts):
        lead = f"{'; '.join(filter(None, counts)).capitalize()}. {lead}"
    if len(found) > 1:
        firm = sum(row.p_family is not None and row.p_family < 0.05 for row in found)
        lead += f" With p raised for having looked at {len(found)} (Holm), {firm} stand."
    what = f"read more validation images right than “{rows[0].label}”, by more than chance"
    return f"{better} of {len(found)}", what, lead


def _models_headline(rows: Sequence[Row]) -> tuple[str, str, str]:
    lead = "Each network was trained by its own recipe, and met the test images once a seed."
    validation = [row.figures["validation_accuracy"].mean for row in rows if "validation_accuracy" in row.figures]
    if len(validation) < len(rows):
        lead += " Some recipes keep no validation images back, so nothing here can choose among them."
        return f"{len(rows)}", "networks, and what each reads right for what it costs", lead
    best = rows[validation.index(max(validation))]
    lead += " To choose among them, go by the validation column: that is how the one above was picked."
    return f"{100 * _test(best):.2f}\u202f%", f"of the test images read right by {best.label}, one of {len(rows)}", lead


def _models(rows: Sequence[Row], show: Show) -> Step:
    fronts = {cost: pareto(rows, cost) for cost in ("parameters", "multiply_adds")}
    panels = [
        (
            name,
            [_point(row, cost, row.label in fronts[cost]) for row in rows],
        )
        for cost, name in (("parameters", "parameters"), ("multiply_adds", "multiply-adds for one image"))
    ]  # fmt: skip
    table = [
        [
            row.label,
            f"{row.parameters:,}",
            f"{row.multiply_adds:,}",
            f"{row.bytes / 1e3:,.0f}",
            percent(row.figures.get("validation_accuracy")),
            percent(row.figures["test_accuracy"]),
            f"{100 * row.figures['test_accuracy'].least:.2f}",
            f"{row.figures['seconds'].mean:.3g}",
        ]
        for row in sorted(rows, key=_test)
    ]
    return Step(
        "models",
        "Accuracy against complexity",
        [
            show(
                "models",
                "Mean over seeds, with one standard deviation either way. The blue line is the Pareto front: no "
                "network on it is beaten by a cheaper one.",
                lambda theme: accuracy_against(panels, theme),
            ),
            Table(
                ["recipe", ">parameters", ">multiply-adds", ">kB", ">validation, %", ">test, %",
                 ">worst", ">seconds"],
                table,
            ),
        ],
    )  # fmt: skip


def _changes(study: Study, rows: Sequence[Row], show: Show) -> Step:
    base, *others = rows
    ordered = sorted(others, key=lambda row: -(row.difference.mean if row.difference else 0))
    bars = [
        Bar(row.label, 100 * row.difference.mean, _percent(row.difference.interval), row.difference.stands)
        for row in ordered
        if row.difference
    ]
    table = [
        [
            row.label,
            percent(row.figures.get("validation_accuracy")),
            change(row.difference),
            verdict(row.difference),
            "" if row.difference is None or row.difference.p is None else f"{row.difference.p:.3f}",
            "" if row.p_family is None else f"{row.p_family:.3f}",
            "" if row.gap is None else f"{100 * row.gap:.2f}",
            f"{100 * row.figures['test_accuracy'].mean:.2f}",
            f"{row.figures['seconds'].mean:.3g}",
        ]
        for row in [base, *ordered]
    ]
    title = "Each remedy by itself" if study.kind == "remedies" else f"Against {base.label}"
    return Step(
        study.kind,
        title,
        [
            Text(f"{base.description}."),
            show(
                study.kind,
                f"Change of validation accuracy against “{base.label}”, with its 95 % interval over {study.count} "
                "seeds. Grey, “open”: chance alone may have done it.",
                lambda theme: differences(bars, "validation accuracy", theme),
            ),
            Table(
                ["", ">validation, %", ">change, points", "", ">p", ">Holm's", ">gap", ">test, %", ">seconds"], table
            ),
            Text(
                "Holm's is p raised for the number of differences looked at. The gap is training accuracy minus "
                "validation accuracy at the end, in points: what overfitting opens. The test column is for the record; "
                "choose by the validation images."
            ),
        ],
    )  # fmt: skip


def _again(study: Study) -> Step:
    return Step(
        "again",
        "Do it again",
        [
            Code(study.environment["command"]),
            environment_table(study.environment, study.environment["packages"]),
            Text("Every run is kept in a folder of its own, with its recipe spelled out; tenfold report reads any."),
            Code(f"tenfold report {study.path}/{min(study.path.glob('*/seed-*')).relative_to(study.path)}"),
        ],
    )


def _point(row: Row, cost: str, front: bool) -> Point:
    accuracy = row.figures["test_accuracy"]
    return Point(row.label, getattr(row, cost), 100 * accuracy.mean, 100 * (accuracy.sd or 0.0), front)


def _test(row: Row) -> float:
    return row.figures["test_accuracy"].mean


def _percent(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if interval is None else (100 * interval[0], 100 * interval[1])


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
