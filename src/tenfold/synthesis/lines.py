"""Composes lines of handwritten numbers, each different, to train the line reader on.

A line is written with one pen: digits of MNIST or drawn ones, marks and now and then a word, with gaps from wide to
overlapping, on an uneven base line. `line_degradation` adds what pages, cameras and scanners do to it.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from tenfold.document.strips import DIGIT_HEIGHT, HEIGHT
from tenfold.ink.image import Ink
from tenfold.reading.symbols import DIGITS, MARKS, OTHER
from tenfold.synthesis.glyphs import ABOVE, LONGEST_RUN, TALL, Glyphs, draw_glyph

# What a blank between words takes in the text; the network does not see it as a symbol.
_BLANK = " "
_LENGTHS = np.array([3, 7, 11, 15, 16, 14, 10, 8, 6, 5, 3, 2]) / 100


@dataclass(frozen=True)
class Line:
    """A line as it is given to the line reader. ink: float32[32,W], 0 paper to 1 ink. text: what is written, in
    `symbols.SYMBOLS`; a word is one `?`. middles: float[n], the column of each symbol's middle."""

    ink: Ink
    text: str
    middles: NDArray[np.float64]


@dataclass(frozen=True)
class _Hand:
    """How one line is written; lengths in pixels. gap: between neighbors, by how much it varies. uneven: of height and
    base line, as shares of the height. join: share of neighbors that a stroke joins. rise: of the base line, in rows
    a column. small: the height of zeros, as a share. seat: where zeros are, 0 at the top of the others, 1 on the base
    line. runs: whether zeros next to each other are written without lifting the pen."""

    scanned: bool
    height: float
    pen: float
    wide: float
    slant: float
    gap: float
    varies: float
    uneven: float
    join: float
    rise: float
    small: float
    seat: float
    runs: bool


def write_line(glyphs: Glyphs, generator: np.random.Generator) -> Line:
    """One line, clean."""
    hand, text = _choose_hand(generator), _choose_text(generator)
    canvas = np.zeros((HEIGHT, 60 + 50 * len(text)), np.float32)
    left = generator.uniform(2, 8)
    right = np.full(HEIGHT, left)  # How far right the ink reaches in each row.
    before: tuple[int, int] | None = None  # Where the last glyph begins and ends.
    symbols: list[str] = []
    middles: list[float] = []
    middle = (HEIGHT - hand.height) / 2 + generator.normal(0, 0.7)
    # Zeros after another digit may be written without lifting the pen.
    parts = re.findall(f"(?<=[1-9.,])0{{2,{LONGEST_RUN}}}|.", text) if hand.runs else list(text)
    for place, character in enumerate(parts):
        if character == _BLANK:
            right = np.full(HEIGHT, right.max() + hand.height * generator.uniform(0.4, 1.2))
            before = None
            continue
        patch, top = _draw(glyphs, character, hand, generator)
        rise = hand.rise * (0 if before is None else before[1])
        top = round(top + middle + generator.normal(0, min(hand.uneven, 0.15)) * hand.height + np.clip(rise, -3, 3))
        patch = _in_rows(patch, top)
        columns = np.flatnonzero((patch > 0.3).any(0))
        if len(columns) == 0:
            continue
        patch = patch[:, columns[0] : columns[-1] + 1]
        gap = generator.normal(hand.gap, hand.varies)
        if character in MARKS or (place and parts[place - 1] in MARKS):
            gap = max(gap, generator.uniform(0.8, 3))
        x = left if before is None and not symbols else _beside(patch, right, before, gap)
        x = max(0, round(x))
        if x + patch.shape[1] + 8 > canvas.shape[1]:
            break
        zeros = character == "0" and place > 0 and parts[place - 1] == "0"
        if before is not None and character in DIGITS and generator.random() < hand.join * (3 if zeros else 1):
            _join(canvas, patch, right, x, hand.pen)
        np.maximum(canvas[:, x : x + patch.shape[1]], patch, out=canvas[:, x : x + patch.shape[1]])
        inked = patch > 0.3
        last = x + patch.shape[1] - 1 - inked[:, ::-1].argmax(1)
        right = np.where(inked.any(1), np.maximum(right, last), right)
        before = (x, x + patch.shape[1])
        if character == OTHER and symbols and symbols[-1] == OTHER:
            middles[-1] = (middles[-1] + sum(before) / 2) / 2
            continue
        symbols.extend(character)
        middles.extend(x + patch.shape[1] * (np.arange(len(character)) + 0.5) / len(character))
    end = int(right.max() + generator.uniform(3, 9))
    return Line(canvas[:, : min(end, canvas.shape[1])], "".join(symbols), np.array(middles))


def _choose_hand(generator: np.random.Generator) -> _Hand:
    gap, varies, join = (
        (generator.uniform(-1.6, 0.2), 0.7, 0.15),
        (generator.uniform(0.3, 2.2), 0.8, 0.06),
        (generator.uniform(2, 6), 1.5, 0.0),
        (generator.uniform(5, 14), 2.5, 0.0),
    )[int(generator.choice(4, p=(0.24, 0.3, 0.33, 0.13)))]
    return _Hand(
        scanned=bool(generator.random() < 0.6),
        height=DIGIT_HEIGHT * float(np.exp(np.clip(generator.normal(0, 0.1), -0.3, 0.22))),
        pen=float(np.clip(2.2 * np.exp(generator.normal(0, 0.32)), 1.1, 4.4)),
        wide=float(np.exp(np.clip(generator.normal(-0.05, 0.2), -0.45, 0.5))),
        slant=float(np.clip(generator.normal(0.08, 0.18), -0.35, 0.6)),
        gap=gap,
        varies=varies,
        uneven=float(abs(generator.normal(0, (0.035, 0.1, 0.25)[int(generator.choice(3, p=(0.7, 0.22, 0.08)))]))),
        join=join,
        rise=float(generator.normal(0, 0.015)),
        small=float(generator.uniform(0.4, 0.95)) if generator.random() < 0.4 else 1.0,
        seat=float(generator.uniform(0.3, 1)),
        runs=bool(generator.random() < 0.35),
    )


def _draw(
    glyphs: Glyphs, character: str, hand: _Hand, generator: np.random.Generator
) -> tuple[NDArray[np.float32], float]:
    """A glyph's ink, and the row of its first one where a digit's top is row 0."""
    scanned = hand.scanned if generator.random() < 0.9 else not hand.scanned
    glyph = glyphs.choose(character, scanned, generator)
    # Wide digits of a narrow hand, and letters, are lower than digits are.
    uneven = float(np.clip(generator.normal(0, hand.uneven), -0.8, 0.3))
    smaller = generator.uniform(0.6, 1) if character == OTHER else float(np.exp(uneven))
    zero = character.startswith("0")
    if zero:
        smaller *= hand.small * (generator.uniform(0.5, 1) if len(character) > 1 else 1)
    height = min(hand.height * smaller, 25.0)
    patch = draw_glyph(
        glyph,
        height,
        hand.pen * float(np.exp(generator.normal(0, 0.06))),
        hand.wide * float(np.exp(generator.normal(0, 0.06))),
        hand.slant + generator.normal(0, 0.04),
        generator.normal(0, 0.05),
    )
    seat = hand.seat if zero else 1.0
    return patch, (hand.height - height) * seat - height * ABOVE / TALL


def _in_rows(patch: NDArray[np.float32], top: int) -> NDArray[np.float32]:
    """The rows of the line's picture, of a patch whose first row is `top`."""
    field = np.zeros((HEIGHT, patch.shape[1]), np.float32)
    start, stop = max(0, top), max(0, min(HEIGHT, top + len(patch)))
    if start < stop:
        field[start:stop] = patch[start - top : stop - top]
    return field


def _beside(
    patch: NDArray[np.float32], right: NDArray[np.floating], before: tuple[int, int] | None, gap: float
) -> float:
    """The column where a patch begins that comes as near as `gap` to the ink before it, in any row."""
    inked = patch > 0.3
    # Ink two rows higher or lower is near, too.
    first = ndimage.minimum_filter1d(np.where(inked.any(1), inked.argmax(1), 1000), 5)
    reach = float(np.max(right - first))
    if before is None:
        return float(right.max()) + max(gap, 2)
    # Of two digits, a third of the narrower one lies over or under the other at most.
    lap = 0.33 * min(before[1] - before[0], patch.shape[1])
    return float(max(reach + 1 + gap, before[1] - lap, before[0] + 2))


def _join(canvas: Ink, patch: NDArray[np.float32], right: NDArray[np.floating], x: int, pen: float) -> None:
    """A stroke from the digit before to the next one, as a pen that stays on the paper leaves."""
    inked = patch > 0.3
    first = np.where(inked.any(1), inked.argmax(1), 1000)
    start, end = int(right[6:26].argmax()) + 6, int(first.argmin())
    if not 0 <= x + first[end] - right[start] <= 8:
        return
    layer = Image.new("L", canvas.shape[::-1])
    places = [(float(right[start]) - 1, start), (x + int(first[end]) + 1, end)]
    ImageDraw.Draw(layer).line(places, fill=255, width=max(1, round(0.8 * pen)))
    np.maximum(canvas, np.asarray(layer, np.float32) / 255, out=canvas)


def _choose_text(generator: np.random.Generator) -> str:
    kinds = (_number, _amount, _date, _time, _sum, _mixed)
    text = kinds[int(generator.choice(len(kinds), p=(0.55, 0.15, 0.08, 0.03, 0.1, 0.09)))](generator)
    way = generator.random()
    if way < 0.045:
        return _word(generator) + ":" * int(generator.integers(2)) + _BLANK * int(generator.integers(2)) + text
    if way < 0.08:
        return text + _BLANK * int(generator.integers(2)) + _word(generator)
    if way < 0.1:
        return _word(generator)
    if way < 0.115:
        return _BLANK.join((_word(generator), text, _word(generator), _number(generator)))
    if way < 0.155:
        return text + _BLANK + _number(generator)
    return text


def _word(generator: np.random.Generator) -> str:
    return OTHER * int(generator.integers(1, 8))


def _digits(generator: np.random.Generator, count: int) -> str:
    return "".join(DIGITS[d] for d in generator.integers(0, 10, count))


def _number(generator: np.random.Generator) -> str:
    text = _digits(generator, int(generator.choice(len(_LENGTHS), p=_LENGTHS)) + 1)
    way = generator.random()
    if way < 0.3:  # Of amounts and prices; zeros written fast touch.
        zeros = min(len(text), int(generator.integers(2, 5)))
        return text[:-zeros] + "0" * zeros
    if way < 0.4:  # The same digit twice or three times.
        place = int(generator.integers(len(text)))
        return text[:place] + text[place] * int(generator.integers(1, 3)) + text[place:]
    return text


def _amount(generator: np.random.Generator) -> str:
    """1.234.500,- and the like."""
    groups = [_digits(generator, int(generator.integers(1, 4)))]
    groups += [_digits(generator, 3) if generator.random() < 0.5 else "000" for _ in range(generator.integers(0, 3))]
    thousands, decimal = (".,", ",.", ("", "."), ("", ","))[int(generator.integers(4))]
    text = thousands.join(groups)
    ending = generator.random()
    if ending < 0.4:
        return text + decimal + _digits(generator, 2)
    return text + ("", "", f"{decimal}-", "-", "=", "/-", "--")[int(generator.integers(7))]


def _date(generator: np.random.Generator) -> str:
    day, month = generator.integers(1, 32), generator.integers(1, 13)
    year = generator.integers(1950, 2040)
    if generator.random() < 0.4:
        year %= 100
    sign = "/-."[int(generator.integers(3))]
    wide = "02" if generator.random() < 0.5 else ""
    return sign.join((f"{day:{wide}d}", f"{month:{wide}d}", f"{year:02d}"))


def _time(generator: np.random.Generator) -> str:
    return f"{generator.integers(24)}:{generator.integers(60):02d}"


def _sum(generator: np.random.Generator) -> str:
    first, second, third = (_digits(generator, int(generator.integers(1, 4))) for _ in range(3))
    sign = "+-×÷/:"[int(generator.integers(6))]
    return (
        f"{first}{sign}{second}={third}",
        f"{first}{sign}{second}",
        f"{first}{sign}{second}=",
        f"({first}{sign}{second}){sign}{third}",
        f"{first}%",
        f"{first}.{second}%",
        f"({first})",
        f"={first}",
    )[int(generator.integers(8))]


def _mixed(generator: np.random.Generator) -> str:
    """Digits and marks in any order, so that no mark is read from what usually stands around it alone."""
    count = int(generator.integers(2, 9))
    marks = generator.random(count) < 0.35
    return "".join(
        MARKS[int(generator.integers(len(MARKS)))] if mark else DIGITS[int(generator.integers(10))] for mark in marks
    )


def encode(ink: Ink) -> NDArray[np.uint8]:
    """float32[32,W], 0 to 1 -> uint8[32,W], 0 to 255."""
    return np.rint(ink * 255).astype(np.uint8)
