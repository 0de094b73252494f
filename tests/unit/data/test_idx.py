"""If these fail, a user's IDX file is read wrongly, or a damaged one ends in a traceback or eats the memory."""

import gzip
import lzma
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tenfold.data.idx import decode, encode, read_idx
from tenfold.errors import FormatError

DTYPES = [np.uint8, np.int8, np.int16, np.int32, np.float32, np.float64]
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
)


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_are_big_endian_on_disk_and_native_in_memory(dtype: type) -> None:
    array = np.array([[1, 2], [3, 4]], dtype)
    content = encode(array)
    assert content[:4] == bytes([0, 0, {1: 8, 2: 0x0B, 4: 0x0C, 8: 0x0E}[array.itemsize], 2]) or dtype in (
        np.int8,
        np.float32,
    )
    assert content[4:12] == struct.pack(">2I", 2, 2)
    assert content[12:] == array.astype(array.dtype.newbyteorder(">")).tobytes()
    again = decode(content, "x")
    assert again.dtype == dtype
    assert again.dtype.isnative
    assert again.flags.writeable
    np.testing.assert_array_equal(again, array)


def test_type_codes_are_those_of_the_format() -> None:
    codes = [encode(np.zeros(1, dtype))[2] for dtype in DTYPES]
    assert codes == [0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E]


def test_arrays_of_the_other_byte_order_are_kept() -> None:
    array = np.array([1, 256], ">i2")
    np.testing.assert_array_equal(decode(encode(array), "x"), [1, 256])


@given(arrays)
def test_round_trip(array: np.ndarray) -> None:
    again = decode(encode(array), "x")
    assert again.dtype == array.dtype
    assert again.shape == array.shape
    np.testing.assert_array_equal(again, array)


@given(st.binary(max_size=200))
def test_any_bytes_give_an_array_or_a_format_error(content: bytes) -> None:
    assert_decodes_or_refuses(content)


@given(arrays, st.data())
def test_damaged_files_give_an_array_or_a_format_error(array: np.ndarray, data: st.DataObject) -> None:
    content = bytearray(encode(array))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 20) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    assert_decodes_or_refuses(bytes(content[:cut]))
    assert_decodes_or_refuses(bytes(content))


def assert_decodes_or_refuses(content: bytes) -> None:
    try:
        array = decode(content, "some-file")
    except FormatError as error:
        message = str(error)
    else:
        assert encode(array) == content or array.dtype.kind == "f"  # NaNs may change their payload
        return
    assert "some-file" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes don't hold an IDX header"),
        (b"\0\0\x08", "3 bytes don't hold"),
        (b"\x89PNG\r\n", "starts with 89 50 4e 47"),
        (b"\0\0\x07\x01\0\0\0\0", "not an IDX file"),
        (b"\0\0\x08\x00", "not an IDX file"),
        (b"\0\0\x08\x03\0\0\0\x01", "header of 16 bytes ends after 8"),
        (b"\0\0\x08\x01\0\0\0\x05abc", "truncated.*5 of 1 bytes.*3 follow"),
        (b"\0\0\x08\x01\0\0\0\x02abc", "too many bytes"),
        (b"\0\0\x0e\x03" + b"\xff" * 12 + b"abc", "truncated"),
        (b"\0\0\x08\x03" + b"\0\0\0\0" + b"\xff" * 8, "no array can have"),
        (b"\0\0\x08\xff" + b"\0\0\0\x01" * 255 + b"a", "no array can have"),
    ],
)
def test_a_damaged_header_is_named(content: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        decode(content, "some-file")


@pytest.mark.parametrize("array", [np.zeros(2, np.int64), np.zeros(2, bool), np.float32(1)])
def test_what_idx_can_not_hold_is_refused(array: np.ndarray) -> None:
    with pytest.raises(FormatError, match="IDX can't hold"):
        encode(np.asarray(array))


@pytest.mark.parametrize("pack", [lambda content: content, gzip.compress, lzma.compress])
def test_plain_and_packed_files_read_the_same(pack, tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    path = tmp_path / "a-file"
    path.write_bytes(pack(encode(array)))
    np.testing.assert_array_equal(read_idx(path), array)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
@pytest.mark.parametrize("damage", [lambda c: c[:-9], lambda c: c[:20] + bytes(8) + c[28:]])
def test_damaged_packing_is_a_format_error_that_names_the_file(pack, damage, tmp_path: Path) -> None:
    path = tmp_path / "a-file"
    path.write_bytes(damage(pack(encode(np.arange(99, dtype=np.uint8)))))
    with pytest.raises(FormatError, match=r"a-file is damaged (gzip|xz)"):
        read_idx(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"cannot read .*nothing-here"):
        read_idx(tmp_path / "nothing-here")
