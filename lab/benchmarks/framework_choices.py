"""The cost of the choices that `python -m lab.frameworks` makes for each framework, compared with the alternatives.

    python -m lab.benchmarks.framework_choices            all, three rounds
    python -m lab.benchmarks.framework_choices denormals  those whose name contains this

Each is trained in a separate process on one core, the two alternatives interleaved, the same steps repeatedly: the time
of a step is the median over the repeats after the first, and over rounds. Writes results/framework_choices.json.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab import RESULTS

ROUNDS = 3


EPOCH = 1500
# Framework, network, the other way, steps and repeats.
CHOICES = {
    "jax: cnn in a scan": ("jax", "cnn", "scan", 20, 4),
    "jax: mlp by steps": ("jax", "mlp", "steps", EPOCH, 4),
    "pytorch: cnn, channels first": ("pytorch", "cnn", "contiguous", 100, 4),
    "keras-tensorflow: cnn with XLA": ("keras-tensorflow", "cnn", "xla", 96, 4),
    "keras-tensorflow: mlp without XLA": ("keras-tensorflow", "mlp", "no xla", EPOCH, 4),
    "tenfold: mlp with autograd": ("tenfold", "mlp", "autograd", EPOCH, 4),
    "pytorch: denormals kept": ("pytorch", "mlp", "denormals", EPOCH, 6),
    "numpy: denormals kept": ("numpy", "mlp", "denormals", EPOCH, 6),
    "scikit-learn: denormals kept": ("scikit-learn", "mlp", "denormals", EPOCH, 6),
    "tinygrad: denormals kept": ("tinygrad", "mlp", "denormals", EPOCH, 6),
}


def main() -> None:
    from lab.frameworks.framework_registry import FRAMEWORKS
    from lab.frameworks.framework_task import TASKS, save_weights
    from lab.worker import run_worker
    from tenfold.machine import usable_cores

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", default="", help="only choices whose name contains this")
    part = parser.parse_args().part
    wanted = {name: choice for name, choice in CHOICES.items() if part in name}
    found: dict[str, dict[str, list[float]]] = {name: {"taken": [], "other": []} for name in wanted}
    with tempfile.TemporaryDirectory(prefix="tenfold-choices-") as folder:
        for _ in range(ROUNDS):
            for name, (framework, network, other, steps, repeats) in wanted.items():
                weights = save_weights(Path(folder) / "weights.npz", TASKS[network].first_weights(0))
                entry = FRAMEWORKS[framework]
                for way in ("taken", "other"):
                    spec = {
                        "target": entry.target, "network": network, "weights": str(weights), "steps": steps,
                        "repeats": repeats, "other": other if way == "other" else "",
                    }  # fmt: skip
                    result = run_worker(
                        "lab.benchmarks.framework_choices:timed",
                        spec,
                        cores=usable_cores()[:1],
                        seconds=600,
                        memory_gb=8,
                        environment=entry.environment,
                    )
                    found[name][way].append(result["step_ms"])
                print(name, {way: [round(value, 3) for value in values] for way, values in found[name].items()})
                write(found)
    for name, row in write(found).items():
        print(f"{name}: {row['other_ms']:.3g} ms a step, {row['times']:.3g} times the {row['taken_ms']:.3g} taken")


def write(found: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """Puts what was found so far in the place of what the file had of it."""
    from tenfold.machine import describe_environment

    rows = {
        name: {
            **{f"{way}_ms": statistics.median(values) for way, values in ways.items()},
            "times": statistics.median(b / a for a, b in zip(ways["taken"], ways["other"], strict=True)),
            "rounds": ways,
        }
        for name, ways in found.items()
        if ways["other"]
    }
    file = RESULTS / "framework_choices.json"
    before = json.loads(file.read_text())["rows"] if file.exists() else {}
    file.write_text(json.dumps({"environment": describe_environment(), "rows": {**before, **rows}}, indent=2) + "\n")
    return rows


def timed(spec: dict[str, Any]) -> dict[str, float]:
    """In a worker: milliseconds a step."""
    from lab.frameworks import framework_measurement as measure
    from lab.frameworks.framework_task import TASKS, Digits, load_weights
    from lab.worker import resolve

    task, other = TASKS[spec["network"]], spec["other"]
    images, labels = Digits().train
    orders = [task.order(0, epoch, len(images))[: spec["steps"] * task.batch_size] for epoch in range(spec["repeats"])]
    if other in ("xla", "no xla"):
        from lab.frameworks import on_keras

        on_keras._compiles = lambda task: other == "xla"
    if other == "autograd":
        from tenfold.training import trainer

        trainer.TRACED_STEPS = 10**9
    make: Callable[..., Any] = resolve(spec["target"])
    if other != "denormals":
        measure._round_denormals_to_zero()
    framework = make(task, load_weights(Path(spec["weights"])), 1)
    if other in ("scan", "steps"):
        framework.scans = other == "scan"
    if other == "contiguous":
        import torch

        framework.model.to(memory_format=torch.contiguous_format)
    framework.load_data(images, labels)
    times = []
    for order in orders:
        started = time.perf_counter()
        framework.train(order)
        times.append(1e3 * (time.perf_counter() - started) / spec["steps"])
    return {"step_ms": statistics.median(times[1:])}


if __name__ == "__main__":
    main()
