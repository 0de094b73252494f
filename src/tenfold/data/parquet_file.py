"""User-supplied Parquet and Arrow files, as the Hugging Face hub stores image sets: encoded images and their labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.data.class_folder import normalized
from tenfold.data.csv_file import LABELS
from tenfold.data.dataset import DatasetPart, to_labels
from tenfold.errors import FormatError, MissingDependencyError

SUFFIXES = (".parquet", ".arrow")
_IMAGES = ("image", "img", "images")


def read_parquet(paths: Sequence[Path]) -> tuple[DatasetPart, list[str]]:
    """Reads the shards of one part: a column image, of files' bytes or of {bytes, path}, and one of labels.

    Images are normalized as those of a class folder are; those without a label are left out, and counted. Raises
    `MissingDependencyError` without pyarrow, and `FormatError` for other files and for labels that are no digits.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise MissingDependencyError("pyarrow", "bulk") from error
    images, labels, unlabeled = [], [], 0
    for path in paths:
        try:
            table = pq.read_table(path) if path.suffix == ".parquet" else pa.ipc.open_stream(str(path)).read_all()
        except (pa.ArrowException, OSError) as error:
            raise FormatError(f"{path} can't be read: {str(error).splitlines()[0]}") from error
        image, label = _column(table, _IMAGES, path), _column(table, LABELS, path)
        for row, (content, said) in enumerate(zip(table[image].to_pylist(), table[label].to_pylist(), strict=True)):
            if said is None or said == -1:  # What the hub stores for a hidden label.
                unlabeled += 1
                continue
            content = content["bytes"] if isinstance(content, dict) else content
            if not isinstance(content, bytes):
                raise FormatError(f"{path}, row {row}: {image} holds no image file: store the images in it, not paths")
            images.append(normalized(content, f"{path}, row {row}"))
            labels.append(said)
    if not images:
        raise FormatError(f"{paths[0].parent} holds no labeled images")
    notes = [f"{unlabeled:,} images without a label were left out"] if unlabeled else []
    return DatasetPart(np.stack(images), to_labels(np.array(labels), str(paths[0]))), notes


def _column(table: Any, names: Sequence[str], path: Path) -> str:
    found = [name for name in table.column_names if name.lower() in names]
    if len(found) != 1:
        columns = ", ".join(table.column_names)
        raise FormatError(f"{path} has the columns {columns}: one of {', '.join(names)} is expected")
    return str(found[0])
