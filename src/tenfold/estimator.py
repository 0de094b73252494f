"""TenfoldClassifier: any recipe as an estimator of scikit-learn."""

import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from tenfold.data import Dataset
from tenfold.data.arrays import DIM
from tenfold.data.dataset import MOST_CLASSES, SIDE, to_labels
from tenfold.errors import TenfoldError
from tenfold.machine import usable_cores
from tenfold.runs.memory_run import MemoryRun
from tenfold.runs.train import train
from tenfold.training.recipe import Recipe
from tenfold.training.records import OnEpoch

# Fewer steps than this leave a network of a small data set half trained (docs/development/log.md).
_FEWEST_STEPS = 200
_PART = 4096
# The range of pixels is the first of these that holds the training data, or else its own.
_RANGES = ((0.0, 1.0), (0.0, float(DIM)), (0.0, 255.0))


class TenfoldClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifies images with a network that a recipe of Tenfold describes, trained in memory.

        from sklearn.datasets import load_digits
        from sklearn.model_selection import cross_val_score
        from tenfold import TenfoldClassifier

        cross_val_score(TenfoldClassifier(), *load_digits(return_X_y=True))

    Parameters:

    - recipe: a recipe, the name of one that ships with Tenfold, or the path of a .toml file.
    - epochs, batch_size, learning_rate, dropout, weight_decay, validation: in place of the recipe's; None keeps it,
      except that small data sets get more epochs, for 200 steps in all, and smaller batches. validation is the fraction
      of the images that is held out, for recipes that choose their best epoch.
    - fields: other fields of the recipe, by name, such as `{"hidden": (256, 128)}`.
    - on_epoch: called with the `EpochRecord` of each epoch; training stops where it returns True.
    - n_jobs: threads that train; None is one, -1 all cores.
    - random_state: seeds weights, order, augmentation and the held-out images; an int gives the same classifier each
      time, unless other threads of the process train too: PyTorch's generator is theirs as well.

    Attributes after `fit`:

    - classes_: the labels, sorted.
    - run_: the `MemoryRun`, with its history and figures.
    - n_iter_: the number of epochs trained.
    - n_features_in_, feature_names_in_: as in scikit-learn.

    X has images [N,H,H] or rows of H*H pixels; they are resized to 28x28. Rows of another length are filled up with
    zeros to a square. Ink is bright: pixels go from 0 (paper) to the range's end. The range is 0 to 1, 0 to 16 or 0 to
    255, the first that holds the training data, or else its minimum and maximum. y has 2 to 1,000 classes.
    """

    classes_: NDArray[Any]
    run_: MemoryRun
    n_iter_: int

    def __init__(
        self,
        recipe: str | Recipe = "sprint",
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        dropout: float | None = None,
        weight_decay: float | None = None,
        validation: float | None = None,
        fields: dict[str, Any] | None = None,
        on_epoch: OnEpoch | None = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.validation = validation
        self.fields = fields
        self.on_epoch = on_epoch
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Trains on images X, [N,H,H] or [N,H*H], with labels y, [N] of any type that sorts.

        Raises `ValueError` for other shapes, for values that are not finite, for fewer than 2 or more than 1,000
        classes, and for fields that the recipe does not have.
        """
        pixels, targets = validate_data(self, X, y, dtype="numeric", allow_nd=True)
        check_classification_targets(targets)
        classes, indices = np.unique(targets, return_inverse=True)
        if not 2 <= len(classes) <= MOST_CLASSES:
            count = len(classes)
            raise ValueError(f"y has {count} class{'' if count == 1 else 'es'}; 2 to {MOST_CLASSES:,} are needed")
        pixel_range = _range_of(pixels)
        images = _images(pixels, pixel_range)
        labels = to_labels(indices, "y", len(classes))
        # A data set has a test part, which training does not use: scikit-learn holds out its own.
        data = Dataset(
            name="X", origin="arrays in memory", class_names=tuple(map(str, classes.tolist())),
            train_images=images, train_labels=labels, test_images=images[:1], test_labels=labels[:1],
        )  # fmt: skip
        try:
            run = train(self._recipe(len(images)), data, folder=None, on_epoch=self.on_epoch)
        except TenfoldError as error:
            raise ValueError(str(error)) from error
        run.data = None  # The run is stored with the classifier, the images are not.
        # Together, so that a fit that fails or is interrupted leaves the classifier as it was.
        self.classes_, self.run_, self.n_iter_, self._range = classes, run, len(run.history), pixel_range
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:  # noqa: N803
        """X: images as of `fit` -> the probabilities of `classes_`, float32[N,C]."""
        check_is_fitted(self)
        pixels = validate_data(self, X, dtype="numeric", allow_nd=True, reset=False)
        return self.run_.predict(_images(pixels, self._range))

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """X: images as of `fit` -> the most probable labels, [N]."""
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]  # type: ignore[no-any-return]

    def _recipe(self, count: int) -> Recipe:
        recipe = self.recipe if isinstance(self.recipe, Recipe) else Recipe.load(self.recipe)
        names = ("epochs", "batch_size", "learning_rate", "dropout", "weight_decay", "validation")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        given = {**(self.fields or {}), **given}
        # NumPy's numbers, which searches hand on.
        given = {name: value.item() if isinstance(value, np.generic) else value for name, value in given.items()}
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        recipe = recipe.replace(**{"seed": seed, "split_seed": seed, **given})
        changes: dict[str, Any] = {}
        count -= round(recipe.data.validation * count)
        batch = max(1, min(recipe.training.batch_size, count))
        # Batch norm needs two images in every batch: smaller ones, or else larger ones.
        sizes = (size for size in (*range(batch, 1, -1), *range(batch + 1, count + 1)) if count % size != 1)
        batch = next(sizes, batch)
        changes["batch_size"] = batch
        if "epochs" not in given:
            changes["epochs"] = max(recipe.training.epochs, -(-_FEWEST_STEPS // -(-count // batch)))
        # What autotuning would choose by time, which differs from fit to fit.
        if "threads" not in given:
            changes["threads"] = len(usable_cores()) if self.n_jobs == -1 else self.n_jobs or 1
        if recipe.device.precision == "auto":
            changes["precision"] = "float32"
        if recipe.device.memory_format == "auto":
            changes["memory_format"] = "channels_last"
        return recipe.replace(**changes)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _range_of(pixels: NDArray[Any]) -> tuple[float, float]:
    low, high = float(pixels.min()), float(pixels.max())
    for least, most in _RANGES:
        if least <= low and high <= most:
            return least, most
    return low, high if high > low else low + 1


def _images(pixels: NDArray[Any], pixel_range: tuple[float, float]) -> NDArray[np.uint8]:
    """X as uint8[N,28,28]."""
    low, high = pixel_range
    if pixels.ndim == 2:
        side = math.isqrt(pixels.shape[1] - 1) + 1
        missing = side * side - pixels.shape[1]
        pixels = np.pad(pixels, ((0, 0), (0, missing)), constant_values=low).reshape(-1, side, side)
    if pixels.ndim != 3 or pixels.shape[1] != pixels.shape[2]:
        raise ValueError(f"X has images [N,H,H] or rows of H*H pixels, not an array of shape {pixels.shape}")
    if pixels.dtype == np.uint8 and (low, high) == (0, 255):
        images = pixels
    else:
        # In parts: all pixels as float64 would take eight times their memory.
        images = np.empty(pixels.shape, np.uint8)
        for start in range(0, len(pixels), _PART):
            part = (pixels[start : start + _PART].astype(np.float64) - low) * (255 / (high - low))
            images[start : start + _PART] = np.rint(part).clip(0, 255)
    if images.shape[1] == SIDE:
        return images
    resized = (Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BOX) for image in images)
    return np.stack([np.asarray(image) for image in resized])
