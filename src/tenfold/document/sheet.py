"""Finds the sheet of paper in a photo, among the desk and the dark around it, and undoes perspective.

A side of the sheet is a straight line along which luminance makes one sharp step, with no paper and no writing beyond
it. Shadows are soft, ruled lines have paper on both sides, and strokes are short. Where a side is not found the sheet
ends with the picture: a missed side costs little, a false one cuts off writing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from tenfold.document.straight_lines import find_straight_lines
from tenfold.ink.image import Gray, reduced, reduction

# float64[N,2]: x and y in pixels, the corner of the first pixel at 0.
Points = NDArray[np.float64]
# float64[3,3].
Homography = NDArray[np.float64]

# Pixels a side at most of the picture that is searched, and at least of any picture.
_LONGEST, _SHORTEST = 320, 48
# Pixels of it that strokes are narrower than: they are filled before sides are looked for.
_STROKE = 11
# Lines tried for each side; and pixels that the sheet is cut within its sides, so that nothing of the desk is left.
_TRIED, _WITHIN = 5, 1.0
# The step of luminance at a side, as a share of the brighter of its two surfaces: of pixels that vote, and of those
# that count. Bright desks differ from paper by 0.15 and more.
_VOTING_STEP, _STEP = 0.06, 0.13
# How far from a side its surfaces are looked at, and the share of the step over 12 pixels that is made within 4. The
# light and the dark side of a fold differ by 0.15, too, but gradually.
_NEAR, _FAR, _SHARP = 2.0, 6.0, 0.6
# Below this step, what is narrower than `_FAR` at the border is no desk: of 900 cheques, 18 had such ground.
_FAINT = 0.28
# Share of the picture's shorter side along which a side shows at least.
_LENGTH = 0.2
# Of where a side shows or has paper beyond it, the share where it shows; and the share of desk in all that is beyond.
_SUPPORT, _DESK = 0.75, 0.65
# What is darker than this share of bright paper is no paper, whatever is darker still: a mat on a wooden desk.
_WOOD = 0.7
# A step above this is no shadow on paper. Below it, strokes beyond a side may be writing in a shadow: how dark they
# are, as a share of the darkest, and what share of them may lie there, as the grain of wood does.
_NO_SHADOW, _INK, _LOST_INK = 0.6, 0.8, 0.15
# How dark strokes are that touch a side from within, and at how many pixels of a side below `_NO_SHADOW` they may.
_TOUCHING_INK, _TOUCHING = 0.4, 1
# Cosine of the angle between neighboring sides, at most.
_SKEW = 0.35
# Share of the picture that a sheet covers at least; and its luminance, as a share of that next to its clearest side.
_AREA, _PAPER = 0.1, 0.5
# What luminances and the depth of ink are divided by at least: darker is noise.
_DARKEST = np.float32(0.05)
# A sheet darker than its desk may be a dark part of a page: so many of its sides must show.
_DARK_SIDES = 3


@dataclass(frozen=True, eq=False)
class Sheet:
    """corners: float64[4,2], x and y in the picture's pixels, clockwise from the top left. A corner that the picture's
    border cuts off lies beyond it."""

    corners: Points


@dataclass(frozen=True, eq=False)
class _Side:
    """A side of the sheet, which is where `point @ normal` is `offset` or more; normal is of length 1.

    paper, limit: luminance of the sheet next to it, and halfway to that of the desk. quality: how long and clear it is.
    """

    normal: Points
    offset: float
    paper: float = 0.0
    limit: float = 0.0
    quality: float = 0.0


def find_sheet(gray: Gray) -> Sheet | None:
    """Luminance float32[H,W] of a picture -> its sheet of paper, or None where the whole picture is paper.

    A sheet that is darker than its desk is found if three of its sides show.
    """
    small, block = reduced(gray, _LONGEST), reduction(gray.shape, _LONGEST)
    if min(gray.shape) < _SHORTEST or min(small.shape) < _STROKE:
        return None
    # Padded: a strip of desk at the border must not be filled as a stroke would be.
    padded = np.pad(small, _STROKE, mode="edge")
    blank = ndimage.grey_closing(padded, (_STROKE, _STROKE))[_STROKE:-_STROKE, _STROKE:-_STROKE]
    depth = blank - small
    height, width = (side / block for side in gray.shape)
    picture = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    for sign in (1, -1):
        found = [[_verify(line, blank, depth, sign) for line in lines] for lines in _find_lines(blank, sign)]
        sides = _choose(found)
        if _is_sheet(sides, blank, sign):
            return Sheet(_corners(sides, picture) * block)
    return None


def flatten(gray: Gray, sheet: Sheet) -> tuple[Gray, Homography]:
    """The sheet seen from straight above, at about the picture's resolution; what lies beyond the picture is continued.

    Returns float32[H,W], and the homography from its pixels to the picture's, for `project`.
    """
    top, right, bottom, left = (float(np.hypot(*side)) for side in np.roll(sheet.corners, -1, 0) - sheet.corners)
    width, height = max(1, round(max(top, bottom))), max(1, round(max(left, right)))
    outline = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    homography = solve_homography(outline, sheet.corners)
    low = np.minimum(np.floor(sheet.corners.min(0)), 0).astype(int)
    high = np.maximum(np.ceil(sheet.corners.max(0)), gray.shape[::-1]).astype(int) - gray.shape[::-1]
    if (low < 0).any() or (high > 0).any():
        gray = np.pad(gray, ((-low[1], high[1]), (-low[0], high[0])), mode="edge")
    moved = solve_homography(outline, sheet.corners - low)
    flat = Image.fromarray(gray).transform(
        (width, height), Image.Transform.PERSPECTIVE, tuple(moved.ravel()[:8]), Image.Resampling.BILINEAR
    )
    return np.asarray(flat, np.float32), homography


def solve_homography(source: Points, target: Points) -> Homography:
    """The homography that maps four points, float64[4,2], to four others."""
    (x, y), (u, v) = source.T, target.T
    zero, one = np.zeros(4), np.ones(4)
    across = np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], 1)
    down = np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], 1)
    solved = np.linalg.solve(np.concatenate([across, down]), np.concatenate([u, v]))
    return np.append(solved, 1.0).reshape(3, 3)


def project(homography: Homography, points: Points) -> Points:
    """Points float64[N,2] -> where the homography maps them."""
    moved = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return np.asarray(moved[:, :2] / moved[:, 2:])


def _find_lines(blank: Gray, sign: int) -> list[list[_Side]]:
    """Lines that may be the sheet's top, right, bottom and left side. sign: 1 if the sheet is brighter than its desk,
    else -1."""
    found: list[list[_Side]] = [[], [], [], []]
    for vertical in (True, False):
        view = blank if vertical else blank.T
        pairs = (view[:, 1:] + view[:, :-1]) / 2
        before, after = pairs[:, :-2], pairs[:, 2:]
        steps = (after - before) / np.maximum(np.maximum(before, after), _DARKEST)
        shortest = _LENGTH * min(blank.shape)
        for inwards in (1, -1):
            key = (3 if inwards == 1 else 1) if vertical else (0 if inwards == 1 else 2)
            for start, slope in find_straight_lines(steps * (inwards * sign), _VOTING_STEP, shortest, _TRIED):
                normal = inwards * np.array([1, -slope]) / np.hypot(1, slope)
                found[key].append(_Side(normal if vertical else normal[::-1], float(start * normal[0])))
    return found


def _verify(line: _Side, blank: Gray, depth: Gray, sign: int) -> _Side:
    """The same line with its paper and its quality, which is 0 for what is no side of a sheet."""
    height, width = blank.shape
    reach = np.arange(-(height + width), height + width) + 0.5
    places = line.normal * line.offset + reach[:, None] * [-line.normal[1], line.normal[0]]
    size = np.array([width, height])
    for away in (_NEAR, -_NEAR):
        seen = places + away * line.normal
        places = places[((seen >= 0) & (seen < size)).all(1)]

    def beside(values: Gray, away: float) -> Gray:
        x, y = np.clip((places + away * line.normal).astype(int), 0, size - 1).T
        return np.asarray(values[y, x])

    inner, outer = sign * beside(blank, _NEAR), sign * beside(blank, -_NEAR)
    steps = (inner - outer) / np.maximum(np.maximum(np.abs(inner), np.abs(outer)), _DARKEST)
    shows = steps >= _STEP
    if not shows.any():
        return line
    step, paper, desk = (float(np.median(values[shows])) for values in (steps, inner, outer))
    limit = (paper + desk) / 2
    shows &= inner >= limit
    paper_beyond = ~shows & (outer >= limit)
    length = int(shows.sum())
    if length < _LENGTH * min(height, width) or length < _SUPPORT * (length + paper_beyond.sum()):
        return line
    step_far = sign * (beside(blank, _FAR) - beside(blank, -_FAR))
    if np.median((inner - outer)[shows]) < _SHARP * np.median(step_far[shows]):
        return line
    inwards = _inwards(line, blank.shape)
    beyond = inwards < -1
    if -inwards.min() < (_FAR if step < _FAINT else _NEAR):
        return line
    darkest_paper = max(limit, _WOOD * paper) if sign > 0 else limit
    if (sign * blank[beyond] < darkest_paper).mean() < _DESK:
        return line
    if step < _NO_SHADOW or sign < 0:
        # Ink in a shadow is as much fainter as paper is darker there; but for the noise of the dark.
        darkest = np.maximum(np.quantile(depth[~beyond], 0.998), _DARKEST)
        ink = depth / np.clip(blank / np.maximum(abs(paper), _DARKEST), 0.3, 1) / darkest.astype(np.float32)
        touching = (beside(ink, _NEAR)[shows] > _TOUCHING_INK).sum()
        lost = (ink[beyond] > _INK).sum() / max((ink > _INK).sum(), 1)
        if touching > _TOUCHING or lost > _LOST_INK:
            return line
    return _Side(line.normal, line.offset, sign * paper, sign * limit, length * min(step, 0.5))


def _inwards(side: _Side, shape: tuple[int, ...]) -> Points:
    """How far inside of a side each pixel is: float64[H,W], negative beyond it."""
    height, width = shape
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    return np.asarray(x[None] * side.normal[0] + y[:, None] * side.normal[1] - side.offset)


def _choose(found: list[list[_Side]]) -> list[_Side | None]:
    """For each side the best line that is nearly square to its neighbors, the best of all first."""
    sides: list[_Side | None] = [None] * 4
    lines = [(line, key) for key in range(4) for line in found[key] if line.quality > 0]
    for line, key in sorted(lines, key=lambda pair: -pair[0].quality):
        neighbors = (sides[key - 1], sides[(key + 1) % 4])
        square = all(other is None or abs(line.normal @ other.normal) <= _SKEW for other in neighbors)
        if sides[key] is None and square:
            sides[key] = line
    return sides


def _is_sheet(sides: Sequence[_Side | None], blank: Gray, sign: int) -> bool:
    """Whether what lies within the sides is large, and paper."""
    shown = [side for side in sides if side is not None]
    if len(shown) < (1 if sign > 0 else _DARK_SIDES):
        return False
    inside = np.all([_inwards(side, blank.shape) >= 0 for side in shown], 0)
    if inside.mean() < _AREA:
        return False
    clearest = max(shown, key=lambda side: side.quality)
    if sign > 0:
        return bool(np.median(blank[inside]) >= _PAPER * clearest.paper)
    return bool((blank[inside] < clearest.limit).mean() >= _DESK)


def _corners(sides: Sequence[_Side | None], picture: Points) -> Points:
    """Corners of the sheet. picture: the picture's corners.

    Sides that do not show are put so far out that all of the picture is inside that the others leave.
    """
    shown = [None if side is None else replace(side, offset=side.offset + _WITHIN) for side in sides]
    for side in shown:
        if side is not None:
            picture = _clip(picture, side)
    # The normal of each side is that of the one before, turned by 90 degrees: here all turned back to the top's.
    turn = np.array([[0, -1], [1, 0]])
    turned = [np.linalg.matrix_power(turn, (4 - key) % 4) @ side.normal for key, side in enumerate(shown) if side]
    down = np.sum(turned, 0) / np.hypot(*np.sum(turned, 0))
    whole = []
    for key, side in enumerate(shown):
        if side is None:
            opposite = shown[(key + 2) % 4]
            normal = np.linalg.matrix_power(turn, key) @ down if opposite is None else -opposite.normal
            side = _Side(normal, float((picture @ normal).min()))
        whole.append(side)
    pairs = [(whole[key - 1], whole[key]) for key in range(4)]
    return np.array([np.linalg.solve([a.normal, b.normal], [a.offset, b.offset]) for a, b in pairs], np.float64)


def _clip(polygon: Points, side: _Side) -> Points:
    """The part of a convex polygon that lies inside of a side (Sutherland and Hodgman 1974)."""
    away = polygon @ side.normal - side.offset
    kept = []
    for index, start in enumerate(polygon):
        after = (index + 1) % len(polygon)
        if away[index] >= 0:
            kept.append(start)
        if (away[index] >= 0) != (away[after] >= 0):
            share = away[index] / (away[index] - away[after])
            kept.append(start + share * (polygon[after] - start))
    return np.array(kept, np.float64).reshape(-1, 2)
