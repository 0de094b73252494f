"""The box "Ask the model" of a report opened from disk: it must answer as the run does, and ask no one."""

import base64
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from lab.handwriting import write_number
from tenfold import Dataset, Recipe, Run, train
from tenfold.exporters.inference_graph import evaluate_layers, softmax
from tenfold.exporters.web import read_web
from tenfold.ink.strokes import draw_strokes
from tenfold.report import ask_box
from tenfold.report.run_report import write_report

AXE = Path(__file__).parents[3] / "web" / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def report(run, built_page, without_drawing, tmp_path):
    """A report of the run, without figures."""
    return write_report(Run.load(shutil.copytree(run.path, tmp_path / "run")))


def opened(browse, report, **options):
    """The report's tab, whose requests are in `tab.asked`."""
    tab = browse(**options).pages[0]
    tab.asked = []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.goto(report.as_uri())
    tab.locator("#ask-pad").scroll_into_view_if_needed()
    return tab


def draw(tab, strokes):
    for stroke in strokes:
        tab.mouse.move(*stroke[0])
        tab.mouse.down()
        for x, y in stroke[1:]:
            tab.mouse.move(x, y)
        tab.mouse.up()


def ink(tab, text, seed=0):
    """Strokes that write a text in the pad, in whole pixels, as a mouse gives them."""
    return [np.rint(stroke) for stroke in write_number(text, tab.locator("#ask-pad").bounding_box(), seed)]


def seen(tab):
    """The pixels that the network sees."""
    values = tab.evaluate("[...document.getElementById('ask-seen').getContext('2d').getImageData(0, 0, 28, 28).data]")
    return np.array(values[3::4], np.uint8).reshape(28, 28)


def shares(tab):
    """The probabilities shown."""
    return np.array(
        tab.evaluate("[...document.querySelectorAll('#ask-bars i')].map((i) => +i.style.getPropertyValue('--p'))")
    )


def layers(report):
    path = report.with_suffix(".10fd")
    path.write_bytes(base64.b64decode(re.search(r'id="ask-model">([^<]*)<', report.read_text())[1]))
    return read_web(path)[0]


def test_the_box_answers_as_the_run_does(browse, report, run):
    tab = opened(browse, report)
    network = layers(report)
    apart = []
    for digit in "0123456789":
        strokes = ink(tab, digit, seed=int(digit))
        draw(tab, strokes)
        image = draw_strokes(strokes)[None]
        expect(tab.locator("#ask-hint")).to_be_hidden()
        pixels, found = seen(tab), shares(tab)
        assert np.abs(pixels.astype(int) - image[0]).max() <= 1  # Ties are rounded up or down.
        assert found == pytest.approx(softmax(evaluate_layers(network, pixels[None]))[0], abs=1e-5)
        apart.append(np.abs(found - run.predict(image)[0]).max())
        expect(tab.locator("#ask-answer")).to_have_text(str(found.argmax()))
        expect(tab.locator("#ask-bars .top")).to_contain_text(str(found.argmax()))
        tab.click("#ask-clear")
    assert max(apart) < 0.02  # int8 weights.
    # The file itself, and no other.
    assert tab.asked == [report.as_uri()]


def test_a_test_image_is_answered_until_something_is_drawn(browse, report, run):
    tab = opened(browse, report)
    expect(tab.locator("#ask-hint")).to_have_text("Draw a digit here")
    expect(tab.locator("#ask-verdict")).to_contain_text("A test image")
    image = seen(tab)
    assert shares(tab) == pytest.approx(run.predict(image[None])[0], abs=0.02)
    expect(tab.locator("#ask-spoken")).to_be_empty()
    draw(tab, ink(tab, "3"))
    expect(tab.locator("#ask-verdict")).not_to_contain_text("A test image")
    tab.click("#ask-clear")
    expect(tab.locator("#ask-verdict")).to_contain_text("A test image")
    np.testing.assert_array_equal(seen(tab), image)


def test_the_answer_follows_the_pen(browse, report):
    tab = opened(browse, report)
    first, *_, last = ink(tab, "4")
    tab.mouse.move(*first[0])
    tab.mouse.down()
    for x, y in first[1:]:
        tab.mouse.move(x, y)
    expect(tab.locator("#ask-hint")).to_be_hidden()
    expect(tab.locator("#ask-spoken")).to_be_empty()
    half = seen(tab)
    tab.mouse.up()
    expect(tab.locator("#ask-spoken")).to_contain_text("sure")
    draw(tab, [last])
    assert (seen(tab) != half).any()


def test_keys_draw_too(browse, report):
    tab = opened(browse, report)
    tab.focus("#ask-pad")
    tab.keyboard.press("Space")
    for _ in range(8):
        tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Space")
    expect(tab.locator("#ask-spoken")).to_contain_text("sure")
    np.testing.assert_array_equal(seen(tab), draw_strokes([np.array([[0.0, 0.0], [0.0, 80.0]])]))
    tab.keyboard.press("Escape")
    expect(tab.locator("#ask-hint")).to_be_visible()


def test_two_digits_are_not_taken_for_one(browse, report):
    tab = opened(browse, report)
    draw(tab, ink(tab, "14"))
    expect(tab.locator("#ask-verdict")).to_have_text("Not sure: draw one digit at a time.")


def test_below_the_threshold_of_its_calibration_the_network_is_not_sure(browse, report):
    run = Run.load(report.parent)
    run._write_document("calibration", {"temperature": 1.5, "unsure_below": 1.0})
    tab = opened(browse, write_report(run))
    draw(tab, ink(tab, "7"))
    expect(tab.locator("#ask-verdict")).to_contain_text("Not sure")
    expect(tab.locator("#ask-box")).to_have_class(re.compile("unsure"))
    image = seen(tab)[None]
    assert shares(tab) == pytest.approx(softmax(np.log(run.predict(image)) / 1.5)[0], abs=0.02)


@pytest.mark.parametrize("classes", [3, 26])
def test_other_classes_have_their_names(browse, built_page, without_drawing, tmp_path, classes):
    generator = np.random.default_rng(0)
    shapes = [generator.random((4, 2)) * 100 for _ in range(classes)]
    labels = np.repeat(np.arange(classes), 40)
    images = np.stack([draw_strokes([shapes[label] + generator.normal(0, 4, (4, 2))]) for label in labels])
    names = np.array([f"shape {chr(65 + index)}" for index in range(classes)])
    data = Dataset.from_arrays(images, names[labels], name="shapes")
    run = train(Recipe.load("tutorial").replace(epochs=6, threads=1), data, folder=tmp_path)
    tab = opened(browse, write_report(run))
    box = tab.locator("#ask-pad").bounding_box()
    stroke = np.rint(shapes[1] * 2 + [box["x"] + 20, box["y"] + 20])
    draw(tab, [stroke])
    row = run.predict(draw_strokes([stroke])[None])[0]
    expect(tab.locator("#ask-answer")).to_have_text(names[row.argmax()])
    shown = tab.locator("#ask-bars li").all_text_contents()
    best = row if classes == 3 else np.sort(row)[::-1][:10]
    assert shares(tab) == pytest.approx(best, abs=0.02)
    assert [text[:7] for text in shown][: 3 if classes == 3 else 1] == list(
        names if classes == 3 else names[[row.argmax()]]
    )


def test_a_report_grows_by_less_than_200_kb(report, monkeypatch):
    whole = report.stat().st_size
    run = Run.load(report.parent)
    assert run.training.parameters == 109_386
    script = ask_box.SCRIPT.stat().st_size
    monkeypatch.setattr(ask_box, "SCRIPT", report.with_suffix(".js"))
    grown = whole - write_report(run).stat().st_size
    assert script < 40_000
    assert grown < 180_000  # 173,000 when this was written; the limit is 200,000, also for a network of MOST_BYTES.
    assert grown + (ask_box.MOST_BYTES - 111_620) * 4 / 3 < 200_000


def test_the_box_is_not_printed(browse, report):
    tab = opened(browse, report)
    tab.emulate_media(media="print")
    expect(tab.locator("#ask-box")).to_be_hidden()
    expect(tab.locator("#ask")).to_contain_text("On a screen")


@pytest.mark.parametrize(
    "options", [PHONE, {"viewport": {"width": 320, "height": 568}}, {}], ids=["phone", "small", "desktop"]
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_box_fits_and_is_accessible(browse, report, scheme, options):
    # axe is put into the page from outside.
    tab = opened(browse, report, color_scheme=scheme, bypass_csp=True, **options)
    width = tab.viewport_size["width"]
    if not AXE.is_file():
        reason = "axe-core is not installed (make web)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    for text in ("", "8"):
        if text:
            draw(tab, ink(tab, text))
        tab.evaluate(AXE.read_text())
        found = tab.evaluate(
            "axe.run('#ask', { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })"
        )
        assert [item["id"] for item in found["violations"]] == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    pad = tab.locator("#ask-pad").bounding_box()
    answer = tab.locator("#ask-answer").bounding_box()
    assert pad["width"] == pytest.approx(pad["height"])
    assert pad["width"] >= 250
    # Both are seen while one draws.
    assert max(pad["y"] + pad["height"], answer["y"] + answer["height"]) - min(pad["y"], answer["y"]) < 500
