"""Figures that set several models side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tenfold.report.figures.theme import Theme, figure, name_rows


@dataclass(frozen=True)
class Point:
    """A model in a chart of accuracy against cost. accuracy and sd: in percent; front: nothing cheaper is as good."""

    label: str
    cost: float
    accuracy: float
    sd: float
    front: bool


@dataclass(frozen=True)
class Bar:
    """A difference in a chart, in points of a percent, with its 95 % interval where there is one."""

    label: str
    mean: float
    interval: tuple[float, float] | None
    stands: bool | None


def accuracy_against(panels: Sequence[tuple[str, Sequence[Point]]], theme: Theme) -> Figure:
    """Accuracy against each kind of cost, on a log axis, with one standard deviation either way, and the Pareto front.

    panels: what the cost is, and the models in it.
    """
    drawing = figure(3.6 * len(panels))
    for axes, (cost, points) in zip(drawing.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        _scatter(axes, points, theme)
        axes.set_title("accuracy on the test images, %", pad=14)
        axes.set_xlabel(cost)
    return drawing


def _scatter(axes: Axes, points: Sequence[Point], theme: Theme) -> None:
    """What is read wrong goes down on a log axis: half as many mistakes are as far apart near 99.5 % as near 97."""
    ordered = sorted(points, key=lambda point: point.cost)
    front = [point for point in ordered if point.front]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.invert_yaxis()
    axes.step(
        [point.cost for point in front], [_wrong(point.accuracy) for point in front], where="post",
        color=theme.accent, linewidth=1, alpha=0.5, zorder=1,
    )  # fmt: skip
    for point in ordered:
        colour = theme.accent if point.front else theme.muted
        wrong = _wrong(point.accuracy)
        spread = [[wrong - _wrong(point.accuracy + point.sd)], [_wrong(point.accuracy - point.sd) - wrong]]
        axes.errorbar(point.cost, wrong, yerr=spread, color=colour, marker="o", markersize=5, elinewidth=1.2)
        left = _neighbour_at_right(point, ordered)
        axes.annotate(
            point.label, (point.cost, wrong), xytext=(-7, 5) if left else (7, -9), textcoords="offset points",
            color=colour, fontsize=8.5, ha="right" if left else "left",
        )  # fmt: skip
    axes.grid(axis="both")
    axes.yaxis.set_major_locator(FixedLocator([20, 10, 5, 3, 2, 1, 0.5, 0.3, 0.2, 0.1]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda wrong, _: f"{100 - wrong:g}"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    low, high = axes.get_xlim()
    axes.set_xlim(low / (high / low) ** 0.06, high * (high / low) ** 0.12)  # Room for the names.


def _neighbour_at_right(point: Point, ordered: Sequence[Point]) -> bool:
    """Whether another point lies where the name would be written."""
    reach = math.log(ordered[-1].cost / ordered[0].cost)
    return any(
        0 < math.log(other.cost / point.cost) < 0.12 * reach
        and abs(math.log(_wrong(other.accuracy) / _wrong(point.accuracy))) < 0.4
        for other in ordered
    )


def _wrong(accuracy: float) -> float:
    """Percent read wrong; a log axis has no place for none."""
    return max(0.01, 100 - accuracy)


def differences(bars: Sequence[Bar], what: str, theme: Theme) -> Figure:
    """One line a change: how much it moved `what`, with the 95 % interval; grey where chance may have done it."""
    drawing = figure(0.9 + 0.3 * len(bars))
    axes = drawing.add_subplot()
    axes.axvline(0, color=theme.muted, linewidth=1)
    for row, bar in enumerate(bars):
        colour = theme.muted if not bar.stands else theme.accent if bar.mean > 0 else theme.contrast
        if bar.interval:
            axes.plot(bar.interval, [row, row], color=colour, linewidth=2.5, alpha=0.45, solid_capstyle="round")
        axes.plot(bar.mean, row, "o", color=colour, markersize=5.5)
    name_rows(axes, [bar.label for bar in bars], theme)
    axes.set_xlabel(f"change of {what}, points of a percent")
    return drawing


def errors_beside(rows: Sequence[tuple[str, float, float]], names: tuple[str, str], theme: Theme) -> Figure:
    """One line a case: what two models read wrong there, in percent, on a log axis.

    rows: the case, and the errors of the two. names: of the two models.
    """
    drawing = figure(1.2 + 0.28 * len(rows))
    axes = drawing.add_subplot()
    axes.set_xscale("log")
    for row, (_, first, second) in enumerate(rows):
        axes.plot([first, second], [row, row], color=theme.muted, linewidth=1.5, alpha=0.5, zorder=1)
    for errors, name, colour in (
        ([r[1] for r in rows], names[0], theme.accent),
        ([r[2] for r in rows], names[1], theme.contrast),
    ):
        axes.plot(errors, range(len(rows)), "o", color=colour, markersize=6, label=name, linestyle="none")
    name_rows(axes, [row[0] for row in rows], theme)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("read wrong, %")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return drawing


def _short(value: float) -> str:
    for unit, factor in ((" M", 1e6), (" k", 1e3)):
        if value >= factor:
            return f"{value / factor:g}{unit}"
    return f"{value:g}"
