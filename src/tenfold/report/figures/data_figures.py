"""Figures of a data set: its images, classes and outliers, preprocessing and augmentation."""

from functools import partial

import numpy as np
from matplotlib.figure import Figure

from tenfold.data import Dataset
from tenfold.data.preprocessing import flatten, one_hot, scale_pixels
from tenfold.data.profile import Profile
from tenfold.report.figures.figure_style import WIDTH, Draw, Theme, figure, mosaic, name_classes, show_ink

# Of more classes, samples and mean images are shown of the first.
_SHOWN = 30
_COLUMNS = 10


def profile_figures(data: Dataset, profile: Profile) -> dict[str, Draw]:
    """By name: samples, class distribution, mean images and, where there are any, outliers."""
    figures: dict[str, Draw] = {
        "samples": partial(samples, data),
        "distribution": partial(distribution, data, profile),
        "mean-digits": partial(mean_digits, data, profile),
    }
    if len(profile.train.outlying):
        figures["outliers"] = partial(outliers, data, profile)
    return figures


def samples(data: Dataset, theme: Theme, each: int = 12) -> Figure:
    """The first `each` training images of each class, one row per class; of more than 30 classes, of the first."""
    names = data.class_names[:_SHOWN]
    images = np.zeros((len(names) * each, 28, 28), np.uint8)
    for label in range(len(names)):
        first = np.flatnonzero(data.train_labels == label)[:each]
        images[label * each : label * each + len(first)] = data.train_images[first]
    drawing = figure(0.56 * len(names))
    axes = drawing.add_subplot()
    show_ink(axes, mosaic(images, each))
    axes.set_yticks([14 + 32 * label for label in range(len(names))], names)
    axes.tick_params(length=0, labelsize=11, labelcolor=theme.muted)
    return drawing


def distribution(data: Dataset, profile: Profile, theme: Theme) -> Figure:
    """Bar chart of the share of each class in the training and the test set, with a line at a uniform share."""
    drawing = figure(2.9)
    axes = drawing.add_subplot()
    positions = np.arange(data.classes)
    parts = (("training", profile.train, theme.accent, -0.21), ("test", profile.test, theme.contrast, 0.21))
    for name, part, color, shift in parts:
        shares = 100 * part.counts / part.images
        axes.bar(positions + shift, shares, 0.38, color=color, label=f"{name}: {part.images:,} images")
    axes.axhline(
        100 / data.classes, color=theme.text, linewidth=0.8, linestyle=(0, (4, 3)), label="uniform distribution"
    )
    name_classes(axes.xaxis, data.class_names)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("share of the images, %")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=3)
    axes.set_ylim(0, max(130 / data.classes, axes.get_ylim()[1]))
    return drawing


def mean_digits(data: Dataset, profile: Profile, theme: Theme) -> Figure:
    """The mean image of each class, or of the first 30; below, the share of pixels with ink, mean and standard
    deviation."""
    means = profile.mean_images[:_SHOWN]
    rows = -(-len(means) // _COLUMNS)
    drawing = figure(2.0 + 0.75 * rows)
    above, axes = drawing.subplots(2, 1, height_ratios=(rows, 1.7))
    peaks = np.maximum(1, means.max((1, 2), keepdims=True))
    show_ink(above, mosaic((255 * means / peaks).astype(np.uint8), _COLUMNS))
    axes.errorbar(
        range(data.classes), 100 * profile.ink_mean, 100 * profile.ink_spread, fmt="o", color=theme.accent, capsize=3
    )
    axes.set_xlim(-0.5, data.classes - 0.5)
    axes.set_ylim(0)
    name_classes(axes.xaxis, data.class_names)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("pixels with ink, %")
    axes.grid(axis="y")
    return drawing


def outliers(data: Dataset, profile: Profile, theme: Theme, most: int = 20) -> Figure:
    """The training images that are furthest from the mean of their class, with their labels."""
    return labeled_grid(
        data.train_images[profile.train.outlying[:most]],
        [data.class_names[label] for label in data.train_labels[profile.train.outlying[:most]]],
        theme,
    )


def preprocessing(data: Dataset, theme: Theme, index: int = 0) -> Figure:
    """One image as stored, scaled to [0,1] and flattened, and its label as one-hot vector, next to each other."""
    image, label = data.train_images[index], data.train_labels[index : index + 1]
    unit = scale_pixels(image[None])[0]
    drawing = figure(2.75)
    panels = drawing.subplots(1, 4, width_ratios=(1, 1, 1, 0.5))
    window = (slice(5, 13, 2), slice(12, 18))  # a few pixels of the middle, shown as numbers
    for axes, values, title, form in (
        (panels[0], image, "stored: 0 to 255", "{:3.0f}"),
        (panels[1], unit, "scaled: 0 to 1", "{:3.1f}"),
    ):
        show_ink(axes, image)
        axes.set_title(title, fontweight="normal")
        numbers = "\n".join(" ".join(form.format(value) for value in row) for row in values[window])
        axes.set_xlabel(
            numbers.replace(" ", "\N{NO-BREAK SPACE}"), family="monospace", fontsize=7, linespacing=1.5, labelpad=4
        )
    flat = flatten(unit[None])[0]
    panels[2].fill_between(range(len(flat)), flat, color=theme.accent, linewidth=0)
    panels[2].set_title("flattened: 784 values", fontweight="normal")
    panels[2].set_xlabel("pixel, row by row", labelpad=-4)
    panels[2].set_xticks([0, 784])
    panels[2].set_yticks([0, 1])
    panels[2].set_box_aspect(1)
    hot = one_hot(label, data.classes)[0]
    panels[3].barh(range(data.classes), hot, color=theme.contrast, height=max(0.7, data.classes / 60))
    panels[3].set_title("one-hot", fontweight="normal")
    name_classes(panels[3].yaxis, data.class_names, most=13)
    panels[3].invert_yaxis()
    panels[3].set_xticks([0, 1])
    panels[3].tick_params(axis="y", length=0)
    return drawing


def first_of_each_class(data: Dataset) -> np.ndarray:
    """uint8[N,28,28]: the first training image of each class that occurs."""
    return data.train_images[np.unique(data.train_labels, return_index=True)[1]]


def augmented(originals: np.ndarray, changed: dict[str, np.ndarray], theme: Theme) -> Figure:
    """originals: uint8[N,28,28], shown in a row; changed: by augmentation, the same images, a row each."""
    rows = {"as stored": originals, **changed}
    drawing = figure(0.72 * len(rows))
    axes = drawing.add_subplot()
    show_ink(axes, mosaic(np.concatenate(list(rows.values())), len(originals)))
    axes.set_yticks([14 + 32 * row for row in range(len(rows))], list(rows))
    axes.tick_params(length=0, labelsize=9, labelcolor=theme.muted)
    return drawing


def labeled_grid(images: np.ndarray, captions: list[str], theme: Theme, columns: int = 10) -> Figure:
    """images: uint8[N,28,28], in rows of `columns`, each with its caption below."""
    lines = 1 + max((caption.count("\n") for caption in captions), default=0)
    down = 34 + 6 * lines  # pixels: a line of a caption is 6 of them high
    rows = max(1, -(-len(images) // columns))
    drawing = figure(rows * down * WIDTH / (32 * columns))
    axes = drawing.add_subplot()
    show_ink(axes, mosaic(images, columns, down=down))
    for index, caption in enumerate(captions):
        row, column = divmod(index, columns)
        place = 32 * column + 13.5, down * row + 29
        axes.text(*place, caption, color=theme.muted, fontsize=8, horizontalalignment="center", verticalalignment="top")
    return drawing
