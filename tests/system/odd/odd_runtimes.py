"""Runtimes that go wrong, each in its own way, and one that does everything right."""

import os
import time

import numpy as np

from lab.runtimes.on_onnxruntime import ONNXRuntime as Right


class Crashes(Right):
    def answer(self, images):
        os.abort()


class Raises(Right):
    def answer(self, images):
        raise RuntimeError("out of ideas")


class Hangs(Right):
    def answer(self, images):
        time.sleep(600)


class Swells(Right):
    def answer(self, images):
        self.pile = [np.ones(2**26) for _ in range(64)]


class Tires(Right):
    def answer(self, images):
        if len(images) == 16:
            os.abort()
        return super().answer(images)


class Blurs(Right):
    def answer(self, images):
        return super().answer(images) + np.linspace(0, 3e-4, 10, dtype=np.float32)


class Nans(Right):
    def answer(self, images):
        return super().answer(images) * np.float32(np.nan)


class Cuts(Right):
    def answer(self, images):
        return super().answer(images)[:, :9]
