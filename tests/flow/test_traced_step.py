"""Traced steps: faster, with the same weights bit for bit."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tenfold.errors import TrainingError
from tenfold.models import build_model
from tenfold.training import trainer as trainer_module
from tenfold.training.device import execution
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord
from tenfold.training.step import NON_DIGIT, PlainStep
from tenfold.training.subset import ImageSubset
from tenfold.training.traced_step import TracedStep
from tenfold.training.trainer import Trainer

CPU = torch.device("cpu")
CASES: list[tuple[str, dict[str, Any]]] = [
    *(
        (name, {})
        for name in ("tutorial", "mlp", "lenet", "cnn", "resnet", "separable", "recurrent", "sprint", "small")
    ),
    ("tutorial", {"dropout": 0.3, "batch_norm": True}),
    ("tutorial", {"l1": 1e-4, "weight_decay": 0.01, "label_smoothing": 0.1}),
    ("tutorial", {"optimizer": "adamw", "weight_decay": 0.01, "schedule": "one-cycle"}),
    ("tutorial", {"optimizer": "sgd", "weight_decay": 0.01}),
    ("cnn", {"rotation": 8.0, "elastic": 1.0, "weight_averaging": 0.5}),
]


@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
@pytest.mark.parametrize(("name", "changes"), CASES)
def test_every_recipe_learns_the_same_weights_bit_for_bit(monkeypatch, name, changes, memory_format):
    recipe = Recipe.load(name).replace(
        batch_size=20, epochs=2, precision="float32", memory_format=memory_format, threads=1, **changes
    )
    plain, traced = _trained(monkeypatch, recipe, _digits(90))
    assert isinstance(plain.optimize, PlainStep)
    assert isinstance(traced.optimize, TracedStep)
    assert torch.equal(_all(plain), _all(traced))


class PartlyTrained(nn.Module):
    """A network with a layer that is not trained, and one without use."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 10))
        self.inner[1].requires_grad_(False)
        self.unused = nn.Linear(3, 3)

    def forward(self, images):
        return self.inner(images)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_network_without_biases_or_without_layers_to_train(monkeypatch, optimizer):
    recipe = Recipe.load("tutorial").replace(batch_size=20, epochs=1, threads=1, optimizer=optimizer, weight_decay=0.01)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10, bias=False))
    plain, traced = _trained(monkeypatch, recipe, _digits(90), model)
    assert torch.equal(_all(plain), _all(traced))
    assert not torch.equal(_all(plain), model[1].weight.flatten().double())
    with pytest.raises(TrainingError, match="nothing to train"):
        Trainer(model.requires_grad_(False), recipe)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_layers_that_are_not_trained_stay_and_the_others_learn(monkeypatch, optimizer):
    recipe = Recipe.load("tutorial").replace(batch_size=20, epochs=2, threads=1, optimizer=optimizer)
    model = PartlyTrained()
    plain, traced = _trained(monkeypatch, recipe, _digits(90), model)
    assert torch.equal(_all(plain), _all(traced))
    for before, after in zip(model.parameters(), plain.network.parameters(), strict=True):
        assert torch.equal(before, after) is (before is not model.inner[3].weight and before is not model.inner[3].bias)


def test_non_digits_are_learned_as_before(monkeypatch):
    recipe = Recipe.load("tutorial").replace(batch_size=20, epochs=2, threads=1, precision="float32")
    images, labels = _digits(100)
    labels[10:100:7] = NON_DIGIT
    plain, traced = _trained(monkeypatch, recipe, (images, labels))
    assert isinstance(traced.optimize, TracedStep)
    assert torch.equal(_all(plain), _all(traced))


@pytest.mark.parametrize("changes", [{"precision": "bfloat16"}, {"batch_size": 60, "epochs": 1}], ids=str)
def test_steps_stay_plain_where_bits_might_differ_or_tracing_does_not_pay(monkeypatch, changes):
    recipe = Recipe.load("tutorial").replace(**{"batch_size": 20, "epochs": 2, "threads": 1, **changes})
    monkeypatch.setattr(trainer_module, "TRACED_STEPS", 2)
    trainer = Trainer(build_model(recipe.model), recipe)
    _epoch(trainer, _digits(90))
    assert isinstance(trainer.optimize, PlainStep)


def _trained(monkeypatch, recipe, digits, model=None):
    torch.manual_seed(0)
    model = model or build_model(recipe.model)
    trainers = []
    for steps in (10**9, 0):
        monkeypatch.setattr(trainer_module, "TRACED_STEPS", steps)
        trainer = Trainer(copy.deepcopy(model), recipe)
        records = [_epoch(trainer, digits) for _ in range(recipe.training.epochs)]
        trainers.append((trainer, [(record.train_loss, record.train_accuracy) for record in records]))
    (plain, plain_figures), (traced, traced_figures) = trainers
    assert plain_figures == traced_figures
    return plain, traced


def _epoch(trainer, digits) -> EpochRecord:
    images, labels = digits
    everything, watched = np.arange(len(images)), np.flatnonzero(labels != NON_DIGIT)
    train, validation = (ImageSubset.of(images, labels, rows, CPU) for rows in (everything, watched))
    with execution(trainer.recipe.device):
        *_, record = trainer.run_epoch(train, validation)
    return record


def _digits(count):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 28, 28), np.uint8), rng.integers(0, 10, count)


def _all(trainer):
    return torch.cat([tensor.flatten().double() for tensor in trainer.network.state_dict().values()])
