"""Splits into training and validation.

Both functions return sorted indices: training shuffles each epoch anyway, and sorted indices read a memory-mapped data
set sequentially.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import UsageError

Indices = NDArray[np.int64]


def stratified_split(labels: NDArray[np.integer[Any]], fraction: float, seed: int) -> tuple[Indices, Indices]:
    """Splits so that validation has the same class proportions as the whole.

    labels: integers[N]. fraction: share for validation, in [0, 1). Returns (train, validation), int64, sorted.
    Validation has round(fraction * N) images, and of each class its share rounded up or down (largest remainders). A
    class with a single image stays in training if another class can fill its place. The same labels, fraction and seed
    give the same split on every machine (PCG64). Raises `UsageError` for a fraction out of range or no labels.
    """
    labels = _integers(labels, "labels")
    size = _size(len(labels), fraction)
    return take_stratified(labels, size, seed)


def take_stratified(labels: NDArray[np.integer[Any]], size: int, seed: int) -> tuple[Indices, Indices]:
    """Same as `stratified_split`, with `size` images in the second part: 0 to N - 1."""
    classes, inverse = np.unique(labels, return_inverse=True)
    counts = np.bincount(inverse, minlength=len(classes))
    # Each image gets a random key, and the smallest keys of each class are selected. The stream of `random` is stable
    # across NumPy versions; those of `permutation` and `choice` are not.
    keys = _generator(seed).random(len(labels))
    taken = np.zeros(len(labels), dtype=bool)
    for index, share in enumerate(_shares(counts, size)):
        members = np.flatnonzero(inverse == index)
        taken[members[np.argsort(keys[members], kind="stable")[:share]]] = True
    return _two_parts(taken)


def writer_split(writers: NDArray[np.integer[Any]], fraction: float, seed: int) -> tuple[Indices, Indices]:
    """Splits so that no writer is in both parts: validation then measures accuracy on unseen writers.

    writers: integers[N], the writer of each image. fraction: share for validation, in [0, 1). Returns
    (train, validation), int64, sorted. Validation is as close to round(fraction * N) images as whole writers allow,
    with at least one writer in each part unless the fraction is 0. The same writers, fraction and seed give the same
    split. Raises `UsageError` for a fraction out of range, or for fewer than two writers.
    """
    writers = _integers(writers, "writers")
    size = _size(len(writers), fraction)
    if fraction == 0:
        return _two_parts(np.zeros(len(writers), dtype=bool))
    names, inverse, counts = np.unique(writers, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise UsageError(
            f"all images are by writer {names[0]}: no split can keep writers apart; split by label instead"
        )
    order = np.argsort(_generator(seed).random(len(names)), kind="stable")
    chosen = [int(order[position]) for position in _nearest_sum([int(counts[index]) for index in order], size)]
    return _two_parts(np.isin(inverse, chosen))


def _shares(counts: NDArray[np.int64], size: int) -> list[int]:
    """Returns how many images to select of each class, `size` in total, by the largest-remainder method."""
    total = int(counts.sum())
    shares = [int(count) * size // total for count in counts]
    remainders = [int(count) * size % total for count in counts]

    def rank(index: int) -> tuple[bool, bool, int, int]:
        emptied = shares[index] + 1 == counts[index]
        return remainders[index] == 0, emptied, -remainders[index], index

    for index in sorted(range(len(counts)), key=rank)[: size - sum(shares)]:
        shares[index] += 1
    return shares


def _nearest_sum(counts: list[int], size: int) -> list[int]:
    """Finds positions of counts whose sum is closest to `size`: at least one, not all; prefers early positions.

    Subset sum: bit s of `reached[i]` is set when some of the first i counts add up to s.
    """
    total = sum(counts)
    reached = [1]
    for count in counts:
        reached.append(reached[-1] | reached[-1] << count)
        if reached[-1] >> size & 1 and 0 < size < total:
            break
    candidates = (s for distance in range(total) for s in (size - distance, size + distance))
    near = next(s for s in candidates if 0 < s < total and reached[-1] >> s & 1)
    positions = []
    for position in reversed(range(len(reached) - 1)):
        if not reached[position] >> near & 1:
            positions.append(position)
            near -= counts[position]
    return positions


def _integers(values: NDArray[Any], what: str) -> NDArray[np.integer[Any]]:
    values = np.asarray(values)
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer) or len(values) == 0:
        raise UsageError(f"{what} to split by are integers[N] with N of at least 1, not {values.dtype}{values.shape}")
    return values


def _size(count: int, fraction: float) -> int:
    if not 0 <= fraction < 1:  # NaN fails this too
        raise UsageError(f"the validation share must be at least 0 and below 1, not {fraction}")
    size = round(fraction * count)
    if size == count:
        raise UsageError(f"a validation share of {fraction} leaves none of the {count} images to train on; lower it")
    return size


def _generator(seed: int) -> np.random.Generator:
    if seed < 0:
        raise UsageError(f"a seed is 0 or more, not {seed}")
    return np.random.Generator(np.random.PCG64(seed))


def _two_parts(taken: NDArray[np.bool_]) -> tuple[Indices, Indices]:
    return np.flatnonzero(~taken), np.flatnonzero(taken)
