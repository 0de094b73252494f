"""Luminance -> ink: what is paper, what is written on it, and what is neither (shade, noise, ruled lines, specks)."""

import numpy as np
from PIL import Image
from scipy import ndimage

from tenfold.ink.image import Gray, Ink
from tenfold.ink.ruled import drop_ruled_lines

# Ink must differ from paper by this much of the full range, or there is none to read.
FAINTEST = 0.06
# A blot smaller than this share of the largest one is a speck of paper, not a stroke.
SPECK = 0.02
# A blot that is nowhere as dark as this, of the darkest, is shade.
SHADE = 0.35
# What is fainter than this, of the darkest, is the haze beside a shadow.
HAZE = 0.12
# In a small picture with fog, this.
FOG = 0.25
# Pixels a side below which a picture has no shade, noise or ruled lines worth looking for: it is a scan cut small.
SMALL = 40
# What paper that lies level varies by, of the full range.
LEVEL = 0.05
# Share of the longer side that no stroke is as wide as.
_STROKE = 0.3
# What a ruled line inks of the picture's width or height at least.
RULED = 0.75


def find_ink(gray: Gray) -> Ink:
    """Luminance float32[H,W] of one digit -> ink float32[H,W], 0 paper to 1 ink, whichever of the two is the darker."""
    if max(gray.shape) <= SMALL:
        return drop_specks(_small_ink(gray))
    if paper_is_dark(gray):
        gray = 1 - gray
    ink = stretch(subtract_noise(np.clip(1 - gray / np.maximum(shaded_paper(gray), 0.02), 0, None)))
    ink[ink < HAZE] = 0
    return drop_specks(without_lines(ink))


def _small_ink(gray: Gray) -> Ink:
    turned = 1 - gray if paper_is_dark(gray) else gray
    paper = level_paper(turned)
    if is_evenly_lit(turned, paper):
        return stretch(subtract_noise(np.clip(paper - turned, 0, None)))
    if detail_is_bright(gray, int(_STROKE * max(gray.shape)) | 1):
        gray = 1 - gray
    ink = stretch(np.clip(shaded_paper(gray) - gray, 0, None))
    ink[ink < FOG] = 0
    return ink


def paper_is_dark(gray: Gray) -> bool:
    """Whether ink is the brighter of the two.

    Paper is most of the border and most of the whole; either alone is wrong for a bold digit that fills its picture.
    """
    return bool(border(gray).mean() + gray.mean() < gray.min() + gray.max())


def level_paper(gray: Gray) -> float:
    """The brightness of paper that has but one: the median of the border's brighter half of the range."""
    edge = border(gray)
    return float(np.median(edge[edge >= (edge.max() + gray.min()) / 2]))


def is_evenly_lit(gray: Gray, paper: float) -> bool:
    """Whether the border of a small picture is paper of one brightness, but for the ink that runs over it.

    Ink and paper are all there is on a clean border; fog is neither.
    """
    edge, ink = border(gray), float(gray.min())
    return bool((np.minimum(np.abs(edge - paper), np.abs(edge - ink)) < LEVEL).mean() >= 0.5)


def detail_is_bright(gray: Gray, window: int) -> bool:
    """Whether what stands out from a window around it is brighter than it: by the skewness of the detail.

    What is fainter than any ink is paper's noise: on a black page it would be as dark as ink is on a white one.
    """
    detail = gray - ndimage.median_filter(gray, window)
    return bool((detail**3).sum() > 0 and detail.max() >= FAINTEST)


def shaded_paper(gray: Gray) -> Gray:
    """Paper under light that changes, shadows with hard edges too: what is left when narrow dark things are filled.

    Closing (Serra 1982) with a window wider than any stroke; a shadow that is wider than the window stays as it is.
    """
    block = max(1, max(gray.shape) // 60)
    small = np.asarray(Image.fromarray(gray).reduce(block), np.float32) if block > 1 else gray
    window = int(_STROKE * max(small.shape)) | 1
    edge = window // 2
    padded = np.pad(ndimage.median_filter(small, 3), edge, mode="edge")
    closed = ndimage.grey_closing(padded, (window, window))[edge:-edge, edge:-edge]
    height, width = gray.shape
    return np.asarray(Image.fromarray(closed).resize((width, height), Image.Resampling.BILINEAR), np.float32)


def subtract_noise(depth: Ink) -> Ink:
    """What the paper itself varies by is not ink: blank where nothing stands out from it.

    Noise is judged on the border. Twice what nine tenths of it stay under is 3.3 deviations of normal noise, and leaves
    next to none; paper without noise loses nothing. A stroke that runs over the border must not pass for noise: never
    more than a quarter of the darkest is taken off.
    """
    noise = min(2 * float(np.quantile(border(depth), 0.9)), 0.25 * float(depth.max()))
    return np.clip(depth - noise, 0, None) if depth.max() >= FAINTEST else np.zeros_like(depth)


def stretch(depth: Ink) -> Ink:
    """Brings the darkest ink to 1."""
    peak = float(depth.max())
    return depth if peak == 0 else np.asarray(depth / peak, np.float32)


def without_lines(ink: Ink) -> Ink:
    """Clears lines that cross the whole picture: of squared or ruled paper, of a box to write in.

    A stroke that fills its picture is such a line too, be it the bar of a 7: only where a digit is left that keeps off
    the edges was the paper ruled.
    """
    rest = drop_ruled_lines(ink, RULED)
    if rest is ink:
        return ink
    left, whole = rest > 0.25, ink > 0.25
    if left.sum() < 0.1 * whole.sum():
        return ink
    rows, columns = np.flatnonzero(left.any(1)), np.flatnonzero(left.any(0))
    high, wide = ink.shape
    return rest if np.ptp(rows) < 0.95 * high and np.ptp(columns) < 0.95 * wide else ink


def drop_specks(ink: Ink) -> Ink:
    """Clears blots that hold less than 2 % of the ink of the largest, and those that are faint all over."""
    blots, count = ndimage.label(ink > 0, structure=np.ones((3, 3)))
    if count < 2:
        return ink
    masses = np.bincount(blots.ravel(), weights=ink.ravel())
    masses[0] = 0
    peaks = np.zeros(count + 1, np.float32)
    np.maximum.at(peaks, blots.ravel(), ink.ravel())
    keep = (masses >= SPECK * masses.max()) & (peaks >= SHADE)
    return np.where(keep[blots], ink, np.float32(0))


def border(values: Gray) -> Gray:
    """The outermost pixels, float32[2 (H + W)]."""
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
