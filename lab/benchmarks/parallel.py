"""How much sooner an epoch ends when two processes share each batch.

    python lab/benchmarks/parallel.py [--recipe accurate] [--epochs 2] [--rounds 3] [--out lab/results]

The recipe in one process of one thread, in one of two threads, and in two workers of one thread each, in float32 and in
bfloat16: in turns, each the whole `tenfold train` in a process of its own. The seconds are those of an epoch, the mean
over a run's; what begins and ends a run is told apart. What is measured is written at once, so a benchmark that was
stopped goes on with the next. Run it on a quiet machine with two cores.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tenfold.machine import usable_cores
from tenfold.runs.environment import describe_environment
from tenfold.runs.run import Run

WAYS = {
    "one thread": ("--threads", "1"),
    "two threads": ("--threads", "2"),
    "two workers": ("--threads", "1", "--workers", "2"),
}
PRECISIONS = ("float32", "bfloat16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="accurate")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "parallel.json"
    task = {"recipe": options.recipe, "epochs": options.epochs}
    # Another command of the same machine and versions goes on with what is there.
    environment = {**describe_environment(), "command": "python lab/benchmarks/parallel.py"}
    known = json.loads(path.read_text()) if path.exists() else {}
    if known.get("environment") != environment or known.get("task") != task:
        known = {"environment": environment, "task": task, "measured": {}}
    for turn in range(options.rounds):
        for precision in PRECISIONS:
            for way, words in WAYS.items():
                found = known["measured"].setdefault(f"{precision}, {way}", [])
                if len(found) > turn:
                    continue
                found.append(measure(options.recipe, options.epochs, precision, words))
                known["summary"] = summary(known["measured"])
                path.write_text(json.dumps(known, indent=2) + "\n")
                print(f"round {turn + 1}, {precision}, {way}: {found[-1]['epoch_seconds']:.2f} s an epoch", flush=True)
    print(json.dumps(known["summary"], indent=2))


def measure(recipe: str, epochs: int, precision: str, words: tuple[str, ...]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tenfold", "train", recipe, "--epochs", str(epochs), "--precision", precision,
                   "--layout", "channels_last", *words, "--out", folder, "--json"]  # fmt: skip
        begun = time.perf_counter()
        told = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - begun
        history = Run.load(json.loads(told.stdout)["run"]).history
    trained = [record.seconds for record in history]
    return {
        "epoch_seconds": statistics.mean(trained),
        "other_seconds": seconds - sum(trained),
        "train_loss": history[-1].train_loss,
    }


def summary(measured: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    """Medians over the rounds, and of each round's ratio to the process of one thread."""
    told = {}
    for name, found in measured.items():
        told[f"{name}: seconds an epoch"] = statistics.median(m["epoch_seconds"] for m in found)
        told[f"{name}: seconds beside"] = statistics.median(m["other_seconds"] for m in found)
        first = measured[f"{name.split(', ')[0]}, one thread"]
        ratios = [one["epoch_seconds"] / m["epoch_seconds"] for one, m in zip(first, found, strict=False)]
        told[f"{name}: rate, one thread is 1"] = statistics.median(ratios)
    return told


if __name__ == "__main__":
    assert len(usable_cores()) >= 2, "two workers want two cores"
    main()
