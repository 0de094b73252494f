"""Statistics over seeds: mean, spread, paired tests and adjusted p values; and how tables show them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit  # scipy.stats has the same, and takes half a second to import.

# Significance level.
SIGNIFICANCE = 0.05
# Differences between accuracies that vary by less than this are equal up to rounding.
NO_SPREAD = 1e-9


@dataclass(frozen=True)
class Spread:
    """Of n values: mean, sample standard deviation (n - 1), minimum, maximum, and the 95 % interval of the mean.

    The interval uses Student's t; a single value has no standard deviation and no interval.
    """

    n: int
    mean: float
    sd: float | None
    least: float
    most: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Difference:
    """Of n pairs: mean difference, its 95 % interval, and the two-sided p value of Student's paired t test.

    stands: whether p is below 0.05; None for a single pair. interval: None if all differences are equal.
    """

    n: int
    mean: float
    interval: tuple[float, float] | None
    p: float | None
    stands: bool | None


def spread(values: Sequence[float]) -> Spread:
    """Summarizes one or more values."""
    array = np.asarray(values, np.float64)
    least, most = float(array.min()), float(array.max())
    if len(array) == 1:
        return Spread(1, float(array[0]), None, least, most, None)
    return Spread(len(array), float(array.mean()), float(array.std(ddof=1)), least, most, _interval(array))


def paired(after: Sequence[float], before: Sequence[float]) -> Difference:
    """Compares after with before, pair by pair: both are results of the same seeds, in the same order.

    Pairs share the split, the order of images and (for the same network) the initial weights, so their effects cancel
    and fewer seeds suffice: Student (1908), "The probable error of a mean". If all differences are equal, p is that of
    the sign test.
    """
    array = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    n, mean = len(array), float(array.mean())
    if n == 1:
        return Difference(1, mean, None, None, None)
    if array.std() < NO_SPREAD:
        p = 1.0 if abs(mean) < NO_SPREAD else 2.0 ** (1 - n)
        return Difference(n, mean, None, p, p < SIGNIFICANCE)
    standard_error = array.std(ddof=1) / len(array) ** 0.5
    p = float(2 * stdtr(len(array) - 1, -abs(array.mean() / standard_error)))
    return Difference(n, mean, _interval(array), p, p < SIGNIFICANCE)


def holm(values: Sequence[float]) -> list[float]:
    """Adjusts the p values of several tests, so that 0.05 bounds the probability of any false positive among them.

    Holm (1979), "A simple sequentially rejective multiple test procedure".
    """
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = highest
    return adjusted


def _interval(array: np.ndarray) -> tuple[float, float]:
    half = float(stdtrit(len(array) - 1, 0.975) * array.std(ddof=1) / len(array) ** 0.5)
    return float(array.mean()) - half, float(array.mean()) + half


def significant(value: float, digits: int = 3) -> str:
    """`12,400`, `5.41`, `0.0371`: rounded to so many significant digits, without an exponent."""
    if value == 0:
        return "0"
    places = digits - 1 - int(f"{value:e}".rpartition("e")[2])
    return f"{round(value, places):,.{max(0, places)}f}"


def percent(spread: Spread | None) -> str:
    """`97.63 ± 0.15`: mean and standard deviation of a share, in percent."""
    if spread is None:
        return ""
    return f"{100 * spread.mean:.2f}" + ("" if spread.sd is None else f" ± {100 * spread.sd:.2f}")
