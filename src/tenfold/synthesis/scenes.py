"""Scenes: pictures of handwritten numbers as people take them, made to develop and measure reading on.

A scene is layers of ink on paper, some of it printed, seen by the camera of `camera.py`. Glyphs that no reader was
trained on make it a fair measure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold.document.sheet import project, solve_homography
from tenfold.errors import UsageError
from tenfold.ink.image import Ink
from tenfold.synthesis.camera import Color, desk, lay_on_desk, light, photograph, smooth_noise
from tenfold.synthesis.glyphs import Glyphs
from tenfold.synthesis.handwriting import put, some_hand, write_character, write_line

# Space between neighbors in digit heights, as `write_line` takes it.
_APART, _CLOSE, _TOUCHING = (0.15, 0.5), (0.05, 0.11), (-0.05, 0.0)
# The share of red, green and blue that papers reflect.
_PAPERS = ((0.95, 0.95, 0.94), (0.87, 0.87, 0.88), (0.78, 0.79, 0.8), (0.93, 0.88, 0.74), (0.95, 0.9, 0.6))
# Degrees that a page is turned by where it is not askew, at most.
_LEVEL = 2.0
# Degrees that a sheet on a desk is turned by, and the share by which a side of it is nearer or farther, at most.
_TURN, _PERSPECTIVE = 12.0, 0.15

# What is drawn in one color: 0 paper to 1 ink, and the color.
_Layer = tuple[Ink, Sequence[float]]
_Corners = NDArray[np.float64]
# Paper with writing, what is written, and the corners of the sheet.
_Page = tuple[Color, str, _Corners | None]


@dataclass(frozen=True, eq=False)
class Scene:
    """picture: uint8[H,W] or uint8[H,W,3]. text: the digits, lines joined by a newline; written: with the marks.

    sheet: float64[4,2], x and y of the paper's corners, clockwise from the top left, where a desk shows next to it;
    they may lie beyond the picture.
    """

    kind: str
    picture: NDArray[np.uint8]
    text: str
    written: str
    sheet: _Corners | None = None


def make_scene(kind: str, glyphs: Glyphs, seed: int) -> Scene:
    """kind: one of `KINDS`. The same kind, glyphs and seed give the same scene. Raises `UsageError` for other kinds."""
    if kind not in _MAKERS:
        raise UsageError(f"there is no kind of scene {kind!r}: choose one of {', '.join(KINDS)}")
    generator = np.random.Generator(np.random.PCG64([KINDS.index(kind), seed]))
    page, written, sheet = _MAKERS[kind](glyphs, generator)
    text = "\n".join("".join(filter(str.isdigit, line)) for line in written.split("\n"))
    return Scene(kind, photograph(light(page, generator), generator), text, written, sheet)


def _number(generator: np.random.Generator) -> str:
    return "".join(map(str, generator.integers(0, 10, generator.integers(3, 9))))


def _with_marks(generator: np.random.Generator) -> str:
    """A date, a decimal, a time, a sum or a percentage."""
    a, b, c = (int(value) for value in generator.integers(1, 100, 3))
    form = generator.integers(6)
    if form < 2:
        pad, year = int(generator.integers(1, 3)), int(generator.integers(1950, 2030))
        day, month = (f"{generator.integers(1, most):0{pad}d}" for most in (29, 13))
        mark = str(generator.choice(["/", ".", "-"]))
        return mark.join([day, month, str(year) if generator.random() < 0.6 else f"{year % 100:02d}"])
    if form == 2:
        return (
            f"{a * b}{generator.choice(['.', ','])}{c:02d}" if generator.random() < 0.6 else f"{a % 10}.{b * 100 + c}"
        )
    if form == 3:
        return f"{generator.integers(0, 24):02d}:{generator.integers(0, 60):02d}"
    if form == 4:
        return str(generator.choice([f"{a}+{b}={a + b}", f"{a + b}-{a}={b}", f"{a}\N{MULTIPLICATION SIGN}{b}={a * b}"]))
    return f"{a}%" if generator.random() < 0.5 else f"{a},{c % 10}%"


def _line(
    glyphs: Glyphs,
    generator: np.random.Generator,
    spaces: tuple[float, float] = _APART,
    tilt: tuple[float, float] = (0, _LEVEL),
    compose: Callable[[np.random.Generator], str] = _number,
) -> _Page:
    """One line on plain paper. tilt: degrees, either way."""
    written = compose(generator)
    hand = some_hand(glyphs, generator, 1.1 * len(written))
    ink = _turned(write_line(written, hand, spaces, generator), generator.choice([-1, 1]) * generator.uniform(*tilt))
    return _paper([(ink, hand.color)], _margins(hand.height, generator), generator), written, None


def _boxes(glyphs: Glyphs, generator: np.random.Generator) -> _Page:
    """Digits in separate boxes, in boxes that share sides, or between the ticks of a comb."""
    form, written = generator.choice(["separate", "joined", "comb"]), _number(generator)
    hand = some_hand(glyphs, generator, 1.7 * len(written))
    unit = hand.height
    wide, high = generator.uniform(0.95, 1.6) * unit, generator.uniform(1.1, 1.6) * unit
    step = wide + (generator.uniform(0.1, 0.5) * unit if form == "separate" else 0)
    tick = high * (generator.uniform(0.15, 0.6) if form == "comb" else 1)
    half, edge = generator.uniform(1, 4) / 2, 0.4 * unit
    ink = np.zeros((round(high + 2 * edge), round(len(written) * step + 2 * edge)), np.float32)
    frame = np.zeros_like(ink)
    for index, character in enumerate(written):
        left, top = edge + index * step, edge
        right, bottom = left + wide, top + high
        drawn = write_character(character, hand, generator)
        rows = np.flatnonzero(drawn.any(1))
        drawn = drawn[rows[0] : rows[-1] + 1]
        middle = np.array([top + bottom, left + right]) / 2 + generator.normal(0, (0.07, 0.1)) * unit
        put(ink, drawn, *np.rint(middle - np.array(drawn.shape) / 2).astype(int))
        for x in (left, right):
            put(frame, *_bar(x - half, bottom - tick - half, x + half, bottom + half))
        for y in (bottom,) if form == "comb" else (top, bottom):
            put(frame, *_bar(left - half, y - half, right + half, y + half))
    gray = generator.random() < 0.6
    color = (generator.uniform(0, 0.75, 1).repeat(3) if gray else generator.uniform(0.1, 0.85, 3)).tolist()
    tilt = generator.uniform(-_LEVEL, _LEVEL)
    layers: list[_Layer] = [(_turned(frame, tilt), color), (_turned(ink, tilt), hand.color)]
    return _paper(layers, _margins(unit, generator), generator), written, None


def _squared(glyphs: Glyphs, generator: np.random.Generator) -> _Page:
    """A line on squared paper that lies nearly level."""
    written = _number(generator)
    hand = some_hand(glyphs, generator, 1.1 * len(written))
    left, top, right, bottom = _margins(hand.height, generator)
    ink = np.pad(write_line(written, hand, _APART, generator), ((top, bottom), (left, right)))
    ink = _turned(ink, generator.uniform(-_LEVEL, _LEVEL))
    pitch = float(np.exp(generator.uniform(np.log(8), np.log(60))))
    half = min(generator.uniform(0.7, 2.5), pitch / 6) / 2
    turn = np.radians(generator.uniform(-_LEVEL, _LEVEL))
    y, x = np.indices(ink.shape)
    squares = np.zeros_like(ink)
    for place in (x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)):
        away = np.abs((place + generator.uniform(0, pitch)) % pitch - pitch / 2)
        np.maximum(squares, np.clip(0.5 + half - away, 0, min(1, 2 * half)), out=squares)
    faint, shares = generator.uniform(0.12, 0.5), (1, 1, 1) if generator.random() < 0.5 else (1, 0.7, 0.3)
    return (
        _paper([(squares, [1 - faint * share for share in shares]), (ink, hand.color)], (0, 0, 0, 0), generator),
        written,
        None,
    )


def _edge(glyphs: Glyphs, generator: np.random.Generator) -> _Page:
    """A line cut from a page: at one or two sides shows the desk, or a printed line or the dark band of a table."""
    written = _number(generator)
    hand = some_hand(glyphs, generator, 1.1 * len(written))
    ink = _turned(write_line(written, hand, _APART, generator), generator.uniform(-_LEVEL, _LEVEL))
    margins = _margins(hand.height, generator)
    page = _paper([(ink, hand.color)], margins, generator)
    height, width = page.shape[:2]
    on_desk = bool(generator.random() < 0.6)
    if on_desk:
        beside = desk((height, width), float(page.mean()), generator)
    else:
        beside = np.full_like(page, generator.uniform(0, 0.45) * generator.uniform(0.8, 1.2, 3))
    corners = _corners(0, 0, width, height)
    chosen = generator.choice(4, generator.integers(1, 3), replace=False)
    for side in chosen:
        ends, axis = [side, (side + 1) % 4], 1 - side % 2
        inwards = 1 if side in (0, 3) else -1
        corners[ends, axis] += inwards * margins[side] * generator.uniform(0.25, 0.65) * generator.uniform(0.7, 1.3, 2)
    y, x = np.indices((height, width)) + 0.5
    for side in chosen:
        (x0, y0), (x1, y1) = corners[side], corners[(side + 1) % 4]
        within = ((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / np.hypot(x1 - x0, y1 - y0)
        thick = np.inf if on_desk or generator.random() < 0.3 else generator.uniform(1, 6)
        share = (np.clip(0.5 - within, 0, 1) * np.clip(0.5 + thick + within, 0, 1))[..., None]
        page = np.asarray(page + (beside - page) * share, np.float32)
    return page, written, corners if on_desk else None


def _note(glyphs: Glyphs, generator: np.random.Generator) -> _Page:
    """One to three lines on a sheet on a desk, in perspective; the desk shows around it, or at one or two sides."""
    lines = [_number(generator) for _ in range(generator.integers(1, 4))]
    hand = some_hand(glyphs, generator, 1.4 * max(map(len, lines)))
    unit = hand.height
    inks = [write_line(written, hand, _APART, generator) for written in lines]
    step = round(generator.uniform(1.5, 2.3) * unit)
    block = np.zeros((len(inks[0]) + step * (len(inks) - 1), max(ink.shape[1] for ink in inks)), np.float32)
    for index, ink in enumerate(inks):
        put(block, ink, index * step, int(generator.uniform(0, block.shape[1] - ink.shape[1] + 1)))
    margins = [round(generator.uniform(0.4, 2.5) * unit) for _ in range(4)]
    sheet = _paper([(block, hand.color)], margins, generator)
    high, wide = sheet.shape[:2]
    outline = _corners(0, 0, wide, high)
    writing = _corners(margins[3], margins[0], wide - margins[1], high - margins[2])
    turn = np.radians(generator.uniform(-_TURN, _TURN))
    turned = (outline - outline[2] / 2) @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
    nearer = (outline / outline[2] - 0.5) @ generator.uniform(-_PERSPECTIVE, _PERSPECTIVE, 2)
    corners = turned / (1 + nearer[:, None])
    ink_corners = project(solve_homography(outline, corners), writing)
    some = generator.choice(4, generator.integers(1, 3), replace=False)
    shown = range(4) if generator.random() < 0.6 else some
    frame = []
    for side in range(4):
        outwards, axis = 1 if side in (1, 2) else -1, 1 - side % 2
        far = float((outwards * corners[:, axis]).max())
        near = float((outwards * corners[[side, (side + 1) % 4], axis]).min())
        inked = float((outwards * ink_corners[:, axis]).max()) + 2
        within = inked + generator.uniform(0.2, 0.9) * max(0.0, near - inked)
        frame.append(outwards * (far + generator.uniform(0.1, 2) * unit if side in shown else within))
    top, right, bottom, left = frame
    placed = corners - [left, top]
    shape = (round(bottom - top), round(right - left))
    return lay_on_desk(sheet, solve_homography(outline, placed), shape, generator), "\n".join(lines), placed


def _corners(left: float, top: float, right: float, bottom: float) -> _Corners:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def _bar(left: float, top: float, right: float, bottom: float) -> tuple[Ink, int, int]:
    """A filled box with edges between pixels; and its place, for `put`."""
    rows, columns = (
        np.clip(np.minimum(end, at + 1) - np.maximum(start, at), 0, 1)
        for start, end in ((top, bottom), (left, right))
        for at in [np.arange(int(start), int(end) + 1)]
    )
    return np.outer(rows, columns).astype(np.float32), int(top), int(left)


def _turned(ink: Ink, degrees: float) -> Ink:
    """Turned clockwise, with space for all of it."""
    turned = Image.fromarray(ink).rotate(-degrees, Image.Resampling.BICUBIC, expand=True)
    return np.asarray(turned, np.float32).clip(0, 1)


def _margins(unit: float, generator: np.random.Generator) -> list[int]:
    """Pixels free above, right, below and left of a line whose digits are `unit` pixels high."""
    return [round(generator.uniform(0.3, 1.2) * unit) for _ in range(4)]


def _paper(layers: Sequence[_Layer], margins: Sequence[int], generator: np.random.Generator) -> Color:
    """Paper with grain, with layers of one size drawn on it."""
    top, right, bottom, left = margins
    height, width = layers[0][0].shape
    shape = (height + top + bottom, width + left + right)
    grain = generator.uniform(0, 0.015) * smooth_noise(shape, (shape[0] // 3 + 1, shape[1] // 3 + 1), generator)
    page = np.array(_PAPERS[generator.integers(len(_PAPERS))]) * (1 + grain[..., None])
    for ink, color in layers:
        # A pen presses unevenly.
        pressed = ink * np.clip(0.95 + 0.07 * smooth_noise(ink.shape, (4, 12), generator), 0, 1)
        inside = page[top : top + height, left : left + width]
        inside *= 1 - pressed[..., None] * (1 - np.asarray(color))
    return np.asarray(page.clip(0, 1), np.float32)


_MAKERS: dict[str, Callable[[Glyphs, np.random.Generator], _Page]] = {
    "plain": _line,
    "close": partial(_line, spaces=_CLOSE),
    "touching": partial(_line, spaces=_TOUCHING),
    "boxes": _boxes,
    "desk": _note,
    "edge": _edge,
    "askew": partial(_line, tilt=(10, 25)),
    "far askew": partial(_line, tilt=(25, 45)),
    "squared": _squared,
    "marks": partial(_line, compose=_with_marks),
}
KINDS = tuple(_MAKERS)
