"""User-supplied images in one folder per class."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import DatasetPart, to_labels
from tenfold.errors import FormatError

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif", ".jp2", ".pgm",
     ".ppm", ".heic", ".heif"}
)  # fmt: skip
# What Windows and macOS write beside images.
_OF_SYSTEMS = ("Thumbs.db", "desktop.ini", "Icon\r")
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def class_of(name: str) -> int | None:
    """The digit that a folder's name says: `7`, `digit_7`, `7 - seven`, `seven`; None for any other name."""
    words = re.findall(r"[a-z]+|[0-9]+", name.lower())
    said = {_WORDS.index(word) if word in _WORDS else int(word) for word in words if word in _WORDS or word.isdigit()}
    return said.pop() if len(said) == 1 and max(said) <= 9 else None


def folders_of(folder: Path) -> list[Path]:
    """The folders in a folder by name, without those that programs keep for themselves (.git, __MACOSX)."""
    with os.scandir(folder) as entries:
        return sorted(folder / entry.name for entry in entries if not is_hidden(entry.name) and entry.is_dir())


def is_class_folder(folder: Path) -> bool:
    """Whether the folder holds folders that are named after digits."""
    return any(class_of(path.name) is not None for path in folders_of(folder))


def read_class_folder(folder: Path) -> tuple[DatasetPart, list[str]]:
    """Reads every image, sorted by name: the order is the same on every machine; and says what was left out.

    Images are normalized as `tenfold predict` normalizes an image file, so that trained and predicted pixels are the
    same; those that have MNIST's form already are kept pixel for pixel. Raises `FormatError` naming an image that
    can't be read, a class folder that is named after no digit, two of the same digit, or a folder without images.
    """
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    others = 0
    for label, path in _files(folder):
        if path.suffix.lower() in SUFFIXES:
            images.append(normalized(path))
            labels.append(label)
        else:
            others += 1
    if not images:
        raise FormatError(f"{folder} has no images: put them into folders named 0 to 9 ({', '.join(sorted(SUFFIXES))})")
    notes = [f"files in {folder.name} that are no images, left out: {others:,}"] if others else []
    return DatasetPart(np.stack(images), np.array(labels, np.uint8)), notes


def read_named_classes(folder: Path, names: Sequence[str]) -> tuple[DatasetPart, list[str]]:
    """Reads the images of classes of any kind, in a folder for each, sorted by name; and says what was left out.

    names: those of the folders; the label of an image is the index of its folder's name. Raises `FormatError` for a
    class without a folder or without images, and for an image that can't be read.
    """
    found = {path.name: path for path in folders_of(folder)}
    if missing := [name for name in names if name not in found]:
        listed = ", ".join(list(found)[:5]) or "no folders"
        raise FormatError(f"{folder} has no folder {missing[0]!r} for the class of that name; it holds {listed}")
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    no_images = 0
    for label, name in enumerate(names):
        below = list(files_below(found[name]))
        files = [path for path in below if path.suffix.lower() in SUFFIXES]
        no_images += len(below) - len(files)
        if not files:
            raise FormatError(f"{found[name]} has no images ({', '.join(sorted(SUFFIXES))})")
        images += map(normalized, files)
        labels += [label] * len(files)
    others = [name for name in found if name not in names]
    notes = [f"folders that are not one of the classes, left out: {', '.join(others[:5])}"] if others else []
    notes += [f"files in {folder.name} that are no images, left out: {no_images:,}"] if no_images else []
    return DatasetPart(np.stack(images), to_labels(np.array(labels), str(folder), len(names))), notes


def _files(folder: Path) -> Iterator[tuple[int, Path]]:
    """The label and the path of each file in a class folder, without hidden ones and what lies in hidden folders."""
    known: dict[int, Path] = {}
    for class_folder in folders_of(folder):
        label = class_of(class_folder.name)
        if label is None:
            raise FormatError(
                f"{class_folder}: a class folder is named 0 to 9, by its digit; rename it or move it away"
            )
        if label in known:
            raise FormatError(f"{known[label]} and {class_folder.name} are both of the digit {label}: keep one")
        known[label] = class_folder
        if is_class_folder(class_folder):
            raise FormatError(
                f"{class_folder} and folders in it are named after digits: which one is the class? Rename the other"
            )
        yield from ((label, path) for path in files_below(class_folder))


def files_below(folder: Path) -> Iterator[Path]:
    """The files in a folder and the folders in it, without hidden ones, in an order that is the same on every machine.

    Raises `FormatError` for a link that leads out of the folder, or nowhere: what it reads may not be meant.
    """
    home = folder.resolve()
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(name for name in names if not is_hidden(name)):
            yield _inside(Path(place, name), home)
        for name in folders:
            _inside(Path(place, name), home)


def is_hidden(name: str) -> bool:
    return name.startswith((".", "__")) or name in _OF_SYSTEMS


def _inside(path: Path, home: Path) -> Path:
    if path.is_symlink() and not (path.exists() and path.resolve().is_relative_to(home)):
        raise FormatError(f"{path} is a link that leads out of {home.name}, or nowhere: put the image in its place")
    return path


def normalized(source: Path | bytes, where: str = "") -> NDArray[np.uint8]:
    """An image file, or its bytes -> uint8[28,28], as `tenfold predict` reads it. where: what names the bytes in the
    `FormatError` that is raised for what is no image."""
    from tenfold.ink.image import opened
    from tenfold.ink.normalize import normalize

    try:
        with opened(source) as image:
            return normalize(image)
    except FormatError as error:
        raise FormatError(f"{where}: {error}" if where else str(error)) from error
