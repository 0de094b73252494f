"""Figures that set several models side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from tenfold.figures.theme import Theme, figure


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
    front = sorted((point for point in points if point.front), key=lambda point: point.cost)
    axes.set_xscale("log")
    axes.step(
        [point.cost for point in front], [point.accuracy for point in front], where="post", color=theme.accent,
        linewidth=1, alpha=0.5, zorder=1,
    )  # fmt: skip
    for point in points:
        colour = theme.accent if point.front else theme.muted
        axes.errorbar(point.cost, point.accuracy, yerr=point.sd, color=colour, marker="o", markersize=5, elinewidth=1.2)
        place = (point.cost, point.accuracy)
        axes.annotate(point.label, place, xytext=(7, -9), textcoords="offset points", color=colour, fontsize=8.5)
    axes.grid(axis="both")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * (high / low) ** 0.12)  # Room for the last name.


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
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars])
    axes.tick_params(axis="y", length=0, labelcolor=theme.text)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"change of {what}, points of a percent")
    return drawing


def _short(value: float) -> str:
    for unit, factor in ((" M", 1e6), (" k", 1e3)):
        if value >= factor:
            return f"{value / factor:g}{unit}"
    return f"{value:g}"
