"""PyTorch as its documentation recommends, and with `torch.compile`."""

import os
import shutil
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lab.frameworks.framework_task import Floats, Labels, Task
from lab.worker import MissingToolError


class PyTorch:
    """Eager: autograd, and the fused Adam."""

    def __init__(self, task: Task, weights: list[Floats], threads: int) -> None:
        torch.set_num_threads(threads)
        self.task = task
        # For convolutions on a CPU, channels last is the quicker layout.
        self.model = network(task).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.no_grad():
            for parameter, weight in zip(self.model.parameters(), weights, strict=True):
                parameter.copy_(_to_torch(weight, self._after_convolution(weight)))
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), task.learning_rate, (task.beta1, task.beta2), task.epsilon, fused=True
        )

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy in nats of float32[N,1,28,28]."""
        return functional.cross_entropy(self.model(images), labels)

    def load_data(self, images: Floats, labels: Labels) -> None:
        self.images, self.labels = _images(images), torch.from_numpy(labels)

    def train(self, order: Labels) -> float:
        rows = torch.from_numpy(order)
        total = torch.zeros(())
        for batch in torch.split(rows, self.task.batch_size):
            self.optimizer.zero_grad()
            loss = self.loss(self.images[batch], self.labels[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            total += loss.detach()
        return float(total) / (len(order) // self.task.batch_size)

    def predict(self, images: Floats) -> Floats:
        with torch.inference_mode():
            result: Floats = self.model(_images(images)).numpy()
        return result

    def weights(self) -> list[Floats]:
        return [self._canonical(parameter.detach()) for parameter in self.model.parameters()]

    def gradients(self, images: Floats, labels: Labels) -> list[Floats]:
        loss = self.loss(_images(images), torch.from_numpy(labels))
        return [self._canonical(slope) for slope in torch.autograd.grad(loss, list(self.model.parameters()))]

    def product(self, left: Floats, right: Floats) -> Callable[[], object]:
        one, other = torch.from_numpy(left), torch.from_numpy(right)
        return lambda: torch.mm(one, other)

    def _after_convolution(self, weight: Floats) -> int:
        """The channels that a dense layer's inputs come in, place by place; 0 for other weights."""
        channels = self.task.kernels[-2][-1]
        return channels if weight.ndim == 2 and len(self.task.kernels[-2]) == 4 else 0

    def _canonical(self, value: Tensor) -> Floats:
        array: Floats = value.numpy()
        if array.ndim == 4:
            return np.ascontiguousarray(array.transpose(2, 3, 1, 0))
        if array.ndim == 2 and (channels := self._after_convolution(array.T)):
            array = array.reshape(len(array), channels, -1).transpose(0, 2, 1).reshape(len(array), -1)
        return np.ascontiguousarray(array.T)


class CompiledPyTorch(PyTorch):
    """The forward and backward passes through TorchInductor, which writes C++ and needs a compiler."""

    def __init__(self, task: Task, weights: list[Floats], threads: int) -> None:
        compiler = os.environ.get("CXX", "g++")
        if shutil.which(compiler) is None:
            raise MissingToolError("torch.compile", f"a C++ compiler ({compiler})", "apt install g++, or set CXX")
        # One compiling process, as everything else here runs on the same cores.
        os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
        super().__init__(task, weights, threads)
        self.loss = torch.compile(self.loss, fullgraph=True, dynamic=False)  # type: ignore[method-assign]
        self._logits = torch.compile(self.model)

    def predict(self, images: Floats) -> Floats:
        with torch.inference_mode():
            result: Floats = self._logits(_images(images)).numpy()  # type: ignore[no-untyped-call]
        return result


def network(task: Task) -> nn.Sequential:
    """The task's network; it takes float32[N,1,28,28]."""
    if task.network == "mlp":
        (inputs, first), (_, second), (_, classes) = task.kernels
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(inputs, first), nn.ReLU(),
            nn.Linear(first, second), nn.ReLU(),
            nn.Linear(second, classes),
        )  # fmt: skip
    (_, _, _, first), (_, _, _, second), (inputs, classes) = task.kernels
    return nn.Sequential(
        nn.Conv2d(1, first, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(inputs, classes),
    )  # fmt: skip


def _images(images: Floats) -> Tensor:
    return torch.from_numpy(images)[:, None]


def _to_torch(weight: Floats, channels: int) -> Tensor:
    """From the task's order of axes to PyTorch's, where a convolution's outputs are flattened channel by channel."""
    if weight.ndim == 4:
        return torch.from_numpy(weight).permute(3, 2, 0, 1)
    if channels:
        weight = weight.reshape(-1, channels, weight.shape[1]).transpose(1, 0, 2).reshape(weight.shape)
    return torch.from_numpy(weight).t() if weight.ndim == 2 else torch.from_numpy(weight)
