"""Generate non-digits, which a model learns to be unsure of.

Letters and signs from skeletons and printed fonts, scribbles, touching digits, rotated and mirrored digits, and blots. Hendrycks, Mazeika and Dietterich (2019), "Deep anomaly detection with outlier exposure", showed that a
model trained towards uniform probabilities on such outliers generalizes to others.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tenfold.ink.fit import BOX, centre, fit, scale
from tenfold.ink.strokes import draw_strokes
from tenfold.synthesis.drawing import WriterStyle, draw, scan, smooth
from tenfold.synthesis.printed import draw_printed
from tenfold.synthesis.skeletons import Allograph

Images = NDArray[np.uint8]
Point = NDArray[np.floating[Any]]  # floats[2]
Line = NDArray[np.floating[Any]]  # floats[n,2]

# Without letters that look like digits: O, I, l, S, Z, G, q and g.
_SKELETONS = (
    ("A", "8,98 48,2 / 92,98 ; 24,62 78,62"), ("B", "20,4 20,98 ; 20,4 60,4 76,22 58,44 20,48 ; 20,48 68,52 84,74 64,96 20,98"),
    ("C", "84,18 52,2 16,24 8,56 24,88 56,98 86,82"), ("D", "18,4 18,98 ; 18,4 60,8 88,48 62,94 18,98"),
    ("E", "80,4 20,4 / 20,98 / 82,98 ; 20,50 70,50"), ("F", "80,4 20,4 / 20,98 ; 20,50 70,50"),
    ("H", "14,2 14,98 ; 86,2 86,98 ; 14,50 86,50"), ("J", "66,4 66,78 46,98 14,84 ; 40,4 92,4"),
    ("K", "18,2 18,98 ; 82,4 20,54 / 86,98"), ("L", "18,2 18,98 / 82,98"), ("M", "8,98 16,2 / 50,70 / 84,2 / 92,98"),
    ("N", "14,98 14,2 / 86,98 / 86,2"), ("P", "18,2 18,98 ; 18,4 66,6 82,30 60,52 18,54"),
    ("Q", "50,4 14,24 8,60 40,94 80,80 92,40 50,4 ; 56,70 96,100"),
    ("R", "18,98 18,4 62,4 80,26 58,50 18,52 / 86,98"), ("T", "8,4 92,4 ; 50,4 50,98"), ("U", "14,2 14,66 48,98 84,66 84,2"),
    ("V", "8,2 50,98 / 92,2"), ("W", "2,2 26,98 / 50,30 / 74,98 / 98,2"), ("X", "10,4 90,98 ; 90,4 10,98"),
    ("Y", "10,2 50,50 / 90,2 ; 50,50 50,98"), ("a", "76,40 40,34 14,60 22,92 56,92 76,50 / 78,80 94,98"),
    ("d", "78,2 78,98 ; 78,50 40,44 14,70 34,98 78,84"), ("e", "14,64 84,60 70,34 34,36 12,66 34,96 82,88"),
    ("f", "78,8 54,4 46,30 44,98 ; 18,42 76,42"), ("h", "18,2 18,98 ; 18,60 50,42 78,60 78,98"),
    ("k", "22,2 22,98 ; 74,42 24,70 / 78,98"), ("m", "8,98 8,42 ; 8,56 28,42 48,56 48,98 ; 48,56 70,42 90,56 90,98"),
    ("n", "20,98 20,40 ; 20,58 52,40 78,60 78,98"), ("p", "20,36 20,100 ; 20,46 56,34 80,54 60,78 20,70"),
    ("r", "26,98 26,40 ; 26,62 46,42 76,44"), ("t", "50,4 48,80 62,98 82,90 ; 22,36 80,36"),
    ("u", "18,40 18,80 44,98 74,78 ; 76,40 78,98"), ("w", "6,40 24,96 48,54 72,96 94,40"), ("x", "16,40 84,98 ; 84,40 16,98"),
    ("alpha", "90,36 60,92 24,94 10,66 30,38 58,44 92,96"), ("pi", "8,40 92,38 ; 32,40 26,98 ; 70,40 74,96"),
    ("omega", "20,40 8,70 26,96 48,74 70,96 92,70 78,40"), ("theta", "50,2 20,30 20,70 50,98 80,70 80,30 50,2 ; 20,50 80,50"),
    ("plus", "50,10 50,90 ; 10,50 90,50"), ("equals", "10,36 90,36 ; 10,66 90,66"), ("star", "50,4 20,96 / 96,36 / 4,36 / 80,96 / 50,4"),
    ("check", "8,56 36,92 / 94,4"), ("arrow", "4,50 94,50 ; 62,20 94,50 / 62,82"), ("triangle", "50,6 6,94 / 94,94 / 50,6"),
    ("square", "10,10 10,90 / 90,90 / 90,10 / 10,10"), ("heart", "50,96 6,44 22,8 50,30 78,8 94,44 50,96"),
    ("face", "50,2 14,18 4,52 22,88 52,98 82,86 96,50 84,16 50,2 ; 34,36 34,42 ; 66,36 66,42 ; 28,64 50,80 72,64"),
    ("question", "20,24 48,2 80,22 66,44 50,60 50,72 ; 50,94 50,98"), ("hash", "36,4 28,96 ; 72,4 64,96 ; 8,34 94,34 ; 6,66 92,66"),
    ("c", "80,48 44,38 16,68 42,98 82,86"), ("i", "50,40 50,98 ; 50,14 50,18"),
    ("j", "60,40 60,90 36,110 14,98 ; 60,14 60,18"), ("s with bars", "80,12 40,2 20,24 50,48 80,72 58,98 18,88 ; 50,0 50,100"),
    ("v", "14,40 48,98 / 86,40"), ("beta", "22,110 22,20 52,2 76,20 48,46 78,68 56,92 24,86"),
    
    ("lambda", "20,4 84,98 ; 50,48 16,98"), ("mu", "22,40 22,110 ; 22,78 48,94 74,40 / 76,88 92,94"), ("xi", "76,4 30,10 58,26 28,34 66,46 22,64 70,86 56,108"),
    ("sigma", "82,6 20,6 / 54,50 / 18,96 / 86,96"), ("phi", "50,2 50,110 ; 50,30 14,54 50,80 86,54 50,30"), ("psi", "14,30 20,62 50,76 80,62 86,30 ; 50,4 50,108"),
    ("zhe", "50,4 50,98 ; 10,8 50,52 90,8 ; 8,98 50,52 92,98"), ("sha", "10,6 10,96 / 90,96 / 90,6 ; 50,6 50,96"), ("ya", "84,98 84,4 38,6 20,28 42,50 82,50 ; 50,52 14,98"),
    ("aleph", "14,8 88,96 ; 84,8 62,52 ; 40,40 14,64 20,98"), ("mem", "20,96 20,30 46,10 84,30 84,96 50,96 ; 20,30 10,6"), ("ka", "16,24 86,24 70,94 58,86 ; 48,4 14,96"),
    ("na", "8,36 92,36 ; 54,4 50,60 22,98"), ("me", "80,4 18,96 ; 30,34 76,72"), ("su", "14,12 78,12 14,96 ; 52,52 90,92"), ("ho", "8,26 92,26 ; 50,4 50,98 ; 30,48 14,80 ; 70,48 86,80"),
    ("percent", "88,4 12,98 ; 26,4 8,20 26,36 42,20 26,4 ; 76,64 58,80 76,98 94,80 76,64"), ("tick tack", "20,4 20,96 ; 50,4 50,96 ; 80,4 80,96"),
)  # fmt: skip
SIGNS = tuple(Allograph(name, name, "COMMON", path) for name, path in _SKELETONS)

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
    makers = [_sign, _sign, _sign, _scribble, _script, _script, _script, _bars, _bars, _pair, _turned, _blot]
    makers += [_printed] * len(makers)
    images = np.empty((count, 28, 28), np.uint8)
    for index in range(count):
        image = makers[index % len(makers)](generator, digits, labels)
        if generator.random() < _SCANNED and image.any():
            image = scan(np.asarray(image / 255, np.float32), generator)
        images[index] = image
    return images


def _printed(generator: np.random.Generator, digits: Images, labels: NDArray[np.uint8]) -> Images:
    return draw_printed(generator)


def _sign(generator: np.random.Generator, digits: Images, labels: NDArray[np.uint8]) -> Images:
    return draw(SIGNS[generator.integers(len(SIGNS))], generator, _HAND)


def _scribble(generator: np.random.Generator, digits: Images, labels: NDArray[np.uint8]) -> Images:
    """Two to four strokes, each through two to five places: what a letter of an unknown script looks like."""
    strokes = []
    for _ in range(generator.integers(2, 5)):
        size = generator.uniform(30, 100)
        places = generator.uniform(0, 100, 2) + generator.uniform(-size / 2, size / 2, (generator.integers(2, 6), 2))
        strokes.append(smooth(places) if len(places) > 2 and generator.random() < 0.7 else places)
    return draw_strokes(strokes, generator.uniform(1.6, 3.4))


def _script(generator: np.random.Generator, digits: Images, labels: NDArray[np.uint8]) -> Images:
    """A letter of an invented script: two to five lines, arcs, loops and dots between places of a grid, each
    as likely as not to begin where another ended."""
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


def _bars(generator: np.random.Generator, digits: Images, labels: NDArray[np.uint8]) -> Images:
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
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # Half of them unchanged: bold print is bolder than any pen.
    return centre(fit(cut) if generator.random() < 0.5 else scale(cut, BOX / max(cut.shape)))


def _pair(generator: np.random.Generator, digits: Images, labels: NDArray[np.uint8]) -> Images:
    """Two digits that touch, or nearly, brought into one box."""
    first, second = (digits[generator.integers(len(digits))] / np.float32(255) for _ in range(2))
    first, second = (image[:, image.any(0)] for image in (first, second))
    lap = int(generator.integers(-2, 4))
    width = max(1, first.shape[1] + second.shape[1] - lap)
    both = np.zeros((28, width), np.float32)
    both[:, : first.shape[1]] = first
    both[:, width - second.shape[1] :] = np.maximum(both[:, width - second.shape[1] :], second)
    return centre(fit(both[both.any(1)]))


def _turned(generator: np.random.Generator, digits: Images, labels: NDArray[np.uint8]) -> Images:
    mirrored = generator.random() < 0.5
    chosen = np.flatnonzero(np.isin(labels, _MIRRORED if mirrored else _ON_SIDE))
    if len(chosen) == 0:  # A data set with other classes.
        return _blot(generator, digits, labels)
    image = digits[generator.choice(chosen)]
    return np.asarray(image[:, ::-1] if mirrored else np.rot90(image, generator.choice([1, 3])))


def _blot(generator: np.random.Generator, digits: Images, labels: NDArray[np.uint8]) -> Images:
    """Smooth noise above a level: grain, blots, stains."""
    noise = ndimage.gaussian_filter(generator.normal(size=(28, 28)), generator.uniform(0.6, 3))
    level = np.quantile(noise, generator.uniform(0.5, 0.9))
    ink = np.clip((noise - level) / (noise.max() - level), 0, 1).astype(np.float32)
    ink[:4], ink[-4:], ink[:, :4], ink[:, -4:] = 0, 0, 0, 0
    return centre(ink[4:-4, 4:-4])
