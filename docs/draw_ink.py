"""Draws the pictures of docs/how-it-works/ink.md: python -m docs.draw_ink

Everything in them is drawn here: nobody's handwriting.
"""

import numpy as np
from PIL import Image, ImageDraw

from lab import PICTURES
from tenfold.ink.fit import center, fit
from tenfold.ink.ground import find_ink, shaded_paper, stretch, subtract_noise
from tenfold.ink.image import reduced, to_gray
from tenfold.ink.normalize import LONGEST, extent
from tenfold.synthesis.drawing import WriterStyle, draw, pen_path
from tenfold.synthesis.skeletons import DIGITS, SIGNS

SIDE = 168
TEXT, MUTED = "#1c1c1e", "#6b6b70"


def main() -> None:
    steps().save(PICTURES / "ink-steps.png")
    allographs().save(PICTURES / "allographs.png")


def steps() -> Image.Image:
    """A photo of one digit on squared paper in a shadow, step by step."""
    generator = np.random.default_rng(3)
    photo = photographed(generator)
    gray = reduced(to_gray(photo), LONGEST)
    paper = shaded_paper(gray)
    depth = np.clip(1 - gray / np.maximum(paper, 0.02), 0, None)
    ink = stretch(subtract_noise(depth))
    clean = find_ink(gray)
    rows, columns = extent(clean)
    box = fit(clean[rows, columns])
    pictures = [
        ("the photo", gray),
        ("its paper", paper),
        ("what departs from it", 1 - depth / depth.max()),
        ("without noise", 1 - ink),
        ("without lines and specks", 1 - clean),
        ("in the 20x20 box", 1 - box),
        ("centered: 28x28", 1 - center(box) / 255),
    ]
    return row(pictures)


def photographed(generator: np.random.Generator) -> Image.Image:
    side = 480
    canvas = Image.new("L", (side, side), 0)
    way = next(way for way in DIGITS if way.name == "crossed, serif")
    for stroke in pen_path(way.path, generator, WriterStyle()):
        line = [tuple(place) for place in (stroke * 2.6 + [120, 110]).tolist()]
        ImageDraw.Draw(canvas).line(line, fill=255, width=15, joint="curve")
    ink = np.asarray(canvas, np.float32) / 255
    down, across = np.mgrid[0 : 1 : side * 1j, 0 : 1 : side * 1j]
    light = 0.92 - 0.37 * np.clip(8 * (across + 0.4 * down - 0.9), 0, 1) - 0.1 * down
    gray = light * (1 - 0.7 * ink)
    for place in range(30, side, 60):
        gray[place : place + 4] *= 0.7
        gray[:, place : place + 4] *= 0.7
    return Image.fromarray((np.clip(gray + generator.normal(0, 0.012, gray.shape), 0, 1) * 255).astype(np.uint8))


def allographs() -> Image.Image:
    """Every way of writing each digit, once; a row a digit."""
    generator = np.random.Generator(np.random.PCG64(1))
    rows = [[draw(w, generator, WriterStyle()) for w in DIGITS if w.character == str(d)] for d in range(10)]
    rows += [
        [draw(w, generator, WriterStyle()) for w in SIGNS[:22]],
        [draw(w, generator, WriterStyle()) for w in SIGNS[22:44]],
    ]
    across = max(len(line) for line in rows)
    sheet = np.zeros((len(rows) * 34, across * 34), np.uint8)
    for number, line in enumerate(rows):
        for place, image in enumerate(line):
            sheet[number * 34 + 3 : number * 34 + 31, place * 34 + 3 : place * 34 + 31] = image
    picture = Image.fromarray(255 - sheet)
    return picture.resize((picture.width * 3 // 2, picture.height * 3 // 2), Image.Resampling.LANCZOS)


def row(pictures: list[tuple[str, np.ndarray]]) -> Image.Image:
    sheet = Image.new("RGB", (len(pictures) * (SIDE + 14), SIDE + 28), "white")
    for number, (name, values) in enumerate(pictures):
        image = Image.fromarray((np.clip(values, 0, 1) * 255).astype(np.uint8)).convert("RGB")
        factor = SIDE / max(image.size)
        size = (round(image.width * factor), round(image.height * factor))
        image = image.resize(size, Image.Resampling.NEAREST if factor > 2 else Image.Resampling.LANCZOS)
        x = number * (SIDE + 14)
        sheet.paste(image, (x + (SIDE - size[0]) // 2, 0))
        ImageDraw.Draw(sheet).rectangle((x, 0, x + SIDE - 1, SIDE - 1), outline="#dededf")
        ImageDraw.Draw(sheet).text((x + 2, SIDE + 6), name, fill=TEXT, font_size=14)
    return sheet


if __name__ == "__main__":
    main()
