"""What every framework is given: the network, its first weights, the images, the batches and the optimizer."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold import files
from tenfold.data import load_dataset, stratified_split

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

# The tutorial's split.
VALIDATION, SPLIT_SEED = 0.2, 0


@dataclass(frozen=True, kw_only=True)
class Task:
    """A network and how it is trained: cross-entropy, and Adam with its paper's constants.

    shapes: of the weights in the order of the layers, each layer's kernel before its bias. A dense kernel is
    [inputs, outputs]; a convolution's is [height, width, inputs, outputs], and what it gives is flattened height by
    width by channels. positions: how often each kernel is applied to an image.

    `mlp` is the tutorial's 784-128-64-10 with ReLU. `cnn` is two 3x3 convolutions without padding, with 16 and 32
    channels, each followed by ReLU and the maximum of every 2x2, and a dense layer: no batch norm and no dropout, so
    that nothing but the framework differs.

    epsilon: so small because frameworks add it in two places, to the root of the corrected second moment or of the
    uncorrected (Kingma and Ba 2015, algorithm 1 and the end of section 2). At the usual 1e-8 one weight in ten differs
    after 20 steps by a third of the learning rate, at 1e-12 by a hundred-thousandth (docs/results/frameworks.md).
    """

    network: str
    shapes: tuple[tuple[int, ...], ...]
    positions: tuple[int, ...]
    batch_size: int
    epochs: int
    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-12

    @property
    def kernels(self) -> tuple[tuple[int, ...], ...]:
        """Of the layers, without their biases."""
        return self.shapes[::2]

    @property
    def flops(self) -> int:
        """Floating-point operations that training on one image takes in the matrix products: two a multiply-add.

        The forward pass, and as much again for the gradients of weights and of inputs; the first layer's inputs
        need none.
        """
        layers = [n * int(np.prod(shape)) for n, shape in zip(self.positions, self.kernels, strict=True)]
        return 2 * (3 * sum(layers) - layers[0])

    def first_weights(self, seed: int) -> list[Floats]:
        """As PyTorch draws them: uniform between plus and minus one over the root of a unit's inputs, biases too."""
        rng = np.random.default_rng(seed)
        weights = []
        for kernel in self.kernels:
            reach = float(np.prod(kernel[:-1])) ** -0.5
            weights += [rng.uniform(-reach, reach, shape).astype(np.float32) for shape in (kernel, kernel[-1:])]
        return weights

    def order(self, seed: int, epoch: int, images: int) -> Labels:
        """The order of the training images in an epoch, int64[N]: whole batches only, the rest sits this one out."""
        rng = np.random.default_rng([seed, epoch])
        return rng.permutation(images)[: images // self.batch_size * self.batch_size]


TASKS = {
    "mlp": Task(
        network="mlp",
        shapes=((784, 128), (128,), (128, 64), (64,), (64, 10), (10,)),
        positions=(1, 1, 1),
        batch_size=32,
        epochs=10,
    ),
    "cnn": Task(
        network="cnn",
        shapes=((3, 3, 1, 16), (16,), (3, 3, 16, 32), (32,), (800, 10), (10,)),
        positions=(26 * 26, 11 * 11, 1),
        batch_size=128,
        epochs=3,
    ),
}


class Digits:
    """MNIST as the frameworks get it: float32[N,28,28], 0 paper to 1 ink, and int64[N]."""

    def __init__(self) -> None:
        self._set = load_dataset("mnist")
        self._train, self._validation = stratified_split(self._set.train_labels, VALIDATION, SPLIT_SEED)

    @cached_property
    def train(self) -> tuple[Floats, Labels]:
        """48,000 images and labels to train on."""
        return self._of(self._set.train_images, self._set.train_labels, self._train)

    @cached_property
    def validation(self) -> tuple[Floats, Labels]:
        """12,000 images and labels to watch."""
        return self._of(self._set.train_images, self._set.train_labels, self._validation)

    @cached_property
    def test(self) -> tuple[Floats, Labels]:
        """10,000 images and labels, for the final number."""
        return self._of(self._set.test_images, self._set.test_labels, slice(None))

    def _of(self, images: np.ndarray, labels: np.ndarray, rows: NDArray[np.int64] | slice) -> tuple[Floats, Labels]:
        return np.divide(images[rows], 255, dtype=np.float32), labels[rows].astype(np.int64)


def save_weights(path: Path, weights: list[Floats]) -> Path:
    """The canonical file that every framework starts from, `.npz`."""
    return files.write_with(path, lambda partial: np.savez(partial, *weights))


def load_weights(path: Path) -> list[Floats]:
    """What `save_weights` wrote."""
    with np.load(path) as file:
        return [file[f"arr_{index}"] for index in range(len(file.files))]
