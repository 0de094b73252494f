"""A page's ink -> pieces in reading order, and every way in which neighbours could make a digit.

Where digits touch, no rule of form says where to cut: pieces are cut wherever a cut might be right, and the classifier
says which of them belong together. LeCun et al. (1998), section V, "Multiple object recognition: heuristic
over-segmentation".
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from tenfold.ink.fit import centre, fit
from tenfold.ink.strokes import check_strokes, draw_strokes

Ink = NDArray[np.float32]

# A piece's box: left, top, right, bottom, in pixels of the picture, right and bottom beyond the last pixel; of strokes,
# in the pen's own unit.
Box = tuple[float, float, float, float]

# Shares of the height of the digits of the page.
SPECK_HEIGHT = 0.25  # Lower pieces are dots, commas, dashes and dirt.
GAP = 0.35  # Parts of a digit are nearer to each other.
WIDEST = 1.7  # No digit is wider than this, for its height of the line.
NARROW = 0.75  # Wider pieces may be two digits that touch.

# Where digits are lower than this share of the picture, it is a photo, and what touches its edge is not writing; else
# it was cut close to the number, and digits may touch.
PHOTO = 0.25

# What it costs to see one more digit, and to leave a piece as high as the line out, in nats: a digit that is cut in two
# is not read as two, nor a dash as a 5.
ONE_MORE, LEFT_OUT = 0.7, 5.0

# Columns a row that a line of writing may lean by.
_LEANS = np.linspace(-0.4, 1.0, 29)

# Pieces that a digit may be made of.
PARTS = 6


@dataclass(frozen=True)
class Piece:
    """What stays together. box: where, in the line with its slant undone. ink: float32[H,W] of the box's size, without
    the ink of others; of a pen's stroke, its points float64[n,2]. mass: how much ink there is, or how long the stroke
    is. place: where in the picture."""

    box: Box
    ink: NDArray[np.floating[Any]]
    mass: float
    place: Box

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]

    @property
    def width(self) -> float:
        return self.box[2] - self.box[0]


@dataclass(frozen=True)
class Span:
    """Pieces `first` to `last` (not in it) of a line, taken as one digit: pixels uint8[28,28]."""

    first: int
    last: int
    box: Box
    pixels: NDArray[np.uint8]


def find_lines(ink: Ink) -> list[list[Piece]]:
    """The lines of writing, top to bottom, each its pieces from left to right: dots and dirt left out."""
    blobs = _blobs(ink)
    if not blobs:
        return []
    height = line_height(blobs)
    blobs = [blob for blob in blobs if SPECK_HEIGHT * height <= blob.height <= 4 * height or _bar(blob, height)]
    blobs = [blob for blob in blobs if not _beside_the_paper(blob, height, ink.shape)]
    # Undoing the slant of noise may leave only crumbs, which are no pieces.
    return [pieces for line in _lines(blobs, height) if (pieces := _pieces(line, height))]


def spans_of(line: Sequence[Piece], draw: Callable[[Sequence[Piece]], NDArray[np.uint8]]) -> list[Span]:
    """Every run of up to six neighbours that may be one digit, drawn as 28x28 by `draw`."""
    height = line_height(line)
    spans = []
    for first in range(len(line)):
        for last in range(first + 1, min(len(line), first + PARTS) + 1):
            run = line[first:last]
            box = _around([piece.box for piece in run])
            gaps = [b.box[0] - a.box[2] for a, b in pairwise(run)]
            if last > first + 1 and (
                max(gaps) > GAP * height or box[2] - box[0] > WIDEST * max(height, box[3] - box[1])
            ):
                break
            spans.append(Span(first, last, _around([piece.place for piece in run]), draw(run)))
    return spans


def draw_pieces(pieces: Sequence[Piece]) -> NDArray[np.uint8]:
    """Pieces of an image, taken as one digit -> uint8[28,28]."""
    return centre(fit(_together(pieces, _around([piece.box for piece in pieces]))))


def draw_stroke_pieces(pieces: Sequence[Piece]) -> NDArray[np.uint8]:
    """A pen's strokes, taken as one digit -> uint8[28,28]."""
    return draw_strokes([piece.ink for piece in pieces])


def stroke_pieces(strokes: Iterable[ArrayLike]) -> list[Piece]:
    """A pen's strokes as pieces of one line, from left to right."""
    pieces = []
    for line in check_strokes(strokes):
        (left, top), (right, bottom) = line.min(0), line.max(0)
        length = float(np.hypot(*np.diff(line, axis=0).T).sum())
        box = (left, top, right, bottom)
        pieces.append(Piece(box, line, length, box))
    return sorted(pieces, key=lambda piece: piece.box[0])


def best_path(line: Sequence[Piece], spans: Sequence[Span], confidences: Sequence[float]) -> list[int]:
    """The spans that account for a line best, as indices into `spans`, from left to right.

    Each piece is part of one digit or is left out, the cheaper the lower it is: dots, commas and dashes are no digits.
    The cost of a digit is the negative logarithm of its confidence and `ONE_MORE`.
    """
    height = line_height(line)
    best = [0.0] + [np.inf] * len(line)
    chosen: list[int | None] = [None] * (len(line) + 1)
    ways: list[list[int]] = [[] for _ in line]
    for index, span in enumerate(spans):
        ways[span.first].append(index)
    for first, piece in enumerate(line):
        out = best[first] + LEFT_OUT * min(1.0, piece.height / height if height else 1.0) ** 2
        if out < best[first + 1]:
            best[first + 1], chosen[first + 1] = out, None
        for index in ways[first]:
            cost = best[first] + ONE_MORE - float(np.log(max(confidences[index], 1e-9)))
            if cost < best[spans[index].last]:
                best[spans[index].last], chosen[spans[index].last] = cost, index
    path: list[int] = []
    at = len(line)
    while at > 0:
        taken = chosen[at]
        at -= 1
        if taken is not None:
            path.append(taken)
            at = spans[taken].first
    return path[::-1]


def line_height(pieces: Sequence[Piece]) -> float:
    """How high the digits of a line are: half of its ink belongs to pieces this high or higher."""
    heights = np.array([piece.height for piece in pieces])
    masses = np.array([piece.mass for piece in pieces])
    order = np.argsort(heights)
    return float(heights[order][np.searchsorted(np.cumsum(masses[order]), masses.sum() / 2)])


def _blobs(ink: Ink) -> list[Piece]:
    labels, _ = ndimage.label(ink > 0.3, np.ones((3, 3)))
    pieces = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        part = np.where(labels[rows, columns] == number, ink[rows, columns], np.float32(0))
        # Faint dirt has no dark place.
        if part.max() < 0.6 or part.size < 6:
            continue
        box = (columns.start, rows.start, columns.stop, rows.stop)
        pieces.append(Piece(box, part, float(part.sum()), box))
    return pieces


def _bar(blob: Piece, height: float) -> bool:
    """Whether it may be the bar of a 5: level, and about as long as a digit is wide."""
    return 0.25 * height <= blob.width <= height and blob.height >= 0.06 * height and blob.width > 2 * blob.height


def _beside_the_paper(blob: Piece, height: float, shape: tuple[int, ...]) -> bool:
    """Whether it is the shadow of the paper's edge, or the table: at the picture's edge, and long, or along it."""
    left, top, right, bottom = blob.box
    sides = [blob.ink[:, 0] if left == 0 else None, blob.ink[:, -1] if right == shape[1] else None]
    ends = [blob.ink[0] if top == 0 else None, blob.ink[-1] if bottom == shape[0] else None]
    touching = [edge for edge in (*sides, *ends) if edge is not None]
    if not touching:
        return False
    if height < PHOTO * min(shape):
        # A digit at the edge touches it with a stroke, no more.
        digit_like = 0.6 * height <= blob.height <= 1.6 * height and blob.width <= 1.2 * height
        return not digit_like or any(np.count_nonzero(edge) > 0.4 * height for edge in touching)
    at_side, at_end = left == 0 or right == shape[1], top == 0 or bottom == shape[0]
    return bool((at_side and blob.height > 2.5 * height) or (at_end and blob.width > 2.5 * height))


def _lines(blobs: Sequence[Piece], height: float) -> list[list[Piece]]:
    """Blobs whose middles lie at about one height, going from left to right: the line may rise or fall."""
    lines: list[list[Piece]] = []
    for blob in sorted(blobs, key=lambda blob: blob.box[0]):
        middle = (blob.box[1] + blob.box[3]) / 2
        near = [(abs(middle - _middle(line)), line) for line in lines]
        distance, line = min(near, key=lambda pair: pair[0], default=(np.inf, None))
        if line is not None and distance < 0.6 * height:
            line.append(blob)
        else:
            lines.append([blob])
    # A bar or a crumb alone is no line of writing.
    lines = [line for line in lines if max(blob.height for blob in line) >= 0.5 * height]
    return sorted(lines, key=lambda line: float(np.mean([blob.box[1] + blob.box[3] for blob in line])))


def _middle(line: Sequence[Piece]) -> float:
    """Where the line has come to: the mean height of its last three whole pieces."""
    return float(np.mean([(blob.box[1] + blob.box[3]) / 2 for blob in line[-3:]]))


def _pieces(line: Sequence[Piece], height: float) -> list[Piece]:
    """The pieces of a line, its slant undone: cuts go straight down, and writing leans."""
    box = _around([blob.box for blob in line])
    ink = _together(line, box)
    # The stem of one 7 leans as far as a line of them: the slant needs several pieces.
    lean = slant_of(ink) if len(line) >= 3 else 0.0
    shifts = np.rint(lean * (np.arange(len(ink)) - len(ink) / 2)).astype(int)
    upright = _sheared(ink, shifts)
    blobs = [blob for blob in _blobs(upright) if blob.height >= SPECK_HEIGHT * height or _bar(blob, height)]
    moves = shifts - shifts.min()
    return [replace(part, place=_placed(part, moves, box)) for blob in _joined(blobs) for part in _cut(blob, height)]


def slant_of(ink: Ink) -> float:
    """Columns a row that writing leans by, to the left going down: undone, ink is heaped up in the fewest columns."""
    rows, columns = np.nonzero(ink > 0.3)
    weights = ink[rows, columns]
    best, slant = 0.0, 0.0
    for lean in _LEANS:
        places = columns + lean * rows
        heaps = np.bincount((places - places.min()).astype(int), weights)
        score = float(np.square(heaps).sum()) * (1 - 0.1 * abs(lean))
        if score > best:
            best, slant = score, float(lean)
    return slant


def _sheared(ink: Ink, shifts: NDArray[np.int64]) -> Ink:
    """Each row moved to the right by its shift, less the least of them."""
    moves = shifts - shifts.min()
    sheared = np.zeros((len(ink), ink.shape[1] + int(moves.max())), np.float32)
    for row, move in enumerate(moves):
        sheared[row, move : move + ink.shape[1]] = ink[row]
    return sheared


def _joined(line: Sequence[Piece]) -> list[Piece]:
    """Pieces above one another made one: the bar of a 5, a digit that a thin pen broke."""
    joined: list[Piece] = []
    for piece in sorted(line, key=lambda piece: piece.box[0]):
        if joined:
            before = joined[-1]
            lap = min(before.box[2], piece.box[2]) - piece.box[0]
            if lap > 0.5 * min(before.width, piece.width):
                box = _around([before.box, piece.box])
                joined[-1] = Piece(box, _together([before, piece], box), before.mass + piece.mass, box)
                continue
        joined.append(piece)
    return joined


def _cut(piece: Piece, height: float) -> list[Piece]:
    """A wide piece cut where little ink stands above one another; a narrow one as it is."""
    if piece.width < NARROW * height:
        return [piece]
    profile, width = piece.ink.sum(0), piece.ink.shape[1]
    near = max(2, int(0.12 * height))
    least = ndimage.minimum_filter1d(profile, 2 * near + 1)
    stroke = np.median(profile[profile > 0])
    columns = [
        column
        for column in range(near, width - near)
        if profile[column] == least[column] and profile[column] <= 1.2 * stroke
    ]
    cuts = [0]
    for column in columns:
        if column - cuts[-1] >= near:
            cuts.append(column)
    cuts.append(width)
    parts = []
    for left, right in pairwise(cuts):
        ink = piece.ink[:, left:right]
        rows, across = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
        if len(rows) == 0:
            continue
        top, bottom, start, stop = int(rows[0]), int(rows[-1]) + 1, int(across[0]), int(across[-1]) + 1
        x, y = piece.box[0] + left, piece.box[1]
        part = ink[top:bottom, start:stop]
        box = (x + start, y + top, x + stop, y + bottom)
        parts.append(Piece(box, part, float(part.sum()), box))
    return parts


def _around(boxes: Sequence[Box]) -> Box:
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _placed(piece: Piece, moves: NDArray[np.int64], line: Box) -> Box:
    """Where a piece of a sheared line lies in the picture."""
    left, top, _, bottom = piece.box
    rows, columns = np.nonzero(piece.ink)
    across = left + columns - moves[int(top) + rows] + line[0]
    return float(across.min()), top + line[1], float(across.max()) + 1, bottom + line[1]


def _together(pieces: Sequence[Piece], box: Box) -> Ink:
    ink = np.zeros((int(box[3] - box[1]), int(box[2] - box[0])), np.float32)
    for piece in pieces:
        left, top = int(piece.box[0] - box[0]), int(piece.box[1] - box[1])
        place = ink[top : top + piece.ink.shape[0], left : left + piece.ink.shape[1]]
        np.maximum(place, piece.ink, out=place)
    return ink
