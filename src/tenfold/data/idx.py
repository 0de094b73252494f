"""IDX bytes <-> arrays: the format of MNIST's files.

A file is 00 00, a byte for the type, a byte for the number of dimensions, each size as a big-endian uint32, then the
values, big-endian, the last dimension running fastest. Source: "The IDX file format" on
http://yann.lecun.com/exdb/mnist/ (Y. LeCun and C. Cortes).
"""

import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import FormatError

_DTYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_CODES = {dtype.newbyteorder("="): code for code, dtype in _DTYPES.items()}
_LARGEST_SIZE = 2**32 - 1


def decode(content: bytes, name: str) -> NDArray[Any]:
    """The bytes of an IDX file -> an array of its own, writable, in the machine's byte order.

    name: what to call the file in an error. Returns uint8, int8, int16, int32, float32 or float64 of one dimension or
    more. Raises `FormatError` for a wrong magic number, or for fewer or more bytes than the header says; nothing is
    allocated for sizes that the bytes don't bear out.
    """
    dtype, shape, start = read_header(content, name)
    # A product of Python integers can't overflow, whatever the header claims.
    expected = math.prod(shape) * dtype.itemsize
    held = len(content) - start
    if held != expected:
        fault = "is cut short" if held < expected else "has bytes too many"
        sizes = " x ".join(map(str, shape))
        raise FormatError(
            f"{name} {fault}: its header says {sizes} of {dtype.itemsize} bytes, {expected} in all, but {held} follow; "
            "fetch it again"
        )
    try:
        values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    except ValueError as error:  # NumPy's own limits: 64 dimensions, and 2^63 for the product of the sizes but a 0
        raise FormatError(f"{name}: no array can have the sizes {shape}: {error}") from error
    return values.astype(dtype.newbyteorder("="))


def encode(array: NDArray[Any]) -> bytes:
    """An array -> the bytes of an IDX file; `decode` gives the same array back.

    array: uint8, int8, int16, int32, float32 or float64, of one dimension or more. Raises `FormatError` for another.
    """
    code = _CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        known = ", ".join(str(dtype) for dtype in _CODES)
        raise FormatError(f"IDX can't hold {array.dtype}; convert it to one of {known}")
    if array.ndim == 0 or max(array.shape) > _LARGEST_SIZE:
        raise FormatError(f"IDX can't hold the shape {array.shape}: it takes 1 to 255 sizes below 2^32")
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + array.astype(_DTYPES[code], copy=False).tobytes()


def read_idx(path: str | Path) -> NDArray[Any]:
    """Reads an IDX file, plain or packed as `.gz` or `.xz` (told by its first bytes, whatever its name says).

    Returns what `decode` returns. Raises `FormatError` where there is none, or what is there is damaged.
    """
    path = Path(path)
    return decode(unpack(read_bytes(path), path.name), str(path))


def read_bytes(path: Path) -> bytes:
    """The bytes of a file. Raises `FormatError` that names it when it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror or error}") from error


def unpack(content: bytes, name: str) -> bytes:
    """Undoes gzip or xz where `content` begins like one; else returns it as it is. Raises `FormatError` on damage."""
    # Imported here: a cached set is loaded without them.
    if content.startswith(b"\x1f\x8b"):
        import gzip

        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error, struct.error) as error:
            raise FormatError(f"{name} is damaged gzip ({error}); fetch it again") from error
    if content.startswith(b"\xfd7zXZ\x00"):
        import lzma

        try:
            return lzma.decompress(content)
        except (lzma.LZMAError, EOFError) as error:
            raise FormatError(f"{name} is damaged xz ({error}); fetch it again") from error
    return content


def read_header(content: bytes, name: str) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Type, sizes, and the byte where the values begin, of the first bytes of a file. Raises as `decode` does."""
    if len(content) < 4:
        raise FormatError(f"{name} is cut short: {len(content)} bytes don't hold an IDX header; fetch it again")
    zeros, code, dimensions = struct.unpack(">HBB", content[:4])
    if zeros != 0 or code not in _DTYPES or dimensions == 0:
        raise FormatError(
            f"{name} is not an IDX file: it begins {content[:4].hex(' ')}, not 00 00, a type (08, 09, 0b to 0e) "
            "and the number of dimensions; unpack it, or give another file"
        )
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise FormatError(f"{name} is cut short: its header of {start} bytes ends after {len(content)}; fetch it again")
    return _DTYPES[code], struct.unpack(f">{dimensions}I", content[4:start]), start
