"""Predictions of a run's model for single images."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold import files
from tenfold.data.formats import FILES, read_images
from tenfold.data.idx import is_idx_name
from tenfold.errors import MissingDependencyError
from tenfold.ink.image import opened
from tenfold.ink.normalize import normalize
from tenfold.runs.run import Run


@dataclass(frozen=True)
class Prediction:
    """source: a file, or `test 123`. pixels: uint8[28,28], what the model saw. probabilities:
    float32[10]. label: the true digit, where it is known."""

    source: str
    pixels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    label: int | None = None

    @property
    def digit(self) -> int:
        """The most probable class, 0 to 9."""
        return int(self.probabilities.argmax())

    @property
    def confidence(self) -> float:
        """Its probability, 0 to 1."""
        return float(self.probabilities.max())

    def summary(self) -> dict[str, Any]:
        """Everything but the pixels, as JSON takes it."""
        return {
            "image": self.source,
            "digit": self.digit,
            "confidence": self.confidence,
            "probabilities": self.probabilities.tolist(),
            "label": self.label,
        }


def predict_files(run: Run, paths: Sequence[Path]) -> list[Prediction]:
    """Predicts image files of one digit each, normalized as MNIST is. Raises `FormatError` for other files."""
    pixels = []
    for path in paths:
        with opened(path) as image:
            pixels.append(normalize(image))
    rows = run.predict(np.stack(pixels))
    return [Prediction(str(path), *pair) for path, *pair in zip(paths, pixels, rows, strict=True)]


def is_image_set(path: Path) -> bool:
    """Whether a path holds many images: a folder, a CSV file of pixels, an .npz or an IDX file."""
    return files.expanded(path).is_dir() or path.name.lower().endswith(FILES) or is_idx_name(path.name)


def predict_set(run: Run, path: Path) -> tuple[list[Prediction], list[str]]:
    """Predicts all images of a folder, a CSV file of pixels, labeled or not, an .npz or an IDX file; and says what was
    done with them. Raises `FormatError`."""
    names, images, notes = read_images(path)
    return [Prediction(*row) for row in zip(names, images, run.predict(images), strict=True)], notes


def write_predictions(predictions: Sequence[Prediction], path: Path) -> Path:
    """Writes a table, .csv or .parquet: ImageId and Label for numbered images, as Kaggle takes a submission, or the
    image's name, the digit and the confidence. Raises `StorageError`, and `MissingDependencyError` without pyarrow."""
    if all(prediction.source.isdecimal() for prediction in predictions):
        columns: dict[str, list[Any]] = {
            "ImageId": [int(prediction.source) for prediction in predictions],
            "Label": [prediction.digit for prediction in predictions],
        }
    else:
        columns = {
            "image": [prediction.source for prediction in predictions],
            "digit": [prediction.digit for prediction in predictions],
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
    pixels = data.test_images[chosen]
    rows = zip(chosen, pixels, run.predict(pixels), data.test_labels[chosen], strict=True)
    return [Prediction(f"test {index}", image, row, int(label)) for index, image, row, label in rows]
