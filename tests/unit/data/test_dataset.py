"""If these fail, a set that is not what it says reaches training, and the error comes later, or never."""

from pathlib import Path

import numpy as np
import pytest

from tenfold.data import Dataset
from tenfold.errors import FormatError


def make(digits, **changes) -> Dataset:
    images, labels = digits(20)
    fields = {
        "name": "mine",
        "train_images": images[:15],
        "train_labels": labels[:15],
        "test_images": images[15:],
        "test_labels": labels[15:],
        "origin": "a test",
    }
    return Dataset(**{**fields, **changes})


def test_a_sound_set_is_taken(digits) -> None:
    dataset = make(digits, train_writers=np.arange(15), test_writers=np.arange(5, dtype=np.int16))
    assert dataset.class_names == tuple("0123456789")


def test_memory_maps_are_taken(digits, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", digits(15)[0])
    make(digits, train_images=np.load(tmp_path / "images.npy", mmap_mode="r"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_images": np.zeros((15, 28, 28), np.float32)},
            r"mine, training part: images are .* not float32\[15,28,28\]",
        ),
        ({"train_images": np.zeros((15, 784), np.uint8)}, r"not uint8\[15,784\]"),
        ({"test_images": np.zeros((5, 32, 32), np.uint8)}, r"test part: .* not uint8\[5,32,32\]"),
        ({"test_images": np.zeros((0, 28, 28), np.uint8), "test_labels": np.zeros(0, np.uint8)}, "no image"),
        ({"train_labels": np.zeros(14, np.uint8)}, "15 images but 14 labels"),
        ({"train_labels": np.zeros(15, np.int64)}, r"labels are uint8\[N\], not int64\[15\]"),
        ({"train_labels": np.zeros((15, 1), np.uint8)}, r"not uint8\[15,1\]"),
        ({"test_labels": np.array([0, 1, 10, 2, 3], np.uint8)}, "label 10 of image 2 is not 0 to 9"),
        ({"class_names": ("a",)}, "1 class names; a data set has 2 to 1,000 classes"),
        ({"class_names": (*"012345678", "0")}, "two classes are named '0'"),
        ({"class_names": tuple("012345678")}, "label 9 of image 9 is not 0 to 8"),
        ({"train_writers": np.zeros(14, np.int32)}, "15 images but 14 writers"),
        ({"train_writers": np.zeros(15)}, "writers are integers"),
    ],
)
def test_each_fault_is_named(digits, changes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        make(digits, **changes)
