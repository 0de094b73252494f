"""Reading ink: the part of Tenfold that goes into other people's programs. Light: no PyTorch.

from tenfold import Reader

reader = Reader()
reading = reader.read("seven.png")
print(reading.digit, reading.confidence, reading.unsure)
print(reader.read_number("meter.jpg").text)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tenfold.errors import FormatError
from tenfold.ink.fit import SIDE
from tenfold.ink.ground import paper_is_dark
from tenfold.ink.image import reduced, reduction, to_gray
from tenfold.ink.normalize import has_mnist_form, normalize_gray
from tenfold.ink.page import find_page_ink
from tenfold.ink.segment import Box, Piece, find_lines, stroke_pieces
from tenfold.ink.spans import Span, best_path, draw_pieces, draw_stroke_pieces, spans_of
from tenfold.ink.strokes import draw_strokes
from tenfold.reading.inputs import ImageLike, Pages, all_pixels, gray_of, pages_of, to_array
from tenfold.reading.model_file import ModelFile

# For a model file that doesn't say: an even chance of being wrong.
UNSURE_BELOW = 0.5
# Bright 28x28 images that lack MNIST's form are also read without normalizing where more than this fraction of their
# ink lies in the middle 20x20: a digit with something near it. Never: 16.1 % of corrupted MNIST digits are misread;
# above 0.6: 11.4 %; always: 11.4 % too, but 84.9 % of notMNIST's letters are refused instead of 87.4 %.
MIDDLE_INK = 0.6
# Pixels a side that a page is read at: a digit of a line of forty is as large as MNIST's then.
PAGE = 1600


@dataclass(frozen=True, eq=False)
class Reading:
    """How one digit was read. Readings compare by value.

    digit: 0 to 9, the most probable. confidence: its probability, 0 to 1, calibrated: of readings with confidence 0.9,
    nine in ten are right. probabilities: float32[10]. unsure: the reader abstains: the digit is ambiguous, or there is
    none. pixels: uint8[28,28], what the model saw, 0 paper to 255 ink. box: left, top, right, bottom in the picture it
    was found in, in pixels, right and bottom exclusive; None where the whole picture is the digit.
    """

    digit: int
    confidence: float
    probabilities: NDArray[np.float32] = field(repr=False)
    unsure: bool
    pixels: NDArray[np.uint8] = field(repr=False)
    box: Box | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the reading without its pixels, ready for JSON; probabilities are rounded to six decimals."""
        return {
            "digit": self.digit,
            "confidence": round(self.confidence, 6),
            "probabilities": [round(p, 6) for p in self.probabilities.tolist()],
            "unsure": self.unsure,
            "box": None if self.box is None else [round(edge, 2) for edge in self.box],
        }

    def _key(self) -> tuple[Any, ...]:
        return self.digit, self.confidence, self.unsure, self.box, self.probabilities.tobytes(), self.pixels.tobytes()

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Reading) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())


@dataclass(frozen=True)
class Number:
    """How a picture of several digits was read.

    text: the digits, lines joined by a newline. digits: their readings in that order, each with its box. unsure: one
    of the digits is unsure, or there is none.
    """

    text: str
    digits: tuple[Reading, ...]

    @property
    def unsure(self) -> bool:
        return not self.digits or any(digit.unsure for digit in self.digits)

    def to_dict(self) -> dict[str, Any]:
        """Returns text, unsure and the digits' readings, ready for JSON."""
        return {"text": self.text, "unsure": self.unsure, "digits": [digit.to_dict() for digit in self.digits]}


class Reader:
    """Reads digits with a model: the one that is shipped, or any that `tenfold export` wrote.

    A reader may be shared between threads, and is pickled with its model. An image is a path, an open file, a file's
    bytes, a data URL, a PIL image, or an array or tensor (H,W), (H,W,1|3|4) or (1|3|4,H,W) of whole numbers
    from 0 to 255, uint16, bool, or floats from 0 to 1 or 0 to 255; ink may be dark on bright or bright on dark, and of
    any color.
    """

    def __init__(self, model: str | Path | None = None, *, threads: int | None = None) -> None:
        """threads: how many work on one call of many images; all cores, unless said.

        Raises `ModelError` when `model` is missing or not a Tenfold model.
        """
        self._model = ModelFile(shipped_model() if model is None else model, threads)
        self.unsure_below = float(self._model.settings.get("unsure_below", UNSURE_BELOW))

    @overload
    def read(self, image: ImageLike, *, pages: None = None) -> Reading: ...
    @overload
    def read(self, image: ImageLike, *, pages: Pages) -> list[Reading]: ...
    def read(self, image: ImageLike, *, pages: Pages | None = None) -> Reading | list[Reading]:
        """The one digit in an image, or that of each of the given pages of a file, numbered from 0, or of "all".

        Raises `FormatError` for what is not an image, and for a file of several pages where none are given; a blank one
        reads as unsure.
        """
        return self.read_many([image])[0] if pages is None else self.read_many(pages_of(image, pages))

    def read_many(self, images: Iterable[ImageLike]) -> list[Reading]:
        """Reads many images as `read` does; an array uint8[N,28,28] is the fastest."""
        if not isinstance(images, np.ndarray) and hasattr(images, "__array__"):
            images = to_array(images)
        if isinstance(images, np.ndarray) and images.shape[1:] in ((SIDE, SIDE, 1), (1, SIDE, SIDE)):
            images = images.reshape(-1, SIDE, SIDE)
        if isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.shape[1:] == (SIDE, SIDE):
            pixels = images.copy()
            unlike = np.flatnonzero(~has_mnist_form(images)).tolist()
            for index in unlike:
                pixels[index] = normalize_gray(to_gray(images[index]))
            return self._most_confident(self._readings(pixels), {index: images[index] for index in unlike})
        pixels_of, unlike_mnist = all_pixels(list(images))
        return self._most_confident(self._readings(pixels_of), unlike_mnist)

    def read_each(self, images: Iterable[ImageLike]) -> list[Reading | FormatError]:
        """Reads many images as `read_many` does, with the error in place of each image that can't be read."""
        images = list(images)
        errors: dict[int, FormatError] = {}
        pixels, unlike_mnist = all_pixels(images, errors)
        readings = iter(self._most_confident(self._readings(pixels), unlike_mnist))
        return [errors[index] if index in errors else next(readings) for index in range(len(images))]

    def read_strokes(self, strokes: Sequence[ArrayLike]) -> Reading:
        """The one digit that a pen wrote: each stroke float[n,2], x to the right and y down, in any unit.

        Raises `FormatError` for another shape, NaN or infinity; no strokes read as unsure.
        """
        return self._readings([draw_strokes(strokes)])[0]

    @overload
    def read_number(self, image: ImageLike, *, pages: None = None) -> Number: ...
    @overload
    def read_number(self, image: ImageLike, *, pages: Pages) -> list[Number]: ...
    def read_number(self, image: ImageLike, *, pages: Pages | None = None) -> Number | list[Number]:
        """All digits in a photo or scan, in reading order; pages as for `read`. Raises `FormatError` as `read` does."""
        if pages is not None:
            return [self.read_number(page) for page in pages_of(image, pages)]
        gray, scale = gray_of(image)
        scale *= reduction(gray.shape, PAGE)
        lines = find_lines(find_page_ink(reduced(gray, PAGE)))
        return self._number(lines, [spans_of(line, draw_pieces) for line in lines], scale)

    def read_stroke_number(self, strokes: Sequence[ArrayLike]) -> Number:
        """Several digits that a pen wrote on one line. Raises `FormatError` as `read_strokes` does."""
        lines = [line] if (line := stroke_pieces(strokes)) else []
        return self._number(lines, [spans_of(line, draw_stroke_pieces) for line in lines], 1)

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The model itself: pixels uint8[N,28,28], as MNIST was made -> float32[N,10]."""
        return self._model.probabilities(pixels)

    def _number(self, lines: Sequence[Sequence[Piece]], spans: Sequence[list[Span]], scale: float) -> Number:
        texts, digits = [], []
        readings = iter(self._readings([span.pixels for line in spans for span in line]))
        for pieces, choices in zip(lines, spans, strict=True):
            read = [next(readings) for _ in choices]
            path = best_path(pieces, choices, [reading.confidence for reading in read])
            found = [placed(read[index], choices[index].box, scale) for index in path]
            if found:
                texts.append("".join(str(reading.digit) for reading in found))
                digits += found
        return Number("\n".join(texts), tuple(digits))

    def _most_confident(self, readings: list[Reading], unlike_mnist: dict[int, NDArray[np.uint8]]) -> list[Reading]:
        """Reads bright ink of 28x28 that lacks MNIST's form without normalizing it too, and keeps the more confident
        reading: the digit may have the form, and something else be near it (`MIDDLE_INK`).

        unlike_mnist: the pixels as they came, by their place in `readings`.
        """
        again = {
            index: own
            for index, own in unlike_mnist.items()
            if readings[index].pixels.any()
            and own[4:24, 4:24].sum() > MIDDLE_INK * own.sum()
            and paper_is_dark(to_gray(own))
        }
        for index, reading in zip(again, self._readings(list(again.values())), strict=True):
            if reading.confidence > readings[index].confidence:
                readings[index] = reading
        return readings

    def _readings(self, pixels: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> list[Reading]:
        if len(pixels) == 0:
            return []
        images = np.asarray(pixels)
        rows = self._model.probabilities(images)
        blank = ~images.any((1, 2))
        rows[blank] = 0.1
        digits, confidences = rows.argmax(1).tolist(), rows.max(1)
        unsure = (blank | (confidences < self.unsure_below)).tolist()
        return [Reading(*fields) for fields in zip(digits, confidences.tolist(), rows, unsure, images, strict=True)]


def placed(reading: Reading, box: Box, scale: float) -> Reading:
    """The same reading, found at `box` of a picture that was `scale` times as large."""
    left, top, right, bottom = (edge * scale for edge in box)
    return replace(reading, box=(left, top, right, bottom))


def shipped_model() -> Path:
    """The model that ships with the package."""
    return Path(str(resources.files("tenfold") / "reading" / "shipped" / "reader.onnx"))
