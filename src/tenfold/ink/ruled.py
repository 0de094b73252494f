"""Ruled lines and squares: long, straight, thin, and not written by a hand."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tenfold.ink.image import Ink

Mask = NDArray[np.bool_]

_SLOPES = np.linspace(-0.2, 0.2, 81)
# Shares of the longer side: how thick a ruled line is at most, and how far it strays from straight.
_THICK, _STRAYS = 0.01, 0.004
# Ink that a line shows at least.
_FAINT = 0.15
_MOST = 60
# How often the bend of a line is looked at, each time with the runs that the last bend brought near.
_BENDS = 2
# Runs that a bend shows in.
_BENDABLE = 16


def drop_ruled_lines(ink: Ink, covers: float) -> Ink:
    """Clears ruled lines, level and upright ones, with a slope of a fifth at most; where a stroke crosses a line, the
    stroke stays. covers: the share of the picture's columns (or rows) that a line inks at least."""
    mask = ink > _FAINT
    ruled = _level_lines(mask, covers) | _level_lines(mask.T, covers).T
    return np.where(ruled, np.float32(0), ink) if ruled.any() else ink


def _level_lines(mask: Mask, covers: float) -> Mask:
    """The pixels of lines that go from left to right.

    Each column's thin runs of ink vote, by their middles, for the lines (slope and height) through them, as in Hough's
    transform (Duda and Hart 1972); what enough columns vote for is a line, or the middle of one that a lens bent.
    """
    width = mask.shape[1]
    thick = max(3, round(_THICK * max(mask.shape)))
    stray = max(1.5, _STRAYS * max(mask.shape))
    columns, tops, ends = runs(mask)
    thin = ends - tops <= thick
    columns, tops, ends = columns[thin], tops[thin], ends[thin]
    middles = (tops + ends - 1) / 2
    left = np.ones(len(columns), np.bool_)
    found = np.zeros(mask.shape, np.bool_)
    for _ in range(_MOST):
        line = _best_line(columns[left], middles[left], stray, covers * width)
        if line is None:
            break
        slope, height = line
        off = middles - slope * columns - height
        near = left & (np.abs(off) <= 1.5 * stray)
        if not near.any():
            break
        for _ in range(_BENDS if near.sum() >= _BENDABLE else 0):
            off -= np.polyval(np.polyfit(columns[near], off[near], 2), columns)
            near = left & (np.abs(off) <= 1.5 * stray)
        left &= ~near
        on = np.flatnonzero(near)[_on_path(off[near], (ends - tops)[near])]
        for column, top, end in zip(columns[on], tops[on], ends[on], strict=True):
            found[top:end, column] = True
    return found


def _on_path(off: NDArray[np.float64], thickness: NDArray[np.int64]) -> Mask:
    """Which runs near a line are the line's, from left to right: a lens bends it, and a stroke comes close to it.

    off: how far each run lies below the straight line. The bent line goes where most runs nearby do.
    """
    path = ndimage.median_filter(off, max(1, len(off) // 12) | 1, mode="nearest")
    away = np.abs(off - path)
    # A blurred line is torn by the paper's noise into runs above each other.
    spread = max(2.0, 3 * float(np.median(away)), float(np.median(thickness)))
    return np.asarray((away <= spread) & (thickness <= 1.5 * np.quantile(thickness, 0.9) + 1))


def _best_line(
    columns: NDArray[np.int64], middles: NDArray[np.float64], stray: float, least: float
) -> tuple[float, float] | None:
    """The slope and the height at column 0 of the line that most runs lie on, where at least `least` do."""
    if len(columns) < least:
        return None
    best, line = least, None
    for slope in _SLOPES:
        heights = (middles - slope * columns) / stray
        lowest = np.floor(heights.min())
        votes = np.bincount((heights - lowest).astype(int))
        # A line may lie on the border between two bins.
        pairs = votes[:-1] + votes[1:] if len(votes) > 1 else votes
        place = int(pairs.argmax())
        if pairs[place] >= best:
            best, line = float(pairs[place]) + 1, (float(slope), float((place + 1 + lowest) * stray))
    return line


def runs(mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Each run of set pixels down a column: its column, its first row, and the row after its last."""
    padded = np.pad(mask.T.astype(np.int8), ((0, 0), (1, 1)))
    steps = np.diff(padded, axis=1)
    columns, tops = np.nonzero(steps == 1)
    return columns, tops, np.nonzero(steps == -1)[1]
