"""Figures as files: for a page, which has them inline too, and for the commands that draw one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold import files
from tenfold.data import Dataset
from tenfold.data.profile import Profile
from tenfold.report.blocks import Figure
from tenfold.report.figures import data as data_figures
from tenfold.report.figures import evaluation as evaluation_figures
from tenfold.report.figures.theme import Draw, to_png, to_svg
from tenfold.runs.augment import examples
from tenfold.runs.predict import Prediction
from tenfold.training.recipe import AugmentConfig

Show = Callable[..., Figure]


def figure_maker(folder: Path) -> Show:
    """Gives a function that draws a figure twice: into the page, and as `folder/<name>.png`."""

    def show(name: str, caption: str, draw: Draw, shape: Any = "wide") -> Figure:
        files.write_bytes(folder / f"{name}.png", to_png(draw))
        return Figure(to_svg(draw, name), caption, shape)

    return show


def draw_profile(data: Dataset, profile: Profile, folder: Path) -> list[Path]:
    """Draws samples, distribution, mean digits and outliers into `folder`, and returns the files."""
    drawings: dict[str, Draw] = {
        "samples": lambda theme: data_figures.samples(data, theme),
        "distribution": lambda theme: data_figures.distribution(data, profile, theme),
        "mean-digits": lambda theme: data_figures.mean_digits(data, profile, theme),
    }
    if len(profile.train.outlying):
        drawings["outliers"] = lambda theme: data_figures.oddities(data, profile, theme)
    return [files.write_bytes(folder / f"{name}.png", to_png(draw)) for name, draw in drawings.items()]


def draw_augmentation(data: Dataset, config: AugmentConfig, path: Path) -> Path:
    """Draws a training image of each class, and below it what each augmentation of `config` makes of it."""
    images = first_of_each_class(data)
    changed = examples(images, config)
    return files.write_bytes(path, to_png(lambda theme: data_figures.augmented(images, changed, theme)))


def first_of_each_class(data: Dataset) -> NDArray[np.uint8]:
    """uint8[N,28,28]: the first training image of each class that there is."""
    return data.train_images[np.unique(data.train_labels, return_index=True)[1]]


def draw_predictions(predictions: Sequence[Prediction], names: tuple[str, ...], path: Path) -> Path:
    """Draws the predictions as a grid into `path`."""
    labels = [p.label for p in predictions]
    known = None if None in labels else np.array(labels, np.int64)
    images, rows = np.stack([p.pixels for p in predictions]), np.stack([p.probabilities for p in predictions])
    return files.write_bytes(
        path, to_png(lambda theme: evaluation_figures.predictions(images, rows, names, theme, known))
    )
