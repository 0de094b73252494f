"""Draws docs/pictures/web-app.png and learn.png, the web app on a phone.

make web-app && python -m docs.draw_web_app
"""

import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import sync_playwright

from lab import PICTURES
from lab.benchmarks.local_server import served
from lab.benchmarks.web_app import FLAGS
from lab.handwriting import write_number, write_on_pad

WIDTH, HEIGHT, GAP = 390, 844, 28


def main() -> None:
    draw_reading()
    draw_learning()


def draw_reading() -> None:
    shots = []
    with served() as url, sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        draw_photo().save(photo)
        for number, scheme in enumerate(("light", "dark", "light")):
            context = playwright.chromium.launch_persistent_context(
                Path(folder) / f"profile{number}", executable_path="/usr/bin/chromium", args=FLAGS, color_scheme=scheme,
                viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=2,
            )  # fmt: skip
            page = context.pages[0]
            page.goto(url)
            page.wait_for_selector("#model-name:not(:empty)", state="attached")
            page.wait_for_timeout(4500)
            if number == 2:
                page.click("nav [data-view=photo]")
                page.set_input_files("#file", photo)
            else:
                write_on_pad(page, ("4", "2087")[number], number)
            page.wait_for_function("() => why.getContext('2d').getImageData(0, 0, 28, 28).data.some((v) => v)")
            page.wait_for_timeout(300)
            shots.append(Image.open(io.BytesIO(page.screenshot())))
            context.close()
    side_by_side(shots, "web-app.png")


def draw_learning() -> None:
    """A training, the map of mistakes, and where an answer tips."""
    shots = []
    with served() as url, sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        for scheme, step, part in (("light", 4, ".controls"), ("dark", 5, ".map"), ("light", 6, ".blend")):
            context = playwright.chromium.launch_persistent_context(
                Path(folder) / str(step), executable_path="/usr/bin/chromium", args=FLAGS, color_scheme=scheme,
                viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=2,
            )  # fmt: skip
            page = context.pages[0]
            page.goto(f"{url}#learn/{step}")
            page.wait_for_selector("#learn h2")
            if step == 4:
                page.click("#learn button.main")
                page.wait_for_selector("#learn [data-status=finished]", timeout=60_000)
            for later in page.locator("#learn .later").all():
                later.scroll_into_view_if_needed()
                later.locator("canvas").first.wait_for()
            page.wait_for_timeout(2000)
            page.locator(f"#learn {part}").evaluate(
                "part => scrollTo(0, part.getBoundingClientRect().top + scrollY - 70)"
            )
            page.wait_for_timeout(500)
            shots.append(Image.open(io.BytesIO(page.screenshot())))
            context.close()
    side_by_side(shots, "learn.png")


def side_by_side(shots: list[Image.Image], name: str) -> None:
    """Stores pictures of phones next to each other."""
    picture = Image.new("RGB", (2 * (3 * WIDTH + 4 * GAP), 2 * (HEIGHT + 2 * GAP)), "#e9eaed")
    mask = Image.new("L", shots[0].size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, *mask.size), 56, fill=255)
    for number, shot in enumerate(shots):
        picture.paste(shot, (2 * (GAP + number * (WIDTH + GAP)), 2 * GAP), mask)
    smaller = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)
    smaller.quantize(256).save(PICTURES / name, optimize=True)


def draw_photo() -> Image.Image:
    """Two numbers in pencil on paper, light from one side."""
    width, height = 1200, 1000
    ink = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(ink)
    for row, text in enumerate(("10784", "3526")):
        box = {"x": 0, "y": row * 0.42 * height + 40, "width": width, "height": 0.5 * height}
        for stroke in write_number(text, box, row):
            pen.line([tuple(point) for point in stroke.tolist()], fill=255, width=13, joint="curve")
    alpha = np.asarray(ink.filter(ImageFilter.GaussianBlur(1.5)), np.float32)[..., None] / 255
    y, x = np.mgrid[0:height, 0:width]
    light = (1 - 0.35 * (x / width) - 0.1 * (y / height))[..., None] + np.random.default_rng(0).normal(
        0, 0.008, (height, width, 1)
    )
    paper = np.array([246, 241, 230]) * light
    return Image.fromarray(np.clip(paper * (1 - alpha) + np.array([52, 56, 96]) * alpha, 0, 255).astype(np.uint8))


if __name__ == "__main__":
    main()
