"""The documentation site builds without a warning, needs no network, and is searched where it is opened as files."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site. Without mkdocs its tests are skipped; in CI that is a failure."""
    if importlib.util.find_spec("mkdocs") is None:
        reason = "mkdocs is not installed (pip install --group docs)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return folder


def test_pages_load_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) >= 60
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe|source)[^>]*\ssrc="?([^">\s]+)', text)
        loaded += re.findall(r'<link[^>]*rel="?(?:stylesheet|icon|preconnect|preload)"?[^>]*', text)
        assert not [one for one in loaded if re.search(r"(https?:)?//\w", one)], page
        assert text.count("<h1") == 1, page


def test_the_search_finds_pages_opened_as_files(site, chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        asked, failed = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: failed.append(error))
        page.goto((site / "guides" / "recipes.html").as_uri())
        page.click("label[for=__search] >> visible=true")
        page.locator("input[name=query]").press_sequentially("read_stroke_number")
        page.wait_for_selector(".md-search-result__link")
        found = [link.get_attribute("href") for link in page.query_selector_all(".md-search-result__link")]
        assert any("reference/python/reading.html" in link for link in found)
        for name in ("index.html", "results/frameworks.html", "start/tutorial.html", "reference/command-line.html"):
            page.goto((site / name).as_uri())
            # Wide tables and code scroll by themselves.
            assert page.evaluate("document.documentElement.scrollWidth") == 390, name
        browser.close()
    assert not failed
    assert all(url.startswith(("file:", "blob:", "data:")) for url in asked), asked
