"""tinygrad on its CPU device: a step of training is captured by TinyJit, and its kernels are compiled by clang."""

import os
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
from tinygrad import Context, Device, Tensor, TinyJit, Variable, nn
from tinygrad.helpers import NUM_CPU_THREADS

from lab.frameworks.framework_task import Floats, Labels, Task
from lab.worker import MissingToolError

_COMPILER = os.environ.get("CC", "clang")
if shutil.which(_COMPILER) is None:
    raise MissingToolError("tinygrad", f"a C compiler ({_COMPILER})", "apt install clang")


class MLP:
    """Dense layers with ReLU between them."""

    def __init__(self, task: Task) -> None:
        self.layers = [nn.Linear(*kernel) for kernel in task.kernels]

    def __call__(self, images: Tensor) -> Tensor:
        values = images.flatten(1)
        for layer in self.layers[:-1]:
            values = layer(values).relu()
        return self.layers[-1](values)


class CNN:
    """Two convolutions, each with ReLU and pooling, and a dense layer."""

    def __init__(self, task: Task) -> None:
        *convolutions, dense = task.kernels
        self.layers = [nn.Conv2d(k[2], k[3], k[:2]) for k in convolutions] + [nn.Linear(*dense)]

    def __call__(self, images: Tensor) -> Tensor:
        values = images.unsqueeze(1)
        for layer in self.layers[:-1]:
            values = layer(values).relu().max_pool2d()
        return self.layers[-1](values.flatten(1))


class Tinygrad:
    """An epoch's images are in one buffer in their order; the captured step takes the batch with a given number."""

    def __init__(self, task: Task, weights: list[Floats], threads: int) -> None:
        NUM_CPU_THREADS.value = threads
        self.task = task
        self.model = MLP(task) if task.network == "mlp" else CNN(task)
        self.parameters = [value for layer in self.model.layers for value in (layer.weight, layer.bias)]
        for parameter, weight in zip(self.parameters, weights, strict=True):
            parameter.replace(Tensor(_to_tinygrad(weight, self._after_convolution(weight)))).realize()
        self.optimizer = nn.optim.Adam(self.parameters, task.learning_rate, task.beta1, task.beta2, task.epsilon)
        # One for each number of images: a captured function takes no other.
        self._steps: dict[int, TinyJit] = {}
        self._forwards: dict[int, TinyJit] = {}

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy in nats of float32[N,28,28]."""
        return self.model(images).sparse_categorical_crossentropy(labels)

    def load_data(self, images: Floats, labels: Labels) -> None:
        self.images, self.labels = images, labels.astype(np.int32)

    def train(self, order: Labels) -> float:
        size = self.task.batch_size
        count = len(order) // size
        # Put in order here, since tinygrad finds rows by comparing each with every number of a row: twice the time of
        # all the rest of the step.
        images, labels = Tensor(self.images[order]).realize(), Tensor(self.labels[order]).realize()
        total = Tensor.zeros(1).contiguous().realize()
        step = self._steps.setdefault(count, TinyJit(self._step))
        # A plain slice would be captured once, with the batch of that call; a variable is evaluated in each.
        batch = Variable("batch", 0, max(count - 1, 1))
        for number in range(count):
            step(images, labels, batch.bind(number), total)
        return float(total.item()) / count

    def _step(self, images: Tensor, labels: Tensor, batch: Any, total: Tensor) -> None:
        size = self.task.batch_size
        rows = (batch * size, batch * size + size)
        with Context(TRAINING=1):
            self.optimizer.zero_grad()
            loss = self.loss(
                images.shrink((rows, None, None)).reshape(size, *images.shape[1:]), labels.shrink((rows,)).reshape(size)
            ).backward()
            total.assign(total + loss).realize(*self.optimizer.schedule_step())

    def predict(self, images: Floats) -> Floats:
        # Copied from NumPy within what is captured: a copy outside is rescheduled each time, for milliseconds.
        forward = self._forwards.setdefault(
            len(images), TinyJit(lambda values: self.model(values.to(Device.DEFAULT)).realize())
        )
        result: Floats = forward(Tensor(images, device="NPY")).numpy()
        return result

    def weights(self) -> list[Floats]:
        return [self._canonical(parameter.numpy()) for parameter in self.parameters]

    def gradients(self, images: Floats, labels: Labels) -> list[Floats]:
        loss = self.loss(Tensor(images), Tensor(labels.astype(np.int32)))
        return [self._canonical(slope.numpy()) for slope in loss.gradient(*self.parameters)]

    def product(self, left: Floats, right: Floats) -> Callable[[], object]:
        one, other = Tensor(left).realize(), Tensor(right).realize()
        multiply = TinyJit(lambda one, other: (one @ other).realize())

        def call() -> None:
            multiply(one, other)
            Device[Device.DEFAULT].synchronize()

        return call

    def _after_convolution(self, weight: Floats) -> int:
        """The channels that a dense layer's inputs come in, place by place; 0 for other weights."""
        channels = self.task.kernels[-2][-1]
        return channels if weight.ndim == 2 and len(self.task.kernels[-2]) == 4 else 0

    def _canonical(self, array: Floats) -> Floats:
        if array.ndim == 4:
            return np.ascontiguousarray(array.transpose(2, 3, 1, 0))
        if array.ndim == 2 and (channels := self._after_convolution(array.T)):
            array = array.reshape(len(array), channels, -1).transpose(0, 2, 1).reshape(len(array), -1)
        return np.ascontiguousarray(array.T)


def _to_tinygrad(weight: Floats, channels: int) -> Floats:
    """From the task's order of axes to tinygrad's, where a convolution's outputs are flattened channel by channel."""
    if weight.ndim == 4:
        weight = weight.transpose(3, 2, 0, 1)
    elif weight.ndim == 2:
        if channels:
            weight = weight.reshape(-1, channels, weight.shape[1]).transpose(1, 0, 2).reshape(weight.shape)
        weight = weight.T
    return np.ascontiguousarray(weight)
