"""Draw synthetic digits from skeletons, each different.

Each character varies at random as handwriting does: the points of the skeleton, proportion, slant, how much corners are
cut (a fast pen cuts them), the curvature of lines, the pen's width, and the scanner.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold.ink.fit import BOX, CELLS, center, distance_to, distance_to_edge, fit, inked_cells, scale
from tenfold.ink.image import Ink
from tenfold.ink.strokes import PEN_WIDTH, center_line, draw_strokes
from tenfold.synthesis.skeletons import DIGITS, Allograph

Points = NDArray[np.float64]

# Share of scans that show only the edges of the ink.
_OUTLINED = 0.08
# Points interpolated between two points of a skeleton.
_SMOOTH = 8


@dataclass(frozen=True, kw_only=True)
class WriterStyle:
    """How much characters vary; each value is a standard deviation.

    places: of a point of the skeleton, as a share of the height. proportion, pen: of the logarithm of width to height,
    and of the pen's width. slant: columns per row. turn: degrees. speed: how much corners are cut, as a share of the
    longest moving average. scanned: share of characters drawn by `draw_scanned`.
    """

    places: float = 0.04
    proportion: float = 0.2
    slant: float = 0.2
    turn: float = 5.0
    pen: float = 0.25
    speed: float = 0.5
    scanned: float = 0.75


def draw_digits(
    count: int, seed: int, style: WriterStyle = WriterStyle()
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draws `count` digits, each class equally often, from `skeletons.DIGITS`.

    Returns uint8[N,28,28], 0 paper to 255 ink, and uint8[N] labels. The same count, seed and style give the same.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    labels = (np.arange(count) % 10).astype(np.uint8)
    ways = [[way for way in DIGITS if way.character == str(digit)] for digit in range(10)]
    shares = [np.array([way.weight for way in variants]) for variants in ways]
    images = np.empty((count, 28, 28), np.uint8)
    for index, label in enumerate(labels):
        variants, share = ways[label], shares[label]
        chosen = variants[int(generator.choice(len(variants), p=share / share.sum()))]
        way = draw_scanned if generator.random() < style.scanned else draw
        images[index] = way(chosen, generator, style)
    return images, labels


def draw(way: Allograph, generator: np.random.Generator, style: WriterStyle) -> NDArray[np.uint8]:
    """One character, drawn from its skeleton: uint8[28,28]."""
    strokes = pen_path(way.path, generator, style)
    width = PEN_WIDTH * float(np.exp(np.clip(generator.normal(0, style.pen), -0.6, 0.6)))
    return draw_strokes(strokes, width)


def draw_scanned(way: Allograph, generator: np.random.Generator, style: WriterStyle) -> NDArray[np.uint8]:
    """As `draw`, by any pen from a hairline to a felt-tip, and then `scan`ned."""
    width = PEN_WIDTH * float(np.exp(np.clip(generator.normal(0.1, 0.35), -0.7, 0.7)))
    cells = center_line(pen_path(way.path, generator, style), width)
    return scan((distance_to(cells) <= width * CELLS / 2).astype(np.float32), generator)


def scan(ink: Ink, generator: np.random.Generator) -> NDArray[np.uint8]:
    """float32[H,W] with some ink -> uint8[28,28]: simulates a coarse black-and-white scanner, sometimes in outline,
    and half of the time stretched towards a square, as some forms are cut; then in MNIST's form, as MNIST was
    made."""
    ink = ink[np.ix_(ink.any(1), ink.any(0))]
    if generator.random() < _OUTLINED and max(ink.shape) > 3:
        ink = outline(ink, generator.uniform(0, 3), generator.uniform(1, 2.5))
    height, width = ink.shape
    longest, towards = generator.uniform(16, 40), max(0.0, generator.uniform(-1, 1))
    shorter = longest * max(min(height, width) / max(height, width), 0.2) ** (1 - towards)
    size = (shorter, longest) if height > width else (longest, shorter)
    coarse = np.asarray(
        Image.fromarray(ink).resize((max(2, round(size[0])), max(2, round(size[1]))), Image.Resampling.BOX)
    )
    inked = coarse > generator.uniform(0.3, 0.6) * coarse.max()
    return center(fit(inked[np.ix_(inked.any(1), inked.any(0))].astype(np.float32)))


def outline(ink: Ink, beyond: float, half: float) -> Ink:
    """The edge of the ink, `beyond` cells (of 80 a side) outside it and `half` cells wide on either side."""
    inked = np.pad(inked_cells(scale(ink, BOX * CELLS / max(ink.shape))), 6)
    line: NDArray[np.bool_] = np.abs(distance_to_edge(inked) - beyond) <= half
    return line[np.ix_(line.any(1), line.any(0))].astype(np.float32)


def pen_path(path: str, generator: np.random.Generator, style: WriterStyle) -> list[Points]:
    """A skeleton -> the pen's strokes, float[n,2] each, with random variation."""
    loose = style.places * generator.uniform(0.4, 1.6) * 100
    wide = float(np.exp(generator.normal(0, style.proportion)))
    slant, turn = generator.normal(0.08, style.slant), np.radians(generator.normal(0, style.turn))
    cos, sin = np.cos(turn), np.sin(turn)
    shape = np.array([[cos, -sin], [sin, cos]]) @ np.array([[wide, -slant], [0, 1]])
    speed = abs(generator.normal(0, style.speed))
    strokes = []
    for curves in parse(path):
        moved, last = [], None
        for places in curves:
            places = places + generator.normal(0, loose, places.shape)
            if last is not None:
                places[0] = last  # The pen continues where it was.
            last = places[-1]
            moved.append(smooth(places) if len(places) > 2 else straight(places, generator, loose))
        line = np.concatenate(moved)
        strokes.append(cut_corners(line, speed) @ shape.T)
    return strokes


@cache
def parse(path: str) -> tuple[tuple[Points, ...], ...]:
    """A skeleton's text -> its strokes, each the curves between sharp corners, each float[n,2] of places.

    A curve after a corner starts where the one before it ended.
    """
    strokes = []
    for text in path.split(";"):
        curves: list[Points] = []
        for part in text.split("/"):
            places = [tuple(map(float, place.split(","))) for place in part.split()]
            if curves:
                places.insert(0, tuple(curves[-1][-1]))
            curves.append(np.array(places))
        strokes.append(tuple(curves))
    return tuple(strokes)


def smooth(places: Points) -> Points:
    """A Catmull-Rom spline through the places (Catmull and Rom 1974): float[n,2] -> float[8 (n-1) + 1, 2]."""
    before = np.concatenate([[2 * places[0] - places[1]], places, [2 * places[-1] - places[-2]]])
    a, b, c, d = (before[i : len(places) - 1 + i, None] for i in range(4))
    t = (np.arange(_SMOOTH) / _SMOOTH)[None, :, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([curve.reshape(-1, 2), places[-1:]])


def straight(places: Points, generator: np.random.Generator, loose: float) -> Points:
    """A line that is none quite: bent by a little at its middle. float[1..2,2] -> float[n,2]."""
    if len(places) < 2:
        return places
    middle = places.mean(0) + generator.normal(0, loose * 0.6, 2)
    return smooth(np.stack([places[0], middle, places[1]]))


def cut_corners(line: Points, speed: float) -> Points:
    """Cuts corners by a moving average over the neighbors, the ends held."""
    reach = min(int(speed * 5), (len(line) - 1) // 2)
    if reach < 1:
        return line
    padded = np.concatenate([np.repeat(line[:1], reach, 0), line, np.repeat(line[-1:], reach, 0)])
    sums = np.cumsum(np.concatenate([np.zeros((1, 2)), padded]), 0)
    return np.asarray((sums[2 * reach + 1 :] - sums[: -2 * reach - 1]) / (2 * reach + 1))
