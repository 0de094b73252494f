"""A picture of a page -> the lines that are written on it, each as a strip for the line reader."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold.document.frames import find_writing_size, remove_frames
from tenfold.document.sheet import find_sheet, flatten
from tenfold.document.skew import lines_angle, writing_angle
from tenfold.document.strips import cut_strip, pen_width
from tenfold.document.text_lines import find_lines
from tenfold.ink.image import Gray, Ink
from tenfold.ink.page import find_page_ink
from tenfold.ink.ruled import INKED

# Pixels that all strips of a page are wide together at most: 250 lines of 16 digits.
_MOST = 80_000


@dataclass(frozen=True)
class WrittenLine:
    """A line of writing. strip: uint8[32,W], 0 paper to 255 ink. to_picture: float64[3,3], a homography that takes a
    place (x, y, 1) of the strip to the picture's."""

    strip: NDArray[np.uint8]
    to_picture: NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """Where writing is on a page. ink: float32[H,W], 0 paper to 1 ink, the page upright and its frames removed.
    to_picture: float64[3,3], from the ink's pixels to the picture's. lines: from top to bottom."""

    ink: Ink
    to_picture: NDArray[np.float64]
    lines: list[WrittenLine]


def find_writing(gray: Gray) -> Layout:
    """Luminance float32[H,W], 0 black to 1 white, of a photo, scan or form -> its lines of writing."""
    to_picture = np.eye(3)
    sheet = find_sheet(gray)
    if sheet is not None:
        gray, to_picture = flatten(gray, sheet)
    ink = find_page_ink(gray)
    mask = ink > INKED
    height, written = find_writing_size(mask)
    if height == 0:
        return Layout(ink, to_picture, [])
    edge = _from_edge(ink.shape)
    # Printed lines say how a page lies, or else the writing.
    angle = lines_angle(mask) or writing_angle(mask, written, height)
    if angle:
        edge = turned(edge, angle)[0]
        ink, back = turned(ink, angle)
        to_picture = to_picture @ back
    ink = remove_frames(ink)
    lines, pen = [], pen_width(ink)
    for line in find_lines(ink, edge):
        strip = cut_strip(line, pen)
        lines.append(WrittenLine(strip.pixels, to_picture @ strip.to_page))
    # More is the texture of a wall, a meadow or a page of print.
    return Layout(ink, to_picture, lines if sum(line.strip.shape[1] for line in lines) <= _MOST else [])


def _from_edge(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """How far each pixel is from the edge of the picture, in pixels."""
    rows, columns = (np.minimum(np.arange(length), np.arange(length)[::-1]) for length in shape)
    return np.minimum(rows[:, None], columns[None, :]).astype(np.float32)


def quarter_turned(gray: Gray, turns: int) -> tuple[Gray, NDArray[np.float64]]:
    """Luminance float32[H,W], turned to the left by quarters; and the homography float64[3,3] from its pixels to those
    of before."""
    back = np.eye(3)
    for _ in range(turns):
        # What was at the top right is at the top left.
        back = back @ [[0, -1, gray.shape[1]], [1, 0, 0], [0, 0, 1]]
        gray = np.rot90(gray)
    return np.ascontiguousarray(gray), back


def turned(ink: Ink, degrees: float) -> tuple[Ink, NDArray[np.float64]]:
    """All of float32[H,W], turned to the left; and the homography float64[3,3] from its pixels to those of before."""
    height, width = ink.shape
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    across = int(width * abs(cos) + height * abs(sin)) + 1
    down = int(height * abs(cos) + width * abs(sin)) + 1
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    middle = np.array([[1, 0, width / 2], [0, 1, height / 2], [0, 0, 1]])
    back = middle @ turn @ np.array([[1, 0, -across / 2], [0, 1, -down / 2], [0, 0, 1]])
    page = Image.fromarray(ink).transform(
        (across, down), Image.Transform.AFFINE, tuple(back[:2].ravel()), Image.Resampling.BILINEAR
    )
    return np.asarray(page, np.float32), back
