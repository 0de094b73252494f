"""Which pieces of a line make a digit: every candidate is drawn, the classifier reads it, the best path wins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tenfold.ink.fit import center, fit
from tenfold.ink.segment import Box, Piece, around, line_height, together
from tenfold.ink.strokes import draw_strokes

# As fractions of the height of the line's digits.
GAP = 0.35  # Parts of a digit are nearer to each other.
WIDEST = 1.7  # No digit is wider than this, for its height of the line.

# Cost in nats of one more digit, and of leaving out a piece as high as the line: so a digit that is cut in two is not
# read as two, nor a dash as a 5.
ONE_MORE, LEFT_OUT = 0.7, 5.0

# The most pieces that a digit may consist of.
PARTS = 6


@dataclass(frozen=True)
class Span:
    """Pieces `first` to `last` (exclusive) of a line, taken as one digit. pixels: uint8[28,28]."""

    first: int
    last: int
    box: Box
    pixels: NDArray[np.uint8]


def spans_of(line: Sequence[Piece], draw: Callable[[Sequence[Piece]], NDArray[np.uint8]]) -> list[Span]:
    """Returns every run of up to six neighboring pieces that may be one digit, drawn as 28x28 by `draw`."""
    height = line_height(line)
    spans = []
    for first in range(len(line)):
        for last in range(first + 1, min(len(line), first + PARTS) + 1):
            run = line[first:last]
            box = around([piece.box for piece in run])
            gaps = [b.box[0] - a.box[2] for a, b in pairwise(run)]
            if last > first + 1 and (
                max(gaps) > GAP * height or box[2] - box[0] > WIDEST * max(height, box[3] - box[1])
            ):
                break
            spans.append(Span(first, last, around([piece.place for piece in run]), draw(run)))
    return spans


def draw_pieces(pieces: Sequence[Piece]) -> NDArray[np.uint8]:
    """Draws pieces of an image as one digit: uint8[28,28]."""
    return center(fit(together(pieces, around([piece.box for piece in pieces]))))


def draw_stroke_pieces(pieces: Sequence[Piece]) -> NDArray[np.uint8]:
    """Draws a pen's strokes as one digit: uint8[28,28]."""
    return draw_strokes([piece.ink for piece in pieces])


def best_path(line: Sequence[Piece], spans: Sequence[Span], confidences: Sequence[float]) -> list[int]:
    """Returns the spans that explain a line best, as indices into `spans`, from left to right.

    Each piece is part of one digit or left out, at a lower cost the lower it is: dots, commas and dashes are not
    digits. The cost of a digit is `ONE_MORE` minus the logarithm of its confidence.
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
