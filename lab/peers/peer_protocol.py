"""How a peer is run: its data, its clock, its output. A peer says how it prepares, trains an epoch and reads images.

    python -m lab.peers.NAME --seed 0 --epochs 5            all 60,000 images; accuracy on the test images
    python -m lab.peers.NAME --seed 0 --epochs 5 --split    48,000; accuracy on the 12,000 kept back

Prints a JSON line an epoch: accuracy, and seconds of preparing and training so far. Imports and reading the accuracy
are not counted. Where a peer's schedule does not depend on how many epochs are to come, each line is what a run of
that many epochs would end with.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np

from tenfold.data import load_dataset, stratified_split

Epoch = Callable[[], object]
Predict = Callable[[np.ndarray], np.ndarray]
Prepare = Callable[[np.ndarray, np.ndarray, int], tuple[Epoch, Predict]]


def run(prepare: Prepare) -> None:
    """prepare: takes images uint8[N,28,28], labels uint8[N] and a seed; gives one epoch's work, and a reader."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--split", action="store_true")
    options = parser.parse_args()
    data = load_dataset("mnist")
    images, labels = np.array(data.train_images), np.array(data.train_labels)
    judged, truth = data.test_images, data.test_labels
    if options.split:
        train, validation = stratified_split(labels, 0.2, 0)
        judged, truth = images[validation], labels[validation]
        images, labels = images[train], labels[train]
    started = time.perf_counter()
    epoch, predict = prepare(images, labels, options.seed)
    seconds = time.perf_counter() - started
    for number in range(1, options.epochs + 1):
        started = time.perf_counter()
        epoch()
        seconds += time.perf_counter() - started
        accuracy = float((predict(judged) == truth).mean())
        print(json.dumps({"epoch": number, "seconds": round(seconds, 3), "accuracy": accuracy}), flush=True)
