"""A page's ink -> its lines of writing, each the components of ink that belong to it."""

from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tenfold.document.frames import find_writing_size
from tenfold.ink.image import Ink
from tenfold.ink.ruled import INKED, near

# This share of a component is darker than this at least: faint dirt has few dark places.
_DARK_SHARE, _DARK = 0.2, 0.55
# Pixels that writing is high, at least: smaller digits are blots.
_SMALLEST = 8
# Pixels from a picture's edge, and the share of its longer side, within which what runs along the edge is no writing.
_EDGE, _RIM = 2, 0.012
# As shares of the writing's height: components that make a line are as high as this at least and at most, and marks,
# bars and broken strokes are this large at least.
_LOWEST, _HIGHEST, _MARK = 0.45, 3.2, 0.09
# The middles of a line's neighbors differ by less than this, of the higher one.
_LEVEL = 0.6
# Half the gap that a thin pen leaves in a stroke, or a line that was removed.
_BROKEN = 0.025
# Parts of a digit above one another: as high or wide as this at least, and no further apart.
_PART, _APART = 0.2, 0.25
# More components than this are not joined: every two of them would be compared.
_PARTS = 600
# What is higher than this and held together by such gaps alone is more than one line.
_ONE_LINE = 1.4
# Components of one line differ in height by no more than this factor.
_TALLER = 2.6
# Lines whose middles are nearer to each other than this are one.
_SAME = 0.4
# The most components of a page's lines: more are texture. The most marks, the largest.
_MOST, _MARKS = 4000, 400
# Marks stand this far above, below, before and after their line.
_OUTSIDE, _AFTER = 0.4, 1.6


@dataclass(frozen=True)
class TextLine:
    """A line of writing. box: left, top, right, bottom of its ink, in pixels of the page. ink: float32[H,W] of the
    box's size, without the ink of other lines. height: of its digits, about."""

    box: tuple[int, int, int, int]
    ink: Ink
    height: float


@dataclass(frozen=True)
class _Components:
    labels: NDArray[np.int32]
    boxes: NDArray[np.int64]  # int[n,4]: left, top, right, bottom
    numbers: NDArray[np.int64]  # int[n], their labels

    @property
    def heights(self) -> NDArray[np.int64]:
        return self.boxes[:, 3] - self.boxes[:, 1]

    @property
    def widths(self) -> NDArray[np.int64]:
        return self.boxes[:, 2] - self.boxes[:, 0]

    @property
    def middles(self) -> NDArray[np.float64]:
        return (self.boxes[:, 1] + self.boxes[:, 3]) / 2


def find_lines(ink: Ink, edge: NDArray[np.float32]) -> list[TextLine]:
    """The lines of writing from top to bottom; writing is level, or nearly.

    edge: float32[H,W], how far each pixel is from the edge of the picture, in pixels.
    """
    height, _ = find_writing_size(ink > INKED)
    if height < _SMALLEST:
        return []
    found = _components(ink, height)
    heights, widths = found.heights, found.widths
    whole = (heights >= _LOWEST * height) & (heights <= _HIGHEST * height) & ~_at_edge(found, height, edge)
    if whole.sum() > _MOST:
        return []
    lines = _merged(found, _chains(found, np.flatnonzero(whole)))
    if not lines:
        return []
    small = ~whole & (heights < _LOWEST * height) & (np.maximum(heights, widths) >= _MARK * height)
    members = [list(line) for line in lines]
    marks = np.flatnonzero(small & (widths <= 3 * height))
    marks = marks[np.argsort(-(heights * widths)[marks], kind="stable")[:_MARKS]]
    extents = np.array([[*found.boxes[line, :2].min(0), *found.boxes[line, 2:].max(0)] for line in lines])
    for mark in marks.tolist():
        if (nearest := _nearest(found, lines, extents, mark)) is not None:
            members[nearest].append(mark)
    texts = [_text_line(found, line, ink) for line in members]
    return sorted(texts, key=lambda line: (line.box[1] + line.box[3]) / 2)


def _components(ink: Ink, height: float) -> _Components:
    """The components of ink. Parts of a broken digit are one component, but not digits of different lines."""
    mask = ink > INKED
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    groups, _ = ndimage.label(near(mask, round(_BROKEN * height)), np.ones((3, 3)))
    places = ndimage.find_objects(groups)
    tall = np.array([True, *(rows.stop - rows.start > _ONE_LINE * height for rows, _ in places)])
    # Each component takes the number of its group, those of tall groups their own.
    group = np.zeros(count + 1, np.int64)
    group[labels[mask]] = groups[mask]
    numbers = np.where(tall[group], group.size + np.arange(count + 1), group)
    _, numbers = np.unique(numbers[1:], return_inverse=True)
    labels = np.concatenate([[0], numbers + 1])[labels]
    labels = _joined(labels, height)[labels]
    sizes = np.bincount(labels.ravel())
    dark = np.bincount(labels[ink > _DARK], minlength=len(sizes)) > _DARK_SHARE * sizes
    boxes = _boxes(labels)
    keep = dark[1:]
    return _Components(labels, boxes[keep], np.flatnonzero(keep) + 1)


def _joined(labels: NDArray[np.int64], height: float) -> NDArray[np.int64]:
    """The new number of each component: parts of a digit above one another get one. They are near, most of the narrower
    one is above or below the other, and both together are no higher than a digit."""
    boxes = _boxes(labels)
    owner = np.arange(len(boxes))
    order = np.argsort(boxes[:, 0], kind="stable")
    large = order[(boxes[order, 2:] - boxes[order, :2]).max(1) >= _PART * height]
    if len(large) > _PARTS:
        large = large[:0]
    for at, second in enumerate(large.tolist()):
        left, top, right, bottom = boxes[second]
        # Those that begin to the left of it, and end to the right of where it begins.
        before = large[:at]
        before = before[boxes[before, 2] > left]
        for first in before.tolist():
            x0, y0, x1, y1 = boxes[owner[first]]
            lap = min(x1, right) - max(x0, left)
            gap = max(y0, top) - min(y1, bottom)
            tall = max(y1, bottom) - min(y0, top)
            if lap > 0.5 * min(x1 - x0, right - left) and 0 <= gap <= _APART * height and tall <= 1.25 * height:
                boxes[owner[first]] = min(x0, left), min(y0, top), max(x1, right), max(y1, bottom)
                owner[owner == owner[second]] = owner[first]
                break
    _, numbers = np.unique(owner, return_inverse=True)
    return np.concatenate([[0], numbers + 1])


def _boxes(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    places = ndimage.find_objects(labels)
    return np.array([(c.start, r.start, c.stop, r.stop) for r, c in places], np.int64).reshape(-1, 4)


def _at_edge(found: _Components, height: float, edge: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which components are at the picture's edge, and longer along it than a digit is: no writing."""
    close = height > 0.25 * min(edge.shape)  # Cut close around the writing.
    rim = _EDGE if close else max(_EDGE, _RIM * max(edge.shape))
    labels, count = found.labels, int(found.labels.max()) + 1
    touching = np.bincount(labels[edge < _EDGE], minlength=count)[found.numbers] > 0
    sizes = np.bincount(labels.ravel(), minlength=count)[found.numbers]
    along = np.bincount(labels[edge < rim], minlength=count)[found.numbers] > 0.7 * sizes
    longest, shortest = np.maximum(found.heights, found.widths), np.minimum(found.heights, found.widths)
    thin = along & (longest > 4 * shortest)
    return thin | touching & ((found.heights > 2.2 * height) if close else (longest > 1.5 * height))


def _chains(found: _Components, whole: NDArray[np.int64]) -> list[list[int]]:
    """Components side by side, from left to right: a line may rise or fall."""
    chains: list[list[int]] = []
    # Of the last three of each chain: the median height, the greatest, and the mean of the middles.
    ends: list[tuple[float, float, float]] = []
    heights, middles = found.heights.tolist(), found.middles.tolist()
    for index in whole[np.argsort(found.boxes[whole, 0], kind="stable")].tolist():
        height, middle = heights[index], middles[index]
        best, nearest = _LEVEL, -1
        for number, (usual, greatest, level) in enumerate(ends):
            away = abs(middle - level) / max(height, greatest)
            if away < best and 1 / _TALLER < height / usual < _TALLER:
                best, nearest = away, number
        if nearest < 0:
            chains.append([])
            ends.append((0, 0, 0))
        chains[nearest].append(index)
        last = chains[nearest][-3:]
        tall = [heights[other] for other in last]
        ends[nearest] = median(tall), max(tall), sum(middles[other] for other in last) / len(last)
    return chains


def _merged(found: _Components, chains: list[list[int]]) -> list[list[int]]:
    """Chains at one height are one line: print and writing next to each other, say."""
    lines: list[list[int]] = []
    for chain in sorted(chains, key=lambda chain: float(np.median(found.middles[chain]))):
        middle, height = float(np.median(found.middles[chain])), float(np.median(found.heights[chain]))
        if lines:
            last = lines[-1]
            away = middle - float(np.median(found.middles[last]))
            if away < _SAME * min(height, float(np.median(found.heights[last]))):
                lines[-1] = last + chain
                continue
        lines.append(chain)
    return lines


def _nearest(found: _Components, lines: list[list[int]], extents: NDArray[np.int64], mark: int) -> int | None:
    """The line that a small component belongs to: that whose writing next to it is at its height."""
    left, top, right, bottom = found.boxes[mark]
    best, nearest = np.inf, None
    tall = extents[:, 3] - extents[:, 1]
    reachable = (top - extents[:, 3] < tall) & (extents[:, 1] - bottom < tall)
    for number in np.flatnonzero(reachable).tolist():
        boxes = found.boxes[lines[number]]
        away = np.maximum(np.maximum(boxes[:, 0] - right, left - boxes[:, 2]), 0)
        beside = boxes[away <= max(away.min(), 1) * 1.5]
        height = float(np.median(boxes[:, 3] - boxes[:, 1]))
        above, below = beside[:, 1].min() - bottom, top - beside[:, 3].max()
        distance = max(float(away.min()), 0.0) + 2 * max(above, below, 0)
        if away.min() <= _AFTER * height and max(above, below) <= _OUTSIDE * height and distance < best:
            best, nearest = distance, number
    return nearest


def _text_line(found: _Components, members: list[int], ink: Ink) -> TextLine:
    boxes = found.boxes[members]
    (left, top), (right, bottom) = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    part = found.labels[top:bottom, left:right]
    own = np.zeros(int(found.labels.max()) + 1, np.bool_)
    own[found.numbers[members]] = True
    # With the faint edges of its strokes.
    near = ndimage.binary_dilation(own[part], np.ones((3, 3)))
    others = (part > 0) & ~own[part]
    line = np.where(near & ~others, ink[top:bottom, left:right], np.float32(0))
    whole = boxes[:, 3] - boxes[:, 1]
    return TextLine(
        (int(left), int(top), int(right), int(bottom)), line, float(np.median(whole[whole >= 0.5 * whole.max()]))
    )
