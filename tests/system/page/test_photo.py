"""Photos in the web app: files, clipboard, drag and drop, and the camera."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def paper(draw):
    """A photo of 407 above 52, pen on shaded paper."""

    def make(width=1200, height=900):
        light = np.linspace(235, 150, width)[None, :] * np.ones((height, 1))
        picture = Image.fromarray(light.astype(np.uint8)).convert("RGB")
        pen = ImageDraw.Draw(picture)
        for text, top in (("407", 0.0), ("52", 0.5)):
            box = {"x": 0.1 * width, "y": (top + 0.05) * height, "width": 0.8 * width, "height": 0.4 * height}
            for stroke in draw.ink_of(text, box):
                pen.line(
                    [tuple(place) for place in stroke.tolist()], fill=(40, 45, 80), width=width // 90, joint="curve"
                )
        return picture

    return make


def png(picture, kind="PNG"):
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=90)
    return buffer.getvalue()


def test_a_photo_is_read_line_by_line_with_boxes(page, draw, paper, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(png(paper(), "JPEG"))
    page.click("nav [data-view=photo]")
    page.set_input_files("#file", tmp_path / "photo.jpg")
    draw.wait_for_text(page, "407\n52")
    assert page.locator("#boxes g").count() == 5
    page.locator("#boxes g").nth(1).click()
    expect(page.locator("#bars .top")).to_contain_text("0")
    # The first box lies around the 4: in the left of the upper half.
    box, frame = page.locator("#boxes rect").first.bounding_box(), page.locator("#picture").bounding_box()
    assert frame["x"] < box["x"] < frame["x"] + 0.4 * frame["width"]
    assert box["y"] < frame["y"] + 0.5 * frame["height"]


def test_the_text_can_be_copied(browse, server, draw, paper, tmp_path):
    context = browse(permissions=["clipboard-read", "clipboard-write"])
    page = context.pages[0]
    page.goto(server.url)
    (tmp_path / "photo.png").write_bytes(png(paper()))
    page.click("nav [data-view=photo]")
    page.set_input_files("#file", tmp_path / "photo.png")
    draw.wait_for_text(page, "407\n52")
    page.click("#copy")
    expect(page.locator("#toast")).to_contain_text("Copied 407, 52")
    assert page.evaluate("navigator.clipboard.readText()") == "407\n52"


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_a_picture_is_pasted_and_dropped(page, draw, paper, way):
    page.evaluate(
        """([bytes, way]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "a.png", { type: "image/png" }));
          const event = way === "paste" ? new ClipboardEvent("paste", { clipboardData: data }) : new DragEvent("drop", { dataTransfer: data, cancelable: true });
          window.dispatchEvent(event);
        }""",
        [list(png(paper(800, 600))), way],
    )
    draw.wait_for_text(page, "407\n52")
    expect(page.locator("#photo")).to_be_visible()


def test_an_image_of_mnist_is_read(page, draw, mnist, tmp_path):
    Image.fromarray(mnist.test_images[0]).save(tmp_path / "seven.png")
    page.click("nav [data-view=photo]")
    page.set_input_files("#file", tmp_path / "seven.png")
    draw.wait_for_text(page, "7")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.txt", b"hello", "This browser can't open"),
        ("cut.png", png(Image.new("L", (300, 300)))[:60], "This browser can't open"),
        ("blank.png", png(Image.new("L", (600, 400), 255)), "No digits found"),
    ],
)
def test_invalid_photos_are_reported(page, tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    page.click("nav [data-view=photo]")
    page.set_input_files("#file", tmp_path / name)
    expect(page.locator("#toast")).to_contain_text(words)
    # And the page continues.
    page.click("nav [data-view=draw]")
    expect(page.locator("#hint")).to_be_visible()


def test_the_camera_reads_live_and_takes_a_photo(browse, server, draw, paper, tmp_path):
    film = tmp_path / "film.mjpeg"
    film.write_bytes(png(paper(1280, 720), "JPEG") * 20)
    page = browse(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ).pages[0]
    page.goto(server.url)
    page.click("nav [data-view=photo]")
    page.click("#camera")
    expect(page.locator("#digits div")).to_have_text(["407", "52"])
    expect(page.locator("#live")).to_be_visible()
    assert page.locator("#boxes g").count() == 5
    page.click("#shutter")
    draw.wait_for_text(page, "407\n52")
    expect(page.locator("#picture")).to_be_visible()
    expect(page.locator("#copy")).to_be_visible()
    assert page.evaluate("live.srcObject") is None
    page.click("#another")
    expect(page.locator("#choose")).to_be_visible()


def test_a_denied_camera_is_reported(browse, server):
    page = browse("--use-fake-device-for-media-stream", "--deny-permission-prompts").pages[0]
    page.goto(server.url)
    page.click("nav [data-view=photo]")
    page.click("#camera")
    expect(page.locator("#toast")).to_contain_text("Camera access was denied")
    expect(page.locator("#choose")).to_be_visible()


def test_a_camera_that_starts_too_late_is_switched_off(browse, server):
    context = browse("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    context.add_init_script(
        """window.streams = [];
        const begin = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wanted) => {
          const stream = await begin(wanted);
          await new Promise((resolve) => setTimeout(resolve, 600));
          window.streams.push(stream);
          return stream;
        };"""
    )
    page = context.pages[0]
    page.goto(server.url)
    page.click("nav [data-view=photo]")
    page.click("#camera")
    page.click("nav [data-view=draw]")
    page.wait_for_function("() => window.streams.length === 1")
    page.wait_for_function("() => window.streams[0].getTracks().every((track) => track.readyState === 'ended')")
    assert page.evaluate("live.srcObject") is None
