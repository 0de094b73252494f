"""A number must say when a line of it could not be read: what was left out may belong to it."""

import numpy as np
import pytest

from tenfold.reading.cut import Cut
from tenfold.reading.line_reader import LOWEST, LineReading
from tenfold.reading.number import join_lines, with_blanks


def line(text, share=0.999, score=-0.01, agreement=-0.001, pitch=18):
    """A line as it was read, its digits sure."""
    cuts = tuple(Cut((pitch * i, 5, pitch * i + 12, 27), np.ones((22, 12), np.float32)) for i in range(len(text)))
    digits = [int(symbol) for symbol in text if symbol.isdigit()]
    rows = np.zeros((len(digits), 10), np.float32)
    rows[np.arange(len(digits)), digits] = 1
    return LineReading(text, cuts, rows, np.zeros((len(digits), 28, 28), np.uint8), score, share, agreement)


HOPELESS = line("", share=0.0, score=-9.0, agreement=LOWEST)
PLACE = np.diag([2.0, 2.0, 1.0])


def test_lines_are_joined_with_marks_and_boxes():
    number = join_lines([(line("12.5"), PLACE), (line("7"), PLACE)], 0.5)
    assert (number.text, number.written, number.unsure) == ("125\n7", "12.5\n7", False)
    assert number.digits[1].box == pytest.approx((36, 10, 60, 54))


def test_a_line_that_is_left_out_makes_a_number_unsure():
    sure = join_lines([(line("125"), PLACE)], 0.5)
    assert not sure.unsure
    for other in (HOPELESS, line("88", share=0.4, score=-3.0, agreement=-2.0)):
        number = join_lines([(line("125"), PLACE), (other, PLACE)], 0.5)
        assert number.text == "125"
        assert number.unsure
    # Print of half the size is no number that was missed.
    assert not join_lines([(line("125"), PLACE), (HOPELESS, np.eye(3))], 0.5).confidence < sure.confidence


def test_a_single_1_next_to_longer_lines_may_be_a_ruled_line():
    for single, unsure in (("1", True), ("7", False)):
        number = join_lines([(line("125"), PLACE), (line(single), PLACE)], 0.5)
        assert (number.text, number.unsure) == (f"125\n{single}", unsure)
    assert not join_lines([(line("1"), PLACE)], 0.5).unsure


def test_nothing_read_is_unsure():
    for lines in ([], [(HOPELESS, PLACE)], [(line("-."), PLACE)]):
        number = join_lines(lines, 0.5)
        assert (number.text, number.confidence, number.unsure) == ("", 0.0, True)


def test_blanks_stand_in_clearly_wider_gaps_alone():
    assert with_blanks(line("1234")) == "1234"
    assert with_blanks(line("1234", pitch=60)) == "1234"
    cuts = [Cut((x, 5, x + 12, 27), np.ones((22, 12), np.float32)) for x in (0, 60, 76)]
    assert with_blanks(LineReading("712", tuple(cuts), *(np.zeros((3, 1)),) * 2, 0.0, 1.0, 0.0)) == "7 12"
