"""Figures of a sweep: how it went on, what mattered, and where the good values lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from tenfold.report.figures.theme import Theme, figure


@dataclass(frozen=True)
class Mark:
    """A trial in a chart. accuracy: in percent; ended: it was trained to its end; best: of all."""

    number: int
    accuracy: float
    ended: bool
    best: bool = False


@dataclass(frozen=True)
class Slice:
    """A parameter in a chart: its value in each trial, a number or a name of `names`."""

    name: str
    values: Sequence[float | str]
    names: Sequence[str] = ()
    log: bool = False


def history(marks: Sequence[Mark], theme: Theme) -> Figure:
    """Trials in the order that they were begun in, and the best so far as a line; crosses were stopped early."""
    drawing = figure(3.2)
    axes = drawing.add_subplot()
    _scatter(axes, [mark.number for mark in marks], marks, theme)
    ended = sorted((mark for mark in marks if mark.ended), key=lambda mark: mark.number)
    if ended:
        best = np.minimum.accumulate([_wrong(mark.accuracy) for mark in ended])
        numbers = [mark.number for mark in ended]
        axes.step([*numbers, max(m.number for m in marks)], [*best, best[-1]], where="post", color=theme.accent,
                  linewidth=1, alpha=0.5, zorder=1)  # fmt: skip
    axes.set_title("accuracy on the validation images, %")
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return drawing


def importance(shares: Mapping[str, float], theme: Theme) -> Figure:
    """One line a parameter: its share of the differences in accuracy."""
    drawing = figure(0.8 + 0.3 * len(shares))
    axes = drawing.add_subplot()
    axes.barh(range(len(shares)), [100 * share for share in shares.values()], height=0.5, color=theme.accent)
    axes.set_yticks(range(len(shares)), list(shares))
    axes.tick_params(axis="y", length=0, labelcolor=theme.text)
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("share of the differences in accuracy, %")
    return drawing


def slices(panels: Sequence[Slice], marks: Sequence[Mark], theme: Theme) -> Figure:
    """A panel for each parameter: accuracy against its value. marks: as many as each panel has values; a value that is
    NaN or empty is of a trial without that parameter."""
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    drawing = figure(2.6 * rows)
    grid = drawing.subplots(rows, columns, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _slice(axes, panel, marks, theme)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    return drawing


def _slice(axes: Axes, panel: Slice, marks: Sequence[Mark], theme: Theme) -> None:
    there = [(value, mark) for value, mark in zip(panel.values, marks, strict=True) if value not in ("", None)]
    if panel.names:
        # Trials of one value side by side, in their order, so that none hides another.
        places = {name: place for place, name in enumerate(panel.names)}
        seen = {name: sum(value == name for value, _ in there) for name in panel.names}
        met = dict.fromkeys(panel.names, 0)
        across = []
        for value, _ in there:
            met[str(value)] += 1
            across.append(places[str(value)] + 0.5 * ((met[str(value)] - 0.5) / seen[str(value)] - 0.5))
        axes.set_xticks(range(len(panel.names)), panel.names)
        axes.set_xlim(-0.5, len(panel.names) - 0.5)
    else:
        across = [float(value) for value, _ in there]
        if panel.log:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    _scatter(axes, across, [mark for _, mark in there], theme)
    axes.set_title(panel.name)


def _scatter(axes: Axes, across: Sequence[float], marks: Sequence[Mark], theme: Theme) -> None:
    """What is read wrong goes down on a log axis: half as many mistakes are as far apart near 99.5 % as near 97."""
    axes.set_yscale("log")
    axes.invert_yaxis()
    kinds = [("x" if not mark.ended else "best" if mark.best else "o") for mark in marks]
    for kind, marker, colour, size in (("x", "x", theme.muted, 18), ("o", "o", theme.accent, 16),
                                       ("best", "o", theme.contrast, 34)):  # fmt: skip
        chosen = [place for place, found in enumerate(kinds) if found == kind]
        wrong = [_wrong(marks[place].accuracy) for place in chosen]
        axes.scatter([across[place] for place in chosen], wrong, s=size, marker=marker, color=colour, linewidths=1,
                     zorder=3)  # fmt: skip
    axes.grid(axis="y")
    axes.yaxis.set_major_locator(FixedLocator([90, 70, 50, 30, 20, 10, 5, 3, 2, 1, 0.5, 0.3, 0.2, 0.1]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda wrong, _: f"{100 - wrong:g}"))


def _wrong(accuracy: float) -> float:
    """Percent read wrong; a log axis has no place for none."""
    return max(0.01, 100 - accuracy)
