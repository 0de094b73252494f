"""The installed web app: offline use, and feedback that is queued and stored once."""

import io
import sqlite3
from pathlib import Path

import requests
from PIL import Image, ImageDraw
from playwright.sync_api import expect


def stored(server) -> list[tuple[int, int]]:
    with sqlite3.connect(Path(server.folder) / "feedback.db") as database:
        return sorted(database.execute("select label, predicted from feedback_samples").fetchall())


def wait_for_worker(page) -> None:
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")


def correct(page, draw, text: str, label: int) -> None:
    draw.write(page, text)
    draw.wait_for_text(page, text)
    page.click("#wrong")
    page.locator("#labels button").nth(label).click()


def test_it_can_be_installed(page):
    devtools = page.context.new_cdp_session(page)
    wait_for_worker(page)
    manifest = devtools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"].endswith("manifest.webmanifest")
    # A fresh profile of a test is "incognito" to Chromium; nothing else may stand in the way.
    errors = [found["errorId"] for found in devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    assert [error for error in errors if error != "in-incognito"] == []


def test_it_reads_after_a_reload_without_a_server(own_server, browse, draw):
    page = browse().pages[0]
    page.goto(own_server.url)
    wait_for_worker(page)
    own_server.stop()
    page.reload()
    draw.write(page, "96")
    draw.wait_for_text(page, "96")


def test_feedback_reaches_the_server(own_server, browse, draw):
    page = browse().pages[0]
    page.goto(own_server.url)
    correct(page, draw, "1", 7)
    expect(page.locator("#toast")).to_contain_text("Thank you: that was a 7.")
    assert stored(own_server) == [(7, 1)]


def test_feedback_waits_for_the_server_and_is_stored_once_from_two_tabs(own_server, browse, draw):
    context = browse()
    page = context.pages[0]
    page.goto(own_server.url)
    wait_for_worker(page)
    own_server.stop()
    correct(page, draw, "3", 5)
    expect(page.locator("#toast")).to_contain_text("will be sent when the server is reachable")
    page.reload()
    page.click("#open-settings")
    expect(page.locator("#waiting")).to_contain_text("1 feedback sample")
    page.keyboard.press("Escape")
    other = context.new_page()
    other.goto(own_server.url)
    own_server.start()
    for tab in (page, other):
        tab.evaluate("window.dispatchEvent(new Event('online'))")
    page.wait_for_function("() => document.getElementById('waiting').hidden")
    other.wait_for_function("() => document.getElementById('waiting').hidden")
    assert stored(own_server) == [(5, 3)]


def test_a_number_is_corrected_digit_by_digit(own_server, browse, draw):
    page = browse().pages[0]
    page.goto(own_server.url)
    draw.write(page, "40")
    draw.wait_for_text(page, "40")
    page.locator("#digits button").nth(0).click()
    page.click("#wrong")
    page.locator("#labels button").nth(9).click()
    expect(page.locator("#toast")).to_contain_text("Thank you")
    assert stored(own_server) == [(9, 4)]
    with sqlite3.connect(Path(own_server.folder) / "feedback.db") as database:
        (strokes,) = database.execute("select strokes from feedback_samples").fetchone()
    # The strokes of the 4 alone.
    assert 0 < len(strokes) < 6000


def test_the_token_is_requested_and_saved(serve, browse, built_page, tmp_path, draw):
    running = serve("--token", "opensesame")
    page = browse().pages[0]
    page.goto(running.url)
    correct(page, draw, "1", 2)
    expect(page.locator("#toast")).to_contain_text("requires a token")
    page.goto(running.url + "#token=opensesame")
    page.reload()
    for _ in range(600):
        if stored(running):
            break
        page.wait_for_timeout(50)
    assert stored(running) == [(2, 1)]
    assert "token" not in page.url


def test_blocked_storage(own_server, browse, draw):
    context = browse()
    context.add_init_script(
        "for (const name of ['indexedDB', 'localStorage']) Object.defineProperty(window, name, { get() { throw new DOMException('blocked', 'SecurityError'); } });"
    )
    page = context.pages[0]
    page.goto(own_server.url)
    correct(page, draw, "6", 0)
    expect(page.locator("#toast")).to_contain_text("Thank you: that was a 0.")
    assert stored(own_server) == [(0, 6)]


def test_full_storage_is_reported_when_the_server_is_unreachable(own_server, browse, draw):
    page = browse().pages[0]
    page.goto(own_server.url)
    page.wait_for_function("() => document.getElementById('models').children.length > 0")
    draw.write(page, "6")
    draw.wait_for_text(page, "6")
    expect(page.locator("#wrong")).to_be_visible()
    page.evaluate(
        "() => { IDBObjectStore.prototype.put = function () { const asked = this.get('none'); this.transaction.abort(); return asked; }; }"
    )
    own_server.stop()
    page.click("#wrong")
    page.locator("#labels button").nth(0).click()
    expect(page.locator("#toast")).to_contain_text("Sending failed")


def test_a_static_host_offers_no_feedback(static_host, browse, built_page, draw):
    page = browse().pages[0]
    page.goto(static_host)
    draw.write(page, "7")
    draw.wait_for_text(page, "7")
    expect(page.locator("#wrong")).to_be_hidden()


def test_under_a_path_of_a_host_it_reads_stores_feedback_and_works_offline(own_server, sub_path, browse, draw):
    page = browse().pages[0]
    page.goto(sub_path)
    wait_for_worker(page)
    correct(page, draw, "1", 7)
    expect(page.locator("#toast")).to_contain_text("Thank you: that was a 7.")
    assert stored(own_server) == [(7, 1)]
    picture, file = Image.new("L", (200, 200), 255), io.BytesIO()
    ImageDraw.Draw(picture).line([(60, 50), (140, 50), (90, 160)], 0, 16)
    picture.save(file, "PNG")
    answer = requests.post(f"{sub_path}v1/read", files={"image": file.getvalue()}, timeout=30)
    assert answer.json()["digit"] == 7
    own_server.stop()
    page.reload()
    draw.write(page, "96")
    draw.wait_for_text(page, "96")


def test_on_a_slow_network_the_pad_works_before_the_model_is_loaded(browse, server, draw):
    page = browse().pages[0]
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    slow = {"offline": False, "latency": 300, "downloadThroughput": 40_000, "uploadThroughput": 40_000}
    devtools.send("Network.emulateNetworkConditions", slow)
    page.goto(server.url, wait_until="commit")
    page.wait_for_function("() => document.getElementById('ink')?.width > 300")
    draw.write(page, "4")
    draw.wait_for_text(page, "4")
