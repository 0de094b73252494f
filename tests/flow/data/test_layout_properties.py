"""Whatever images and labels are written in a layout are loaded again, and whatever is done to its bytes is loaded or
refused with a word: never something else."""

import gzip
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.data import Dataset
from tenfold.data.dataset import DatasetPart
from tenfold.data.formats import read_source
from tenfold.data.npz_file import read_npz
from tenfold.data.preprocessing import preprocess, save
from tenfold.errors import FormatError
from tenfold.ink.normalize import has_mnist_form
from tests.unit.data.layouts import class_folders, idx_folder, npz, one_csv, one_hot, table_of_files

# Quicker than pytest's own folders, which hypothesis would share between its examples.
FOLDERS = "/dev/shm" if Path("/dev/shm").is_dir() else None
KEYS = [("images", "labels"), ("X", "y"), ("x_train", "y_train"), ("train_images", "train_labels")]
NPZ = st.builds(
    lambda keys, form, labels_as: npz(*keys, form=form, labels_as=labels_as),
    st.sampled_from(KEYS),
    st.sampled_from([
        lambda x: x, lambda x: x.astype(np.int64), lambda x: x / 255, lambda x: (x / 255).astype(np.float32),
        lambda x: x / 127.5 - 1, lambda x: x.astype(float), lambda x: x.reshape(len(x), 784), lambda x: x[..., None],
        lambda x: x[:, None],
    ]),
    st.sampled_from([lambda y: y, one_hot, lambda y: y.astype(np.int64)[:, None], lambda y: y.astype(float)]),
)  # fmt: skip
CSV = st.integers(0, 784).map(
    lambda place: one_csv(place, ",".join([*map(str, range(place)), "label", *map(str, range(place, 784))]))
)
FOLDER = st.builds(
    class_folders,
    st.sampled_from([str, "digit_{}".format, "{0} - class {0}".format, "No. {}".format]),
    suffix=st.sampled_from([".png", ".bmp", ".tif", ".pgm", ".gif"]),
)
IDX = st.builds(idx_folder, st.sampled_from(["", "raw", "MNIST/raw", "a/b/c"]))
LAYOUTS = st.one_of(NPZ, CSV, FOLDER, IDX, st.just(table_of_files))
CHOSEN = st.lists(st.integers(0, 999), min_size=4, max_size=40, unique=True)


@pytest.fixture(scope="module")
def thousand(mnist):
    """Of MNIST's form, which class folders keep as they are; one in a thousand of MNIST's own images lacks it."""
    kept = np.flatnonzero(has_mnist_form(np.array(mnist.train_images[:1100])))[:1000]
    return np.array(mnist.train_images[kept]), np.array(mnist.train_labels[kept])


def written(make, images, labels):
    """What read_source makes of it, in a folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(dir=FOLDERS))
    try:
        return read_source(make(folder, images, labels))
    finally:
        shutil.rmtree(folder)


@given(LAYOUTS, CHOSEN)
@settings(max_examples=60)
def test_what_was_written_is_loaded(thousand, make, chosen):
    images, labels = (array[chosen] for array in thousand)
    data = written(make, images, labels)
    found = zip(
        np.concatenate([data.train_labels, data.test_labels]).tolist(),
        np.concatenate([data.train_images, data.test_images]),
        strict=True,
    )
    assert sorted((label, image.tobytes()) for label, image in found) == sorted(
        (label, image.tobytes()) for label, image in zip(labels.tolist(), images, strict=True)
    )


@given(LAYOUTS, st.data())
@settings(max_examples=60)
def test_damage_is_loaded_or_refused(thousand, make, data):
    def damaged(folder, images, labels):
        path = make(folder, images, labels)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        file = files[data.draw(st.integers(0, len(files) - 1))]
        content = bytearray(file.read_bytes())
        at = data.draw(st.integers(0, len(content)))
        if data.draw(st.booleans()):
            del content[at:]
        else:
            content[at : at + 1] = data.draw(st.binary(max_size=4))
        file.write_bytes(gzip.compress(content) if data.draw(st.booleans()) else content)
        return path

    images, labels = (array[:12] for array in thousand)
    try:
        found = written(damaged, images, labels)
    except FormatError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert len(found.train_labels) + len(found.test_labels) <= 12


@given(st.lists(st.integers(0, 999), min_size=30, max_size=60, unique=True), st.integers(0, 100),
       st.sampled_from([0.0, 0.2, 0.5]))  # fmt: skip
@settings(max_examples=15)
def test_preprocessed_arrays_are_loaded_as_they_were(thousand, chosen, seed, validation):
    images, labels = (array[chosen] for array in thousand)
    middle = len(labels) // 2
    parts = [DatasetPart(images[:middle], labels[:middle]), DatasetPart(images[middle:], labels[middle:])]
    try:
        data = preprocess(Dataset.of_parts(*parts, name="mine", origin=""), validation, seed=seed)
    except FormatError:  # Too few of a class to split.
        return
    folder = Path(tempfile.mkdtemp(dir=FOLDERS))
    try:
        parts, _ = read_npz(save(data, folder / "ready.npz"))
    finally:
        shutil.rmtree(folder)
    train = np.concatenate([part.images for name, part in parts.items() if name != "test"])
    assert sorted(image.tobytes() for image in train) == sorted(image.tobytes() for image in images[:middle])
    np.testing.assert_array_equal(parts["test"].images, images[middle:])
    np.testing.assert_array_equal(parts["test"].labels, labels[middle:])
