"""Appearance: accessible in each state, nothing cut off, no motion with prefers-reduced-motion."""

import os
from pathlib import Path

import pytest

AXE = Path(__file__).parents[3] / "web" / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {
    "small phone": (320, 568),
    "phone": (390, 844),
    "landscape": (844, 390),
    "tablet": (820, 1180),
    "desktop": (1280, 800),
}


def violations(page) -> list[str]:
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        "axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })"
    )
    return [f"{item['id']}: {node['html'][:120]}" for item in found["violations"] for node in item["nodes"]]


def train(page) -> None:
    page.click("#learn button.main")
    page.wait_for_selector("#learn [data-status=finished]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_any_state(browse, server, draw, scheme):
    if not AXE.is_file():
        reason = "axe-core is not installed (make web)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    # Its script is put into the page from outside.
    page = browse(color_scheme=scheme, bypass_csp=True, **draw.PIXEL).pages[0]
    page.goto(server.url)
    states = {"empty": lambda: None}
    states["number"] = lambda: (draw.write(page, "407"), draw.wait_for_text(page, "407"))
    states["settings"] = lambda: page.click("#open-settings")
    states["feedback"] = lambda: (page.keyboard.press("Escape"), page.click("#wrong"))
    states["photo"] = lambda: (page.keyboard.press("Escape"), page.click("nav [data-view=photo]"))
    for step in range(1, 10):
        states[f"step {step}"] = lambda step=step: page.goto(f"{server.url}#learn/{step}")
    states["trained"] = lambda: (page.goto(f"{server.url}#learn/7"), train(page), page.goto(f"{server.url}#learn/8"))
    for name, enter in states.items():
        enter()
        page.wait_for_timeout(250)
        assert violations(page) == [], name


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off_or_scrolls_sideways(browse, server, draw, size):
    width, height = SIZES[size]
    page = browse(viewport={"width": width, "height": height}).pages[0]
    page.goto(server.url)
    for text in ("", "7", "4071"):
        if text:
            page.locator("#clear").click(force=True)
            draw.write(page, text)
            draw.wait_for_text(page, text)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        wide = page.evaluate(
            "[...document.querySelectorAll('main *')].filter((e) => e.getClientRects().length && !e.closest('.unseen, svg') && e.getBoundingClientRect().right > innerWidth + 0.5).map((e) => e.id || e.tagName)"
        )
        assert wide == []
        # Nothing lies over the pad.
        over = page.evaluate(
            """() => {
              const pad = document.getElementById('pad').getBoundingClientRect();
              const apart = (b) => b.right <= pad.left + 1 || b.left >= pad.right - 1 || b.bottom <= pad.top + 1 || b.top >= pad.bottom - 1;
              return [...document.querySelectorAll('main button, main canvas, main li, main p')]
                .filter((e) => !e.closest('#stage, .unseen') && e.getClientRects().length && !e.classList.contains('unseen') && !apart(e.getBoundingClientRect()))
                .map((e) => e.id || e.tagName);
            }"""
        )
        assert over == []
        # The answer and the pad are seen together.
        pad = page.locator("#ink").bounding_box()
        assert pad["y"] + 0.8 * pad["height"] <= height
        assert min(pad["width"], pad["height"]) >= 200


def test_left_handed_layout(browse, server):
    page = browse(viewport={"width": 844, "height": 390}).pages[0]
    page.goto(server.url)
    right = page.locator("#pad").bounding_box()["x"]
    page.click("#open-settings")
    page.check("#left-handed")
    page.reload()
    assert page.locator("#pad").bounding_box()["x"] < right


def test_reduced_motion(browse, server):
    page = browse(reduced_motion="reduce").pages[0]
    page.goto(server.url)
    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter((e) => { const s = getComputedStyle(e); return parseFloat(s.transitionDuration) > 0 || s.animationName !== 'none'; }).map((e) => e.id || e.tagName)"
    )
    assert moving == []
