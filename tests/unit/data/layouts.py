"""Every layout of a data set that people have: how it is made, and what is done with it (docs/guides/own-data.md)."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold.data.idx import encode

Pixels = NDArray[np.uint8]
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
HEADER = ",".join(["label", *(f"pixel{index}" for index in range(784))])


@dataclass(frozen=True)
class Layout:
    """make: writes images and labels, uint8[N,28,28] and uint8[N], below a folder, and returns the path to load. shown
    and done: for the table. said: what the origin must say. parts: whether it holds a test part of its own."""

    shown: str
    done: str
    make: Callable[[Path, Pixels, Pixels], Path]
    said: str = ""
    parts: bool = True


def halves(images: Pixels, labels: Pixels) -> tuple[tuple[Pixels, Pixels], tuple[Pixels, Pixels]]:
    """The training and the test part: one image in four is of the second."""
    test = np.arange(len(labels)) % 4 == 3
    return (images[~test], labels[~test]), (images[test], labels[test])


def write_idx(folder: Path, name: str, images: Pixels, labels: Pixels, pack: Callable[[bytes], bytes] = bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ending = ".gz" if pack is gzip.compress else ""
    (folder / f"{name}-images-idx3-ubyte{ending}").write_bytes(pack(encode(images)))
    (folder / f"{name}-labels-idx1-ubyte{ending}").write_bytes(pack(encode(labels)))


def idx_folder(inside: str, change: Callable[[Pixels], Pixels] = lambda images: images):
    def make(folder: Path, images: Pixels, labels: Pixels) -> Path:
        for name, part in zip(("train", "t10k"), halves(change(images), labels), strict=True):
            write_idx(folder / inside, name, *part)
        return folder

    return make


def seven_zip(folder: Path, images: Pixels, labels: Pixels) -> Path:
    for part, rows in zip(("train", "t10k"), halves(images, labels), strict=True):
        for kind, rank, values in zip(("images", "labels"), (3, 1), rows, strict=True):
            inside = folder / f"{part}-{kind}-idx{rank}-ubyte"
            inside.mkdir()
            (inside / f"{part}-{kind}.idx{rank}-ubyte").write_bytes(encode(values))
    return folder


def beside_processed(folder: Path, images: Pixels, labels: Pixels) -> Path:
    (folder / "MNIST" / "processed").mkdir(parents=True)
    return idx_folder("MNIST/raw")(folder, images, labels)


def twice(folder: Path, images: Pixels, labels: Pixels) -> Path:
    idx_folder("")(folder, images, labels)
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.replace("-idx", ".idx"))
    for path in list(folder.iterdir()):
        inside = folder / path.name.replace(".idx", "-idx") / path.name.replace(".idx", "-idx")
        inside.parent.mkdir()
        inside.write_bytes(path.read_bytes())
        (inside.parent / ".DS_Store").touch()
    return folder


def write_csv(path: Path, images: Pixels, labels: Pixels | None, place: int = 0, header: str = "") -> Path:
    table = images.reshape(len(images), -1).astype(int)
    if labels is not None:
        table = np.insert(table, place if place >= 0 else table.shape[1], labels, axis=1)
    np.savetxt(path, table, fmt="%d", delimiter=",", header=header, comments="")
    return path


def csv_folder(train: str, test: str):
    def make(folder: Path, images: Pixels, labels: Pixels) -> Path:
        for name, part in zip((train, test), halves(images, labels), strict=True):
            write_csv(folder / name, *part, header=HEADER)
        return folder

    return make


def kaggle(folder: Path, images: Pixels, labels: Pixels) -> Path:
    write_csv(folder / "train.csv", images, labels, header=HEADER)
    write_csv(folder / "test.csv", images[:5], None, header=HEADER.removeprefix("label,"))
    (folder / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    return folder


def one_csv(place: int, header: str = ""):
    return lambda folder, images, labels: write_csv(folder / "digits.csv", images, labels, place, header)


def indexed(folder: Path, images: Pixels, labels: Pixels) -> Path:
    rows = [f"{row},{label},{','.join(map(str, image.ravel()))}" for row, (image, label) in
            enumerate(zip(images, labels, strict=True), 1000)]  # fmt: skip
    (folder / "digits.csv").write_text("\n".join([",label," + ",".join(map(str, range(784))), *rows]))
    return folder


def semicolons(folder: Path, images: Pixels, labels: Pixels) -> Path:
    rows = [";".join([str(label), *(f"{pixel / 255:.6f}" for pixel in image.ravel())])
            for image, label in zip(images, labels, strict=True)]  # fmt: skip
    (folder / "digits.csv").write_text("\n".join(rows))
    return folder / "digits.csv"


def training_set(folder: Path, images: Pixels, labels: Pixels) -> Path:
    class_folders(str)(folder / "trainingSet" / "trainingSet", images, labels)
    (folder / "testSet" / "testSet").mkdir(parents=True)
    Image.fromarray(images[0]).save(folder / "testSet" / "testSet" / "img_1.jpg")
    return folder


def class_folders(name: Callable[[int], str], inside: tuple[str, ...] = ("",), suffix: str = ".png"):
    def make(folder: Path, images: Pixels, labels: Pixels) -> Path:
        parts = halves(images, labels) if len(inside) > 1 else ((images, labels),)
        for below, (pixels, digits) in zip(inside, parts, strict=False):
            for number, (image, digit) in enumerate(zip(pixels, digits, strict=True)):
                path = folder / below / name(int(digit)) / f"{number:04}{suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(path)
        return folder

    return make


def three_parts(folder: Path, images: Pixels, labels: Pixels) -> Path:
    (train, digits), (test, others) = halves(images, labels)
    middle = len(train) // 2
    for name, pixels, said in (("train", train[:middle], digits[:middle]), ("val", train[middle:], digits[middle:]),
                               ("test", test, others)):  # fmt: skip
        class_folders(str)(folder / name, pixels, said)
    return folder


def parts_of_tables(folder: Path, images: Pixels, labels: Pixels) -> Path:
    for name, part in zip(("train", "test"), halves(images, labels), strict=True):
        (folder / name).mkdir()
        table_of_files(folder / name, *part)
    return folder


def hidden_files(folder: Path, images: Pixels, labels: Pixels) -> Path:
    class_folders(str)(folder, images, labels)
    for name in (".ipynb_checkpoints/3/3.png", "3/.ipynb_checkpoints/3.png", "3/._0003.png", "__MACOSX/0/0.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[0]).save(folder / name)
    return folder


def other_files(folder: Path, images: Pixels, labels: Pixels) -> Path:
    class_folders(str)(folder, images, labels)
    (folder / "3" / "notes.txt").write_text("a letter")
    return folder


def table_of_files(folder: Path, images: Pixels, labels: Pixels) -> Path:
    rows = ["filename,label"]
    (folder / "images").mkdir()
    for number, (image, digit) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image).save(folder / "images" / f"{number:04}.png")
        rows.append(f"images/{number:04}.png,{digit}")
    (folder / "labels.csv").write_text("\n".join([*rows, "images/0000.png,"]))
    return folder / "labels.csv"


def npz(
    *keys: str, form: Callable[[Pixels], NDArray] = lambda x: x, labels_as: Callable[[Pixels], NDArray] = lambda y: y
):
    def make(folder: Path, images: Pixels, labels: Pixels) -> Path:
        parts = halves(images, labels) if len(keys) == 4 else ((images, labels),)
        arrays = [array for pixels, digits in parts for array in (form(pixels), labels_as(digits))]
        np.savez(folder / "digits.npz", **dict(zip(keys, arrays, strict=True)))
        return folder / "digits.npz"

    return make


def preprocessed(folder: Path, images: Pixels, labels: Pixels) -> Path:
    from tenfold.data import Dataset
    from tenfold.data.dataset import DatasetPart
    from tenfold.data.preprocessing import preprocess, save

    train, test = (DatasetPart(*part) for part in halves(images, labels))
    return save(preprocess(Dataset.of_parts(train, test, name="mine", origin="")), folder / "ready.npz")


def one_hot(labels: Pixels) -> NDArray[np.float32]:
    return np.eye(10, dtype=np.float32)[labels]


KEYS = ("x_train", "y_train", "x_test", "y_test")
LAYOUTS = (
    Layout("MNIST's four IDX files, plain, `.gz` or `.xz`", "read", idx_folder("")),
    Layout("torchvision's `MNIST/raw`, by any folder above it", "found", idx_folder("MNIST/raw")),
    Layout("`MNIST/raw` next to the `processed/` of older torchvision", "found", beside_processed),
    Layout("Kaggle's copy of MNIST: each file twice, `-idx3-ubyte` in a folder and `.idx3-ubyte`", "read once", twice),
    Layout("folders that 7-Zip named like the files in them", "the file in each is read", seven_zip),
    Layout("EMNIST's IDX files, which are transposed", "transposed back",
           idx_folder("", lambda x: x.transpose(0, 2, 1)), said="transposed"),
    Layout("images rotated by 90, 180 or 270 degrees, or mirrored", "rotated or mirrored back",
           idx_folder("", lambda x: np.rot90(x, 1, (1, 2)).copy()),
           said="turned by 270 degrees"),
    Layout("white paper with dark ink", "inverted", idx_folder("", lambda x: 255 - x), said="inverted"),
    Layout("`train.csv` and `test.csv`: a label and 784 pixels", "read", csv_folder("train.csv", "test.csv")),
    Layout("`mnist_train.csv` and `mnist_test.csv`", "read", csv_folder("mnist_train.csv", "mnist_test.csv")),
    Layout("Kaggle's competition: `test.csv` has no labels", "`test.csv` is left out; `tenfold predict` takes it",
           kaggle, said="test.csv has no labels and was left out", parts=False),
    Layout("a CSV file whose header names the label in any column", "that column is the label",
           one_csv(400, ",".join([*(f"p{i}" for i in range(400)), "class", *(f"p{i}" for i in range(400, 784))])),
           parts=False),
    Layout("a CSV file without header, the label last", "found by its values", one_csv(-1),
           said="its label is column 785", parts=False),
    Layout("a CSV file without header, the label in another column", "found by its values, or refused", one_csv(300),
           said="its label is column 301", parts=False),
    Layout("semicolons or tabs between the fields; pixels as floats", "read; floats are scaled", semicolons,
           said="its floats from 0 to 1 were scaled", parts=False),
    Layout("the index that pandas writes", "left out", indexed, parts=False),
    Layout("a CSV file of files and labels", "the images are read; rows without a label are left out", table_of_files,
           said="images without a label, left out: 1", parts=False),
    Layout("folders `0` to `9`", "read", class_folders(str), parts=False),
    Layout("folders `digit_0`, `0 - zero`, `zero`", "read", class_folders(lambda d: (f"digit_{d}", f"{d} - {WORDS[d]}",
           WORDS[d])[d % 3]), parts=False),
    Layout("`train/` and `test/` of such folders", "read", class_folders(str, ("train", "test"))),
    Layout("`training/` and `testing/`", "read", class_folders(str, ("training", "testing"))),
    Layout("`trainingSet/` and a `testSet/` without labels", "`testSet/` is left out; `tenfold predict` takes it",
           training_set, said="testSet has no labels and was left out", parts=False),
    Layout("`train/`, `val/` and `test/`", "read; images to validate on join those to train on", three_parts,
           said="images to validate on joined those to train on"),
    Layout("`train/` and `test/` of any other layout", "read", parts_of_tables),
    Layout("hidden files and folders, `__MACOSX`", "skipped", hidden_files, parts=False),
    Layout("other files among the images", "left out", other_files,
           said="that are no images, left out: 1", parts=False),
    Layout("images as `.jfif`, `.jpe`, `.pgm`, `.avif`, `.jp2`", "read", class_folders(str, suffix=".pgm"),
           parts=False),
    Layout("Keras's npz: `x_train`, `y_train`, `x_test`, `y_test`", "read", npz(*KEYS)),
    Layout("`X_train`, `y_train`, `X_test`, `y_test`", "read", npz("X_train", "y_train", "X_test", "y_test")),
    Layout("an npz with `images` and `labels`, or `X` and `y`", "read", npz("X", "y"), parts=False),
    Layout("MedMNIST's npz: `train_images`, labels [N,1]", "read",
           npz("train_images", "train_labels", "test_images", "test_labels", labels_as=lambda y: y[:, None])),
    Layout("floats from 0 to 1, and one-hot labels", "scaled, and decoded", npz(*KEYS, form=lambda x: x / 255,
           labels_as=one_hot), said="its floats from 0 to 1 were scaled"),
    Layout("floats from -1 to 1, flat, and labels as floats", "scaled, and converted",
           npz(*KEYS, form=lambda x: (x / 127.5 - 1).reshape(len(x), 784).astype(np.float32),
               labels_as=lambda y: y.astype(float)), said="its floats from -1 to 1 were scaled"),
    Layout("what `tenfold preprocess --out` wrote", "read", preprocessed, said="joined those to train on"),
)  # fmt: skip
