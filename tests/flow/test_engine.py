"""An engine that computes something else than the recipe says, or keeps its guesses to itself, can't be trusted."""

import dataclasses

import numpy as np
import pytest
import torch

from tenfold.errors import RecipeError, UsageError
from tenfold.models import build_model
from tenfold.models.composite import networks
from tenfold.runs.run import Run
from tenfold.runs.train import resume, train
from tenfold.training import autotune as probe
from tenfold.training.recipe import Recipe
from tenfold.training.subset import ImageSubset
from tenfold.training.trainer import Trainer


@pytest.fixture(scope="module")
def brief(small_file):
    """`cnn` on the small set, for two epochs of thirteen steps."""
    return Recipe.load("cnn").replace(dataset=str(small_file), epochs=2, width=8, batch_size=128)


def weights(run):
    return {key: value.clone() for key, value in run.model().state_dict().items()}


def equal(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


class StopHere(Exception):  # noqa: N818
    pass


def stopper(epoch):
    def stop(record):
        if record.epoch == epoch:
            raise StopHere

    return stop


def test_what_the_probe_found_is_stored_and_gives_the_same_weights_again(brief, tmp_path):
    run = train(brief, folder=tmp_path)
    engine = Run.load(run.path).recipe.device
    assert engine.threads >= 1
    assert engine.precision in ("float32", "bfloat16")
    assert engine.memory_format in ("contiguous", "channels_last")
    assert 0 < run.training.preparing_seconds < run.training.seconds
    assert [0 < record.learning_rate < 0.015 for record in run.history] == [True, True]
    again = train(Run.load(run.path).recipe, folder=tmp_path)
    assert equal(weights(run), weights(again))


def test_what_the_recipe_sets_is_not_probed(brief, tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "_fastest", lambda *words: pytest.fail("probed"))
    fixed = brief.replace(threads=1, precision="float32", memory_format="contiguous")
    assert train(fixed, folder=tmp_path).recipe == fixed


def test_the_probe_takes_the_fastest_and_a_second_thread_only_where_it_pays(brief, small, monkeypatch):
    seconds = {("bfloat16", "channels_last"): 3.0, ("bfloat16", "contiguous"): 2.0, ("float32", "channels_last"): 4.0,
               ("float32", "contiguous"): 5.0}  # fmt: skip
    gain = {1: 1.0, 2: 0.6, 4: 0.55, 8: 0.1}
    monkeypatch.setattr(probe, "usable_cores", lambda: list(range(8)))
    monkeypatch.setattr(probe, "computes_in_bfloat16", lambda: True)
    monkeypatch.setattr(
        probe, "_step_seconds", lambda recipe, way, *rest: seconds[way.precision, way.memory_format] * gain[way.threads]
    )
    images, labels = torch.from_numpy(small.train_images), torch.from_numpy(small.train_labels).long()
    network = build_model(brief.model)
    found = probe.autotune(brief, network, images, labels).device
    assert (found.precision, found.memory_format, found.threads) == ("bfloat16", "contiguous", 2)
    kept = probe.autotune(brief.replace(precision="float32"), network, images, labels).device
    assert (kept.precision, kept.memory_format, kept.threads) == ("float32", "channels_last", 2)


def test_precision_and_layout_change_the_result_by_rounding_only(brief, tmp_path):
    ways = (("float32", "contiguous"), ("float32", "channels_last"), ("bfloat16", "channels_last"))
    runs = [
        train(brief.replace(precision=p, memory_format=order, threads=1), folder=tmp_path, write_onnx=False)
        for p, order in ways
    ]
    accuracies = [run.training.validation_accuracy for run in runs]
    assert max(accuracies) - min(accuracies) < 0.05
    assert min(accuracies) > 0.7


@pytest.mark.parametrize(
    "changes",
    [
        {"ensemble_size": 2},
        {"memory_format": "channels_last"},
        {"memory_format": "channels_last", "optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9},
        {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.0},
        {"memory_format": "channels_last", "weight_averaging": 0.9, "epochs": 3},
        {"ensemble_size": 2, "weight_averaging": 0.7, "deskew": True},
    ],
)
def test_a_stop_changes_nothing(brief, tmp_path, changes):
    recipe = brief.replace(**{"threads": 1, "precision": "float32", "memory_format": "contiguous", **changes})
    whole = train(recipe, folder=tmp_path, write_onnx=False)
    epochs = recipe.training.epochs * recipe.model.ensemble_size
    assert [record.epoch for record in whole.history] == list(range(1, epochs + 1))
    for epoch in range(1, epochs):
        with pytest.raises(StopHere):
            train(recipe, folder=tmp_path / str(epoch), on_epoch=stopper(epoch))
        (path,) = (tmp_path / str(epoch)).iterdir()
        assert equal(weights(resume(path, write_onnx=False)), weights(whole))


def test_the_average_does_not_depend_on_the_order_of_the_file(small, tmp_path):
    order = np.argsort(small.train_labels, kind="stable")  # a folder a class gives such an order
    classes = dataclasses.replace(small, train_images=small.train_images[order], train_labels=small.train_labels[order])
    recipe = Recipe.load("mlp").replace(epochs=4, weight_averaging=0.5, threads=1, precision="float32", batch_size=64)
    runs = [train(recipe, data, folder=tmp_path, write_onnx=False) for data in (small, classes)]
    accuracies = [run.training.validation_accuracy for run in runs]
    assert abs(accuracies[0] - accuracies[1]) < 0.04
    assert min(accuracies) > 0.85


def test_members_differ_and_answer_together(brief, tmp_path, small):
    run = train(brief.replace(ensemble_size=2, test_time_augmentation=True), folder=tmp_path)
    one, two = (member.state_dict() for member in networks(run.model()))
    assert not any(torch.equal(one[key], two[key]) for key in one if key.endswith("1.weight"))
    accuracy = (run.predict(small.test_images).argmax(1) == small.test_labels).mean()
    assert accuracy > 0.8  # model.onnx holds both, and the copies
    rates = [record.learning_rate for record in run.history]
    assert rates[:2] == rates[2:]  # each has the whole schedule


def test_the_average_is_the_mean_and_norms_fit_it(small):
    torch.manual_seed(0)
    recipe = Recipe.load("cnn").replace(
        width=4, weight_averaging=0.5, batch_size=128, memory_format="contiguous", precision="float32"
    )
    network = build_model(recipe.model)
    trainer = Trainer(network, recipe)
    trainer.augment = None
    seen = []
    for _ in range(3):
        with torch.no_grad():
            for value in network.parameters():
                value.add_(torch.randn_like(value) * 0.1)
        seen.append([value.clone() for value in network.parameters()])
        trainer.averaged.update_parameters(network)
    batches = list(torch.from_numpy(small.train_images[:512]).float().div(255).split(128))
    trainer._use_average(ImageSubset.of(small.train_images, small.train_labels, np.arange(512), torch.device("cpu")))
    for value, *values in zip(network.parameters(), *seen, strict=True):
        assert torch.allclose(value, torch.stack(values).mean(0), atol=1e-6)
    # The first norm's mean is that of what it is given now.
    upto = [m for m in network.children() if not isinstance(m, torch.nn.BatchNorm2d)][:3]
    first = next(m for m in network.children() if isinstance(m, torch.nn.BatchNorm2d))
    with torch.no_grad():
        means = torch.stack([torch.nn.Sequential(*upto)(batch).mean((0, 2, 3)) for batch in batches]).mean(0)
    assert torch.allclose(first.running_mean, means, atol=1e-5)
    assert first.momentum == pytest.approx(0.1)


def test_a_part_is_read_where_it_lies(mnist):
    rows = np.arange(0, 60_000, 3)
    part = ImageSubset.of(mnist.train_images, mnist.train_labels, rows, torch.device("cpu"))
    assert part.images.data_ptr() == mnist.train_images.ctypes.data  # no copy
    order = torch.randperm(len(part))
    images, labels = (torch.cat(parts).numpy() for parts in zip(*part.batches(256, order), strict=True))
    assert np.array_equal(images, mnist.train_images[rows[order]])
    assert np.array_equal(labels, mnist.train_labels[rows[order]])
    assert [len(batch) for batch, _ in part.sample(1000).batches(300)] == [300, 300, 300, 100]
    flat = part.sample(50).deskewed()
    assert (len(flat), flat.images.dtype) == (50, torch.uint8)
    assert flat.labels.tolist() == part.labels[part.sample(50).rows].tolist()
    assert len(part.sample(0).deskewed()) == 0
    assert list(part.sample(0).batches(10)) == []


def test_a_deskewed_recipe_trains_on_everything(brief, tmp_path):
    run = train(brief.replace(deskew=True, validation=0.0, epochs=1), folder=tmp_path)
    assert run.training.train_images == 2000
    assert run.training.validation_accuracy is None


def test_the_schedule_is_followed_step_by_step(brief, small):
    recipe = brief.replace(threads=1, precision="float32", memory_format="contiguous", learning_rate=0.01, warmup=0.5)
    trainer = Trainer(build_model(recipe.model), recipe)
    rates = []
    step = trainer.step
    trainer.step = lambda *batch: (rates.append(trainer.optimizer.learning_rate), step(*batch))[1]
    part = ImageSubset.of(small.train_images, small.train_labels, np.arange(2000), torch.device("cpu"))
    for _ in range(2):
        list(trainer.run_epoch(part, part.sample(100)))
    assert len(rates) == 32
    assert max(rates) == pytest.approx(0.01, rel=0.05)
    assert rates.index(max(rates)) in (15, 16)
    assert rates[-1] < 0.001


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ensemble_size": 2, "early_stopping": 2}, "ensemble_size above 1 needs the whole schedule"),
        ({"weight_averaging": 0.5, "final_weights": "best"}, "weight_averaging needs the whole schedule"),
        ({"hard_examples": 0.5, "non_digits": 100}, "hard_examples are chosen by how they were read before"),
        ({"hard_examples": 0.0}, "> 0"),
        ({"ensemble_size": 0}, ">= 1"),
        ({"weight_averaging": 1.5}, "<= 1"),
        ({"label_smoothing": 1.0}, "< 1"),
        ({"precision": "float16"}, "precision is 'float16'"),
        ({"schedule": "one-cycl"}, "one-cycle"),
        ({"activation": "relus"}, "relu"),
        ({"width": 0}, ">= 1"),
    ],
)
def test_what_makes_no_sense_is_reported(brief, changes, words):
    with pytest.raises(RecipeError, match=words):
        brief.replace(**changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"device": "cuda"}, "--device cuda is not available; this machine has cpu"),
        ({"device": "mps"}, "--device mps is not available"),
        ({"batch_size": 5000}, "larger than the 1600 images"),
        ({"convolutions": ("1 pool", "1 pool", "1 pool", "1 pool")}, "nothing is left"),
    ],
)
def test_what_can_not_be_trained_leaves_no_run_behind(brief, tmp_path, changes, words):
    if str(changes.get("device")) in ("cuda", "mps") and torch.accelerator.is_available():
        pytest.skip("this machine has an accelerator")
    with pytest.raises((UsageError, RecipeError), match=words):
        train(brief.replace(**changes), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_last_batch_of_one_image_is_no_problem_for_convolutions(brief, tmp_path):
    run = train(
        brief.replace(batch_size=1599, epochs=1, threads=1, precision="float32", memory_format="contiguous"),
        folder=tmp_path,
    )
    assert run.training.train_images == 1600


def test_auto_takes_the_device_that_is_there(brief, tmp_path):
    run = train(brief.replace(device="auto", epochs=1), folder=tmp_path)
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    assert run.recipe.device.device == next((kind for kind, is_there in there.items() if is_there), "cpu")


def test_a_gpu_trains_and_the_run_is_read_without_one(brief, tmp_path, small):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU here")
    run = train(brief.replace(device="cuda", epochs=3), folder=tmp_path)
    assert run.recipe.device.precision == "bfloat16"
    assert (run.predict(small.test_images).argmax(1) == small.test_labels).mean() > 0.8
