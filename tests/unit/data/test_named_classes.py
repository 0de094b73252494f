"""If these fail, images of one's own symbols are refused, mixed up, or read as digits."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tenfold import load_dataset
from tenfold.errors import FormatError, UsageError

NAMES = ("alpha", "beta", "gamma")


@pytest.fixture
def symbols(tmp_path):
    """Seven images of each of three symbols, dark on white."""
    shapes = {
        "alpha": [(20, 80), (50, 10), (80, 80)],
        "beta": [(20, 20), (80, 80)],
        "gamma": [(80, 20), (20, 20), (20, 90)],
    }
    for name, points in shapes.items():
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(7):
            image = Image.new("L", (100, 100), 255)
            ImageDraw.Draw(image).line([(x + number, y) for x, y in points], fill=0, width=9)
            image.save(tmp_path / "set" / name / f"{number}.png")
    return tmp_path / "set"


def test_a_folder_for_each_name_is_a_class_in_the_given_order(symbols):
    data = load_dataset(symbols, class_names=("gamma", "alpha", "beta"))
    assert data.class_names == ("gamma", "alpha", "beta")
    assert np.bincount(np.concatenate([data.train_labels, data.test_labels])).tolist() == [7, 7, 7]
    assert data.train_images[0, 0, 0] == 0, "ink is bright"
    assert "held out" in data.origin
    # The same images under the same names, whatever the order of these.
    other = load_dataset(symbols, class_names=NAMES)
    of = lambda found, name: found.train_images[found.train_labels == found.class_names.index(name)].sum()  # noqa: E731
    assert [of(data, name) for name in NAMES] == [of(other, name) for name in NAMES]


def test_parts_are_found_and_other_folders_named(symbols):
    (symbols.parent / "parts").mkdir()
    symbols.rename(symbols.parent / "parts" / "train")
    test = symbols.parent / "parts" / "test"
    for name in NAMES:
        (test / name).mkdir(parents=True)
        (symbols.parent / "parts" / "train" / name / "0.png").rename(test / name / "0.png")
    (test / "delta").mkdir()
    (test / "alpha" / "notes.txt").write_text("no image")
    data = load_dataset(symbols.parent / "parts", class_names=NAMES)
    assert (len(data.train_labels), data.test_labels.tolist()) == (18, [0, 1, 2])
    assert "files in test that are no images, left out: 1" in data.origin
    assert "folders that are not one of the classes, left out: delta" in data.origin


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("alpha", "beta", "delta"), "has no folder 'delta' for the class of that name; it holds alpha, beta, gamma"),
        (("alpha",), "1 class names; a data set has 2 to 1,000"),
        (("alpha", "alpha"), "two classes are named 'alpha'"),
    ],
)
def test_names_without_folders_are_refused(symbols, names, message):
    with pytest.raises(FormatError, match=message):
        load_dataset(symbols, class_names=names)


def test_an_empty_class_and_a_file_are_refused(symbols, tmp_path):
    (symbols / "empty").mkdir()
    with pytest.raises(FormatError, match="empty has no images"):
        load_dataset(symbols, class_names=(*NAMES, "empty"))
    (tmp_path / "table.csv").write_text("label,pixel0\n")
    with pytest.raises(FormatError, match="is a file; classes with names are read from a folder"):
        load_dataset(tmp_path / "table.csv", class_names=NAMES)


def test_a_class_may_have_the_name_of_a_part(symbols):
    (symbols / "alpha").rename(symbols / "train")
    data = load_dataset(symbols, class_names=("train", "beta", "gamma"))
    assert len(data.train_labels) + len(data.test_labels) == 21


def test_without_names_symbols_are_still_refused_as_digits(symbols):
    with pytest.raises(FormatError, match=r"supported are .*--class-names alpha,beta, or in Python class_names="):
        load_dataset(symbols)


def test_a_known_data_set_keeps_its_names():
    with pytest.raises(UsageError, match="mnist has class names of its own"):
        load_dataset("mnist", class_names=NAMES)
