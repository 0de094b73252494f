"""If these fail, Python code that uses only names of `tenfold` can't do what the commands do."""

import logging
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from torch import nn

import tenfold
from tenfold import (
    Dataset,
    EpochRecord,
    History,
    ModelConfig,
    Reader,
    Recipe,
    Run,
    RunFolder,
    calibrate,
    diagnose,
    evaluate,
    explain,
    export,
    plot,
    predict,
    profile,
    read_all,
    register_architecture,
    train,
    train_seeds,
    write_report,
)
from tenfold.config import option
from tenfold.errors import ModelError, RecipeError, RunError, UsageError
from tenfold.ink.strokes import draw_strokes
from tenfold.jobs.local import local_pool
from tenfold.models.model_config import MLPConfig

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def signs(classes, each, seed=0):
    """Images of that many signs, each drawn `each` times, and the index of each."""
    generator = np.random.default_rng(seed)
    shapes = [generator.random((4, 2)) * 100 for _ in range(classes)]
    images = [draw_strokes([shape + generator.normal(0, 4, (4, 2))]) for shape in shapes for _ in range(each)]
    return np.stack(images), np.repeat(np.arange(classes), each)


@pytest.fixture(scope="module")
def letters():
    images, labels = signs(26, 40)
    return Dataset.from_arrays(images, np.array(LETTERS)[labels], name="letters")


@pytest.fixture(scope="module")
def quick_cnn():
    return Recipe.load("sprint").replace(
        epochs=12, batch_size=64, validation=0.2, threads=1, precision="float32", memory_format="contiguous"
    )


@pytest.fixture(scope="module")
def letters_run(letters, quick_cnn, tmp_path_factory):
    return train(quick_cnn, letters, folder=tmp_path_factory.mktemp("letters"))


def test_every_public_name_exists_and_is_listed():
    assert tenfold.__all__ == sorted(set(tenfold.__all__))
    for name in tenfold.__all__:
        assert getattr(tenfold, name) is not None
    with pytest.raises(AttributeError):
        _ = tenfold.tarin


def test_letters_are_trained_evaluated_and_reported_with_their_names(letters, letters_run):
    assert letters_run.class_names == LETTERS
    evaluation = evaluate(letters_run)
    assert evaluation.accuracy > 0.95
    assert evaluation.class_names == LETTERS
    assert evaluation.confusion.shape == (26, 26)
    predicted = predict(letters_run, letters.test_images[:3])
    assert [one.class_name for one in predicted] == [LETTERS[label] for label in letters.test_labels[:3]]
    assert predicted[0].probabilities.shape == (26,)
    assert isinstance(diagnose(letters_run), list)
    assert len(profile(letters).train.counts) == 26
    text = write_report(letters_run).read_text()
    assert ">Z<" in text


def test_a_run_of_letters_is_opened_resumed_and_compared_by_its_names(letters, letters_run, mnist):
    again = Run.load(letters_run.path)
    assert again.class_names == LETTERS
    np.testing.assert_array_equal(again.predict(letters.test_images[:5]), letters_run.predict(letters.test_images[:5]))
    with pytest.raises(UsageError, match="has other classes than those that"):
        evaluate(again, mnist)
    recipe = letters_run.recipe.replace(initial_run=str(letters_run.path))
    with pytest.raises(UsageError, match="was trained on other classes"):
        train(recipe, mnist, folder=None)


def test_the_reader_and_the_web_app_refuse_letters(letters_run, tmp_path):
    found = export(letters_run, "onnx-int8", tmp_path / "letters.onnx")
    assert found.changed <= 2
    for path in (found.path, letters_run.path / "model.onnx"):
        with pytest.raises(ModelError, match=r"classifies A, B, C, \.\.\. \(26 classes\), not digits"):
            Reader(path)
    with pytest.raises(UsageError, match="the web app reads digits"):
        export(letters_run, "web", tmp_path / "letters.10fd")


def test_calibration_of_letters_needs_no_non_digits(letters_run):
    found = calibrate(letters_run)
    assert found.non_digits_unsure is None
    assert 0 <= found.unsure_below <= 1
    assert found.answered >= 0.99


def test_changed_data_is_refused_each_time(letters_run, letters, monkeypatch):
    again = Run.load(letters_run.path)
    for _ in range(2):
        with pytest.raises(RunError, match="mnist holds other data than when"):
            _ = again.dataset


def test_predictions_are_written_with_the_names_of_classes(letters_run, letters, tmp_path):
    from tenfold.runs.predict import write_predictions

    found = predict(letters_run, letters.test_images[:4])
    lines = write_predictions(found, tmp_path / "out.csv").read_text().splitlines()
    assert lines == ["ImageId,Label", *(f"{n},{one.class_name}" for n, one in enumerate(found))]
    with pytest.raises(UsageError, match="no images to predict"):
        predict(letters_run, [])


def test_feedback_of_other_classes_is_refused(letters, quick_cnn, odd_hand):
    with pytest.raises(UsageError, match="has other classes than letters"):
        train(quick_cnn.replace(feedback=str(odd_hand)), letters, folder=None)


def test_an_explanation_names_the_classes(letters_run, letters):
    found = explain(letters_run, letters.test_images[0], letters)
    assert found.class_names == LETTERS
    assert found.draw().width > 0


def test_synthetic_digits_go_with_digits_alone(letters, quick_cnn):
    with pytest.raises(UsageError, match="add --synthetic 0 --non-digits 0"):
        train(quick_cnn.replace(non_digits=10), letters, folder=None)


@pytest.mark.parametrize("classes", [2, 1000])
def test_two_and_a_thousand_classes_are_trained_and_drawn(classes, quick_cnn, tmp_path):
    images, labels = signs(classes, 3000 // classes)
    data = Dataset.from_arrays(images, labels, images, labels, name="signs")
    run = train(quick_cnn.replace(epochs=2, batch_size=250, validation=0.0), data, folder=None)
    assert run.predict(images[:2]).shape == (2, classes)
    evaluation = evaluate(run)
    assert len(evaluation.classes) == classes
    figures = [plot.confusion_matrix(evaluation), plot.class_scores(evaluation), plot.samples(data)]
    figures += [plot.class_distribution(data, profile(data)), plot.predictions(predict(run, images[:4]))]
    for number, figure in enumerate(figures):
        assert figure.save(tmp_path / f"{number}.png").read_bytes().startswith(b"\x89PNG")


def test_training_in_memory_gives_the_same_weights_and_writes_nothing(quick, small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tenfold.runs.evaluate.NON_DIGITS", 200)
    kept, alone = train(quick, small, folder=tmp_path / "runs"), train(quick, small, folder=None)
    np.testing.assert_allclose(alone.predict(small.test_images[:50]), kept.predict(small.test_images[:50]), atol=1e-4)
    assert [r.train_loss for r in alone.history] == [r.train_loss for r in kept.history]
    assert alone.training.validation_accuracy == kept.training.validation_accuracy
    assert evaluate(alone).accuracy == evaluate(kept).accuracy == alone.metrics["test"]["accuracy"]
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
    again = Run.load(tmp_path / "saved")
    assert again.finished
    assert again.digest == saved.digest
    assert again.metrics["test"] == run.metrics["test"]
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
    assert abs(calibrate(run).temperature - 1) > 0.01
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


@dataclass(frozen=True, kw_only=True)
class WideConfig(ModelConfig):
    """Options of the network below."""

    units: int = option(32, "units of the hidden layer", at_least=1)


class Wide(nn.Module):
    def __init__(self, units, classes):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, units), nn.Tanh(), nn.Linear(units, classes))

    def forward(self, images):
        return self.layers(images * 2 - 1)


@pytest.fixture
def wide():
    register_architecture("wide", lambda config, classes: Wide(config.units, classes), WideConfig)
    yield "wide"
    from tenfold.models import _BUILDERS, ARCHITECTURES

    del _BUILDERS["wide"], ARCHITECTURES["wide"]


def test_a_network_of_ones_own_is_trained_loaded_exported_and_pickled(wide, quick, small, tmp_path):
    recipe = quick.replace(architecture=wide, units=48)
    assert sum(layer.parameters for layer in recipe.layers()) == 784 * 48 + 48 + 48 * 10 + 10
    run = train(recipe, small, folder=tmp_path)
    assert run.training.validation_accuracy > 0.8
    again = Run.load(run.path)
    assert (again.recipe.model.units, again.recipe.model.registered_as) == (48, "wide")
    assert again.model().layers[1].out_features == 48
    assert Reader(export(again, out=tmp_path / "wide.onnx").path).probabilities(small.test_images[:2]).shape == (2, 10)
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    with pytest.raises(RecipeError, match="units is 0; it must be >= 1"):
        quick.replace(architecture=wide, units=0)


def test_without_its_registration_a_network_is_unknown(quick, small, tmp_path):
    register_architecture("once", lambda config, classes: Wide(8, classes))
    recipe = quick.replace(architecture="once", epochs=1)
    content, path = pickle.dumps(recipe), train(recipe, small, folder=tmp_path).path
    from tenfold.models import _BUILDERS, ARCHITECTURES

    del _BUILDERS["once"], ARCHITECTURES["once"]
    for load in (lambda: pickle.loads(content), lambda: Run.load(path), lambda: quick.replace(architecture="once")):
        with pytest.raises((RecipeError, RunError), match=r"unknown architecture 'once'.*register_architecture"):
            load()


def test_architectures_with_the_same_options_stay_apart_also_when_registered_again(quick, small):
    for name, units in (("one", 4), ("two", 8), ("two", 16)):
        register_architecture(name, lambda config, classes, units=units: Wide(units, classes), MLPConfig)
        if units == 8:
            before = quick.replace(architecture="two")
    from tenfold.models import _BUILDERS, ARCHITECTURES

    try:
        for name, units in (("one", 4), ("two", 16)):
            recipe = quick.replace(architecture=name, epochs=1)
            assert f'architecture = "{name}"' in recipe.to_toml()
            assert train(recipe, small, folder=None).training.parameters == 784 * units + units + units * 10 + 10
        assert 'architecture = "two"' in before.to_toml()
        pickle.loads(pickle.dumps(before))
        with pytest.raises(UsageError, match="architecture one is registered in this process alone"):
            train_seeds(quick.replace(architecture="one"), 2, small, open_pool=lambda: local_pool(2))
    finally:
        for name in ("one", "two"):
            del _BUILDERS[name], ARCHITECTURES[name]


def test_options_that_recipes_have_already_are_refused(quick):
    config = dataclass(frozen=True, kw_only=True)(
        type("Config", (ModelConfig,), {"__annotations__": {"epochs": int}, "epochs": 3})
    )
    register_architecture("clash", lambda config, classes: Wide(8, classes), config)
    from tenfold.models import _BUILDERS, ARCHITECTURES

    try:
        with pytest.raises(RecipeError, match="epochs is a field of recipes; rename that of the architecture"):
            quick.replace(architecture="clash")
    finally:
        del _BUILDERS["clash"], ARCHITECTURES["clash"]


@pytest.mark.parametrize(
    ("name", "message"), [("cnn", "is an architecture of Tenfold"), ("my net", "is no identifier")]
)
def test_names_that_are_taken_or_impossible_are_refused(name, message):
    with pytest.raises(UsageError, match=message):
        register_architecture(name, lambda config, classes: Wide(8, classes))


def test_an_explanation_draws_itself(run, mnist):
    for model in (Reader(), run):
        found = explain(model, mnist.test_images[0])
        assert found.digit == 7
        assert found.evidence.shape == (28, 28)
        assert found.draw().width > found.draw().height
    assert explain(Reader(), Reader().read(mnist.test_images[0])).digit == 7


def test_predict_takes_arrays_files_and_folders(run, mnist, tmp_path):
    from PIL import Image

    for number in range(3):
        Image.fromarray(255 - mnist.test_images[number]).resize((90, 90)).save(tmp_path / f"{number}.png")
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    expected = mnist.test_labels[:3].tolist()
    for images in (mnist.test_images[:3], paths, [str(path) for path in paths], tmp_path):
        assert [one.digit for one in predict(run, images)] == expected
    assert predict(run, paths[0])[0].source == str(paths[0])


def test_a_run_is_opened_once_for_many_images(run, small, monkeypatch):
    read, names = RunFolder._read_document, []
    monkeypatch.setattr(RunFolder, "_read_document", lambda self, name: (names.append(name), read(self, name))[1])
    assert len(predict(run, small.test_images)) == len(small.test_images)
    assert len(names) <= 2


def test_many_files_are_read_to_a_table(mnist, tmp_path):
    import pyarrow.parquet as pq

    np.save(tmp_path / "digits.npy", mnist.test_images[:20])
    summary = read_all([tmp_path / "digits.npy"], tmp_path / "out.parquet", workers=1)
    assert summary.rows == 20
    assert pq.read_table(tmp_path / "out.parquet")["digit"].to_pylist()[:3] == [7, 2, 1]
