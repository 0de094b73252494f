"""Figures that compare runtimes, one row each."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from lab.frameworks.framework_figures import log_ticks
from tenfold.report.figures.figure_style import Theme, figure, name_rows


@dataclass(frozen=True)
class LatencyRange:
    """Latency of one image in milliseconds: median, range over rounds, and 99th percentile. ours: highlighted."""

    label: str
    median: float
    least: float
    most: float
    p99: float
    ours: bool


def latency_chart(rows: Sequence[LatencyRange], theme: Theme) -> Figure:
    """One line per runtime, on a log axis of milliseconds: a dot at the median, a ring at the 99th percentile."""
    drawing = figure(1.2 + 0.32 * len(rows))
    axes = drawing.add_subplot()
    for place, row in enumerate(rows):
        color = theme.accent if row.ours else theme.muted
        axes.plot([row.median, row.p99], [place, place], color=color, linewidth=2, alpha=0.5, zorder=1)
        axes.plot([row.least, row.most], [place, place], color=color, linewidth=6, alpha=0.3, solid_capstyle="butt")
        axes.plot(row.p99, place, "o", color=color, markersize=6, markerfacecolor="none")
        axes.plot(row.median, place, "o", color=color, markersize=6)
        axes.annotate(
            f"{row.median:.3g}, p99 {row.p99:.3g} ms", (max(row.p99, row.most), place), xytext=(9, -3.5),
            textcoords="offset points", color=theme.text, fontsize=8.5,
        )  # fmt: skip
    name_rows(axes, [row.label for row in rows], theme)
    log_ticks(axes, 0.3)
    axes.set_xlabel("milliseconds for one image; dot: the median, ring: p99")
    return drawing
