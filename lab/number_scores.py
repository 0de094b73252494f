"""How well numbers were read: shares of a set that are right, unsure, or wrong without being unsure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lab.number_sets import NONE, PAGES, PHOTOS, SCENES, NumberPicture
from tenfold.evaluation.calibration import calibration_error, reliability

# Bins of confidence in the table of calibration.
BINS = 10


@dataclass(frozen=True)
class NumberRead:
    """How a reader read a picture; `""` is nothing. confidence: None where a reader gives none; milliseconds: from the
    file's bytes, or the array, to the text. error: what the reader refused the picture with."""

    text: str
    written: str
    confidence: float | None
    unsure: bool
    milliseconds: float
    error: str = ""


@dataclass(frozen=True)
class ScoredNumber:
    """A picture with how it was read.

    right: the digits, line by line, blanks aside. spaced: and the blanks between separate numbers. written: the digits
    and the marks, blanks aside; None where the marks are not known. lines, lines_right: their number.
    """

    picture: NumberPicture
    read: NumberRead
    right: bool
    spaced: bool
    written: bool | None
    lines: int
    lines_right: int

    @property
    def wrong_and_sure(self) -> bool:
        return not (self.right or self.read.unsure)


@dataclass(frozen=True)
class NumberResult:
    """Shares of one set, or of one kind of it, 0 to 1. count: pictures, or lines. right, spaced, written: see
    `ScoredNumber`; None where that is not known. wrong_and_sure: digits wrong, and not unsure. median_ms, p95_ms:
    milliseconds per picture. calibration_error: expected calibration error of the confidence that the digits are right,
    over the pictures in which something was read; None where the reader gives no confidence. errors: pictures that the
    reader refused."""

    reader: str
    name: str
    count: int
    right: float
    spaced: float | None
    written: float | None
    unsure: float
    wrong_and_sure: float
    median_ms: float
    p95_ms: float
    calibration_error: float | None
    errors: int


@dataclass(frozen=True)
class CalibrationBin:
    """Readings with a confidence in (low, high]: how many, their mean confidence, and the share that is right."""

    reader: str
    low: float
    high: float
    count: int
    confidence: float
    right: float


def score_number(picture: NumberPicture, read: NumberRead) -> ScoredNumber:
    """Compares what was read with what is written. A picture without digits is right if nothing is read, or unsure."""
    truth, found = _lines(picture.text, blanks=False), _lines(read.text, blanks=False)
    if not truth:
        right = not found or read.unsure
        return ScoredNumber(picture, read, right, right, None, 0, 0)
    matched = sum(map(str.__eq__, truth, found)) if len(truth) == len(found) else sum(line in found for line in truth)
    spaced = _lines(picture.text) == _lines(read.text)
    written = None
    if picture.written is not None:
        written = _lines(picture.written, blanks=False) == _lines(read.written, blanks=False)
    return ScoredNumber(picture, read, truth == found, spaced, written, len(truth), matched)


def _lines(text: str, blanks: bool = True) -> list[str]:
    lines = [(" " if blanks else "").join(line.split()) for line in text.split("\n")]
    return [line for line in lines if line]


def results_of(reader: str, scored: Sequence[ScoredNumber]) -> list[NumberResult]:
    """A row for each set, and for each kind of pages and scenes; one for all real pictures."""
    results = []
    for name in dict.fromkeys(one.picture.set for one in scored):
        group = [one for one in scored if one.picture.set == name]
        results.append(result_of(reader, name, [one for one in group if one.picture.kind != NONE] or group))
        if name == PHOTOS:
            results.append(_by_line(reader, group))
        if name in (PAGES, SCENES):
            for kind in dict.fromkeys(one.picture.kind for one in group):
                among = [one for one in group if one.picture.kind == kind]
                results.append(result_of(reader, f"{name}, {kind}", among))
    real = [one for one in scored if one.picture.set != SCENES]
    if real:
        results.append(result_of(reader, "all but scenes", real))
    return results


def result_of(reader: str, name: str, scored: Sequence[ScoredNumber]) -> NumberResult:
    """The figures of one row, of at least one picture."""
    milliseconds = [one.read.milliseconds for one in scored]
    written = [one.written for one in scored if one.written is not None]
    confidences, right = _answered(scored)
    return NumberResult(
        reader,
        name,
        len(scored),
        _share(one.right for one in scored),
        _share(one.spaced for one in scored),
        _share(written) if written else None,
        _share(one.read.unsure for one in scored),
        _share(one.wrong_and_sure for one in scored),
        float(np.median(milliseconds)),
        float(np.percentile(milliseconds, 95)),
        calibration_error(confidences, right) if len(confidences) else None,
        sum(bool(one.read.error) for one in scored),
    )


def _by_line(reader: str, scored: Sequence[ScoredNumber]) -> NumberResult:
    """The same pictures, each line counted; a line is as sure as its picture."""
    whole = result_of(reader, f"{PHOTOS}, lines", scored)
    count = sum(one.lines for one in scored)
    unsure = sum(one.lines for one in scored if one.read.unsure)
    wrong = sum(one.lines - one.lines_right for one in scored if not one.read.unsure)
    right = sum(one.lines_right for one in scored)
    return NumberResult(
        reader, whole.name, count, right / count, None, None, unsure / count, wrong / count, whole.median_ms,
        whole.p95_ms, None, whole.errors,
    )  # fmt: skip


def calibration_of(reader: str, scored: Sequence[ScoredNumber]) -> list[CalibrationBin]:
    """Ten bins of confidence over all pictures in which something was read; empty ones are left out."""
    confidences, right = _answered(scored)
    if len(confidences) == 0:
        return []
    return [
        CalibrationBin(reader, index / BINS, (index + 1) / BINS, int(count), float(confidence), float(share))
        for index, (count, confidence, share) in enumerate(zip(*reliability(confidences, right, BINS), strict=True))
        if count
    ]


def _answered(scored: Sequence[ScoredNumber]) -> tuple[Any, Any]:
    """Confidences float64[n] and whether the digits are right bool[n], where something was read with a confidence."""
    answers = [
        (one.read.confidence, one.right and bool(one.picture.text))
        for one in scored
        if one.read.text and one.read.confidence is not None
    ]
    confidences = np.array([confidence for confidence, _ in answers], np.float64)
    return confidences, np.array([right for _, right in answers], np.bool_)


def _share(flags: Any) -> float:
    return float(np.mean(list(flags)))
