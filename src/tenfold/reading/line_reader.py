"""Reading a line of digits and marks without cutting it into symbols first. Light: no PyTorch.

Two networks read a line. The line reader's gives texts with their probabilities; each text says where its digits are,
and the digit classifier reads them there. The text that both find probable is taken.
"""

import math
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold.ink.fit import center, fit
from tenfold.reading.cut import Cut, cut_symbols
from tenfold.reading.decode import log_likelihoods, places, spellings
from tenfold.reading.model_file import LineModelFile
from tenfold.reading.symbols import DIGITS, OTHER

# How wide the network sees a line, besides as it is: three passes read more than one.
WIDTHS = 0.9, 1.1
# Texts that the classifier looks at: the most probable, within this many nats of the first.
TEXTS, NATS = 4, 8.0
# A line whose best text has less than this log probability a symbol is none: print, or a drawing.
HOPELESS = -0.7
# What the classifier's log probability of a digit counts, and how low it goes: where digits touch it sees parts of
# both.
CLASSIFIER, LOWEST = 0.5, -4.0
# A digit that the classifier gives this much is tried in the text.
TRIED = 0.3
# Nats that a text loses for a mark that cannot begin it or half a pair of brackets, for two operators in a row, and for
# what is no symbol.
NO_START, IN_A_ROW, UNKNOWN = 8.0, 2.0, 2.0
_NO_START, _BETWEEN, _LIKE_ONES = "/):%,", ".,:+÷=%/", "/()" + OTHER

Classify = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True)
class LineReading:
    """How a line was read.

    text: symbols of `tenfold.reading.symbols`, such as "12/05/2024". cuts: where the ink of each symbol is.
    probabilities: float32[n,10] for the n digits of the text. pixels: uint8[n,28,28], the digits as the classifier saw
    them. score: the log of the text's probability by both networks, not normalized. share: of the probability of all
    texts that were tried, 0 to 1. agreement: the mean log probability that the classifier gives the text's digits.
    """

    text: str
    cuts: tuple[Cut, ...]
    probabilities: NDArray[np.float32]
    pixels: NDArray[np.uint8]
    score: float
    share: float
    agreement: float


@dataclass(frozen=True)
class _Candidate:
    """A text, its log-likelihood, and what the classifier makes of its digits: float32[n,10]."""

    text: str
    log_likelihood: float
    cuts: list[Cut]
    pixels: NDArray[np.uint8]
    rows: NDArray[np.float32]

    @property
    def agreement(self) -> float:
        digits = [DIGITS.index(symbol) for symbol in self.text if symbol in DIGITS]
        logs = np.log(np.maximum(self.rows[np.arange(len(digits)), digits], math.exp(LOWEST)))
        return float(logs.sum())

    @property
    def score(self) -> float:
        return self.log_likelihood + CLASSIFIER * self.agreement


class LineReader:
    """Reads lines with a model: the one that is shipped, or another line network's ONNX file.

    A reader may be shared between threads, and is pickled with its model. One thread works on a line.
    """

    def __init__(self, model: str | Path | bytes | None = None) -> None:
        """Raises `ModelError` as `ModelFile` does."""
        self._model = LineModelFile(shipped_line_model() if model is None else model)

    def read(self, strip: NDArray[np.uint8], classify: Classify) -> LineReading:
        """strip: uint8[32,W], 0 paper to 255 ink, one line of writing, for any W; a blank one reads as no symbols.

        classify: uint8[N,28,28] of digits -> their probabilities, float32[N,10].
        """
        (own,) = self._model.log_probabilities([strip])
        found = dict(spellings(own))
        first = next(iter(found))
        if found[first] < HOPELESS * len(first):
            nothing = np.zeros((0, 10), np.float32), np.zeros((0, 28, 28), np.uint8)
            return LineReading("", (), *nothing, found[first], 0.0, LOWEST)
        others = self._model.log_probabilities([_stretched(strip, wide) for wide in WIDTHS])
        texts = {*found, *(spellings(columns, beam=1)[0][0] for columns in others)}
        logs = _mean_log_likelihoods([own, *others], texts)
        first = max(logs, key=lambda text: logs[text])
        seen = _Seen(strip, own, classify)
        if seen.candidate(first, logs[first]).score >= 1.25 * HOPELESS * len(first):
            also = {*_with_ones(first), *_substituted(first, seen.digits(first))}
            logs |= _mean_log_likelihoods([own, *others], also - logs.keys())
        else:
            # The classifier sees no digits either, and no other text is better.
            logs = {first: logs[first]}
        candidates = [seen.candidate(text, score) for text, score in _most_probable(logs).items()]
        scores = np.array([candidate.score for candidate in candidates])
        best = candidates[int(scores.argmax())]
        weights = np.exp(scores - scores.max())
        weights /= weights.sum()
        digits = sum(symbol in DIGITS for symbol in best.text)
        probabilities = np.zeros((digits, 10), np.float32)
        for candidate, weight in zip(candidates, weights, strict=True):
            if _form(candidate.text) == _form(best.text):
                read = [DIGITS.index(symbol) for symbol in candidate.text if symbol in DIGITS]
                probabilities[np.arange(digits), read] += weight
        agreement = best.agreement / max(1, digits)
        return LineReading(
            best.text, tuple(best.cuts), probabilities, best.pixels, best.score, float(weights.max()), agreement
        )


def _stretched(strip: NDArray[np.uint8], wide: float) -> NDArray[np.uint8]:
    """The strip, `wide` times as wide: uint8[32,W] -> uint8[32,W']."""
    height, width = strip.shape
    across = max(1, round(wide * width))
    data = (1 / wide, 0, 0, 0, 1, 0)
    image = Image.fromarray(strip.astype(np.float32)).transform(
        (across, height), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR
    )
    return np.asarray(np.rint(np.asarray(image)), np.uint8)


def _mean_log_likelihoods(passes: Sequence[NDArray[np.float32]], texts: Set[str]) -> dict[str, float]:
    """The mean of the passes' log-likelihoods of each text, in alphabetical order."""
    ordered = sorted(texts)
    return dict(zip(ordered, log_likelihoods(passes, ordered).mean(0).tolist(), strict=True))


def _most_probable(logs: dict[str, float]) -> dict[str, float]:
    """The most probable of the texts, each with its log-likelihood and what speaks against it as a text."""
    scores = {text: logs[text] + implausibility(text) for text in sorted(logs)}
    best = sorted(scores, key=lambda text: -scores[text])[:TEXTS]
    return {text: scores[text] for text in best if scores[text] >= scores[best[0]] - NATS}


def implausibility(text: str) -> float:
    """What is subtracted from a text's log probability, 0 or less, for marks that nobody writes so: a slash or comma
    before all digits, half a pair of brackets, two operators in a row; and for what is no symbol."""
    open_brackets, half = 0, 0
    for symbol in text:
        open_brackets += (symbol == "(") - (symbol == ")")
        half += open_brackets < 0
        open_brackets = max(0, open_brackets)
    half += open_brackets
    rows = sum(a in _BETWEEN and b in _BETWEEN for a, b in pairwise(text))
    return -(
        NO_START * (text[:1] in _NO_START and text != "")
        + NO_START * half
        + IN_A_ROW * rows
        + UNKNOWN * text.count(OTHER)
    )


def _with_ones(text: str) -> set[str]:
    """The text with a 1 for each slash, bracket or unknown symbol, and for all: a slanted 1 looks like them."""
    texts = {text[:at] + "1" + text[at + 1 :] for at, symbol in enumerate(text) if symbol in _LIKE_ONES}
    return texts | {"".join("1" if symbol in _LIKE_ONES and symbol != OTHER else symbol for symbol in text)}


def _substituted(text: str, rows: NDArray[np.float32]) -> set[str]:
    """The text with another digit, for each that the classifier rather sees: float32[n,10], of the n digits."""
    texts = set()
    at = [index for index, symbol in enumerate(text) if symbol in DIGITS]
    for index, row in zip(at, rows, strict=True):
        rather = DIGITS[int(row.argmax())]
        if rather != text[index] and row.max() >= TRIED:
            texts.add(text[:index] + rather + text[index + 1 :])
    return texts


def _form(text: str) -> str:
    """The text with all digits alike."""
    return "".join("0" if symbol in DIGITS else symbol for symbol in text)


class _Seen:
    """What the classifier sees in a strip, once for each way to cut it."""

    def __init__(self, strip: NDArray[np.uint8], columns: NDArray[np.float32], classify: Classify) -> None:
        self._strip, self._columns, self._classify = strip, columns, classify
        self._drawn: dict[tuple[tuple[int, int, int, int], bytes], NDArray[np.uint8]] = {}
        self._ways: dict[str, tuple[list[Cut], NDArray[np.uint8], NDArray[np.float32]]] = {}

    def digits(self, text: str) -> NDArray[np.float32]:
        """What the classifier makes of the digits of a text: float32[n,10]."""
        return self._way(text)[2]

    def candidate(self, text: str, log_likelihood: float) -> _Candidate:
        return _Candidate(text, log_likelihood, *self._way(text))

    def _way(self, text: str) -> tuple[list[Cut], NDArray[np.uint8], NDArray[np.float32]]:
        form = _form(text)
        if form not in self._ways:
            cuts = cut_symbols(self._strip, places(self._columns, text))
            digits = [self._digit(cut) for cut, symbol in zip(cuts, text, strict=True) if symbol in DIGITS]
            pixels = np.array(digits, np.uint8).reshape(-1, 28, 28)
            self._ways[form] = cuts, pixels, self._classify(pixels)
        return self._ways[form]

    def _digit(self, cut: Cut) -> NDArray[np.uint8]:
        # Most symbols of a text are cut as in another.
        key = cut.box, cut.ink.tobytes()
        if key not in self._drawn:
            self._drawn[key] = center(fit(cut.ink))
        return self._drawn[key]


def shipped_line_model() -> Path:
    """The line model that ships with the package."""
    return Path(str(resources.files("tenfold") / "reading" / "shipped" / "lines.onnx"))
