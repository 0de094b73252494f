"""The Reader goes into other people's programs: whatever they hand it, it answers honestly or says what is wrong."""

import contextlib
import io
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageDraw

from tenfold import Reader
from tenfold.errors import FormatError, TenfoldError
from tenfold.ink.normalize import has_mnist_form
from tests.pages import page

SEVEN = [[(0, 0), (10, 0), (4, 16)]]


def test_mnist_is_read_through_the_public_surface(reader, mnist):
    readings = reader.read_many(mnist.test_images[:1000])
    right = [reading.digit == label for reading, label in zip(readings, mnist.test_labels[:1000], strict=True)]
    assert np.mean(right) > 0.99
    first = readings[0]
    assert first.probabilities.shape == (10,)
    assert first.probabilities.dtype == np.float32
    assert first.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert first.confidence == first.probabilities.max()
    assert first.pixels.shape == (28, 28)


def test_one_and_many_give_the_same(reader, mnist):
    images = mnist.test_images[:20]
    many = reader.read_many(images)
    assert [reading.digit for reading in reader.read_many(list(images))] == [reading.digit for reading in many]
    assert all(
        np.allclose(reader.read(i).probabilities, r.probabilities, atol=1e-6) for i, r in zip(images, many, strict=True)
    )
    assert reader.read_many([]) == []
    assert reader.read_many(np.zeros((0, 28, 28), np.uint8)) == []


def test_each_gives_what_one_gives_and_an_error_in_the_place_of_what_is_no_image(reader, mnist):
    digits = mnist.test_images[:40]
    file = io.BytesIO()
    Image.fromarray(digits[3]).save(file, "PNG")
    images = [*digits[:8], b"no image", file.getvalue(), 255 - digits[4], np.roll(digits[5], 3, 0), np.zeros((0, 4)),
              digits[6] / 255, Image.fromarray(digits[7]).resize((90, 90)), file.getvalue()[:200],
              np.zeros((28, 28), np.uint8), *digits[8:]]  # fmt: skip
    # Some of MNIST's form with something beside the digit: the surer of two readings is kept.
    images.append(np.roll(digits[9], 2, 1))
    images[-1][0, 0:3] = 200
    bad = [8, 12, 15]
    found = reader.read_each(images)
    assert [index for index, one in enumerate(found) if isinstance(one, FormatError)] == bad
    for index, image in enumerate(images):
        if index in bad:
            with pytest.raises(FormatError) as raised:
                reader.read(image)
            assert str(raised.value) == str(found[index])
        else:
            alone = reader.read(image)
            assert (alone.digit, alone.confidence, alone.unsure) == (
                found[index].digit, found[index].confidence, found[index].unsure)  # fmt: skip
            assert np.array_equal(alone.probabilities, found[index].probabilities)
            assert np.array_equal(alone.pixels, found[index].pixels)


def test_threads_change_no_answer(reader, mnist):
    alone = Reader(threads=1).read_many(mnist.test_images[:600])
    for one, other in zip(alone, reader.read_many(mnist.test_images[:600]), strict=True):
        assert np.array_equal(one.probabilities, other.probabilities)


def test_any_carrier_gives_the_same_digit(reader, tmp_path):
    picture = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(picture).line([(50, 40), (150, 40), (90, 170)], fill=0, width=16, joint="curve")
    picture.save(tmp_path / "seven.png")
    content = io.BytesIO()
    picture.save(content, "JPEG")
    gray, color = np.asarray(picture), np.asarray(picture.convert("RGB"))
    files = [tmp_path / "seven.png", str(tmp_path / "seven.png"), content.getvalue()]
    inputs = [*files, picture, gray, color, gray.astype(np.float32) / 255, gray > 128]
    assert [reading.digit for reading in reader.read_many(inputs)] == [7] * len(inputs)
    assert reader.read_strokes(SEVEN).digit == 7


def test_a_digit_in_other_dress_is_the_same_digit(reader, mnist):
    images = mnist.test_images[:200]
    dressed = [Image.fromarray(255 - image).resize((140, 140), Image.Resampling.BICUBIC) for image in images]
    as_it_was, dressed_up = reader.read_many(images), reader.read_many(dressed)
    assert np.mean([a.digit == b.digit for a, b in zip(as_it_was, dressed_up, strict=True)]) > 0.97


def test_a_blank_page_is_unsure(reader):
    blank = np.full((50, 50), 255, np.uint8)
    assert reader.read(blank).unsure
    assert reader.read_number(blank).text == ""
    assert reader.read_number(blank).unsure
    assert reader.read_strokes([]).unsure
    assert reader.read_stroke_number([]).unsure


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"not an image",
        np.zeros((0, 0), np.uint8),
        np.zeros((3,), np.uint8),
        np.zeros((5, 4, 7), np.uint8),
        np.full((4, 4), 256, np.int32),
        np.full((4, 4), np.nan),
        np.zeros((4, 4), "U1"),
        "no/such/file.png",
        None,
        7,
    ],
    ids=str,
)
def test_what_is_no_image_is_refused(reader, image):
    for read in (reader.read, reader.read_number):
        with pytest.raises(FormatError):
            read(image)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def test_files_of_every_make_are_answered(reader, mnist):
    digit = Image.fromarray(255 - mnist.test_images[0]).resize((140, 140))
    exif = Image.Exif()
    exif[274] = 6
    files = [
        encoded(Image.fromarray(np.asarray(digit).astype(np.uint16) * 257), "PNG"),
        encoded(digit.convert("CMYK"), "JPEG"),
        encoded(digit, "GIF"),
        encoded(digit.rotate(90), "JPEG", exif=exif),
        encoded(digit.convert("P"), "PNG"),
        encoded(digit.convert("1"), "TIFF"),
        encoded(digit.convert("LA"), "PNG"),
        encoded(digit, "WEBP"),
    ]
    assert [reading.digit for reading in reader.read_many(files)] == [7] * len(files)


def test_a_cut_jpeg_and_a_bomb_are_refused(reader, mnist):
    photo = encoded(page(mnist, ["12"])[0], "JPEG")
    with pytest.raises(FormatError):
        reader.read(photo[: len(photo) // 2])
    bomb = encoded(Image.new("1", (20_000, 20_000)), "PNG")
    for read in (reader.read, reader.read_number):
        with pytest.raises(FormatError, match="megapixels"):
            read(bomb)


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=60)))
@settings(max_examples=70)
def test_any_pixels_are_answered(reader, array):
    reading = reader.read(array)
    assert 0 <= reading.digit <= 9
    assert 0 <= reading.confidence <= 1
    number = reader.read_number(array)
    assert "".join(number.text.split()) == "".join(str(digit.digit) for digit in number.digits)


@given(
    arrays(
        st.sampled_from([np.bool_, np.uint8, np.int64, np.uint16, np.float32, np.float64, np.complex64]),
        array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=40),
    )
)
@settings(max_examples=150)
def test_any_array_is_answered_or_refused(reader, array):
    for read in (reader.read, reader.read_number):
        with contextlib.suppress(TenfoldError):
            read(array)


@given(st.lists(arrays(st.sampled_from([np.float32, np.int64, np.bool_]), array_shapes(min_side=0, max_side=30))))
@settings(max_examples=150)
def test_any_strokes_of_a_digit_are_answered_or_refused(reader, strokes):
    with contextlib.suppress(TenfoldError):
        reader.read_strokes(strokes)


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_answered(reader, seed):
    noise = np.random.default_rng(seed).random((200, 200)) < 0.1
    number = reader.read_number(noise)
    assert "".join(number.text.split()) == "".join(str(digit.digit) for digit in number.digits)


def test_the_same_pixels_get_the_same_reading_in_every_form(reader, mnist):
    """An array, a file, a PIL image, floats: also where the digit lacks MNIST's form."""
    off_center = np.roll(mnist.test_images[:40], (3, -2), (1, 2))
    assert not has_mnist_form(off_center).any()
    for pixels in [*off_center, *mnist.test_images[:5]]:
        forms = [pixels, Image.fromarray(pixels), encoded(Image.fromarray(pixels), "PNG"), (pixels / 255)]
        alone = [reader.read(form) for form in forms]
        assert len(set(alone)) == 1
        assert reader.read_many(forms) == alone
        assert reader.read_many(pixels[None])[0] == alone[0]


def test_readings_compare_by_value_and_are_short(reader, mnist):
    one, same, other = reader.read_many([*mnist.test_images[[0, 0, 1]]])
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != 7
    assert len({one, same, other}) == 2
    assert len(repr(one)) < 100
    number = reader.read_number(page(mnist, ["12"])[0])
    assert number == reader.read_number(page(mnist, ["12"])[0])
    document = json.loads(json.dumps(number.to_dict()))
    assert (document["text"], document["written"]) == (number.text, number.written)
    assert document["confidence"] == pytest.approx(number.confidence, abs=1e-6)
    assert document["unsure"] is number.unsure
    assert [digit["digit"] for digit in document["digits"]] == [digit.digit for digit in number.digits]
    assert len(document["digits"][0]["box"]) == 4
    assert json.loads(json.dumps(one.to_dict()))["box"] is None


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"II*\0"]),
)
@settings(max_examples=300)
def test_any_bytes_are_answered_or_refused(reader, content, begin):
    with contextlib.suppress(TenfoldError):
        reader.read(begin + content)


def test_a_reader_may_be_shared_between_threads(reader, mnist):
    expected = [reading.digit for reading in reader.read_many(mnist.test_images[:200])]
    with ThreadPoolExecutor(4) as pool:
        assert [reading.digit for reading in pool.map(reader.read, mnist.test_images[:200])] == expected
