"""Fits the weights of a number's confidence: `python -m lab.number_confidence FOLDER`.

A logistic regression on the open sets and synthetic scenes, of which those of `lab.numbers` are others. Prints the
weights for tenfold/reading/number.py, and by cross-validation how many numbers are answered at which share of errors.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from lab.number_scores import NumberRead, score_number
from lab.number_sets import CHEQUES, SCENES, NumberPicture, load_sets, more_scenes
from tenfold.document.document_page import find_writing
from tenfold.ink.image import reduced
from tenfold.reading.inputs import gray_of
from tenfold.reading.line_reader import LineReader
from tenfold.reading.number import confidence_features, join_lines, judged
from tenfold.reading.reader import PAGE, Reader

# Checks whose label is not what is written on them, as far as one can see.
WRONG_LABELS = {33, 57, 147, 173, 176, 278, 511, 526, 534, 585, 625, 716}
# A scene counts less than a real picture; the weights but the first are held near 0; parts of the cross-validation.
SCENE, SHRINKAGE, FOLDS = 0.5, 0.5, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", type=int, default=60)
    options = parser.parse_args()
    pictures = [*load_sets(options.folder), *more_scenes(options.folder, options.scenes)]
    features, right, share = collect(pictures)
    print("weights:", ", ".join(f"{weight:.3f}" for weight in fit(features, right, share)))
    fold = np.random.default_rng(0).integers(0, FOLDS, len(right))
    confidence = np.zeros(len(right))
    for index in range(FOLDS):
        rest = fold != index
        weights = fit(features[rest], right[rest], share[rest])
        confidence[~rest] = 1 / (1 + np.exp(-features[~rest] @ weights))
    for name, among in (("real pictures", share == 1), ("scenes", share < 1), ("all", share > 0)):
        order = np.argsort(-confidence[among], kind="stable")
        errors = np.cumsum(~right[among][order]) / np.arange(1, among.sum() + 1)
        for allowed in (0.01, 0.02, 0.03):
            answered = int(np.max(np.flatnonzero(errors <= allowed), initial=-1)) + 1
            least = confidence[among][order][answered - 1] if answered else 1.0
            print(f"{name}: {answered} of {among.sum()} answered with {allowed:.0%} errors, above {least:.3f}")


def collect(pictures: list[NumberPicture]) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """The features float64[n,7] of the pictures in which something is read, whether it is right, and how much each
    counts."""
    reader, line_reader = Reader(), LineReader()
    features, right, share = [], [], []
    for picture in pictures:
        if picture.set == CHEQUES and int(Path(picture.name).stem) in WRONG_LABELS:
            continue
        gray, _ = gray_of(picture.content)
        layout = find_writing(reduced(gray, PAGE))
        lines = [(line_reader.read(line.strip, reader.probabilities), line.to_picture) for line in layout.lines]
        kept, left_out, doubtful = judged(lines)
        if not kept:
            continue
        number = join_lines(lines, reader.unsure_below)
        scored = score_number(picture, NumberRead(number.text, number.written, None, False, 0.0))
        features.append(confidence_features([line for line, _ in kept], left_out, doubtful))
        right.append(scored.right and bool(picture.text))
        share.append(SCENE if picture.set == SCENES else 1.0)
    return np.array(features, np.float64), np.array(right), np.array(share)


def fit(features: NDArray[np.float64], right: NDArray[np.bool_], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights that make what happened most probable."""
    held = np.array([0.0] + [SHRINKAGE] * (features.shape[1] - 1))

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = features @ weights
        value = share @ (np.logaddexp(0, logits) - right * logits) + held @ weights**2 / 2
        return float(value), features.T @ (share * (1 / (1 + np.exp(-logits)) - right)) + held * weights

    return np.asarray(minimize(loss, np.zeros(features.shape[1]), jac=True, method="BFGS").x)


if __name__ == "__main__":
    main()
