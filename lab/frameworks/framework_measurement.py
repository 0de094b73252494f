"""The tasks of a worker: compare a framework with the reference, or measure its speed."""

import ctypes
import math
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import log_softmax

from lab.frameworks import framework_reference as reference
from lab.frameworks.framework_protocol import Framework
from lab.frameworks.framework_task import TASKS, Digits, Floats, Labels, Task, load_weights
from lab.memory import peak_bytes
from lab.worker import broken, resolve
from tenfold.errors import TenfoldError

Make = Callable[[Task, list[Floats], int], Framework]

# The gate. Largest difference of log-probabilities, since one framework gives no logits.
LOGITS = 1e-4
# Norm of the difference of each weight's gradient, relative to its norm.
GRADIENTS = 1e-3
# After this many steps, 90 % of the weights must be within this share of the learning rate of the reference. Rounding
# accounts for 0.0002, a wrong epsilon or a rate 1 % off for 0.07 or more. The last 10 % are excluded because rounding
# that puts a unit on the other side of a ReLU moves that unit's weights by whole steps.
STEPS, MOVEMENT = 20, 0.01

TARGET_ACCURACY = 0.97
LATENCY_CALLS = {1: 300, 1024: 30}
PREDICTED = 1024
PRODUCT = 1024


def gate(spec: dict[str, Any]) -> dict[str, Any]:
    """Checks a framework's arithmetic against the reference; measures the time to the end of its first step.

    spec: target, network, weights (file), seed, threads. The status is `passed` or `failed`, with the three differences
    (None for one that is not a number) and the seconds, import left out; or `broken`, with the one line of an import
    that fails.
    """
    digits, task, weights = Digits(), TASKS[spec["network"]], load_weights(Path(spec["weights"]))
    images, labels = digits.train
    order = task.order(spec["seed"], 0, len(images))[: STEPS * task.batch_size]
    images, labels = images[order], labels[order]
    try:
        make = resolve(spec["target"])
    except TenfoldError:
        raise
    except Exception as error:
        return broken(error)
    _round_denormals_to_zero()
    started = time.perf_counter()
    framework = make(task, weights, spec["threads"])
    framework.load_data(images, labels)
    framework.train(np.arange(task.batch_size))
    stepped = time.perf_counter()
    framework.train(np.arange(task.batch_size, len(images)))
    differences = _differences(framework, task, weights, images, labels)
    limits = {"logits": LOGITS, "gradients": GRADIENTS, "movement": MOVEMENT}
    # NaN is under no limit.
    passed = all(differences[name] <= limit for name, limit in limits.items())
    return {
        "status": "passed" if passed else "failed",
        **{name: value if math.isfinite(value) else None for name, value in differences.items()},
        "first_step_s": stepped - started,
    }


def measure(spec: dict[str, Any]) -> dict[str, Any]:
    """Trains the task from first weights to last, and times it: every figure of a cell.

    spec: as for `gate`. Seconds of training begin before the network is built and leave out the accuracy on the
    validation images after each epoch.
    """
    digits, task, weights = Digits(), TASKS[spec["network"]], load_weights(Path(spec["weights"]))
    (images, labels), validation, test = digits.train, digits.validation, digits.test
    orders = [task.order(spec["seed"], epoch, len(images)) for epoch in range(task.epochs)]
    started = time.perf_counter()
    make = resolve(spec["target"])
    imported = time.perf_counter() - started
    _round_denormals_to_zero()
    started = time.perf_counter()
    framework = make(task, weights, spec["threads"])
    framework.load_data(images, labels)
    prepared = time.perf_counter() - started
    epochs, losses, accuracies = [], [], []
    for order in orders:
        started = time.perf_counter()
        losses.append(framework.train(order))
        epochs.append(time.perf_counter() - started)
        accuracies.append(_accuracy(framework, *validation))
    peak = peak_bytes()
    steady = statistics.median(epochs[1:])
    rate, ceiling = _product_gflops(framework), _product_gflops(None)
    latency = {size: _latency_ms(framework, validation[0][:size], calls) for size, calls in LATENCY_CALLS.items()}
    return {
        "status": "measured",
        "import_s": imported,
        "training_s": prepared + sum(epochs),
        "epochs_s": epochs,
        "images_per_s": len(orders[0]) / steady,
        "to_target_s": _seconds_to(TARGET_ACCURACY, accuracies, epochs, prepared),
        "train_loss": losses[-1],
        "validation_accuracy": accuracies,
        "test_accuracy": _accuracy(framework, *test),
        "peak_bytes": peak,
        "latency_1_ms": latency[1],
        "latency_1024_ms": latency[1024],
        "training_gflops": task.flops * len(orders[0]) / steady / 1e9,
        "product_gflops": rate,
        "numpy_product_gflops": ceiling,
    }


def _differences(
    framework: Framework, task: Task, first_weights: list[Floats], images: Floats, labels: Labels
) -> dict[str, float]:
    """Of a framework that was trained on these images, in batches: its weights against those of the reference, and
    its logits and gradients against what the reference makes of the framework's own weights."""
    truth = reference.Adam(task, first_weights)
    for start in range(0, len(images), task.batch_size):
        truth.step(images[start : start + task.batch_size], labels[start : start + task.batch_size])
    apart = [np.abs(a - b).ravel() for a, b in zip(framework.weights(), truth.weights, strict=True)]
    weights = [weight.astype(np.float64) for weight in framework.weights()]
    images, labels = images[: task.batch_size], labels[: task.batch_size]
    wanted = log_softmax(reference.logits(weights, images), 1)
    given = log_softmax(framework.predict(images).astype(np.float64), 1)
    _, slopes = reference.loss_and_gradients(weights, images, labels)
    found = framework.gradients(images, labels)
    return {
        "logits": float(np.abs(given - wanted).max()),
        # Python's own max would pass over a NaN.
        "gradients": float(
            np.max([np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(found, slopes, strict=True)])
        ),
        "movement": float(np.percentile(np.concatenate(apart), 90)) / task.learning_rate,
    }  # fmt: skip


def _accuracy(framework: Framework, images: Floats, labels: Labels) -> float:
    right = 0
    for start in range(0, len(images), PREDICTED):
        part = slice(start, start + PREDICTED)
        right += int((framework.predict(images[part]).argmax(1) == labels[part]).sum())
    return right / len(images)


def _seconds_to(
    target: float, accuracies: Sequence[float], epochs: Sequence[float], prepared: float
) -> float | None:  # fmt: skip
    """Of training, up to the end of the first epoch that read so many validation images right; None without one."""
    for epoch, accuracy in enumerate(accuracies, start=1):
        if accuracy >= target:
            return prepared + sum(epochs[:epoch])
    return None


def _latency_ms(framework: Framework, images: Floats, calls: int) -> float:
    """The median of so many predictions, from NumPy to NumPy, after a tenth as many that are not timed."""
    times = []
    for call in range(-(-calls // 10) + calls):
        started = time.perf_counter()
        framework.predict(images)
        if call >= -(-calls // 10):
            times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def _product_gflops(framework: Framework | None) -> float:
    """The best rate of ten products of two float32 matrices of 1,024 by 1,024; of NumPy's own without a framework."""
    rng = np.random.default_rng(0)
    left, right = (rng.random((PRODUCT, PRODUCT), np.float32) for _ in range(2))
    multiply = (lambda: np.matmul(left, right)) if framework is None else framework.product(left, right)
    least = float("inf")
    for _ in range(12):
        started = time.perf_counter()
        multiply()
        least = min(least, time.perf_counter() - started)
    return 2 * PRODUCT**3 / least / 1e9


def _round_denormals_to_zero() -> None:
    """In this thread and those that it makes: Adam's averages of gradients that died out become denormal numbers.

    Processors are slow at them, and XLA and TensorFlow round them away by themselves; NumPy, scikit-learn and tinygrad
    take 1.9 times as long over six epochs (lab/benchmarks/framework_choices.py). On Linux on x86-64 only: the
    last word of the C library's `fenv_t` there is the register MXCSR (glibc, sysdeps/x86/fpu/bits/fenv.h), whose bits
    15 and 6 say it of results and of inputs (Intel 64 Software Developer's Manual, volume 1, 10.2.3).
    """
    if sys.platform == "linux" and platform.machine() == "x86_64":
        library, environment = ctypes.CDLL("libm.so.6"), (ctypes.c_uint32 * 8)()
        library.fegetenv(environment)
        environment[7] |= 1 << 15 | 1 << 6
        library.fesetenv(environment)
