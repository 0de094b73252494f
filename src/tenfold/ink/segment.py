"""A page's ink -> lines of writing, each a list of pieces from left to right.

Where digits touch, no geometric rule says where to cut: pieces are cut wherever a cut may be right, and the classifier
decides which of them belong together (`spans`). LeCun et al. (1998), section V, "Multiple object recognition:
heuristic over-segmentation".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from tenfold.ink.image import Ink
from tenfold.ink.strokes import check_strokes

# Left, top, right, bottom, in pixels of the picture, right and bottom exclusive; of strokes, in the pen's unit.
Box = tuple[float, float, float, float]

# As fractions of the height of the page's digits.
SPECK_HEIGHT = 0.25  # Lower pieces are dots, commas, dashes and dirt.
NARROW = 0.75  # Wider pieces may be two digits that touch.

# Where digits are lower than this fraction of the picture, it is a photo, and what touches its edge is not writing; a
# picture that was cropped close to the number may have digits at its edge.
PHOTO = 0.25

# Columns per row by which a line of writing may slant.
_LEANS = np.linspace(-0.4, 1.0, 29)


@dataclass(frozen=True)
class Piece:
    """Ink that stays together: a digit, or a part of one.

    box: in the line with its slant undone. ink: float32[H,W] of the box's size, without the ink of other pieces; of a
    pen's stroke, its points float64[n,2]. mass: the sum of the ink, or the length of the stroke. place: the box in the
    picture.
    """

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


def find_lines(ink: Ink) -> list[list[Piece]]:
    """Returns the lines of writing from top to bottom, each its pieces from left to right, without dots and dirt."""
    blobs = _blobs(ink)
    if not blobs:
        return []
    height = line_height(blobs)
    blobs = [blob for blob in blobs if SPECK_HEIGHT * height <= blob.height <= 4 * height or _bar(blob, height)]
    blobs = [blob for blob in blobs if not _beside_the_paper(blob, height, ink.shape)]
    # Undoing the slant of noise may leave only crumbs, which are no pieces.
    return [pieces for line in _lines(blobs, height) if (pieces := _pieces(line, height))]


def stroke_pieces(strokes: Iterable[ArrayLike]) -> list[Piece]:
    """Returns a pen's strokes as pieces of one line, from left to right."""
    pieces = []
    for line in check_strokes(strokes):
        (left, top), (right, bottom) = line.min(0), line.max(0)
        length = float(np.hypot(*np.diff(line, axis=0).T).sum())
        box = (left, top, right, bottom)
        pieces.append(Piece(box, line, length, box))
    return sorted(pieces, key=lambda piece: piece.box[0])


def line_height(pieces: Sequence[Piece]) -> float:
    """Returns the height of a line's digits: half of its ink belongs to pieces of this height or more."""
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
    """Returns whether a blob may be the bar of a 5: horizontal, and about as long as a digit is wide."""
    return 0.25 * height <= blob.width <= height and blob.height >= 0.06 * height and blob.width > 2 * blob.height


def _beside_the_paper(blob: Piece, height: float, shape: tuple[int, ...]) -> bool:
    """Returns whether a blob is the shadow of the paper's edge or the table: at the picture's edge, and long."""
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
    """Groups blobs whose centers are at about one height, from left to right: a line may rise or fall."""
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
    """Returns the mean center height of a line's last three blobs."""
    return float(np.mean([(blob.box[1] + blob.box[3]) / 2 for blob in line[-3:]]))


def _pieces(line: Sequence[Piece], height: float) -> list[Piece]:
    """Returns the pieces of a line with its slant undone: cuts are vertical, and writing slants."""
    box = around([blob.box for blob in line])
    ink = together(line, box)
    # The stem of one 7 leans as far as a line of them: the slant needs several pieces.
    lean = slant_of(ink) if len(line) >= 3 else 0.0
    shifts = np.rint(lean * (np.arange(len(ink)) - len(ink) / 2)).astype(int)
    upright = _sheared(ink, shifts)
    blobs = [blob for blob in _blobs(upright) if blob.height >= SPECK_HEIGHT * height or _bar(blob, height)]
    moves = shifts - shifts.min()
    return [replace(part, place=_placed(part, moves, box)) for blob in _joined(blobs) for part in _cut(blob, height)]


def slant_of(ink: Ink) -> float:
    """Returns the slant of writing in columns per row, to the left going down: undone, ink is in the fewest columns."""
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
    """Moves each row to the right by its shift, minus the smallest shift."""
    moves = shifts - shifts.min()
    sheared = np.zeros((len(ink), ink.shape[1] + int(moves.max())), np.float32)
    for row, move in enumerate(moves):
        sheared[row, move : move + ink.shape[1]] = ink[row]
    return sheared


def _joined(line: Sequence[Piece]) -> list[Piece]:
    """Joins pieces above one another: the bar of a 5, a digit that a thin pen broke."""
    joined: list[Piece] = []
    for piece in sorted(line, key=lambda piece: piece.box[0]):
        if joined:
            before = joined[-1]
            lap = min(before.box[2], piece.box[2]) - piece.box[0]
            if lap > 0.5 * min(before.width, piece.width):
                box = around([before.box, piece.box])
                joined[-1] = Piece(box, together([before, piece], box), before.mass + piece.mass, box)
                continue
        joined.append(piece)
    return joined


def _cut(piece: Piece, height: float) -> list[Piece]:
    """Cuts a wide piece at columns with little ink; returns a narrow one unchanged."""
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


def around(boxes: Sequence[Box]) -> Box:
    """Returns the smallest box that holds all `boxes`."""
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _placed(piece: Piece, moves: NDArray[np.int64], line: Box) -> Box:
    """Returns the box of a piece of a sheared line in the picture."""
    left, top, _, bottom = piece.box
    rows, columns = np.nonzero(piece.ink)
    across = left + columns - moves[int(top) + rows] + line[0]
    return float(across.min()), top + line[1], float(across.max()) + 1, bottom + line[1]


def together(pieces: Sequence[Piece], box: Box) -> Ink:
    """Returns the ink of `pieces` in one array of the size of `box`."""
    ink = np.zeros((int(box[3] - box[1]), int(box[2] - box[0])), np.float32)
    for piece in pieces:
        left, top = int(piece.box[0] - box[0]), int(piece.box[1] - box[1])
        place = ink[top : top + piece.ink.shape[0], left : left + piece.ink.shape[1]]
        np.maximum(place, piece.ink, out=place)
    return ink
