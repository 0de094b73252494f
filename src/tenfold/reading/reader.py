"""Reading ink: the part of Tenfold that goes into other people's programs. Light: no PyTorch.

from tenfold import Reader

reader = Reader()
reading = reader.read("seven.png")
print(reading.digit, reading.confidence, reading.unsure)
print(reader.read_number("meter.jpg").text)
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tenfold.document.document_page import WrittenLine, find_writing, quarter_turned
from tenfold.document.strips import cut_strip
from tenfold.document.text_lines import TextLine
from tenfold.errors import FormatError, ModelError, UsageError
from tenfold.ink.fit import BOX, SIDE
from tenfold.ink.ground import paper_is_dark
from tenfold.ink.image import Gray, reduced, reduction, to_gray
from tenfold.ink.normalize import has_mnist_form, normalize_gray
from tenfold.ink.strokes import PEN_WIDTH, draw_stroke_line, draw_strokes
from tenfold.reading.inputs import ImageLike, Pages, all_pixels, gray_of, pages_of, to_array
from tenfold.reading.line_reader import LineReader
from tenfold.reading.model_file import ModelFile
from tenfold.reading.number import UNSURE_BELOW as NUMBER_UNSURE_BELOW
from tenfold.reading.number import Number as Number
from tenfold.reading.number import join_lines
from tenfold.reading.reading import Box
from tenfold.reading.reading import Reading as Reading
from tenfold.reading.symbols import DIGITS, first_names

# For a model file that doesn't say: an even chance of being wrong.
UNSURE_BELOW = 0.5
# Bright 28x28 images that lack MNIST's form are also read without normalizing where more than this fraction of their
# ink lies in the middle 20x20: a digit with something near it. Never: 16.1 % of corrupted MNIST digits are misread;
# above 0.6: 11.4 %; always: 11.4 % too, but 84.9 % of notMNIST's letters are refused instead of 87.4 %.
MIDDLE_INK = 0.6
# Pixels a side that a page is read at: a digit of a line of forty is as large as MNIST's then.
PAGE = 1600
# A page whose number has less confidence, or is a column of digits, is read turned, too, at this many pixels a side, if
# its lines have so many at most; and so it is taken where the reader is sure, and a digit among these says which way is
# up.
TURNED_BELOW, TURNED_PAGE, TURNED_WIDTH, TELLING = 0.7, 800, 3000, frozenset("347")
# Pixels that a line of pen strokes is drawn high.
STROKES_HEIGHT = 32


class Reader:
    """Reads digits with a model: the one that is shipped, or any that `tenfold export` wrote.

    A reader may be shared between threads, and is pickled with its model. An image is a path, an open file, a file's
    bytes, a data URL, a PIL image, or an array or tensor (H,W), (H,W,1|3|4) or (1|3|4,H,W) of whole numbers
    from 0 to 255, uint16, bool, or floats from 0 to 1 or 0 to 255; ink may be dark on bright or bright on dark, and of
    any color.
    """

    def __init__(self, model: str | Path | None = None, *, threads: int | None = None) -> None:
        """model: an .onnx file, or the folder of a run, whose model.onnx is used. threads: how many work on one call of
        many images; all cores, unless said.

        Raises `ModelError` when `model` is missing, not a Tenfold model, or one of other classes than the digits.
        """
        self._model = ModelFile(model_path(model), threads)
        names = self._model.settings.get("class_names", DIGITS)
        if self._model.classes != len(DIGITS) or "".join(names) != DIGITS:
            raise ModelError(
                f"{model} classifies {first_names(names)} ({self._model.classes} classes), not digits: "
                "tenfold predict RUN IMAGE classifies images with its run"
            )
        self.unsure_below: float = float(self._model.settings.get("unsure_below", UNSURE_BELOW))

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
        """Reads many images as `read` does; an array uint8[N,28,28] is the fastest.

        Raises `FormatError` as `read` does, and `UsageError` for the path of a single image.
        """
        if isinstance(images, str | bytes):
            raise UsageError("read_many takes a list of images; for one image use read")
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
    def read_number(self, image: ImageLike, *, pages: None = None, fields: None = None) -> Number: ...
    @overload
    def read_number(self, image: ImageLike, *, pages: Pages, fields: None = None) -> list[Number]: ...
    @overload
    def read_number(self, image: ImageLike, *, fields: Sequence[Box]) -> list[Number]: ...
    def read_number(
        self, image: ImageLike, *, pages: Pages | None = None, fields: Sequence[Box] | None = None
    ) -> Number | list[Number]:
        """All numbers in a photo, scan or form, in reading order; pages as for `read`.

        fields: places to read alone, each left, top, right, bottom in pixels of the image; gives a number for each, its
        boxes in pixels of the whole image. Raises `FormatError` as `read` does, and `UsageError` for a field that is
        empty, or not in the image.
        """
        if pages is not None:
            if fields is not None:
                raise UsageError("fields are places of one page: give pages= or fields=, not both")
            return [self.read_number(page) for page in pages_of(image, pages)]
        gray, scale = gray_of(image)
        if fields is None:
            return self._number(gray, scale)
        return [self._field(gray, scale, field) for field in fields]

    def read_stroke_number(self, strokes: Sequence[ArrayLike]) -> Number:
        """Several digits that a pen wrote on one line. Raises `FormatError` as `read_strokes` does."""
        pen = PEN_WIDTH * STROKES_HEIGHT / BOX
        drawn = draw_stroke_line(strokes, STROKES_HEIGHT, pen)
        if drawn is None:
            return join_lines([], self.unsure_below)
        ink, scale, (x, y) = drawn
        strip = cut_strip(TextLine((0, 0, ink.shape[1], ink.shape[0]), ink, ink.shape[0]), pen)
        to_picture = np.array([[1 / scale, 0, x], [0, 1 / scale, y], [0, 0, 1]]) @ strip.to_page
        return join_lines([(self._lines.read(strip.pixels, self.probabilities), to_picture)], self.unsure_below)

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The model itself: pixels uint8[N,28,28], as MNIST was made -> float32[N,10]."""
        return self._model.probabilities(pixels)

    @cached_property
    def _lines(self) -> LineReader:
        # Opened when it is first needed: reading single digits does without.
        return LineReader()

    def _number(self, gray: Gray, scale: float, left: float = 0, top: float = 0) -> Number:
        """Reads a picture that is a part of a larger one, at left and top; turned too, if it may lie on its side."""
        to_whole = np.array([[scale, 0, left], [0, scale, top], [0, 0, 1]])

        def scaled(side: int) -> tuple[Gray, NDArray[np.float64]]:
            block = reduction(gray.shape, side)
            return reduced(gray, side), to_whole @ np.diag([block, block, 1])

        page, to_picture = scaled(PAGE)
        lines = find_writing(page).lines
        number = self._joined(lines, to_picture)
        # The digits of a number that lies on its side are a column.
        column = len(lines) > 1 and all(len(line) == 1 for line in number.text.split("\n"))
        width = sum(line.strip.shape[1] for line in lines)
        if not 0 < width <= TURNED_WIDTH or (number.confidence >= TURNED_BELOW and not column):
            return number
        page, to_picture = scaled(TURNED_PAGE)
        confidence = number.confidence
        for turns in (2, 1, 3):
            turned, back = quarter_turned(page, turns)
            other = self._joined(find_writing(turned).lines, to_picture @ back)
            if not other.unsure and TELLING & set(other.text):
                return other
            if column:  # Both can't be right.
                confidence = min(confidence, 1 - other.confidence)
        return replace(number, confidence=confidence, unsure=confidence < NUMBER_UNSURE_BELOW)

    def _joined(self, lines: Sequence[WrittenLine], to_picture: NDArray[np.float64]) -> Number:
        read = [(self._lines.read(line.strip, self.probabilities), to_picture @ line.to_picture) for line in lines]
        return join_lines(read, self.unsure_below)

    def _field(self, gray: Gray, scale: float, field: Box) -> Number:
        height, width = gray.shape
        try:
            left, top, right, bottom = (float(edge) / scale for edge in field)
        except (TypeError, ValueError) as error:
            raise UsageError(f"a field is left, top, right, bottom in pixels, not {field!r}") from error
        # NaN fails every comparison.
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise UsageError(
                f"the field {field} is not in the image: left < right up to {width * scale:g}, "
                f"top < bottom up to {height * scale:g}"
            )
        x, y = int(left), int(top)
        part = gray[y : int(np.ceil(bottom)), x : int(np.ceil(right))]
        return self._number(np.ascontiguousarray(part), scale, x * scale, y * scale)

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


def model_path(model: str | Path | None) -> Path:
    """The file of a model: the given one, that of a run's folder, or the shipped one's."""
    path = shipped_model() if model is None else Path(model)
    return path / "model.onnx" if path.is_dir() else path


def shipped_model() -> Path:
    """The model that ships with the package."""
    return Path(str(resources.files("tenfold") / "reading" / "shipped" / "reader.onnx"))
