"""Training that can't be repeated, resumed or trusted when it fails is no training."""

import itertools

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tenfold.errors import RunError, TrainingError, UsageError
from tenfold.runs.fit import best_epoch, stopped_early
from tenfold.runs.prepare import split_indices
from tenfold.runs.run import Run
from tenfold.runs.run_folder import latest_run
from tenfold.runs.train import resume, train
from tenfold.training.extra_images import with_extra_images
from tenfold.training.recipe import DataConfig, Recipe
from tenfold.training.records import read_history, to_line
from tenfold.training.step import NON_DIGIT
from tenfold.training.subset import ImageSubset, scale_pixels
from tests.log_lines import logged


class StopHere(Exception):  # noqa: N818
    """Stands for Ctrl-C in the middle of a training."""


def stop_after(count):
    seen = itertools.count(1)

    def stop(record):
        if next(seen) == count:
            raise StopHere

    return stop


def weights(run):
    return load_file(run.path / "model.safetensors")


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_the_same_recipe_gives_the_same_weights(run, quick, tmp_path):
    assert same(weights(run), weights(train(quick, folder=tmp_path)))
    assert not same(weights(run), weights(train(quick.replace(seed=1), folder=tmp_path)))


@pytest.mark.parametrize(
    "changes",
    [
        {"dropout": 0.3, "batch_norm": True},
        {"optimizer": "sgd", "weight_decay": 0.01},
        {"l1": 1e-4},
        {"hard_examples": 0.4},
    ],
)
def test_a_resumed_run_ends_with_the_weights_of_an_unbroken_one(quick, tmp_path, changes):
    recipe = quick.replace(**changes)
    unbroken = train(recipe, folder=tmp_path / "unbroken")
    with pytest.raises(StopHere):
        train(recipe, folder=tmp_path / "broken", on_epoch=stop_after(2))
    broken = latest_run(tmp_path / "broken")
    assert not Run.load(broken).finished
    with logged() as lines:
        resumed = resume(broken)
    assert lines == [f"{broken} continues after epoch 2 of 3"]
    assert same(weights(unbroken), weights(resumed))
    assert [r.epoch for r in resumed.history] == [1, 2, 3]
    assert not (broken / "checkpoint.safetensors").exists()


def test_a_record_without_its_checkpoint_is_trained_again(quick, tmp_path):
    with pytest.raises(StopHere):
        train(quick, folder=tmp_path, on_epoch=stop_after(1))
    path = latest_run(tmp_path)
    events = path / "events.jsonl"
    record = read_history(events)[0]
    events.write_text(to_line(record) + to_line(record).replace('"epoch": 1', '"epoch": 2') + '{"event": "ep')
    assert [r.epoch for r in resume(path).history] == [1, 2, 3]


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_epoch(quick, tmp_path, monkeypatch):
    from tenfold.training import trainer

    steps = itertools.count(1)
    step = trainer.Trainer.step

    def poisoned(self, images, labels):
        loss, logits = step(self, images, labels)
        return (
            loss * float("nan") if next(steps) == 60 else loss
        ), logits  # 50 steps an epoch: the second epoch's tenth

    monkeypatch.setattr(trainer.Trainer, "step", poisoned)
    with pytest.raises(TrainingError, match=r"epoch 2, step 10.*learning-rate.*epoch 1 are kept"):
        train(quick, folder=tmp_path)
    monkeypatch.undo()
    path = latest_run(tmp_path)
    assert [r.epoch for r in Run.load(path).history] == [1]
    kept = load_file(path / "checkpoint.safetensors")
    assert all(torch.isfinite(value).all() for value in kept.values())


def test_a_learning_rate_that_explodes_is_reported(quick, tmp_path):
    with pytest.raises(TrainingError, match="diverged"):
        train(quick.replace(learning_rate=1e30, optimizer="sgd"), folder=tmp_path)


def test_weights_that_outgrow_float32_between_two_looks_are_reported(quick, tmp_path):
    for changes in ({"batch_size": 1600, "learning_rate": 1e18}, {"batch_size": 2000, "learning_rate": 1e38,
                    "validation": 0.0, "final_weights": "last", "epochs": 1}):  # fmt: skip
        with pytest.raises(TrainingError, match="diverged"):
            train(quick.replace(**changes), folder=tmp_path)


def test_a_batch_of_one_and_batch_norm_are_refused(quick, tmp_path):
    for size in (1, 1599):
        with pytest.raises(UsageError, match="batch of one"):
            train(quick.replace(batch_norm=True, batch_size=size), folder=tmp_path)


def test_a_run_knows_the_data_that_it_was_trained_on(quick, small, small_file, tmp_path, monkeypatch):
    """Figures on other data of the same name would be worse than none."""
    import shutil

    from tenfold.runs.evaluate import evaluate

    (tmp_path / "here").mkdir()
    shutil.copy(small_file, tmp_path / "here" / "mine.npz")
    monkeypatch.chdir(tmp_path / "here")
    made = train(quick.replace(dataset="mine.npz", epochs=1), folder=tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    assert evaluate(Run.load(made.path)).images == 500
    np.savez("here/mine.npz", x_train=small.train_images, y_train=small.train_labels,
             x_test=small.test_images[::-1], y_test=small.test_labels)  # fmt: skip
    with pytest.raises(RunError, match="other data"):
        evaluate(Run.load(made.path))
    in_memory = train(Recipe.load("tutorial").replace(epochs=1), small, folder=tmp_path / "runs")
    assert evaluate(in_memory).images == 500  # and not MNIST's 10,000
    with pytest.raises(RunError, match="other data"):
        evaluate(Run.load(in_memory.path))


def test_keep_best_ends_with_the_epoch_that_validated_best(quick, tmp_path, small):
    finished = train(quick.replace(learning_rate=0.01, epochs=8), folder=tmp_path)
    best = best_epoch(finished.history)
    kept = finished.history[best - 1].validation_accuracy
    assert finished.training.kept_epoch == best
    assert finished.training.validation_accuracy == pytest.approx(kept)
    held = split_indices(quick, small)[1]
    right = finished.predict(small.train_images[held]).argmax(1) == small.train_labels[held]
    assert right.mean() == pytest.approx(kept)


def test_early_stopping_waits_as_long_as_the_recipe_says(quick, tmp_path):
    finished = train(quick.replace(early_stopping=2, epochs=50, learning_rate=0.01), folder=tmp_path)
    assert len(finished.history) < 50
    accuracies = finished.history.validation_accuracy
    assert len(accuracies) - 1 - accuracies.argmax() == 2
    assert stopped_early(finished.history, finished.recipe)


def test_the_loss_falls_and_the_history_counts_every_image(run):
    history = run.history
    assert history[-1].train_loss < history[0].train_loss
    assert history[-1].validation_accuracy > 0.8
    assert 1600 * history[0].train_accuracy == pytest.approx(round(1600 * history[0].train_accuracy))


def test_training_sees_what_preprocessing_shows(small):
    from tenfold.data import preprocessing

    trained = scale_pixels(torch.from_numpy(small.train_images)).numpy()
    assert np.array_equal(trained, preprocessing.scale_pixels(small.train_images))


def test_validation_by_writer_has_no_writer_who_is_trained_on(quick, small, tmp_path):
    import dataclasses

    writers = np.arange(2000) // 40
    np.save(tmp_path / "writers.npy", writers)
    for recipe, data in (
        (quick.replace(writers=str(tmp_path / "writers.npy")), small),
        (quick.replace(writers="known"), dataclasses.replace(small, train_writers=writers)),
    ):
        trained, held = split_indices(recipe, data)
        assert len(held) == 400
        assert not set(writers[trained]) & set(writers[held])
    with pytest.raises(UsageError, match="none for 2000"):
        train(quick.replace(writers="known"), folder=tmp_path)


def test_fewer_images_are_trained_on_and_validation_stays_the_same(quick, small):
    all_of_them, validation = split_indices(quick, small)
    fewer, same_validation = split_indices(quick.replace(images=100), small)
    assert len(fewer) == 100
    assert set(fewer) < set(all_of_them)
    assert np.array_equal(validation, same_validation)
    assert set(small.train_labels[fewer]) == set(range(10))
    assert train(quick.replace(images=100), small, folder=None).training.train_images == 100
    with pytest.raises(UsageError, match=f"--images 9999: .*has {len(all_of_them)} to train on"):
        split_indices(quick.replace(images=9999), small)


def test_without_validation_all_images_are_trained_on(quick, tmp_path):
    finished = train(quick.replace(validation=0.0, final_weights="last", epochs=1), folder=tmp_path)
    assert finished.training.train_images == 2000
    assert finished.history[0].validation_loss is None


def test_requests_that_cannot_be_met_leave_nothing_behind(quick, tmp_path):
    for changes, words in (({"batch_size": 5000}, "larger than the 1600"), ({"device": "mps"}, "is not available")):
        with pytest.raises(UsageError, match=words):
            train(quick.replace(**changes), folder=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_the_global_settings_of_torch_are_given_back(run, quick, tmp_path):
    torch.set_num_threads(2)
    train(quick.replace(epochs=1), folder=tmp_path)
    assert torch.get_num_threads() == 2
    assert float(torch.tensor(1e-40) * 0.5) > 0  # denormals are numbers again
    torch.set_num_threads(1)


def test_tensorboard_gets_the_curves(quick, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    finished = train(quick, folder=tmp_path, tensorboard=True)
    events = EventAccumulator(str(finished.path / "tensorboard")).Reload()
    losses = [event.value for event in events.Scalars("loss/validation")]
    assert losses == pytest.approx([record.validation_loss for record in finished.history], rel=1e-6)


def test_synthetic_ink_is_other_in_each_epoch_and_the_same_again(mnist):
    part = ImageSubset.of(mnist.train_images, mnist.train_labels, np.arange(50, 150), torch.device("cpu"))
    config = DataConfig(synthetic=20, degraded=10, non_digits=24)
    first, again, other = (with_extra_images(part, config, 0, epoch) for epoch in (1, 1, 2))
    assert len(first) == 154
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.images[:100], part.images[50:150])
    assert not torch.equal(first.images[100:], other.images[100:])
    assert torch.equal(first.labels[:100], part.labels[50:150])
    assert (first.labels[130:] == NON_DIGIT).all()
    assert int((first.labels == NON_DIGIT).sum()) == 24
    assert not DataConfig().has_extra_images
