"""The report of a run on every screen, in a real browser."""

import pytest

from tenfold.report.run_report import write_report


@pytest.fixture(scope="session")
def report(run):
    return write_report(run)


@pytest.mark.parametrize("width", [320, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_fits_every_screen_and_is_legible_in_light_and_dark_mode(report, chromium, width, scheme):
    from playwright.sync_api import sync_playwright

    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        problems: list[str] = []
        tab.on("console", lambda message: problems.append(message.text))
        tab.goto(report.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate(_LOWEST_CONTRAST) >= 4.5  # WCAG 2.2, success criterion 1.4.3
        assert problems == []
        browser.close()


_LOWEST_CONTRAST = """() => {
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => {
    v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b };
  const page = light(getComputedStyle(document.body).backgroundColor);
  const ratio = c => { const l = light(c); return (Math.max(l, page) + 0.05) / (Math.min(l, page) + 0.05) };
  const texts = [...document.querySelectorAll('h1, h2, p, td, th, dt, dd, a, figcaption, footer')];
  return Math.min(...texts.map(e => ratio(getComputedStyle(e).color)));
}"""
