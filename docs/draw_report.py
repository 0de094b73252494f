"""Draws docs/pictures/report.png: `tenfold walk` with seed 0, and the top and the evaluation of its report.

make web-app && python -m docs.draw_report, then python -m docs.draw_demo, which shows it too
"""

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from lab import PICTURES
from lab.benchmarks.web_app import FLAGS
from tenfold.training.recipe import Recipe
from tenfold.walk import walk

WIDTH, HEIGHT = 850, 1000


def main() -> None:
    halves = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        report = walk(Recipe.load("tutorial"), folder=folder).report
        for scheme, section in (("light", ""), ("dark", "#evaluate")):
            context = playwright.chromium.launch_persistent_context(
                Path(folder) / scheme, executable_path="/usr/bin/chromium", args=FLAGS, color_scheme=scheme,
                viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce",
            )  # fmt: skip
            page = context.pages[0]
            page.goto(f"{report.as_uri()}{section}")
            page.wait_for_timeout(500)
            halves.append(Image.open(io.BytesIO(page.screenshot())))
            context.close()
    both = Image.new("RGB", (2 * WIDTH, HEIGHT))
    for number, half in enumerate(halves):
        both.paste(half, (number * WIDTH, 0))
    both.quantize(128).save(PICTURES / "report.png", optimize=True)


if __name__ == "__main__":
    main()
