"""Synthetic pages of handwritten numbers, and numbers written with a pen: numbers.json of the golden files.

Nothing here is anybody's handwriting.
"""

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tenfold.ink.strokes import draw_strokes
from tenfold.reading.reader import Number, Reader
from tenfold.synthesis.drawing import WriterStyle, pen_path
from tenfold.synthesis.skeletons import DIGITS

Strokes = list[NDArray[np.float64]]

# Of a page: its name, its lines, width and height of the picture, and what makes it hard.
PAGES: tuple[tuple[str, Sequence[str], int, int, dict[str, float]], ...] = (
    ("one number", ["2907"], 300, 120, {}),
    ("cut close", ["814"], 96, 44, {"margin": 0.03}),
    ("a shadow", ["36", "1580"], 360, 280, {"shadow": 0.45, "noise": 0.008}),
    ("ruled paper", ["407", "9261", "85"], 420, 380, {"ruled": 48}),
    ("squared paper", ["73920", "4168"], 480, 260, {"ruled": 26, "squared": 26}),
    ("leaning", ["517346"], 420, 150, {"lean": 0.45}),
    ("touching digits", ["3805", "6690"], 360, 260, {"gap": -0.1}),
    ("bright on dark", ["2468", "1357"], 380, 250, {"dark": 1}),
    ("many lines, rising", ["31415", "92653", "58979", "3238"], 700, 520, {"rise": 0.06, "shadow": 0.2}),
    ("far away", ["602", "7714"], 640, 480, {"margin": 0.3}),
    ("commas, dashes and dirt", ["18-7", "3,95"], 400, 260, {"dirt": 40}),
    ("no ink", [""], 200, 160, {"shadow": 0.3}),
    ("upright and long", ["4", "0", "2", "9"], 130, 520, {}),
)
NUMBERS = ("407", "1958", "33", "26710", "5", "840", "69")


def page_cases(reader: Reader, generator: np.random.Generator) -> list[dict[str, Any]]:
    cases = []
    for name, lines, width, height, hard in PAGES:
        gray = page(lines, width, height, generator, **hard)
        picture = {"width": width, "height": height, "gray": packed(gray)}
        cases.append({"name": name, **picture, **expected_number(reader.read_number(gray))})
    pen = np.random.Generator(np.random.PCG64(13))
    for text in ("7", "360"):  # Edge to edge, as MNIST's digits are.
        gray = np.concatenate([draw_strokes(written(character, pen, 0)) for character in text], 1)
        picture = {"width": gray.shape[1], "height": gray.shape[0], "gray": packed(gray)}
        cases.append({"name": f"{text}, edge to edge", **picture, **expected_number(reader.read_number(gray))})
    return cases


def stroke_cases(reader: Reader, generator: np.random.Generator) -> list[dict[str, Any]]:
    cases = []
    for number, text in enumerate(NUMBERS):
        strokes = [np.round(100 * stroke, 1) for stroke in written(text, generator, 0.08 * (number % 3))]
        reading = reader.read_stroke_number(strokes)
        cases.append({"name": text, "strokes": [stroke.tolist() for stroke in strokes], **expected_number(reading)})
    return cases


def small_cases(reader: Reader, generator: np.random.Generator) -> list[dict[str, Any]]:
    """28x28, not as MNIST was made: a digit next to something, or off the center."""
    cases = []
    for number, way in enumerate(DIGITS[::9]):
        pixels = reader.read_strokes(pen_path(way.path, generator, WriterStyle())).pixels.copy()
        if number % 3 == 0:
            pixels[:, 26:] = np.maximum(pixels[:, 26:], 200)
        elif number % 3 == 1:
            pixels = np.roll(pixels, 3, 1)
        else:
            pixels = 255 - np.roll(pixels, -2, 0)
        reading = reader.read_many(pixels[None])[0]
        cases.append(
            {
                "name": f"{way.character}, {way.name}",
                "gray": packed(pixels),
                "pixels": packed(reading.pixels),
                "probabilities": rounded(reading.probabilities),
                "unsure": reading.unsure,
            }
        )
    return cases


def color_case(generator: np.random.Generator) -> dict[str, Any]:
    """Colors, opaque and not, and what Pillow makes of them: rgba uint8[256,4], gray uint8[256]."""
    rgba = generator.integers(0, 256, (256, 4)).astype(np.uint8)
    rgba[::2, 3] = 255
    rgba[1::16, 3] = 0
    image = Image.fromarray(rgba[None], "RGBA")
    gray = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("L")
    return {"rgba": packed(rgba), "gray": packed(np.asarray(gray))}


def expected_number(number: Number) -> dict[str, Any]:
    digits = number.digits
    return {
        "text": number.text,
        "unsure": number.unsure,
        "boxes": [[round(float(edge), 3) for edge in digit.box or ()] for digit in digits],
        "probabilities": [rounded(digit.probabilities) for digit in digits],
        "unsures": [digit.unsure for digit in digits],
        "pixels": packed(np.array([digit.pixels for digit in digits], np.uint8)),
    }


def rounded(probabilities: NDArray[np.float32]) -> list[float]:
    return [round(float(p), 6) for p in probabilities]


def packed(values: NDArray[np.uint8]) -> str:
    return base64.b64encode(zlib.compress(values.tobytes(), 9)).decode()


def written(text: str, generator: np.random.Generator, gap: float) -> Strokes:
    """A number as strokes: digits as high as 1, side by side; a comma and a dash are strokes too."""
    strokes: Strokes = []
    right = 0.0
    for character in text:
        if character in ",-":
            places = [[0.1, 0.95], [0.05, 1.1]] if character == "," else [[0.0, 0.55], [0.3, 0.53]]
            strokes.append(np.add(places, [right, 0]))
            right += 0.3 + gap
            continue
        ways = [way for way in DIGITS if way.character == character]
        path = pen_path(ways[generator.integers(len(ways))].path, generator, WriterStyle())
        points = np.concatenate(path)
        low, size = points.min(0), np.ptp(points, 0)
        strokes += [(stroke - low) / size.max() + [right, 0] for stroke in path]
        right += size[0] / size.max() + gap
    return strokes


def page(
    lines: Sequence[str],
    width: int,
    height: int,
    generator: np.random.Generator,
    margin: float = 0.12,
    gap: float = 0.22,
    lean: float = 0,
    rise: float = 0,
    ruled: int = 0,
    squared: int = 0,
    shadow: float = 0,
    noise: float = 0,
    dark: float = 0,
    dirt: int = 0,
) -> NDArray[np.uint8]:
    """Luminance uint8[height,width], 0 black to 255 white."""
    canvas = Image.new("L", (2 * width, 2 * height), 0)
    draw = ImageDraw.Draw(canvas)
    pitch = height * (1 - 2 * margin) / len(lines)
    for number, text in enumerate(lines):
        strokes = written(text, generator, gap)
        if not strokes:
            continue
        across = np.concatenate(strokes)[:, 0].max() + lean
        size = min(0.72 * pitch, width * (1 - 2 * margin) / across)
        for stroke in strokes:
            x = width * margin + (stroke[:, 0] + lean * (1 - stroke[:, 1])) * size
            y = height * margin + number * pitch + stroke[:, 1] * size - rise * x + rise * width / 2
            line = [tuple(place) for place in (2 * np.stack([x, y], 1)).tolist()]
            draw.line(line, fill=255, width=max(2, round(size / 6)), joint="curve")
    for _ in range(dirt):
        x, y = generator.uniform(0, 2 * width), generator.uniform(0, 2 * height)
        draw.ellipse(
            [x, y, x + generator.uniform(1, 6), y + generator.uniform(1, 6)], fill=int(generator.uniform(40, 255))
        )
    ink = np.asarray(canvas.resize((width, height), Image.Resampling.BOX), np.float32) / 255
    light = np.full((height, width), 0.93, np.float32)
    if shadow:
        places = np.arange(width)[None, :] + 0.4 * np.arange(height)[:, None]
        light *= 1 - shadow / (1 + np.exp((places - 0.5 * width) / 6))
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    if ruled:  # Not quite level, as a camera sees it.
        light -= 0.25 * (((rows + 0.02 * columns) % ruled) < 1.5)
    if squared:
        light -= 0.25 * (((columns - 0.02 * rows) % squared) < 1.5)
    gray = light * (1 - 0.75 * ink) + generator.normal(0, 1, light.shape) * noise
    return np.rint(np.clip(1 - gray if dark else gray, 0, 1) * 255).astype(np.uint8)
