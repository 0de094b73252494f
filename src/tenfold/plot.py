"""Figures of data, training and evaluation: each shows itself in a notebook, and `save` writes a file.

from tenfold import evaluate, load_dataset, plot

plot.samples(load_dataset("mnist")).save("samples.png")
plot.confusion_matrix(evaluate(run))
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold import files
from tenfold.data import Dataset
from tenfold.data.profile import Profile
from tenfold.errors import UsageError
from tenfold.evaluation.metrics import Evaluation
from tenfold.report.figures import data_figures, evaluation_figures, training_figures
from tenfold.report.figures.figure_files import predictions_figure
from tenfold.report.figures.figure_style import Draw, to_png
from tenfold.runs.predict import Prediction
from tenfold.training.records import EpochRecord


class Plot:
    """A figure. A notebook shows it; `save` writes it to a .png."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def save(self, path: str | Path) -> Path:
        """Writes a PNG, atomically. Raises `UsageError` for another suffix, `StorageError` when it can't be written."""
        path = files.expanded(path)
        if path.suffix.lower() != ".png":
            raise UsageError(f"{path} must end in .png")
        return files.write_bytes(path, self._repr_png_())

    def _repr_png_(self) -> bytes:
        return to_png(self._draw)


def samples(data: Dataset) -> Plot:
    """The first training images of each class."""
    return Plot(partial(data_figures.samples, data))


def class_distribution(data: Dataset, profile: Profile) -> Plot:
    """The share of each class in the training and the test part."""
    return Plot(partial(data_figures.distribution, data, profile))


def mean_images(data: Dataset, profile: Profile) -> Plot:
    """The mean image of each class, and how much ink its images have."""
    return Plot(partial(data_figures.mean_digits, data, profile))


def outliers(data: Dataset, profile: Profile) -> Plot:
    """The training images that are furthest from the mean of their class."""
    return Plot(partial(data_figures.outliers, data, profile))


def preprocessing(data: Dataset, index: int = 0) -> Plot:
    """A training image as stored, scaled and flattened, and its label as a one-hot vector."""
    return Plot(partial(data_figures.preprocessing, data, index=index))


def network(widths: Sequence[int], captions: Sequence[str]) -> Plot:
    """A dense network: the width of each layer, input and output included, and a caption for each."""
    return Plot(partial(training_figures.network_diagram, list(widths), list(captions)))


def learning_curves(history: Sequence[EpochRecord]) -> Plot:
    """Loss and accuracy of training and validation by epoch, such as of `run.history`."""
    return Plot(partial(training_figures.learning_curves, history))


def confusion_matrix(evaluation: Evaluation) -> Plot:
    """How often each class was predicted for images of each class."""
    return Plot(partial(evaluation_figures.confusion, evaluation))


def class_scores(evaluation: Evaluation) -> Plot:
    """Precision, recall and F1 of each class."""
    return Plot(partial(evaluation_figures.class_scores, evaluation))


def reliability_diagram(evaluation: Evaluation) -> Plot:
    """Accuracy against confidence: a calibrated model lies on the diagonal."""
    return Plot(partial(evaluation_figures.reliability_diagram, evaluation))


def risk_coverage_curve(evaluation: Evaluation) -> Plot:
    """The error rate of the most confident predictions, by their share of all."""
    return Plot(partial(evaluation_figures.risk_coverage_curve, evaluation))


def mistakes(evaluation: Evaluation, data: Dataset, most: int = 40) -> Plot:
    """Misclassified test images, the most confident first."""
    return Plot(partial(evaluation_figures.mistakes, evaluation, np.asarray(data.test_images), most=most))


def predictions(predicted: Sequence[Prediction], labels: Sequence[int] | NDArray[Any] | None = None) -> Plot:
    """Images with the probabilities that a model gives them, such as of `predict(run, images)`.

    labels: the true classes, if the predictions don't know them.
    """
    if labels is not None:
        predicted = [replace(one, label=int(label)) for one, label in zip(predicted, labels, strict=True)]
    return Plot(predictions_figure(predicted))
