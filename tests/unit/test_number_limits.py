"""Pictures that are no photo of a number: they are answered as unsure, soon, and in little memory.

That each takes less than two seconds of computing is what `tests/conftest.py` checks of every unit test.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tenfold import Reader

# Bytes that reading a picture may add to the process.
MOST_MEMORY = 400e6
WORDS = "The quick brown fox jumps over the lazy dog, and nobody counts how often it does so. "


def print_page(mnist):
    page = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(page)
    for line in range(50):
        draw.text((100, 100 + 31 * line), WORDS[line % 9 :], fill=20, font_size=22)
    return np.asarray(page)


def crossword(mnist):
    page = np.full((1200, 1200), 250, np.uint8)
    generator = np.random.default_rng(4)
    for row in range(15):
        for column in range(15):
            top, left = 50 + 60 * row, 50 + 60 * column
            page[top : top + 63, left : left + 63] = 30
            page[top + 3 : top + 60, left + 3 : left + 60] = 30 if generator.random() < 0.2 else 250
    return page


def bar_code(mnist):
    bars = np.repeat(np.arange(60) % 2, np.random.default_rng(5).integers(1, 5, 60) * 4)
    return np.pad(np.tile(np.where(bars, 20, 250), (300, 1)), 60, constant_values=250).astype(np.uint8)


def chessboard(mnist):
    return np.kron((np.indices((8, 8)).sum(0) % 2) * 255, np.ones((70, 70))).astype(np.uint8)


def many_lines(mnist):
    """200 lines of ten digits, which are five pixels high once the picture has the size that it is read at."""
    return 255 - np.array(mnist.test_images[:2000]).reshape(200, 10, 28, 28).swapaxes(1, 2).reshape(5600, 280)


def wide(mnist):
    """12,000 pixels: a line of 428 digits."""
    return 255 - np.concatenate(mnist.test_images[:428], 1)


def wide_and_large(mnist):
    return np.kron(wide(mnist)[:, :2400], np.ones((5, 5), np.uint8))


def photo_of_grass(mnist):
    """12 megapixels of texture."""
    coarse = np.random.default_rng(6).integers(0, 256, (500, 667), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((4000, 3000), Image.Resampling.BICUBIC))


def stripes(mnist):
    return np.tile(np.repeat([20, 240], 9), (900, 60)).astype(np.uint8)


NO_NUMBERS = {
    "a blank page": lambda mnist: np.full((1600, 1200), 245, np.uint8),
    "darkness": lambda mnist: np.zeros((1200, 1600), np.uint8),
    "print": print_page,
    "a crossword": crossword,
    "a bar code": bar_code,
    "a chessboard": chessboard,
    "stripes": stripes,
    "noise": lambda mnist: np.random.default_rng(0).integers(0, 256, (1200, 1200), dtype=np.uint8),
    "salt and pepper": lambda mnist: (np.random.default_rng(1).random((1200, 1200)) < 0.1).astype(np.uint8) * 255,
    "small salt and pepper": lambda mnist: (np.random.default_rng(2).random((200, 200)) < 0.1).astype(np.uint8) * 255,
    "grass": photo_of_grass,
    "1 px high": lambda mnist: np.random.default_rng(3).integers(0, 256, (1, 4000), dtype=np.uint8),
    "1 px wide": lambda mnist: np.random.default_rng(3).integers(0, 256, (4000, 1), dtype=np.uint8),
    "1 px": lambda mnist: np.zeros((1, 1), np.uint8),
}
# What may be read right, or as unsure.
NUMBERS = {
    "200 lines": (many_lines, 2000),
    "12,000 px wide": (wide, 428),
    "12,000 px wide and large": (wide_and_large, 85),
}


@pytest.fixture
def picture(request, reader, mnist):
    """Made before the test, whose computing is limited; the line reader is open then, too."""
    reader.read_number(np.full((50, 50), 255, np.uint8))
    return request.param(mnist)


def peak_of(reader: Reader, picture: np.ndarray):
    """The number in a picture, and how far memory rose; where the system does not say, 0."""
    status = Path("/proc/self/status")
    try:
        Path("/proc/self/clear_refs").write_text("5")  # The peak starts at what is held now (proc(5)).
    except OSError:
        return reader.read_number(picture), 0
    before = _kilobytes(status, "VmRSS:")
    number = reader.read_number(picture)
    return number, 1024 * (_kilobytes(status, "VmHWM:") - before)


def _kilobytes(status: Path, name: str) -> int:
    return int(status.read_text().partition(name)[2].split()[0])


@pytest.mark.parametrize("picture", NO_NUMBERS.values(), ids=NO_NUMBERS, indirect=True)
def test_what_is_no_number_is_unsure(reader, picture):
    number, memory = peak_of(reader, picture)
    assert number.unsure
    assert 0 <= number.confidence <= 1
    assert memory < MOST_MEMORY


@pytest.mark.parametrize(
    ("picture", "count"), NUMBERS.values(), ids=NUMBERS, indirect=["picture"]
)  # fmt: skip
def test_numbers_that_are_too_many_or_too_small_are_right_or_unsure(reader, mnist, picture, count):
    number, memory = peak_of(reader, picture)
    right = "".join(number.text.split()) == "".join(map(str, mnist.test_labels[:count]))
    assert right or number.unsure
    assert memory < MOST_MEMORY


@pytest.mark.parametrize("index", range(10))
def test_a_digit_that_fills_the_picture_is_read(reader, mnist, index):
    image = mnist.test_images[index]
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    number = reader.read_number(255 - np.kron(ink, np.ones((40, 40), np.uint8)))
    assert number.unsure or number.text == str(mnist.test_labels[index])
