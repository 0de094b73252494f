"""Whatever holds the picture of a seven is read as a seven, or refused with a word: never silently misread."""

import base64
import io
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pillow_heif
import pytest
import torch
from PIL import Image, ImageDraw

from tenfold.errors import FormatError


def drawn(ink=0, paper=255, mode="L", digit="7"):
    picture = Image.new(mode, (200, 200), paper)
    lines = {"7": [(60, 50), (140, 50), (90, 160)], "1": [(100, 40), (100, 160)]}[digit]
    ImageDraw.Draw(picture).line(lines, fill=ink, width=16, joint="curve")
    return picture


def encoded(picture, kind="PNG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


PNG = encoded(drawn())
ARRAY = np.asarray(drawn())


DATA = "data:image/png;base64," + base64.b64encode(PNG).decode()


def closed_file():
    file = io.BytesIO(PNG)
    file.close()
    return file


def at_its_end(content):
    file = io.BytesIO()
    file.write(content)
    return file


class Location:
    """Not a Path, but it names one."""

    def __fspath__(self):
        path = Path(tempfile.gettempdir()) / f"tenfold-{os.getpid()}.png"
        path.write_bytes(PNG)
        return str(path)


class Tensor:
    """What PyTorch, JAX and TensorFlow have in common."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


@pytest.mark.parametrize(
    "image",
    [
        PNG, bytearray(PNG), memoryview(PNG), io.BytesIO(PNG),
        "data:image/png;base64," + base64.b64encode(PNG).decode(),
        ARRAY, ARRAY[:, :, None], ARRAY[None], np.repeat(ARRAY[:, :, None], 3, 2), Tensor(ARRAY[None] / 255),
        ARRAY[None, None], ARRAY[None, :, :, None], np.repeat(ARRAY[None], 3, 0), ARRAY.astype(np.int64),
        np.ma.masked_array(ARRAY), torch.from_numpy(ARRAY / 255).requires_grad_(), at_its_end(PNG),
        Location(), "data:image/png," + quote(PNG), DATA.replace("+", "%2B"), DATA.rstrip("="),
        "DATA:" + "\n".join([DATA[5:50], DATA[50:]]),
        ARRAY / 255, ARRAY.astype(np.float32), ARRAY.astype(np.uint16) * 257, ARRAY < 128,
    ],
    ids=["bytes", "bytearray", "memoryview", "file", "data URL", "array", "(H,W,1)", "(1,H,W)", "(H,W,3)", "tensor",
         "(1,1,H,W)", "(1,H,W,1)", "(3,H,W)", "int64", "masked", "with gradient", "buffer at its end",
         "PathLike", "not base64", "percent-encoded", "unpadded", "lines",
         "floats to 1", "floats to 255", "uint16", "bool"],
)  # fmt: skip
def test_every_carrier_of_a_seven_is_a_seven(reader, image):
    reading = reader.read(image)
    assert (reading.digit, reading.unsure) == (7, False)


def test_many_images_with_an_axis_for_the_channel(reader, mnist):
    plain = reader.read_many(np.array(mnist.test_images[:20]))
    for shape in ((20, 28, 28, 1), (20, 1, 28, 28)):
        assert reader.read_many(mnist.test_images[:20].reshape(shape)) == plain
        assert reader.read_many(Tensor(mnist.test_images[:20].reshape(shape))) == plain


@pytest.mark.parametrize("ink", [0, 255])
def test_transparency_is_laid_on_what_the_ink_differs_from(reader, ink):
    picture = Image.merge("LA", [Image.new("L", (200, 200), ink), drawn(255, 0)])
    for image in (picture, encoded(picture), np.asarray(picture.convert("RGBA"))):
        reading = reader.read(image)
        assert (reading.digit, reading.unsure) == (7, False)


@pytest.mark.parametrize("ink", [0, 255])
@pytest.mark.parametrize("angle", [0, 45])
def test_a_card_with_a_transparent_margin_lies_on_its_own_paper(reader, ink, angle):
    card = drawn(ink, 255 - ink)
    picture = card.rotate(-angle, expand=True).convert("RGB")
    picture.putalpha(Image.new("L", card.size, 255).rotate(-angle, expand=True))
    picture = picture.rotate(angle)
    for image in (picture, encoded(picture), np.asarray(picture)):
        reading = reader.read(image)
        assert (reading.digit, reading.unsure) == (7, False)


def test_ink_of_another_color_and_the_same_luminance_is_seen(reader):
    picture = Image.new("RGB", (200, 200), (200, 60, 60))
    same = round((0.299 * 200 + 0.587 * 60 + 0.114 * 60 - 0.299 * 20 - 0.114 * 20) / 0.587)
    ImageDraw.Draw(picture).line([(60, 50), (140, 50), (90, 160)], fill=(20, same, 20), width=16, joint="curve")
    for image in (picture, encoded(picture), encoded(picture, "JPEG", quality=95), np.asarray(picture)):
        reading = reader.read(image)
        assert (reading.digit, reading.unsure) == (7, False)


@pytest.mark.parametrize("most", [1.0, 255.0, 65535.0])
def test_float_images_of_any_usual_range(reader, most, tmp_path):
    picture = Image.fromarray((ARRAY / 255 * most).astype(np.float32))
    picture.save(tmp_path / "seven.tif")
    reading = reader.read(tmp_path / "seven.tif")
    assert (reading.digit, reading.unsure) == (7, False)


KINDS_WITH_PAGES = ["TIFF", "GIF", "PDF", "HEIF"]


def two_pages(kind):
    """A file of two pages, a 7 and a 1."""
    pillow_heif.register_heif_opener()
    options = {"duration": 100} if kind == "GIF" else {}
    first, second = drawn(mode="RGB", paper="white"), drawn(mode="RGB", paper="white", digit="1")
    return encoded(first, kind, save_all=True, append_images=[second], **options)


@pytest.mark.parametrize("kind", KINDS_WITH_PAGES)
def test_several_pages_are_counted_or_read(reader, kind):
    content = two_pages(kind)
    with pytest.raises(FormatError, match="has 2 pages: choose with pages="):
        reader.read(content)
    assert [reading.digit for reading in reader.read(content, pages="all")] == [7, 1]
    assert [reading.digit for reading in reader.read(content, pages=[1])] == [1]
    with pytest.raises(FormatError, match="no page 2: it has 2"):
        reader.read(content, pages=[2])


def test_pages_are_those_of_a_file(reader):
    with pytest.raises(FormatError, match="pages are those of a file"):
        reader.read(ARRAY, pages="all")
    for pages in (1, "0", [1.0], "All"):
        with pytest.raises(FormatError, match='numbers from 0 in a list, or "all"'):
            reader.read(PNG, pages=pages)


def test_a_page_of_a_pdf_is_read_by_several_threads(reader):
    content = encoded(drawn(mode="RGB", paper="white"), "PDF")
    with ThreadPoolExecutor(4) as pool:
        assert [reading.digit for reading in pool.map(reader.read, [content] * 8)] == [7] * 8


@pytest.mark.parametrize(("package", "content", "said"), [
    ("pillow_heif", b"\0\0\0\x18ftypheic" + bytes(40), "is HEIC: pip install pillow-heif"),
    ("pypdfium2", b"%PDF-1.7", "is a PDF: pip install pypdfium2"),
])  # fmt: skip
def test_a_package_that_is_missing_is_named(reader, monkeypatch, package, content, said):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(FormatError, match=said):
        reader.read(content)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.full((9, 9), 1.5), "0 to 1 or 0 to 255"),
        (np.full((9, 9), 16.0), "0 to 1 or 0 to 255"),
        (np.full((9, 9), -0.1), "0 to 1 or 0 to 255"),
        (np.zeros((2, 9, 9)), r"the shape \(2, 9, 9\)"),
        (io.StringIO("text"), "opened to read bytes"),
        ("data:image/png;base64,???", "no base64"),
        (object(), "not object"),
        (torch.zeros(9, 9, dtype=torch.bfloat16), "this Tensor can't be an array"),
        (closed_file(), "can't be read: .*closed"),
        ("x" * 5000, "x: no such file|too long"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "can't be decoded"),
        (b"%PDF-1.7 cut short", "can't be decoded"),
    ],
)
def test_what_may_be_misread_is_refused(reader, image, said):
    with pytest.raises(FormatError, match=said):
        reader.read(image)


SEVEN = [[(10, 10), (90, 10), (50, 60)], [(50, 60), (40, 95), (38, 120), (36, 130)]]


@pytest.mark.parametrize(
    "strokes",
    [
        SEVEN,
        [[(x, y, 7.0) for x, y in stroke] for stroke in SEVEN],
        [[(x, y, 7.0, 0.5) for x, y in stroke] for stroke in SEVEN],
        [list(zip(*stroke, strict=True)) for stroke in SEVEN],
        [[*zip(*stroke, strict=True), range(len(stroke))] for stroke in SEVEN],
    ],
    ids=["points", "with time", "with time and pressure", "Quick, Draw!", "Quick, Draw! with time"],
)
def test_strokes_of_every_usual_form(reader, strokes):
    reading = reader.read_strokes(strokes)
    assert (reading.digit, reading.unsure) == (7, False)
    assert reading == reader.read_strokes(SEVEN)


def test_strokes_that_may_be_points_or_rows_are_refused(reader):
    with pytest.raises(FormatError, match=r"the shape \(2, 4\) may be points or rows"):
        reader.read_strokes([[[1, 2, 3, 4], [5, 6, 7, 8]]])
