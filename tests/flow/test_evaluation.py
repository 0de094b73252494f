"""A figure that is wrong here is wrong in every report."""

import itertools
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from tenfold.errors import RunError
from tenfold.evaluation.calibration import calibration_error
from tenfold.evaluation.diagnose import diagnose
from tenfold.evaluation.metrics import measure, wilson_interval
from tenfold.runs.evaluate import evaluate
from tenfold.runs.run import Run


@given(st.integers(0, 10_000), st.integers(1, 300))
def test_every_score_is_scikit_learns(seed, count):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 10, count)
    logits = generator.normal(0, 1, (count, 10)) + 2 * np.eye(10)[labels]
    probabilities = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32)
    found = measure(probabilities, labels)
    predicted = probabilities.argmax(1)
    assert found.accuracy == pytest.approx(reference.accuracy_score(labels, predicted))
    present = np.unique(labels)
    for ours, theirs in (
        (found.macro_precision, reference.precision_score),
        (found.macro_recall, reference.recall_score),
        (found.macro_f1, reference.f1_score),
    ):
        assert ours == pytest.approx(theirs(labels, predicted, labels=present, average="macro", zero_division=0.0))
    expected = -np.log(probabilities[np.arange(count), labels].astype(float)).mean()
    assert found.log_loss == pytest.approx(expected, rel=1e-5)
    assert found.confusion.sum() == count
    assert np.trace(found.confusion) == count - len(found.mistakes)
    assert all(np.diff(found.confidences[found.mistakes]) <= 0)
    assert sum(n for _, _, n in found.confused_pairs(100)) == len(found.mistakes)


def test_the_interval_is_wilsons():
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(29, 29) == pytest.approx((0.8830, 1.0), abs=5e-5)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    confidences = np.array([0.9] * 10 + [0.6] * 10)
    right = np.array([True] * 9 + [False] + [True] * 3 + [False] * 7)
    assert calibration_error(confidences, right) == pytest.approx(0.5 * 0.0 + 0.5 * 0.3)


def test_evaluation_reads_the_test_images_and_keeps_the_figures(run, small):
    found = evaluate(run)
    assert found.images == len(small.test_labels)
    right = run.predict(small.test_images).argmax(1) == small.test_labels
    assert found.accuracy == right.mean()
    stored = Run.load(run.path).test
    assert stored.classes == found.classes
    assert stored.to_dict() == found.to_dict()
    assert [scores.name for scores in found.classes] == list("0123456789")


def test_scores_that_were_stored_without_names_get_them(run, tmp_path):
    evaluate(run)
    shutil.copytree(run.path, tmp_path / "old")
    metrics = json.loads((tmp_path / "old" / "metrics.json").read_text())
    for scores in metrics["test"]["classes"]:
        del scores["name"]
    (tmp_path / "old" / "metrics.json").write_text(json.dumps(metrics))
    assert Run.load(tmp_path / "old").test.classes == run.test.classes


def test_metrics_that_were_changed_are_refused(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "changed")
    changed = Run.load(tmp_path / "changed")
    assert (changed.test is None) == (run.test is None)
    for figures in ({}, {"classes": [{"recall": 1}]}, [], "high"):
        changed.file("metrics.json").write_text(json.dumps({"training": {"epochs": 1}, "test": figures}))
        with pytest.raises(RunError, match=r"changed: metrics\.json lacks the figures of the test images"):
            _ = changed.test
    with pytest.raises(RunError, match=r"metrics\.json lacks the training's figures"):
        _ = changed.training


def test_training_never_looks_at_the_test_images(quick, small, tmp_path):
    """Ruined test images must not change a weight: nothing may be chosen on them."""
    import dataclasses

    from tenfold.runs.train import train

    ruined = dataclasses.replace(small, test_images=255 - small.test_images[:7], test_labels=small.test_labels[:7])
    first, second = (train(quick, data, folder=tmp_path) for data in (small, ruined))
    assert (first.path / "model.safetensors").read_bytes() == (second.path / "model.safetensors").read_bytes()


def epochs(train, validation):
    pairs = itertools.zip_longest(train, validation or [])
    return [SimpleNamespace(train_loss=t, validation_loss=v) for t, v in pairs]


HEALTHY = epochs([0.30, 0.15, 0.10, 0.08, 0.07], [0.17, 0.12, 0.10, 0.095, 0.093])


def test_a_healthy_run_gets_no_finding():
    assert diagnose(HEALTHY, 0.985, 0.978) == []


@pytest.mark.parametrize(
    ("history", "train", "validation", "fault", "flag"),
    [
        (
            epochs([0.3, 0.1, 0.04, 0.02, 0.01], [0.15, 0.10, 0.11, 0.13, 0.16]),
            0.999,
            0.976,
            "overfitting",
            "--dropout",
        ),
        (epochs([2.31, 2.30, 2.30], [2.30, 2.30, 2.30]), 0.11, 0.11, "poor convergence", "--learning-rate"),
        (epochs([0.5, 0.4, 0.6, 0.5, 0.7, 0.6, 0.8], [0.5] * 7), 0.90, 0.90, "poor convergence", "--learning-rate"),
        (epochs([0.9, 0.5, 0.4], [0.6, 0.45, 0.38]), 0.92, 0.91, "poor convergence", "--epochs"),
        (epochs([0.9, 0.5, 0.45, 0.44], [0.6, 0.47, 0.46, 0.455]), 0.88, 0.87, "low accuracy", "--hidden"),
        (epochs([0.9, 0.5, 0.45, 0.44], [None] * 4), 0.88, None, "low accuracy", "--hidden"),
    ],
)
def test_each_fault_is_named_with_its_measure_and_a_flag(history, train, validation, fault, flag):
    findings = diagnose(history, train, validation)
    assert fault in [finding.fault for finding in findings]
    found = next(finding for finding in findings if finding.fault == fault)
    assert any(character.isdigit() for character in found.evidence)
    assert any(remedy.flag.startswith(flag) for remedy in found.remedies)


@pytest.mark.parametrize(
    ("settings", "history", "accuracies", "expected"),
    [
        # Nothing learned: a tenth of the usual rate, or the usual one, by the recipe's own.
        ({"learning_rate": 1.0}, [2.4, 2.4, 2.4], (0.1, 0.1), "--learning-rate 0.001"),
        ({"learning_rate": 0.02}, [2.4, 2.4, 2.4], (0.1, 0.1), "--learning-rate 0.001"),
        ({"learning_rate": 1e-6}, [2.3, 2.3, 2.3], (0.1, 0.1), "--learning-rate 0.001"),
        ({"learning_rate": 5.0, "optimizer": "sgd"}, [2.4, 2.4, 2.4], (0.1, 0.1), "--learning-rate 0.1"),
        ({"learning_rate": 0.001}, [0.5, 0.6, 0.5, 0.7, 0.6], (0.9, 0.9), "--learning-rate 0.0001"),
        # Learned, but little: the rate comes before the size of the network.
        ({"learning_rate": 0.05, "hidden": (128, 64)}, [0.8, 0.6, 0.61], (0.87, 0.86), "--learning-rate 0.001"),
        ({"learning_rate": 0.002, "hidden": (128, 64)}, [0.8, 0.6, 0.61], (0.87, 0.86), "--hidden 256,128"),
    ],
)
def test_the_advice_on_the_learning_rate_follows_the_recipes_own(settings, history, accuracies, expected):
    found = diagnose(epochs(history, history), *accuracies, settings=settings)
    assert found[0].remedies[0].flag == expected
    rate = f"{settings['learning_rate']:g}"
    assert rate in found[0].remedies[0].why or "--hidden" in expected
    if accuracies == (0.1, 0.1):
        size = "small" if settings["learning_rate"] < 1e-3 else "large"
        assert found[0].remedies[0].why == f"steps that are too {size} learn nothing; it is {rate}"


def test_the_highest_rate_of_a_schedule_is_not_taken_for_a_constant_one():
    settings = {"learning_rate": 0.02, "hidden": (128, 64)}
    (found,) = diagnose(epochs([0.8, 0.6, 0.61], [0.8, 0.6, 0.61]), 0.87, 0.86, scheduled=True, settings=settings)
    assert found.remedies[0].flag == "--hidden 256,128"


def test_what_is_in_place_already_is_not_advised():
    settings = {"learning_rate": 1.0, "activation": "relu", "batch_norm": False}
    (found,) = diagnose(epochs([2.4, 2.4, 2.4], [2.4, 2.4, 2.4]), 0.1, 0.1, settings=settings)
    assert [remedy.flag for remedy in found.remedies] == ["--learning-rate 0.001", "--batch-norm"]
    settings |= {"activation": "sigmoid", "batch_norm": True}
    (found,) = diagnose(epochs([2.4, 2.4, 2.4], [2.4, 2.4, 2.4]), 0.1, 0.1, settings=settings)
    assert [remedy.flag for remedy in found.remedies] == ["--learning-rate 0.001", "--activation relu"]


def test_a_training_without_mistakes_is_long_enough():
    falling = epochs([0.5, 0.2, 0.05, 0.01], [0.5, 0.2, 0.05, 0.01])
    assert diagnose(falling, 1.0, 1.0) == []
    assert diagnose(falling, 0.99, 0.99)[0].fault == "poor convergence"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"epochs": 60, "learning_rate": 0.003}, "overfitting"),
        ({"learning_rate": 3.0, "optimizer": "sgd"}, "poor convergence"),
        ({"learning_rate": 1e-6}, "poor convergence"),
        ({"hidden": (2,), "epochs": 80, "learning_rate": 0.01}, "low accuracy"),
    ],
)
def test_runs_made_to_have_a_fault_are_found_out(quick, tmp_path, changes, fault):
    from tenfold.errors import TrainingError
    from tenfold.runs.evaluate import diagnose as diagnose_run
    from tenfold.runs.train import train

    try:
        finished = train(quick.replace(final_weights="last", **changes), folder=tmp_path)
    except TrainingError:
        pytest.fail("this fault was meant to end in a bad run, not in none")
    assert fault in [finding.fault for finding in diagnose_run(finished)]


def test_a_real_run_that_is_healthy_gets_no_finding(tmp_path):
    from tenfold.runs.evaluate import diagnose as diagnose_run
    from tenfold.runs.train import train
    from tenfold.training.recipe import Recipe

    finished = train(Recipe.load("sprint"), folder=tmp_path)
    assert diagnose_run(finished) == []


def test_the_flags_that_are_advised_exist(quick):
    from tenfold.training.recipe import recipe_fields

    histories = [
        (epochs([0.3, 0.1, 0.01], [0.1, 0.11, 0.16]), 0.999, 0.976),
        (epochs([2.3] * 3, [2.3] * 3), 0.1, 0.1),
        (epochs([0.5, 0.6, 0.5, 0.6, 0.5], [0.5] * 5), 0.9, 0.9),
        (epochs([0.9, 0.5], [0.6, 0.4]), 0.9, 0.9),
    ]
    for arguments in histories:
        for finding in diagnose(*arguments):
            for remedy in finding.remedies:
                flags = [word for word in remedy.flag.split() if word.startswith("--")]
                assert {flag[2:].replace("-", "_") for flag in flags} <= recipe_fields().keys()


def test_an_unfinished_run_is_not_diagnosed(tmp_path, quick):
    from tenfold.runs.evaluate import diagnose as diagnose_run

    (tmp_path / "recipe.toml").write_text(quick.to_toml())
    (tmp_path / "events.jsonl").write_text("")
    with pytest.raises(RunError, match="--resume"):
        diagnose_run(Run.load(tmp_path))
