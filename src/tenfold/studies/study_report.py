"""The HTML report of a comparison."""

from collections.abc import Sequence
from pathlib import Path

from tenfold.errors import RunError
from tenfold.evaluation.statistics import Difference, percent
from tenfold.report import html_report as html
from tenfold.report.figures.comparison_figures import Bar, Point, accuracy_against
from tenfold.report.figures.comparison_figures import differences as draw_differences
from tenfold.report.figures.figure_files import Show, figure_maker
from tenfold.studies.study import RecipeResult, Study

_COSTS = {"parameters": "parameters", "multiply_adds": "multiply-adds per image"}


def write_study_report(study: Study, rows: Sequence[RecipeResult]) -> Path:
    """Writes `compare.html` and its figures into the study's folder; returns the report's path.

    Raises `RunError` when every training diverged.
    """
    show = figure_maker(study.path / "figures")
    measured = [row for row in rows if row.figures]
    if not measured:
        raise RunError(f"{study.path}: every training diverged, so there is nothing to compare")
    if study.kind == "models":
        (value, what, lead), section = _models_headline(measured), _models_section(measured, show)
    else:
        (value, what, lead), section = _changes_headline(study, measured), _changes_section(study, measured, show)
    if failed := [f"{row.label} ({row.failed} of {study.count})" for row in rows if row.failed]:
        section.blocks.append(
            html.Paragraph(f"Trainings that diverged and are not included above: {', '.join(failed)}.")
        )
    reproduction: list[html.Block] = [
        html.CodeBlock(study.environment["command"]),
        html.environment_table(study.environment, study.environment["packages"]),
        html.Paragraph("Every run has its own folder, with its complete recipe. tenfold report writes its report:"),
        html.CodeBlock(f"tenfold report {study.path}/{min(study.path.glob('*/seed-*')).relative_to(study.path)}"),
    ]
    return html.write_html_report(
        study.path / "compare.html",
        title=f"Comparison of {study.kind}",
        kicker=study.path.name,
        value=value,
        what=what,
        lead=lead,
        facts={
            "recipes": f"{len(rows)}",
            "seeds per recipe": f"{study.count}",
            "training runs": f"{sum(row.figures['test_accuracy'].n for row in measured)}",
            "total training time": html.format_duration(
                sum(row.figures["seconds"].mean * study.count for row in measured)
            ),
        },
        sections=[section, html.Section("reproduce", "Reproduce this comparison", reproduction)],
        footer="All numbers were measured in this study. Training runs were interleaved, so that a slow hour of the "
        "machine affects every recipe.",
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


def number(value: float | None, form: str = ".3g") -> str:
    """A number in a table; empty where there is none."""
    return "" if value is None else format(value, form)


def _changes_headline(study: Study, rows: Sequence[RecipeResult]) -> tuple[str, str, str]:
    differences = [row.difference for row in rows if row.difference]
    significant = [difference for difference in differences if difference.stands]
    better = sum(difference.mean > 0 for difference in significant)
    worse, unclear = len(significant) - better, len(differences) - len(significant)
    lead = (
        f"Every recipe was trained with the same {study.count} seeds, and differences are tested in pairs of runs with "
        "the same seed (Student's paired t-test, p < 0.05, on the same validation images)."
    )
    if study.count == 1:
        lead = "One seed per recipe does not allow a significance test: use five or more."
    if worse or unclear:
        lead = f"{worse} significantly worse, {unclear} without a significant difference. {lead}"
    if len(differences) > 1:
        corrected = sum(row.p_family is not None and row.p_family < 0.05 for row in rows)
        lead += (
            f" After Holm's correction for {len(differences)} comparisons, {corrected} of the differences remain "
            "significant."
        )
    what = f"have a significantly better validation accuracy than “{rows[0].label}”"
    return f"{better} of {len(differences)}", what, lead


def _models_headline(rows: Sequence[RecipeResult]) -> tuple[str, str, str]:
    lead = "Each architecture was trained with its own recipe; every run was evaluated once on the test set."
    if any("validation_accuracy" not in row.figures for row in rows):
        lead += " Some recipes have no validation images, so this report cannot name a best architecture."
        return f"{len(rows)}", "architectures, accuracy compared with cost", lead
    best = max(rows, key=lambda row: row.figures["validation_accuracy"].mean)
    lead += " To choose an architecture, use the validation accuracy: the one above was selected that way."
    what = f"test accuracy of {best.label}, the best of {len(rows)} architectures on the validation images"
    return f"{100 * _test(best):.2f}\u202f%", what, lead


def _models_section(rows: Sequence[RecipeResult], show: Show) -> html.Section:
    panels = []
    for cost, name in _COSTS.items():
        front = pareto(rows, cost)
        points = [
            Point(row.label, getattr(row, cost), 100 * test.mean, 100 * (test.sd or 0.0), row.label in front)
            for row in rows
            if (test := row.figures["test_accuracy"])
        ]
        panels.append((name, points))
    table = [
        [row.label, f"{row.parameters:,}", f"{row.multiply_adds:,}", f"{row.bytes / 1e3:,.0f}",
         percent(row.figures.get("validation_accuracy")), percent(row.figures["test_accuracy"]),
         f"{100 * row.figures['test_accuracy'].least:.2f}", f"{row.figures['seconds'].mean:.3g}"]
        for row in sorted(rows, key=_test)
    ]  # fmt: skip
    columns = ["recipe", ">parameters", ">multiply-adds", ">kB", ">validation, %", ">test, %", ">worst seed, %",
               ">seconds"]  # fmt: skip
    figure = show(
        "models",
        "Mean and standard deviation over seeds. The blue line is the Pareto front: no cheaper architecture is more "
        "accurate than one on it.",
        lambda theme: accuracy_against(panels, theme),
    )
    return html.Section("models", "Accuracy and cost", [figure, html.Table(columns, table)])


def _changes_section(study: Study, rows: Sequence[RecipeResult], show: Show) -> html.Section:
    base, *others = rows
    ordered = sorted(others, key=lambda row: -(row.difference.mean if row.difference else 0))
    bars = []
    for row in ordered:
        if found := row.difference:
            interval = found.interval and (100 * found.interval[0], 100 * found.interval[1])
            bars.append(Bar(row.label, 100 * found.mean, interval, found.stands))
    table = [
        [row.label, percent(row.figures.get("validation_accuracy")), change(row.difference), verdict(row.difference),
         number(row.difference.p if row.difference else None, ".3f"), number(row.p_family, ".3f"),
         number(None if row.gap is None else 100 * row.gap, ".2f"), f"{100 * _test(row):.2f}",
         f"{row.figures['seconds'].mean:.3g}"]
        for row in [base, *ordered]
    ]  # fmt: skip
    columns = ["", ">validation, %", ">change, points", "", ">p", ">p (Holm)", ">gap", ">test, %", ">seconds"]
    title = "Each change on its own" if study.kind == "remedies" else f"Compared with {base.label}"
    figure = show(
        study.kind,
        f"Change of validation accuracy compared with “{base.label}”, with its 95 % confidence interval over "
        f"{study.count} seeds. Gray: not significant.",
        lambda theme: draw_differences(bars, "validation accuracy", theme),
    )
    explanation = html.Paragraph(
        "p (Holm) is the p-value corrected for the number of comparisons. The gap is training accuracy minus "
        "validation accuracy after the last epoch, in percentage points; overfitting makes it grow. Test accuracy is "
        "for the record only: choose by validation accuracy."
    )
    return html.Section(
        study.kind, title, [html.Paragraph(f"{base.description}."), figure, html.Table(columns, table), explanation]
    )


def _test(row: RecipeResult) -> float:
    return row.figures["test_accuracy"].mean
