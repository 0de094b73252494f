"""If these fail, a run in memory differs from one in a folder, or callbacks don't see or stop a training."""

import logging
import pickle

import numpy as np
import pytest

from tenfold import (
    EpochRecord,
    History,
    Reader,
    Run,
    RunFolder,
    calibrate,
    diagnose,
    evaluate,
    export,
    train,
)
from tenfold.errors import ModelError, RunError, UsageError


def test_training_in_memory_gives_the_same_weights_and_writes_nothing(quick, small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tenfold.runs.evaluate.NON_DIGITS", 200)
    kept, alone = train(quick, small, folder=tmp_path / "runs"), train(quick, small, folder=None)
    np.testing.assert_allclose(alone.predict(small.test_images[:50]), kept.predict(small.test_images[:50]), atol=1e-4)
    assert [r.train_loss for r in alone.history] == [r.train_loss for r in kept.history]
    assert alone.training.validation_accuracy == kept.training.validation_accuracy
    assert evaluate(alone).accuracy == evaluate(kept).accuracy == alone.test.accuracy
    assert [finding.fault for finding in diagnose(alone)] == [finding.fault for finding in diagnose(kept)]
    assert calibrate(alone).temperature == pytest.approx(calibrate(kept).temperature, rel=1e-3)
    assert export(alone, out=tmp_path / "alone.onnx").difference < 1e-4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone.onnx", "runs"]
    with pytest.raises(UsageError, match=r"in memory has no folder for model.onnx: give the path of a file"):
        export(alone)


def test_a_run_in_memory_can_be_saved_and_pickled(quick, small, tmp_path):
    run = train(quick.replace(epochs=1), small, folder=None)
    evaluate(run)
    saved = run.save(tmp_path / "saved")
    assert repr(run) == "<MemoryRun: the run of tutorial in memory, finished>"
    assert repr(saved) == f"<RunFolder: {tmp_path / 'saved'}, finished>"
    again = Run.load(tmp_path / "saved")
    assert again.finished
    assert again.digest == saved.digest
    assert again.test.to_dict() == run.test.to_dict()
    assert again.training.onnx_difference < 1e-4
    assert list(again.history) == list(run.history)
    np.testing.assert_allclose(again.predict(small.test_images[:9]), run.predict(small.test_images[:9]), atol=1e-4)
    with pytest.raises(RunError, match="exists already: choose another folder"):
        run.save(tmp_path / "saved")
    copy = pickle.loads(pickle.dumps(run))
    np.testing.assert_array_equal(copy.predict(small.test_images[:9]), run.predict(small.test_images[:9]))


def test_a_calibrated_run_in_memory_is_saved_with_its_temperature(quick, small, tmp_path, monkeypatch):
    monkeypatch.setattr("tenfold.runs.evaluate.NON_DIGITS", 200)
    run = train(quick.replace(epochs=1), small, folder=None)
    before = run.predict(small.test_images[:9])
    temperature = calibrate(run).temperature
    assert abs(temperature - 1) > 0.01
    cooled = before ** (1 / temperature)
    np.testing.assert_allclose(run.predict(small.test_images[:9]), cooled / cooled.sum(1, keepdims=True), atol=1e-5)
    exported = Reader(export(run, out=str(tmp_path / "exported.onnx")).path)
    saved = Reader(run.save(tmp_path / "saved").file("model.onnx"))
    images = small.test_images[:20]
    np.testing.assert_allclose(saved.probabilities(images), exported.probabilities(images), atol=1e-5)
    assert saved.unsure_below == exported.unsure_below


def test_a_run_in_memory_takes_bytes_alone(quick, small):
    run = train(quick.replace(epochs=1), small, folder=None)
    for images in (small.test_images[:2] / np.float32(255), small.test_images[0], small.test_images[:2, :20]):
        with pytest.raises(ModelError, match=r"images are uint8\[N,28,28\]"):
            run.predict(images)


def test_validation_that_rounds_to_nothing_is_refused(quick, small):
    with pytest.raises(UsageError, match="is none, and the recipe chooses its epoch"):
        train(quick.replace(validation=0.0001), small, folder=None)


def test_a_callback_that_can_not_be_called_is_refused_before_training(quick, small, tmp_path):
    for name in ("on_epoch", "on_progress"):
        with pytest.raises(UsageError, match=f"{name} is True; it takes a function"):
            train(quick, small, folder=tmp_path, **{name: True})
    assert not list(tmp_path.iterdir())


def test_progress_is_shown_while_it_trains(quick, small):
    seen = []
    train(quick.replace(epochs=1), small, folder=None, on_progress=seen.append)
    assert seen
    assert {type(progress).__name__ for progress in seen} == {"Progress"}
    assert seen[-1].step == seen[-1].steps


def test_the_epochs_of_other_processes_are_logged_here(quick, small, two_workers, tmp_path, caplog):
    recipe = quick.replace(ensemble_size=2, epochs=2, final_weights="last")
    with caplog.at_level(logging.INFO, "tenfold"):
        train(recipe, small, folder=tmp_path, open_pool=two_workers)
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("tenfold")]
    assert sorted(line.split()[1] for line in lines if line.startswith("epoch")) == ["1", "2", "3", "4"]


def test_an_ensemble_in_memory_is_that_in_a_folder(quick, small, tmp_path):
    recipe = quick.replace(ensemble_size=2, epochs=1, final_weights="last")
    alone, kept = train(recipe, small, folder=None), train(recipe, small, folder=tmp_path)
    assert [r.epoch for r in alone.history] == [1, 2]
    np.testing.assert_allclose(alone.predict(small.test_images[:9]), kept.predict(small.test_images[:9]), atol=1e-4)


@pytest.mark.parametrize("folder", [None, "runs"])
def test_a_callback_that_returns_true_stops_training_and_the_run_is_finished(quick, small, tmp_path, folder):
    seen = []

    def on_epoch(record):
        assert isinstance(record, EpochRecord)
        seen.append(record.epoch)
        return record.epoch == 2

    run = train(quick.replace(epochs=9), small, folder=folder and tmp_path / folder, on_epoch=on_epoch)
    assert seen == [1, 2]
    assert run.finished
    assert run.training.epochs == 2
    if isinstance(run, RunFolder):
        assert (run.path / "model.onnx").exists()
        assert not (run.path / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("answer", [None, False, 1, "text", 0.5])
def test_what_else_a_callback_returns_stops_nothing(quick, small, answer):
    run = train(quick.replace(epochs=2), small, folder=None, on_epoch=lambda record: answer)
    assert len(run.history) == 2


def test_epochs_are_logged(quick, small, caplog):
    with caplog.at_level(logging.INFO, "tenfold"):
        train(quick.replace(epochs=2), small, folder=None)
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("tenfold")]
    assert [line.split()[:2] for line in lines] == [["epoch", "1"], ["epoch", "2"]]
    assert "validation" in lines[0]


def test_the_history_is_a_sequence_and_arrays(run):
    history = run.history
    assert isinstance(history, History)
    assert history.train_loss.shape == history.learning_rate.shape == (len(history),)
    assert history.validation_accuracy[-1] == history[-1].validation_accuracy
    assert isinstance(history[:1], History)
    assert history == run.history
    assert History([EpochRecord(**{**vars(history[0]), "validation_loss": None})]).validation_loss.tolist() == [
        pytest.approx(float("nan"), nan_ok=True)
    ]
