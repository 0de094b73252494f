"""What several seeds say together: a mean with its spread, and whether a difference stands."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

# A difference stands when chance alone would bring one as large less often than this.
LEVEL = 0.05
# Differences of shares that are nearer than this to one another are the same, but for rounding.
NO_SPREAD = 1e-9


@dataclass(frozen=True)
class Spread:
    """Of n values: mean, standard deviation (of a sample, n - 1), least, most, and the mean's 95 % interval.

    The interval is Student's t, which holds for few values; with one value there is neither deviation nor interval.
    """

    n: int
    mean: float
    sd: float | None
    least: float
    most: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Difference:
    """Of n pairs: the mean difference, its 95 % interval, and the p value of Student's paired t test, two-sided.

    stands: whether p is under 0.05; None where one pair alone can't tell. interval: None where there is no spread.
    """

    n: int
    mean: float
    interval: tuple[float, float] | None
    p: float | None
    stands: bool | None


def spread(values: Sequence[float]) -> Spread:
    """The spread of one or more values."""
    array = np.asarray(values, np.float64)
    least, most = float(array.min()), float(array.max())
    if len(array) == 1:
        return Spread(1, float(array[0]), None, least, most, None)
    return Spread(len(array), float(array.mean()), float(array.std(ddof=1)), least, most, _interval(array))


def paired(after: Sequence[float], before: Sequence[float]) -> Difference:
    """after minus before, value by value: both must be of the same seeds, in the same order.

    Pairs share split, order of images and first weights where the network is the same, so what these do to both
    drops out, and fewer seeds are enough: Student (1908), "The probable error of a mean". Where all differences are the
    same, their spread says nothing, and p is the sign test's.
    """
    array = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    n, mean = len(array), float(array.mean())
    if n == 1:
        return Difference(1, mean, None, None, None)
    if array.std() < NO_SPREAD:
        p = 1.0 if abs(mean) < NO_SPREAD else 2.0 ** (1 - n)
        return Difference(n, mean, None, p, p < LEVEL)
    p = float(stats.ttest_1samp(array, 0).pvalue)
    return Difference(n, mean, _interval(array), p, p < LEVEL)


def holm(values: Sequence[float]) -> list[float]:
    """p values of several tests, each raised so that under 0.05 means: one such by luck in twenty *families* of tests.

    Holm (1979), "A simple sequentially rejective multiple test procedure".
    """
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = highest
    return adjusted


def _interval(array: np.ndarray) -> tuple[float, float]:
    half = float(stats.t.ppf(0.975, len(array) - 1) * array.std(ddof=1) / len(array) ** 0.5)
    return float(array.mean()) - half, float(array.mean()) + half
