"""The interface of every framework."""

from collections.abc import Callable
from typing import Protocol

from lab.frameworks.framework_task import Floats, Labels, Task


class Framework(Protocol):
    """A network that is trained with one framework. All arrays are NumPy's.

    Each framework is one file, written as someone who knows the framework well would write it.
    """

    def __init__(self, task: Task, weights: list[Floats], threads: int) -> None:
        """Creates the network with these initial weights and a new optimizer, on the CPU."""

    def load_data(self, images: Floats, labels: Labels) -> None:
        """Loads the training images, float32[N,28,28], 0 to 1, and their labels into the framework."""

    def train(self, order: Labels) -> float:
        """Trains one epoch on the images at `order`, int64[steps * batch_size]; returns the mean loss."""

    def predict(self, images: Floats) -> Floats:
        """Logits, or log-probabilities if the framework gives no logits, float32[N,10]."""

    def weights(self) -> list[Floats]:
        """The current weights, in the task's shapes and order."""

    def gradients(self, images: Floats, labels: Labels) -> list[Floats]:
        """Gradients of the mean loss over these images, in the task's shapes and order; no state is changed."""

    def product(self, left: Floats, right: Floats) -> Callable[[], object]:
        """A function that multiplies these two matrices with the framework and returns when done."""
