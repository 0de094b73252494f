"""Draws docs/pictures/demo.gif: a number is written in the web app and read; next to it the report of a run.

make web-app && python -m docs.draw_demo
"""

import io
import tempfile

from PIL import Image, ImageDraw
from playwright.sync_api import Page, sync_playwright

from lab import PICTURES
from lab.benchmarks.local_server import served
from lab.benchmarks.web_app import FLAGS
from lab.handwriting import write_number

WIDTH, HEIGHT, GAP = 360, 640, 16
NUMBER, FRAME_MS, POINTS = "407", 80, 4


def main() -> None:
    with served() as url, sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        context = playwright.chromium.launch_persistent_context(
            folder, executable_path="/usr/bin/chromium", args=FLAGS, viewport={"width": WIDTH, "height": HEIGHT}
        )
        page = context.pages[0]
        page.goto(url)
        page.wait_for_selector("#model-name:not(:empty)", state="attached")
        page.wait_for_timeout(4500)
        shots = write(page)
        context.close()
    # Its left half: the right one shows the same report in dark mode.
    both = Image.open(PICTURES / "report.png").convert("RGB")
    report = both.crop((0, 0, both.width // 2, both.height))
    report = report.resize((report.width * HEIGHT // report.height, HEIGHT), Image.Resampling.LANCZOS)
    frames = [beside(shot, report) for shot in shots]
    # One palette for all frames: only what changes between them is stored.
    palette = frames[-1].quantize(96)
    pictures = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [FRAME_MS] * (len(pictures) - 1) + [3000]
    pictures[0].save(
        PICTURES / "demo.gif", save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=True
    )


def write(page: Page) -> list[Image.Image]:
    """Pictures of the page while the number is written."""
    shots = [shot(page)]
    for stroke in write_number(NUMBER, page.locator("#ink").bounding_box(), 1):
        page.mouse.move(*stroke[0])
        page.mouse.down()
        for number, (x, y) in enumerate(stroke[1:], 1):
            page.mouse.move(x, y)
            if number % POINTS == 0:
                shots.append(shot(page))
        page.mouse.up()
        page.wait_for_timeout(120)
        shots += [shot(page)] * 2
    page.wait_for_timeout(500)
    return [*shots, shot(page)]


def shot(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    frame = Image.new("RGB", (left.width + right.width + 3 * GAP, HEIGHT + 2 * GAP), "#e9eaed")
    for picture, x in ((left, GAP), (right, left.width + 2 * GAP)):
        mask = Image.new("L", picture.size)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, *picture.size), 14, fill=255)
        frame.paste(picture, (x, GAP), mask)
    return frame


if __name__ == "__main__":
    main()
