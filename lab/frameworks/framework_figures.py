"""Figures that compare frameworks, one row each."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from tenfold.report.figures.figure_style import Theme, figure, name_rows


@dataclass(frozen=True)
class TrainingTime:
    """Seconds of training: to the target accuracy and to the end.

    interval: 95 % confidence interval of the whole, if there are several seeds; ours: highlighted.
    """

    label: str
    to_target: float | None
    whole: float
    interval: tuple[float, float] | None
    ours: bool


@dataclass(frozen=True)
class LabeledBar:
    """One value of a framework, and its label."""

    label: str
    value: float
    written: str
    ours: bool


def training_times(rows: Sequence[TrainingTime], target: str, theme: Theme) -> Figure:
    """One line per framework, on a log axis of seconds: a ring at the target accuracy, a dot at the end."""
    drawing = figure(1.2 + 0.32 * len(rows))
    axes = drawing.add_subplot()
    for place, row in enumerate(rows):
        color = theme.accent if row.ours else theme.muted
        if row.to_target is not None:
            axes.plot([row.to_target, row.whole], [place, place], color=color, linewidth=2, alpha=0.5, zorder=1)
            axes.plot(row.to_target, place, "o", color=color, markersize=6, markerfacecolor="none")
        if row.interval is not None and row.interval[0] > 0:
            axes.plot(row.interval, [place, place], color=color, linewidth=5, alpha=0.25, solid_capstyle="butt")
        axes.plot(row.whole, place, "o", color=color, markersize=6)
        end = max(row.whole, *(row.interval or (0.0,)))
        axes.annotate(
            f"{row.whole:#.3g} s", (end, place), xytext=(9, -3.5), textcoords="offset points", color=theme.text,
            fontsize=8.5,
        )  # fmt: skip
    name_rows(axes, [row.label for row in rows], theme)
    log_ticks(axes, 0.12)
    axes.set_xlabel(f"seconds of training; ring: {target}, dot: the end")
    return drawing


def bar_panels(panels: Sequence[tuple[str, Sequence[LabeledBar]]], theme: Theme) -> Figure:
    """Bars from zero, one panel per measure; each panel's title says what is better."""
    heights = [len(rows) for _, rows in panels]
    drawing = figure(sum(0.95 + 0.27 * height for height in heights))
    if isinstance(layout := drawing.get_layout_engine(), ConstrainedLayoutEngine):
        layout.set(hspace=0.06)
    places = drawing.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (title, rows) in zip(places, panels, strict=True):
        colors = [theme.accent if row.ours else theme.muted for row in rows]
        axes.barh(range(len(rows)), [row.value for row in rows], color=colors, alpha=0.75, height=0.62)
        for place, row in enumerate(rows):
            axes.annotate(
                row.written, (row.value, place), xytext=(5, -3.5), textcoords="offset points", color=theme.text,
                fontsize=8.5,
            )  # fmt: skip
        name_rows(axes, [row.label for row in rows], theme)
        axes.set_xlim(0, 1.14 * max(row.value for row in rows))
        axes.grid(visible=False)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.set_title(title, loc="left", fontsize=9.5, color=theme.text, pad=8)
    return drawing


def log_ticks(axes: Axes, margin: float) -> None:
    """Makes the x axis logarithmic with plain numbers. margin: share of its length left free on the right."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * (high / low) ** margin)
