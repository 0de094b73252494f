"""Printed letters and signs of many scripts, slightly warped, as non-digits.

The fonts are those that come with matplotlib: DejaVu, STIX and Computer Modern. Letters that look like one of
the ten digits are excluded, such as O, l, S, Cyrillic Ze or Georgian Nar.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from tenfold.errors import UsageError
from tenfold.ink.fit import BOX, center, fit, redraw, scale, thickness
from tenfold.ink.image import Ink

_LATIN = "ABCDEFGHJKLMNPQRTUVWXYacdefhijkmnprtuvwxy"
_GREEK = "393-394 398 39b 39e 3a0 3a3 3a6 3a8-3a9 3b1-3b3 3b5 3b7-3b8 3ba-3be 3c0-3c1 3c4 3c6-3c9"
_CYRILLIC = (
    "413-414 416 418-419 41b 41f 423-424 426 428-429 42b 42e-42f 436 438-43d 43f 442 444 446 448-449 44b 44e-44f"
)
_SIGNS = (
    "23 25-26 2a-2b 3c-3f 40 5e 7e a3 b6 20ac 2200 2203 2208 2211 221a 221e 2229-222a 2248 2260 2264 2282 "
    "2295 2605-2606 2665 266a"
)
_SCRIPTS = (
    # Armenian, Georgian, Hebrew, Arabic, Tifinagh, N'Ko and Lao; then Canadian Aboriginal syllables.
    "531-532 535 537 539-53a 53c-53d 540 544 546 548 54a 54c-54d 550 552-554 556 561-562 564-565 567-56b 56d "
    "570 572 574-576 578 57a 57c-57d 57f-580 583-584 586",
    "10d3-10d4 10d7 10da 10dd 10df-10e1 10e3-10e6 10e9 10eb 10ed 10ef 10f1-10f2 10f6 10f8 10fa",
    "5d0-5d4 5d7-5d8 5db-5de 5e0 5e2 5e4-5e7 5e9-5ea",
    "628 62a-63a 641-646",
    "2d31-2d40 2d42-2d49 2d4b-2d4e 2d50-2d53 2d55-2d59 2d5b-2d65",
    "7cc-7d4 7d6 7d8-7dd 7e0-7e2 7e4-7e7",
    "e81 e84 e88 e8a e8d e94-e97 e99-e9f ea1-ea2 ea5 ea7 eaa-eab",
    "1401-1407 1409-141b 141d-141e 1421-1423 1425-1435 1437-1449 144c-1452 1454-146a 146c-1471 1476-147d 1480 "
    "1482 1484 1486-1487 148a-1491 1494-14a2 14a4-14ab 14ae-14bd 14c0-14ea 14ec 14ee-1505 1507 1511-1516 "
    "1519-1525 1527-152c 1531-1539 153b 153d 1540-1549 154c-154f 1553-156a 1575-1578 157a 157c-1585 158c-1596 "
    "15a0-15a3 15a5-15a6 15a8-15ae 15de 15e1 166f-1676",
)
_SANS = ("DejaVuSans", "DejaVuSans-Bold")
_ALPHABETS = (
    *_SANS, "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSerif", "DejaVuSerif-Bold",
    "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta",
)  # fmt: skip
_PLAIN = (*_ALPHABETS, "cmr10", "cmb10", "cmtt10", "cmss10", "cmti10")
# Pixels a letter is set in.
_SIZE = 64


def draw_printed(generator: np.random.Generator) -> NDArray[np.uint8]:
    """One letter or sign, as printed or as a pen would have drawn its lines: uint8[28,28].

    Raises `UsageError` where matplotlib, whose fonts these are, is not installed.
    """
    fonts, letters = _families()[generator.choice(len(_families()), p=_SHARES)]
    ink = _warped(set_letter(str(generator.choice(fonts)), str(generator.choice(letters))), generator)
    way = generator.random()
    if way < 0.3:  # Bold print is bolder than any pen.
        return center(scale(ink, BOX / max(ink.shape)))
    usual = thickness(ink)
    if way < 0.5 or usual > BOX / 2:
        return center(fit(ink))
    return center(redraw(ink, usual, generator.uniform(1.8, 3.2)))


@cache
def set_letter(font: str, letter: str) -> Ink:
    """float32[H,W], 0 paper to 1 ink, cut to its ink."""
    face = ImageFont.truetype(str(_fonts() / f"{font}.ttf"), _SIZE)
    left, top, right, bottom = face.getbbox(letter)
    page = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2))
    ImageDraw.Draw(page).text((1 - left, 1 - top), letter, fill=255, font=face)
    ink = np.asarray(page, np.float32) / np.float32(255)
    return ink[np.ix_(ink.any(1), ink.any(0))]


@cache
def _families() -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """Fonts, and the letters that each of them has."""
    few = [(_PLAIN, tuple(_LATIN)), *((_ALPHABETS, _letters(codes)) for codes in (_GREEK, _CYRILLIC))]
    return (*few, *((_SANS, _letters(codes)) for codes in (_SIGNS, *_SCRIPTS)))


# How often each family is used, by how much people write it.
_SHARES = np.array([6, 1.5, 1.5, 1, *[1] * len(_SCRIPTS)]) / (10 + len(_SCRIPTS))


def _letters(codes: str) -> tuple[str, ...]:
    """Code points in hexadecimal, and ranges of them -> the characters."""
    ends = [[int(end, 16) for end in part.split("-")] for part in codes.split()]
    return tuple(chr(code) for end in ends for code in range(end[0], end[-1] + 1))


@cache
def _fonts() -> Path:
    matplotlib = find_spec("matplotlib")
    if matplotlib is None or matplotlib.origin is None:
        raise UsageError('printed letters are drawn with matplotlib\'s fonts: pip install "tenfold[train]"')
    return Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"


def _warped(ink: Ink, generator: np.random.Generator) -> Ink:
    """Turned, slanted, made wider or narrower, and bent smoothly."""
    padded = np.pad(ink, _SIZE // 5)
    middle = np.array(padded.shape)[:, None, None] / 2
    turn, slant = np.radians(generator.normal(0, 6)), generator.normal(0, 0.15)
    wide = float(np.exp(generator.normal(0, 0.2)))
    cos, sin = np.cos(turn), np.sin(turn)
    shape = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, 0], [slant, 1 / wide]])
    knots = generator.normal(0, generator.uniform(0, 3), (2, 4, 4))
    places = np.indices(padded.shape) - middle
    spread = 3 * (places / middle + 1) / 2
    bent = np.stack([ndimage.map_coordinates(knot, spread, order=1, mode="nearest") for knot in knots])
    moved = ndimage.map_coordinates(padded, np.einsum("ij,jhw->ihw", shape, places) + middle + bent, order=1)
    inked = moved > 0.3
    if not inked.any():  # A hairline between the pixels.
        return ink
    return np.asarray(moved[np.ix_(inked.any(1), inked.any(0))], np.float32)
