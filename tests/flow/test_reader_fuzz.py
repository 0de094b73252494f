"""No image makes the reader hang, crash or answer surely what is not there."""

import contextlib
import io
import pickle

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tenfold import Reader
from tenfold.errors import ModelError, TenfoldError
from tenfold.reading.reader import shipped_model


def page(mnist, texts, size=(900, 700), height=90, shade=0.0, tilt=0.0, seed=0) -> tuple[Image.Image, str]:
    """A photo of lines of MNIST's test digits: dark ink on paper that may be shaded and tilted."""
    generator = np.random.default_rng(seed)
    width, tall = size
    ink = np.zeros((tall, width), np.float32)
    for row, text in enumerate(texts):
        x = 60
        for letter in text:
            index = generator.choice(np.flatnonzero(mnist.test_labels[:2000] == int(letter)))
            digit = Image.fromarray(mnist.test_images[index]).resize((height * 28 // 20,) * 2, Image.Resampling.BICUBIC)
            y = 40 + row * int(height * 1.7) + int(x * tilt)
            place = ink[y : y + digit.height, x : x + digit.width]
            np.maximum(place, np.asarray(digit, np.float32)[: place.shape[0], : place.shape[1]] / 255, out=place)
            x += int(height * generator.uniform(0.85, 1.0))
    light = 1 - shade * np.linspace(0, 1, width)[None, :] * np.ones((tall, 1))
    gray = light * (0.92 - 0.7 * ink) + generator.normal(0, 0.01, ink.shape)
    return Image.fromarray((np.clip(gray, 0, 1) * 255).astype(np.uint8)), "\n".join(texts)


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
