"""How well spoilt images are read: MNIST's test images through fifteen corruptions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab.corruptions import CORRUPTIONS, corrupt
from tenfold.data import load_dataset
from tenfold.reading.model_file import ModelFile
from tenfold.reading.reader import Reader

SEED = 0


@dataclass(frozen=True)
class Robustness:
    """One corruption, or `none`. error: share that the Reader reads wrong; plain_error: share that a model reads wrong
    which gets the spoilt pixels as they are, or None. unsure: share that the Reader marks so."""

    name: str
    error: float
    unsure: float
    plain_error: float | None


def measure_robustness(reader: Reader, plain: ModelFile | None = None, images: int | None = None) -> list[Robustness]:
    """Reads the test images (the first `images`) as they are, and spoilt in each way."""
    data = load_dataset("mnist")
    digits, labels = np.array(data.test_images[:images]), data.test_labels[:images]
    cases: dict[str, NDArray[np.uint8]] = {"none": digits}
    cases |= {name: corrupt(name, digits, SEED) for name in CORRUPTIONS}
    results = []
    for name, spoilt in cases.items():
        readings = reader.read_many(spoilt)
        wrong = np.array([reading.digit for reading in readings]) != labels
        plain_wrong = None if plain is None else float((plain.probabilities(spoilt).argmax(1) != labels).mean())
        unsure = float(np.mean([reading.unsure for reading in readings]))
        results.append(Robustness(name, float(wrong.mean()), unsure, plain_wrong))
    return results
