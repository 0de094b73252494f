"""If these fail, a Kaggle file is read wrongly or slowly, or a fault in it can't be found among 42,000 lines."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenfold.data.csv_file import read_csv
from tenfold.errors import FormatError

HEADER = "label," + ",".join(f"pixel{index}" for index in range(784))


def rows(images: np.ndarray, labels: np.ndarray) -> list[str]:
    return [",".join(map(str, [label, *image.ravel()])) for image, label in zip(images, labels, strict=True)]


def write(path: Path, lines: list[str], end: str = "\n") -> Path:
    path.write_bytes((end.join(lines) + end).encode())
    return path


@pytest.mark.parametrize(
    "header", [[], [HEADER], [HEADER.replace("label", '"label"')], ["label," + ",".join(["1x1"] * 784)]]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_kaggles_layout_is_read_with_and_without_a_header(digits, tmp_path: Path, header, end: str) -> None:
    images, labels = digits(12)
    part, _ = read_csv(write(tmp_path / "train.csv", header + rows(images, labels), end))
    np.testing.assert_array_equal(part.images, images)
    np.testing.assert_array_equal(part.labels, labels)
    assert part.images.dtype == part.labels.dtype == np.uint8


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n\n",
        lambda text: text.replace(",", ", "),
        lambda text: '"' + text.strip().replace(",", '","').replace("\n", '"\n"') + '"\n',
        lambda text: text.replace(",0,", ",000,"),
    ],
)
def test_harmless_variants_are_read(digits, tmp_path: Path, change) -> None:
    images, labels = digits(5)
    path = tmp_path / "a.csv"
    path.write_text(change("\n".join(rows(images, labels)) + "\n"), encoding="utf-8")
    np.testing.assert_array_equal(read_csv(path)[0].images, images)


def test_gzip_is_read(digits, tmp_path: Path) -> None:
    images, labels = digits(3)
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress("\n".join(rows(images, labels)).encode()))
    np.testing.assert_array_equal(read_csv(path)[0].labels, labels)


def broken(images, labels, line: int, column: int, field: str) -> list[str]:
    lines = [HEADER, *rows(images, labels)]
    fields = lines[line - 1].split(",")
    fields[column - 1] = field
    lines[line - 1] = ",".join(fields)
    return lines


@pytest.mark.parametrize(
    "field", ["three", "300", "256", "-1", "0.5", "1.0", "", "1e2", "+5", "٣", "1234", "1 2", '1"2']
)
def test_a_wrong_pixel_is_named_by_line_and_column(digits, tmp_path: Path, field: str) -> None:
    path = write(tmp_path / "a.csv", broken(*digits(9), 7, 400, field))
    with pytest.raises(
        FormatError, match=r"a\.csv, line 7, column 400: .* is not a pixel, a whole number from 0 to 255"
    ):
        read_csv(path)


@pytest.mark.parametrize("field", ["10", "seven", "-1", "7.0", ""])
def test_a_wrong_label_is_named_by_line(digits, tmp_path: Path, field: str) -> None:
    path = write(tmp_path / "a.csv", broken(*digits(9), 3, 1, field))
    with pytest.raises(FormatError, match=r"line 3, column 1: .* is not a label, a whole number from 0 to 9"):
        read_csv(path)


def test_the_line_is_right_far_down_too(digits, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", broken(*digits(40), 33, 785, "x"))
    with pytest.raises(FormatError, match="line 33, column 785"):
        read_csv(path)


def test_a_text_label_in_the_first_line_is_no_header(digits, tmp_path: Path) -> None:
    lines = rows(*digits(3))
    path = write(tmp_path / "a.csv", ["five" + lines[0][1:], *lines[1:]])
    with pytest.raises(FormatError, match="line 1, column 1: 'five' is not a label"):
        read_csv(path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (lambda row: [row, row + ",0"], "line 2: 786 columns, 785 expected"),
        (lambda row: [row, row.rsplit(",", 1)[0]], "line 2: 784 columns, 785 expected"),
        (lambda row: [row.partition(",")[2]], "line 1: 784 columns, 785 expected: the label is missing"),
        (lambda row: [row.replace(",", "|")], "line 1: 1 columns, 785 expected: separate them with commas"),
        (lambda row: [row, "", row], "line 2 is empty: remove it"),
        (lambda row: [HEADER.removeprefix("label,"), row.partition(",")[2]], "no labels.*Kaggle"),
        (lambda row: [HEADER.replace("pixel5,", "class,"), row], "the columns label and class could both be the label"),
        (lambda row: [HEADER + ",extra", row], "line 1: 786 columns"),
        (lambda row: [HEADER], "is empty"),
    ],
)
def test_wrong_columns_are_named(digits, tmp_path: Path, lines, message: str) -> None:
    path = write(tmp_path / "a.csv", lines(rows(*digits(1))[0]))
    with pytest.raises(FormatError, match=message):
        read_csv(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf\r\n"])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(FormatError, match="is empty"):
        read_csv(tmp_path / "a.csv")


@given(st.binary(max_size=400) | st.text('0123456789,\n ".-x', max_size=400).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_a_format_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.csv"):
        read_csv(tmp_path / "a.csv")


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_lines_give_digits_or_a_format_error(tmp_path: Path, digits, data: st.DataObject) -> None:
    content = bytearray("\n".join(rows(*digits(2))).encode())
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.sampled_from(b'0129,\n "-x.\x00\xff'))
    (tmp_path / "a.csv").write_bytes(content)
    try:
        part, _ = read_csv(tmp_path / "a.csv")
    except FormatError as error:
        message = str(error)
    else:
        assert part.images.shape[1:] == (28, 28)
        assert part.labels.max() <= 9
        return
    assert "a.csv" in message
