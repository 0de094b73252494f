"""Real handwriting, through the public Reader: floors that no change may fall below.

The sets stand beside the project where it is made and in CI, and nowhere else; elsewhere these tests skip and say so.
"""

import os
from pathlib import Path

import pytest

from lab.ink import SETS, measure_ink

FOLDER = Path(__file__).parents[2] / "shared" / "ink"
# Shares read right; of strangers, shares that are unsure. A point or so below what was measured (README.md).
FLOORS = {
    "MNIST test": 0.994,
    "kensanata": 0.988,
    "hwd1000": 0.995,
    "optdigits_orig": 0.988,
    "semeion": 0.96,
    "usps": 0.988,
    "pendigits": 0.99,
    "photo_numbers": 0.8,
    "orand_car_a": 0.53,
    "omniglot": 0.65,
    "notmnist": 0.86,
}


@pytest.fixture(scope="module")
def results():
    if not all((FOLDER / name).exists() for name in SETS):
        reason = f"{FOLDER} does not hold the sets of real handwriting"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return {result.name: result for result in measure_ink(FOLDER)}


@pytest.mark.slow
@pytest.mark.parametrize("name", FLOORS)
def test_real_ink_is_read_as_well_as_it_was(results, name):
    result = results[name]
    assert (result.unsure if result.right is None else result.right) >= FLOORS[name]


@pytest.mark.slow
def test_nearly_all_real_digits_are_answered(results):
    digits = [
        result for result in results.values() if result.right is not None and result.calibration_error is not None
    ]
    answered = sum(result.count * (1 - result.unsure) for result in digits) / sum(result.count for result in digits)
    assert answered >= 0.987
