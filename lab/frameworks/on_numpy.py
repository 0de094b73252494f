"""NumPy alone: every multiplication of the training written out, as a baseline for the frameworks."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lab.frameworks.framework_task import Floats, Labels, Task


class NumPy:
    """A multilayer perceptron. All weights share one array, so that Adam is a few passes over contiguous memory."""

    def __init__(self, task: Task, weights: list[Floats], threads: int) -> None:
        self.task = task
        self.shapes = task.shapes
        self.flat = np.concatenate([weight.ravel() for weight in weights])
        self.slopes = np.zeros_like(self.flat)
        self.first, self.second, self.spare = (np.zeros_like(self.flat) for _ in range(3))
        self.views, self.slope_views = self._views(self.flat), self._views(self.slopes)
        self.steps = 0

    def load_data(self, images: Floats, labels: Labels) -> None:
        self.images, self.labels = images.reshape(len(images), -1), labels

    def train(self, order: Labels) -> float:
        total, size = 0.0, self.task.batch_size
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            total += self._backward(self.images[batch], self.labels[batch])
            self._step()
        return total / (len(order) // size)

    def predict(self, images: Floats) -> Floats:
        return self._forward(images.reshape(len(images), -1))[-1]

    def weights(self) -> list[Floats]:
        return [view.copy() for view in self.views]

    def gradients(self, images: Floats, labels: Labels) -> list[Floats]:
        self._backward(images.reshape(len(images), -1), labels)
        return [view.copy() for view in self.slope_views]

    def product(self, left: Floats, right: Floats) -> Callable[[], object]:
        result = np.empty((len(left), right.shape[1]), np.float32)
        return lambda: np.matmul(left, right, out=result)

    def _views(self, flat: Floats) -> list[Floats]:
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])
        return [
            part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), self.shapes, strict=True)
        ]  # fmt: skip

    def _forward(self, values: Floats) -> list[Floats]:
        """The input of each layer, and the logits last."""
        inputs = [values]
        for kernel, bias in zip(self.views[:-2:2], self.views[1:-2:2], strict=True):
            values = values @ kernel
            values += bias
            np.maximum(values, 0, out=values)
            inputs.append(values)
        inputs.append(values @ self.views[-2] + self.views[-1])
        return inputs

    def _backward(self, images: Floats, labels: Labels) -> float:
        """Writes the gradients of the mean cross-entropy into `slopes`; returns the loss."""
        inputs = self._forward(images)
        slope = inputs.pop()
        slope -= slope.max(1, keepdims=True)
        np.exp(slope, out=slope)
        slope /= slope.sum(1, keepdims=True)
        rows = np.arange(len(labels))
        loss = -float(np.log(slope[rows, labels]).mean())
        slope[rows, labels] -= 1
        slope *= np.float32(1 / len(labels))
        for layer in reversed(range(len(inputs))):
            np.matmul(inputs[layer].T, slope, out=self.slope_views[2 * layer])
            np.sum(slope, 0, out=self.slope_views[2 * layer + 1])
            if layer:
                slope = slope @ self.views[2 * layer].T
                slope *= inputs[layer] > 0
        return loss

    def _step(self) -> None:
        """Adam: Kingma and Ba (2015), algorithm 1, in place."""
        task, self.steps = self.task, self.steps + 1
        spare: NDArray[np.float32] = self.spare
        np.multiply(self.slopes, np.float32(1 - task.beta1), out=spare)
        self.first *= np.float32(task.beta1)
        self.first += spare
        np.square(self.slopes, out=spare)
        spare *= np.float32(1 - task.beta2)
        self.second *= np.float32(task.beta2)
        self.second += spare
        np.multiply(self.second, np.float32(1 / (1 - task.beta2**self.steps)), out=spare)
        np.sqrt(spare, out=spare)
        spare += np.float32(task.epsilon)
        np.divide(self.first, spare, out=spare)
        spare *= np.float32(task.learning_rate / (1 - task.beta1**self.steps))
        self.flat -= spare
