"""Lean steps: a training must not be another for being faster."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

from tenfold.models import build_model
from tenfold.training import loop
from tenfold.training.engine import settings
from tenfold.training.loop import Part, Trainer
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord

CPU = torch.device("cpu")
CASES: list[tuple[str, dict[str, Any]]] = [
    *(
        (name, {})
        for name in ("tutorial", "mlp", "lenet", "cnn", "resnet", "separable", "recurrent", "sprint", "small")
    ),
    ("tutorial", {"dropout": 0.3, "batch_norm": True}),
    ("tutorial", {"l1": 1e-4, "l2": 0.01, "label_smoothing": 0.1}),
    ("tutorial", {"optimizer": "adamw", "l2": 0.01, "schedule": "one-cycle"}),
    ("cnn", {"rotation": 8.0, "elastic": 1.0, "averaging": 0.5}),
]


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_every_recipe_learns_the_same_weights_bit_for_bit(monkeypatch, name, changes):
    recipe = Recipe.load(name).replace(
        batch_size=20, epochs=2, precision="float32", layout="contiguous", threads=1, **changes
    )
    plain, lean = _trained(monkeypatch, recipe, _digits(90))
    assert plain.lean is None
    assert lean.lean is not None
    assert torch.equal(_all(plain), _all(lean))


def test_strangers_are_learnt_from_as_before(monkeypatch):
    recipe = Recipe.load("tutorial").replace(batch_size=20, epochs=2, threads=1, precision="float32")
    images, labels = _digits(100)
    labels[10:100:7] = loop.STRANGER
    plain, lean = _trained(monkeypatch, recipe, (images, labels))
    assert lean.lean is not None
    assert torch.equal(_all(plain), _all(lean))


@pytest.mark.parametrize(
    "changes", [{"optimizer": "sgd"}, {"precision": "bfloat16"}, {"batch_size": 60, "epochs": 1}], ids=str
)
def test_where_the_bits_might_differ_or_nothing_is_won_steps_stay_plain(monkeypatch, changes):
    recipe = Recipe.load("tutorial").replace(**{"batch_size": 20, "epochs": 2, "threads": 1, **changes})
    monkeypatch.setattr(loop, "LEAN_STEPS", 2)
    trainer = Trainer(build_model(recipe.model), recipe)
    _epoch(trainer, _digits(90))
    assert trainer.lean is None


def _trained(monkeypatch, recipe, digits):
    torch.manual_seed(0)
    model = build_model(recipe.model)
    trainers = []
    for steps in (10**9, 0):
        monkeypatch.setattr(loop, "LEAN_STEPS", steps)
        trainer = Trainer(copy.deepcopy(model), recipe)
        records = [_epoch(trainer, digits) for _ in range(recipe.training.epochs)]
        trainers.append((trainer, [(record.train_loss, record.train_accuracy) for record in records]))
    (plain, told), (lean, told_too) = trainers
    assert told == told_too
    return plain, lean


def _epoch(trainer, digits) -> EpochRecord:
    images, labels = digits
    everything, watched = np.arange(len(images)), np.flatnonzero(labels != loop.STRANGER)
    train, validation = (Part.of(images, labels, rows, CPU) for rows in (everything, watched))
    with settings(trainer.recipe.engine):
        *_, record = trainer.run_epoch(train, validation)
    return record


def _digits(count):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 28, 28), np.uint8), rng.integers(0, 10, count)


def _all(trainer):
    return torch.cat([tensor.flatten().double() for tensor in trainer.network.state_dict().values()])
