"""User-supplied Parquet and Arrow files, as the Hugging Face hub stores image sets: encoded images and their labels."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.data.arrays import whole_labels
from tenfold.data.class_folder import normalized
from tenfold.data.csv_file import LABELS
from tenfold.data.dataset import DatasetPart
from tenfold.errors import FormatError, MissingDependencyError

SUFFIXES = (".parquet", ".arrow")
# Rows that are decoded at a time, and that a file may have.
_BATCH, _MOST = 1000, 10_000_000
_IMAGES = ("image", "img", "images")


def read_parquet(paths: Sequence[Path]) -> tuple[DatasetPart, list[str]]:
    """Reads the shards of one part: a column image, of files' bytes or of {bytes, path}, and one of labels.

    Images are normalized as those of a class folder are; those without a label are left out, and counted. Raises
    `MissingDependencyError` without pyarrow, and `FormatError` for other files and for labels that are no digits.
    """
    images, labels, unlabeled = [], [], 0
    for path in paths:
        for row, (content, said) in enumerate(_rows(path)):
            if said is None or said == -1:  # What the hub stores for a hidden label.
                unlabeled += 1
                continue
            content = content.get("bytes") if isinstance(content, dict) else content
            if not isinstance(content, bytes):
                raise FormatError(f"{path}, row {row}: it holds no image file: store the images in it, not paths")
            images.append(normalized(content, f"{path}, row {row}"))
            labels.append(said)
    if not images:
        raise FormatError(f"{paths[0].parent} holds no labeled images")
    notes = [f"images without a label, left out: {unlabeled:,}"] if unlabeled else []
    return DatasetPart(np.stack(images), whole_labels(np.array(labels), str(paths[0]))), notes


def _rows(path: Path) -> Iterator[tuple[Any, Any]]:
    """The image and the label of each row; a part of the file is in memory at a time."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise MissingDependencyError("pyarrow", "bulk") from error
    count = 0
    try:
        with pa.memory_map(str(path)) as file:
            if path.suffix.lower() == ".parquet":
                parquet = pq.ParquetFile(file)
                columns = _columns(parquet.schema_arrow.names, path)
                batches = parquet.iter_batches(_BATCH, columns=columns)
            else:  # A stream, as the hub's library writes, or a file (Feather).
                is_file = file.read(6) == b"ARROW1"
                file.seek(0)
                arrow = pa.ipc.open_file(file) if is_file else pa.ipc.open_stream(file)
                columns = _columns(arrow.schema.names, path)
                batches = map(arrow.get_batch, range(arrow.num_record_batches)) if is_file else iter(arrow)
            for batch in batches:
                count += batch.num_rows
                if count > _MOST:
                    raise FormatError(f"{path} has more than {_MOST:,} rows: split it")
                yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path} can't be read: {(str(error) or 'damaged').splitlines()[0]}") from error


def _columns(names: Sequence[str], path: Path) -> list[str]:
    """The column of images and that of labels."""
    found = []
    for known in (_IMAGES, LABELS):
        matching = [name for name in names if name.lower() in known]
        if len(matching) != 1:
            raise FormatError(f"{path} has the columns {', '.join(names)}: one of {', '.join(known)} is expected")
        found += matching
    return found
