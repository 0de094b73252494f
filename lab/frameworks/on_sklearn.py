"""scikit-learn's MLPClassifier, an epoch at a time through `partial_fit`."""

from collections.abc import Callable

import numpy as np
from sklearn.neural_network import MLPClassifier

from lab.frameworks.framework_task import Floats, Labels, Task

CLASSES = np.arange(10)


class ScikitLearn:
    """Overrides defaults that differ: an L2 penalty of 1e-4, and shuffling of batches."""

    def __init__(self, task: Task, weights: list[Floats], threads: int) -> None:
        self.hidden = tuple(kernel[1] for kernel in task.kernels[:-1])
        self.model = MLPClassifier(
            self.hidden, solver="adam", alpha=0, batch_size=task.batch_size, shuffle=False,
            learning_rate_init=task.learning_rate, beta_1=task.beta1, beta_2=task.beta2, epsilon=task.epsilon,
        )  # fmt: skip
        _start(self.model, weights)
        # Made by the call that made the weights, and has seen a batch; the next call makes a fresh one.
        del self.model._optimizer

    def load_data(self, images: Floats, labels: Labels) -> None:
        self.images, self.labels = images.reshape(len(images), -1), labels

    def train(self, order: Labels) -> float:
        self.model.partial_fit(self.images[order], self.labels[order])
        return float(self.model.loss_)

    def predict(self, images: Floats) -> Floats:
        probabilities = self.model.predict_proba(images.reshape(len(images), -1))
        result: Floats = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
        return result

    def weights(self) -> list[Floats]:
        return [np.array(weight) for weight in _weights(self.model)]

    def gradients(self, images: Floats, labels: Labels) -> list[Floats]:
        # It has no public gradients; one step of gradient descent at rate 1 moves the weights by them.
        before = self.weights()
        descent = MLPClassifier(
            self.hidden, solver="sgd", alpha=0, batch_size=len(images), shuffle=False, learning_rate_init=1, momentum=0
        )
        _start(descent, before)
        descent.partial_fit(images.reshape(len(images), -1), labels)
        return [old - new for old, new in zip(before, _weights(descent), strict=True)]

    def product(self, left: Floats, right: Floats) -> Callable[[], object]:
        return lambda: left @ right


def _start(model: MLPClassifier, weights: list[Floats]) -> None:
    """Has the model create its weights, with an image of each class, and replaces them."""
    model.partial_fit(np.zeros((len(CLASSES), len(weights[0])), np.float32), CLASSES, classes=CLASSES)
    for own, weight in zip(_weights(model), weights, strict=True):
        own[...] = weight


def _weights(model: MLPClassifier) -> list[Floats]:
    return [weight for pair in zip(model.coefs_, model.intercepts_, strict=True) for weight in pair]
