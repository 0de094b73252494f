"""No image makes the reader hang, crash or answer surely what is not there."""

import contextlib
import io
import pickle

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageDraw

from tenfold import Reader
from tenfold.errors import ModelError, TenfoldError
from tenfold.reading.reader import shipped_model
from tests.pages import page


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def test_flipped_bytes_of_a_real_file_are_answered_or_refused(reader, mnist):
    generator = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP"):
        whole = bytearray(encoded(page(mnist, ["5"], size=(120, 120))[0], kind))
        for _ in range(25):
            damaged = bytearray(whole)
            for place in generator.integers(0, len(whole), 6):
                damaged[place] = generator.integers(256)
            with contextlib.suppress(TenfoldError):
                reader.read_number(bytes(damaged))


@given(st.lists(arrays(st.sampled_from([np.float32, np.int64, np.bool_]), array_shapes(min_side=0, max_side=30))))
@settings(max_examples=150)
def test_any_strokes_of_a_number_are_answered_or_refused(reader, strokes):
    with contextlib.suppress(TenfoldError):
        reader.read_stroke_number(strokes)


def test_print_and_noise_do_not_hang_and_are_unsure(reader):
    noise = np.random.default_rng(0).integers(0, 256, (600, 800), dtype=np.uint8)
    assert reader.read(noise).unsure
    reader.read_number(noise)
    print_page = Image.new("L", (1000, 1400), 255)
    draw = ImageDraw.Draw(print_page)
    for line in range(60):
        draw.text(
            (40, 20 + 22 * line), "The quick brown fox jumps over the lazy dog and so on " * 2, fill=0, font_size=14
        )
    assert reader.read_number(print_page).unsure


def test_a_run_of_ones_own_is_read_with(run, mnist):
    own = Reader(run.path / "model.onnx")
    assert own.read(mnist.test_images[0]).digit in range(10)
    with pytest.raises(ModelError, match="no such file"):
        Reader(run.path / "gone.onnx")


def test_a_reader_is_pickled_with_its_model(tmp_path, mnist):
    path = tmp_path / "mine.onnx"
    path.write_bytes(shipped_model().read_bytes())
    packed = pickle.dumps(Reader(path, threads=1))
    path.unlink()
    again = pickle.loads(packed)
    images = np.array(mnist.test_images[:20])
    np.testing.assert_array_equal(again.probabilities(images), Reader().probabilities(images))
    assert again.unsure_below == Reader().unsure_below
