"""The figures that the docs give for whole numbers: what counts as right, unsure, and wrong without being unsure."""

import numpy as np
import pytest

from lab.number_parts import key_of, number_parts
from lab.number_scores import NumberRead, calibration_of, results_of, score_number
from lab.number_sets import NumberPicture, without_marks
from lab.peers.number_peers import PeerWord, join_words
from tenfold.errors import RunError


def picture(written, of="pages", kind="amount", name="a.png"):
    return NumberPicture(of, name, kind, b"a picture", without_marks(written), written)


def read(text, written=None, confidence=0.9, unsure=False):
    return NumberRead(text, text if written is None else written, confidence, unsure, 20.0)


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("3.14", "314"),
        ("12 / 05 / 2024", "12052024"),
        ("17 04 2019", "17 04 2019"),
        ("1+1=\n2+2=", "11\n22"),
        ("251-32\xd7(5+2)", "2513252"),
    ],
)
def test_marks_are_taken_out_of_the_truth(written, digits):
    assert without_marks(written) == digits


@pytest.mark.parametrize(
    ("text", "written", "right", "spaced", "marks"),
    [
        ("12 34\n5", "1.2 34\n5", True, True, True),
        ("1234\n5", "1.234\n5", True, False, True),
        ("12 34\n5", "12 34\n5", True, True, False),
        ("12 34 5", "1.2 34 5", False, False, False),
        ("12\n34\n5", "1.2\n34\n5", False, False, False),
        ("12 34", "1.2 34", False, False, False),
    ],
)
def test_a_picture_is_right_if_each_of_its_lines_is(text, written, right, spaced, marks):
    scored = score_number(picture("1.2 34\n5"), read(text, written))
    assert (scored.right, scored.spaced, scored.written) == (right, spaced, marks)


def test_lines_are_counted_one_by_one():
    scored = score_number(picture("12\n34\n56"), read("12\n34\n57"))
    assert (scored.lines, scored.lines_right) == (3, 2)
    missed = score_number(picture("12\n34\n56"), read("12\n56"))
    assert (missed.lines, missed.lines_right) == (3, 2)


@pytest.mark.parametrize(("text", "unsure", "right"), [("", True, True), ("7", True, True), ("7", False, False)])
def test_a_page_without_digits_is_right_if_nothing_is_read_or_the_answer_is_unsure(text, unsure, right):
    scored = score_number(picture("", kind="none"), read(text, unsure=unsure))
    assert scored.right is right
    assert scored.wrong_and_sure is not right


def test_wrong_and_sure_is_the_share_of_all_pictures_that_misleads():
    scored = [
        score_number(picture("12"), read("12")),
        score_number(picture("12"), read("13", confidence=0.3, unsure=True)),
        score_number(picture("12"), read("13")),
        score_number(picture("12"), read("12", unsure=True)),
    ]
    whole = results_of("tenfold", scored)[0]
    assert (whole.count, whole.right, whole.unsure, whole.wrong_and_sure) == (4, 0.5, 0.5, 0.25)
    assert whole.median_ms == 20


def test_pages_without_digits_do_not_raise_the_share_of_pages_that_are_right():
    scored = [score_number(picture("12"), read("13")), score_number(picture("", kind="none"), read("", unsure=True))]
    rows = {row.name: row for row in results_of("tenfold", scored)}
    assert (rows["pages"].count, rows["pages"].right) == (1, 0)
    assert rows["pages, none"].right == 1
    assert rows["all but scenes"].count == 2


def test_calibration_is_of_the_pictures_in_which_something_was_read():
    scored = [score_number(picture("12"), read("12", confidence=0.95))] * 3
    scored += [score_number(picture("12"), read("13", confidence=0.95)), score_number(picture("12"), read(""))]
    (row,) = calibration_of("tenfold", scored)
    assert (row.count, row.right) == (4, 0.75)
    assert row.confidence == pytest.approx(0.95)
    assert results_of("tenfold", scored)[0].calibration_error == pytest.approx(0.2)


def test_an_interrupted_benchmark_resumes_after_its_last_whole_line(tmp_path):
    first, second = picture("12"), picture("34", name="b.png")
    with number_parts(tmp_path, "tenfold", "1") as (stored, store):
        assert not stored
        store(first, read("12"))
        store(second, read("34"))
    (path,) = tmp_path.glob("*.jsonl")
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    with number_parts(tmp_path, "tenfold", "1") as (stored, store):
        assert stored == {key_of(first): read("12")}
        store(second, read("34"))
    with number_parts(tmp_path, "tenfold", "1") as (stored, _):
        assert stored == {key_of(first): read("12"), key_of(second): read("34")}
    with number_parts(tmp_path, "tenfold", "2") as (stored, _):
        assert not stored


def test_a_file_that_holds_something_else_is_an_error(tmp_path):
    (tmp_path / "tenfold-1.jsonl").write_text('{"set": "pages"}\n', encoding="utf-8")
    with pytest.raises(RunError, match="line 1"), number_parts(tmp_path, "tenfold", "1"):
        pass


def test_a_picture_that_changes_is_another_one():
    image = np.zeros((4, 6), np.uint8)
    one = NumberPicture("scenes", "plain 1", "plain", image, "1", "1")
    other = NumberPicture("scenes", "plain 1", "plain", image.reshape(6, 4), "1", "1")
    assert key_of(one) != key_of(other)


def test_the_words_of_a_peer_become_lines():
    words = [
        PeerWord("34x", 0.8, (60, 12, 90, 30)),
        PeerWord("12", 0.9, (0, 10, 40, 31)),
        PeerWord("abc", 0.2, (0, 40, 40, 60)),
        PeerWord("5.6", 0.7, (0, 70, 40, 90)),
    ]
    assert join_words(words, marks=True) == ("12 34\xd7\n5.6", 0.7)
    assert join_words(words, marks=False) == ("12 34\n56", 0.7)
    assert join_words([], marks=True) == ("", 0.0)
