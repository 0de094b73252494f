"""JAX with Flax NNX and Optax: a whole epoch is one compiled function, a scan over its batches.

With convolutions a step is: in a loop, which a scan becomes, XLA runs them seven times slower on a CPU
(docs/results/frameworks.md).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from lab.frameworks.framework_task import Floats, Labels, Task


class MLP(nnx.Module):  # type: ignore[misc]
    """Dense layers with ReLU between them."""

    def __init__(self, task: Task, rngs: nnx.Rngs) -> None:
        self.layers = nnx.List([nnx.Linear(*kernel, rngs=rngs) for kernel in task.kernels])

    def __call__(self, images: jax.Array) -> jax.Array:
        values = images.reshape(len(images), -1)
        for layer in self.layers[:-1]:
            values = nnx.relu(layer(values))
        return self.layers[-1](values)


class CNN(nnx.Module):  # type: ignore[misc]
    """Two convolutions, each with ReLU and pooling, and a dense layer."""

    def __init__(self, task: Task, rngs: nnx.Rngs) -> None:
        *convolutions, dense = task.kernels
        self.convolutions = nnx.List(
            [nnx.Conv(k[2], k[3], k[:2], padding="VALID", rngs=rngs) for k in convolutions]
        )  # fmt: skip
        self.dense = nnx.Linear(*dense, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        values = images[..., None]
        for convolution in self.convolutions:
            values = nnx.max_pool(nnx.relu(convolution(values)), (2, 2), (2, 2))
        return self.dense(values.reshape(len(values), -1))


class JAX:
    """The training state is a value that the compiled epoch takes, returns changed, and may overwrite."""

    def __init__(self, task: Task, weights: list[Floats], threads: int) -> None:
        self.task = task
        self.scans = task.network == "mlp"
        kind = MLP if task.network == "mlp" else CNN
        # Only the shapes: the numbers are the canonical ones.
        self.graph, shapes = nnx.split(nnx.eval_shape(lambda: kind(task, nnx.Rngs(0))))
        self.layout = jax.tree.structure(shapes)
        self.places = _places(shapes, task)
        # Copied, since the compiled epoch writes over what it is given.
        leaves = [jnp.array(weights[place], copy=True) for place in self.places]
        self.parameters = jax.tree.unflatten(self.layout, leaves)
        self.optimizer = optax.adam(task.learning_rate, task.beta1, task.beta2, task.epsilon)
        self.moments = self.optimizer.init(self.parameters)

    def logits(self, parameters: Any, images: jax.Array) -> jax.Array:
        """float32[N,28,28] -> float32[N,10]."""
        return nnx.merge(self.graph, parameters)(images)

    def loss(self, parameters: Any, images: jax.Array, labels: jax.Array) -> jax.Array:
        """Mean cross-entropy in nats."""
        scores = self.logits(parameters, images)
        return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()

    def _step(self, parameters: Any, moments: Any, images: jax.Array, labels: jax.Array) -> Any:
        loss, gradients = jax.value_and_grad(self.loss)(parameters, images, labels)
        updates, moments = self.optimizer.update(gradients, moments)
        return optax.apply_updates(parameters, updates), moments, loss

    @partial(jax.jit, static_argnums=0, donate_argnums=(1, 2))
    def _one(self, parameters: Any, moments: Any, images: jax.Array, labels: jax.Array) -> Any:
        return self._step(parameters, moments, images, labels)

    @partial(jax.jit, static_argnums=0, donate_argnums=(1, 2))
    def _epoch(self, parameters: Any, moments: Any, images: jax.Array, labels: jax.Array, order: jax.Array) -> Any:
        def step(state: Any, batch: jax.Array) -> Any:
            parameters, moments = state
            parameters, moments, loss = self._step(parameters, moments, images[batch], labels[batch])
            return (parameters, moments), loss

        state, losses = jax.lax.scan(step, (parameters, moments), order.reshape(-1, self.task.batch_size))
        return *state, losses.mean()

    @partial(jax.jit, static_argnums=0)
    def _predict(self, parameters: Any, images: jax.Array) -> jax.Array:
        return self.logits(parameters, images)

    def load_data(self, images: Floats, labels: Labels) -> None:
        if self.scans:
            self.images, self.labels = jnp.asarray(images), jnp.asarray(labels, jnp.int32)
        else:  # Batches are cut out of NumPy's arrays, which costs less than a call.
            self.images, self.labels = images, labels.astype(np.int32)

    def train(self, order: Labels) -> float:
        if self.scans:
            rows = jnp.asarray(order, jnp.int32)
            *state, loss = self._epoch(self.parameters, self.moments, self.images, self.labels, rows)
            self.parameters, self.moments = state
            return float(loss)
        losses = []
        for batch in order.reshape(-1, self.task.batch_size):
            *state, loss = self._one(self.parameters, self.moments, self.images[batch], self.labels[batch])
            self.parameters, self.moments = state
            losses.append(loss)
        return float(jnp.stack(losses).mean())

    def predict(self, images: Floats) -> Floats:
        return np.asarray(self._predict(self.parameters, images))

    def weights(self) -> list[Floats]:
        return self._canonical(self.parameters)

    def gradients(self, images: Floats, labels: Labels) -> list[Floats]:
        return self._canonical(jax.jit(jax.grad(self.loss))(self.parameters, images, labels))

    def product(self, left: Floats, right: Floats) -> Callable[[], object]:
        one, other = jnp.asarray(left), jnp.asarray(right)
        multiply = jax.jit(jnp.matmul)
        return lambda: multiply(one, other).block_until_ready()

    def _canonical(self, tree: Any) -> list[Floats]:
        leaves = jax.tree.leaves(tree)
        return [np.array(leaves[self.places.index(place)]) for place in range(len(leaves))]


def _places(shapes: Any, task: Task) -> list[int]:
    """Which of the task's weights each leaf of the parameters is: all their shapes differ."""
    return [task.shapes.index(leaf.shape) for leaf in jax.tree.leaves(shapes)]
