"""Figures as files, for the commands that draw one."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tenfold import files
from tenfold.data import Dataset
from tenfold.data.profile import Profile
from tenfold.report.figures import data_figures, evaluation_figures
from tenfold.report.figures.figure_style import Draw, to_png
from tenfold.runs.augmentation_cost import examples
from tenfold.runs.predict import Prediction
from tenfold.training.recipe import AugmentConfig


def draw_profile(data: Dataset, profile: Profile, folder: Path) -> list[Path]:
    """Saves samples, class distribution, mean images and outliers as PNGs in `folder`; returns their paths."""
    drawings = data_figures.profile_figures(data, profile)
    return [files.write_bytes(folder / f"{name}.png", to_png(draw)) for name, draw in drawings.items()]


def draw_augmentation(data: Dataset, config: AugmentConfig, path: Path) -> Path:
    """Saves a training image of each class, and below it an example of each augmentation of `config`."""
    images = data_figures.first_of_each_class(data)
    augmented = examples(images, config)
    return files.write_bytes(path, to_png(lambda theme: data_figures.augmented(images, augmented, theme)))


def draw_predictions(predictions: Sequence[Prediction], path: Path) -> Path:
    """Saves the predictions as a grid of images."""
    return files.write_bytes(path, to_png(predictions_figure(predictions)))


def predictions_figure(predictions: Sequence[Prediction]) -> Draw:
    """The predictions as a grid of images, with the true labels where all are known."""
    labels = [prediction.label for prediction in predictions]
    return partial(
        evaluation_figures.predictions,
        np.stack([prediction.pixels for prediction in predictions]),
        np.stack([prediction.probabilities for prediction in predictions]),
        predictions[0].class_names,
        labels=None if None in labels else np.array(labels, np.int64),
    )
