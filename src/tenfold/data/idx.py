"""IDX, the format of MNIST's files: encoding, decoding, and user-supplied files and folders.

A file is 00 00, a byte for the type, a byte for the number of dimensions, each size as a big-endian uint32, then the
values, big-endian, the last dimension running fastest. Source: "The IDX file format" on
http://yann.lecun.com/exdb/mnist/ (Y. LeCun and C. Cortes).
"""

import io
import math
import re
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from tenfold.data.class_folder import is_hidden
from tenfold.data.dataset import CLASSES, DatasetPart, check_images, check_part, to_labels
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
# Bytes that a file may unpack to: a bomb is refused before it fills the memory. EMNIST has 1.9 GB as CSV.
LARGEST = 4_000_000_000
# Bytes that are unpacked at a time.
_PART = 1 << 24
_COMPRESSIONS = ("", ".gz", ".xz")
# train-images-idx3-ubyte, train-images.idx3-ubyte, qmnist-train-labels-idx2-int, each with .gz or .xz or neither
_NAME = re.compile(r"(?P<stem>.*(?P<kind>images|labels)[-.]idx\d-(ubyte|int))(\.gz|\.xz)?")
# MNIST's labels are the first, QMNIST's the second.
_LABEL_TAILS = ("idx1-ubyte", "idx2-int")
# QMNIST's extended labels, columns of its `idx2-int` files (facebookresearch/qmnist, README.md, section 2.2).
_CLASS_COLUMN = 0
_WRITER_COLUMN = 2


def decode(content: bytes, name: str) -> NDArray[Any]:
    """Decodes the bytes of an IDX file into a new, writable array in native byte order.

    name: the file's name in error messages. Returns uint8, int8, int16, int32, float32 or float64 of one dimension or
    more. Raises `FormatError` for a wrong magic number, or for fewer or more bytes than the header says;
    sizes are checked before memory is allocated.
    """
    dtype, shape, start = read_header(content, name)
    # A product of Python integers can't overflow, whatever the header claims.
    expected = math.prod(shape) * dtype.itemsize
    held = len(content) - start
    if held != expected:
        fault = "is truncated" if held < expected else "has too many bytes"
        sizes = " x ".join(map(str, shape))
        raise FormatError(
            f"{name} {fault}: its header says {sizes} of {dtype.itemsize} bytes, {expected} in total, but {held} "
            "follow; fetch it again"
        )
    try:
        values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    except ValueError as error:  # NumPy's own limits: 64 dimensions, and 2^63 for the product of the sizes but a 0
        raise FormatError(f"{name}: no array can have the sizes {shape}: {error}") from error
    return values.astype(dtype.newbyteorder("="))


def encode(array: NDArray[Any]) -> bytes:
    """Encodes an array as the bytes of an IDX file; `decode` returns the same array.

    array: uint8, int8, int16, int32, float32 or float64, of one dimension or more. Raises `FormatError` otherwise.
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
    """Reads an IDX file, plain or compressed with gzip or xz (detected by its first bytes, not by its name).

    Returns the array of `decode`. Raises `FormatError` when the file is missing or damaged.
    """
    return decode(read_unpacked(Path(path)), str(path))


def read_bytes(path: Path) -> bytes:
    """Reads a file's bytes. Raises `FormatError` naming the file when it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror or error}") from error


def read_unpacked(path: Path, size: int | None = None) -> bytes:
    """Reads a file's bytes, decompressed as by `unpack`: all of them, or the first `size`.

    Raises `FormatError` naming the file when it can't be read, is damaged, or holds more than 4 GB.
    """
    try:
        with path.open("rb") as file:
            return _unpack(file, str(path), size)
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror or error}") from error


def unpack(content: bytes, name: str) -> bytes:
    """Decompresses gzip or xz, detected by the first bytes; returns other content unchanged.

    Raises `FormatError` for damaged data, and for more than 4 GB.
    """
    return _unpack(io.BytesIO(content), name, None)


def _unpack(file: BinaryIO, name: str, size: int | None) -> bytes:
    head = file.read(6)
    file.seek(0)
    # Imported here: a cached data set loads without them.
    if head.startswith(b"\x1f\x8b"):
        import gzip

        try:
            with gzip.GzipFile(fileobj=file) as stream:
                return _read(cast(BinaryIO, stream), name, size)
        except (OSError, EOFError, zlib.error, struct.error) as error:
            raise FormatError(f"{name} is damaged gzip ({error}); fetch it again") from error
    if head.startswith(b"\xfd7zXZ\x00"):
        import lzma

        try:
            with lzma.LZMAFile(file) as stream:
                return _read(cast(BinaryIO, stream), name, size)
        except (lzma.LZMAError, EOFError) as error:
            raise FormatError(f"{name} is damaged xz ({error}); fetch it again") from error
    return _read(file, name, size)


def _read(stream: BinaryIO, name: str, size: int | None) -> bytes:
    """A part at a time: asked for all that is allowed, a stream takes that much memory first."""
    parts, missing = [], LARGEST if size is None else size
    while missing and (part := stream.read(min(missing, _PART))):
        parts.append(part)
        missing -= len(part)
    if size is None and not missing and stream.read(1):
        raise FormatError(f"{name} holds more than {LARGEST // 10**9} GB: split it")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read_header(content: bytes, name: str) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Parses the header of a file: dtype, shape, and the offset of the values. Raises as `decode` does."""
    if len(content) < 4:
        raise FormatError(f"{name} is truncated: {len(content)} bytes don't hold an IDX header; fetch it again")
    zeros, code, dimensions = struct.unpack(">HBB", content[:4])
    if zeros != 0 or code not in _DTYPES or dimensions == 0:
        raise FormatError(
            f"{name} is not an IDX file: it starts with {content[:4].hex(' ')}, not 00 00, a type (08, 09, 0b to 0e) "
            "and the number of dimensions; unpack it, or give another file"
        )
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise FormatError(f"{name} is truncated: its header of {start} bytes ends after {len(content)}; fetch it again")
    return _DTYPES[code], struct.unpack(f">{dimensions}I", content[4:start]), start


def is_idx_name(name: str) -> bool:
    """Whether the name is that of an IDX file of images or labels."""
    return _NAME.fullmatch(name) is not None


def read_idx_folder(folder: Path) -> tuple[DatasetPart, DatasetPart | None]:
    """Reads the training part and, if there is one, the test part of a folder of IDX files.

    Raises `FormatError` when files are missing, damaged, don't match, or are ambiguous.
    """
    names = [match for path in sorted(folder.iterdir()) if (match := _NAME.fullmatch(path.name))]
    # Kaggle's copy of MNIST holds train-images.idx3-ubyte and train-images-idx3-ubyte, which are the same.
    found = list({match["stem"].replace(".idx", "-idx"): match["stem"] for match in names
                  if match["kind"] == "images"}.values())  # fmt: skip
    if not found:
        raise FormatError(f"{folder} has labels ({names[0].string}) but no images: add the images file to that folder")
    if len(found) == 1:
        return _read_pair(folder, found[0]), None
    train = [stem for stem in found if "train" in stem.lower()]
    test = [stem for stem in found if re.search("t10k|test", stem.lower())]
    if len(found) > 2 or len(train) != 1 or len(test) != 1 or train == test:
        raise FormatError(
            f"{folder} has several images files ({', '.join(found)}): keep one of train and one of t10k or test, "
            "or name the one to read"
        )
    return _read_pair(folder, train[0]), _read_pair(folder, test[0])


def read_idx_file(path: Path) -> DatasetPart:
    """Reads an IDX file of images, and its labels file in the same folder. Raises `FormatError` as for folders."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise FormatError(
            f"{path}: the labels of IDX images are found by name; name both files like MNIST's, such as "
            "train-images-idx3-ubyte and train-labels-idx1-ubyte"
        )
    if match["kind"] == "labels":
        raise FormatError(f"{path} holds labels: give the images file; the labels are found in the same folder")
    return _read_pair(path.parent, match["stem"], path)


def make_part(images: NDArray[Any], labels: NDArray[Any], where: str, classes: int = CLASSES) -> DatasetPart:
    """Validates decoded images and labels; labels are integers[N], or QMNIST's integers[N,8] with writers.

    Raises `FormatError`, starting with `where`, when the two don't match or are not digits.
    """
    check_images(images, where)
    writers = None
    if labels.ndim == 2 and labels.shape[1] > _WRITER_COLUMN and np.issubdtype(labels.dtype, np.integer):
        writers = labels[:, _WRITER_COLUMN].copy()
        labels = labels[:, _CLASS_COLUMN]
    part = DatasetPart(images, to_labels(labels, where, classes), writers)
    check_part(part, where, classes)
    return part


def _read_pair(folder: Path, stem: str, images_path: Path | None = None) -> DatasetPart:
    """Reads the images named `stem`, compressed or not, and the labels named accordingly."""
    images_path = images_path or _find(folder, stem)
    if images_path is None:
        raise FormatError(f"{folder / stem} is a folder that does not hold one file: put the file {stem} in its place")
    stems = [re.sub(r"(.*)images([-.])idx.*", rf"\1labels\2{tail}", stem) for tail in _LABEL_TAILS]
    labels_path = next((path for stem in stems if (path := _find(folder, stem))), None)
    if labels_path is None:
        raise FormatError(f"the labels of {images_path} are missing: put {stems[0]} (or .gz, .xz) into the same folder")
    return make_part(read_idx(images_path), read_idx(labels_path), str(images_path))


def _find(folder: Path, stem: str) -> Path | None:
    """Finds the file of that name; prefers a plain one to a compressed one. 7-Zip unpacks a file into a folder that has
    the file's name, and names the file in it anew."""
    for path in (folder / (stem + suffix) for suffix in _COMPRESSIONS):
        if path.is_file():
            return path
        inside = (
            [file for file in path.iterdir() if file.is_file() and not is_hidden(file.name)] if path.is_dir() else []
        )
        if len(inside) == 1:
            return inside[0]
    return None
