"""Robustness that is measured on images nobody could read, or on images left as they were, says nothing."""

import numpy as np
import pytest

from lab.corruptions import CORRUPTIONS, corrupt
from lab.robustness import measure_robustness
from tenfold.evaluation.calibration import choose_threshold, fit_temperature, risk_coverage
from tenfold.reading.reader import Reader


def test_there_are_the_fifteen_of_mnist_c():
    assert len(CORRUPTIONS) == 15


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_corruption_spoils_and_is_the_same_for_the_same_seed(name, mnist):
    images = np.array(mnist.test_images[:64])
    corrupted = corrupt(name, images, 0)
    assert corrupted.shape == images.shape
    assert corrupted.dtype == np.uint8
    assert np.array_equal(corrupted, corrupt(name, images, 0))
    changed = np.abs(corrupted.astype(int) - images).mean((1, 2))
    assert (changed > 0.2).all()
    assert changed.mean() > 2
    # Not beyond reading: what is left still goes with what was there.
    if name not in ("canny edges", "stripe", "translate", "scale", "rotate", "shear"):
        kept = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(images, corrupted, strict=True)]
        assert np.mean(kept) > 0.4


def test_robustness_is_reported_for_each_and_for_clean_images():
    results = measure_robustness(Reader(), images=100)
    assert [result.name for result in results] == ["none", *CORRUPTIONS]
    assert results[0].error <= min(0.05, max(result.error for result in results))


def test_temperature_undoes_what_was_overstated():
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (20_000, 10)).astype(np.float32)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (shares.cumsum(1) > generator.random((20_000, 1))).argmax(1)
    assert fit_temperature(logits * 3, labels) == pytest.approx(3, rel=0.05)
    assert fit_temperature(logits * 0.4, labels) == pytest.approx(0.4, rel=0.05)


def test_the_threshold_answers_the_share_that_it_was_asked_for():
    digits, non_digits = np.linspace(0, 1, 1001, dtype=np.float32), np.linspace(0, 1, 11, dtype=np.float32)
    assert (digits >= choose_threshold(digits, non_digits, 0.9)).mean() == pytest.approx(0.9, abs=0.01)
    # Where all non-digits are distinguished already, no digit is given up for nothing.
    assert choose_threshold(digits, non_digits * 0.02, 0.9) == pytest.approx(0.02)


def test_risk_grows_with_coverage_when_confidence_means_something():
    confidences = np.array([0.9, 0.8, 0.7, 0.6])
    coverage, risk = risk_coverage(confidences, np.array([True, True, True, False]))
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert risk.tolist() == [0, 0, 0, 0.25]
