"""If these fail, arrays become a data set of other images, other labels or other classes than were given."""

import numpy as np
import pytest

from tenfold import Dataset, TenfoldError
from tenfold.errors import FormatError


def signs(count, classes=3):
    generator = np.random.default_rng(0)
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 4:24, 4:24] = generator.integers(0, 256, (count, 20, 20))
    return images, np.arange(count) % classes


def test_names_are_sorted_classes_and_images_are_kept():
    images, numbers = signs(21)
    names = np.array(["gamma", "alpha", "beta"])[numbers]
    data = Dataset.from_arrays(images, names, images[:3], names[:3], name="signs")
    assert (data.name, data.class_names, data.classes) == ("signs", ("alpha", "beta", "gamma"), 3)
    np.testing.assert_array_equal(data.train_images, images)
    np.testing.assert_array_equal(np.array(data.class_names)[data.train_labels], names)
    assert data.test_labels.tolist() == [2, 0, 1]
    assert data.train_labels.dtype == np.uint8


def test_integers_are_classes_of_their_own_or_indices():
    images, numbers = signs(21)
    alone = Dataset.from_arrays(images, 10 * numbers)
    assert alone.class_names == ("0", "10", "20")
    indexed = Dataset.from_arrays(images, numbers.tolist(), class_names=["a", "b", "c", "d"])
    assert indexed.class_names == ("a", "b", "c", "d")
    assert set(indexed.train_labels.tolist()) == {0, 1, 2}
    with pytest.raises(FormatError, match="label 10 of image 1 is not one of the classes"):
        Dataset.from_arrays(images, 10 * numbers, class_names=tuple("0123456789"))


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda images: images.reshape(-1, 784), ""),
        (lambda images: images[..., None], ""),
        (lambda images: images / 255, "floats from 0 to 1"),
        (lambda images: images / 127.5 - 1, "floats from -1 to 1"),
        (lambda images: images.astype(np.int64).tolist(), ""),
    ],
)
def test_shapes_and_ranges_that_people_have_are_the_same_images(change, note):
    images, numbers = signs(12)
    data = Dataset.from_arrays(change(images), numbers[:, None], images[:3], numbers[:3])
    np.testing.assert_array_equal(data.train_images, images)
    assert note in data.origin


def test_without_a_test_part_a_seventh_of_each_class_is_held_out():
    images, numbers = signs(42)
    data = Dataset.from_arrays(images, numbers)
    assert np.bincount(data.test_labels).tolist() == [2, 2, 2]
    assert len(data.train_labels) == 36
    assert "6 of 42 images" in data.origin


def test_a_thousand_classes_fit_and_one_more_does_not():
    images, numbers = signs(1001, classes=1001)
    data = Dataset.from_arrays(images[:1000], numbers[:1000], images[:1000], numbers[:1000])
    assert (data.classes, data.train_labels.dtype, data.train_labels.max()) == (1000, np.uint16, 999)
    with pytest.raises(FormatError, match="1001 class names; a data set has 2 to 1,000 classes"):
        Dataset.from_arrays(images, numbers, images, numbers)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda x, y: (x, np.zeros(12, int)), "1 class names; a data set has 2 to 1,000"),
        (lambda x, y: (x, y / 2), r"labels are names or integers \[N\], not float64\[12\]"),
        (lambda x, y: (x, y[:5]), "12 images but 5 labels"),
        (lambda x, y: (x[:, :20], y), r"not uint8\[12,20,28\]"),
        (lambda x, y: (x * 2.0, y), "pixels|images are 0"),
        (lambda x, y: (x, y, x[:3]), "labels without images: give both"),
        (lambda x, y: (x, [None] * 12), r"labels are names or integers"),
    ],
)
def test_what_would_be_misread_is_refused(arguments, message):
    images, numbers = signs(12)
    with pytest.raises(TenfoldError, match=message):
        Dataset.from_arrays(*arguments(images, numbers))


def test_a_label_of_the_test_part_that_is_no_class_is_named():
    images, numbers = signs(12)
    with pytest.raises(FormatError, match="test part: label 'd' of image 1 is not one of the classes"):
        Dataset.from_arrays(images, numbers, images[:2], np.array(["a", "d"]), class_names=["a", "b", "c"])


def test_dim_integers_are_scaled_and_said():
    images, numbers = signs(12)
    for most in (1, 16):
        dim = np.rint(images / 255 * most).astype(np.int64)
        data = Dataset.from_arrays(dim, numbers, dim, numbers)
        np.testing.assert_array_equal(data.train_images, np.rint(dim * (255 / most)))
        assert f"its pixels from 0 to {most} were scaled to 0 to 255" in data.origin


def test_unsigned_and_signed_labels_are_the_same_classes():
    images, numbers = signs(12)
    data = Dataset.from_arrays(images, numbers.astype(np.uint64), images, numbers.astype(np.int64))
    assert data.class_names == ("0", "1", "2")
    np.testing.assert_array_equal(data.train_labels, data.test_labels)


@pytest.mark.parametrize("names", ["a,b", {"a", "b", "c"}, [0, 1, 2], range(3), ["a", "", "b"]])
def test_names_that_could_mean_other_classes_are_refused(names):
    images, numbers = signs(12)
    with pytest.raises(FormatError, match="class names are a list of names"):
        Dataset.from_arrays(images, numbers, class_names=names)


def test_other_class_names_have_another_digest():
    images, numbers = signs(12, classes=2)
    first, second = (
        Dataset.from_arrays(images, numbers, images, numbers, class_names=names) for names in (["a", "b"], ["b", "a"])
    )
    assert first.digest != second.digest


def test_dark_ink_on_white_paper_is_refused():
    images, numbers = signs(12)
    with pytest.raises(FormatError, match="nearly all images have bright borders: give 255 - images"):
        Dataset.from_arrays(255 - images, numbers)
