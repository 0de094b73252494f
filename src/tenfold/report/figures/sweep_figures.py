"""Figures of a sweep: its history, the importance of parameters, and accuracy against each parameter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tenfold.report.figures.figure_style import Theme, accuracy_axis, error_percent, figure, name_rows


@dataclass(frozen=True)
class TrialMark:
    """A trial in a chart. accuracy: in percent. finished: rather than pruned. best: of all finished trials."""

    number: int
    accuracy: float
    finished: bool
    best: bool = False


@dataclass(frozen=True)
class ParameterPanel:
    """A parameter in a chart: its value in each trial, a number or one of `names`."""

    name: str
    values: Sequence[float | str]
    names: Sequence[str] = ()
    log: bool = False


def history(marks: Sequence[TrialMark], theme: Theme) -> Figure:
    """The trials in the order in which they were started, and the best so far as a line; crosses were pruned."""
    drawing = figure(3.2)
    axes = drawing.add_subplot()
    _scatter(axes, [mark.number for mark in marks], marks, theme)
    finished = sorted((mark for mark in marks if mark.finished), key=lambda mark: mark.number)
    if finished:
        best = np.minimum.accumulate([error_percent(mark.accuracy) for mark in finished])
        numbers = [mark.number for mark in finished]
        axes.step([*numbers, max(m.number for m in marks)], [*best, best[-1]], where="post", color=theme.accent,
                  linewidth=1, alpha=0.5, zorder=1)  # fmt: skip
    axes.set_title("validation accuracy, %")
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return drawing


def importance(shares: Mapping[str, float], theme: Theme) -> Figure:
    """The importance of each parameter as a bar. shares: they add up to 1."""
    drawing = figure(0.8 + 0.3 * len(shares))
    axes = drawing.add_subplot()
    axes.barh(range(len(shares)), [100 * share for share in shares.values()], height=0.5, color=theme.accent)
    name_rows(axes, list(shares), theme)
    axes.set_xlim(0, 100)
    axes.set_xlabel("importance, %")
    return drawing


def slices(panels: Sequence[ParameterPanel], marks: Sequence[TrialMark], theme: Theme) -> Figure:
    """A panel for each parameter: accuracy against its value. marks: one for each value of a panel; an empty value
    belongs to a trial without that parameter."""
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    drawing = figure(2.6 * rows)
    grid = drawing.subplots(rows, columns, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _slice(axes, panel, marks, theme)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    return drawing


def _slice(axes: Axes, panel: ParameterPanel, marks: Sequence[TrialMark], theme: Theme) -> None:
    present = [(value, mark) for value, mark in zip(panel.values, marks, strict=True) if value not in ("", None)]
    if panel.names:
        # Trials with the same value next to each other, so that none hides another.
        places = {name: place for place, name in enumerate(panel.names)}
        counts = {name: sum(value == name for value, _ in present) for name in panel.names}
        placed = dict.fromkeys(panel.names, 0)
        across = []
        for value, _ in present:
            placed[str(value)] += 1
            across.append(places[str(value)] + 0.5 * ((placed[str(value)] - 0.5) / counts[str(value)] - 0.5))
        axes.set_xticks(range(len(panel.names)), panel.names)
        axes.set_xlim(-0.5, len(panel.names) - 0.5)
    else:
        across = [float(value) for value, _ in present]
        if panel.log:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    _scatter(axes, across, [mark for _, mark in present], theme)
    axes.set_title(panel.name)


def _scatter(axes: Axes, across: Sequence[float], marks: Sequence[TrialMark], theme: Theme) -> None:
    accuracy_axis(axes, [90, 70, 50, 30, 20, 10, 5, 3, 2, 1, 0.5, 0.3, 0.2, 0.1])
    kinds = [("x" if not mark.finished else "best" if mark.best else "o") for mark in marks]
    for kind, marker, color, size in (("x", "x", theme.muted, 18), ("o", "o", theme.accent, 16),
                                       ("best", "o", theme.contrast, 34)):  # fmt: skip
        chosen = [place for place, found in enumerate(kinds) if found == kind]
        wrong = [error_percent(marks[place].accuracy) for place in chosen]
        axes.scatter([across[place] for place in chosen], wrong, s=size, marker=marker, color=color, linewidths=1,
                     zorder=3)  # fmt: skip
    axes.grid(axis="y")
