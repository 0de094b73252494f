"""Figures of a training: the learning curves, and the diagram of a dense network."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tenfold.report.figures.figure_style import Theme, bare, figure
from tenfold.training.records import EpochRecord

# The most units of a layer that can be drawn; of wider layers, both ends are drawn with dots between them.
_DRAWN = 11
_HEIGHT = 10.0


def learning_curves(history: Sequence[EpochRecord], theme: Theme) -> Figure:
    """Accuracy and loss over the epochs, for training and validation images."""
    drawing = figure(2.7)
    accuracy, loss = drawing.subplots(1, 2)
    _curve(accuracy, history, "accuracy", 100, theme)
    accuracy.set_title("accuracy, %")
    _curve(loss, history, "loss", 1, theme)
    loss.set_title("loss (cross-entropy)")
    loss.set_ylim(0)
    return drawing


def _curve(axes: Axes, history: Sequence[EpochRecord], what: str, scale: float, theme: Theme) -> None:
    epochs = [record.epoch for record in history]
    for part, color in (("train", theme.accent), ("validation", theme.contrast)):
        values = [getattr(record, f"{part}_{what}") for record in history]
        if values[0] is None:
            continue
        marker = "o" if len(epochs) < 16 else None
        axes.plot(epochs, [scale * value for value in values], color=color, marker=marker, markersize=3.5)
        other = getattr(history[-1], f"{'validation' if part == 'train' else 'train'}_{what}")
        # Labels at the ends of the curves: the upper one is raised and the lower one lowered, so they never overlap.
        raised = 4 if other is not None and values[-1] >= other else -4
        axes.annotate(
            "training" if part == "train" else part,
            (epochs[-1], scale * values[-1]),
            xytext=(6, raised),
            textcoords="offset points",
            va="center",
            color=color,
            fontsize=8.5,
            annotation_clip=False,
        )
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    # Space for these labels.
    axes.set_xlim(epochs[0] - 0.2, epochs[-1] + max(0.1, 0.02 * len(epochs)))


def network_diagram(widths: list[int], captions: list[str], theme: Theme) -> Figure:
    """The layers of a dense network from left to right, with their connections and weight shapes.

    widths: units of each layer, input first. captions: one for each layer, such as `"hidden 1\\nReLU"`.
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
    color = theme.accent if width > _DRAWN else theme.contrast
    axes.scatter(np.full(len(heights), x), heights, s=62, color=color, zorder=3, linewidths=0)
    if width > _DRAWN:
        axes.scatter([x] * 3, _HEIGHT / 2 + np.array([-0.32, 0, 0.32]), s=4, color=theme.muted, zorder=3)
    elif width == 10:
        for digit, y in enumerate(heights[::-1]):
            axes.text(x + 0.11, y, f"{digit}", va="center", ha="left", fontsize=8.5)
