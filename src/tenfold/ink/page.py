"""A photo or scan of handwriting -> its ink: what is written or printed, without shade, shadow and paper."""

from itertools import pairwise

import numpy as np
from PIL import Image
from scipy import ndimage

from tenfold.ink.ground import FAINTEST, border, detail_is_bright
from tenfold.ink.image import Gray, Ink, reduced

# The paper is looked for at this many pixels a side: strokes vanish there, shadows do not.
_PAPER = 200
# Whether ink is brighter than paper is seen at this many.
_DETAIL = 120
# A shadow's edge is blurred; a stroke stands out from what lies around it within this share of the longer side.
_AROUND = 0.12
# Tiles a side that the paper's noise is measured in, and pixels that they have a side at least: half of each is paper.
_TILES, _LEAST = 12, 100
# Pixels a side of a small picture: its paper is continued by half of its shorter side, if this share of its border
# differs by no more than the last from the border's median. Of MNIST's digits as they are, 99 of 100 are read then; 27
# without, and 17 of the others wrong and sure. Noisy scans, which would get a step there, are left as they are.
_SMALL, _EVEN, _SAME = 400, 0.9, 0.02


def find_page_ink(gray: Gray) -> Ink:
    """Luminance float32[H,W] of a page -> ink float32[H,W], 0 paper; 1 as dark as the typical stroke."""
    edge = border(gray)
    paper = np.median(edge)
    if max(gray.shape) > _SMALL or (np.abs(edge - paper) <= _SAME).mean() < _EVEN:
        return _find(gray)
    margin = min(gray.shape) // 2 + 1
    return _find(np.pad(gray, margin, constant_values=paper))[margin:-margin, margin:-margin]


def _find(gray: Gray) -> Ink:
    small = reduced(gray, _DETAIL)
    if detail_is_bright(small, max(3, int(_AROUND * max(small.shape)) | 1)):
        gray = 1 - gray
    paper = local_paper(gray)
    depth: Ink = np.clip(1 - gray / np.maximum(paper, np.float32(0.02)), 0, None)
    # The table beside the paper is no paper.
    depth[paper < 0.4 * np.median(paper)] = 0
    depth = np.clip(depth - local_noise(depth), 0, None)
    level = ink_level(depth)
    if level < FAINTEST:
        return np.zeros_like(depth)
    return np.asarray(np.clip(depth / level, 0, 1), np.float32)


def local_paper(gray: Gray) -> Gray:
    """How bright the paper is at each place: the brightest of the neighborhood, but for what is smaller than it."""
    block = max(1, max(gray.shape) // _PAPER)
    small = np.asarray(Image.fromarray(gray).reduce(block), np.float32) if block > 1 else gray
    # Closing fills what is narrower than the window and darker than its surroundings: strokes.
    window = max(3, int(_AROUND * max(small.shape)) | 1)
    closed = ndimage.grey_closing(ndimage.median_filter(small, 3), (window, window))
    # At the edge of a shadow, the paper on its dark side is not as bright as the mean around it.
    paper = np.minimum(closed, ndimage.uniform_filter(closed, max(3, window // 2)))
    if block == 1:
        return np.asarray(paper, np.float32)
    height, width = gray.shape
    return np.asarray(Image.fromarray(paper).resize((width, height), Image.Resampling.BILINEAR), np.float32)


def local_noise(depth: Ink) -> Ink:
    """What most noise stays under at each place: most of a page is paper, and this is two and a half times its median
    departure nearby. In the dark corners of a photo noise is stronger, and the paper less surely known."""
    height, width = depth.shape
    rows, columns = (
        np.linspace(0, length, max(1, min(_TILES, length // _LEAST)) + 1).astype(int) for length in depth.shape
    )
    tiles = np.array(
        [
            [np.median(depth[top:bottom:3, left:right:3]) for left, right in pairwise(columns)]
            for top, bottom in pairwise(rows)
        ],
        np.float32,
    )
    # A tile full of ink is as noisy as its neighbors.
    tiles = ndimage.median_filter(tiles, 3)
    return 2.5 * np.asarray(Image.fromarray(tiles).resize((width, height), Image.Resampling.BILINEAR), np.float32)


def ink_level(depth: Ink) -> float:
    """How far a typical stroke departs from the paper: the mean of what Otsu's threshold keeps.

    Otsu (1979), "A threshold selection method from gray-level histograms": the level that parts two classes best.
    """
    counts, edges = np.histogram(depth, 128, (0, max(float(depth.max()), 1e-6)))
    middles = (edges[:-1] + edges[1:]) / 2
    # Plain paper would outweigh all ink.
    counts[0] = min(counts[0], counts[1:].sum() * 4)
    below, total = np.cumsum(counts), counts.sum()
    mass = np.cumsum(counts * middles)
    above = total - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (mass / below - (mass[-1] - mass) / above) ** 2
    cut = int(np.nan_to_num(between[:-1]).argmax())
    kept = counts[cut + 1 :]
    return float((kept * middles[cut + 1 :]).sum() / kept.sum()) if kept.sum() else 0.0
