"""TenfoldClassifier on small data sets, against scikit-learn's classifiers: accuracy and seconds of a fit.

python -m lab.benchmarks.small_data

scikit-learn's digits: five-fold cross-validation, three shuffles. MNIST: 1,000 random training images, three draws,
with the 10,000 test images. Pixels are scaled to 0 to 1; parameters are
the defaults, but for the hidden layers of MLPClassifier and the iterations of LogisticRegression. One thread.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from tenfold import TenfoldClassifier, load_dataset
from tenfold.files import write_json
from tenfold.machine import describe_environment

RESULTS = Path(__file__).parents[1] / "results" / "small_data.json"
SEEDS = 3


def scaled(classifier):
    return make_pipeline(MinMaxScaler(), classifier)


CLASSIFIERS = {
    "TenfoldClassifier()": lambda seed: TenfoldClassifier(random_state=seed),
    'TenfoldClassifier("tutorial")': lambda seed: TenfoldClassifier("tutorial", random_state=seed),
    "MLPClassifier((128, 64))": lambda seed: scaled(MLPClassifier((128, 64), random_state=seed)),
    "SVC()": lambda seed: scaled(SVC()),
    "KNeighborsClassifier()": lambda seed: scaled(KNeighborsClassifier()),
    "RandomForestClassifier()": lambda seed: RandomForestClassifier(random_state=seed),
    "LogisticRegression()": lambda seed: scaled(LogisticRegression(max_iter=1000)),
}


def digits_splits():
    images, labels = load_digits(return_X_y=True)
    for seed in range(SEEDS):
        for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(images, labels):
            yield seed, (images[train], labels[train]), (images[test], labels[test])


def mnist_splits():
    data = load_dataset("mnist")
    images, labels = data.train_images.reshape(-1, 784), data.train_labels
    test = data.test_images.reshape(-1, 784), data.test_labels
    for seed in range(SEEDS):
        rows = np.random.default_rng(seed).choice(len(labels), 1000, replace=False)
        yield seed, (images[rows], labels[rows]), test


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    rows = []
    for name, splits in (("scikit-learn's digits", digits_splits), ("1,000 images of MNIST", mnist_splits)):
        cells = {classifier: [] for classifier in CLASSIFIERS}
        # Interleaved, so that whatever slows the machine down slows all.
        for seed, train, test in splits():
            for classifier, make in CLASSIFIERS.items():
                estimator, started = make(seed), time.perf_counter()
                estimator.fit(*train)
                cells[classifier].append((seed, estimator.score(*test), time.perf_counter() - started))
        for classifier, found in cells.items():
            by_seed = [np.mean([score for s, score, _ in found if s == seed]) for seed in range(SEEDS)]
            rows.append(
                {
                    "set": name, "classifier": classifier, "n": SEEDS, "accuracy": float(np.mean(by_seed)),
                    "sd": float(np.std(by_seed, ddof=1)), "worst": float(min(by_seed)),
                    "seconds": float(np.median([seconds for *_, seconds in found])),
                }
            )  # fmt: skip
            print(json.dumps(rows[-1]), file=sys.stderr)
    write_json(RESULTS, {"environment": describe_environment(), "rows": rows})


if __name__ == "__main__":
    main()
