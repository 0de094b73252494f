"""TenfoldClassifier passes every check that scikit-learn has for classifiers, with its defaults."""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from tenfold import TenfoldClassifier

# The one check left out is of arrays that are not NumPy's, which the estimator's tags say that it does not take.
CHECKS = [
    (estimator, check)
    for estimator, check in estimator_checks_generator(TenfoldClassifier())
    if check.func.__name__ != "check_array_api_input"
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=[check.func.__name__ for _, check in CHECKS])
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_check(estimator, check):
    check(estimator)


def test_nothing_but_that_is_left_out():
    names = [check.func.__name__ for _, check in estimator_checks_generator(TenfoldClassifier())]
    assert len(CHECKS) == len(names) - 1 >= 50
    assert not TenfoldClassifier().__sklearn_tags__().array_api_support
