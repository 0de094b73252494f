"""If these fail, TenfoldClassifier does not do in scikit-learn what an estimator does there."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tenfold import Reader, Recipe, Run, TenfoldClassifier, evaluate, export
from tenfold.errors import ModelError, RunError
from tenfold.estimator import _images

QUICK = {"recipe": "tutorial", "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    return train_test_split(*load_digits(return_X_y=True), test_size=0.25, random_state=0)


@pytest.fixture(scope="module")
def fitted(digits):
    return TenfoldClassifier(random_state=0).fit(digits[0], digits[2])


def test_scikit_learns_digits_are_read_well_with_no_arguments(fitted, digits):
    assert fitted.score(digits[1], digits[3]) > 0.97
    assert fitted.classes_.tolist() == list(range(10))
    assert fitted.n_features_in_ == 64
    assert fitted.n_iter_ == len(fitted.run_.history) > 1


def test_probabilities_are_those_of_the_classes(digits):
    names = np.array(["zero", "one", "two"])
    few = digits[2] < 3
    classifier = TenfoldClassifier(**QUICK).fit(digits[0][few], names[digits[2][few]])
    rows = classifier.predict_proba(digits[1][:20])
    assert classifier.classes_.tolist() == ["one", "two", "zero"]
    np.testing.assert_allclose(rows.sum(1), 1, rtol=1e-5)
    assert (classifier.predict(digits[1][:20]) == classifier.classes_[rows.argmax(1)]).all()


def test_rows_images_and_ranges_are_the_same(digits):
    rows, labels, unseen = digits[0][:300], digits[2][:300], digits[1][:50]
    expected = TenfoldClassifier(**QUICK).fit(rows, labels).predict_proba(unseen)
    for change in (lambda x: x.reshape(-1, 8, 8), lambda x: x / 16, lambda x: (x / 16).astype(np.float32)):
        again = TenfoldClassifier(**QUICK).fit(change(rows), labels).predict_proba(change(unseen))
        np.testing.assert_allclose(again, expected, atol=1e-6)


def test_mnists_images_are_taken_as_they_are(mnist):
    classifier = TenfoldClassifier(Recipe.load("tutorial"), epochs=1, random_state=0)
    classifier.fit(mnist.train_images[:1000].reshape(-1, 784), mnist.train_labels[:1000])
    pixels = _images(mnist.test_images[:5].reshape(-1, 784).astype(float), classifier._range)
    np.testing.assert_array_equal(pixels, mnist.test_images[:5])


def test_it_works_in_cross_validation_pipelines_and_grid_searches(digits):
    pixels, labels = digits[0][:400], digits[2][:400]
    assert cross_val_score(TenfoldClassifier(**QUICK), pixels, labels, cv=3).mean() > 0.85
    pipeline = make_pipeline(FunctionTransformer(np.sqrt), TenfoldClassifier(**QUICK))
    recipes = [Recipe.load("tutorial"), Recipe.load("tutorial").replace(hidden=(16,))]
    grid = {"tenfoldclassifier__recipe": recipes, "tenfoldclassifier__epochs": [1, 12]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(pixels, labels)
    assert search.best_params_["tenfoldclassifier__epochs"] == 12
    assert search.score(digits[1], digits[3]) > 0.85


def test_a_pickled_classifier_predicts_the_same_and_holds_no_images(fitted, digits):
    content = pickle.dumps(fitted)
    assert len(content) < 1_000_000
    np.testing.assert_array_equal(pickle.loads(content).predict_proba(digits[1]), fitted.predict_proba(digits[1]))


def test_a_callback_stops_training(digits):
    seen = []
    classifier = TenfoldClassifier("tutorial", epochs=50, on_epoch=lambda record: seen.append(record) or len(seen) == 3)
    assert classifier.fit(digits[0][:200], digits[2][:200]).n_iter_ == 3


def test_its_run_can_be_evaluated_on_other_data_only(fitted, mnist):
    with pytest.raises(RunError, match="does not hold its data any more"):
        evaluate(fitted.run_)


def test_its_run_can_be_saved_and_exported_with_the_names_of_its_classes(digits, tmp_path):
    odd = digits[2] % 2 == 1
    classifier = TenfoldClassifier(**QUICK).fit(digits[0][odd], digits[2][odd])
    assert classifier.run_.class_names == ("1", "3", "5", "7", "9")
    saved = classifier.run_.save(tmp_path / "run")
    assert Run.load(saved.path).class_names == classifier.run_.class_names
    with pytest.raises(ModelError, match=r"5 classes\), not digits"):
        Reader(export(classifier.run_, out=tmp_path / "model.onnx").path)
    read = classifier.run_.predict(_images(digits[1][:20], (0, 16))).argmax(1)
    assert [classifier.run_.class_names[place] for place in read] == classifier.predict(digits[1][:20]).astype(
        str
    ).tolist()


def test_letters_are_no_digits_for_recipes_that_draw_digits(digits):
    letters = np.array(list("abcdefghij"))[digits[2]]
    with pytest.raises(ValueError, match="synthetic digits"):
        TenfoldClassifier("reader", epochs=1).fit(digits[0], letters)


def test_a_fit_that_fails_leaves_the_classifier_as_it_was(digits):
    def fail(record):
        raise KeyboardInterrupt

    classifier = TenfoldClassifier(**QUICK).fit(digits[0][:200], digits[2][:200])
    before = classifier.predict(digits[1][:9])
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    with pytest.raises(KeyboardInterrupt):
        classifier.set_params(on_epoch=fail).fit(digits[0][:200] * 9, names[digits[2][:200]])
    np.testing.assert_array_equal(classifier.predict(digits[1][:9]), before)


@pytest.mark.parametrize("count", [7, 13, 65])
def test_batches_leave_no_single_image_for_batch_norm(digits, count):
    assert (
        TenfoldClassifier(batch_size=3, epochs=1, random_state=0).fit(digits[0][:count], digits[2][:count]).n_iter_ == 1
    )


def test_other_fields_of_the_recipe_hold(digits):
    fields = {"epochs": 2, "threads": 2, "seed": 5, "hidden": (8,)}
    classifier = TenfoldClassifier("tutorial", fields=fields, dropout=np.float32(0.5)).fit(
        digits[0][:99], digits[2][:99]
    )
    recipe = classifier.run_.recipe
    assert (recipe.training.epochs, recipe.device.threads, recipe.training.seed) == (2, 2, 5)
    assert (recipe.model.hidden, recipe.model.dropout) == ((8,), 0.5)


def test_a_few_images_are_enough(digits):
    classifier = TenfoldClassifier(random_state=0).fit(digits[0][:3], digits[2][:3])
    assert (classifier.predict(digits[0][:3]) == digits[2][:3]).all()


@pytest.mark.parametrize(
    ("parameters", "data", "message"),
    [
        ({"recipe": "sprnt"}, {}, r"no recipe 'sprnt'; did you mean 'sprint'\?"),
        ({"fields": {"hiden": (8,)}}, {}, "has no field 'hiden'; did you mean 'hidden'?"),
        ({"epochs": 0}, {}, "epochs is 0; it must be >= 1"),
        ({"on_epoch": True}, {}, "on_epoch is True; it takes a function of one argument"),
        ({}, {"y": np.zeros(20, int)}, "y has 1 class; 2 to 1,000 are needed"),
        ({}, {"X": np.zeros((20, 8, 9))}, r"not an array of shape \(20, 8, 9\)"),
        ({}, {"X": np.full((20, 64), np.nan)}, "NaN"),
        ({"recipe": "reader", "epochs": 1}, {"y": np.arange(20) % 3}, "synthetic digits"),
    ],
)
def test_what_is_wrong_is_a_value_error(digits, parameters, data, message):
    arguments = {"X": digits[0][:20], "y": digits[2][:20], **data}
    with pytest.raises(ValueError, match=message):
        TenfoldClassifier(**{"recipe": "tutorial", **parameters}).fit(**arguments)


def test_it_predicts_nothing_before_it_is_fitted(digits):
    with pytest.raises(NotFittedError):
        TenfoldClassifier().predict(digits[1])
