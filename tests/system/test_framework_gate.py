"""What does not do the same arithmetic must not be timed."""

import dataclasses
import os

import numpy as np
import pytest

from lab.frameworks import framework_measurement as measure
from lab.frameworks import framework_reference as reference
from lab.frameworks.framework_registry import FRAMEWORKS
from lab.frameworks.framework_task import TASKS, Digits, load_weights, save_weights
from lab.frameworks.on_numpy import NumPy
from lab.worker import run_worker

SETUPS = [(name, network) for name, entry in FRAMEWORKS.items() for network in entry.networks]


@pytest.fixture
def brief(monkeypatch):
    """An mlp that is trained for two short epochs; in this process, where workers are not needed."""
    task = dataclasses.replace(TASKS["mlp"], epochs=2)
    monkeypatch.setitem(TASKS, "mlp", task)
    return task


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_the_references_gradients_are_the_slopes_of_its_loss(network):
    task = dataclasses.replace(TASKS[network], batch_size=8)
    images, labels = (part[:8] for part in Digits().test)
    weights = [weight.astype(np.float64) for weight in task.first_weights(1)]
    _, gradients = reference.loss_and_gradients(weights, images, labels)
    rng = np.random.default_rng(0)
    for weight, gradient in zip(weights, gradients, strict=True):
        direction = rng.standard_normal(weight.shape)
        original, reach = weight.copy(), 1e-6
        losses = []
        for sign in (1, -1):
            weight[...] = original + sign * reach * direction
            losses.append(reference.loss_and_gradients(weights, images, labels)[0])
        weight[...] = original
        assert (losses[0] - losses[1]) / (2 * reach) == pytest.approx(float((gradient * direction).sum()), rel=1e-4)


def test_the_references_loss_is_that_of_its_logits():
    task = TASKS["cnn"]
    images, labels = (part[:16] for part in Digits().test)
    weights = [weight.astype(np.float64) for weight in task.first_weights(0)]
    scores = reference.logits(weights, images)
    by_hand = np.log(np.exp(scores).sum(1)) - scores[np.arange(16), labels]
    assert reference.loss_and_gradients(weights, images, labels)[0] == pytest.approx(by_hand.mean())


def test_the_task_counts_its_arithmetic_and_draws_whole_epochs():
    task = TASKS["mlp"]
    assert task.flops == 2 * (2 * 784 * 128 + 3 * (128 * 64 + 64 * 10))
    order = task.order(0, 3, 48_001)
    assert len(order) == 48_000
    assert len(set(order.tolist())) == 48_000
    assert not np.array_equal(order, task.order(0, 4, 48_001))
    assert [weight.shape for weight in task.first_weights(0)] == list(task.shapes)


def test_the_weights_file_gives_back_what_was_put_in(tmp_path):
    weights = TASKS["cnn"].first_weights(5)
    back = load_weights(save_weights(tmp_path / "w.npz", weights))
    assert all(np.array_equal(a, b) for a, b in zip(weights, back, strict=True))


@pytest.mark.usefixtures("own_core")
@pytest.mark.parametrize(("name", "network"), SETUPS)
def test_every_framework_passes_the_gate(tmp_path, name, network, needs):
    entry = FRAMEWORKS[name]
    needs(", ".join(entry.missing))
    gate = _worked("gate", entry, tmp_path, network)
    assert gate["status"] == "passed", gate
    assert gate["first_step_s"] > 0


@pytest.mark.usefixtures("own_core")
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("quicker", "movement"),
        ("shuffles", "movement"),
        ("skews", "gradients"),
        ("blurs", "logits"),
        ("nans", "movement"),
        ("strays", "gradients"),
    ],
)
def test_what_does_other_arithmetic_does_not_pass(tmp_path, odd_framework, name, what):
    odd_framework(name)
    gate = _worked("gate", FRAMEWORKS[name], tmp_path, "mlp")
    assert gate["status"] == "failed"
    limit = {"logits": measure.LOGITS, "gradients": measure.GRADIENTS, "movement": measure.MOVEMENT}[what]
    assert gate[what] is None if name in ("nans", "strays") else gate[what] > limit


def test_the_usual_epsilon_would_not_pass_where_it_is_added_to_the_uncorrected_root():
    task = dataclasses.replace(TASKS["mlp"], epsilon=1e-8)
    digits, order = Digits(), TASKS["mlp"].order(0, 0, 48_000)[: 20 * 32]
    images, labels = (part[order] for part in digits.train)
    weights = task.first_weights(0)
    paper, other = reference.Adam(task, weights), _Uncorrected(task, weights)
    for start in range(0, len(images), 32):
        for way in (paper, other):
            way.step(images[start : start + 32], labels[start : start + 32])
    apart = np.concatenate([np.abs(a - b).ravel() for a, b in zip(paper.weights, other.weights, strict=True)])
    assert np.percentile(apart, 90) / task.learning_rate > 10 * measure.MOVEMENT


class _Uncorrected(reference.Adam):
    """The form at the end of section 2 of the paper."""

    def step(self, images, labels):
        task, self.steps = self.task, self.steps + 1
        loss, gradients = reference.loss_and_gradients(self.weights, images, labels)
        rate = task.learning_rate * (1 - task.beta2**self.steps) ** 0.5 / (1 - task.beta1**self.steps)
        for weight, slope, first, second in zip(self.weights, gradients, self.first, self.second, strict=True):
            first += (1 - task.beta1) * (slope - first)
            second += (1 - task.beta2) * (slope**2 - second)
            weight -= rate * first / (np.sqrt(second) + task.epsilon)
        return loss


def test_numpy_learns(brief):
    digits = Digits()
    framework = NumPy(brief, brief.first_weights(0), 1)
    framework.load_data(*digits.train)
    losses = [framework.train(brief.order(0, epoch, 48_000)) for epoch in range(2)]
    assert losses[1] < 0.5 * losses[0]
    assert measure._accuracy(framework, *digits.validation) > 0.94


def _worked(what, entry, folder, network):
    weights = save_weights(folder / "weights.npz", TASKS[network].first_weights(0))
    spec = {"target": entry.target, "network": network, "weights": str(weights), "seed": 0, "threads": 1}
    return run_worker(
        f"lab.frameworks.framework_measurement:{what}", spec, cores=sorted(os.sched_getaffinity(0))[:1], seconds=300,
        memory_gb=8, environment=entry.environment,
    )  # fmt: skip
