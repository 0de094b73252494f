"""The mathematics of training, each rule against numbers worked out from its definition."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tenfold.models import build_model
from tenfold.runs.fit import best_epoch, stopped_early
from tenfold.training.optimizers import Optimizer, learning_rate_factor
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord
from tenfold.training.step import NON_DIGIT, targets_of
from tenfold.training.subset import ImageSubset, scale_pixels
from tenfold.training.trainer import Trainer


def test_cosine_annealing_follows_half_a_cosine():
    for progress in (0.2, 0.3, 0.4, 0.6, 0.8, 1.0):
        expected = (1 + math.cos(math.pi * (progress - 0.2) / 0.8)) / 2
        assert learning_rate_factor("cosine", 0.2, progress) == pytest.approx(expected)


def test_sgd_decays_weights_in_proportion_to_the_learning_rate_and_no_biases():
    layer = nn.Linear(3, 2)
    weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    recipe = Recipe.load("tutorial").replace(optimizer="sgd", weight_decay=0.1)
    optimizer = Optimizer(layer, recipe.training)
    optimizer.learning_rate = 0.5
    optimizer.step([torch.zeros_like(weight), torch.zeros_like(bias)])
    assert torch.allclose(layer.weight, 0.95 * weight)
    assert torch.equal(layer.bias, bias)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("changes", [
    {"optimizer": "adam"}, {"optimizer": "adam", "weight_decay": 0.01}, {"optimizer": "adamw", "weight_decay": 0.01},
    {"optimizer": "sgd"}, {"optimizer": "sgd", "momentum": 0.0},
], ids=str)  # fmt: skip
def test_steps_are_those_of_torch_optim_bit_for_bit(changes, memory_format):
    config = Recipe.load("tutorial").replace(learning_rate=0.01, **changes).training
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 10))
        network.to(memory_format=memory_format)
        theirs = copy.deepcopy(network)
        decayed, others = ([p for p in theirs.parameters() if (p.ndim > 1) is weight] for weight in (True, False))
        groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
        reference: torch.optim.Optimizer = torch.optim.AdamW(groups, lr=0.01, fused=True)
        if config.optimizer == "sgd":
            nesterov = config.momentum > 0
            reference = torch.optim.SGD(groups, lr=0.01, momentum=config.momentum, nesterov=nesterov, fused=True)
        optimizer = Optimizer(network, config)
        for _ in range(5):
            images, labels = torch.randn(16, 3, 8, 8).to(memory_format=memory_format), torch.randint(0, 10, (16,))
            for each in (network, theirs):
                each.zero_grad()
                functional.cross_entropy(each(images), labels).backward()
            optimizer.step([parameter.grad for parameter in network.parameters()])
            reference.step()
    for own, other in zip(network.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(own, other)


def test_a_non_digit_is_uniform_over_the_classes_and_digits_are_smoothed():
    targets = targets_of(torch.tensor([3, NON_DIGIT]), label_smoothing=0.1)
    assert torch.allclose(targets[1], torch.full((10,), 0.1))
    assert targets[0, 3] == pytest.approx(0.91)
    assert targets[0, 4] == pytest.approx(0.01)
    labels = torch.tensor([3, 4])
    assert targets_of(labels, label_smoothing=0.1) is labels


def test_of_equal_epochs_the_one_of_the_lowest_loss_is_the_best_and_the_first_ends_patience():
    pairs = [(0.9, 0.5), (0.95, 0.4), (0.95, 0.2), (0.95, 0.3), (0.94, 0.1)]
    history = [record(epoch, *pair) for epoch, pair in enumerate(pairs, start=1)]
    assert best_epoch(history) == 3
    patient = Recipe.load("tutorial").replace(early_stopping=3)
    assert [stopped_early(history[:count], patient) for count in range(1, 6)] == [False] * 4 + [True]


def record(epoch, accuracy, loss):
    return EpochRecord(
        epoch=epoch, train_loss=0.1, train_accuracy=0.9, validation_loss=loss, validation_accuracy=accuracy,
        learning_rate=0.1, seconds=1.0,
    )  # fmt: skip


def a_trainer(**changes):
    recipe = Recipe.load("tutorial").replace(hidden=(4,), **changes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Trainer(build_model(recipe.model), recipe)


def subset(count, labels=None):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 10, count).astype(np.uint8) if labels is None else labels
    return ImageSubset.of(images, labels, np.arange(count), torch.device("cpu"))


def epoch_of(trainer, train, validation):
    return [found for found in trainer.run_epoch(train, validation) if isinstance(found, EpochRecord)][-1]


def test_the_epochs_loss_is_the_mean_over_images_though_the_last_batch_is_smaller():
    trainer, part = a_trainer(batch_size=4, learning_rate=1e-12), subset(9)
    inputs = torch.stack([image for images, _ in part.batches(9) for image in scale_pixels(images)])
    with torch.no_grad():
        losses = functional.cross_entropy(trainer.network(inputs), part.labels[part.rows], reduction="none")
    # By chance the odd image of these nine is not one of mean loss, or a mean of batches would pass.
    with torch.random.fork_rng():
        found = epoch_of(trainer, part, subset(2)).train_loss
    assert found == pytest.approx(losses.mean().item(), rel=1e-5)


def test_weights_are_averaged_over_the_last_steps_alone():
    trainer, part = a_trainer(batch_size=2, epochs=2, weight_averaging=0.25, final_weights="last"), subset(20)
    with torch.random.fork_rng():
        for _ in range(2):
            epoch_of(trainer, part, subset(2))
    assert int(trainer.averaged.n_averaged) == 5  # A quarter of two epochs of ten steps.


def test_epochs_after_the_first_train_on_the_images_with_the_highest_loss(monkeypatch):
    trainer, part = a_trainer(batch_size=4, epochs=3, hard_examples=0.4, learning_rate=1e-12), subset(20)
    batches = []
    step = trainer.step
    monkeypatch.setattr(trainer, "step", lambda images, labels: batches.append(images) or step(images, labels))
    inputs = scale_pixels(part.images)
    with torch.no_grad():
        logits = trainer.network(inputs)
    losses = functional.cross_entropy(logits, part.labels, reduction="none")
    with torch.random.fork_rng():
        first, *others = [epoch_of(trainer, part, subset(2)) for _ in range(3)]
    assert [len(batch) for batch in batches] == [4] * (5 + 2 + 2)
    hardest = part.images[losses.topk(8).indices]
    for epoch in (batches[5:7], batches[7:]):
        assert {image.numpy().tobytes() for image in torch.cat(epoch)} == {i.numpy().tobytes() for i in hardest}
    # The figures stay those of all images.
    for found in (first, *others):
        assert found.train_loss == pytest.approx(losses.mean().item(), rel=1e-4)
        assert found.train_accuracy == pytest.approx((logits.argmax(1) == part.labels).float().mean().item())


def test_the_schedule_counts_steps_where_epochs_have_fewer(monkeypatch):
    changes = {"batch_size": 4, "epochs": 3, "hard_examples": 0.4, "schedule": "linear", "learning_rate": 0.01}
    trainer, part = a_trainer(**changes), subset(20)
    rates = []
    step = trainer.step
    optimizer = trainer.optimizer
    monkeypatch.setattr(trainer, "step", lambda *batch: rates.append(optimizer.learning_rate) or step(*batch))
    with torch.random.fork_rng():
        for _ in range(3):
            epoch_of(trainer, part, subset(2))
    assert rates == pytest.approx([0.01 * (1 - (step + 0.5) / 9) for step in range(9)])
