"""The figure of a dense network: its layers, its connections and their dimensions."""

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from tenfold.report.figures.theme import Theme, bare, figure

# More than this many units of a layer can't be told apart on a page: the ends are drawn, and dots between them.
_DRAWN = 11
_HEIGHT = 10.0


def network(widths: list[int], captions: list[str], theme: Theme) -> Figure:
    """Layers of `widths` units from left to right, all connected, with `captions` below.

    widths: units a layer, input first. captions: one a layer, such as `"hidden 1\\nReLU"`.
    """
    drawing = figure(3.3)
    axes = drawing.add_subplot()
    columns = [_unit_heights(width) for width in widths]
    for left, (here, there) in enumerate(pairwise(columns)):
        segments = [[(left, y), (left + 1, z)] for y in here for z in there]
        axes.add_collection(LineCollection(segments, colors=theme.muted, linewidths=0.35, alpha=0.35))
        axes.text(
            left + 0.5,
            _HEIGHT + 0.7,
            f"{widths[left]:,} x {widths[left + 1]:,}\n+ {widths[left + 1]}",
            ha="center",
            va="bottom",
            fontsize=8,
            color=theme.muted,
        )
    for x, (width, heights, caption) in enumerate(zip(widths, columns, captions, strict=True)):
        _layer(axes, x, width, heights, theme)
        axes.text(x, _HEIGHT + 0.7, f"{width}", ha="center", va="bottom", fontsize=13, fontweight="bold")
        axes.text(x, -0.9, caption, ha="center", va="top", fontsize=9, color=theme.muted, linespacing=1.4)
    axes.set_xlim(-0.35, len(widths) - 0.65)
    axes.set_ylim(-2.6, _HEIGHT + 1.9)
    bare(axes)
    return drawing


def _unit_heights(width: int) -> np.ndarray:
    if width <= _DRAWN:
        spread = _HEIGHT * (width - 1) / (_DRAWN - 1)
        return np.linspace(_HEIGHT / 2 - spread / 2, _HEIGHT / 2 + spread / 2, width)
    heights = np.linspace(0, _HEIGHT, _DRAWN)
    return np.delete(heights, _DRAWN // 2)


def _layer(axes: Axes, x: int, width: int, heights: np.ndarray, theme: Theme) -> None:
    colour = theme.accent if width > _DRAWN else theme.contrast
    axes.scatter(np.full(len(heights), x), heights, s=62, color=colour, zorder=3, linewidths=0)
    if width > _DRAWN:
        axes.scatter([x] * 3, _HEIGHT / 2 + np.array([-0.32, 0, 0.32]), s=4, color=theme.muted, zorder=3)
    elif width == 10:
        for digit, y in enumerate(heights[::-1]):
            axes.text(x + 0.11, y, f"{digit}", va="center", ha="left", fontsize=8.5)
