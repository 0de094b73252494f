"""Reads a user's own digits, in any of the layouts that people have, into a data set."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tenfold.data import parquet_file
from tenfold.data.arrays import hold_out
from tenfold.data.class_folder import (
    SUFFIXES,
    class_of,
    files_below,
    folders_of,
    is_class_folder,
    is_hidden,
    normalized,
    read_class_folder,
    read_named_classes,
)
from tenfold.data.csv_file import UnlabeledError, read_csv, read_csv_images
from tenfold.data.dataset import DIGITS, Dataset, DatasetPart, Images, check_class_names, check_images
from tenfold.data.idx import is_idx_name, read_idx, read_idx_file, read_idx_folder
from tenfold.data.labeled_files import is_table_of_files, read_labeled_files
from tenfold.data.npz_file import read_npz, read_npz_images
from tenfold.data.repair import ink_on_black, put_right
from tenfold.errors import FormatError
from tenfold.files import expanded

# The names of the parts: of folders, and of files among other words.
_PARTS = {
    "train": re.compile(r"(^|[^a-z])train(ing)?(set)?([^a-z]|$)"),
    "test": re.compile(r"(^|[^a-z])(test(ing)?(set)?|t10k)([^a-z]|$)"),
    "validation": re.compile(r"(^|[^a-z])(val(id|idation)?(set)?|dev)([^a-z]|$)"),
}
# Tables of pixels or of files, and arrays: each holds a data set, or a part of one.
FILES = (".csv", ".csv.gz", ".csv.xz", ".npz")
# How deep a folder may lie in folders that hold nothing else, as in torchvision's MNIST/raw.
_DEEP = 3
_SUPPORTED = (
    "MNIST's IDX files; CSV files of train and test (a label and 784 pixels, or a file and its label); folders of "
    "images that are named 0 to 9, optionally in train and test; Parquet; or a single file of these, or an .npz "
    "(docs/guides/own-data.md). Of other classes give the names of the folders: --class-names alpha,beta, or in Python "
    'class_names=["alpha", "beta"]'
)


class _Source(NamedTuple):
    """What was read: the parts by name (`_PARTS`), the layout in words, and what is to be said of it."""

    parts: dict[str, DatasetPart]
    layout: str
    notes: list[str]


def read_source(path: str | Path, class_names: Sequence[str] = ()) -> Dataset:
    """Reads the digits at `path`, a file or a folder, into a data set; or images of other classes, in a folder for
    each.

    docs/guides/own-data.md lists the layouts. What would be misread is put right (`repair.put_right`), and `origin`
    says what was done and what was left out. If there is no test part, a seventh of each class is held out (always the
    same images). Raises `FormatError` naming the file, and what to change in it.
    """
    path = expanded(path)
    if not path.exists():
        raise FormatError(f"there is no file or folder {path}")
    names = tuple(class_names) or DIGITS
    check_class_names(names, str(path))
    try:
        if names != DIGITS:
            parts, layout, notes = _read_classes(path, names)
        else:
            parts, layout, notes = _read_folder(path) if path.is_dir() else _read_file(path)
    except OSError as error:
        raise FormatError(f"cannot read {error.filename or path}: {error.strerror or error}") from error
    for name, part in parts.items():
        parts[name], found = put_right(part, str(path) if name == "train" else f"{path}, {name} part", names == DIGITS)
        notes += found if name == "train" else [f"{name} part: {note}" for note in found]
    train, test = parts["train"], parts.get("test")
    if more := parts.get("validation"):
        notes.append(f"the {len(more.labels):,} images to validate on joined those to train on")
        train = DatasetPart(*(np.concatenate(pair) for pair in zip(train[:2], more[:2], strict=True)))
    if test is None:
        train, test, held_out = hold_out(train, str(path))
        notes.append(f"it has no test part, so {held_out} were held out")
    origin = "; ".join([f"{layout} at {path}", *notes])
    return Dataset.of_parts(train, test, name=path.resolve().name, class_names=names, origin=origin)


def read_images(path: Path) -> tuple[list[str], Images, list[str]]:
    """The images of a CSV file of pixels, labeled or not, of an .npz or IDX file, or of all image files in a folder.

    Returns their names, the images, and what was done with them: names are the index of a CSV file, numbers from 1, or
    paths in the folder; white paper is inverted. Raises `FormatError`.
    """
    path = expanded(path)
    if path.is_dir():
        files = [file for file in files_below(path) if file.suffix.lower() in SUFFIXES]
        if not files:
            raise FormatError(f"{path} has no images ({', '.join(sorted(SUFFIXES))})")
        return [str(file.relative_to(path)) for file in files], np.stack([normalized(file) for file in files]), []
    names: list[str] | None = None
    notes: list[str] = []
    if path.name.lower().endswith(".npz"):
        images, notes = read_npz_images(path)
    elif is_idx_name(path.name):
        images = read_idx(path)
        check_images(images, str(path))
    else:
        names, images, notes = read_csv_images(path)
    images, found = ink_on_black(images)
    return names or [str(number) for number in range(1, len(images) + 1)], images, notes + found


def _read_classes(path: Path, names: tuple[str, ...]) -> _Source:
    """The images of classes that are no digits, in a folder for each, optionally in train and test."""
    if not path.is_dir():
        raise FormatError(f"{path} is a file; classes with names are read from a folder that has a folder for each")
    others = [folder for folder in folders_of(path) if folder.name not in names]
    folders = {name: found for name in _PARTS if (found := _part_of(others, name))}
    parts: dict[str, DatasetPart] = {}
    notes: list[str] = []
    for name, found in (folders if "train" in folders else {"train": [path]}).items():
        if len(found) > 1:
            raise FormatError(f"{path} holds {' and '.join(one.name for one in found)}: keep one of them")
        parts[name], said = read_named_classes(found[0], names)
        notes += said
    return _Source(parts, "images in a folder per class", notes)


def _read_folder(folder: Path, deep: int = _DEEP) -> _Source:
    visible = [folder / name for name in sorted(os.listdir(folder)) if not is_hidden(name)]
    folders = folders_of(folder)
    files = [path for path in visible if path.name.lower().endswith(FILES) and path.is_file()]
    images = [path for path in visible if path.suffix.lower() in SUFFIXES]
    # The hub's library keeps files of its own, named cache-*, next to a set that it saved.
    shards = [
        path for path in visible if path.suffix.lower() in parquet_file.SUFFIXES and not path.name.startswith("cache-")
    ]
    if idx := [path for path in visible if is_idx_name(path.name)]:
        train, test = read_idx_folder(folder)
        parts = {"train": train} if test is None else {"train": train, "test": test}
        return _Source(parts, "IDX files", _left_out([*files, *shards, *images, *folders], idx))
    if _part_of(files, "train"):
        return _read_parts(files, _read_one, others=[*shards, *images])
    if shards:
        others = [*files, *images]
        if _part_of(shards, "train"):
            return _read_parts(shards, _read_shards, others)
        source = _read_shards(shards)
        return source._replace(notes=source.notes + _left_out(others, []))
    lists = [path for path in files if not path.name.lower().endswith(".npz") and is_table_of_files(path)]
    if len(lists) == 1:
        source = _read_file(lists[0])
        return source._replace(notes=source.notes + _left_out(files, lists))
    if _part_of(folders, "train"):
        return _read_parts(folders, _read_one, others=[*files, *images])
    if is_class_folder(folder):
        part, notes = read_class_folder(folder)
        return _Source({"train": part}, "images in a folder per class", notes + _left_out([*files, *images], []))
    if len(files) == 1:
        source = _read_file(files[0])
        return source._replace(notes=source.notes + _left_out([*images, *folders], []))
    # Older versions of torchvision keep a folder processed beside raw.
    inside = [path for path in folders if path.name.lower() == "raw"] or folders
    if len(inside) == 1 and deep:
        return _read_folder(inside[0], deep - 1)
    if visible and len(images) == len(visible):
        raise UnlabeledError(f"{folder} holds images without labels: put them into folders named 0 to 9")
    found = [path.name for path in visible]
    listed = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "") if found else "nothing"
    raise FormatError(f"{folder} holds {listed}; supported are {_SUPPORTED}")


def _left_out(paths: list[Path], used: list[Path]) -> list[str]:
    others = [path.name for path in paths if path not in used]
    return [f"{', '.join(others[:5])}{', ...' if len(others) > 5 else ''} left out"] if others else []


def _part_of(paths: list[Path], part: str) -> list[Path]:
    """What is named as this part, and as no other: train_test.csv holds both, and is neither."""
    return [
        path
        for path in paths
        if class_of(path.name) is None
        and [name for name, words in _PARTS.items() if words.search(path.name.lower())] == [part]
    ]


def _read_parts(paths: list[Path], read: Callable[[list[Path]], _Source], others: list[Path]) -> _Source:
    """Reads what is named train, test or validation. others: what is not read."""
    named = {name: found for name in _PARTS if (found := _part_of(paths, name))}
    notes = _left_out([*paths, *others], [path for found in named.values() for path in found])
    parts: dict[str, DatasetPart] = {}
    layout = ""
    for name, found in named.items():
        try:
            source = read(found)
        except UnlabeledError:
            if name == "train":
                raise
            notes.append(f"{found[0].name} has no labels and was left out")
            continue
        if len(source.parts) > 1:
            raise FormatError(f"{found[0]} holds a training and a test part of its own: give that path alone")
        parts[name] = source.parts["train"]
        notes += source.notes
        layout = layout or source.layout
    return _Source(parts, layout, notes)


def _read_one(paths: list[Path]) -> _Source:
    if len(paths) > 1:
        raise FormatError(f"{paths[0].parent} holds {' and '.join(path.name for path in paths)}: keep one of them")
    return _read_folder(paths[0]) if paths[0].is_dir() else _read_file(paths[0])


def _read_shards(paths: list[Path]) -> _Source:
    part, notes = parquet_file.read_parquet(paths)
    return _Source({"train": part}, "Parquet", notes)


def _read_file(path: Path) -> _Source:
    name = path.name.lower()
    if name.endswith(".npz"):
        parts, notes = read_npz(path)
        return _Source(parts, "npz", notes)
    if name.endswith(FILES):
        part, notes = (read_labeled_files if is_table_of_files(path) else read_csv)(path)
        return _Source({"train": part}, "CSV", notes)
    if path.suffix.lower() in parquet_file.SUFFIXES:
        return _read_shards([path])
    if is_idx_name(path.name) or ".idx" in name or "-idx" in name:
        return _Source({"train": read_idx_file(path)}, "IDX files", [])
    raise FormatError(f"{path} is in no supported format; supported are {_SUPPORTED}")
