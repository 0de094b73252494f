"""Figures that compare several models."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from tenfold.report.figures.figure_style import Theme, accuracy_axis, error_percent, figure, name_rows


@dataclass(frozen=True)
class Point:
    """A model in a chart of accuracy against cost. accuracy, sd: in percent. pareto: no cheaper model is as good."""

    label: str
    cost: float
    accuracy: float
    sd: float
    pareto: bool


@dataclass(frozen=True)
class Bar:
    """A difference in percentage points, with its 95 % confidence interval if known. significant: at p < 0.05."""

    label: str
    mean: float
    interval: tuple[float, float] | None
    significant: bool | None


def accuracy_against(panels: Sequence[tuple[str, Sequence[Point]]], theme: Theme) -> Figure:
    """Accuracy plus and minus one standard deviation against each kind of cost on a log axis, with the Pareto front.

    panels: the name of each kind of cost, and the models.
    """
    drawing = figure(3.6 * len(panels))
    for axes, (cost, points) in zip(drawing.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        _scatter(axes, points, theme)
        axes.set_title("test accuracy, %", pad=14)
        axes.set_xlabel(cost)
    return drawing


def _scatter(axes: Axes, points: Sequence[Point], theme: Theme) -> None:
    ordered = sorted(points, key=lambda point: point.cost)
    front = [point for point in ordered if point.pareto]
    axes.set_xscale("log")
    accuracy_axis(axes, [20, 10, 5, 3, 2, 1, 0.5, 0.3, 0.2, 0.1])
    axes.step(
        [point.cost for point in front], [error_percent(point.accuracy) for point in front], where="post",
        color=theme.accent, linewidth=1, alpha=0.5, zorder=1,
    )  # fmt: skip
    for point in ordered:
        color = theme.accent if point.pareto else theme.muted
        error = error_percent(point.accuracy)
        spread = [
            [error - error_percent(point.accuracy + point.sd)],
            [error_percent(point.accuracy - point.sd) - error],
        ]
        axes.errorbar(point.cost, error, yerr=spread, color=color, marker="o", markersize=5, elinewidth=1.2)
        left = _has_right_neighbor(point, ordered)
        axes.annotate(
            point.label, (point.cost, error), xytext=(-7, 5) if left else (7, -9), textcoords="offset points",
            color=color, fontsize=8.5, ha="right" if left else "left",
        )  # fmt: skip
    axes.grid(axis="both")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    low, high = axes.get_xlim()
    axes.set_xlim(low / (high / low) ** 0.06, high * (high / low) ** 0.12)  # Space for the labels.


def _has_right_neighbor(point: Point, ordered: Sequence[Point]) -> bool:
    """Whether another point lies where the label would be written."""
    reach = math.log(ordered[-1].cost / ordered[0].cost)
    return any(
        0 < math.log(other.cost / point.cost) < 0.12 * reach
        and abs(math.log(error_percent(other.accuracy) / error_percent(point.accuracy))) < 0.4
        for other in ordered
    )


def differences(bars: Sequence[Bar], what: str, theme: Theme) -> Figure:
    """The change of `what` for each bar, with its 95 % confidence interval; gray if not significant."""
    drawing = figure(0.9 + 0.3 * len(bars))
    axes = drawing.add_subplot()
    axes.axvline(0, color=theme.muted, linewidth=1)
    for row, bar in enumerate(bars):
        color = theme.muted if not bar.significant else theme.accent if bar.mean > 0 else theme.contrast
        if bar.interval:
            axes.plot(bar.interval, [row, row], color=color, linewidth=2.5, alpha=0.45, solid_capstyle="round")
        axes.plot(bar.mean, row, "o", color=color, markersize=5.5)
    name_rows(axes, [bar.label for bar in bars], theme)
    axes.set_xlabel(f"change of {what}, percentage points")
    return drawing


def _short(value: float) -> str:
    for unit, factor in ((" M", 1e6), (" k", 1e3)):
        if value >= factor:
            return f"{value / factor:g}{unit}"
    return f"{value:g}"
