"""Figures that set runtimes side by side: a row each."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from tenfold.report.figures.figure_style import Theme, figure, log_ticks, name_rows


@dataclass(frozen=True)
class Wait:
    """How long one image takes, in milliseconds: the median, the least and most of it over rounds, and what 99 of 100
    stay under. ours: drawn in the accent."""

    label: str
    median: float
    least: float
    most: float
    p99: float
    ours: bool


def waits(rows: Sequence[Wait], theme: Theme) -> Figure:
    """One line a runtime, on a log axis of milliseconds: a dot at the median, a ring at what 99 of 100 stay under."""
    drawing = figure(1.2 + 0.32 * len(rows))
    axes = drawing.add_subplot()
    for place, row in enumerate(rows):
        colour = theme.accent if row.ours else theme.muted
        axes.plot([row.median, row.p99], [place, place], color=colour, linewidth=2, alpha=0.5, zorder=1)
        axes.plot([row.least, row.most], [place, place], color=colour, linewidth=6, alpha=0.3, solid_capstyle="butt")
        axes.plot(row.p99, place, "o", color=colour, markersize=6, markerfacecolor="none")
        axes.plot(row.median, place, "o", color=colour, markersize=6)
        axes.annotate(
            f"{row.median:.3g}, p99 {row.p99:.3g} ms", (max(row.p99, row.most), place), xytext=(9, -3.5),
            textcoords="offset points", color=theme.text, fontsize=8.5,
        )  # fmt: skip
    name_rows(axes, [row.label for row in rows], theme)
    log_ticks(axes, 0.3)
    axes.set_xlabel("milliseconds for one image; dot: the median, ring: p99, what 99 of 100 stay under")
    return drawing
