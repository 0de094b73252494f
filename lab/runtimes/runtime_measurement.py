"""The tasks of a worker: convert a model, compute answers, measure loading, or measure speed."""

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lab.memory import peak_bytes
from lab.runtimes.runtime_protocol import Images, Runtime
from lab.worker import broken, resolve

# The gate reads this many images one at a time, as for latency, and the rest in batches of this size.
ALONE, TOGETHER = 100, 225
# Batch sizes for throughput.
BATCHES = (1, 16, 64, 256)
# Warm-up: fills caches, and lets just-in-time compilers finish.
WARM_SECONDS, WARM_CALLS = 0.3, 20
FEWEST_CALLS = 5


def convert(spec: dict[str, Any]) -> dict[str, Any]:
    """Converts the model to the runtime's own file. spec: target, folder. Adds its versions to the status."""
    try:
        call = resolve(spec["target"])
    except Exception as error:
        return broken(error)
    return {"status": "converted", **call(Path(spec["folder"]))}


def answers(spec: dict[str, Any]) -> dict[str, Any]:
    """Stores the probabilities of all images. spec: target, file, threads, images, answers (files of arrays)."""
    images = np.load(spec["images"], mmap_mode="r")
    try:
        make = resolve(spec["target"])
    except Exception as error:
        return broken(error)
    runtime = make(Path(spec["file"]), spec["threads"])
    starts = [*range(ALONE), *range(ALONE, len(images), TOGETHER), len(images)]
    parts = [runtime.answer(np.array(images[start:stop])) for start, stop in pairwise(starts)]
    np.save(spec["answers"], np.concatenate(parts))
    return {"status": "answered"}


def load(spec: dict[str, Any]) -> dict[str, Any]:
    """Time to the first answer in a fresh process, without Python and NumPy, and memory after fifty images.

    spec: as for `answers`. Files are in the system's cache.
    """
    images = np.array(np.load(spec["images"], mmap_mode="r")[:50])
    before = peak_bytes()
    started = time.perf_counter()
    make = resolve(spec["target"])
    imported = time.perf_counter()
    runtime = make(Path(spec["file"]), spec["threads"])
    opened = time.perf_counter()
    runtime.answer(images[:1])
    answered = time.perf_counter()
    for place in range(1, len(images)):
        runtime.answer(images[place : place + 1])
    return {
        "status": "measured",
        "import_s": imported - started,
        "open_s": opened - imported,
        "first_s": answered - opened,
        "load_s": answered - started,
        "peak_bytes": peak_bytes(),
        "bare_bytes": before,
    }


def clock(spec: dict[str, Any]) -> dict[str, Any]:
    """Latency of one image and throughput of several. spec: as for `answers`, and seconds: half for either.

    From NumPy to NumPy, another image each time.
    """
    images = np.array(np.load(spec["images"], mmap_mode="r"))
    runtime = resolve(spec["target"])(Path(spec["file"]), spec["threads"])
    half = spec["seconds"] / 2
    _calls(runtime, images, 1, WARM_SECONDS, WARM_CALLS)
    times = np.array(_calls(runtime, images, 1, half, FEWEST_CALLS))
    throughput = {}
    for size in BATCHES:
        _calls(runtime, images, size, 0, 2)
        taken = _calls(runtime, images, size, half / len(BATCHES), FEWEST_CALLS)
        throughput[str(size)] = size * len(taken) / sum(taken)
    return {
        "status": "measured",
        "latency_ms": 1e3 * float(np.median(times)),
        "latency_p99_ms": 1e3 * float(np.percentile(times, 99)),
        "calls": len(times),
        "images_per_s": throughput,
        "peak_bytes": peak_bytes(),
    }


def _calls(runtime: Runtime, images: Images, size: int, seconds: float, fewest: int) -> list[float]:
    """Seconds of each call, as many as there is time for."""
    taken: list[float] = []
    start, end = 0, time.perf_counter() + seconds
    while len(taken) < fewest or time.perf_counter() < end:
        batch = images[start : start + size]
        started = time.perf_counter()
        runtime.answer(batch)
        taken.append(time.perf_counter() - started)
        start = start + size if start + 2 * size <= len(images) else 0
    return taken
