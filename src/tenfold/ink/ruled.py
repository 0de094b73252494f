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
FAINT = 0.15
# Ink that holds a stroke together.
INKED = 0.3
_MOST = 150
# Columns that vote, at least, where there are more.
_COLUMNS = 400
# A line has so many times the votes that a quarter of all places stay under: on squared paper many are lines.
_STANDS_OUT = 3
# A line has ink in this share of its columns: print has gaps between its letters.
_WHOLE = 0.8
# How often the bend of a line is looked at, each time with the runs that the last bend brought near.
_BENDS = 2
# Runs that a bend shows in.
_BENDABLE = 16


def drop_ruled_lines(ink: Ink, covers: float) -> Ink:
    """Clears ruled lines, level and upright ones, with a slope of a fifth at most; where a stroke crosses a line, the
    stroke stays. covers: the share of the picture's columns (or rows) that a line inks at least."""
    mask = ink > FAINT
    ruled = level_lines(mask, covers) | level_lines(mask.T, covers).T
    return np.where(ruled, np.float32(0), ink) if ruled.any() else ink


def level_lines(mask: Mask, covers: float) -> Mask:
    """The pixels of ruled lines that go from left to right, and ink `covers` of the columns at least.

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
    across = np.arange(width)
    for _ in range(_MOST):
        line = _best_line(columns[left], middles[left], stray, covers * width)
        if line is None:
            break
        slope, height = line
        off = middles - slope * columns - height
        near = left & (np.abs(off) <= 1.5 * stray)
        if not near.any():
            break
        path = np.asarray(slope * across + height, np.float64)
        for _ in range(_BENDS if near.sum() >= _BENDABLE else 0):
            bend = np.polyfit(columns[near], off[near], 2)
            off -= np.polyval(bend, columns)
            path += np.polyval(bend, across)
            near = left & (np.abs(off) <= 1.5 * stray)
        left &= ~near
        if not near.any() or _inked(mask, path, columns[near], stray) < _WHOLE:
            continue
        on = np.flatnonzero(near)[_on_path(off[near], (ends - tops)[near])]
        for column, top, end in zip(columns[on], tops[on], ends[on], strict=True):
            found[top:end, column] = True
    return found


def _inked(mask: Mask, path: NDArray[np.floating], columns: NDArray[np.int64], stray: float) -> float:
    """The share of the columns from the first of a line's to its last that have ink near its path."""
    between = np.arange(columns.min(), columns.max() + 1)
    rows = np.rint(path[between]).astype(int)
    reach = max(1, round(stray / 3))
    near = [mask[np.clip(rows + away, 0, len(mask) - 1), between] for away in range(-reach, reach + 1)]
    return float(np.any(near, 0).mean())


def _on_path(off: NDArray[np.float64], thickness: NDArray[np.int64]) -> Mask:
    """Which runs near a line are the line's, from left to right: a lens bends it, and a stroke comes close to it.

    off: how far each run lies below the straight line. The bent line goes where most runs nearby do.
    """
    path = ndimage.median_filter(off, max(1, len(off) // 12) | 1, mode="nearest")
    away = np.abs(off - path)
    # A blurred line is torn by the paper's noise into runs above each other.
    spread = max(2.0, 3 * float(np.median(away)), float(np.median(thickness)))
    return np.asarray((away <= spread) & (thickness <= 2 * np.median(thickness) + 1))


def _best_line(
    columns: NDArray[np.int64], middles: NDArray[np.float64], stray: float, least: float
) -> tuple[float, float] | None:
    """The slope and the height at column 0 of the line that most runs lie on, where at least `least` do."""
    if len(columns) < least:
        return None
    # Some of the columns speak for all.
    step = max(1, int(columns.max()) // _COLUMNS)
    voting = columns % step == 0
    columns, middles, least = columns[voting], middles[voting], least / step
    best, line = least, None
    for slope in _SLOPES:
        heights = (middles - slope * columns) / stray
        lowest = np.floor(heights.min())
        votes = np.bincount((heights - lowest).astype(int))
        # A line may lie on the border between two bins.
        pairs = votes[:-1] + votes[1:] if len(votes) > 1 else votes
        place = int(pairs.argmax())
        # The grain of paper lies on lines everywhere.
        if pairs[place] >= max(best, _STANDS_OUT * float(np.quantile(pairs, 0.25))):
            best, line = float(pairs[place]) + 1, (float(slope), float((place + 1 + lowest) * stray))
    return line


def runs(mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Each run of set pixels down a column: its column, its first row, and the row after its last."""
    padded = np.pad(mask.T.astype(np.int8), ((0, 0), (1, 1)))
    steps = np.diff(padded, axis=1)
    columns, tops = np.nonzero(steps == 1)
    return columns, tops, np.nonzero(steps == -1)[1]


def without_printed(ink: Ink, mask: Mask, found: Mask) -> Ink:
    """The ink without the lines that were found in its `mask`, their blurred edges and the crumbs between them. Where
    ink on both sides of a line is near, a stroke crosses it and stays whole."""
    if not found.any():
        return ink
    edges = near(found, 1)
    thick = float(np.quantile(np.minimum(run_lengths(found, 0), run_lengths(found, 1))[found], 0.75))
    labels, count = ndimage.label(mask & ~found, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    crumbs = np.zeros(count + 1, np.bool_)
    crumbs[labels[edges]] = True
    crumbs &= sizes <= (thick + 2) ** 2
    crumbs[0] = True
    written = ~crumbs[labels]
    reach = round(thick) // 2 + 1
    crossed = mask & ~near(~near(written, reach), reach)
    gone = (edges & ~mask) | (mask & ~written & ~crossed & (found | crumbs[labels]))
    return np.where(gone, np.float32(0), ink)


def run_lengths(mask: Mask, axis: int) -> NDArray[np.int32]:
    """For each set pixel the length of its run of set pixels along an axis, 0 elsewhere: int32[H,W]."""
    lines = mask.T if axis == 0 else mask
    padded = np.zeros((lines.shape[0], lines.shape[1] + 2), np.int8)
    padded[:, 1:-1] = lines
    steps = np.diff(padded, axis=1).ravel()
    starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    lengths = np.zeros(lines.shape, np.int32)
    lengths[lines] = np.repeat(stops - starts, stops - starts)
    return lengths.T if axis == 0 else lengths


def grown(mask: Mask, axis: int) -> Mask:
    """Set pixels and their two neighbors along an axis."""
    grown = mask.copy()
    if axis == 0:
        grown[1:] |= mask[:-1]
        grown[:-1] |= mask[1:]
    else:
        grown[:, 1:] |= mask[:, :-1]
        grown[:, :-1] |= mask[:, 1:]
    return grown


def near(mask: Mask, reach: int) -> Mask:
    """Pixels at most `reach` from a set one, across, down or both."""
    if reach < 1:
        return mask
    grown = mask.view(np.uint8)
    for axis in (0, 1):
        grown = ndimage.maximum_filter1d(grown, 2 * reach + 1, axis, mode="constant")
    return grown.view(np.bool_)
