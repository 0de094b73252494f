"""Drawing in the web app with mouse, finger and keyboard: ink is read, and never lost."""

import json

import pytest
from playwright.sync_api import expect

from tenfold.reading.reader import shipped_model


def test_a_digit_is_read_as_it_is_drawn(page, draw):
    draw.write(page, "7")
    draw.wait_for_text(page, "7")
    expect(page.locator("#digits")).to_have_text("7")
    expect(page.locator("#verdict")).to_contain_text("sure")
    expect(page.locator("#bars .top")).to_contain_text("7")
    seen = page.evaluate(
        "() => [...seen.getContext('2d').getImageData(0, 0, 28, 28).data].filter((v, i) => i % 4 == 0 && v).length"
    )
    assert 40 < seen < 300
    page.wait_for_function("() => why.getContext('2d').getImageData(0, 0, 28, 28).data.some((v) => v)")


def test_digits_side_by_side_are_a_number(page, draw):
    draw.write(page, "407")
    draw.wait_for_text(page, "407")
    page.locator("#digits button").nth(0).click()
    expect(page.locator("#bars .top")).to_contain_text("4")


def test_marks_are_shown_between_the_digits(page, draw):
    box = page.locator("#ink").bounding_box()
    left, middle = box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2
    dash = [(left + share * box["width"], middle) for share in (0, 0.04, 0.08)]
    for stroke in [*draw.ink_of("35", {**box, "width": 0.6 * box["width"]}), dash]:
        page.mouse.move(*stroke[0])
        page.mouse.down()
        for x, y in stroke[1:]:
            page.mouse.move(x, y)
        page.mouse.up()
    expect(page.locator("#digits")).to_have_text("35-")
    assert page.locator("#digits button").count() == 2
    draw.wait_for_text(page, "35")


def test_what_reads_numbers_is_loaded_with_the_first_number(browse, server, draw):
    context = browse()
    # A service worker would fetch them beforehand.
    context.add_init_script("delete Navigator.prototype.serviceWorker")
    page = context.pages[0]
    asked = []
    page.context.on("request", lambda request: asked.append(request.url))
    page.goto(server.url)
    draw.write(page, "7")
    draw.wait_for_text(page, "7")

    def loaded() -> list[str]:
        return [url for url in asked if "lines-" in url or "numbers-" in url]

    assert loaded() == []
    page.click("#clear")
    context.set_offline(True)
    draw.write(page, "96")
    expect(page.locator("#toast")).to_contain_text("check the network")
    page.click("#clear")
    context.set_offline(False)
    draw.write(page, "96")
    draw.wait_for_text(page, "96")
    assert {url.rsplit("/")[-1].split("-")[0] for url in loaded()} == {"lines", "numbers"}


def test_undo_reverts_a_stroke_and_a_clear(page, draw):
    draw.write(page, "11")
    draw.wait_for_text(page, "11")
    page.click("#undo")
    draw.wait_for_text(page, "1")
    page.click("#clear")
    expect(page.locator("#hint")).to_be_visible()
    expect(page.locator("#digits")).to_have_text("")
    page.click("#undo")
    draw.wait_for_text(page, "1")
    expect(page.locator("#digits")).to_have_text("1")


def test_a_second_finger_is_ignored(browse, server, draw):
    context = browse(**draw.PIXEL)
    page = context.pages[0]
    page.goto(server.url)
    devtools = context.new_cdp_session(page)
    box = page.locator("#ink").bounding_box()
    second = {"x": box["x"] + 5, "y": box["y"] + 5, "id": 2}
    for stroke in draw.ink_of("3", box):
        for kind, points in (("touchStart", stroke[:1]), ("touchMove", stroke[1:])):
            for x, y in points:
                fingers = [{"x": x, "y": y, "id": 1}] + ([second] if kind == "touchMove" else [])
                devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
        devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    draw.wait_for_text(page, "3")
    # The page must not have scrolled under the finger.
    assert page.evaluate("scrollY") == 0


def test_a_cancelled_stroke_leaves_no_ink(browse, server, draw):
    context = browse(**draw.PIXEL)
    page = context.pages[0]
    page.goto(server.url)
    devtools = context.new_cdp_session(page)
    box = page.locator("#ink").bounding_box()
    stroke = draw.ink_of("1", box)[0]
    devtools.send(
        "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": stroke[0][0], "y": stroke[0][1]}]}
    )
    for x, y in stroke[1:]:
        devtools.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y}]})
    devtools.send("Input.dispatchTouchEvent", {"type": "touchCancel", "touchPoints": []})
    expect(page.locator("#hint")).to_be_visible()
    expect(page.locator("#clear")).to_be_disabled()


def test_drawing_with_the_keyboard(page, draw):
    page.locator("#ink").focus()
    for _ in range(6):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    for _ in range(14):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    draw.wait_for_text(page, "1")
    page.keyboard.press("Backspace")
    expect(page.locator("#hint")).to_be_visible()


def test_ink_survives_a_rotation_of_the_phone(page, draw):
    draw.write(page, "52")
    draw.wait_for_text(page, "52")
    page.set_viewport_size({"width": 400, "height": 800})
    page.locator("#digits button").nth(0).click()
    expect(page.locator("#digits")).to_have_text("52")
    # Sharp at any size: the canvas has as many dots as the screen.
    assert page.evaluate("ink.width === Math.round(ink.clientWidth * devicePixelRatio)")
    inked = page.evaluate("() => ink.getContext('2d').getImageData(0, 0, ink.width, ink.height).data.some((v) => v)")
    assert inked


def test_non_digits_are_unsure(page, draw):
    box = page.locator("#ink").bounding_box()
    # A zigzag over the whole pad.
    page.mouse.move(box["x"] + 30, box["y"] + 40)
    page.mouse.down()
    for step in range(1, 14):
        page.mouse.move(box["x"] + 30 + 18 * step, box["y"] + (40 if step % 2 == 0 else 300))
    page.mouse.up()
    expect(page.locator("#verdict")).to_contain_text("Not sure")


def test_two_models_read_the_same_ink(page, draw, tmp_path):
    page.set_input_files("#model-file", "tests/golden/dash.10fd")
    expect(page.locator("#toast")).to_contain_text("Comparing with dash")
    draw.write(page, "8")
    draw.wait_for_text(page, "8")
    expect(page.locator("#second")).to_contain_text("dash:")
    assert page.locator("#bars .top i").count() == 2
    accuracy = 100 * json.loads(shipped_model().with_suffix(".json").read_text())["sets"][0]["right"]
    page.click("#open-settings")
    expect(page.locator("#models")).to_contain_text(f"{accuracy:.2f} % accuracy on MNIST's test images")
    page.locator("#models input").nth(1).uncheck()
    expect(page.locator("#second")).to_be_hidden()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no model at all", "not a Tenfold model"),
        (b"10FD" + (40).to_bytes(4, "little"), "cut short"),
        (b"10FD" + (26).to_bytes(4, "little") + b'{"format": 99,"layers":[]}', "format 99"),
    ],
)
def test_an_invalid_model_file_is_reported_and_the_old_model_stays(page, draw, tmp_path, content, words):
    (tmp_path / "bad.10fd").write_bytes(content)
    page.set_input_files("#model-file", tmp_path / "bad.10fd")
    expect(page.locator("#toast")).to_contain_text(words)
    draw.write(page, "2")
    draw.wait_for_text(page, "2")
