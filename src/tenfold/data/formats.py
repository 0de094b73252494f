"""Reads a user's own digits, in any of the layouts that people have, into a data set."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tenfold.data import parquet_file
from tenfold.data.class_folder import SUFFIXES, class_of, folders_of, is_class_folder, normalized, read_class_folder
from tenfold.data.csv_file import UnlabeledError, read_csv, read_pixels
from tenfold.data.dataset import Dataset, DatasetPart, Images
from tenfold.data.idx import is_idx_name, read_idx_file, read_idx_folder
from tenfold.data.labeled_files import is_table_of_files, read_labeled_files
from tenfold.data.npz_file import read_npz, read_npz_images
from tenfold.data.repair import is_white_paper, put_right
from tenfold.data.splits import take_stratified
from tenfold.errors import FormatError

# As MNIST holds out 10,000 of its 70,000.
HELD_OUT = 7
_SEED = 0
# The names of the parts: of folders, and of files among other words.
_PARTS = {
    "train": re.compile(r"(^|[^a-z])train(ing)?([^a-z]|$)"),
    "test": re.compile(r"(^|[^a-z])(test(ing)?|t10k)([^a-z]|$)"),
    "more": re.compile(r"(^|[^a-z])val(id|idation)?([^a-z]|$)"),
}
# How deep a folder may lie in folders that hold nothing else, as in torchvision's MNIST/raw.
_DEEP = 3
_SUPPORTED = (
    "MNIST's IDX files; CSV files of train and test (a label and 784 pixels, or a file and its label); folders of "
    "images that are named 0 to 9, optionally in train and test; Parquet; or a single file of these, or an .npz "
    "(docs/data.md)"
)


class _Source(NamedTuple):
    """What was read: the parts, the layout in words, and what is to be said of it."""

    train: DatasetPart
    test: DatasetPart | None
    layout: str
    notes: list[str]


def read_source(path: str | Path) -> Dataset:
    """Reads the digits at `path`, a file or a folder, into a data set.

    docs/data.md lists the layouts. What would be misread is put right (`repair.put_right`), and `origin` says what was
    done and what was left out. If there is no test part, a seventh of each class is held out (always the same images).
    Raises `FormatError` naming the file, and what to change in it.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FormatError(f"there is no file or folder {path}")
    try:
        train, test, layout, notes = _read_folder(path) if path.is_dir() else _read_file(path)
    except OSError as error:
        raise FormatError(f"cannot read {error.filename or path}: {error.strerror or error}") from error
    train, test, found = put_right(train, test, str(path))
    notes += found
    if test is None:
        train, test, held_out = _hold_out(train, path)
        notes.append(f"it has no test part, so {held_out} were held out")
    return Dataset.of_parts(train, test, name=path.resolve().name, origin="; ".join([f"{layout} at {path}", *notes]))


def read_images(path: Path) -> tuple[list[str], Images]:
    """The images of a CSV file of pixels, labeled or not, of an .npz, or of all image files in a folder, with their
    names: numbers from 1, or paths in the folder. White paper is inverted. Raises `FormatError`."""
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in SUFFIXES]
        names = [file.relative_to(path) for file in files]
        shown = [(name, file) for name, file in zip(names, files, strict=True)
                 if not any(part.startswith((".", "__")) for part in name.parts)]  # fmt: skip
        if not shown:
            raise FormatError(f"{path} has no images ({', '.join(sorted(SUFFIXES))})")
        return [str(name) for name, _ in shown], np.stack([normalized(file) for _, file in shown])
    if path.name.lower().endswith(".npz"):
        images = read_npz_images(path)
    else:
        try:
            images = read_csv(path).images
        except UnlabeledError:
            images = read_pixels(path)
    if is_white_paper(images):
        images = 255 - images
    return [str(number) for number in range(1, len(images) + 1)], images


def _read_folder(folder: Path, deep: int = _DEEP) -> _Source:
    visible = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__")))
    if any(is_idx_name(path.name) for path in visible):
        return _Source(*read_idx_folder(folder), "IDX files", [])
    tables = [path for path in visible if path.name.lower().endswith((".csv", ".csv.gz")) and path.is_file()]
    if _part_of(tables, "train"):
        return _read_parts(tables, _read_table, "CSV files")
    shards = [path for path in visible if path.suffix in parquet_file.SUFFIXES]
    if shards:
        return _read_shards(shards)
    folders = folders_of(folder)
    if any(is_class_folder(path) for path in _part_of(folders, "train")):
        return _read_parts(folders, read_class_folder, "images in a folder per class")
    if is_class_folder(folder):
        part, notes = read_class_folder(folder)
        return _Source(part, None, "images in a folder per class", notes)
    if len(tables) == 1 and is_table_of_files(tables[0]):
        return _read_file(tables[0])
    if len(folders) == 1 and deep:
        return _read_folder(folders[0], deep - 1)
    found = [path.name for path in visible]
    listed = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "") if found else "nothing"
    raise FormatError(f"{folder} holds {listed}; supported are {_SUPPORTED}")


def _part_of(paths: list[Path], part: str) -> list[Path]:
    return [path for path in paths if _PARTS[part].search(path.name.lower()) and class_of(path.name) is None]


def _read_parts(paths: list[Path], read: Callable[[Path], tuple[DatasetPart, list[str]]], layout: str) -> _Source:
    """Reads what is named train, test or validation; images to validate on join those to train on."""
    parts: dict[str, DatasetPart] = {}
    notes: list[str] = []
    for name in _PARTS:
        found = _part_of(paths, name)
        if len(found) > 1:
            raise FormatError(f"{found[0].parent} holds {' and '.join(path.name for path in found)}: keep one of them")
        for path in found:
            try:
                parts[name], said = read(path)
                notes += said
            except UnlabeledError:
                if name == "train":
                    raise
                notes.append(f"{path.name} has no labels and was left out")
    if "more" in parts:
        notes.append(f"the {len(parts['more'].labels):,} images to validate on joined those to train on")
        pairs = zip(parts["train"][:2], parts["more"][:2], strict=True)
        parts["train"] = DatasetPart(*(np.concatenate(pair) for pair in pairs))
    return _Source(parts["train"], parts.get("test"), layout, notes)


def _read_shards(paths: list[Path]) -> _Source:
    train, test = (_part_of(paths, part) for part in ("train", "test"))
    part, notes = parquet_file.read_parquet(train or paths)
    held_out, more = parquet_file.read_parquet(test) if train and test else (None, [])
    return _Source(part, held_out, "Parquet files", notes + more)


def _read_table(path: Path) -> tuple[DatasetPart, list[str]]:
    """A CSV file of pixels, or of files with their labels."""
    return read_labeled_files(path) if is_table_of_files(path) else (read_csv(path), [])


def _read_file(path: Path) -> _Source:
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        part, notes = _read_table(path)
        return _Source(part, None, "CSV file", notes)
    if name.endswith(".npz"):
        train, test, notes = read_npz(path)
        return _Source(train, test, "npz file", notes)
    if path.suffix in parquet_file.SUFFIXES:
        return _read_shards([path])
    if is_idx_name(path.name) or ".idx" in name or "-idx" in name:
        return _Source(read_idx_file(path), None, "IDX files", [])
    raise FormatError(f"{path} is in no supported format; supported are {_SUPPORTED}")


def _hold_out(part: DatasetPart, path: Path) -> tuple[DatasetPart, DatasetPart, str]:
    """Holds out a seventh of each class as the test part; returns both parts and a description."""
    count = len(part.labels)
    if count < 2:
        raise FormatError(f"{path} holds a single image: at least two are needed, one to train on and one to test")
    size = max(1, round(count / HELD_OUT))
    kept, held_out = take_stratified(part.labels, size, _SEED)
    train, test = (
        DatasetPart(part.images[indices], part.labels[indices], None if part.writers is None else part.writers[indices])
        for indices in (kept, held_out)
    )
    return train, test, f"{size:,} of {count:,} images (a seventh of each class, seed {_SEED})"
