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

from tenfold.document.sheet import solve_homography
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
    ("a date and an amount", ["12/05/24", "1.280,50"], 560, 280, {}),
    ("a sum", ["37+5=42", "6×4=24"], 460, 260, {"noise": 0.004}),
    ("a line askew", ["90518"], 420, 300, {"turn": 17}),
    ("a line far askew", ["4472"], 420, 400, {"turn": -38, "margin": 0.28}),
    ("two numbers of a line", ["805 62"], 460, 120, {}),
    ("no ink", [""], 200, 160, {"shadow": 0.3}),
    ("upright and long", ["4", "0", "2", "9"], 130, 520, {}),
)
# Of a form: how its fields are printed, what is written in them, and how dark the print is.
FORMS: tuple[tuple[str, str, float], ...] = (
    ("separate boxes", "40582", 0.35),
    ("joined boxes", "937164", 0.8),
    ("a comb", "26013", 0.6),
)
NUMBERS = ("407", "1958", "33", "26710", "5", "840", "69", "12/05/24", "3.14", "7+15=22", "80%", "(6-2)÷4", "10:45")
# Strokes of the marks, the digits being 1 high.
MARKS: dict[str, Sequence[Sequence[tuple[float, float]]]] = {
    ",": [[(0.1, 0.95), (0.05, 1.1)]],
    "-": [[(0, 0.55), (0.3, 0.53)]],
    ".": [[(0.02, 0.96), (0.06, 0.98)]],
    "/": [[(0.45, -0.1), (0, 1.1)]],
    ":": [[(0.02, 0.4), (0.05, 0.42)], [(0.02, 0.86), (0.05, 0.88)]],
    "+": [[(0, 0.52), (0.48, 0.52)], [(0.24, 0.28), (0.24, 0.76)]],
    "=": [[(0, 0.42), (0.44, 0.42)], [(0, 0.62), (0.44, 0.62)]],
    "×": [[(0, 0.32), (0.42, 0.76)], [(0.42, 0.32), (0, 0.76)]],
    "÷": [[(0, 0.52), (0.48, 0.52)], [(0.24, 0.28), (0.25, 0.29)], [(0.24, 0.76), (0.25, 0.77)]],
    "%": [
        [(0.14, 0.04), (0.02, 0.14), (0.1, 0.28), (0.22, 0.18), (0.14, 0.04)],
        [(0.62, 0), (0.08, 1)],
        [(0.58, 0.68), (0.46, 0.8), (0.54, 0.96), (0.66, 0.84), (0.58, 0.68)],
    ],
    "(": [[(0.22, -0.08), (0.04, 0.24), (0.04, 0.76), (0.22, 1.08)]],
    ")": [[(0, -0.08), (0.18, 0.24), (0.18, 0.76), (0, 1.08)]],
}


def page_cases(reader: Reader, generator: np.random.Generator) -> list[dict[str, Any]]:
    cases = []
    for name, lines, width, height, hard in PAGES:
        gray = page(lines, width, height, generator, **hard)
        picture = {"width": width, "height": height, "gray": packed(gray)}
        cases.append({"name": name, **picture, **expected_number(reader.read_number(gray))})
    for name, text, print_ink in FORMS:
        gray = form(name, text, print_ink, generator)
        picture = {"width": gray.shape[1], "height": gray.shape[0], "gray": packed(gray)}
        cases.append({"name": name, **picture, **expected_number(reader.read_number(gray))})
    gray = on_desk(page(["5073", "281"], 400, 300, generator))
    picture = {"width": gray.shape[1], "height": gray.shape[0], "gray": packed(gray)}
    cases.append({"name": "a note on a desk", **picture, **expected_number(reader.read_number(gray))})
    pen = np.random.Generator(np.random.PCG64(13))
    for text in ("7", "360"):  # Edge to edge, as MNIST's digits are.
        gray = np.concatenate([draw_strokes(written(character, pen, 0)) for character in text], 1)
        picture = {"width": gray.shape[1], "height": gray.shape[0], "gray": packed(gray)}
        cases.append({"name": f"{text}, edge to edge", **picture, **expected_number(reader.read_number(gray))})
    for turns, name in ((2, "upside down"), (1, "turned to the left")):
        gray = np.ascontiguousarray(np.rot90(page(["74301"], 420, 150, np.random.default_rng(4)), turns))
        picture = {"width": gray.shape[1], "height": gray.shape[0], "gray": packed(gray)}
        cases.append({"name": name, **picture, **expected_number(reader.read_number(gray))})
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
        "written": number.written,
        "confidence": round(number.confidence, 6),
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
    """A number as strokes: digits as high as 1, side by side, and marks."""
    strokes: Strokes = []
    right = 0.0
    for character in text:
        if character == " ":
            right += 1.5
            continue
        if character in MARKS:
            strokes += [np.add(stroke, [right, 0]) for stroke in MARKS[character]]
            width = max(x for stroke in MARKS[character] for x, _ in stroke)
            right += (0.3 if character in ",-" else width) + gap
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
    turn: float = 0,
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
    if turn:
        canvas = canvas.rotate(-turn, Image.Resampling.BILINEAR)
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


def form(kind: str, text: str, print_ink: float, generator: np.random.Generator) -> NDArray[np.uint8]:
    """A digit a field, luminance uint8[90,W]."""
    step, high, thick = (66, 60, 3) if kind == "separate boxes" else (50, 60, 2)
    width = step * len(text) + 40
    canvas, printed = Image.new("L", (4 * width, 360), 0), Image.new("L", (4 * width, 360), 0)
    pen, frame = ImageDraw.Draw(canvas), ImageDraw.Draw(printed)
    for index, character in enumerate(text):
        left, top, right = 20 + index * step, 15, 20 + index * step + 50
        up = 16 if kind == "a comb" else high
        sides = [(left, top + high - up, left, top + high), (right, top + high - up, right, top + high)]
        sides += [(left, top + high, right, top + high)] + ([] if kind == "a comb" else [(left, top, right, top)])
        for side in sides:
            frame.line([4 * edge for edge in side], fill=255, width=4 * thick)
        for stroke in written(character, generator, 0):
            places = 4 * (40 * stroke + [left + 12 + generator.uniform(-2, 2), top + 9])
            pen.line([tuple(place) for place in places.tolist()], fill=255, width=18, joint="curve")
    ink, lines = (
        np.asarray(layer.resize((width, 90), Image.Resampling.BOX), np.float32) / 255 for layer in (canvas, printed)
    )
    return np.rint(255 * 0.92 * (1 - print_ink * lines) * (1 - 0.75 * ink)).astype(np.uint8)


def on_desk(sheet: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A sheet in perspective on a darker desk: luminance uint8[380,520]."""
    height, width = sheet.shape
    outline = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    corners = np.array([[70, 60], [440, 35], [470, 320], [40, 335]], np.float64)
    data = tuple(solve_homography(corners, outline).ravel()[:8])
    moved, inside = (
        np.asarray(
            Image.fromarray(layer).transform((520, 380), Image.Transform.PERSPECTIVE, data, Image.Resampling.BILINEAR)
        )
        for layer in (sheet.astype(np.float32), np.full_like(sheet, 1, np.float32))
    )
    desk = 80 + 25 * np.sin(np.arange(520) / 40)[None, :] * np.ones((380, 1))
    return np.rint(moved + (1 - inside) * desk).astype(np.uint8)
