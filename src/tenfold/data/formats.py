"""Reads user-supplied digits in any supported layout."""

from pathlib import Path

from tenfold.data.class_folder import is_class_folder, read_class_folder
from tenfold.data.csv_file import read_csv
from tenfold.data.dataset import Dataset, DatasetPart
from tenfold.data.idx import is_idx_name, read_idx_file, read_idx_folder
from tenfold.data.npz_file import read_npz
from tenfold.data.splits import take_stratified
from tenfold.errors import FormatError

# As MNIST holds out 10,000 of its 70,000.
HELD_OUT = 7
_SEED = 0
_SUPPORTED = (
    "MNIST's IDX files, train.csv (label and 784 pixels) with or without test.csv, folders 0/ to 9/ of images "
    "(optionally under train/ and test/), or a single .csv, .npz or IDX file"
)


def read_source(path: str | Path) -> Dataset:
    """Reads the digits at `path`, a file or a folder, into a data set.

    Supported are: a folder of IDX files, or one IDX file of images with its labels file in the same folder (plain, .gz
    or .xz); a folder per class; a CSV file or a folder with train.csv and optionally test.csv (plain or .gz); an npz.
    If there is no test part, a seventh of each class is held out (always the same images), and `origin` says so. Raises
    `FormatError` naming the file, and what to change in it.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FormatError(f"there is no file or folder {path}")
    try:
        train, test, layout = _read_folder(path) if path.is_dir() else _read_file(path)
    except OSError as error:
        raise FormatError(f"cannot read {error.filename or path}: {error.strerror or error}") from error
    origin = f"{layout} at {path}"
    if test is None:
        train, test, held_out = _hold_out(train, path)
        origin += f"; it has no test part, so {held_out} were held out"
    return Dataset.of_parts(train, test, name=path.resolve().name, origin=origin)


def _read_folder(folder: Path) -> tuple[DatasetPart, DatasetPart | None, str]:
    train_csv = _csv(folder, "train")
    if any(is_idx_name(path.name) for path in folder.iterdir()):
        return *read_idx_folder(folder), "IDX files"
    if train_csv is not None:
        test_csv = _csv(folder, "test")
        return read_csv(train_csv), read_csv(test_csv) if test_csv else None, "CSV files"
    if is_class_folder(folder):
        return *read_class_folder(folder), "images in a folder per class"
    found = sorted(path.name for path in folder.iterdir())
    listed = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "") if found else "nothing"
    raise FormatError(f"{folder} holds {listed}; supported are {_SUPPORTED}")


def _read_file(path: Path) -> tuple[DatasetPart, DatasetPart | None, str]:
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        return read_csv(path), None, "CSV file"
    if name.endswith(".npz"):
        return *read_npz(path), "npz file"
    if is_idx_name(path.name) or ".idx" in name or "-idx" in name:
        return read_idx_file(path), None, "IDX files"
    raise FormatError(f"{path} is in no supported format; supported are {_SUPPORTED}")


def _csv(folder: Path, part: str) -> Path | None:
    return next((path for suffix in (".csv", ".csv.gz") if (path := folder / (part + suffix)).is_file()), None)


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
