"""Files of images as people have them: folders, tars, Parquet, IDX, NumPy."""

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tenfold.data import idx


def png(pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write_tar(path: Path, members: dict[str, bytes], mode="w") -> Path:
    with tarfile.open(path, mode) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def rows(path: Path) -> list[dict]:
    return pq.read_table(path).to_pylist()


def folder_of(images, path: Path) -> Path:
    for number, image in enumerate(images):
        place = path / f"{number // 25}" / f"{number:03d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png(image))
    return path


def parquet_of(column, path: Path, **options) -> Path:
    pq.write_table(pa.table({"id": list(range(len(column))), "image": column}), path, **options)
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def saved(path: Path, array) -> Path:
    np.save(path, array)
    return path


MAKERS = {
    "folder": lambda x, p: folder_of(x, p / "folder"),
    "pattern": lambda x, p: folder_of(x, p / "folder") / "*" / "*.png",
    "tar": lambda x, p: write_tar(p / "a.tar", {f"{i:03d}.png": png(one) for i, one in enumerate(x)}),
    "tar.gz": lambda x, p: write_tar(p / "a.tar.gz", {f"{i:03d}.png": png(one) for i, one in enumerate(x)}, "w:gz"),
    "tar.xz": lambda x, p: write_tar(p / "a.tar.xz", {f"{i:03d}.png": png(one) for i, one in enumerate(x)}, "w:xz"),
    "parquet of files": lambda x, p: parquet_of(pa.array([png(one) for one in x]), p / "a.parquet", row_group_size=7),
    "parquet of a hub": lambda x, p: parquet_of(
        pa.array([{"bytes": png(one), "path": None} for one in x]), p / "a.parquet"
    ),
    "parquet of 784": lambda x, p: parquet_of(
        pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), 784), p / "a.parquet", row_group_size=7
    ),
    "parquet of 28x28": lambda x, p: parquet_of(pa.array(x.tolist()), p / "a.parquet"),
    "parquet of raw bytes": lambda x, p: parquet_of(pa.array([one.tobytes() for one in x]), p / "a.parquet"),
    "parquet of tensors": lambda x, p: parquet_of(
        pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(x)), p / "a.parquet"
    ),
    "idx": lambda x, p: written(p / "t-images-idx3-ubyte", idx.encode(x)),
    "idx.gz": lambda x, p: written(p / "t-images-idx3-ubyte.gz", gzip.compress(idx.encode(x))),
    "npy": lambda x, p: saved(p / "a.npy", x),
    "npy of 784": lambda x, p: saved(p / "a.npy", x.reshape(-1, 784)),
}
