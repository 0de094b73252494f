"""Where the ink of each symbol of a line is, once it is known which columns say that it is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tenfold.ink.image import Ink

# Pixels that a column of the network's output covers.
COLUMN = 2
# Ink that holds a stroke together, of 255.
_INK = 90
# A component that has this share of its ink between the borders of one symbol belongs to it whole.
_MOST = 0.8


@dataclass(frozen=True)
class Cut:
    """One symbol. box: left, top, right, bottom in the strip, in pixels. ink: float32[H,W] of the box's size, 0 paper
    to 1 ink; where there is none, 1 x 1, and the box is what lies between the symbol's borders."""

    box: tuple[int, int, int, int]
    ink: Ink


def cut_symbols(strip: NDArray[np.uint8], places: Sequence[tuple[int, int]]) -> list[Cut]:
    """Cuts uint8[32,W] into symbols; places: each one's first and past-the-last column of the network's output.

    A symbol's borders are halfway to its neighbors. Ink that holds together goes to the symbol that has most of it, and
    is cut where two have it.
    """
    if not places:
        return []
    middles = [COLUMN * (first + end) / 2 for first, end in places]
    borders = [0, *(round((a + b) / 2) for a, b in pairwise(middles)), strip.shape[1]]
    labels, count = ndimage.label(strip > _INK, np.ones((3, 3)))
    places_of = ndimage.find_objects(labels)
    # The ink of each component between each two borders, and the columns from where it begins to where it ends.
    owners = np.zeros((len(places), count + 1))
    for index, (left, right) in enumerate(pairwise(borders)):
        part = labels[:, left:right]
        owners[index] = np.bincount(part.ravel(), strip[:, left:right].ravel(), count + 1)
    share = owners / np.maximum(owners.sum(0), 1)
    cuts = []
    for index, (left, right) in enumerate(pairwise(borders)):
        mine, others = share[index] >= _MOST, share[index] <= 1 - _MOST
        # All of its columns: those between its borders, and those of the ink that it has whole.
        own = [places_of[number - 1][1] for number in np.flatnonzero(mine).tolist() if number > 0]
        # And one more on each side, for the faint edge of its strokes.
        first = max(0, min([left, *(o.start for o in own)]) - 1)
        last = min(strip.shape[1], max([right, *(o.stop for o in own)]) + 1)
        near = labels[:, first:last]
        between = np.zeros(near.shape, np.bool_)
        between[:, left - first : right - first] = True
        keep = (near > 0) & (mine[near] | (between & ~others[near]))
        cuts.append(_cut(strip[:, first:last], keep, first, (left, right)))
    return cuts


def _cut(strip: NDArray[np.uint8], keep: NDArray[np.bool_], first: int, borders: tuple[int, int]) -> Cut:
    """strip: uint8[32,W], the part of the strip from column `first`. keep: bool[32,W], the symbol's own pixels."""
    rows, columns = np.flatnonzero(keep.any(1)), np.flatnonzero(keep.any(0))
    if len(rows) == 0:
        return Cut((borders[0], 0, borders[1], len(strip)), np.zeros((1, 1), np.float32))
    # With the faint edge of its strokes.
    top, bottom = max(0, int(rows[0]) - 1), min(len(strip), int(rows[-1]) + 2)
    left, right = max(0, int(columns[0]) - 1), min(strip.shape[1], int(columns[-1]) + 2)
    near = ndimage.binary_dilation(keep[top:bottom, left:right], np.ones((3, 3)))
    faint = strip[top:bottom, left:right] <= _INK
    ink = np.where(keep[top:bottom, left:right] | (near & faint), strip[top:bottom, left:right], 0)
    return Cut((first + left, top, first + right, bottom), np.asarray(ink / np.float32(255), np.float32))
