"""If these fail, validation is not what it says: a class is missing from it, it changes from run to run, or the same
hand is on both sides."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tenfold.data import stratified_split, writer_split
from tenfold.errors import UsageError

label_arrays = hnp.arrays(np.uint8, st.integers(1, 120), elements=st.integers(0, 9))


def test_mnist_splits_into_48000_and_12000() -> None:
    labels = np.random.default_rng(0).integers(0, 10, 60_000).astype(np.uint8)
    train, validation = stratified_split(labels, 0.2, 0)
    assert (len(train), len(validation)) == (48_000, 12_000)
    assert train.dtype == validation.dtype == np.int64
    shares = np.bincount(labels[validation]) - 0.2 * np.bincount(labels)
    assert np.abs(shares).max() < 1


@given(label_arrays, st.floats(0, 0.9), st.integers(0, 5))
def test_a_stratified_split_is_a_partition_with_each_class_in_proportion(labels, fraction: float, seed: int) -> None:
    size = round(fraction * len(labels))
    if size == len(labels):
        return
    train, validation = stratified_split(labels, fraction, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(len(labels)))
    assert len(validation) == size
    assert np.all(np.diff(train) > 0)
    assert np.all(np.diff(validation) > 0)
    wanted = np.bincount(labels, minlength=10) * size / len(labels)
    assert np.abs(np.bincount(labels[validation], minlength=10) - wanted).max() < 1


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    labels = (np.arange(1000) % 10).astype(np.uint8)
    first, again, other = (stratified_split(labels, 0.2, seed)[1] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_seed_means_the_same_on_every_machine_and_numpy() -> None:
    # Written down once; a stored recipe refers to these images.
    labels = (np.arange(50) % 10).astype(np.uint8)
    assert stratified_split(labels, 0.2, 0)[1].tolist() == [2, 3, 11, 15, 17, 20, 39, 44, 46, 48]
    assert writer_split(np.arange(50) // 4, 0.2, 0)[1].tolist() == [12, 13, 14, 15, 44, 45, 46, 47, 48, 49]


def test_a_fraction_of_zero_leaves_validation_empty() -> None:
    for split in (stratified_split, writer_split):
        train, validation = split(np.arange(10), 0, 0)
        assert len(validation) == 0
        np.testing.assert_array_equal(train, np.arange(10))


def test_a_class_of_one_image_stays_in_training() -> None:
    labels = np.array([0] * 30 + [1] * 30 + [2], np.uint8)
    for seed in range(20):
        _, validation = stratified_split(labels, 0.5, seed)
        assert 60 not in validation


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, float("nan"), float("inf")])
@pytest.mark.parametrize("split", [stratified_split, writer_split])
def test_a_fraction_out_of_range_is_a_usage_error(split, fraction: float) -> None:
    with pytest.raises(UsageError, match="at least 0 and below 1"):
        split(np.arange(10), fraction, 0)


@pytest.mark.parametrize("values", [np.zeros(0, np.uint8), np.zeros(3), np.zeros((2, 2), np.uint8)])
@pytest.mark.parametrize("split", [stratified_split, writer_split])
def test_what_can_not_be_split_is_a_usage_error(split, values) -> None:
    with pytest.raises(UsageError, match="to split by are integers"):
        split(values, 0.2, 0)


def test_a_split_that_leaves_nothing_to_train_on_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="leaves none of the 10 images"):
        stratified_split(np.arange(10), 0.99, 0)


def test_a_negative_seed_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="a seed is 0 or more"):
        stratified_split(np.arange(10), 0.2, -1)


@given(hnp.arrays(np.int16, st.integers(2, 60), elements=st.integers(-3, 8)), st.floats(0.01, 0.9), st.integers(0, 3))
def test_no_writer_is_on_both_sides_and_no_other_choice_is_nearer(writers, fraction: float, seed: int) -> None:
    counts = Counter(writers.tolist())
    size = round(fraction * len(writers))
    if len(counts) < 2 or size == len(writers):
        return
    train, validation = writer_split(writers, fraction, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(len(writers)))
    assert not set(writers[train]) & set(writers[validation])
    sums = {0}
    for count in counts.values():
        sums |= {total + count for total in sums}
    nearest = min(abs(total - size) for total in sums - {0, len(writers)})
    assert abs(len(validation) - size) == nearest


def test_one_writer_can_not_be_kept_apart_from_himself() -> None:
    with pytest.raises(UsageError, match="all images are by writer 7"):
        writer_split(np.full(10, 7), 0.2, 0)


def test_another_seed_holds_out_other_writers() -> None:
    writers = np.arange(600) // 6
    assert not np.array_equal(writer_split(writers, 0.2, 0)[1], writer_split(writers, 0.2, 1)[1])


def test_mnists_539_writers_split_exactly(ink_sets: Callable[..., Path]) -> None:
    name = "mnist_writers.npz"
    writers = np.load(ink_sets(name) / name)["train_writer"]
    train, validation = writer_split(writers, 0.2, 0)
    assert len(validation) == 12_000
    assert not set(writers[train]) & set(writers[validation])
    assert len(set(writers[validation])) > 60
