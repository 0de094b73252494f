"""Keras 3 through `compile` and `fit`, on the backend that the environment variable KERAS_BACKEND names."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from lab.frameworks.framework_task import Floats, Labels, Task

BACKEND = keras.backend.backend()

if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "jax":
    import jax
else:
    import torch

# Steps between two returns to Python. More than these gain nothing; the PyTorch backend takes no other number than 1.
STEPS_PER_EXECUTION = 1 if BACKEND == "torch" else 32


class Keras:
    """Overrides defaults that differ: Adam's epsilon of 1e-7, and shuffling by `fit`."""

    def __init__(self, task: Task, weights: list[Floats], threads: int) -> None:
        _limit(threads)
        self.task = task
        self.model = network(task)
        self.model.set_weights([_to_keras(weight, self._after_convolution(weight)) for weight in weights])
        self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(
            keras.optimizers.Adam(task.learning_rate, task.beta1, task.beta2, task.epsilon),
            self.loss,
            steps_per_execution=STEPS_PER_EXECUTION,
            jit_compile=_compiles(task),
        )

    def load_data(self, images: Floats, labels: Labels) -> None:
        self.images, self.labels = images, labels

    def train(self, order: Labels) -> float:
        history = self.model.fit(
            self.images[order], self.labels[order], self.task.batch_size, epochs=1, shuffle=False, verbose=0
        )
        return float(history.history["loss"][0])

    def predict(self, images: Floats) -> Floats:
        # `predict` is made for many batches, and its start takes longer than these.
        return np.asarray(self.model.predict_on_batch(images))

    def weights(self) -> list[Floats]:
        return [self._canonical(weight) for weight in self.model.get_weights()]

    def gradients(self, images: Floats, labels: Labels) -> list[Floats]:
        slopes = _gradients(self.model, self.loss, keras.ops.convert_to_tensor(images), labels)
        return [self._canonical(keras.ops.convert_to_numpy(slope)) for slope in slopes]

    def product(self, left: Floats, right: Floats) -> Callable[[], object]:
        one, other = keras.ops.convert_to_tensor(left), keras.ops.convert_to_tensor(right)
        if BACKEND == "jax":  # The others are done when they return.
            return lambda: jax.block_until_ready(keras.ops.matmul(one, other))
        return lambda: keras.ops.matmul(one, other)

    def _after_convolution(self, weight: Floats) -> int:
        """The channels that a dense layer's inputs come in, place by place; 0 for other weights, or in that order."""
        channels = self.task.kernels[-2][-1]
        turned = BACKEND == "torch" and len(self.task.kernels[-2]) == 4 and weight.ndim == 2
        return channels if turned else 0

    def _canonical(self, weight: Floats) -> Floats:
        if channels := self._after_convolution(weight):
            weight = weight.reshape(channels, -1, weight.shape[1]).transpose(1, 0, 2).reshape(weight.shape)
        return np.array(weight)


def network(task: Task) -> keras.Sequential:
    """The task's network; it takes float32[N,28,28]."""
    relu = functools.partial(layers.Dense, activation="relu")
    if task.network == "mlp":
        (_, first), (_, second), (_, classes) = task.kernels
        return keras.Sequential(
            [keras.Input((28, 28)), layers.Flatten(), relu(first), relu(second), layers.Dense(classes)]
        )  # fmt: skip
    (_, _, _, first), (_, _, _, second), (_, classes) = task.kernels
    # PyTorch's own convolutions want the channels first; with Keras' default each would turn its images twice.
    order, shape = ("channels_first", (1, 28, 28)) if BACKEND == "torch" else ("channels_last", (28, 28, 1))
    convolution = functools.partial(layers.Conv2D, kernel_size=3, activation="relu", data_format=order)
    pool = functools.partial(layers.MaxPooling2D, data_format=order)
    return keras.Sequential([
        keras.Input((28, 28)), layers.Reshape(shape),
        convolution(first), pool(), convolution(second), pool(),
        # By default Keras would move leading channels to the end.
        layers.Flatten(data_format="channels_last"), layers.Dense(classes),
    ])  # fmt: skip


def _limit(threads: int) -> None:
    """Limits the number of threads. JAX has no such call: it starts one per core of the process."""
    if BACKEND == "tensorflow":
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    elif BACKEND == "torch":
        torch.set_num_threads(threads)


def _compiles(task: Task) -> bool:
    """Whether to use XLA: with TensorFlow it is equally fast on dense layers, and four times slower on convolutions.

    PyTorch's compiler takes longer than it saves in this training.
    """
    return BACKEND == "jax" or (BACKEND == "tensorflow" and task.network == "mlp")


def _gradients(model: keras.Model, loss: keras.losses.Loss, images: Any, labels: Labels) -> list[Any]:
    """Gradients of the loss, by the backend's own means."""
    if BACKEND == "tensorflow":
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        slopes: list[Any] = tape.gradient(value, model.trainable_weights)
        return slopes
    if BACKEND == "jax":
        rest = [variable.value for variable in model.non_trainable_variables]

        def of(weights: list[Any]) -> Any:
            scores, _ = model.stateless_call(weights, rest, images, training=True)
            return loss(labels, scores)

        return list(jax.grad(of)([variable.value for variable in model.trainable_variables]))
    value = loss(labels, model(images, training=True))
    return list(torch.autograd.grad(value, [variable.value for variable in model.trainable_variables]))


def _to_keras(weight: Floats, channels: int) -> Floats:
    """From the task's order of a dense layer's inputs to channel by channel, where those come first."""
    if channels:
        return weight.reshape(-1, channels, weight.shape[1]).transpose(1, 0, 2).reshape(weight.shape)
    return weight
