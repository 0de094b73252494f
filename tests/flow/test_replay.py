"""A recorded training whose files answer otherwise than its network did would teach what never happened."""

import numpy as np
import pytest
import torch

from lab.replay import checkpoint_steps, record
from tenfold.exporters.inference_graph import evaluate_layers
from tenfold.exporters.web import read_web
from tenfold.training.recipe import Recipe
from tenfold.training.subset import ImageSubset

RECIPE = Recipe.load("tiny").replace(threads=1, memory_format="contiguous")


def test_checkpoints_are_dense_at_first_and_end_with_the_training():
    steps = checkpoint_steps(9080)
    assert len(set(steps)) == 30
    assert steps[:3] == [0, 6, 13]
    assert steps[-1] == 9080
    assert np.diff(steps).min() == steps[1]


def test_a_recording_holds_each_checkpoint_and_its_measurements(mnist, tmp_path):
    train, validation = (
        ImageSubset.of(mnist.train_images, mnist.train_labels, np.arange(*rows), torch.device("cpu"))
        for rows in ((0, 640), (10_000, 10_100))
    )
    recipe = RECIPE.replace(epochs=2, batch_size=64)
    files = list(record(recipe, train, validation, [0, 3, 10, 20]))
    assert files == list(record(recipe, train, validation, [0, 3, 10, 20]))
    settings = []
    for file in files:
        path = tmp_path / "checkpoint.10fd"
        path.write_bytes(file)
        layers, found = read_web(path)
        settings.append(found)
        right = (
            evaluate_layers(layers, validation.images[10_000:10_100].numpy()).argmax(1)
            == mnist.train_labels[10_000:10_100]
        )
        assert found["accuracy"] == pytest.approx(right.mean(), abs=0.011)
    assert [(found["step"], found["images"], found["epochs"]) for found in settings] == [
        (0, 0, 0), (3, 192, 0.3), (10, 640, 1), (20, 1280, 2)
    ]  # fmt: skip
    assert settings[-1]["loss"] < settings[0]["loss"]
