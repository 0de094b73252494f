"""The arithmetic, in NumPy and float64: the reference for every framework's logits, gradients and steps.

Written for plainness, apart from any framework and from everything else here: no automatic differentiation, a line for
each rule. Rumelhart, Hinton and Williams (1986) for the backward pass; Kingma and Ba (2015), algorithm 1, for Adam.
"""

import numpy as np
from numpy.typing import NDArray

from lab.frameworks.framework_task import Floats, Labels, Task

Array = NDArray[np.float64]


def logits(weights: list[Array], images: NDArray[np.floating]) -> Array:
    """images: [N,28,28], 0 to 1 -> float64[N,10]."""
    return _forward(weights, images)[-1]


def loss_and_gradients(weights: list[Array], images: Floats, labels: Labels) -> tuple[float, list[Array]]:
    """The mean cross-entropy in nats, and its gradient for each weight."""
    inputs = _forward(weights, images)
    scores = inputs.pop()
    log_probabilities = scores - scores.max(1, keepdims=True)
    log_probabilities -= np.log(np.exp(log_probabilities).sum(1, keepdims=True))
    rows = np.arange(len(labels))
    loss = -float(log_probabilities[rows, labels].mean())
    slope = np.exp(log_probabilities)  # The gradient for the scores: probability minus 1 for the true class.
    slope[rows, labels] -= 1
    slope /= len(labels)
    gradients: list[Array] = []
    for layer in reversed(range(len(weights) // 2)):
        kernel, given = weights[2 * layer], inputs[layer]
        if kernel.ndim == 4:
            slope = _pool_backward(_convolve(given, kernel) + weights[2 * layer + 1], slope)
            gradients[:0] = [_kernel_gradient(given, slope), slope.sum((0, 1, 2))]
            slope = _input_gradient(slope, kernel)
        else:
            flat = given.reshape(len(given), -1)
            gradients[:0] = [flat.T @ slope, slope.sum(0)]
            slope = (slope @ kernel.T).reshape(given.shape)
        if layer and kernel.ndim == 2 and weights[2 * layer - 2].ndim == 2:
            slope *= given > 0  # ReLU; at 0 its slope is taken as 0. A convolution's comes with its pooling.
    return loss, gradients


class Adam:
    """Kingma and Ba (2015), algorithm 1, with epsilon added to the root of the corrected second moment."""

    def __init__(self, task: Task, weights: list[Floats]) -> None:
        self.task = task
        self.weights: list[Array] = [weight.astype(np.float64) for weight in weights]
        self.first = [np.zeros_like(weight) for weight in self.weights]
        self.second = [np.zeros_like(weight) for weight in self.weights]
        self.steps = 0

    def step(self, images: Floats, labels: Labels) -> float:
        """One step on a batch; returns the loss before it."""
        task, self.steps = self.task, self.steps + 1
        loss, gradients = loss_and_gradients(self.weights, images, labels)
        for weight, slope, first, second in zip(self.weights, gradients, self.first, self.second, strict=True):
            first += (1 - task.beta1) * (slope - first)
            second += (1 - task.beta2) * (slope**2 - second)
            corrected = first / (1 - task.beta1**self.steps)
            root = np.sqrt(second / (1 - task.beta2**self.steps))
            weight -= task.learning_rate * corrected / (root + task.epsilon)
        return loss


def _forward(weights: list[Array], images: NDArray[np.floating]) -> list[Array]:
    """What each layer is given, and the logits last."""
    values = images.astype(np.float64)
    values = values[..., None] if weights[0].ndim == 4 else values.reshape(len(values), -1)
    inputs = [values]
    layers = len(weights) // 2
    for layer, (kernel, bias) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
        if kernel.ndim == 4:
            values = _blocks(np.maximum(_convolve(values, kernel) + bias, 0)).max((4, 5))
        else:
            values = values.reshape(len(values), -1) @ kernel + bias
            if layer + 1 < layers:
                values = np.maximum(values, 0)
        inputs.append(values)
    return inputs


def _convolve(values: Array, kernel: Array) -> Array:
    """[N,H,W,I] with [h,w,I,O] -> [N,H-h+1,W-w+1,O]."""
    height, width = values.shape[1] - kernel.shape[0] + 1, values.shape[2] - kernel.shape[1] + 1
    result: Array = np.zeros((len(values), height, width, kernel.shape[3]))
    for y, x in np.ndindex(kernel.shape[:2]):
        result += values[:, y : y + height, x : x + width] @ kernel[y, x]
    return result


def _kernel_gradient(values: Array, slope: Array) -> Array:
    """The gradient for the kernel, [h,w,I,O], from that for what it gave, [N,H',W',O]."""
    height, width = slope.shape[1:3]
    kernel = (values.shape[1] - height + 1, values.shape[2] - width + 1)
    result = np.empty((*kernel, values.shape[3], slope.shape[3]))
    for y, x in np.ndindex(kernel):
        result[y, x] = np.tensordot(values[:, y : y + height, x : x + width], slope, ((0, 1, 2), (0, 1, 2)))
    return result


def _input_gradient(slope: Array, kernel: Array) -> Array:
    """The gradient for what the convolution was given: a convolution with the kernel turned round."""
    height, width = kernel.shape[0] - 1, kernel.shape[1] - 1
    padded = np.pad(slope, ((0, 0), (height, height), (width, width), (0, 0)))
    return _convolve(padded, kernel[::-1, ::-1].transpose(0, 1, 3, 2))


def _blocks(values: Array) -> Array:
    """[N,H,W,C] -> [N,H//2,W//2,C,2,2]: an odd last row or column is left out."""
    count, height, width, channels = values.shape
    even = values[:, : height // 2 * 2, : width // 2 * 2]
    return even.reshape(count, height // 2, 2, width // 2, 2, channels).transpose(0, 1, 3, 5, 2, 4)


def _pool_backward(before: Array, slope: Array) -> Array:
    """Back through the maximum of 2x2 and ReLU: to the first largest of each four, where that is above 0."""
    blocks = _blocks(np.maximum(before, 0))
    four = blocks.reshape(*blocks.shape[:4], 4)
    chosen = np.eye(4)[four.argmax(-1)] * (four.max(-1) > 0)[..., None]
    spread = (chosen * slope[..., None]).reshape(blocks.shape)
    count, height, width, channels = before.shape
    result = np.zeros_like(before)
    result[:, : height // 2 * 2, : width // 2 * 2] = spread.transpose(0, 1, 4, 2, 5, 3).reshape(
        count, height // 2 * 2, width // 2 * 2, channels
    )
    return result
