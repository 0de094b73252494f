"""Where writing is on a page: what a user loses if these fail is digits that frames, lines or angles hide."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tenfold.document.document_page import find_writing, turned
from tenfold.document.frames import find_long_lines, find_sides, find_writing_size, regular_places, remove_frames
from tenfold.document.skew import lines_angle, writing_angle
from tenfold.document.strips import DIGIT_HEIGHT, HEIGHT, cut_strip
from tenfold.document.text_lines import find_lines
from tenfold.ink.ruled import near, run_lengths, without_printed

SIZE = 60
# Rough digits of straight strokes, in units of their height: what the layout needs of them is their size.
SHAPES = {
    "0": [[(0.1, 0.2), (0.3, 0), (0.5, 0.2), (0.5, 0.8), (0.3, 1), (0.1, 0.8), (0.1, 0.2)]],
    "1": [[(0.3, 0), (0.25, 1)]],
    "4": [[(0.4, 1), (0.4, 0), (0, 0.65), (0.6, 0.65)]],
    "7": [[(0, 0), (0.55, 0), (0.2, 1)]],
    "8": [[(0.3, 0.5), (0.05, 0.25), (0.3, 0), (0.55, 0.25), (0.3, 0.5), (0, 0.75), (0.3, 1), (0.6, 0.75), (0.3, 0.5)]],
}


class Page:
    """A page of ink to draw on: 0 paper, 1 ink."""

    def __init__(self, width=700, height=240):
        self.image = Image.new("L", (width, height))
        self.draw = ImageDraw.Draw(self.image)

    def write(self, text, left=90, top=80, size=SIZE, pitch=0.95, pen=6):
        for place, character in enumerate(text):
            for stroke in SHAPES.get(character, []):
                points = [(left + (place * pitch + x) * size, top + y * size) for x, y in stroke]
                self.draw.line(points, fill=255, width=pen, joint="curve")
        return self

    @property
    def ink(self):
        return np.asarray(self.image, np.float32) / 255

    @property
    def gray(self):
        return 0.92 - 0.7 * self.ink


def lines_of(ink):
    far = np.full(ink.shape, 1000, np.float32)
    return find_lines(ink, far)


def columns_of_ink(strip):
    """The number of separate pieces of ink from left to right."""
    inked = np.concatenate([[False], (strip > 90).any(0)])
    return int((~inked[:-1] & inked[1:]).sum())


def test_a_line_becomes_a_strip_with_digits_of_the_size_that_the_network_reads():
    (line,) = lines_of(Page().write("4708").ink)
    strip = cut_strip(line, pen=6)
    assert strip.pixels.shape[0] == HEIGHT
    rows = np.flatnonzero((strip.pixels > 90).any(1))
    assert DIGIT_HEIGHT - 2 <= np.ptp(rows) + 1 <= DIGIT_HEIGHT + 3
    assert columns_of_ink(strip.pixels) == 4


def test_a_thin_pen_is_as_dark_on_a_strip_as_others():
    page = Page(1400, 480).write("4708", size=240, pen=3)
    (line,) = lines_of(page.ink)
    assert np.quantile(cut_strip(line, pen=3).pixels, 0.97) > 200
    assert np.quantile(cut_strip(line, pen=20).pixels, 0.97) < 150


def test_a_place_in_a_strip_is_found_again_in_the_picture():
    page = Page().write("4708", left=150, top=90)
    layout = find_writing(page.gray)
    (line,) = layout.lines
    columns, rows = np.flatnonzero((line.strip > 90).any(0)), np.flatnonzero((line.strip > 90).any(1))
    corners = np.array([[columns[0], rows[0], 1], [columns[-1] + 1, rows[-1] + 1, 1]]) @ line.to_picture.T
    left, top, right, bottom = page.image.getbbox()
    assert np.abs(corners[:, :2] / corners[:, 2:] - [[left, top], [right, bottom]]).max() < 6


def test_lines_come_from_top_to_bottom_with_the_marks_next_to_them():
    page = Page(height=400).write("4708", top=60).write("1084", top=220)
    page.draw.ellipse((320, 270, 328, 278), fill=255)
    found = lines_of(page.ink)
    assert [line.box[1] < 200 for line in found] == [True, False]
    assert found[1].box[2] >= 320


def test_parts_of_a_digit_above_one_another_are_one():
    page = Page().write("4708")
    page.draw.rectangle((0, 102, 190, 104), fill=0)
    (line,) = lines_of(page.ink)
    assert line.box[3] - line.box[1] >= SIZE


@pytest.mark.parametrize("angle", [-40, -18, -8, 8, 18, 40])
def test_a_line_askew_is_straightened(angle):
    ink = Page().write("47084710").ink
    askew, _ = turned(ink, angle)
    height, written = find_writing_size(askew > 0.3)
    # Turning to the left makes it fall to the left.
    assert abs(writing_angle(askew > 0.3, written, height) + angle) <= 1.5


@pytest.mark.parametrize("angle", [-20, 15])
def test_a_page_of_lines_askew_is_straightened(angle):
    page = Page(width=900, height=800)
    for row in range(5):
        page.write("4708471", left=150, top=120 + 120 * row)
    askew, _ = turned(page.ink, angle)
    height, written = find_writing_size(askew > 0.3)
    assert abs(writing_angle(askew > 0.3, written, height) + angle) <= 1.5


def test_one_digit_and_level_lines_are_not_turned():
    for text in ("7", "4", "47", "4708471"):
        mask = Page().write(text).ink > 0.3
        height, written = find_writing_size(mask)
        assert writing_angle(mask, written, height) == 0


def test_a_level_line_of_steep_strokes_is_not_turned():
    # The first and the last one are cut off by the edge: what is left of the writing is two strokes.
    page = Page(width=430, height=120)
    for left in range(-10, 430, 110):
        page.draw.line([(left, 100), (left + 120, 20)], fill=255, width=8)
    mask = page.ink > 0.3
    height, written = find_writing_size(mask)
    assert writing_angle(mask, written, height) == 0


def test_printed_lines_say_how_a_page_lies():
    page = Page(height=400).write("4708", top=180)
    for row in (60, 140, 300, 360):
        page.draw.line([(20, row), (680, row + 46)], fill=200, width=2)
    assert lines_angle(page.ink > 0.3) == pytest.approx(np.degrees(np.arctan(46 / 660)), abs=0.3)
    assert lines_angle(Page().write("47084710").ink > 0.3) == 0


def frame(kind, digits=6, pitch=0.95, gray=200, width=2, clear=0.28):
    """A page with a number in printed cells."""
    page = Page().write("470841"[:digits], pitch=pitch)
    cell = pitch * SIZE
    left, top, bottom = 90 - 0.17 * SIZE, 80 - clear * SIZE, 80 + (1 + clear) * SIZE
    right = left + digits * cell
    if kind == "underline":
        page.draw.line([(left, bottom), (right, bottom)], fill=gray, width=width)
    if kind == "comb":
        page.draw.line([(left, bottom), (right, bottom)], fill=gray, width=width)
        for place in range(digits + 1):
            x = left + place * cell
            page.draw.line([(x, bottom), (x, bottom - 0.4 * SIZE)], fill=gray, width=width)
    if kind == "joined":
        page.draw.rectangle((left, top, right, bottom), outline=gray, width=width)
        for place in range(1, digits):
            page.draw.line([(left + place * cell, top), (left + place * cell, bottom)], fill=gray, width=width)
    if kind == "separate":
        for place in range(digits):
            x = left + place * cell
            page.draw.rectangle((x + 2, top, x + cell - 3, bottom), outline=gray, width=width)
    return page


@pytest.mark.parametrize("kind", ["underline", "comb", "joined", "separate"])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_frames_are_removed_and_digits_stay(kind, width):
    alone = Page().write("470841").ink > 0.3
    cleared = remove_frames(frame(kind, width=width).ink) > 0.3
    # The last digit is a 1: neither it nor any other is taken for a side.
    assert (cleared & alone).sum() > 0.97 * alone.sum()
    assert (cleared & ~near(alone, 2)).sum() < 0.02 * alone.sum()


def test_a_digit_that_reaches_out_of_its_box_stays():
    page = Page(400, 240).write("4", left=120)
    page.draw.rectangle((108, 74, 150, 152), outline=200, width=2)
    alone = Page(400, 240).write("4", left=120).ink > 0.3
    cleared = remove_frames(page.ink) > 0.3
    assert (cleared & alone).sum() > 0.9 * alone.sum()
    assert (cleared & ~near(alone, 2)).sum() < 0.02 * alone.sum()


def test_round_digits_are_no_boxes():
    page = Page(400, 240)
    page.draw.ellipse((100, 80, 150, 140), outline=255, width=7)
    page.draw.ellipse((200, 80, 280, 140), outline=255, width=7)
    assert np.array_equal(remove_frames(page.ink), page.ink)


def test_a_curved_stroke_near_a_line_is_no_side():
    line, straight, curved = Page(), Page(), Page()
    line.draw.line([(100, 60), (340, 60)], fill=255, width=5)
    for x in (100, 160, 280, 340):
        straight.draw.line([(x, 63), (x, 110)], fill=255, width=5)
    # Where the side of a cell could be.
    curved.draw.arc((190, 66, 224, 120), 270, 20, fill=255, width=5)
    level, sides, stroke = (page.ink > 0.3 for page in (line, straight, curved))
    found = find_sides((sides | stroke) & ~level, level, SIZE)
    assert (found & sides).sum() > 0.8 * sides.sum()
    assert not (found & stroke).any()


def test_large_writing_next_to_small_print_has_no_lines():
    page = Page(700, 400).write("1441", size=66, top=240, pen=4)
    for row in range(3):
        page.write("4708470847084708470847", left=20, top=30 + 40 * row, size=24, pen=3)
    assert np.array_equal(remove_frames(page.ink), page.ink)


def test_strokes_between_ruled_lines_are_no_sides():
    page = Page().write("147017", pen=9)
    for y in (70, 105, 140, 175):
        page.draw.line([(0, y), (700, y)], fill=200, width=2)
    alone = Page().write("147017", pen=9).ink > 0.3
    cleared = remove_frames(page.ink) > 0.3
    assert (cleared & alone).sum() > 0.93 * alone.sum()


def test_a_stroke_that_crosses_a_line_stays_whole():
    page = Page().write("470841")
    page.draw.line([(20, 112), (680, 112)], fill=220, width=3)
    alone = Page().write("470841").ink > 0.3
    cleared = remove_frames(page.ink) > 0.3
    assert (cleared & alone).sum() > 0.93 * alone.sum()
    assert len(lines_of(np.where(cleared, page.ink, 0))) == 1


@pytest.mark.parametrize("pitch", [9, 20, 47])
def test_squared_paper_is_removed(pitch):
    page = Page().write("4708")
    for x in range(4, 700, pitch):
        page.draw.line([(x, 0), (x, 240)], fill=110, width=1)
    for y in range(4, 240, pitch):
        page.draw.line([(0, y), (700, y)], fill=110, width=1)
    alone = Page().write("4708").ink > 0.3
    cleared = remove_frames(page.ink) > 0.3
    assert (cleared & alone).sum() > 0.9 * alone.sum()
    assert (cleared & ~near(alone, 2)).sum() < 0.05 * alone.sum()


def test_a_dash_a_1_and_the_bar_of_a_7_are_no_lines():
    page = Page().write("17 1")
    page.draw.line([(200, 112), (232, 112)], fill=255, width=5)
    nothing = np.zeros(page.ink.shape, bool)
    level, upright = find_long_lines(page.ink > 0.3, nothing, nothing, SIZE)
    assert not level.any()
    assert not upright.any()
    assert np.array_equal(remove_frames(page.ink), page.ink)


def test_a_cells_borders_differ_from_a_digit_1():
    places = [0, 50, 100, 150, 200, 250, 300, 175]
    assert regular_places(0, 300, places, 60) == [True] * 7 + [False]
    assert regular_places(0, 300, [140], 60) == [False]
    assert regular_places(0, 300, [], 60) == []


def test_what_shows_through_the_paper_is_no_writing():
    page = Page(height=400).write("4708", top=60)
    page.draw.ellipse((300, 240, 360, 300), fill=110)
    page.draw.line([(320, 270), (330, 270)], fill=200, width=3)
    assert [line.box[1] < 200 for line in lines_of(page.ink)] == [True]


def test_blank_pages_and_specks_have_no_lines():
    assert find_writing(np.full((200, 300), 0.9, np.float32)).lines == []
    assert lines_of(np.zeros((80, 90), np.float32)) == []
    noise = np.random.Generator(np.random.PCG64(1)).normal(0.85, 0.02, (300, 400)).astype(np.float32)
    assert find_writing(noise).lines == []


def test_run_lengths_and_nearness_are_what_they_say():
    mask = np.array([[1, 1, 0, 1], [0, 1, 0, 0]], bool)
    assert run_lengths(mask, 1).tolist() == [[2, 2, 0, 1], [0, 1, 0, 0]]
    assert run_lengths(mask, 0).tolist() == [[1, 2, 0, 1], [0, 2, 0, 0]]
    assert near(mask, 0) is mask
    assert near(np.eye(5, dtype=bool), 1).sum() == 19
    ink = mask.astype(np.float32)
    assert without_printed(ink, mask, np.zeros_like(mask)).tolist() == ink.tolist()
