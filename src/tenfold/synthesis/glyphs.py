"""Digits, marks and other characters as distance maps, which are drawn at any size, slant and pen width.

A glyph holds for each cell of a grid how far it lies from the edge of the ink. Where the map is cut decides how thick
the strokes are: the digits of a line, whoever wrote them, can then be written with one pen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold.ink.fit import center, distance_to, distance_to_edge, fit
from tenfold.ink.strokes import check_strokes
from tenfold.reading.reader import Reader
from tenfold.reading.symbols import DIGITS, MARKS, OTHER
from tenfold.synthesis.drawing import Points, WriterStyle, draw, pen_path
from tenfold.synthesis.non_digits import draw_scribble, draw_unknown_script
from tenfold.synthesis.printed import draw_printed
from tenfold.synthesis.skeletons import DIGITS as DIGIT_WAYS
from tenfold.synthesis.skeletons import SIGNS

# Cells that a digit is high, and that are free above, below and on each side of it: for slashes, brackets and commas.
TALL, ABOVE, BELOW, ASIDE = 44, 10, 14, 10
ROWS = ABOVE + TALL + BELOW
# Steps of a map's values a cell, and the value of the edge.
STEPS, EDGE = 8, 128
# Cells that drawn strokes are thick.
_PEN = 4.4
# Drawings of each mark.
_MARKS_EACH = 300
# A digit is left out where the shipped reader gives its label less than this: nobody could read it in a line. To train
# on, a drawn one only where the reader takes it for another with the second probability: rare ways of writing stay.
_READABLE, _MISTAKEN = 0.5, 0.9
# Drawings of each run of zeros, and how many zeros it has at most.
_RUNS_EACH, LONGEST_RUN = 600, 4
_STYLE = WriterStyle(slant=0.12)
# Strokes are thinned to this share of their thickness at most: their thin parts would vanish.
_THINNEST = 0.7

# Pen strokes of the marks as `skeletons.txt` has them, in hundredths of a digit's height: 0 its top, 100 its base line.
_MARK_PATHS = {
    ".": ("0,97", "0,95 4,97 1,99", "0,98 5,97"),
    ",": ("4,92 3,101 -4,114", "2,92 / -6,112", "0,94 5,96 3,104 -4,112"),
    "-": ("0,54 34,52", "0,52 48,52", "0,56 24,54", "0,56 90,50", "0,58 50,48 130,50"),
    "/": ("46,-14 0,112", "60,-12 0,114", "34,-16 0,116"),
    ":": ("0,36 ; 0,88", "0,40 3,42 ; 0,84 3,86"),
    "+": ("0,52 48,52 ; 24,28 24,76", "0,50 56,50 ; 28,22 28,80"),
    "×": ("0,32 42,76 ; 42,32 0,76", "0,40 34,76 ; 34,40 0,76"),
    "÷": ("0,52 48,52 ; 24,28 ; 24,76",),
    "=": ("0,42 44,42 ; 0,62 44,62", "0,40 54,38 ; 0,66 54,64"),
    "%": (
        "14,4 2,14 10,28 22,18 14,4 ; 62,0 8,100 ; 58,68 46,80 54,96 66,84 58,68",
        "16,10 4,20 12,36 26,24 16,10 ; 76,4 0,98 ; 66,62 54,74 60,92 74,80 66,62",
    ),
    "(": ("22,-8 4,24 4,76 22,108", "26,-4 6,30 6,74 26,104"),
    ")": ("0,-8 18,24 18,76 0,108", "0,-4 20,30 20,74 0,104"),
}
# Signs that are read as marks, or might be.
_LIKE_MARKS = ("plus", "percent", "equals", "x", "X", "tick tack", "hash")


@dataclass(frozen=True)
class Glyph:
    """One character. distance: uint8[68,W], `EDGE` plus `STEPS` times the distance from the ink's edge in cells,
    negative inside. thickness: of its strokes, in cells. drawn: whether from a skeleton, not from an image."""

    character: str
    distance: NDArray[np.uint8]
    thickness: float
    drawn: bool = False


@dataclass(frozen=True)
class Glyphs:
    """Glyphs of every symbol, by character: of `images` for digits, and drawn ones, which also are runs of zeros."""

    scanned: dict[str, list[Glyph]]
    drawn: dict[str, list[Glyph]]

    def choose(self, character: str, scanned: bool, generator: np.random.Generator) -> Glyph:
        among = self.scanned.get(character) if scanned else None
        among = among or self.drawn[character]
        return among[int(generator.integers(len(among)))]


def make_glyphs(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], seed: int, drawn: int = 12_000, rare: bool = False
) -> Glyphs:
    """images: uint8[N,28,28], 0 paper to 255 ink, of digits; labels: uint8[N]. drawn: digits drawn from skeletons.

    Digits that the shipped reader does not read as their label are left out. rare: but drawn ones stay, unless it is
    sure of another.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    reader = Reader()
    readable = reader.probabilities(images)[np.arange(len(images)), labels] >= _READABLE
    scanned: dict[str, list[Glyph]] = {digit: [] for digit in DIGITS}
    for image, label in zip(images[readable], labels[readable], strict=True):
        scanned[str(label)].append(_of_image(image, str(label)))
    made: dict[str, list[Glyph]] = {character: [] for character in DIGITS + MARKS + OTHER}
    _draw_digits(made, drawn, rare, generator, reader)
    for count in range(2, LONGEST_RUN + 1):
        made["0" * count] = [_draw_run(count, generator) for _ in range(_RUNS_EACH)]
    for mark, paths in _MARK_PATHS.items():
        for index in range(_MARKS_EACH):
            made[mark].append(_of_strokes(_mark_strokes(mark, paths[index % len(paths)], generator), mark))
    signs = [way for way in SIGNS if way.character not in _LIKE_MARKS]
    makers = [lambda g: draw(signs[int(g.integers(len(signs)))], g, _STYLE)] * 4
    makers += [draw_printed] * 3 + [draw_scribble, draw_unknown_script]
    for index in range(max(200, drawn // 6)):
        made[OTHER].append(_of_image(makers[index % len(makers)](generator), OTHER))
    return Glyphs(scanned, made)


def _draw_digits(
    made: dict[str, list[Glyph]], count: int, rare: bool, generator: np.random.Generator, reader: Reader
) -> None:
    shares = {digit: [way for way in DIGIT_WAYS if way.character == digit] for digit in DIGITS}
    glyphs = []
    for index in range(count):
        digit = DIGITS[index % 10]
        weights = np.array([way.weight for way in shares[digit]])
        way = shares[digit][int(generator.choice(len(weights), p=weights / weights.sum()))]
        glyphs.append(_of_strokes(_as_digit(pen_path(way.path, generator, _STYLE), 0.7), digit))
    pixels = np.array([center(fit(_cut(draw_glyph(glyph, 22, 2.4)))) for glyph in glyphs])
    read = reader.probabilities(pixels)
    for glyph, row in zip(glyphs, read, strict=True):
        own = row[int(glyph.character)]
        if own >= _READABLE or (rare and (own == row.max() or row.max() < _MISTAKEN)):
            made[glyph.character].append(glyph)


# Zeros written without lifting the pen, in hundredths, with how often: rings; rings and loops that the stroke to the
# next zero crosses; bowls that are open at the top; arches.
_ZEROS = (
    (0.5, "55,4 10,22 0,55 45,98 95,70 90,25 60,5"),
    (0.12, "2,52 24,8 60,2 96,30 92,74 55,98 14,84 2,56"),
    (0.12, "0,62 52,44 88,22 58,2 18,16 6,56 34,96 96,74"),
    (0.1, "70,8 30,4 2,46 30,94 80,84 96,40 66,6 50,24 76,34"),
    (0.08, "0,6 6,70 48,98 92,66 96,8"),
    (0.08, "2,96 8,30 48,4 90,34 98,92"),
)


def _draw_run(count: int, generator: np.random.Generator) -> Glyph:
    """Zeros that were written without lifting the pen."""
    kind = int(generator.choice(len(_ZEROS), p=[share for share, _ in _ZEROS]))
    places = np.array([place.split(",") for place in _ZEROS[kind][1].split()], float)
    wide, gap, link = generator.uniform(0.6, 1.6), generator.uniform(0, 0.6), generator.uniform(2, 34)
    link = 100 - link if generator.random() < 0.25 else link
    path: list[tuple[float, float]] = []
    for index in range(count):
        start = 100 * index * (wide + gap)
        if path and kind == 0:
            path.append((start - 50 * gap, link))
        path += [(start + wide * x, y) for x, y in places]
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in path)
    return _of_strokes(_as_digit(pen_path(text, generator, _STYLE), 0.0), "0" * count)


def _as_digit(strokes: Sequence[Points], widest: float) -> list[Points]:
    """Strokes from the top of a digit to its base line; those of wide ones less, by `widest` times their width."""
    points = np.concatenate(strokes)
    low, size = points.min(0), np.ptp(points, 0)
    factor = 100 / max(size[1], widest * size[0])
    return [(stroke - [low[0], low[1] + size[1]]) * factor + [0, 100] for stroke in strokes]


def _mark_strokes(mark: str, path: str, generator: np.random.Generator) -> list[Points]:
    strokes = pen_path(path, generator, _STYLE)
    size = float(np.exp(generator.normal(0, 0.2))) if mark in "-+×÷=" else 1.0
    middle = np.array([0, 52])
    return [(stroke - middle) * size + middle for stroke in strokes]


def _of_strokes(strokes: Sequence[Points], character: str) -> Glyph:
    """strokes: float[n,2], in hundredths of the height, 0 a digit's top, 100 its base line."""
    lines = [line * TALL / 100 for line in check_strokes(strokes)]
    left = min(line[:, 0].min() for line in lines)
    right = max(line[:, 0].max() for line in lines)
    cells = np.zeros((ROWS, int(np.ceil(right - left)) + 2 * ASIDE), np.bool_)
    for line in lines:
        starts, ends = (line[:-1], line[1:]) if len(line) > 1 else (line, line)
        for share in np.linspace(0, 1, 12):
            x, y = (starts * (1 - share) + ends * share).T
            rows, columns = (y + ABOVE).astype(int), (x - left + ASIDE).astype(int)
            cells[np.clip(rows, 0, ROWS - 1), np.clip(columns, 0, cells.shape[1] - 1)] = True
    pen = _PEN * (1.25 if character in ".:,÷" else 1.0)
    return Glyph(character, _quantized(distance_to(cells) - pen / 2), _PEN, True)


def _of_image(image: NDArray[np.uint8], character: str) -> Glyph:
    """image: uint8[28,28]. The ink becomes as high as a digit, or as wide as a wide one."""
    ink = _cut(np.asarray(image, np.float32) / np.float32(255))
    factor = TALL / max(ink.shape[0], 0.7 * ink.shape[1])
    height, width = max(2, round(ink.shape[0] * factor)), max(2, round(ink.shape[1] * factor))
    fine = np.asarray(Image.fromarray(np.pad(ink, 1)).resize((width + 4, height + 4), Image.Resampling.BICUBIC))
    inked = np.zeros((ROWS, width + 4 + 2 * ASIDE), np.bool_)
    bottom = ABOVE + TALL + 2
    inked[bottom - height - 4 : bottom, ASIDE:-ASIDE] = fine > 0.45 * fine.max()
    distance = distance_to_edge(inked)
    inside = distance < 0
    return Glyph(character, _quantized(distance), 4 * float(-distance[inside].mean()) if inside.any() else _PEN)


def _quantized(distance: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(EDGE + STEPS * distance), 0, 255).astype(np.uint8)


def _cut(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    inked = ink > 0.1
    return ink[np.ix_(inked.any(1), inked.any(0))] if inked.any() else np.ones((4, 4), np.float32)


def draw_glyph(
    glyph: Glyph, height: float, pen: float, wide: float = 1.0, slant: float = 0.0, turn: float = 0.0
) -> NDArray[np.float32]:
    """Draws a glyph whose digits are `height` pixels high: float32[H,W], 0 paper to 1 ink; H is 68/44 of the height.

    pen: the thickness of strokes in pixels; strokes get no thinner than 0.7 times what they were. wide: width over
    usual width. slant: columns per row, to the left going down. turn: radians, small.
    """
    scale = height / TALL
    rows, columns = glyph.distance.shape
    lean = abs(slant) * height * 0.6
    high, across = round(rows * scale), round(columns * scale * wide + 2 * lean)
    x, y = across / 2, (ABOVE + TALL / 2) * scale
    # From the pixel to its cell: turned, slanted and scaled around the digit's middle.
    a, b = 1 / (scale * wide), (slant + turn) / (scale * wide)
    d, e = -turn / scale, 1 / scale
    data = (a, b, columns / 2 - a * x - b * y, d, e, ABOVE + TALL / 2 - d * x - e * y)
    moved = Image.fromarray(glyph.distance).transform(
        (across, high), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR, fillcolor=255
    )
    swell = (max(pen, _THINNEST * glyph.thickness * scale) - glyph.thickness * scale) / 2
    table = np.clip(0.5 + swell - (np.arange(256) - EDGE) / STEPS * scale, 0, 1).astype(np.float32)
    return np.asarray(table[np.asarray(moved)])
