"""The Learn view in a real browser: networks train there, pause and continue, and what it shows is what was trained."""

import json
import re

import pytest
from playwright.sync_api import expect

from tenfold.reading.reader import shipped_model

STEPS = range(1, 10)


def open_step(page, server, step):
    page.goto(f"{server.url}#learn/{step}")
    page.wait_for_selector("#learn h2")


def train(page):
    page.click("#learn button.main")
    page.wait_for_selector("#learn [data-status=finished]", timeout=60_000)
    return accuracy_of(page)


def accuracy_of(page):
    return float(re.search(r"accuracy ([\d.]+) %", page.inner_text("#learn .status"))[1])


def choose(page, title, value):
    page.get_by_label(title).select_option(value)


@pytest.fixture
def learn(page, server):
    open_step(page, server, 4)
    return page


def test_a_network_trains_to_the_end_and_its_mistakes_are_shown(learn):
    choose(learn, "Epochs", "3")
    assert train(learn) > 91
    assert learn.locator(".chart circle.validation").count() == 6  # Accuracy and loss of three epochs.
    learn.click("text=Evaluation")
    counts = [int(text or 0) for text in learn.locator(".confusion td button").all_inner_texts()]
    assert sum(counts) == 2000
    wrong = 2000 - sum(counts[::11])
    expect(learn.locator(".evaluation h3")).to_contain_text(f"{wrong} of 2,000 are wrong")
    label, predicted = 4, 9
    learn.locator(".confusion tbody tr").nth(label).locator("button").nth(predicted).click()
    expect(learn.locator(".evaluation h3")).to_contain_text("of 4 taken for 9")
    assert learn.locator(".evaluation li").count() == min(24, counts[10 * label + predicted])


def test_paused_and_continued_it_ends_as_if_it_had_not_been(learn):
    choose(learn, "Epochs", "3")
    whole = train(learn)
    learn.click("text=Reset")
    learn.click("#learn button.main")
    learn.wait_for_function("() => document.querySelector('#learn .status').textContent.startsWith('Step')")
    learn.click("#learn button.main")
    learn.wait_for_selector("#learn [data-status=paused]")
    before = learn.inner_text("#learn .status")
    learn.click("#learn button:text-is('Step')")
    learn.wait_for_function("before => document.querySelector('#learn .status').textContent !== before", arg=before)
    steps = [int(re.search(r"Step (\d+)", text)[1]) for text in (before, learn.inner_text("#learn .status"))]
    assert steps[1] == steps[0] + 1
    learn.click("#learn button.main")
    learn.wait_for_selector("#learn [data-status=finished]", timeout=60_000)
    assert accuracy_of(learn) == whole


def test_leaving_the_view_pauses_it_and_a_digit_is_read(learn, draw):
    choose(learn, "Epochs", "100")
    learn.click("#learn button.main")
    learn.wait_for_selector("#learn [data-status=running]")
    learn.click("nav [data-view=draw]")
    draw.write(learn, "7")
    draw.wait_for_text(learn, "7")
    assert not learn.url.endswith("#learn/4")
    learn.go_back()
    learn.wait_for_selector("#learn [data-status=paused]")
    learn.click("#learn button.main")
    learn.wait_for_selector("#learn [data-status=running]")


def test_two_tabs_train_together(learn, server):
    other = learn.context.new_page()
    open_step(other, server, 4)
    for tab in (learn, other):
        choose(tab, "Epochs", "1")
        tab.click("#learn button.main")
    for tab in (learn, other):
        tab.wait_for_selector("#learn [data-status=finished]", timeout=60_000)
    assert accuracy_of(learn) == accuracy_of(other) > 85


def test_memory_is_flat_over_ten_trainings(learn):
    choose(learn, "Training images", "200")
    choose(learn, "Epochs", "3")
    session = learn.context.new_cdp_session(learn)

    def used():
        session.send("HeapProfiler.collectGarbage")
        return session.send("Runtime.getHeapUsage")

    train(learn)
    learn.click("text=Reset")
    first = used()
    for _ in range(10):
        train(learn)
        assert len(learn.workers) <= 2  # That of the training, and the one that reads.
        learn.click("text=Reset")
    last = used()
    for kind in ("usedSize", "backingStorageSize"):
        assert last[kind] - first[kind] < 1_000_000
    expect(learn.locator("#learn .status")).to_have_text("Not trained yet.")
    assert len(learn.workers) <= 1


def test_a_training_that_diverges_says_so_and_can_start_again(learn):
    choose(learn, "Learning rate", "1")
    choose(learn, "Batch size", "8")
    choose(learn, "Training images", "200")
    learn.get_by_label("Hidden layers").fill("1024, 1024, 1024")
    learn.get_by_label("Hidden layers").press("Tab")
    learn.click("#learn button.main")
    learn.wait_for_selector("#learn [data-status=failed], #learn [data-status=finished]", timeout=60_000)
    choose(learn, "Learning rate", "0.001")
    learn.get_by_label("Hidden layers").fill("30")
    learn.get_by_label("Hidden layers").press("Tab")
    assert train(learn) > 50


def test_sizes_that_are_none_are_refused(learn):
    field = learn.get_by_label("Hidden layers")
    for wrong in ("five", "0", "1,2,3,4", "2000", "-1"):
        field.fill(wrong)
        field.press("Tab")
        assert "such as 128, 64" in field.evaluate("field => field.validationMessage")
    field.fill("")
    field.press("Tab")
    assert field.evaluate("field => field.validationMessage") == ""


def test_few_images_overfit_and_augmentation_closes_the_gap(page, server):
    open_step(page, server, 7)
    plain = train(page)
    gap = [float(text.split()[-2]) for text in page.locator(".curves").first.locator(".legend span").all_inner_texts()]
    assert gap[0] == 100  # Training accuracy; validation is behind.
    assert gap[1] < 88
    page.click("text=Improvements →")
    choose(page, "Augmentation", "yes")
    assert train(page) > plain
    expect(page.locator(".legend .previous").first).to_contain_text("validation before")
    rows = [row.split("\t") for row in page.locator(".comparison tbody tr").all_inner_texts()]
    assert [row[0].split("; ")[1] for row in rows] == ["learning rate 0.001", "augmentation"]
    assert float(rows[1][-1].split()[0]) > float(rows[0][-1].split()[0])


def test_without_a_network_it_says_so_and_tries_again(browse, server):
    context = browse()
    context.add_init_script("delete Navigator.prototype.serviceWorker")
    page = context.pages[0]
    open_step(page, server, 4)
    context.set_offline(True)
    page.click("#learn button.main")
    expect(page.locator("#learn .status")).to_contain_text("check the network")
    context.set_offline(False)
    choose(page, "Epochs", "1")
    assert train(page) > 85


def test_it_needs_no_storage(browse, server):
    context = browse()
    context.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches'])"
        "  Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError'); } });"
        "delete Navigator.prototype.serviceWorker;"
    )
    page = context.pages[0]
    open_step(page, server, 4)
    choose(page, "Epochs", "1")
    assert train(page) > 85


def test_once_visited_it_works_offline(browse, server):
    context = browse()
    page = context.pages[0]
    page.goto(server.url)
    page.evaluate("() => navigator.serviceWorker.ready")
    open_step(page, server, 1)
    page.wait_for_selector("#learn .gallery canvas")
    context.set_offline(True)
    page.reload()
    page.wait_for_selector("#learn .gallery canvas")


def test_it_works_on_a_static_host(browse, static_host):
    page = browse().pages[0]
    page.goto(f"{static_host}#learn/4")
    page.wait_for_selector("#learn h2")
    choose(page, "Epochs", "1")
    assert train(page) > 85


@pytest.mark.parametrize("width", [320, 820])
def test_all_steps_fit_a_small_phone_and_a_tablet(page, server, width):
    page.set_viewport_size({"width": width, "height": 640})
    for step in STEPS:
        show_parts(page, server, step)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, step


def test_a_term_is_explained_by_keyboard(learn):
    learn.get_by_role("button", name="loss").focus()
    learn.keyboard.press("Enter")
    expect(learn.locator(".note:popover-open")).to_contain_text("cross-entropy")
    learn.keyboard.press("Escape")
    expect(learn.locator(".note:popover-open")).to_have_count(0)


def test_the_first_views_load_nothing_of_it(browse, server, draw):
    context = browse()
    context.add_init_script("delete Navigator.prototype.serviceWorker")
    page = context.pages[0]
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page.goto(server.url)
    draw.write(page, "7")
    draw.wait_for_text(page, "7")
    assert not [url for url in asked if "learn" in url or "view-" in url or "train" in url]


def show_parts(page, server, step):
    """Scrolls to the parts that are loaded when they come into sight."""
    open_step(page, server, step)
    for part in page.locator("#learn .later").all():
        part.scroll_into_view_if_needed()
        part.locator("canvas").first.wait_for()


def draw_on(page, pad, strokes):
    """Strokes in shares of the pad's size."""
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    for stroke in strokes:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=8)
        page.mouse.up()


SEVEN = [[(0.25, 0.2), (0.75, 0.2), (0.4, 0.85)]]


def test_the_map_shows_the_errors_of_the_reader_and_where_a_digit_lies(page, server):
    show_parts(page, server, 5)
    errors = page.locator(".mistakes .errors button")
    measured = json.loads(shipped_model().with_suffix(".json").read_text())["sets"][0]
    expect(errors).to_have_count(round(measured["count"] * (1 - measured["right"])))
    errors.nth(3).click()
    expect(page.locator(".mistakes .said")).to_contain_text("Labeled")
    draw_on(page, page.locator(".mistakes canvas.sketch"), SEVEN)
    expect(page.locator(".mistakes")).to_contain_text("Read as 7")


def test_a_digit_is_followed_through_a_network_and_changed(page, server):
    show_parts(page, server, 6)
    draw_on(page, page.locator(".inside canvas.sketch"), SEVEN)
    expect(page.locator(".inside .ten .top")).to_contain_text("7")
    expect(page.locator(".changes")).to_contain_text("Read as 7")
    # What is drawn on one pad is what all parts show.
    expect(page.locator(".answer .status")).to_contain_text("not trained yet")


def test_a_recorded_training_is_dragged_through(page, server):
    show_parts(page, server, 9)
    draw_on(page, page.locator(".replay canvas.sketch"), SEVEN)
    slider = page.get_by_label("Progress of the training")
    first = slider.get_attribute("aria-valuetext")
    slider.focus()
    page.keyboard.press("End")
    expect(page.locator(".replay .ten .top")).to_contain_text("7")
    last = slider.get_attribute("aria-valuetext")
    assert [float(re.search(r"([\d.]+) %", text)[1]) for text in (first, last)] == [5.0, 99.3]


def test_other_colors_redraw_the_images(page, server):
    open_step(page, server, 1)
    page.wait_for_selector("#learn .gallery canvas")

    def brightest():
        # Of the ink, which is dark on a light page and light on a dark one.
        return page.evaluate(
            "() => { const canvas = document.querySelector('#learn .gallery canvas');"
            "  return Math.max(...canvas.getContext('2d').getImageData(0, 0, 28, 28).data.filter((_, i) => i % 4 === 0)); }"
        )

    page.emulate_media(color_scheme="light")
    page.wait_for_timeout(300)
    assert brightest() < 100
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(300)
    assert brightest() > 200


def test_a_photo_that_is_dropped_leaves_the_view(learn):
    choose(learn, "Epochs", "100")
    learn.click("#learn button.main")
    learn.wait_for_selector("#learn [data-status=running]")
    learn.evaluate(
        "async () => { const canvas = new OffscreenCanvas(40, 40); canvas.getContext('2d').fillRect(0, 0, 40, 40);"
        "  const files = new DataTransfer(); files.items.add(new File([await canvas.convertToBlob()], 'photo.png'));"
        "  window.dispatchEvent(new DragEvent('drop', { dataTransfer: files })); }"
    )
    expect(learn.locator("#picture")).to_be_visible()
    expect(learn.locator("nav [data-view=photo]")).to_have_attribute("aria-current", "page")
    assert "#learn" not in learn.url
    learn.go_back()
    learn.wait_for_selector("#learn [data-status=paused]")
