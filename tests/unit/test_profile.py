"""A profile that overlooks what is wrong with the data lets it into the model."""

import dataclasses

import numpy as np
import pytest

from tenfold.data.preprocessing import flatten, one_hot, preprocess, save, scale_pixels
from tenfold.data.profile import profile
from tenfold.errors import UsageError


def test_mnist_is_what_its_authors_say(mnist):
    found = profile(mnist)
    assert found.train.counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert found.test.counts.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    # The mean and the standard deviation that every tutorial standardizes with, here with their source: the pixels.
    assert found.pixel_mean == pytest.approx(0.1307, abs=5e-5)
    assert found.pixel_spread == pytest.approx(0.3081, abs=5e-5)
    assert found.overlap == []
    assert found.ink_mean.argmin() == 1
    assert found.ink_mean.argmax() == 0


def test_what_is_wrong_is_found(small):
    train, labels = small.train_images.copy(), small.train_labels.copy()
    train[10] = train[3]
    labels[10] = (labels[3] + 1) % 10
    train[20] = 0
    train[30] = 255
    train[40] = small.test_images[7]
    found = profile(dataclasses.replace(small, train_images=train, train_labels=labels))
    assert [3, 10] in found.train.duplicates
    assert [3, 10] in found.train.contradictions
    assert 20 in found.train.blank
    assert found.train.outlying[0] == 30
    assert (40, 7) in found.overlap


def test_a_set_with_a_class_missing_is_profiled_too(small):
    keep = small.train_labels != 4
    found = profile(
        dataclasses.replace(small, train_images=small.train_images[keep], train_labels=small.train_labels[keep])
    )
    assert found.train.counts[4] == 0
    assert found.train.balance == 0
    assert np.isfinite(found.ink_mean).all()


def test_preprocessing_makes_what_the_network_takes(mnist):
    ready = preprocess(mnist)
    assert ready.train_images.shape == (48_000, 784)
    assert ready.validation_images.shape == (12_000, 784)
    assert ready.test_images.shape == (10_000, 784)
    assert (ready.train_images.dtype, ready.train_images.min(), ready.train_images.max()) == (np.float32, 0, 1)
    assert (ready.train_labels.sum(1) == 1).all()
    shares = [labels.mean(0) for labels in (ready.train_labels, ready.validation_labels)]
    assert np.abs(shares[0] - shares[1]).max() < 1e-4


def test_nothing_is_lost_on_the_way(small):
    images = small.train_images[:50]
    assert np.array_equal((flatten(scale_pixels(images)) * 255).round().reshape(-1, 28, 28), images)
    assert np.array_equal(one_hot(small.train_labels).argmax(1), small.train_labels)


def test_a_split_by_writer_keeps_writers_apart(small):
    writers = np.arange(2000) // 40
    ready = preprocess(small, 0.2, 0, writers)
    both = {image.tobytes() for image in ready.train_images} & {image.tobytes() for image in ready.validation_images}
    assert len(ready.validation_images) == 400
    assert not both
    with pytest.raises(UsageError, match="one for each"):
        preprocess(small, 0.2, 0, writers[:-1])


def test_saved_arrays_come_back(small, tmp_path):
    ready = preprocess(small)
    with np.load(save(ready, tmp_path / "ready.npz")) as loaded:
        assert all(np.array_equal(loaded[name], array) for name, array in vars(ready).items())
    with pytest.raises(UsageError, match="must end in"):
        save(ready, tmp_path / "ready.csv")
