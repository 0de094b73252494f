"""predict: a run's model reads image files, folders, arrays or random test images."""

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold import files
from tenfold.data.dataset import DIGITS, SIDE, describe
from tenfold.data.formats import FILES, read_images
from tenfold.data.idx import is_idx_name
from tenfold.errors import FormatError, MissingDependencyError, UsageError, check_kind
from tenfold.ink.normalize import normalize
from tenfold.reading.inputs import ImageLike, all_pixels
from tenfold.runs.run import Run

log = logging.getLogger(__name__)


@dataclass(frozen=True, repr=False)
class Prediction:
    """What a model makes of an image: its most probable class as `digit` and `class_name`, with its `confidence`.

    source: a file, the image's place among those given, or `test 123`. pixels: uint8[28,28], what the model saw.
    probabilities: float32[C] of the C classes. label: the true class, where it is known. class_names: of the model.
    """

    source: str
    pixels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    label: int | None = None
    class_names: tuple[str, ...] = DIGITS

    def __repr__(self) -> str:
        label = "" if self.label is None else f", label={self.label}"
        found = f"class_name={self.class_name!r}, confidence={self.confidence:.3f}"
        return f"Prediction(source={self.source!r}, {found}{label})"

    @property
    def class_name(self) -> str:
        """The name of the most probable class."""
        return self.class_names[self.digit]

    @property
    def digit(self) -> int:
        """The most probable class, 0 to C - 1."""
        return int(self.probabilities.argmax())

    @property
    def confidence(self) -> float:
        """Its probability, 0 to 1."""
        return float(self.probabilities.max())

    def to_dict(self) -> dict[str, Any]:
        """Returns everything but the pixels, ready for JSON."""
        return {
            "image": self.source,
            "digit": self.digit,
            "class": self.class_name,
            "confidence": self.confidence,
            "probabilities": self.probabilities.tolist(),
            "label": self.label,
        }


def predict(run: Run, images: str | Path | Image.Image | Sequence[ImageLike] | NDArray[np.uint8]) -> list[Prediction]:
    """Predicts images with a run's model.

    images: an array uint8[N,28,28], 0 paper to 255 ink; a path or a PIL image of one digit or symbol, of any size and
    color, or a list of what `Reader.read` takes; or the path of many: a folder, a CSV file of pixels, labeled or not,
    an .npz or an IDX file. What was changed in such files is logged. Raises `FormatError` for others.
    """
    check_kind(run, Run, "Run.load")
    if isinstance(images, np.ndarray) and (images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE)):
        raise FormatError(
            f"an array of images is uint8[N,{SIDE},{SIDE}], not {describe(images)}: pass a list of images of another "
            "form, or tenfold.normalize each"
        )
    listed = [images] if isinstance(images, str | Path | Image.Image) else list(images)
    if not listed:
        raise UsageError("there are no images to predict")
    sources = [str(one) if isinstance(one, str | Path) else str(index) for index, one in enumerate(listed)]
    if isinstance(images, np.ndarray):
        return _predictions(run, sources, images)
    paths = [files.expanded(one) for one in listed if isinstance(one, str | Path)]
    if len(paths) < len(listed):
        return _predictions(run, sources, np.stack(all_pixels(listed)[0]))
    if len(paths) != 1 or not is_image_set(paths[0]):
        return predict_files(run, paths)
    predictions, notes = predict_set(run, paths[0])
    for note in notes:
        log.info("%s: %s", paths[0], note)
    return predictions


def _predictions(
    run: Run, sources: Sequence[str], images: NDArray[np.uint8], labels: Sequence[int | None] | None = None
) -> list[Prediction]:
    rows = zip(sources, images, run.predict(images), labels or [None] * len(images), strict=True)
    names = run.class_names
    return [Prediction(*row, names) for row in rows]


def predict_files(run: Run, paths: Sequence[Path]) -> list[Prediction]:
    """Predicts image files of one digit each, normalized as MNIST is. Raises `FormatError` for other files."""
    return _predictions(run, [str(path) for path in paths], np.stack([normalize(path) for path in paths]))


def is_image_set(path: Path) -> bool:
    """Whether a path holds many images: a folder, a CSV file of pixels, an .npz or an IDX file."""
    return files.expanded(path).is_dir() or path.name.lower().endswith(FILES) or is_idx_name(path.name)


def predict_set(run: Run, path: Path) -> tuple[list[Prediction], list[str]]:
    """Predicts all images of a folder, a CSV file of pixels, labeled or not, an .npz or an IDX file; and says what was
    done with them. Raises `FormatError`."""
    names, images, notes = read_images(path)
    return _predictions(run, names, images), notes


def write_predictions(predictions: Sequence[Prediction], path: Path) -> Path:
    """Writes a table, .csv or .parquet: ImageId and Label for numbered images, as Kaggle takes a submission, or the
    image's name, the digit and the confidence. Raises `StorageError`, and `MissingDependencyError` without pyarrow."""
    if not predictions:
        raise UsageError("there are no predictions to write")
    digits = predictions[0].class_names == DIGITS
    classes = [prediction.digit if digits else prediction.class_name for prediction in predictions]
    if all(prediction.source.isdecimal() for prediction in predictions):
        numbers = [int(prediction.source) for prediction in predictions]
        columns: dict[str, list[Any]] = {"ImageId": numbers, "Label": classes}
    else:
        columns = {
            "image": [prediction.source for prediction in predictions],
            "digit" if digits else "class": classes,
            "confidence": [round(prediction.confidence, 6) for prediction in predictions],
        }
    if path.suffix == ".parquet":
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ModuleNotFoundError as error:
            raise MissingDependencyError("pyarrow", "bulk") from error

        return files.write_with(path, lambda temporary: pq.write_table(pa.table(columns), temporary))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return files.write_text(path, table.getvalue())


def predict_random(run: Run, count: int, seed: int) -> list[Prediction]:
    """Predicts `count` distinct test images, the same for the same seed; all of them when there are fewer."""
    data = run.dataset
    total = len(data.test_labels)
    chosen = np.random.default_rng(seed).choice(total, min(count, total), replace=False)
    sources = [f"test {index}" for index in chosen]
    return _predictions(run, sources, data.test_images[chosen], data.test_labels[chosen].tolist())
