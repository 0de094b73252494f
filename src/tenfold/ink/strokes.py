"""Pen strokes -> 28x28, as MNIST was made, the pen's width chosen after scaling: a tablet's own says nothing.

The center line is marked on a grid of 4x4 cells a pixel; every cell within half a pen's width of it is inked; and
each pixel is the mean of its cells. `tenfold.ink.normalize` brings strokes of an image to MNIST's thickness the same
way, so what is drawn and what is photographed look alike to a model.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tenfold.errors import FormatError
from tenfold.ink.fit import BOX, CELLS, center, distance_to, lay_ink
from tenfold.ink.image import Ink

# Pixels: the median thickness of MNIST's strokes, as `tenfold.ink.fit.thickness` measures it.
PEN_WIDTH = 2.4
# Segments that are marked at a time, so that a hundred thousand points take little memory.
_CHUNK = 4096

# A line of writing is at most this many times as long as it is high.
LONGEST = 60
# Values of a point at most: x, y, time, pressure and two of tilt.
_VALUES = 6

Line = NDArray[np.float64]


def draw_strokes(strokes: Sequence[ArrayLike], width: float = PEN_WIDTH) -> NDArray[np.uint8]:
    """Pen strokes of one digit -> uint8[28,28], 0 paper to 255 ink.

    strokes: each float[n,2], x to the right and y down, in any unit; a stroke of one point is a dot, one of none is
    left out. No ink gives 28x28 zeros. width: of the pen, in pixels of the 28x28. Raises `FormatError` for another
    shape, NaN or infinity.
    """
    lines = check_strokes(strokes)
    if not lines:
        return center(np.zeros((0, 0), np.float32))
    return center(lay_ink(distance_to(center_line(lines, width)), width * CELLS / 2))


def draw_stroke_line(
    strokes: Sequence[ArrayLike], height: int, width: float
) -> tuple[Ink, float, tuple[float, float]] | None:
    """Pen strokes of a line of digits -> float32[height,W], 0 paper to 1 ink; None without strokes.

    strokes, errors: as for `draw_strokes`. width: of the pen, in pixels. Returns pixels per unit of the strokes, too,
    and the strokes' place of the picture's left top.
    """
    lines = check_strokes(strokes)
    if not lines:
        return None
    points = np.concatenate(lines)
    low, (across, down) = points.min(0), np.ptp(points, 0)
    # A dash, or a dot, is no line to fill the height with.
    tall = max(down, across / LONGEST)
    scale = (height - width) / tall if tall > 0 else 1.0
    margin = np.array([width, height - down * scale]) / 2
    cells = np.zeros((height * CELLS, int(np.ceil(across * scale + width)) * CELLS), np.bool_)
    for line in lines:
        _mark(cells, ((line - low) * scale + margin) * CELLS)
    x, y = low - margin / scale
    return lay_ink(distance_to(cells), width * CELLS / 2), scale, (float(x), float(y))


def center_line(lines: Sequence[Line], width: float) -> NDArray[np.bool_]:
    """Cells bool[4H,4W] of the 20x20 box that a pen's middle passes, where a pen of that width fills the box."""
    points = np.concatenate(lines)
    low = points.min(0)
    extent = points.max(0) - low
    scale = (BOX - width) / extent.max() if extent.max() > 0 else 0.0
    pixels = np.clip(np.floor(extent * scale + width + 0.5), 1, BOX).astype(int)
    margin = (pixels - extent * scale) / 2
    across, down = pixels * CELLS
    cells = np.zeros((down, across), np.bool_)
    for line in lines:
        _mark(cells, ((line - low) * scale + margin) * CELLS)
    return cells


def check_strokes(strokes: Iterable[ArrayLike]) -> list[Line]:
    """The strokes as float64[n,2], n >= 1, x and y of each point.

    strokes: each float[n,2]; float[n,k], whose further columns (time, pressure) are left out; or, as Quick, Draw! holds
    them, the rows x and y, and perhaps time. Raises `FormatError` for what is none, or may be either.
    """
    arrays = []
    for number, stroke in enumerate(strokes):
        try:
            array = np.asarray(stroke, np.float64)
        except (TypeError, ValueError) as error:
            raise FormatError(f"stroke {number} is not an array of numbers: {error}") from error
        if array.size == 0:
            continue
        if array.ndim != 2 or array.shape[1] < 2:
            raise FormatError(f"stroke {number} has the shape {array.shape}; a stroke is float[n,2], x and y")
        arrays.append(array)
    lines = [array.T if _in_rows(arrays) else array for array in arrays]
    for number, line in enumerate(lines):
        # A coordinate of 1e308 is a number, but the distance between two such is none.
        if not (np.abs(line[:, :2]) <= 1e30).all():
            raise FormatError(f"stroke {number} holds NaN, infinity or a coordinate beyond 1e30")
    return [line[:, :2] for line in lines]


def _in_rows(arrays: Sequence[Line]) -> bool:
    """Whether the strokes are rows of x and of y. Strokes of points all have as many columns."""
    if all(array.shape[1] == 2 for array in arrays) or any(array.shape[0] not in (2, 3) for array in arrays):
        return False
    lengths = {array.shape[1] for array in arrays}
    if len(lengths) > 1 or min(lengths) > _VALUES:
        return True
    raise FormatError(f"strokes of the shape {arrays[0].shape} may be points or rows of x and y: give float[n,2]")


def _mark(cells: NDArray[np.bool_], line: Line) -> None:
    """Sets each cell that the line through the points (in cells) passes, at steps of a cell at most."""
    height, width = cells.shape
    starts, ends = (line[:-1], line[1:]) if len(line) > 1 else (line, line)
    for at in range(0, len(starts), _CHUNK):
        first, last = starts[at : at + _CHUNK], ends[at : at + _CHUNK]
        steps = np.ceil(np.abs(last - first).max(1)).astype(int) + 1
        segment = np.repeat(np.arange(len(steps)), steps)
        step = np.arange(len(segment)) - np.repeat(np.cumsum(steps) - steps, steps)
        share = (step / np.maximum(1, steps[segment] - 1))[:, None]
        place = np.floor(first[segment] * (1 - share) + last[segment] * share).astype(int)
        cells[np.clip(place[:, 1], 0, height - 1), np.clip(place[:, 0], 0, width - 1)] = True
