"""Whole numbers of pages, forms and pen strokes, as a user of the Reader gets them."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from tenfold.errors import UsageError
from tenfold.ink.ruled import drop_ruled_lines
from tests.pages import page

SEVEN = [[(0, 0), (10, 0), (4, 16)]]


@pytest.mark.parametrize("shade", [0.0, 0.5], ids=["even light", "shaded"])
def test_a_page_of_numbers_is_read_in_order(reader, mnist, shade):
    picture, text = page(mnist, ["2718", "31415", "907"], shade=shade)
    number = reader.read_number(picture)
    assert number.text == text
    left, top, right, bottom = number.digits[0].box
    assert 0 <= left < right <= 900
    assert 0 <= top < bottom <= 700
    assert abs((bottom - top) - 90) < 30


def test_a_line_may_rise(reader, mnist):
    picture, text = page(mnist, ["123456"], tilt=0.12, size=(900, 500))
    assert reader.read_number(picture).text == text


def test_digits_that_touch_the_picture_s_edge_are_read(reader, mnist):
    picture, _ = page(mnist, ["2718", "31415", "907"])
    ink = np.asarray(picture)
    rows = np.flatnonzero((ink < 100).any(1))
    cut = picture.crop((0, 0, picture.width, int(rows[-1]) + 1))  # The lowest digits end with the picture.
    assert reader.read_number(cut).text == "2718\n31415\n907"


def test_ruled_lines_that_a_lens_bends_go_and_strokes_along_them_stay():
    paper = np.zeros((600, 800), np.float32)
    columns = np.arange(800)
    line = (12 * np.sin(np.pi * columns / 800)).round().astype(int)
    for top in range(40, 560, 60):
        for thick in range(4):
            paper[top + line + thick, columns] = 0.8
    ruled = paper > 0
    down, across = np.mgrid[:600, :800]
    ring = np.abs(np.hypot(across - 400, down - 285) - 93) < 2.5  # Its highest and lowest places lie along lines.
    ink = np.maximum(paper, ring)
    rest = drop_ruled_lines(ink, 0.6) > 0.5
    assert rest[ring].mean() > 0.93
    assert rest[ruled & ~ndimage.binary_dilation(ring, iterations=8)].mean() < 0.01


def test_boxes_are_in_the_pixels_of_the_file(reader, mnist, tmp_path):
    picture, text = page(mnist, ["4071"])
    picture.resize((3600, 2800), Image.Resampling.BICUBIC).save(tmp_path / "large.jpg")
    number = reader.read_number(tmp_path / "large.jpg")
    assert number.text == text
    assert abs(number.digits[0].box[3] - number.digits[0].box[1] - 360) < 120


def test_a_number_written_with_a_pen(reader):
    near, far = [(18, 0), (18, 16)], [(40, 0), (40, 16)]
    assert reader.read_stroke_number([*SEVEN, near]).text == "71"
    number = reader.read_stroke_number([*SEVEN, far])
    assert number.text == "7 1"
    left, top, right, bottom = number.digits[1].box  # In the pen's unit.
    assert (left + right) / 2 == pytest.approx(40, abs=1)
    assert (top, bottom) == pytest.approx((0, 16), abs=3)  # With the pen's width.


@pytest.fixture
def form(mnist):
    """Bright paper of 400x300 with 7, 2 in the first row, 12.9 in the second."""
    ink = np.zeros((300, 400), np.uint8)
    places = [(40, 30, 0), (290, 30, 1), (40, 170, 2), (100, 170, 1), (200, 170, 7)]
    for left, top, index in places:
        ink[top : top + 84, left : left + 84] = np.kron(mnist.test_images[index], np.ones((3, 3), np.uint8))
    ink[232:241, 185:194] = 255
    return 255 - ink


def test_separate_numbers_are_separated_and_marks_are_written(reader, form):
    number = reader.read_number(form)
    assert number.text == "7 2\n129"
    assert number.written == "7 2\n12.9"
    assert not number.unsure
    assert 0.5 <= number.confidence <= 1


def test_fields_are_read_alone_with_boxes_in_the_whole_picture(reader, form, tmp_path):
    large = Image.fromarray(form).resize((2800, 2100), Image.Resampling.BICUBIC)
    large.save(tmp_path / "large.jpg")  # Which is decoded at a fraction of its size.
    fields = [(250, 10, 400, 140), (0, 150, 400, 300), (0, 0, 30, 300)]
    for picture, times in ((form, 1), (tmp_path / "large.jpg", 7)):
        found = reader.read_number(picture, fields=[tuple(times * edge for edge in field) for field in fields])
        assert [number.text for number in found] == ["2", "129", ""]
        assert [number.unsure for number in found] == [False, False, True]
        rows, columns = np.nonzero(form[:150, 250:] < 100)
        ink = [columns.min() + 250, rows.min(), columns.max() + 251, rows.max() + 1]
        assert found[0].digits[0].box == pytest.approx([times * edge for edge in ink], abs=8 * times)
    assert reader.read_number(form, fields=[]) == []


@pytest.mark.parametrize(
    "field",
    [(0, 0, 401, 300), (-1, 0, 9, 9), (300, 0, 100, 90), (0, 90, 100, 90), (0, 0, float("nan"), 9),
     (0, 0, float("inf"), 9), (0, 0, 9), "left", 7, (None, 0, 9, 9)],
    ids=str,
)  # fmt: skip
def test_what_is_no_field_of_the_picture_is_refused(reader, form, field):
    with pytest.raises(UsageError, match="field"):
        reader.read_number(form, fields=[(0, 0, 400, 300), field])


def test_fields_are_of_one_page(reader, form):
    with pytest.raises(UsageError, match="not both"):
        reader.read_number(Image.fromarray(form), pages="all", fields=[(0, 0, 9, 9)])


@pytest.mark.parametrize("noise", [0.003, 0.006, 0.012])
@pytest.mark.parametrize("light", [0.95, 0.6])
def test_blank_paper_with_grain_has_no_digits(reader, noise, light):
    generator = np.random.default_rng(0)
    paper = np.clip(light + generator.normal(0, noise, (600, 800)), 0, 1)
    assert reader.read_number(paper).text == ""


def test_numbers_without_a_margin_are_read(reader, mnist):
    """Without more paper around them, a 1 is a ruled line and half of the digits are no ink."""
    for count, least in ((1, 28), (3, 27)):
        right = 0
        for start in range(0, 30 * count, count):
            rows = slice(start, start + count)
            number = reader.read_number(np.concatenate(mnist.test_images[rows], 1))
            is_right = number.text == "".join(map(str, mnist.test_labels[rows]))
            assert is_right or number.unsure
            right += is_right
        assert right >= least


def test_boxes_of_a_number_without_a_margin_lie_in_the_picture(reader, mnist):
    (digit,) = reader.read_number(mnist.test_images[0]).digits
    rows, columns = np.nonzero(mnist.test_images[0] > 128)
    assert digit.box == pytest.approx((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), abs=2)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_number_on_its_side_or_upside_down_is_read(reader, mnist, turns):
    picture = np.asarray(page(mnist, ["74", "3407"])[0])
    upright = reader.read_number(picture)
    number = reader.read_number(np.ascontiguousarray(np.rot90(picture, turns)))
    assert number.text == upright.text
    # Boxes are in the picture as it was given.
    for before, after in zip(upright.digits, number.digits, strict=True):
        height, width = picture.shape[:2]
        left, top, right, bottom = before.box
        for _ in range(turns):
            left, top, right, bottom = top, width - right, bottom, width - left
            height, width = width, height
        assert np.abs(np.subtract(after.box, (left, top, right, bottom))).max() < 8


def test_a_column_that_may_be_a_number_on_its_side_is_unsure(reader, mnist):
    """What is left of a number on its side, a zero here and there, must not be answered."""
    for digit in (0, 1, 8):
        images = mnist.test_images[np.flatnonzero(mnist.test_labels == digit)[:3]]
        number = reader.read_number(np.rot90(np.concatenate(images, 1)))
        assert number.unsure or number.text == str(digit) * 3
