"""What a framework must do to be compared."""

from collections.abc import Callable
from typing import Protocol

from lab.frameworks.framework_task import Floats, Labels, Task


class Framework(Protocol):
    """A network in training on one framework. All arrays that go in and out are NumPy's.

    Each file has a class of this kind, written as someone who knows the framework well would write it.
    """

    def __init__(self, task: Task, weights: list[Floats], threads: int) -> None:
        """The network with these first weights and a fresh optimiser, on the CPU, in so many threads."""

    def hold(self, images: Floats, labels: Labels) -> None:
        """Takes the training images, float32[N,28,28], 0 to 1, and their labels to where the framework wants them."""

    def train(self, order: Labels) -> float:
        """An epoch: the held images at `order`, int64[steps * batch_size], batch by batch; returns the mean loss."""

    def predict(self, images: Floats) -> Floats:
        """Logits, or log-probabilities where the framework gives no more, float32[N,10]."""

    def weights(self) -> list[Floats]:
        """As they are now, in the task's shapes and order."""

    def gradients(self, images: Floats, labels: Labels) -> list[Floats]:
        """Of the mean loss over these images, in the task's shapes and order; nothing is changed."""

    def product(self, left: Floats, right: Floats) -> Callable[[], object]:
        """What multiplies these two matrices with the framework each time it is called, and is done when it returns."""
