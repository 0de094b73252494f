"""Draws the pictures of docs/how-it-works/documents.md: python -m docs.draw_numbers

What is photographed in them are scenes of `tenfold.synthesis`, written with MNIST's test images.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lab import PICTURES
from tenfold.data import load_dataset
from tenfold.document.document_page import find_writing, turned
from tenfold.document.frames import find_writing_size
from tenfold.document.sheet import find_sheet, flatten, project, solve_homography
from tenfold.document.skew import lines_angle, writing_angle
from tenfold.ink.image import to_gray
from tenfold.ink.page import find_page_ink
from tenfold.reading.reader import Number, Reader
from tenfold.synthesis.camera import lay_on_desk, light, photograph
from tenfold.synthesis.glyphs import Glyphs, make_glyphs
from tenfold.synthesis.handwriting import Hand, put, write_character, write_line
from tenfold.synthesis.scenes import make_scene

# Pixels of a picture in the sheet of pictures, and between them.
WIDTH, GAP, LETTERS = 400, 16, 17
TEXT, MUTED, BLUE, ORANGE = "#1c1c1e", "#6b6b70", "#2563c9", "#d4550f"
# Kinds of scenes, with seeds at which they show what they are.
SCENES = (("desk", 0), ("boxes", 4), ("marks", 11), ("far askew", 5), ("squared", 11), ("touching", 6))


def main() -> None:
    data = load_dataset("mnist")
    glyphs = make_glyphs(data.test_images[:3000], data.test_labels[:3000], seed=0, drawn=600)
    reader = Reader()
    steps(photographed_form(glyphs), reader).save(PICTURES / "numbers-steps.png", optimize=True)
    kinds(glyphs, reader).save(PICTURES / "numbers-kinds.png", optimize=True)


def photographed_form(glyphs: Glyphs) -> NDArray[np.uint8]:
    """A form with boxes, a comb and an underline, lying askew on a desk and seen from one side."""
    generator = np.random.Generator(np.random.PCG64(21))
    hand = Hand(glyphs=glyphs, scanned=True, height=64, pen=6.5, wide=1, slant=0.08, color=(0.1, 0.15, 0.5))
    ink, print_ = np.zeros((560, 780), np.float32), Image.new("L", (780, 560))
    draw = ImageDraw.Draw(print_)
    for row, (text, tick) in enumerate((("407215", 96), ("38641", 30))):
        top = 60 + 150 * row
        for place, character in enumerate(text):
            left = 80 + 84 * place
            drawn = write_character(character, hand, generator)
            drawn = drawn[drawn.any(1)]
            put(ink, drawn, top + 48 - len(drawn) // 2, left + 42 - drawn.shape[1] // 2)
            for x in (left, left + 84):
                draw.line((x, top + 96 - tick, x, top + 96), fill=200, width=3)
            for y in (top, top + 96) if tick == 96 else (top + 96,):
                draw.line((left, y, left + 84, y), fill=200, width=3)
    amount = write_line("129.50", hand, (0.1, 0.25), generator)
    put(ink, amount, 350, 90)
    draw.line((80, 492, 620, 492), fill=200, width=3)
    page = np.full((*ink.shape, 3), (0.95, 0.95, 0.93), np.float32)
    for layer, color in ((np.asarray(print_, np.float32) / 255, (0.25, 0.45, 0.3)), (ink, hand.color)):
        askew = np.asarray(Image.fromarray(layer).rotate(4, Image.Resampling.BICUBIC)).clip(0, 1)
        page *= 1 - askew[..., None] * (1 - np.asarray(color, np.float32))
    height, width = page.shape[:2]
    outline = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    cos, sin = np.cos(np.radians(6)), np.sin(np.radians(6))
    seen = np.add(outline, [[46, 20], [-30, 0], [0, 14], [0, 30]]) @ [[cos, sin], [-sin, cos]]
    seen += [120, 70]
    shape = (round(seen[:, 1].max()) + 60, round(seen[:, 0].max()) + 70)
    return photograph(light(lay_on_desk(page, solve_homography(outline, seen), shape, generator), generator), generator)


def steps(photo: NDArray[np.uint8], reader: Reader) -> Image.Image:
    """What becomes of one photo, step by step."""
    gray = to_gray(photo)
    found = find_sheet(gray)
    assert found is not None
    flat, _ = flatten(gray, found)
    ink = find_page_ink(flat)
    mask = ink > 0.3
    height, written = find_writing_size(mask)
    angle = lines_angle(mask) or writing_angle(written, height)
    upright = turned(ink, angle)[0] if angle else ink
    layout = find_writing(gray)
    on_photo = [project(line.to_picture, corners_of(line.strip)) for line in layout.lines]
    widest = max(line.strip.shape[1] for line in layout.lines)
    strips = np.concatenate([np.pad(line.strip, ((2, 2), (0, widest - line.strip.shape[1]))) for line in layout.lines])
    number = reader.read_number(photo)
    return arranged(
        [
            ("1  the photo", Image.fromarray(photo)),
            ("2  the sheet", outlined(photo, [found.corners], BLUE)),
            ("3  flat", as_image(flat)),
            ("4  its ink", as_image(1 - ink)),
            (f"5  upright: turned by {angle:.1f}\N{DEGREE SIGN}", as_image(1 - upright)),
            ("6  without frames", as_image(1 - layout.ink)),
            ("7  its lines", outlined(photo, on_photo, BLUE)),
            ("8  each as a strip, 32 pixels high", as_image(1 - strips / 255)),
            (f"9  read: {said(number)}", outlined(photo, boxes_of(number), ORANGE)),
        ],
        across=3,
    )


def kinds(glyphs: Glyphs, reader: Reader) -> Image.Image:
    """Scenes of several kinds, with the digits that were found and what was read."""
    pictures = []
    for kind, seed in SCENES:
        scene = make_scene(kind, glyphs, seed)
        number = reader.read_number(scene.picture)
        pictures.append((f"{kind}: {said(number)}", outlined(scene.picture, boxes_of(number), ORANGE)))
    return arranged(pictures, across=3)


def said(number: Number) -> str:
    text = number.written.replace("\n", " | ")
    return f"{text}, {'unsure' if number.unsure else f'{100 * number.confidence:.0f} %'}"


def boxes_of(number: Number) -> list[NDArray[np.float64]]:
    boxes = [digit.box for digit in number.digits if digit.box is not None]
    return [np.array([[l, t], [r, t], [r, b], [l, b]]) for l, t, r, b in boxes]  # noqa: E741


def corners_of(strip: NDArray[np.uint8]) -> NDArray[np.float64]:
    height, width = strip.shape
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


def outlined(picture: NDArray[np.uint8], polygons: Sequence[NDArray[np.float64]], color: str) -> Image.Image:
    image = Image.fromarray(picture).convert("RGB")
    for polygon in polygons:
        corners = [tuple(corner) for corner in polygon.tolist()]
        ImageDraw.Draw(image).line([*corners, corners[0]], fill=color, width=max(2, round(image.width / 200)))
    return image


def as_image(values: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray((np.clip(values, 0, 1) * 255).astype(np.uint8))


def arranged(pictures: Sequence[tuple[str, Image.Image]], across: int) -> Image.Image:
    """Pictures with their names above them, `across` in a row."""
    fitted = [(name, image.convert("RGB").resize((WIDTH, max(1, round(image.height * WIDTH / image.width))),
               Image.Resampling.LANCZOS)) for name, image in pictures]  # fmt: skip
    rows = [fitted[start : start + across] for start in range(0, len(fitted), across)]
    heights = [max(image.height for _, image in row) + LETTERS + 2 * GAP for row in rows]
    sheet = Image.new("RGB", (across * (WIDTH + GAP) + GAP, sum(heights) + GAP), "white")
    draw, top = ImageDraw.Draw(sheet), GAP
    for row, height in zip(rows, heights, strict=True):
        for place, (name, image) in enumerate(row):
            left = GAP + place * (WIDTH + GAP)
            draw.text((left, top), name, fill=TEXT, font_size=LETTERS)
            sheet.paste(image, (left, top + LETTERS + 7))
            draw.rectangle(
                (left, top + LETTERS + 7, left + WIDTH - 1, top + LETTERS + 6 + image.height), outline="#dededf"
            )
        top += height
    return sheet.quantize(256)


if __name__ == "__main__":
    main()
