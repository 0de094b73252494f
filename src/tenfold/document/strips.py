"""A line of writing -> the strip that the line reader reads: level, its digits 22 pixels high."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from tenfold.document.text_lines import TextLine
from tenfold.ink.image import Ink
from tenfold.ink.ruled import INKED, run_lengths

HEIGHT, DIGIT_HEIGHT = 32, 22
# Pixels before and after the writing.
MARGIN = 6
# Pixels that a strip is wide at most: a line of a hundred digits.
WIDEST = 4096
# A line's slope is judged as if it had this much more ink on the level, in shares of its height squared: few digits of
# different form look askew.
_STEADY = 1.0
# Rows between which this share of the ink lies are those of the digits; tails and slashes reach beyond.
_BODY = 0.03
# Strokes are no thinner than this on a strip, in pixels.
_PEN = 1.3


@dataclass(frozen=True)
class Strip:
    """pixels: uint8[32,W], 0 paper to 255 ink. to_page: float64[3,3], takes (x, y, 1) of the strip to the page's."""

    pixels: NDArray[np.uint8]
    to_page: NDArray[np.float64]


def cut_strip(line: TextLine, pen: float) -> Strip:
    """pen: how thick the strokes of the page are, in pixels: thinner ones than a strip can show are thickened."""
    ink, (left, top, _, _) = line.ink, line.box
    slope = _slope(ink, line.height)
    first, last = _body(ink, slope)
    height = max(last - first, 1.0)
    scale = min(DIGIT_HEIGHT / height, (WIDEST - 2 * MARGIN) / ink.shape[1])
    width = int(np.ceil(ink.shape[1] * scale)) + 2 * MARGIN
    # From the strip to the line's ink: x' = (x - MARGIN) / scale; y' = (y - HEIGHT / 2) / scale + middle + slope x'.
    middle = (first + last) / 2
    step = 1 / scale
    to_ink = np.array(
        [
            [step, 0, -MARGIN * step],
            [slope * step, step, middle - HEIGHT / 2 * step - slope * MARGIN * step],
            [0, 0, 1],
        ]
    )
    ink = _level(ink)
    missing = int(_PEN / scale - pen)
    if missing > 1:
        ink = ndimage.maximum_filter(ink, missing | 1)
    pixels = np.rint(255 * _resampled(ink, to_ink, width)).astype(np.uint8)
    return Strip(pixels, np.array([[1, 0, left], [0, 1, top], [0, 0, 1]]) @ to_ink)


def _slope(ink: Ink, height: float) -> float:
    """Rows per column that a line of writing falls to the right: a regression over its ink, held near level."""
    rows, columns = np.nonzero(ink > INKED)
    x, y = columns - columns.mean(), rows - rows.mean()
    return float((x * y).mean() / ((x * x).mean() + _STEADY * height**2))


def _body(ink: Ink, slope: float) -> tuple[float, float]:
    """The first and the last row of a line's digits, where the line begins."""
    rows, columns = np.nonzero(ink > INKED)
    places = np.sort(rows + 0.5 - slope * (columns + 0.5))
    first, last = np.quantile(places, (_BODY, 1 - _BODY))
    spare = _BODY * (last - first)
    return max(float(first - spare), float(places[0]) - 0.5), min(float(last + spare), float(places[-1]) + 0.5)


def _level(ink: Ink) -> Ink:
    """The ink, 1 where it is as dark as most of it."""
    inked = ink[ink > INKED]
    return np.clip(ink / max(float(np.quantile(inked, 0.7)), 1e-6), 0, 1) if len(inked) else ink


def pen_width(ink: Ink) -> float:
    """How thick most strokes are, in pixels; 0 without any."""
    mask = ink > 0.5
    inked = np.minimum(run_lengths(mask, 0), run_lengths(mask, 1))[mask]
    return float(np.median(inked)) if len(inked) else 0.0


def _resampled(ink: Ink, to_ink: NDArray[np.float64], width: int) -> Ink:
    """float32[32,width]; each pixel the mean of about what it covers."""
    block = max(1, int(to_ink[0, 0] * 0.75))
    # Blocks are counted from the first pixel: what is left at the ends is paper.
    padded = np.pad(ink, [(0, -length % block) for length in ink.shape])
    small = np.asarray(Image.fromarray(padded).reduce(block), np.float32) if block > 1 else padded
    data = to_ink[:2] / block
    strip = Image.fromarray(small).transform(
        (width, HEIGHT), Image.Transform.AFFINE, tuple(data.ravel()), Image.Resampling.BILINEAR
    )
    return np.asarray(strip, np.float32)
