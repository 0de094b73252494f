"""Numbers as they were read: from the readings of a picture's lines to one text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.document.strips import DIGIT_HEIGHT
from tenfold.reading.line_reader import UNKNOWN, LineReading
from tenfold.reading.reading import Box, Reading
from tenfold.reading.symbols import DIGITS, OTHER

# A blank is wider than this, of a digit's height, and than so many usual gaps of the line.
_BLANK, _WIDER = 0.9, 1.8
# The score of a line that is writing, for each of its symbols, at least; without what it loses for unknown ones.
_KNOWN = -0.8
# Lines of one writer differ in size by less than this factor.
_LIKE = 1.25
# Lines of this share of the largest line's size may be numbers too.
_ALSO = 0.6
# No symbol is wider than this, of a digit's height.
_SINGLE = 1.3
# Weights of the logistic regression of `confidence_of`, by lab/number_confidence.py.
_WEIGHTS = (0.603, -0.519, -0.335, -0.270, -2.581, -2.638, -1.951)
# Below this confidence the reader abstains: of the answers above it, 1 % are wrong on the open sets and scenes together
# (cross-validation of lab/number_confidence.py).
UNSURE_BELOW = 0.97


@dataclass(frozen=True)
class Number:
    """How a picture of numbers was read.

    text: the digits, lines joined by a newline, clearly separate numbers of a line by a blank. written: the same with
    the marks that were written: . , - / : + × ÷ = % ( ). digits: the readings of the digits in that order, each with
    its box. confidence: the probability that the text is right as a whole, 0 to 1, calibrated. unsure: the reader
    abstains: the text may be wrong, or there is none.
    """

    text: str
    written: str
    digits: tuple[Reading, ...]
    confidence: float
    unsure: bool

    def to_dict(self) -> dict[str, Any]:
        """Returns the number and its digits' readings, ready for JSON."""
        return {
            "text": self.text,
            "written": self.written,
            "confidence": round(self.confidence, 6),
            "unsure": self.unsure,
            "digits": [digit.to_dict() for digit in self.digits],
        }


# A line, and the homography float64[3,3] from its strip to the picture.
PlacedLine = tuple[LineReading, NDArray[np.float64]]


def join_lines(lines: Sequence[PlacedLine], unsure_below: float) -> Number:
    """The number of lines from top to bottom.

    Lines of words, and of marks alone, are left out. unsure_below: of a single digit.
    """
    kept, in_doubt, none_known = numbers_among(lines)
    confidence = confidence_of([line for line, _ in kept], in_doubt, none_known)
    kept = [pair for pair in kept if not _is_stray(pair, kept)]
    texts, written, digits = [], [], []
    for line, to_picture in kept:
        text = with_blanks(line)
        written.append(" ".join(text.replace(OTHER, "").split()))
        texts.append(" ".join(part for word in text.split(" ") if (part := _digits_of(word))))
        boxes = [cut.box for cut, symbol in zip(line.cuts, line.text, strict=True) if symbol in DIGITS]
        for digit, row, pixels, box in zip(_digits_of(line.text), line.probabilities, line.pixels, boxes, strict=True):
            share = float(row[int(digit)])
            place = _in_picture(box, to_picture)
            digits.append(Reading(int(digit), share, row, share < unsure_below, pixels, place))
    return Number("\n".join(texts), "\n".join(written), tuple(digits), confidence, confidence < UNSURE_BELOW)


def numbers_among(lines: Sequence[PlacedLine]) -> tuple[list[PlacedLine], int, bool]:
    """Those of the lines that are numbers; how much is in doubt: each line that was left out though it is about as
    large, and holds digits or what the network does not know, and whether a line is a single 1 next to longer ones,
    which a ruled line may be; and whether no line is surely writing."""
    numbers = [pair for pair in lines if any(symbol in DIGITS for symbol in pair[0].text)]
    # Print, drawings and what is left of frames are read as digits too, but badly. Where all is, something was written.
    known = [pair for pair in numbers if _is_number(pair[0])]
    kept = known or numbers
    largest = max((_size(to_picture) for _, to_picture in kept), default=0.0)
    large = [line for line, to_picture in lines if _size(to_picture) > _ALSO * largest]
    in_doubt = sum(_may_be_number(line) and not _is_number(line) for line in large) if known else 0
    single = any(_digits_of(pair[0].text) == "1" and not _is_stray(pair, kept) for pair in kept)
    in_doubt += single and any(len(_digits_of(line.text)) > 1 for line, _ in kept)
    return kept, in_doubt, not known


def confidence_of(lines: Sequence[LineReading], in_doubt: int, none_known: bool) -> float:
    """The probability that the text of these lines is right as a whole, 0 to 1; 0 without lines.

    A logistic regression on the open sets of numbers: lab/number_confidence.py. See `numbers_among`.
    """
    if not lines:
        return 0.0
    features = confidence_features(lines, in_doubt, none_known)
    logit = sum(weight * feature for weight, feature in zip(_WEIGHTS, features, strict=True))
    return 1 / (1 + math.exp(-max(-30.0, logit)))


def confidence_features(lines: Sequence[LineReading], in_doubt: int, none_known: bool) -> tuple[float, ...]:
    """What the confidence is made of: 1; the logs of how doubtful and improbable the text is, and of how much the
    classifier disagrees; the number of unknown symbols; and what `numbers_among` returns."""
    doubt = -sum(math.log(max(line.share, 1e-6)) for line in lines)
    improbable = -sum(line.score for line in lines)
    disagreement = -sum(line.agreement * len(line.pixels) for line in lines)
    return (
        1.0,
        math.log(doubt + 0.01),
        math.log(max(improbable, 0.0) + 0.02),
        math.log(disagreement + 0.01),
        sum(line.text.count(OTHER) for line in lines),
        in_doubt,
        none_known,
    )


def _is_number(line: LineReading) -> bool:
    """Whether both networks see symbols that they know, and more digits than words."""
    digits, words = sum(symbol in DIGITS for symbol in line.text), line.text.count(OTHER)
    return line.score + UNKNOWN * words >= _KNOWN * len(line.text) and digits > words


def _may_be_number(line: LineReading) -> bool:
    """Whether a line has digits, or was given up as hopeless: it may be a number that is hard to read. So may a single
    unknown symbol: of a picture that lies on its side, each digit is a line."""
    single = line.text == OTHER and line.cuts[0].box[2] - line.cuts[0].box[0] <= _SINGLE * DIGIT_HEIGHT
    return line.share == 0 or single or any(symbol in DIGITS for symbol in line.text)


def _is_stray(pair: PlacedLine, lines: Sequence[PlacedLine]) -> bool:
    """Whether a line is a single 1 of another size than all lines of several digits: a piece of a ruled line."""
    if _digits_of(pair[0].text) != "1":
        return False
    sizes = [_size(to_picture) for line, to_picture in lines if len(_digits_of(line.text)) > 1]
    return bool(sizes) and all(not 1 / _LIKE < _size(pair[1]) / size < _LIKE for size in sizes)


def _size(to_picture: NDArray[np.float64]) -> float:
    """About how many pixels of the picture a pixel of the strip is high."""
    return float(np.hypot(*to_picture[:2, 1]) / abs(to_picture[2, 2]))


def _digits_of(text: str) -> str:
    return "".join(symbol for symbol in text if symbol in DIGITS)


def with_blanks(line: LineReading) -> str:
    """The line's text with blanks between clearly separate numbers."""
    boxes = [cut.box for cut in line.cuts]
    gaps = [after[0] - before[2] for before, after in pairwise(boxes)]
    usual = sorted(gaps)[(len(gaps) - 1) // 2] if gaps else 0
    wide = [gap > _BLANK * DIGIT_HEIGHT and (gap > _WIDER * usual or len(gaps) == 1) for gap in gaps]
    return "".join(" " * blank + symbol for blank, symbol in zip([False, *wide], line.text, strict=False)).strip()


def _in_picture(box: tuple[int, int, int, int], to_picture: NDArray[np.float64]) -> Box:
    """The smallest upright box in the picture that holds a box of the strip."""
    left, top, right, bottom = box
    corners = np.array([(x, y, 1) for x in (left, right) for y in (top, bottom)]) @ to_picture.T
    places = corners[:, :2] / corners[:, 2:]
    (x0, y0), (x1, y1) = places.min(0), places.max(0)
    return float(x0), float(y0), float(x1), float(y1)
