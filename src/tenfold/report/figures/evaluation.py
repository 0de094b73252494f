"""Figures of an evaluation: what is read for what, how well, and how sure."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from tenfold.data.dataset import CLASSES
from tenfold.evaluation.calibration import reliability, risk_coverage
from tenfold.evaluation.metrics import Evaluation
from tenfold.report.figures.data import labelled_grid
from tenfold.report.figures.theme import Theme, bare, figure, show_ink


def confusion(evaluation: Evaluation, names: tuple[str, ...], theme: Theme) -> Figure:
    """A heat map: true classes down, predicted across; what is right in one colour, mistakes in the other.

    Mistakes are shaded by the square root of their count, so that rare ones still show beside common ones.
    """
    counts = evaluation.confusion
    mistakes = counts - np.diag(np.diag(counts))
    worst = max(1, mistakes.max())
    drawing = figure(5.4, 6.0)
    axes = drawing.add_subplot()
    for (row, column), count in np.ndenumerate(counts):
        if row == column:
            colour, strength = theme.accent, 0.15 + 0.5 * count / max(1, counts[row].sum())
        else:
            colour, strength = theme.contrast, 0.75 * (count / worst) ** 0.5
        axes.add_patch(Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, color=colour, alpha=strength, linewidth=0))
        if count:
            weight = "bold" if row == column else "normal"
            axes.text(column, row, f"{count}", ha="center", va="center", fontsize=8.5, fontweight=weight)
    bare(axes)
    axes.set_xlim(-0.5, CLASSES - 0.5)
    axes.set_ylim(CLASSES - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_xticks(range(CLASSES), names)
    axes.set_yticks(range(CLASSES), names)
    axes.tick_params(length=0, labelsize=10, labelcolor=theme.text)
    axes.xaxis.set_label_position("top")
    axes.xaxis.tick_top()
    axes.set_xlabel("predicted", labelpad=6)
    axes.set_ylabel("true", labelpad=6)
    return drawing


def class_scores(evaluation: Evaluation, names: tuple[str, ...], theme: Theme) -> Figure:
    """Precision and recall of each class as dots, its F1 as a tick between them; the axis begins at the lowest."""
    drawing = figure(2.9)
    axes = drawing.add_subplot()
    for digit, scores in enumerate(evaluation.classes):
        axes.plot([digit] * 2, [100 * scores.precision, 100 * scores.recall], color=theme.line, linewidth=3, zorder=1)
    positions = np.arange(CLASSES)
    for name, colour, marker in (
        ("precision", theme.accent, "o"),
        ("recall", theme.contrast, "o"),
        ("f1", theme.text, "_"),
    ):
        values = [100 * getattr(scores, name) for scores in evaluation.classes]
        axes.scatter(
            positions,
            values,
            s=34 if marker == "o" else 90,
            color=colour,
            marker=marker,
            zorder=2,
            label=name.upper() if name == "f1" else name,
            linewidths=0 if marker == "o" else 1.6,
        )
    axes.set_xticks(positions, names)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("%")
    axes.grid(axis="y")
    axes.set_ylim(top=100)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, handletextpad=0.3)
    return drawing


def reliability_diagram(evaluation: Evaluation, theme: Theme) -> Figure:
    """Accuracy against confidence in bins: on the diagonal, 90 % sure is right nine times of ten."""
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
    axes.set_ylabel("share read right")
    axes.grid()
    return drawing


def risk_coverage_curve(evaluation: Evaluation, theme: Theme) -> Figure:
    """The share of mistakes among what is answered, when only the most confident readings are."""
    coverage, risk = risk_coverage(evaluation.confidences, evaluation.predictions == evaluation.labels)
    drawing = figure(2.7)
    axes = drawing.add_subplot()
    axes.plot(100 * coverage, 100 * risk, color=theme.accent, linewidth=1.6)
    axes.fill_between(100 * coverage, 100 * risk, color=theme.accent, alpha=0.12, linewidth=0)
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("answered, %")
    axes.set_ylabel("of these wrong, %")
    axes.grid()
    return drawing


def mistakes(
    evaluation: Evaluation, images: NDArray[np.uint8], names: tuple[str, ...], theme: Theme, most: int = 40
) -> Figure:
    """The images read wrong, the most confident first: what was read, how surely, and what it is."""
    worst = evaluation.mistakes[:most]
    captions = [
        f"{names[evaluation.predictions[i]]}, {100 * evaluation.confidences[i]:.0f} %\nis {names[evaluation.labels[i]]}"
        for i in worst
    ]
    return labelled_grid(images[worst], captions, theme)


def predictions(
    images: NDArray[np.uint8],
    probabilities: NDArray[np.float32],
    names: tuple[str, ...],
    theme: Theme,
    labels: NDArray[np.integer] | None = None,
) -> Figure:
    """Images with what is read in them, the confidence and the truth, and a bar for each class's probability."""
    columns = 4
    rows = max(1, -(-len(images) // columns))
    drawing = figure(1.5 * rows)
    grid = drawing.subplots(rows, columns * 2, squeeze=False, width_ratios=(1, 0.9) * columns)
    for axes in grid.flat:
        bare(axes)
    for index, (image, row) in enumerate(zip(images, probabilities, strict=True)):
        picture, bars = grid.flat[2 * index], grid.flat[2 * index + 1]
        read = int(row.argmax())
        right = labels is None or read == labels[index]
        colour = theme.accent if right else theme.contrast
        show_ink(picture, image)
        title = f"{names[read]} · {100 * row[read]:.1f} %"
        picture.set_title(title, color=colour, fontsize=9.5, pad=3, loc="left")
        if labels is not None:
            truth = "" if right else f"is {names[int(labels[index])]}"
            bars.set_title(truth, color=theme.contrast, fontsize=8.5, pad=3, fontweight="normal", loc="left")
        bars.barh(range(CLASSES), row, color=[colour if d == read else theme.muted for d in range(CLASSES)], height=0.7)
        bars.set_yticks(range(CLASSES), names)
        bars.tick_params(axis="y", length=0, labelsize=6.5, pad=1)
        bars.set_xlim(0, 1)
        bars.invert_yaxis()
    return drawing
