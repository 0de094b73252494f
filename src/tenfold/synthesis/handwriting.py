"""Lines of characters as one hand writes them: with one pen, one slant, and neighbors as close as is asked for."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tenfold.ink.image import Ink
from tenfold.synthesis.glyphs import ABOVE, TALL, Glyphs, draw_glyph

# Pixels that digits are high, at least and at most, and that a line is wide at most.
_LOWEST, _HIGHEST, _WIDEST = 24, 110, 820
# The thickness of pens, in digit heights, and the share of red, green and blue that their ink lets pass.
_PENS = (0.07, 0.16)
_COLORS = ((0.1, 0.1, 0.11), (0.2, 0.2, 0.2), (0.4, 0.4, 0.41), (0.1, 0.15, 0.5), (0.2, 0.3, 0.65), (0.65, 0.12, 0.15))
# Rows of a line above its base line and below it, in digit heights: a bracket of a large hand fits.
_RISE, _FALL = 1.5, 0.55
# Neighbors whose boxes overlap do so by this at most, in digit heights; below `_NEAR`, spaces are between ink.
_OVERLAP, _NEAR = 0.2, 0.12
# Ink fainter than this is the rim of a stroke.
_INKED = 0.3


@dataclass(frozen=True, kw_only=True)
class Hand:
    """How somebody writes. scanned: whether the glyphs are of images, or drawn. height, pen: in pixels. wide, slant: as
    `draw_glyph` has them. color: the share of red, green and blue that the ink lets pass."""

    glyphs: Glyphs
    scanned: bool
    height: float
    pen: float
    wide: float
    slant: float
    color: tuple[float, ...]


def some_hand(glyphs: Glyphs, generator: np.random.Generator, space: float) -> Hand:
    """space: how many digit heights a line is wide at most."""
    highest = np.clip(_WIDEST / space, _LOWEST + 1, _HIGHEST)
    height = float(np.exp(generator.uniform(np.log(_LOWEST), np.log(highest))))
    return Hand(
        glyphs=glyphs,
        scanned=bool(generator.random() < 0.7),
        height=height,
        pen=max(1.7, generator.uniform(*_PENS) * height),
        wide=generator.uniform(0.85, 1.15),
        slant=float(np.clip(generator.normal(0, 0.12), -0.3, 0.3)),
        color=_COLORS[generator.integers(len(_COLORS))],
    )


def write_line(written: str, hand: Hand, spaces: tuple[float, float], generator: np.random.Generator) -> Ink:
    """A line, float32[H,W], 0 paper to 1 ink, as wide as its ink and 2.05 digit heights high.

    spaces: what neighbors are apart, from and to, in digit heights: their boxes, if that is more than `_NEAR`; else
    their ink where it is nearest, and less than 0 where they overlap.
    """
    unit, usual = hand.height, generator.uniform(*spaces)
    line = np.zeros((round((_RISE + _FALL) * unit), round(2 * unit * (len(written) + 1))), np.float32)
    # Of each row: the column after the last ink.
    ends, width = np.full(len(line), -np.inf), 0
    for character in written:
        drawn = write_character(character, hand, generator)
        inked = drawn > _INKED
        any_ink = inked.any(1)
        starts = np.where(any_ink, inked.argmax(1), np.inf)
        left = 0
        if width:
            space = np.clip(usual + generator.normal(0, 0.25) * (spaces[1] - spaces[0]), *spaces) * unit
            if spaces[1] > _NEAR:
                ends[:] = width
            # Strokes that pass each other diagonally touch, too.
            gap = float((starts - ndimage.maximum_filter1d(ends, 3)).min())
            left = round(np.clip(space - gap, max(0, width - _OVERLAP * unit), width + space))
        put(line, drawn, 0, left)
        ends = np.maximum(ends, np.where(any_ink, left + drawn.shape[1] - inked[:, ::-1].argmax(1), -np.inf))
        width = max(width, left + drawn.shape[1])
    return line[:, :width]


def write_character(character: str, hand: Hand, generator: np.random.Generator) -> Ink:
    """One character as high as a line, cut to the columns of its ink: float32[H,W]."""
    glyph = hand.glyphs.choose(character, hand.scanned, generator)
    height = hand.height * float(np.clip(np.exp(generator.normal(0, 0.05)), 0.85, 1.15))
    wide = hand.wide * float(np.exp(generator.normal(0, 0.05)))
    ink = draw_glyph(glyph, height, hand.pen, wide, hand.slant, generator.normal(0, 0.04))
    columns = np.flatnonzero((ink > _INKED).any(0))
    ink = ink[:, columns[0] : columns[-1] + 1]
    placed = np.zeros((round((_RISE + _FALL) * hand.height), ink.shape[1]), np.float32)
    base = (_RISE + float(np.clip(generator.normal(0, 0.03), -0.08, 0.08))) * hand.height
    put(placed, ink, round(base - height * (ABOVE + TALL) / TALL), 0)
    return placed


def put(page: Ink, ink: Ink, top: int, left: int) -> None:
    """Adds ink to a page at a place, in place; what lies beyond the page is lost."""
    rows, columns = (slice(max(start, 0), start + size) for start, size in zip((top, left), ink.shape, strict=True))
    under = page[rows, columns]
    np.maximum(under, ink[max(-top, 0) :, max(-left, 0) :][: under.shape[0], : under.shape[1]], out=under)
