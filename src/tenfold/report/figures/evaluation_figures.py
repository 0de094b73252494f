"""Figures of an evaluation: confusion matrix, scores per class, calibration, mistakes and predictions."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from tenfold.evaluation.calibration import reliability, risk_coverage
from tenfold.evaluation.metrics import Evaluation
from tenfold.report.figures.data_figures import labeled_grid
from tenfold.report.figures.figure_style import WIDTH, Theme, bare, figure, mosaic, name_classes, show_ink

# Up to so many classes the confusion matrix shows counts, up to so many its cells are drawn one by one, and a
# prediction has a bar for each.
_NUMBERED = 12
_DRAWN = 100
_BARS = 10
# Letters of a class name that a prediction shows.
_LETTERS = 20
# Points of a curve at most, about one a pixel: a page with all 10,000 would be twice as large.
_POINTS = 1000


def confusion(evaluation: Evaluation, theme: Theme) -> Figure:
    """The confusion matrix as a heat map: correct predictions in one color, mistakes in another.

    Mistakes are shaded by the square root of their count, so that rare ones remain visible next to frequent ones.
    """
    counts, names = evaluation.confusion, evaluation.class_names
    mistakes = counts - np.diag(np.diag(counts))
    worst = max(1, mistakes.max())
    side = 5.0 if len(names) <= _NUMBERED else 6.6
    drawing = figure(side + 0.4, side + 1.0)
    axes = drawing.add_subplot()
    if len(names) <= _DRAWN:
        for (row, column), count in np.ndenumerate(counts):
            if row == column:
                color, strength = theme.accent, 0.15 + 0.5 * count / max(1, counts[row].sum())
            else:
                color, strength = theme.contrast, 0.75 * (count / worst) ** 0.5
            if strength:
                cell = Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, color=color, alpha=strength, linewidth=0)
                axes.add_patch(cell)
            if count and len(names) <= _NUMBERED:
                weight = "bold" if row == column else "normal"
                axes.text(column, row, f"{count}", ha="center", va="center", fontsize=8.5, fontweight=weight)
    else:
        # A picture instead of a million rectangles.
        show_ink(axes, (counts / np.maximum(1, counts.sum(1, keepdims=True))) ** 0.5, peak=1)
    bare(axes)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_aspect("equal")
    name_classes(axes.xaxis, names)
    name_classes(axes.yaxis, names)
    axes.tick_params(length=0, labelsize=10 if len(names) <= _NUMBERED else 7, labelcolor=theme.text)
    axes.xaxis.set_label_position("top")
    axes.xaxis.tick_top()
    axes.set_xlabel("predicted class", labelpad=6)
    axes.set_ylabel("true class", labelpad=6)
    return drawing


def class_scores(evaluation: Evaluation, theme: Theme) -> Figure:
    """Precision and recall of each class as dots and F1 as a tick between them; the axis starts at the lowest value."""
    drawing = figure(2.9)
    axes = drawing.add_subplot()
    for digit, scores in enumerate(evaluation.classes):
        axes.plot([digit] * 2, [100 * scores.precision, 100 * scores.recall], color=theme.line, linewidth=3, zorder=1)
    positions = np.arange(len(evaluation.classes))
    for name, color, marker in (
        ("precision", theme.accent, "o"),
        ("recall", theme.contrast, "o"),
        ("f1", theme.text, "_"),
    ):
        values = [100 * getattr(scores, name) for scores in evaluation.classes]
        axes.scatter(
            positions,
            values,
            s=34 if marker == "o" else 90,
            color=color,
            marker=marker,
            zorder=2,
            label=name.upper() if name == "f1" else name,
            linewidths=0 if marker == "o" else 1.6,
        )
    name_classes(axes.xaxis, evaluation.class_names)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("score, %")
    axes.grid(axis="y")
    axes.set_ylim(top=100)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, handletextpad=0.3)
    return drawing


def reliability_diagram(evaluation: Evaluation, theme: Theme) -> Figure:
    """Accuracy against confidence in bins; a calibrated model lies on the diagonal."""
    right = evaluation.predictions == evaluation.labels
    counts, confidence, accuracy = reliability(evaluation.confidences, right)
    full = counts > 0
    drawing = figure(3.4, 3.8)
    axes = drawing.add_subplot()
    axes.plot([0, 1], [0, 1], color=theme.muted, linewidth=0.8, linestyle=(0, (4, 3)))
    sizes = 14 + 150 * np.sqrt(counts[full] / counts.max())
    axes.scatter(confidence[full], accuracy[full], s=sizes, color=theme.accent, alpha=0.75, linewidths=0)
    axes.plot(confidence[full], accuracy[full], color=theme.accent, linewidth=1)
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.03)
    axes.set_aspect("equal")
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy")
    axes.grid()
    return drawing


def risk_coverage_curve(evaluation: Evaluation, theme: Theme) -> Figure:
    """The error rate when only the most confident predictions count, against their share."""
    shares, risks = risk_coverage(evaluation.confidences, evaluation.predictions == evaluation.labels)
    every = max(1, -(-len(shares) // _POINTS))
    coverage, risk = shares[::-every][::-1], risks[::-every][::-1]  # The last point, of all images, among them.
    drawing = figure(2.7)
    axes = drawing.add_subplot()
    axes.plot(100 * coverage, 100 * risk, color=theme.accent, linewidth=1.6)
    axes.fill_between(100 * coverage, 100 * risk, color=theme.accent, alpha=0.12, linewidth=0)
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("coverage: images answered, %")
    axes.set_ylabel("risk: of these wrong, %")
    axes.grid()
    return drawing


def mistakes(evaluation: Evaluation, images: NDArray[np.uint8], theme: Theme, most: int = 40) -> Figure:
    """Misclassified images, the most confident first, with prediction, confidence and true label."""
    worst, names = evaluation.mistakes[:most], evaluation.class_names
    captions = [
        f"{names[predicted]}, {100 * confidence:.0f} %\ntrue: {names[label]}"
        for predicted, confidence, label in zip(
            evaluation.predictions[worst], evaluation.confidences[worst], evaluation.labels[worst], strict=True
        )
    ]
    return labeled_grid(images[worst], captions, theme)


def predictions(
    images: NDArray[np.uint8],
    probabilities: NDArray[np.float32],
    names: tuple[str, ...],
    theme: Theme,
    labels: NDArray[np.integer] | None = None,
) -> Figure:
    """Images with the predicted class, its confidence, the true class of mistakes, and all probabilities as bars."""
    names = tuple(name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…" for name in names)
    # In pixels of the images: each has its bars to the right, after the names of the classes.
    left, wide, tall = 32 + 2 * max(map(len, names)), 26, 34
    across, down = left + wide + 8, tall + 14
    columns = max(1, 272 // across)
    rows = max(1, -(-len(images) // columns))
    drawing = figure(rows * down * WIDTH / (columns * across))
    axes = drawing.add_subplot()
    show_ink(axes, mosaic(images, columns, across, down))
    for index, row in enumerate(probabilities):
        top, start = down * (index // columns), across * (index % columns)
        read = int(row.argmax())
        truth = read if labels is None else int(labels[index])
        color = theme.accent if read == truth else theme.contrast
        title = f"{names[read]} · {100 * row[read]:.1f} %"
        axes.text(start, top - 3, title, color=color, fontsize=9.5, fontweight="bold")
        if read != truth:
            axes.text(start, top + tall, f"true: {names[truth]}", color=theme.contrast, fontsize=8.5)
        # Of many classes, the most probable ones.
        shown = np.arange(len(names)) if len(names) <= _BARS else np.argsort(-row, kind="stable")[:_BARS]
        middles = top + (np.arange(len(shown)) + 0.5) * tall / len(shown)
        colors = [color if label == read else theme.muted for label in shown]
        axes.barh(middles, wide * row[shown], 0.7 * tall / len(shown), left=start + left, color=colors)
        for middle, label in zip(middles, shown, strict=True):
            name = axes.text(start + left - 1, middle, names[label], color=theme.muted, fontsize=6.5)
            name.set(horizontalalignment="right", verticalalignment="center_baseline")
    axes.set_xlim(-0.5, columns * across - 6)
    axes.set_ylim(rows * down - 13, -11)
    return drawing
