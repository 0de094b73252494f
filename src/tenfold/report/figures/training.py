"""Figures of a training: what happened from epoch to epoch."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tenfold.report.figures.theme import Theme, figure
from tenfold.training.records import EpochRecord


def curves(history: list[EpochRecord], theme: Theme) -> Figure:
    """Two plots over epochs: accuracy and loss, each for the training and the validation part."""
    drawing = figure(2.7)
    accuracy, loss = drawing.subplots(1, 2)
    _curve(accuracy, history, "accuracy", 100, theme)
    accuracy.set_title("accuracy, %")
    _curve(loss, history, "loss", 1, theme)
    loss.set_title("loss, cross-entropy in nats")
    loss.set_ylim(0)
    return drawing


def _curve(axes: Axes, history: list[EpochRecord], what: str, scale: float, theme: Theme) -> None:
    epochs = [record.epoch for record in history]
    for part, colour in (("train", theme.accent), ("validation", theme.contrast)):
        values = [getattr(record, f"{part}_{what}") for record in history]
        if values[0] is None:
            continue
        marker = "o" if len(epochs) < 16 else None
        axes.plot(epochs, [scale * value for value in values], color=colour, marker=marker, markersize=3.5)
        other = getattr(history[-1], f"{'validation' if part == 'train' else 'train'}_{what}")
        # The names stand at the curves' ends, the upper one raised and the lower one lowered, so that they never meet.
        raised = 4 if other is not None and values[-1] >= other else -4
        axes.annotate(
            "training" if part == "train" else part,
            (epochs[-1], scale * values[-1]),
            xytext=(6, raised),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=8.5,
            annotation_clip=False,
        )
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    # Room for the names at the curves' ends.
    axes.set_xlim(epochs[0] - 0.2, epochs[-1] + max(0.1, 0.02 * len(epochs)))
