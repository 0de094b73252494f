"""Degrades composed lines as pages, cameras and scanners do: what is around writing and what removing it takes, pens
that skip or are faint, coarse and torn scans, patterned paper, blur and noise.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

from tenfold.document.strips import HEIGHT
from tenfold.ink.image import Ink


def degrade(ink: Ink, generator: np.random.Generator) -> Ink:
    """What pages, cameras and scanners do to a line: float32[32,W] -> the same shape."""
    ink = ink.copy()
    width = ink.shape[1]
    way = generator.random()
    if way < 0.3:
        _leave_remains(ink, generator)
    elif way < 0.42:
        _remove_frames(ink, generator)
    if generator.random() < 0.35:  # A pen that skips: darker and fainter along its way.
        field = ndimage.zoom(
            generator.normal(0, 1, (4, width // 10 + 2)), (HEIGHT / 4, width / (width // 10 + 2)), order=1
        )
        ink *= np.clip(1 - generator.uniform(0.1, 0.45) * np.abs(field[:HEIGHT, :width]), 0.2, 1)
    if generator.random() < 0.3:  # A coarse scan.
        factor = generator.uniform(0.45, 0.9)
        small = Image.fromarray(ink).resize(
            (max(2, round(width * factor)), round(HEIGHT * factor)), Image.Resampling.BOX
        )
        ink = np.asarray(small.resize((width, HEIGHT), Image.Resampling.BILINEAR), np.float32).copy()
    if generator.random() < 0.5:
        ink = np.asarray(ndimage.gaussian_filter(ink, generator.uniform(0.2, 0.9)))
    if generator.random() < 0.25:  # Torn by a threshold, as black-and-white scans are.
        level = generator.uniform(0.25, 0.6)
        ink = np.clip((ink + generator.normal(0, 0.12, ink.shape) - level) * generator.uniform(3, 12) + 0.5, 0, 1)
    if generator.random() < 0.35:  # What is left of patterned paper.
        pattern = _security_print(width, generator) if generator.random() < 0.7 else _grain(width, generator)
        ink = np.maximum(ink, pattern * generator.uniform(0.1, 0.5))
    # A hard pencil is faint.
    strengths = (0.3, 0.75) if generator.random() < 0.12 else (0.75, 1.3)
    ink = np.clip(ink * generator.uniform(*strengths), 0, 1)
    if generator.random() < 0.4:
        ink = np.clip(ink + generator.normal(0, generator.uniform(0.02, 0.1), ink.shape), 0, 1)
    return np.asarray(ink, np.float32)


def _security_print(width: int, generator: np.random.Generator) -> Ink:
    """One or two families of fine wavy lines, as on checks: float32[32,W], 0 to 1."""
    rows, columns = np.mgrid[:HEIGHT, :width].astype(np.float32)
    pattern = np.zeros((HEIGHT, width), np.float32)
    for _ in range(int(generator.integers(1, 3))):
        angle, pitch = generator.uniform(-1.2, 1.2), generator.uniform(2.5, 6)
        along, across = columns * np.cos(angle) + rows * np.sin(angle), rows * np.cos(angle) - columns * np.sin(angle)
        wave = generator.uniform(0, 6) * np.sin(along * 2 * np.pi / generator.uniform(12, 60) + generator.uniform(0, 6))
        pattern = np.maximum(pattern, np.sin((across + wave) * 2 * np.pi / pitch))
    return np.asarray(np.clip(pattern - generator.uniform(-0.2, 0.6), 0, 1))


def _grain(width: int, generator: np.random.Generator) -> Ink:
    noise = ndimage.gaussian_filter(generator.normal(0, 1, (HEIGHT, width)), generator.uniform(0.5, 1.5))
    return np.asarray(np.clip(noise / noise.std() - generator.uniform(0.8, 2), 0, 1), np.float32)


def _leave_remains(ink: Ink, generator: np.random.Generator) -> None:
    """What is left of boxes, ruled lines and the writing above and below, at the line's edges, and specks."""
    width = ink.shape[1]
    dark = generator.uniform(0.3, 1)
    if generator.random() < 0.3:  # A ruled line, or what is left of it between strokes.
        y = generator.uniform(3 if generator.random() < 0.5 else 24, 29)
        thick, slope = int(generator.integers(1, 3)), generator.normal(0, 0.01)
        rows = np.clip((y + slope * np.arange(width)).astype(int), 0, HEIGHT - 2)
        left = generator.random(width // 8 + 1).repeat(8)[:width] < generator.uniform(0.2, 1)
        for row in range(thick):
            ink[rows[left] + row, np.flatnonzero(left)] = np.maximum(ink[rows[left] + row, np.flatnonzero(left)], dark)
    for _ in range(int(generator.integers(1, 5))):
        way, x, size = generator.random(), int(generator.integers(width)), int(generator.integers(2, 14))
        thick = int(generator.integers(1, 3))
        at_top = generator.random() < 0.5
        rows = slice(0, thick) if at_top else slice(HEIGHT - thick, HEIGHT)
        if way < 0.35:  # A piece of a level line.
            ink[rows, x : x + 2 * size] = dark
        elif way < 0.6:  # The end of an upright one.
            length = int(generator.integers(2, 6))
            ink[slice(0, length) if at_top else slice(HEIGHT - length, HEIGHT), x : x + thick] = dark
        elif way < 0.8:  # Parts of other lines.
            length = int(generator.integers(2, 5))
            edge = slice(0, length) if at_top else slice(HEIGHT - length, HEIGHT)
            ink[edge, x : x + size] = np.maximum(ink[edge, x : x + size], dark * (generator.random() < 0.7))
        else:
            y = int(generator.integers(HEIGHT - 2))
            ink[y : y + thick, x : x + thick] = np.maximum(ink[y : y + thick, x : x + thick], dark)


def _remove_frames(ink: Ink, generator: np.random.Generator) -> None:
    """What taking away a frame takes from the digits that touch it, where their strokes run along its lines; and sides
    that stayed, which are higher than any digit."""
    width = ink.shape[1]
    inked = np.flatnonzero((ink > 0.3).any(1))
    top, bottom = (int(inked[0]), int(inked[-1])) if len(inked) else (5, 27)
    thick = int(generator.integers(1, 4))
    for edge in (top, bottom - thick + 1):
        if generator.random() < 0.6:
            y = edge + round(generator.normal(0, 1.5))
            gone = np.repeat(generator.random(width // 7 + 1) < generator.uniform(0.3, 1), 7)[:width]
            ink[max(0, y) : max(0, y + thick), gone] *= generator.uniform(0, 0.3)
    for _ in range(int(generator.integers(0, 1 + width // 25))):
        x, y, length = int(generator.integers(width)), int(generator.integers(HEIGHT)), int(generator.integers(4, 14))
        ink[y : y + length, x : x + thick] *= generator.uniform(0, 0.3)
    if generator.random() < 0.3:
        for _ in range(int(generator.integers(1, 4))):
            x, dark = int(generator.integers(width)), generator.uniform(0.3, 1)
            side = slice(int(generator.integers(4)), HEIGHT - int(generator.integers(4)))
            ink[side, x : x + thick] = np.maximum(ink[side, x : x + thick], dark)
