"""Scenes are what reading is measured on: a scene must show what it says, and be the same for everyone."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from tenfold.errors import UsageError
from tenfold.synthesis.glyphs import ABOVE, ASIDE, BELOW, EDGE, STEPS, TALL, Glyph, Glyphs
from tenfold.synthesis.handwriting import some_hand, write_line
from tenfold.synthesis.scenes import KINDS, make_scene


def bar(character, rows, columns):
    """A glyph whose ink is a filled box."""
    y, x = np.indices((ABOVE + TALL + BELOW, columns[1] + ASIDE)) + 0.5
    outside = [rows[0] - y, y - rows[1], columns[0] - x, x - columns[1]]
    distance = np.maximum.reduce(outside)
    return Glyph(character, np.clip(EDGE + STEPS * distance, 0, 255).astype(np.uint8), 5.0, True)


@pytest.fixture(scope="module")
def glyphs():
    digits = {digit: [bar(digit, (ABOVE, ABOVE + TALL), (ASIDE, ASIDE + 6 + int(digit)))] for digit in "0123456789"}
    marks = {mark: [bar(mark, (ABOVE + 30, ABOVE + TALL), (ASIDE, ASIDE + 6))] for mark in ".,-/:+×=%"}
    return Glyphs({}, digits | marks)


@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_is_a_picture_with_its_number(kind, glyphs):
    first, again, other = (make_scene(kind, glyphs, seed) for seed in (3, 3, 4))
    assert first.picture.dtype == np.uint8
    assert first.picture.shape[2:] in ((), (3,))
    assert np.array_equal(first.picture, again.picture)
    assert (first.text, first.written) == (again.text, again.written)
    assert first.picture.shape != other.picture.shape
    assert set(first.text) <= set("0123456789\n")
    assert first.text == "".join(symbol for symbol in first.written if symbol.isdigit() or symbol == "\n")


def test_marks_are_written_but_are_no_digits(glyphs):
    scenes = [make_scene("marks", glyphs, seed) for seed in range(8)]
    assert all(scene.text != scene.written for scene in scenes)


@pytest.mark.parametrize("seed", range(4))
def test_a_note_is_where_its_corners_are(seed, glyphs):
    scene = make_scene("desk", glyphs, seed)
    height, width = scene.picture.shape[:2]
    outline = Image.new("1", (width, height))
    ImageDraw.Draw(outline).polygon([tuple(corner) for corner in scene.sheet], fill=1)
    on_paper = np.asarray(outline)
    gray = np.asarray(Image.fromarray(scene.picture).convert("L"), np.float32)
    paper, beside = np.median(gray[on_paper]), np.median(gray[~on_paper])
    assert abs(paper - beside) > 0.1 * max(paper, beside)


@pytest.mark.parametrize(("spaces", "pieces"), [((0.2, 0.4), 5), ((0.05, 0.1), 5), ((-0.06, -0.03), 1)])
def test_neighbors_are_as_close_as_asked(glyphs, spaces, pieces):
    generator = np.random.default_rng(1)
    line = write_line("13579", some_hand(glyphs, generator, 6), spaces, generator)
    assert ndimage.label(line > 0.5, structure=np.ones((3, 3)))[1] == pieces


def test_an_unknown_kind_names_the_known_ones(glyphs):
    with pytest.raises(UsageError, match="choose one of plain, close"):
        make_scene("blurred", glyphs, 0)
