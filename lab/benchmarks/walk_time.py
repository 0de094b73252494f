"""Time and accuracy of the walk: the tutorial recipe over seeds, and the duration of the commands.

    python -m lab.benchmarks.walk_time [--seeds 5] [--out lab/results]

Prints a table and writes `walk.json`. Run it on a quiet machine; each seed runs in a separate process.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab import RESULTS
from tenfold.machine import describe_environment

TENFOLD = [sys.executable, "-m", "tenfold"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tenfold-"))
    try:
        result = {"environment": describe_environment(), "commands": commands(folder), "seeds": []}
        for seed in range(options.seeds):
            result["seeds"].append(one_seed(folder, seed))
            print(f"seed {seed}: {result['seeds'][-1]}", file=sys.stderr)
    finally:
        shutil.rmtree(folder)
    show(result)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "walk.json").write_text(json.dumps(result, indent=2) + "\n")


def one_seed(folder: Path, seed: int) -> dict[str, float]:
    """The whole walk with one seed, as a user runs it."""
    started = time.perf_counter()
    command = [*TENFOLD, "walk", "--seed", str(seed), "--out", str(folder), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    document = json.loads(process.stdout.read())
    peak_kb = os.wait4(process.pid, 0)[2].ru_maxrss
    seconds = time.perf_counter() - started
    return {
        "seed": seed,
        "train_accuracy": document["training"]["train_accuracy"],
        "test_accuracy": document["test"]["accuracy"],
        "training_seconds": document["training"]["seconds"],
        "walk_seconds": seconds,
        "peak_memory_mb": peak_kb / 1024,
        "model_bytes": document["training"]["model_bytes"],
    }


def commands(folder: Path) -> dict[str, float]:
    """Medians in seconds: what a user waits for before anything happens, and a whole training."""
    run([sys.executable, "-c", "import tenfold.data as d; d.load_dataset('mnist')"])  # so that the cache is there
    load = "import time, numpy; from tenfold.data import load_dataset; s = time.perf_counter(); load_dataset('mnist'); "
    warm = run([sys.executable, "-c", load + "print(time.perf_counter() - s)"])
    return {
        "tenfold --help": median([*TENFOLD, "--help"]),
        "tenfold train --help": median([*TENFOLD, "train", "--help"]),
        "tenfold train sprint": median([*TENFOLD, "train", "sprint", "--out", str(folder)], times=5),
        "import tenfold": median([sys.executable, "-c", "import tenfold"]),
        "python alone": median([sys.executable, "-c", "pass"]),
        "load_dataset, cached": float(warm),
    }


def median(command: list[str], times: int = 15) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        run(command)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def show(result: dict[str, object]) -> None:
    seeds = result["seeds"]
    print(f"{'':28}{'mean':>10}{'sd':>10}{'least':>10}{'most':>10}")
    for key, scale, unit in (
        ("train_accuracy", 100, "%"),
        ("test_accuracy", 100, "%"),
        ("training_seconds", 1, "s"),
        ("walk_seconds", 1, "s"),
        ("peak_memory_mb", 1, "MB"),
        ("model_bytes", 1e-6, "MB"),
    ):
        values = [scale * seed[key] for seed in seeds]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        figures = "".join(f"{v:>10.3f}" for v in (statistics.mean(values), spread, min(values), max(values)))
        print(f"{key.replace('_', ' '):28}{figures} {unit}")
    for name, seconds in result["commands"].items():
        print(f"{name:28}{1000 * seconds:>10.1f} ms")


if __name__ == "__main__":
    main()
