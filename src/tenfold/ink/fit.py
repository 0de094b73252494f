"""Ink of any size -> the 20x20 box in the 28x28 field, with strokes as thick as MNIST's.

"The original black and white images were size normalized to fit in a 20x20 pixel box while preserving their aspect
ratio. The resulting images contain gray levels as a result of the anti-aliasing technique used by the normalization
algorithm. The images were centered in a 28x28 image by computing the center of mass of the pixels, and translating
the image so as to position this point at the center of the 28x28 field." - LeCun, Bottou, Bengio and Haffner (1998),
"Gradient-based learning applied to document recognition", section III.A.

Ink here is float32, 0 paper to 1 ink, in any size.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from tenfold.ink import SIDE as SIDE
from tenfold.ink.image import Ink

BOX = 20
# Cells a pixel, each way, where strokes are made thicker or thinner.
CELLS = 4
# Pixels: strokes are brought to these at least and at most. Most of MNIST's lie between them (docs/development/log.md).
THINNEST, THICKEST = 2.2, 3.66


def fit(ink: Ink) -> Ink:
    """float32[H,W], cut to its ink -> float32 of 20x20 at most, the aspect kept.

    Strokes that would come out thinner or thicker than MNIST's are brought to the nearest thickness that MNIST has.
    """
    usual = thickness(ink)
    wanted = min(max(usual, THINNEST), THICKEST)
    if wanted == usual or usual >= BOX:
        return scale(ink, BOX / max(ink.shape))
    return redraw(ink, usual, wanted)


def redraw(ink: Ink, usual: float, wanted: float) -> Ink:
    """float32[H,W] with strokes `usual` thick -> float32 of 20x20 at most with strokes `wanted` thick, about the same
    center lines. Both are as `thickness` gives it."""
    # It is the center lines that keep their proportions: the box holds them and half a stroke on each side.
    size, width = max(ink.shape), usual * max(ink.shape) / BOX
    factor = (BOX - wanted) / (size - width)
    inked = inked_cells(scale(ink, factor * CELLS))
    swell = (wanted - width * factor) / 2 * CELLS  # Cells that strokes grow by all round.
    canvas = np.pad(inked, max(0, int(np.ceil(swell))))[: BOX * CELLS, : BOX * CELLS]
    canvas = np.pad(canvas, [(0, -length % CELLS) for length in canvas.shape])
    return lay_ink(distance_to_edge(canvas), swell)


def distance_to_edge(inked: NDArray[np.bool_]) -> Ink:
    """How far each cell's center is from the ink's edge, in cells; negative inside. The edge runs half a cell from the
    outermost centers."""
    return np.where(inked, np.float32(0.5) - distance_to(~inked), distance_to(inked) - np.float32(0.5))


def inked_cells(fine: Ink) -> NDArray[np.bool_]:
    """Which cells are ink: those about half as dark as the darkest near them, so that faint strokes don't break."""
    darkest = ndimage.maximum_filter(fine, 4 * CELLS + 1)
    # Not a half: ink without gray has cells of exactly that, and rounding would decide.
    return np.asarray(fine >= 0.49 * np.maximum(darkest, 0.3))


def thickness(ink: Ink) -> float:
    """The mean width of the strokes when the ink fills the 20x20 box, in its pixels.

    On average, a point of a stroke is a quarter of the stroke's width from the nearer edge.
    """
    inked = inked_cells(scale(ink, BOX * CELLS / max(ink.shape)))
    if not inked.any():
        return 0.0
    # Beyond the ink's own box there is paper. The edge runs half a cell before the first cell of paper.
    inside = np.pad(inked, 1)
    return 4 * (float(distance_to(~inside)[inside].mean()) - 0.5) / CELLS


def scale(ink: Ink, factor: float) -> Ink:
    """Each new pixel the mean of what it covers; smooth between pixels where it grows."""
    height, width = (max(1, int(length * factor + 0.5)) for length in ink.shape)
    if (height, width) == ink.shape:
        return ink
    way = Image.Resampling.BOX if factor < 1 else Image.Resampling.BILINEAR
    scaled = np.asarray(Image.fromarray(ink).resize((width, height), way))
    # A hairline that covers part of a pixel stays as dark as MNIST's strokes are.
    return np.asarray(np.clip(scaled / max(float(scaled.max()), 1e-6), 0, 1), np.float32)


def distance_to(cells: NDArray[np.bool_]) -> Ink:
    """How far each cell's center is from that of the nearest set one, in cells; infinite where none is set."""
    if not cells.any():
        return np.full(cells.shape, np.inf, np.float32)
    return np.asarray(ndimage.distance_transform_edt(~cells), np.float32)


def lay_ink(distance: Ink, reach: float) -> Ink:
    """float32[4H,4W] -> float32[H,W]: ink on cells nearer than `reach`, its edge a cell wide; each 4x4's mean."""
    fine = np.clip(reach + 0.5 - distance, 0, 1)
    height, width = (length // CELLS for length in fine.shape)
    return np.asarray(fine.reshape(height, CELLS, width, CELLS).mean((1, 3)), np.float32)


def center(ink: Ink) -> NDArray[np.uint8]:
    """float32[H,W] of 20x20 at most -> uint8[28,28] with its center of mass in the middle, as near as pixels allow."""
    field = np.zeros((SIDE, SIDE), np.uint8)
    total = float(ink.sum())
    if total == 0:
        return field
    height, width = ink.shape
    row = float(ink.sum(1) @ np.arange(height)) / total
    column = float(ink.sum(0) @ np.arange(width)) / total
    # MNIST's makers put the center of mass on pixel 14, not on the corner between 13 and 14 where the middle is:
    # rounded to it, 99 % of MNIST's images are given back as they are, and next to none the other way.
    top = int(np.clip(np.floor(SIDE / 2 - row + 0.5), 0, SIDE - height))
    left = int(np.clip(np.floor(SIDE / 2 - column + 0.5), 0, SIDE - width))
    field[top : top + height, left : left + width] = np.floor(ink * 255 + 0.5)
    return field
