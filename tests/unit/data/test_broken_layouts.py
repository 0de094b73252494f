"""What is wrong with a data set is named in a line, whatever its layout; nothing is read in part."""

import gzip
import io
import pickle
import struct
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tenfold.data import idx
from tenfold.data.formats import read_source
from tenfold.errors import FormatError
from tests.unit.data.layouts import class_folders, csv_folder, idx_folder, npz, one_csv, table_of_files, write_csv

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for rights to make links")


@pytest.fixture
def real(mnist):
    return np.array(mnist.train_images[:30]), np.array(mnist.train_labels[:30])


def refused(path: Path, *words: str) -> None:
    """Whether the error is a line that names the place, and no memory to speak of was taken."""
    tracemalloc.start()
    with pytest.raises(FormatError) as caught:
        read_source(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    assert all(word in message for word in words), message
    assert peak < 50_000_000


def halved(path: Path) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


@pytest.mark.parametrize(
    ("make", "broken", "words"),
    [
        (idx_folder(""), "train-images-idx3-ubyte", "truncated"),
        (idx_folder(""), "t10k-labels-idx1-ubyte", "truncated"),
        (csv_folder("train.csv", "test.csv"), "test.csv", "columns, 785 expected"),
        (one_csv(-1), "digits.csv", "columns, 785 expected"),
        (npz("images", "labels"), "digits.npz", "not an .npy or .npz file"),
        (class_folders(str), "1/0003.png", "can't be decoded"),
        (table_of_files, "images/0005.png", "can't be decoded"),
        (table_of_files, "labels.csv", "line "),
    ],
    ids=["IDX", "IDX labels", "CSV", "CSV, label last", "npz", "class folder", "images of a table", "table"],
)
def test_half_a_file(make, broken, words, real, tmp_path):
    path = make(tmp_path, *real)
    halved(tmp_path / broken)
    if broken == "labels.csv":
        (tmp_path / broken).write_text((tmp_path / broken).read_text() + "\nimages/0001")
    refused(path, Path(broken).name, words)


@pytest.mark.parametrize(
    "make",
    [idx_folder(""), csv_folder("train.csv", "test.csv"), npz("images", "labels"), class_folders(str), table_of_files,
     one_csv(-1)],
    ids=["IDX", "CSV", "npz", "class folder", "table of files", "label last"],
)  # fmt: skip
def test_labels_from_10_to_19(make, real, tmp_path):
    images, labels = real
    refused(make(tmp_path, images, labels + np.uint8(10)), str(tmp_path))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_billion_declared_rows_in_idx(pack, real, tmp_path):
    path = idx_folder("")(tmp_path, *real)
    content = bytearray((path / "train-images-idx3-ubyte").read_bytes())
    content[4:8] = struct.pack(">I", 10**9)
    (path / "train-images-idx3-ubyte").write_bytes(pack(bytes(content)))
    refused(path, "train-images-idx3-ubyte is truncated", "1000000000 x 28 x 28")


def test_a_billion_declared_rows_in_npz(real, tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 28, 28)})
    with zipfile.ZipFile(tmp_path / "big.npz", "w") as archive:
        archive.writestr("images.npy", header.getvalue() + b"\0" * 784)
        archive.writestr("labels.npy", header.getvalue())
    refused(tmp_path / "big.npz", "big.npz is not an .npy or .npz file")


def test_what_unpacks_to_more_than_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(idx, "LARGEST", 1_000_000)
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"0," * 5_000_000))
    refused(tmp_path / "bomb.csv.gz", "bomb.csv.gz", "split it")


def test_pickled_arrays_are_never_loaded(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.array([{"a": 1}], object), labels=np.zeros(1, int))
    refused(tmp_path / "x.npz", "x.npz", "allow_pickle=False")
    (tmp_path / "y.npz").write_bytes(pickle.dumps([1, 2]))
    refused(tmp_path / "y.npz", "y.npz")


@pytest.mark.parametrize("header", ["label,class", "y,label,pixel0"])
def test_a_header_that_contradicts_the_lines(header, real, tmp_path):
    path = write_csv(tmp_path / "mine.csv", *real, header=header)
    refused(path, "mine.csv", "line 1: ", "785 expected")


def test_a_header_that_names_a_column_of_pixels_the_label(real, tmp_path):
    names = ["pixel"] * 785
    names[1], names[406] = "p", "label"
    refused(write_csv(tmp_path / "mine.csv", *real, header=",".join(names)), "mine.csv, line ", "column 407", "label")


@needs_links
@pytest.mark.parametrize("target", ["outside/a.png", "nowhere.png"])
@pytest.mark.parametrize("place", ["3/a.png", "3/more/a.png", "3/link"])
def test_links_that_lead_out_of_a_class_folder(target, place, real, tmp_path):
    class_folders(str)(tmp_path / "set", *real)
    class_folders(str)(tmp_path / "outside", *real)
    (tmp_path / "outside" / "a.png").write_bytes((tmp_path / "set" / "1" / "0003.png").read_bytes())
    link = tmp_path / "set" / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / (target if place != "3/link" else "outside"))
    refused(tmp_path / "set", f"{link} is a link that leads out of 3")


@needs_links
def test_links_inside_a_class_folder_are_read(real, tmp_path):
    class_folders(str)(tmp_path, *real)
    (tmp_path / "1" / "again.png").symlink_to(tmp_path / "1" / "0003.png")
    data = read_source(tmp_path)
    assert len(data.train_labels) + len(data.test_labels) == 31


def test_a_folder_of_many_names_is_named_in_a_line(tmp_path):
    for number in range(500):
        (tmp_path / f"{number:06}.txt").touch()
    refused(tmp_path, "holds 000000.txt, 000001.txt", "...")


def test_two_training_parts_are_both_named(real, tmp_path):
    for name in ("train.csv", "mnist_train.csv"):
        write_csv(tmp_path / name, *real)
    refused(tmp_path, "mnist_train.csv and train.csv: keep one")


def test_a_part_with_parts_of_its_own_is_refused(real, tmp_path):
    idx_folder("")(tmp_path / "train", *real)
    refused(tmp_path, "train holds a training and a test part of its own")


def test_what_is_not_read_is_said(real, tmp_path):
    csv_folder("train.csv", "test.csv")(tmp_path, *real)
    write_csv(tmp_path / "extra.csv", *real)
    assert "extra.csv left out" in read_source(tmp_path).origin
    class_folders(str)(tmp_path / "set", *real)
    write_csv(tmp_path / "set" / "more.csv", *real)
    assert "more.csv left out" in read_source(tmp_path / "set").origin


def test_some_images_on_white_paper_are_said(real, tmp_path):
    images, labels = real
    images[:5] = 255 - images[:5]
    assert "images on white paper, inverted: 5" in read_source(npz("images", "labels")(tmp_path, images, labels)).origin
    labels[:5] = (labels[:5] + 1) % 10
    data = read_source(npz("images", "labels")(tmp_path, images, labels))
    assert "images with bright borders: 5; are they on white paper?" in data.origin


@pytest.mark.parametrize(("levels", "kind"), [(1, np.uint8), (15, np.int64), (16, np.uint8)])
@pytest.mark.parametrize("invert", [False, True])
def test_pixels_of_a_small_range_are_scaled(levels, kind, invert, real, tmp_path):
    images, labels = real
    small = np.rint(images / 255 * levels).astype(kind)
    data = read_source(npz("images", "labels")(tmp_path, levels - small if invert else small, labels))
    assert f"its pixels from 0 to {levels} were scaled to 0 to 255" in data.origin
    assert ("images on white paper, inverted: 30" in data.origin) == invert
    assert data.train_images.max() == 255
    assert data.train_images[:, 0].max() == 0


def test_a_table_takes_the_images_of_its_part(real, tmp_path):
    images, labels = real
    for name, part in (("train", slice(20)), ("test", slice(20, 30))):
        (tmp_path / name).mkdir()
        rows = ["filename,label"]
        for number, (image, label) in enumerate(zip(images[part], labels[part], strict=True)):
            Image.fromarray(image).save(tmp_path / name / f"{number}.png")
            rows.append(f"{number}.png,{label}")
        (tmp_path / f"{name}.csv").write_text("\n".join(rows))
    data = read_source(tmp_path)
    np.testing.assert_array_equal(data.train_images, images[:20])
    np.testing.assert_array_equal(data.test_images, images[20:])
    (tmp_path / "train.csv").rename(tmp_path / "mine.csv")
    (tmp_path / "test.csv").unlink()
    refused(tmp_path, "mine.csv: 0.png is in test and train: name the folder")


@pytest.mark.parametrize(
    ("head", "row", "said"),
    [
        ("filename,label", "{},-3", "line 2: '-3' is no label"),
        ("filename,label", "{},not 3", "'not 3' is no label"),
        ("filename,label", "{},3.5", "'3.5' is no label"),
        ("filename,label", "{},10", "'10' is no label"),
        ("filename,label", "{},-1", "names no image with a label"),
        ("filename,label,class", "{},3,3", "more than one column could be"),
        ("filename,width,height", "{},28,28", "has no labels"),
        ("filename,label", '"{},3', "no CSV file of files and labels"),
        ("filename,label", "{}," + "9" * 200_000, "no CSV file of files and labels"),
        ("filename,label", "{},3\na\0.png,3", "no CSV file of files and labels"),
    ],
)
def test_a_table_whose_labels_are_none(head, row, said, real, tmp_path):
    path = table_of_files(tmp_path, *real)
    path.write_text(f"{head}\n{row.format('images/0000.png')}\n")
    refused(path, "labels.csv", said)


@pytest.mark.parametrize(
    "text",
    ["filepath;digit\nimages\\0000.png;5\nimages\\0001.png;0", "images/0000.png,5\nimages/0001.png,zero",
     "id,img,target\n1,images/0000.png,5.0\n2,images/0001.png,0.0"],
)  # fmt: skip
def test_tables_as_people_write_them(text, real, tmp_path):
    path = table_of_files(tmp_path, *real)
    path.write_text(text)
    data = read_source(path)
    assert sorted([*data.train_labels, *data.test_labels]) == [0, 5]


def test_digits_in_folders_of_writers_are_refused(real, tmp_path):
    for writer in range(3):
        class_folders(str)(tmp_path / f"writer{writer}", *real)
    refused(tmp_path, "writer0 and folders in it are named after digits: which one is the class?")


def test_a_table_says_more_than_the_names_of_folders(real, tmp_path):
    path = table_of_files(tmp_path, *real)
    (tmp_path / "images").rename(tmp_path / "fold1")
    path.write_text(path.read_text().replace("images/", "fold1/"))
    assert sorted(np.unique(read_source(tmp_path).train_labels)) == sorted(np.unique(real[1]))


def test_a_file_that_holds_both_parts_is_read_once(real, tmp_path):
    write_csv(tmp_path / "mnist_train_test.csv", *real)
    data = read_source(tmp_path)
    assert len(data.train_labels) + len(data.test_labels) == 30


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("X_train", "x_train", "y_train"), "both X_train and x_train could be the images"),
        (("train_images", "labels_of"), "has train_images but no labels"),
        (("y",), "holds y"),
        (("X", "y", "y_test"), "has y_test but no images"),
    ],
)
def test_keys_that_are_ambiguous_or_missing(keys, said, real, tmp_path):
    np.savez(tmp_path / "x.npz", **{key: real["y" in key or "labels" in key] for key in keys})
    refused(tmp_path / "x.npz", "x.npz", said)


def test_arrays_that_are_not_read_are_said(real, tmp_path):
    np.savez(tmp_path / "x.npz", X=real[0], y=real[1], writers=real[1])
    assert "its arrays writers left out" in read_source(tmp_path / "x.npz").origin


@pytest.mark.parametrize(
    ("change", "said"),
    [(lambda x: x.transpose(0, 2, 1), "validation part: its images were transposed"),
     (lambda x: 255 - x, "validation part: images on white paper, inverted: 30"),
     (lambda x: x / 255, "validation part: its floats from 0 to 1 were scaled")],
    ids=["transposed", "white", "floats"],
)  # fmt: skip
def test_images_to_validate_on_are_put_right_on_their_own(change, said, real, tmp_path):
    images, labels = real
    np.savez(tmp_path / "x.npz", x_train=images, y_train=labels, x_val=change(images), y_val=labels)
    data = read_source(tmp_path / "x.npz")
    assert said in data.origin
    together = np.concatenate([data.train_images, data.test_images])
    assert sorted(image.tobytes() for image in together) == sorted(image.tobytes() for image in [*images, *images])


def test_loose_images_beside_the_classes_are_said(real, tmp_path):
    class_folders(str)(tmp_path, *real)
    Image.fromarray(real[0][0]).save(tmp_path / "sheet.png")
    assert "sheet.png left out" in read_source(tmp_path).origin
