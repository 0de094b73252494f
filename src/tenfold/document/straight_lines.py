"""Straight lines through the places where the rows of a picture have steep steps."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Slopes that are tried, up to 31 degrees either way.
STEEPEST = 0.6
_SLOPES = np.linspace(-STEEPEST, STEEPEST, 61)
# Pixels that places lie off a line at most.
_ON_LINE = 2.0
# A place votes with its step, up to this.
_LOUDEST = 0.5


def find_straight_lines(
    steps: NDArray[np.floating[Any]], least: float, shortest: float, most: int
) -> list[tuple[float, float]]:
    """Lines x = start + slope * y, the one with most votes first (Hough 1962): (start, slope) of each.

    steps: float32[H,W-3], between the pixels x - 1 and x at column x - 2. least: the step of a place that votes.
    shortest: places that a line has at least. most: number of lines.
    """
    height, width = steps.shape
    inner = steps[:, 1:-1]
    y, x = np.nonzero((inner >= least) & (inner >= steps[:, :-2]) & (inner > steps[:, 2:]))
    weights = np.minimum(inner[y, x], _LOUDEST).astype(np.float64)
    # From the middle row, so that start and slope are found apart.
    across, down = x + 3.0, y + 0.5 - height / 2
    reach = int(STEEPEST * height / 2) + 3
    bins = width + 2 * reach + 4

    def votes_of(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        count = len(_SLOPES)
        places = across[chosen] - _SLOPES[:, None] * down[chosen] + reach
        rows = np.arange(count)[:, None] * bins + places.astype(np.intp)
        counted = np.bincount(rows.ravel(), np.tile(weights[chosen], count), count * bins)
        votes = np.asarray(counted, np.float64).reshape(count, bins)
        votes[:, 1:-1] = votes[:, :-2] + votes[:, 1:-1] + votes[:, 2:]
        return votes

    lines: list[tuple[float, float]] = []
    left = np.ones(len(x), np.bool_)
    votes = votes_of(left)
    while len(lines) < most and votes.max() >= least * shortest:
        row, column = divmod(int(votes.argmax()), bins)
        start, slope = column + 0.5 - reach, float(_SLOPES[row])
        taken = left & (np.abs(across - slope * down - start) <= _ON_LINE)
        if not taken.any():
            break
        for _ in range(3):
            near = left & (np.abs(across - slope * down - start) <= _ON_LINE)
            start, slope = _fit(down[near], across[near], weights[near], start, slope)
        taken |= left & (np.abs(across - slope * down - start) <= _ON_LINE + 1)
        lines.append((start - slope * height / 2, slope))
        votes -= votes_of(taken)
        left &= ~taken
    return lines


def _fit(
    t: NDArray[np.float64], x: NDArray[np.float64], weights: NDArray[np.float64], start: float, slope: float
) -> tuple[float, float]:
    """The line x = start + slope * t nearest to points by weighted least squares; the line given if they are a spot."""
    total = weights.sum()
    if total == 0:
        return start, slope
    t_mean, x_mean = (weights @ t) / total, (weights @ x) / total
    spread = weights @ (t - t_mean) ** 2
    if spread < total:  # Within a row or two.
        return start, slope
    slope = float(weights @ ((t - t_mean) * (x - x_mean)) / spread)
    return float(x_mean - slope * t_mean), slope
