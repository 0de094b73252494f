"""If these fail, Keras's mnist.npz can't be read, or a file from an untrusted source runs code."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenfold.data.npz_file import read_npz
from tenfold.errors import FormatError


def save(path: Path, **arrays) -> Path:
    np.savez(path, **arrays)
    return path


def test_keras_layout(digits, tmp_path: Path) -> None:
    images, labels = digits(20)
    path = save(
        tmp_path / "a.npz",
        x_train=images[:15],
        y_train=labels[:15],
        x_test=images[15:],
        y_test=labels[15:],
        extra=np.eye(2),
    )
    parts, _ = read_npz(path)
    np.testing.assert_array_equal(parts["train"].images, images[:15])
    np.testing.assert_array_equal(parts["test"].labels, labels[15:])


@pytest.mark.parametrize("shape", [(-1, 28, 28), (-1, 784), (-1, 28, 28, 1), (-1, 1, 28, 28)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_images_and_labels_in_the_usual_shapes_and_types(digits, tmp_path: Path, shape, dtype) -> None:
    images, labels = digits(10)
    parts, _ = read_npz(
        save(tmp_path / "a.npz", images=images.reshape(shape).astype(dtype), labels=labels.astype(dtype))
    )
    np.testing.assert_array_equal(parts["train"].images, images)
    assert parts["train"].images.dtype == np.uint8
    assert list(parts) == ["train"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": None}, "has images but no labels"),
        ({"images": None}, "holds labels: save it with"),
        ({"images": np.linspace(0, 7, 5 * 784).reshape(5, 28, 28)}, "from -1 to 1, not 0 to 7"),
        ({"images": np.zeros((5, 32, 32), np.uint8)}, r"not uint8\[5,32,32\]"),
        ({"images": np.full((5, 28, 28), 300)}, "pixels are 0 to 255, not 300 to 300"),
        ({"images": np.full((5, 28, 28), -1)}, "not -1 to -1"),
        ({"images": np.zeros((4, 28, 28), np.uint8)}, "4 images but 5 labels"),
        ({"images": np.zeros((0, 28, 28), np.uint8)}, "no image"),
        ({"labels": np.array([0, 1, 2, 12, 3])}, "label 12 of image 3"),
        ({"labels": np.array([0, 1, 2, 261, 3])}, "label 261 of image 3"),
        ({"labels": np.array([0, 1, -2, 1, 3])}, "label -2 of image 2"),
        ({"labels": np.eye(5)}, r"integers\[N\], not int64\[5,5\]"),
    ],
)
def test_each_fault_is_named(tmp_path: Path, change, message: str) -> None:
    arrays = {"images": np.zeros((5, 28, 28), np.uint8), "labels": np.arange(5), **change}
    path = save(tmp_path / "a.npz", **{key: array for key, array in arrays.items() if array is not None})
    with pytest.raises(FormatError, match=r"a\.npz.*" + message):
        read_npz(path)


class Evil:
    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.array([Evil()], dtype=object), labels=np.zeros(1), allow_pickle=True)
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Evil()))
    for name in ("a.npz", "b.npz"):
        with pytest.raises(FormatError, match=r"not an \.npy or \.npz file"):
            read_npz(tmp_path / name)


def test_a_single_array_is_no_npz(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 28, 28), np.uint8))
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(FormatError, match="a single array, not an npz"):
        read_npz(tmp_path / "a.npz")


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_read_or_refused(tmp_path: Path, digits, data: st.DataObject) -> None:
    images, labels = digits(2)
    content = bytearray(save(tmp_path / "a.npz", images=images, labels=labels).read_bytes())
    headers = st.integers(0, 160) | st.integers(len(content) - 400, len(content) - 1)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(headers)] = data.draw(st.integers(0, 255))
    (tmp_path / "b.npz").write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    try:
        read_npz(tmp_path / "b.npz")
    except FormatError as error:
        message = str(error)
    else:
        return
    assert "b.npz" in message


def test_an_npz_that_would_fill_the_memory_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch) -> None:
    from tenfold.data import npz_file

    monkeypatch.setattr(npz_file, "LARGEST", 1_000_000)
    np.savez_compressed(tmp_path / "bomb.npz", images=np.zeros((2000, 28, 28), np.uint8), labels=np.zeros(2000, int))
    with pytest.raises(FormatError, match="unpack to 0 GB, more than 0"):
        read_npz(tmp_path / "bomb.npz")
