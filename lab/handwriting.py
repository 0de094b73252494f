"""Pen strokes that write numbers, for tests and pictures of the web app."""

from typing import Any

import numpy as np
from playwright.sync_api import Page

from tenfold.synthesis.drawing import WriterStyle, pen_path
from tenfold.synthesis.skeletons import DIGITS

# One way of writing each digit, by a steady hand.
_WAYS = {way.character: way for way in reversed(DIGITS)}
_STYLE = WriterStyle(places=0.02, proportion=0.05, slant=0.05, turn=2, speed=0.2)


def write_number(text: str, box: Any, seed: int = 0) -> list[np.ndarray]:
    """Strokes, floats[n,2] each, that write `text` in the middle of a box (x, y, width, height; pixels)."""
    generator = np.random.Generator(np.random.PCG64(seed))
    height = min(0.6 * box["height"], 0.9 * box["width"] / len(text))
    strokes = []
    for place, character in enumerate(text):
        parts = [np.asarray(part) for part in pen_path(_WAYS[character].path, generator, _STYLE)]
        points = np.concatenate(parts)
        low, size = points.min(0), np.ptp(points, 0)
        factor = min(height / size[1], 0.75 * height / max(size[0], 1e-6))
        middle = np.array([box["width"] / 2 + (place - (len(text) - 1) / 2) * 0.95 * height, box["height"] / 2])
        strokes += [(part - low - size / 2) * factor + middle for part in parts]
    corner = np.array([box["x"], box["y"]])
    return [stroke + corner for stroke in strokes]


def write_on_pad(page: Page, text: str, seed: int = 0) -> None:
    """Writes `text` on the web app's pad with the mouse."""
    for stroke in write_number(text, page.locator("#ink").bounding_box(), seed):
        page.mouse.move(*stroke[0])
        page.mouse.down()
        for x, y in stroke[1:]:
            page.mouse.move(x, y)
        page.mouse.up()
