"""Fits the weights of a number's confidence: `python -m lab.number_confidence FOLDER`.

A logistic regression on the open sets and synthetic scenes, of which those of `lab.numbers` are others. Prints the
weights for tenfold/reading/number.py, and by cross-validation how many numbers are answered at which share of errors.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_predict

from lab.number_scores import NumberRead, score_number
from lab.number_sets import CHEQUES, SCENES, NumberPicture, load_sets, more_scenes
from tenfold.document.document_page import find_writing
from tenfold.ink.image import reduced
from tenfold.reading.inputs import gray_of
from tenfold.reading.line_reader import LineReader
from tenfold.reading.number import confidence_features, join_lines, numbers_among
from tenfold.reading.reader import PAGE, Reader

# Checks whose label is not what is written on them, as far as one can see. Only those were looked at that are read as
# something else: others may have wrong labels too.
WRONG_LABELS = {33, 57, 147, 173, 176, 278, 355, 511, 526, 534, 585, 599, 625, 716, 845}
# The weight of a scene, a real picture's being 1; and of the regression, its regularization and cross-validation.
SCENE, C, FOLDS = 0.5, 2.0, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", type=int, default=60)
    options = parser.parse_args()
    pictures = [*load_sets(options.folder), *more_scenes(options.folder, options.scenes)]
    features, right, sample_weight = collect(pictures)
    # The first feature, 1, is the intercept's.
    model, inputs = LogisticRegression(C=C), features[:, 1:]
    model.fit(inputs, right, sample_weight)
    print("weights:", ", ".join(f"{weight:.3f}" for weight in (*model.intercept_, *model.coef_[0])))
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    fitted = cross_val_predict(
        model, inputs, right, cv=folds, method="predict_proba", params={"sample_weight": sample_weight}
    )
    confidence, real = fitted[:, 1], sample_weight == 1
    for name, among in (("real pictures", real), ("scenes", ~real), ("all", real | True)):
        order = np.argsort(-confidence[among], kind="stable")
        errors = np.cumsum(~right[among][order]) / np.arange(1, among.sum() + 1)
        for allowed in (0.01, 0.02, 0.03):
            answered = int(np.max(np.flatnonzero(errors <= allowed), initial=-1)) + 1
            least = confidence[among][order][answered - 1] if answered else 1.0
            print(f"{name}: {answered} of {among.sum()} answered with {allowed:.0%} errors, above {least:.3f}")


def collect(pictures: list[NumberPicture]) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """The features float64[n,7] of the pictures in which something is read, whether it is right, and the
    weight of each."""
    reader, line_reader = Reader(), LineReader()
    features, right, sample_weight = [], [], []
    for picture in pictures:
        if picture.set == CHEQUES and int(Path(picture.name).stem) in WRONG_LABELS:
            continue
        gray, _ = gray_of(picture.content)
        layout = find_writing(reduced(gray, PAGE))
        lines = [(line_reader.read(line.strip, reader.probabilities), line.to_picture) for line in layout.lines]
        kept, in_doubt, none_known = numbers_among(lines)
        if not kept:
            continue
        number = join_lines(lines, reader.unsure_below)
        scored = score_number(picture, NumberRead(number.text, number.written, None, False, 0.0))
        features.append(confidence_features([line for line, _ in kept], in_doubt, none_known))
        right.append(scored.right and bool(picture.text))
        sample_weight.append(SCENE if picture.set == SCENES else 1.0)
    return np.array(features, np.float64), np.array(right), np.array(sample_weight)


if __name__ == "__main__":
    main()
