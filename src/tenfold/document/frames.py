"""Printed frames and ruled lines: boxes, combs, tables, underlines, squared paper; found as structure and removed.

What is printed is long, straight and thin. A pixel belongs to a line where the run of ink along the line is long, and
the run across it short: where a stroke of a digit crosses, the run across is long, and the stroke stays.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tenfold.ink.image import Ink
from tenfold.ink.page import ink_level
from tenfold.ink.ruled import FAINT, INKED, Mask, grown, level_lines, near, run_lengths, without_printed

# What a ruled line inks of the page's width or height at least.
_RULED = 0.6
# Lengths below are shares of the writing's height. A line that meets another is longer than the first, any other longer
# than the second; the bar of a 7 is shorter.
_LONG, _LONGER = 1.7, 3.2
# A line is thinner than this.
_THIN = 0.2
# Sides of boxes, and what digits that touch them leave of them, or ticks of combs, are longer than these.
_SIDES = 0.5, 0.16
# A side is not wider than it is thick by more than this share of its height, and a pixel.
_CROOKED = 0.1
# Ends of a side are this near to the line that it meets.
_MEETS = 0.12
# A side is no thicker than this, compared with the line that it meets, and a pixel.
_THICKER = 1.5
# More short upright lines than this are the grain of paper, or print.
_PIECES = 1000
# Upright lines from one level line to another are sides, even alone, if they are longer than any digit.
_TALL = 1.4
# Cells are no narrower than this. Places are off a cell's border by this share of it at most; and of the borders of
# n cells, n + 1, so many must have a side that (sides squared) / (n + 1) reaches the last number.
_NARROW, _OFF, _REGULAR = 0.55, 0.1, 1.3
# A box shows ink along this share of each of its four sides, within this share of its size from the edge.
_COVERED, _BAND = 0.85, 0.14
# A side of a box is this long at least, compared with the longest run of ink in its direction.
_LINE = 0.8
# Beyond a box, by this share of its size, this share of a side has ink at most: digits that reach out of it.
_OUTSIDE, _BEYOND_INK = 0.04, 0.35
# Components that are not lines, and not at the edge, are the writing if they hold this share of all ink.
_MOST = 0.2
# More components are a texture: a meadow, a wall. The grain of rough paper has 13,000.
_TEXTURE = 18_000
# Components with less than this share of the ink of the largest are specks: the grain of paper has thousands.
_SPECK = 0.01
# No digit is higher than this, compared with the others.
_TALLEST = 2.6
# A ruled line is longer than this.
_BEYOND = 1.4


def remove_frames(ink: Ink) -> Ink:
    """Clears printed frames and ruled lines that are level or upright, or nearly: float32[H,W] -> the same shape."""
    mask = ink > FAINT
    level, upright = level_lines(mask, _RULED), level_lines(mask.T, _RULED).T
    height, _ = find_writing_size(mask & ~level & ~upright)
    if height == 0:
        return ink
    # Where writing fills the picture, a 1 reaches as far as a ruled line would.
    if _RULED * mask.shape[1] < _BEYOND * height:
        level = level_lines(mask, _BEYOND * height / mask.shape[1])
    if _RULED * mask.shape[0] < _BEYOND * height:
        upright = level_lines(mask.T, _BEYOND * height / mask.shape[0]).T
    # Ruled lines may be fainter than frames.
    dark = ink > INKED
    box_level, box_upright = find_boxes(dark, height)
    level, upright = find_long_lines(dark & ~level & ~upright, level, upright, height)
    level |= box_level
    found = level | upright | box_upright | find_sides(dark & ~level & ~upright, level, height)
    if not found.any():
        return ink
    found |= near(found, 1) & mask & ~dark
    written = without_printed(ink, mask, found)
    # Lines may be darker than what is written on them.
    return np.asarray(np.clip(written / max(ink_level(written), FAINT), 0, 1), np.float32)


def find_writing_size(mask: Mask) -> tuple[float, Mask]:
    """The height that half of the writing's components reach, each weighted by its ink, in pixels; and the
    writing, bool[H,W]: components that are neither long and thin nor, if there are others, cut off by the edge. 0 and
    nothing without ink and in a texture."""
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    if not 0 < count <= _TEXTURE:
        return 0.0, np.zeros_like(mask)
    boxes = ndimage.find_objects(labels)
    edges = np.array([(r.start, r.stop, c.start, c.stop) for r, c in boxes])
    heights, widths = edges[:, 1] - edges[:, 0], edges[:, 3] - edges[:, 2]
    masses = np.bincount(labels.ravel(), minlength=count + 1)[1:].astype(float)
    # A component of lines is nearly empty.
    line = (masses < 0.06 * heights * widths) | (heights > 0.9 * mask.shape[0])
    line |= (widths > 12 * heights) | (heights > 6 * widths + 20)
    at_edge = (edges == [0, mask.shape[0], 0, mask.shape[1]]).any(1)
    choices = (~line & ~at_edge, ~line)
    use = next((use for use in choices if masses[use].sum() > _MOST * masses.sum()), np.ones(count, np.bool_))
    use &= masses >= _SPECK * masses[use].max()
    order = np.argsort(heights[use], kind="stable")
    reached = np.searchsorted(np.cumsum(masses[use][order]), masses[use].sum() / 2)
    height = float(heights[use][order][reached])
    written = np.concatenate([[False], use & (heights <= _TALLEST * height)])
    return height, written[labels]


def find_long_lines(mask: Mask, level: Mask, upright: Mask, height: float) -> tuple[Mask, Mask]:
    """The pixels of long level lines, and of long upright ones: bool[H,W] each.

    mask: ink without the ruled lines `level` and `upright`, which are among what is returned.
    """
    long, thin = _LONG * height, max(3.0, _THIN * height)
    # A line that is not quite level continues in the next row.
    along, down = run_lengths(grown(mask, 0), 1), run_lengths(grown(mask, 1), 0)
    across = _of_one_thickness(mask & (along >= long), run_lengths(mask, 0), thin)
    vertical = _of_one_thickness(mask & (down >= long), run_lengths(mask, 1), thin)
    # Of writing of two sizes, strokes of the larger may be long: a line is longer still, or meets another.
    longest, reach = _LONGER * height, max(2, round(_MEETS * height))
    level = level | across & (along >= longest)
    upright = upright | vertical & (down >= longest)
    level |= _meeting(across, near(upright, reach))
    upright |= _meeting(vertical, near(level, reach))
    # Where lines cross, runs are long both ways.
    reach = round(thin)
    crossing = mask & (along >= long) & (down >= long) & near(level, reach) & near(upright, reach)
    return level | crossing, upright | crossing


def _meeting(lines: Mask, places: Mask) -> Mask:
    """Those of the lines that go to one of the places."""
    labels, count = ndimage.label(lines, np.ones((3, 3)))
    met = np.bincount(labels[places], minlength=count + 1) > 0
    return np.asarray(lines & met[labels])


def _of_one_thickness(line: Mask, thickness: NDArray[np.int32], thin: float) -> Mask:
    """The pixels of lines where they are not much thicker than usual: there, a stroke lies on the line."""
    line = line & (thickness <= thin)
    labels, count = ndimage.label(line, np.ones((3, 3)))
    usual = ndimage.median(thickness, labels, np.arange(count + 1)) if count else np.zeros(1)
    usual[0] = 0
    return np.asarray(line & (thickness <= 2 * usual[labels] + 1))


def find_sides(mask: Mask, level: Mask, height: float) -> Mask:
    """The sides of joined boxes and the ticks of combs: short upright lines that meet a level one, at equal distances
    between its ends; and longer ones from line to line: bool[H,W].

    mask: ink without the lines. level: the level lines.
    """
    found = np.zeros_like(mask)
    if not level.any():
        return found
    thin, meets = max(3.0, _THIN * height), max(2, round(_MEETS * height))
    pieces = _upright_pieces(mask, thin, _SIDES[0] * height)
    rest = mask.copy()
    for place, own in pieces:
        rest[place] &= ~own
    pieces += _upright_pieces(rest, thin, _SIDES[1] * height)
    if not 0 < len(pieces) <= _PIECES:
        return found
    joined = np.pad(level, ((0, 0), (round(height),) * 2)).view(np.uint8)
    # A closing by a box, axis by axis.
    for spread in (ndimage.maximum_filter1d, ndimage.minimum_filter1d):
        for axis, size in enumerate((3, round(height) | 1)):
            joined = spread(joined, size, axis, mode="constant")
    lines, count = ndimage.label(joined[:, round(height) : -round(height)], np.ones((3, 3)))
    ends = ndimage.find_objects(lines)
    widths = np.array([1] + [columns.stop - columns.start for _, columns in ends])
    thickness = np.bincount(lines[level], minlength=count + 1) / widths
    met: dict[int, list[int]] = {line: [] for line in range(1, count + 1)}
    between: set[int] = set()
    for index, ((rows, columns), own) in enumerate(pieces):
        # At the end of a line, the corner is no part of it.
        beside = slice(max(0, columns.start - meets), columns.stop + meets)
        above = lines[max(0, rows.start - meets) : rows.start + meets, beside]
        below = lines[max(0, rows.stop - meets) : rows.stop + meets, beside]
        # A side is about as thick as the line.
        pen = own.sum() / (rows.stop - rows.start)
        as_thick = pen <= _THICKER * thickness + 1
        at_top, at_bottom = (np.unique(end[(end > 0) & as_thick[end]]) for end in (above, below))
        for line in {*at_top.tolist(), *at_bottom.tolist()}:
            met[line].append(index)
        if len(at_top) and len(at_bottom):
            between.add(index)
            if rows.stop - rows.start > _TALL * height:
                found[rows, columns] |= own
    for line, indices in met.items():
        columns = ends[line - 1][1]
        # A 1 on the line of a comb is higher than its ticks.
        talls = {index: pieces[index][0][0].stop - pieces[index][0][0].start for index in indices}
        usual = float(np.median(list(talls.values()))) if talls else 0.0
        indices = [index for index in indices if index in between or talls[index] <= 2 * usual]
        middles = [(pieces[index][0][1].start + pieces[index][0][1].stop) / 2 for index in indices]
        for index, regular in zip(indices, regular_places(columns.start, columns.stop, middles, height), strict=True):
            if regular:
                place, own = pieces[index]
                found[place] |= own
    return found


def _upright_pieces(mask: Mask, thin: float, least: float) -> list[tuple[tuple[slice, slice], Mask]]:
    """Straight upright pieces of ink that are `least` long, each its place and which pixels of it are its own."""
    long = run_lengths(grown(mask, 1), 0) >= least
    labels, _ = ndimage.label(mask & long & (run_lengths(mask, 1) <= thin), np.ones((3, 3)))
    pieces = []
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        tall, wide = (side.stop - side.start for side in place)
        own = labels[place] == number
        if tall >= least and wide <= own.sum() / tall + _CROOKED * tall + 1:
            pieces.append((place, own))
    return pieces


def regular_places(start: float, stop: float, middles: Sequence[float], height: float) -> list[bool]:
    """Which places on a level line divide it into equal cells: the number of cells is that at whose borders most places
    are, for the borders that there are. A 1 between the lines is at no border."""
    places = np.array(middles)
    best, chosen = 0.0, np.zeros(len(places), np.bool_)
    for cells in range(1, int((stop - start) / (_NARROW * height)) + 1):
        pitch = (stop - start) / cells
        cell = (places - start) / pitch
        close = np.abs(cell - np.rint(cell)) <= max(_OFF, 3 / pitch)
        borders = len(np.unique(np.rint(cell[close])))
        score = borders * borders / (cells + 1)
        if score > best:
            best, chosen = score, close
    return [bool(value) for value in chosen] if best >= _REGULAR else [False] * len(places)


def find_boxes(mask: Mask, height: float) -> tuple[Mask, Mask]:
    """The level and the upright sides of boxes that stand alone, around a digit: bool[H,W] each."""
    level, upright = np.zeros_like(mask), np.zeros_like(mask)
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    least = max(10, 0.5 * height)
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        rows, columns = place
        tall, wide = rows.stop - rows.start, columns.stop - columns.start
        if min(tall, wide) < least or max(tall, wide) > 20 * min(tall, wide):
            continue
        own = labels[place] == number
        views = (own, own[::-1], own.T, own.T[::-1])
        boxes = [_between_lines(view) for view in views]
        if min(own[boxes[0]].shape) >= least and all(map(_is_side, views, boxes)):
            across, down = level[place], upright[place]
            for view, box, out in zip(views, boxes, (across, across[::-1], down.T, down.T[::-1]), strict=True):
                _mark_side(view[box], out[box])
    return level, upright


def _between_lines(view: Mask) -> tuple[slice, slice]:
    """The rows and columns from the first to the last that are a line: a digit may reach beyond its box."""
    slices = []
    for axis in (1, 0):
        longest = run_lengths(grown(view, 1 - axis), axis).max(axis)
        lines = np.flatnonzero(longest >= _LINE * longest.max())
        slices.append(slice(int(lines[0]), int(lines[-1]) + 1))
    return slices[0], slices[1]


def _is_side(view: Mask, box: tuple[slice, slice]) -> bool:
    """Whether there is ink near the first rows of a box in nearly all columns, and beyond them in few; and not at both
    ends, as of a ruled line."""
    rows, columns = box
    reach = [max(1, round(_OUTSIDE * (side.stop - side.start))) for side in box]
    band = slice(rows.start, rows.start + max(2, round(_BAND * (rows.stop - rows.start))))
    covered = view[band, columns].any(0).mean()
    above, left, right = rows.start - reach[0], columns.start - reach[1], columns.stop - 1 + reach[1]
    beyond = above >= 0 and view[above, columns].mean() > _BEYOND_INK
    through = left >= 0 and right < view.shape[1] and view[band, left].any() and view[band, right].any()
    return bool(covered >= _COVERED and not beyond and not through)


def _mark_side(side: Mask, out: Mask) -> None:
    """Marks the first run of ink of each column, as far as the line is thick."""
    band = max(2, round(_BAND * len(side)))
    first = side.argmax(0)
    rows = np.arange(len(side))[:, None]
    gap = ~side & (rows >= first)
    thickness = np.where(gap.any(0), gap.argmax(0), len(side)) - first
    starts = first < band
    # Where a digit lies on the line, the run is longer.
    usual = float(np.quantile(thickness[starts & side.any(0)], 0.25, method="lower")) + 1
    out |= side & starts & (rows < first + usual)
