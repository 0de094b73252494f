"""What several seeds say together: a mean with its spread, and whether a difference stands."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

# A difference stands when chance alone would bring one as large less often than this.
LEVEL = 0.05


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

    stands: whether p is under 0.05; None where one pair alone can't tell.
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
    drops out, and fewer seeds are enough: Student (1908), "The probable error of a mean".
    """
    array = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    mean = float(array.mean())
    if len(array) == 1:
        return Difference(1, mean, None, None, None)
    if not array.std():
        return Difference(len(array), mean, (mean, mean), float(mean == 0), mean != 0)
    p = float(stats.ttest_1samp(array, 0).pvalue)
    return Difference(len(array), mean, _interval(array), p, p < LEVEL)


def _interval(array: np.ndarray) -> tuple[float, float]:
    half = float(stats.t.ppf(0.975, len(array) - 1) * array.std(ddof=1) / len(array) ** 0.5)
    return float(array.mean()) - half, float(array.mean()) + half
