"""Generate non-digits, which a model learns to be unsure of.

Letters and signs from skeletons and printed fonts, scribbles, touching digits, rotated and mirrored digits, and blots.
Hendrycks, Mazeika and Dietterich (2019), "Deep anomaly detection with outlier exposure", showed that a model trained
towards uniform probabilities on such outliers generalizes to others.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tenfold.ink.fit import BOX, center, fit, scale
from tenfold.ink.normalize import extent
from tenfold.ink.strokes import draw_strokes
from tenfold.synthesis.drawing import WriterStyle, draw, scan, smooth
from tenfold.synthesis.printed import draw_printed
from tenfold.synthesis.skeletons import SIGNS

Images = NDArray[np.uint8]
Point = NDArray[np.floating[Any]]  # floats[2]
Line = NDArray[np.floating[Any]]  # floats[n,2]

# Digits that are not digits when rotated by 90 degrees, or mirrored.
_ON_SIDE, _MIRRORED = (2, 3, 4, 5, 7), (3, 4, 6, 7, 9)
# Share that is scanned coarsely, as synthetic digits are; otherwise coarse images would always be digits.
_SCANNED = 0.35
_HAND = WriterStyle(places=0.05, proportion=0.3, turn=8, pen=0.4)


def draw_non_digits(count: int, seed: int, digits: Images, labels: NDArray[np.uint8]) -> Images:
    """Draws `count` images of non-digits: uint8[N,28,28].

    digits, labels: uint8[M,28,28] and uint8[M], real digits to make touching pairs of, and to turn.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    pair, turned = partial(_pair, digits=digits), partial(_turned, digits=digits, labels=labels)
    makers: list[Callable[[np.random.Generator], Images]]
    makers = [
        _sign,
        _sign,
        _sign,
        draw_scribble,
        draw_unknown_script,
        draw_unknown_script,
        draw_unknown_script,
        _bars,
        _bars,
        pair,
        turned,
        _blot,
    ]
    makers += [draw_printed] * len(makers)
    images = np.empty((count, 28, 28), np.uint8)
    for index in range(count):
        image = makers[index % len(makers)](generator)
        if generator.random() < _SCANNED and image.any():
            image = scan(np.asarray(image / 255, np.float32), generator)
        images[index] = image
    return images


def _sign(generator: np.random.Generator) -> Images:
    return draw(SIGNS[generator.integers(len(SIGNS))], generator, _HAND)


def draw_scribble(generator: np.random.Generator) -> Images:
    """Two to four strokes, each through two to five places: what a letter of an unknown script looks like."""
    strokes = []
    for _ in range(generator.integers(2, 5)):
        size = generator.uniform(30, 100)
        places = generator.uniform(0, 100, 2) + generator.uniform(-size / 2, size / 2, (generator.integers(2, 6), 2))
        strokes.append(smooth(places) if len(places) > 2 and generator.random() < 0.7 else places)
    return draw_strokes(strokes, generator.uniform(1.6, 3.4))


def draw_unknown_script(generator: np.random.Generator) -> Images:
    """A letter of an invented script: two to five lines, arcs, loops and dots between places of a grid, most of
    which begin where another ended."""
    strokes: list[Line] = []
    for _ in range(generator.integers(2, 6)):
        start = generator.integers(0, 4, 2) * 30.0
        if strokes and generator.random() < 0.6:
            joined = strokes[generator.integers(len(strokes))]
            start = joined[generator.choice([0, len(joined) // 2, -1])]
        end = generator.integers(0, 4, 2) * 30.0
        strokes.append(_PRIMITIVES[generator.integers(len(_PRIMITIVES))](start, end, generator))
    drawn = [stroke + generator.normal(0, 2.0, stroke.shape).cumsum(0) * 0.3 for stroke in strokes]
    return draw_strokes(drawn, generator.uniform(1.6, 3.6))


def _line(start: Point, end: Point, generator: np.random.Generator) -> Line:
    return np.linspace(start, end, 8)


def _arc(start: Point, end: Point, generator: np.random.Generator) -> Line:
    """From place to place by a detour to one side."""
    across = np.array([start[1] - end[1], end[0] - start[0]]) * generator.uniform(0.3, 0.9) * generator.choice([-1, 1])
    share = np.linspace(0, 1, 12)[:, None]
    return np.asarray(start * (1 - share) + end * share + across * np.sin(np.pi * share))


def _loop(start: Point, end: Point, generator: np.random.Generator) -> Line:
    angles = np.linspace(0, 2 * np.pi * generator.uniform(0.7, 1.1), 16) + generator.uniform(0, 2 * np.pi)
    radii = generator.uniform(8, 28, 2)
    return np.asarray(start + np.stack([np.cos(angles) * radii[0], np.sin(angles) * radii[1]], 1))


def _hook(start: Point, end: Point, generator: np.random.Generator) -> Line:
    """A line that turns at its end."""
    turn = end + generator.uniform(-30, 30, 2)
    return smooth(np.stack([start, (start + end) / 2, end, turn]))


def _dot(start: Point, end: Point, generator: np.random.Generator) -> Line:
    return np.linspace(end, end + generator.uniform(-6, 6, 2), 3)


_PRIMITIVES = (_line, _line, _arc, _arc, _loop, _hook, _dot)


def _bars(generator: np.random.Generator) -> Images:
    """A bold printed sign: bars across a grid, alike on both sides half of the time, and a slant now and then."""
    height, width = int(generator.integers(4, 7)), int(generator.integers(3, 6))
    bars = np.zeros((height, width), np.bool_)
    for _ in range(generator.integers(2, 5)):
        if generator.random() < 0.5:
            bars[generator.integers(height)] = True
        else:
            top = generator.integers(0, height - 1)
            bars[top : top + generator.integers(2, height + 1), generator.integers(width)] = True
    if generator.random() < 0.5:
        bars |= bars[:, ::-1]
    if bars.any(0).sum() < 2:  # One upright bar is a 1.
        bars[generator.integers(height)] = True
    cell = int(generator.integers(6, 14))
    ink = np.kron(bars, np.ones((cell, cell))).astype(np.float32)
    if generator.random() < 0.3:
        wide = np.zeros((len(ink), ink.shape[1] + len(ink) // 3), np.float32)
        for row, line in enumerate(ink):
            wide[row, (len(ink) - row) // 3 :][: len(line)] = line
        ink = wide
    ink = ndimage.gaussian_filter(np.pad(ink, cell), generator.uniform(0.5, 0.3 * cell))
    ink = np.clip(ink / ink.max() * 1.5 - 0.25, 0, 1)
    cut = ink[extent(ink)]
    # Half of them unchanged: bold print is bolder than any pen.
    return center(fit(cut) if generator.random() < 0.5 else scale(cut, BOX / max(cut.shape)))


def _pair(generator: np.random.Generator, digits: Images) -> Images:
    """Two digits that touch, or nearly, brought into one box."""
    first, second = (digits[generator.integers(len(digits))] / np.float32(255) for _ in range(2))
    first, second = (image[:, image.any(0)] for image in (first, second))
    lap = int(generator.integers(-2, 4))
    width = max(first.shape[1], second.shape[1], first.shape[1] + second.shape[1] - lap)
    both = np.zeros((28, width), np.float32)
    both[:, : first.shape[1]] = first
    both[:, width - second.shape[1] :] = np.maximum(both[:, width - second.shape[1] :], second)
    return center(fit(both[both.any(1)]))


def _turned(generator: np.random.Generator, digits: Images, labels: NDArray[np.uint8]) -> Images:
    mirrored = generator.random() < 0.5
    chosen = np.flatnonzero(np.isin(labels, _MIRRORED if mirrored else _ON_SIDE))
    if len(chosen) == 0:  # A data set with other classes.
        return _blot(generator)
    image = digits[generator.choice(chosen)]
    return np.asarray(image[:, ::-1] if mirrored else np.rot90(image, generator.choice([1, 3])))


def _blot(generator: np.random.Generator) -> Images:
    """Smooth noise above a level: grain, blots, stains."""
    noise = ndimage.gaussian_filter(generator.normal(size=(28, 28)), generator.uniform(0.6, 3))
    level = np.quantile(noise, generator.uniform(0.5, 0.9))
    ink = np.clip((noise - level) / (noise.max() - level), 0, 1).astype(np.float32)
    ink[:4], ink[-4:], ink[:, :4], ink[:, -4:] = 0, 0, 0, 0
    return center(ink[4:-4, 4:-4])
