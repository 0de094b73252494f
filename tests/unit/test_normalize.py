"""Image files of any kind must reach the model as MNIST images do; or every prediction on them is a guess."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tenfold.errors import FormatError
from tenfold.ink.image import opened, to_gray
from tenfold.ink.normalize import has_mnist_form, normalize, to_uint8
from tenfold.ink.page import find_page_ink


def seven(
    size: int = 200, ink: int = 0, paper: int = 255, width: int = 16, at: tuple[int, int] = (0, 0)
) -> Image.Image:
    picture = Image.new("L", (size, size), paper)
    x, y = at
    points = [(60 + x, 50 + y), (140 + x, 50 + y), (90 + x, 160 + y)]
    ImageDraw.Draw(picture).line(points, fill=ink, width=width, joint="curve")
    return picture


def difference(first, second):
    """Mean over pixels in gray levels, at the best of nine shifts: half a pixel of mass may round to either side."""
    shifts = [(rows, columns) for rows in (-1, 0, 1) for columns in (-1, 0, 1)]
    return min(np.abs(np.roll(first, shift, (0, 1)).astype(int) - second).mean() for shift in shifts)


def normalize_file(path):
    with opened(path) as image:
        return normalize(image)


def test_mnist_images_pass_through_almost_unchanged(mnist):
    images = mnist.test_images[:300]
    changes = np.array([np.abs(normalize(image).astype(int) - image).mean() for image in images])
    assert (changes == 0).mean() > 0.97


def test_the_result_has_mnists_form():
    pixels = normalize(seven())
    assert pixels.shape == (28, 28)
    assert pixels.dtype == np.uint8
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    weights = pixels / pixels.sum()
    assert (weights.sum(1) @ np.arange(28)) == pytest.approx(14, abs=0.51)
    assert (weights.sum(0) @ np.arange(28)) == pytest.approx(14, abs=0.51)


@pytest.mark.parametrize(
    "picture",
    [
        seven(ink=255, paper=0),
        seven(ink=90, paper=200),
        seven(at=(30, 25)),
        seven().convert("RGB"),
        seven().convert("1"),
        seven().convert("P"),
        Image.merge("RGBA", [Image.new("L", (200, 200), 0)] * 3 + [seven(ink=255, paper=0)]),
    ],
    ids=["bright on dark", "faint", "off center", "color", "bilevel", "palette", "ink on transparent"],
)
def test_the_same_ink_gives_the_same_pixels_whatever_carries_it(picture):
    assert difference(normalize(picture), normalize(seven())) < 3


def test_size_does_not_matter():
    small, large = normalize(seven()), normalize(seven().resize((1600, 1600), Image.Resampling.BICUBIC))
    assert difference(small, large) < 8  # A bar's edge falls on another part of a pixel.


def test_specks_and_grain_are_dropped():
    noisy = np.asarray(seven(), np.int64) + np.random.default_rng(0).normal(0, 4, (200, 200)).round().astype(int)
    noisy = np.clip(noisy, 0, 255).astype(np.uint8)
    noisy[5:8, 190:193] = 0
    assert difference(normalize(noisy), normalize(seven())) < 4


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_blank_page_gives_blank_pixels(value):
    assert not normalize(np.full((40, 30), value, np.uint8)).any()


def test_floats_and_sixteen_bits_are_read(tmp_path):
    gray = np.asarray(seven(), np.float32) / 255
    assert np.array_equal(normalize(gray), normalize(seven()))
    Image.fromarray((gray * 65535).astype(np.uint16)).save(tmp_path / "deep.png")
    assert difference(normalize_file(tmp_path / "deep.png"), normalize(seven())) < 1


def test_a_sideways_photo_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # the camera was held a quarter turn to the left
    seven().rotate(90).save(tmp_path / "turned.png", exif=exif)
    assert difference(normalize_file(tmp_path / "turned.png"), normalize(seven())) < 2


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 5), np.uint8),
        np.zeros(28, np.uint8),
        np.zeros((28, 28, 2), np.uint8),
        np.full((28, 28), 256),
        np.full((28, 28), -1),
        np.full((28, 28), np.nan),
        np.full((28, 28), 2.0),
    ],
    ids=["no pixels", "one row", "two channels", "above 255", "below 0", "NaN", "over 1"],
)
def test_what_is_not_an_image_is_refused(array):
    with pytest.raises(FormatError):
        normalize(array)


def test_files_that_are_no_images_are_refused_by_name(tmp_path):
    (tmp_path / "notes.png").write_text("seven")
    with pytest.raises(FormatError, match=r"notes\.png"):
        normalize_file(tmp_path / "notes.png")
    with pytest.raises(FormatError, match="no such file"):
        normalize_file(tmp_path / "gone.png")
    seven().save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:120])
    with pytest.raises(FormatError):
        normalize_file(tmp_path / "cut.png")


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    with pytest.raises(FormatError, match="megapixels"):
        normalize_file(tmp_path / "bomb.png")


def test_a_small_digit_on_a_large_page_is_the_digit_alone():
    one = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(one).rectangle((90, 30, 110, 170), fill=0)  # Without paper around it, it would be paper itself.
    for digit in (seven(), one):
        page = Image.new("L", (2400, 2400), 255)
        page.paste(digit, (1700, 300))
        assert difference(normalize(page), normalize(digit)) < 1


def test_an_image_of_mnists_size_that_is_off_center_is_centered(mnist):
    image = mnist.test_images[0]
    assert has_mnist_form(image[None])[0]
    for shift in ((1, 0), (0, -1), (1, 1)):
        moved = np.roll(image, shift, (0, 1))
        assert not has_mnist_form(moved[None])[0]
        weights = normalize(moved) / normalize(moved).sum()
        assert (weights.sum(1) @ np.arange(28)) == pytest.approx(14, abs=0.51)
        assert (weights.sum(0) @ np.arange(28)) == pytest.approx(14, abs=0.51)


def test_every_gray_level_stays_what_it_is():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(to_uint8(to_gray(levels)), levels)
    between = np.array([[10.4, 10.6]], np.float32) / 255
    assert to_uint8(between).tolist() == [[10, 11]]


def test_what_lies_beside_the_paper_is_no_ink():
    photo = np.full((400, 600), 0.9, np.float32)
    photo[:, :150] = 0.2  # A dark table, with scratches as dark as ink.
    photo[::40, 20:130] = 0.05
    photo[150:250, 380:392] = 0.1  # A stroke.
    ink = find_page_ink(photo)
    assert ink[160:240, 384:388].min() > 0.5
    assert ink[:, :140].max() == 0
