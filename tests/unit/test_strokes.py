"""Pen strokes must become what a photo of the same ink becomes; or a drawing pad is read worse than a camera."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tenfold.errors import FormatError
from tenfold.ink.fit import THICKEST, THINNEST, thickness
from tenfold.ink.normalize import extent
from tenfold.ink.strokes import PEN_WIDTH, draw_strokes
from tenfold.synthesis import printed
from tenfold.synthesis.drawing import draw_digits, parse, scan
from tenfold.synthesis.non_digits import draw_non_digits
from tenfold.synthesis.skeletons import DIGITS, SIGNS

SEVEN = [[(0, 0), (10, 0), (4, 16)]]


def box_of(pixels):
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    return np.ptp(rows) + 1, np.ptp(columns) + 1


def test_strokes_take_mnists_form():
    pixels = draw_strokes(SEVEN)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (28, 28)
    assert max(box_of(pixels)) == 20
    weights = pixels / pixels.sum()
    assert weights.sum(1) @ np.arange(28) == pytest.approx(14, abs=0.51)
    assert weights.sum(0) @ np.arange(28) == pytest.approx(14, abs=0.51)


@pytest.mark.parametrize("unit", [1e-6, 1, 300, 1e9])
@pytest.mark.parametrize("away", [0, -50])
def test_unit_and_place_do_not_matter(unit, away):
    moved = [(np.array(stroke) + away) * unit for stroke in SEVEN]
    assert np.abs(draw_strokes(moved).astype(int) - draw_strokes(SEVEN)).mean() < 3


def test_more_points_on_the_same_line_change_nothing():
    dense = [np.concatenate([np.linspace(a, b, 200) for a, b in itertools.pairwise(s)]) for s in SEVEN]
    assert np.abs(draw_strokes(dense).astype(int) - draw_strokes(SEVEN)).mean() < 1


@pytest.mark.parametrize("width", [THINNEST, PEN_WIDTH, THICKEST])
def test_the_pen_is_as_wide_as_it_was_asked_to_be(width):
    ink = draw_strokes(SEVEN, width) / np.float32(255)
    assert thickness(ink[extent(ink)]) == pytest.approx(width, rel=0.15)


def test_a_dot_and_a_single_point_count():
    assert draw_strokes([[(5, 5)]]).any()
    assert draw_strokes([*SEVEN, [(20, 0)]]).any(0).sum() > draw_strokes(SEVEN).any(0).sum()


def test_no_ink_gives_a_blank_image():
    assert not draw_strokes([]).any()
    assert not draw_strokes([[], np.empty((0, 2))]).any()


@pytest.mark.parametrize(
    "strokes",
    [
        [[(0, np.nan), (1, 1)]],
        [[(0, np.inf)]],
        [[(0, 1e300), (1, 1)]],
        [[1, 2, 3]],
        [["a", "b"]],
        [[(0, 0), (1,)]],
    ],
    ids=["NaN", "infinity", "beyond reach", "flat", "letters", "ragged"],
)
def test_what_is_no_stroke_is_refused(strokes):
    with pytest.raises(FormatError, match="stroke 0"):
        draw_strokes(strokes)


def test_a_hundred_thousand_points_are_no_trouble():
    scribble = np.random.default_rng(0).random((100_000, 2))
    started = time.perf_counter()
    assert draw_strokes([scribble]).any()
    assert time.perf_counter() - started < 10


@given(st.lists(arrays(np.float64, st.tuples(st.integers(0, 6), st.just(2)), elements=st.floats(width=32)), max_size=4))
@settings(max_examples=200)
def test_any_numbers_are_drawn_or_refused(strokes):
    try:
        pixels = draw_strokes(strokes)
    except FormatError:
        return
    assert pixels.shape == (28, 28)
    assert pixels.any() == any(len(stroke) for stroke in strokes)


def test_every_skeleton_can_be_drawn():
    for way in (*DIGITS, *SIGNS):
        assert all(len(curve) >= 1 for stroke in parse(way.path) for curve in stroke), way.name


def test_drawn_digits_are_the_same_for_the_same_seed_and_all_classes_alike():
    images, labels = draw_digits(200, 3)
    again, _ = draw_digits(200, 3)
    other, _ = draw_digits(200, 4)
    assert np.array_equal(images, again)
    assert not np.array_equal(images, other)
    assert np.bincount(labels).tolist() == [20] * 10
    assert all(max(box_of(image)) <= 20 for image in images)


def test_non_digits_are_made_and_are_no_copies(mnist):
    images = draw_non_digits(140, 0, mnist.train_images[:500], mnist.train_labels[:500])
    assert images.shape == (140, 28, 28)
    assert len({image.tobytes() for image in images}) > 130


def test_a_scan_has_mnist_s_form_whatever_the_ink(mnist):
    generator = np.random.default_rng(0)
    inks = [image / np.float32(255) for image in mnist.train_images[:60]]
    inks += [np.ones((1, 1), np.float32), np.ones((80, 1), np.float32), np.ones((2, 300), np.float32)]
    for ink in inks:
        pixels = scan(np.asarray(ink, np.float32), generator)
        rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
        assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 20


def test_half_of_the_scans_are_stretched_towards_the_square():
    bar = np.pad(np.ones((40, 10), np.float32), 20)  # The paper around it is cut off.
    generator = np.random.default_rng(1)
    widths = [int(scan(bar, generator).any(0).sum()) for _ in range(200)]
    assert 0.3 < np.mean([width > 6 for width in widths]) < 0.65
    assert min(widths) <= 6
    assert max(widths) > 13


def test_every_printed_letter_is_in_its_fonts_and_none_is_a_digit():
    for fonts, letters in printed._families():
        missing = printed.set_letter(fonts[0], "\U0010ffff")
        for font in fonts:
            for letter in letters:
                ink = printed.set_letter(font, letter)
                assert ink.shape != missing.shape or not np.array_equal(ink, missing), (font, hex(ord(letter)))
        assert not set(letters) & set("0123456789OoIlSsZzbgq")


def test_non_digits_are_made_of_digits_as_narrow_as_a_pixel():
    digits = np.zeros((2, 28, 28), np.uint8)
    digits[0, 4:24, 14] = digits[1, 4:24, 4:24] = 255
    assert draw_non_digits(480, 0, digits, np.array([1, 0], np.uint8)).any((1, 2)).all()


def test_non_digits_are_made_of_sets_with_other_classes(mnist):
    assert len(draw_non_digits(48, 0, mnist.train_images[:20], np.zeros(20, np.uint8))) == 48
