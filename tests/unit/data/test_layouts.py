"""Each layout that people have gives the images and labels that were put into it, and what was done is said."""

from pathlib import Path

import numpy as np
import pytest

from tenfold.data import load_dataset
from tenfold.data.formats import read_images, read_source
from tenfold.errors import DataError, FormatError
from tests.unit.data.layouts import HEADER, LAYOUTS, halves, idx_folder, npz, write_csv


@pytest.fixture(scope="module")
def real(mnist):
    """A hundred training digits, ten of each class."""
    chosen = np.concatenate([np.flatnonzero(mnist.train_labels == digit)[:10] for digit in range(10)])
    chosen = chosen.reshape(10, 10).T.ravel()
    return np.array(mnist.train_images[chosen]), np.array(mnist.train_labels[chosen])


def pairs(images, labels):
    return sorted((int(label), image.tobytes()) for image, label in zip(images, labels, strict=True))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.shown)
def test_every_layout_gives_what_was_put_in(layout, real, tmp_path):
    data = load_dataset(layout.make(tmp_path, *real))
    assert layout.said in data.origin
    together = pairs(
        np.concatenate([data.train_images, data.test_images]), np.concatenate([data.train_labels, data.test_labels])
    )
    assert together == pairs(*real)
    if layout.parts:
        assert pairs(data.test_images, data.test_labels) == pairs(*halves(*real)[1])
    else:
        assert "it has no test part" in data.origin


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_images_in_every_orientation_are_upright_afterwards(turns, mirrored, real, tmp_path):
    images, labels = real
    turned = np.rot90(images[:, :, ::-1] if mirrored else images, turns, (1, 2))
    data = load_dataset(npz("images", "labels")(tmp_path, turned, labels))
    assert ("its images were" in data.origin) == bool(turns or mirrored)
    found = np.concatenate([data.train_images, data.test_images])
    assert pairs(found, np.concatenate([data.train_labels, data.test_labels])) == pairs(*real)


def test_the_readme_of_data_shows_every_layout():
    page = (Path(__file__).parents[3] / "docs" / "guides" / "own-data.md").read_text()
    assert all(f"| {layout.shown} | {layout.done} |" in page for layout in LAYOUTS)


def test_one_class_alone_is_pointed_at(real, tmp_path):
    images, _ = real
    data = read_source(write_csv(tmp_path / "threes.csv", images, np.full(100, 3, np.uint8), header=HEADER))
    assert "all its labels are 3: is this column or folder the label?" in data.origin


def test_labels_of_other_images_are_pointed_at(real, tmp_path):
    images, labels = real
    data = read_source(npz("images", "labels")(tmp_path, images, np.roll(labels, 3)))
    assert "are these the labels of other images?" in data.origin


def test_images_without_ink_are_left_out_and_counted(real, tmp_path):
    images, labels = real
    images = images.copy()
    images[[3, 40]] = 0
    data = read_source(idx_folder("")(tmp_path, images, labels))
    assert len(data.train_labels) + len(data.test_labels) == 98
    assert "images without ink, left out: 1; test part: images without ink, left out: 1" in data.origin


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (lambda x: (x / 255 - 0.13) / 0.31, "not -0.41"),
        (lambda x: np.full(x.shape, np.nan), "not nan to nan"),
        (lambda x: x.astype(np.int32) - 5, "pixels are 0 to 255, not -5"),
        (lambda x: x.astype(str), "images are numbers"),
    ],
)
def test_pixels_of_no_known_range_are_refused(values, said, real, tmp_path):
    with pytest.raises(FormatError, match=said):
        read_source(npz("images", "labels", form=values)(tmp_path, *real))


def test_rows_that_are_not_one_hot_are_named(real, tmp_path):
    wrong = np.eye(10)[real[1]]
    wrong[7] = 0
    with pytest.raises(FormatError, match="row 7 is not one-hot: it marks 0 classes"):
        read_source(npz("images", "labels", labels_as=lambda _: wrong)(tmp_path, *real))


def test_a_label_that_could_be_either_column_is_asked_for(tmp_path):
    images = np.random.default_rng(0).integers(0, 10, (40, 28, 28), dtype=np.uint8)
    path = write_csv(tmp_path / "two.csv", images, np.arange(40, dtype=np.uint8) % 10)
    with pytest.raises(FormatError, match=r"columns 1, 2, 3, \.\.\. could all be the label"):
        read_source(path)


def test_two_folders_of_one_digit_are_refused(real, tmp_path):
    idx = real[0][0]
    from PIL import Image

    for name in ("3", "three"):
        (tmp_path / name).mkdir()
        Image.fromarray(idx).save(tmp_path / name / "a.png")
    with pytest.raises(FormatError, match="are both of the digit 3"):
        read_source(tmp_path)


def test_a_table_may_not_name_files_outside_its_folder(real, tmp_path):
    folder = tmp_path / "table"
    folder.mkdir()
    (folder / "labels.csv").write_text("filename,label\n../secret.png,3\n")
    with pytest.raises(FormatError, match=r"line 2: \.\./secret\.png lies outside"):
        read_source(folder / "labels.csv")


def test_images_to_predict_need_no_labels(real, tmp_path):
    images, labels = real
    unlabeled = write_csv(tmp_path / "test.csv", images, None, header=",".join(f"pixel{i}" for i in range(784)))
    for path in (unlabeled, write_csv(tmp_path / "labeled.csv", images, labels), npz("x_test", "y")(tmp_path, *real)):
        names, found, _ = read_images(path)
        assert np.array_equal(found, images)
        assert names[:2] == ["1", "2"]
    assert np.array_equal(read_images(npz("images", "y", form=lambda x: 255 - x)(tmp_path, *real))[1], images)


def test_a_path_in_the_users_folder(real, tmp_path, monkeypatch):
    write_csv(tmp_path / "mine.csv", *real)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert len(load_dataset("~/mine.csv").train_labels) == 86
    assert len(read_images(Path("~/mine.csv"))[1]) == 100
    with pytest.raises(DataError, match=r"no file or folder ~nobody/mine\.csv"):
        load_dataset("~nobody/mine.csv")
