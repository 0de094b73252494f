"""Frameworks that go wrong, each in its own way, and one that does everything right."""

import os
import time

import numpy as np

from lab.frameworks.on_numpy import NumPy as Right


class Crashes(Right):
    def train(self, order):
        os.abort()


class Raises(Right):
    def train(self, order):
        raise RuntimeError("out of ideas")


class Hangs(Right):
    def train(self, order):
        time.sleep(600)


class Swells(Right):
    def train(self, order):
        self.pile = [np.ones(2**26) for _ in range(64)]


class Quicker(Right):
    def __init__(self, task, weights, threads):
        super().__init__(task, weights, threads)
        from dataclasses import replace

        self.task = replace(task, learning_rate=1.01 * task.learning_rate)


class Shuffles(Right):
    def train(self, order):
        return super().train(order[::-1])


class Skews(Right):
    def gradients(self, images, labels):
        return [1.002 * gradient for gradient in super().gradients(images, labels)]


class Blurs(Right):
    def predict(self, images):
        return super().predict(images) + np.linspace(0, 3e-4, 10, dtype=np.float32)


class Nans(Right):
    def weights(self):
        return [weight * np.nan for weight in super().weights()]


class Strays(Right):
    def gradients(self, images, labels):
        *rest, last = super().gradients(images, labels)
        return [*rest, last * np.nan]
