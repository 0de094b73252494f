"""If these fail, letters and symbols are trained, drawn or exported as other classes than they are, or as digits."""

import numpy as np
import pytest

from tenfold import (
    Dataset,
    Reader,
    Recipe,
    Run,
    calibrate,
    diagnose,
    evaluate,
    explain,
    export,
    plot,
    predict,
    profile,
    train,
    write_report,
)
from tenfold.errors import ModelError, RunError, UsageError
from tenfold.ink.strokes import draw_strokes
from tenfold.reading.symbols import first_names

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
        with pytest.raises(ModelError, match=r"A, B, C, \.\.\. \(26 classes\), not digits: tenfold predict RUN IMAGE"):
            Reader(path)
    with pytest.raises(UsageError, match="the web app reads digits"):
        export(letters_run, "web", tmp_path / "letters.10fd")
    assert first_names(("star", "ring", "cross")) == "star, ring, cross"


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
