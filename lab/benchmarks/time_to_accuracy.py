"""Training time to 97, 98, 99 and 99.5 % accuracy: our recipes compared with the networks of common tutorials.

    python -m lab.benchmarks.time_to_accuracy                 everything; hours, most of them for PyTorch's example
    python -m lab.benchmarks.time_to_accuracy --show          the table and the chart of existing results

Each peer is code as published by its authors (lab/peers), trained in a separate process on an idle machine. First,
training on 48,000 images finds the number of epochs after which each reaches 97, 98, 99 and 99.5 % on the other 12,000.
Then each is trained on all 60,000 for that number of epochs with several seeds, interleaved, so that a slow hour
affects all, and evaluated on the test images. Seconds include preparation and training, not imports or evaluation.
Every run is stored in results/time_to_accuracy.jsonl when it ends, so that an interrupted benchmark resumes.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from lab import PICTURES, RESULTS
from tenfold.machine import describe_environment

RUNS = RESULTS / "time_to_accuracy.jsonl"
TARGETS = (0.97, 0.98, 0.99, 0.995)
SEEDS = (0, 1)
# Seeds of the runs on 48,000 images.
CHOOSING = (100, 101)
# The most epochs that each is given: what its authors trained it for, or where it has long stopped getting better.
PEERS = {
    "sprint": ("tenfold_recipe --recipe sprint", None),
    "dash": ("tenfold_recipe --recipe dash", None),
    "accurate": ("tenfold_recipe --recipe accurate", None),
    "tutorial": ("tenfold_recipe --recipe tutorial", 10),
    "PyTorch example": ("pytorch_example", 14),
    "Keras example": ("keras_convnet", 15),
    "scikit-learn MLP": ("sklearn_mlp", 20),
}
OURS = ("sprint", "dash", "accurate")
# Where a name would lie on a line.
LABELS = {"tutorial": (-20, 8), "scikit-learn MLP": (4, -14)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="measure nothing")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), help="only these")
    options = parser.parse_args()
    if not options.show:
        if not RUNS.exists():
            RUNS.write_text(json.dumps(describe_environment()) + "\n")
        for seed in CHOOSING:
            for peer in options.peers:
                measured(peer, seed, PEERS[peer][1], split=True)
        for seed in SEEDS:
            for peer in options.peers:
                for epochs in wanted_epochs(peer):
                    measured(peer, seed, epochs, split=False)
    show(options.peers)


def measured(peer: str, seed: int, epochs: int | None, split: bool) -> list[dict[str, float]]:
    """The lines of one run: as they were kept, or measured now."""
    key = {"peer": peer, "seed": seed, "epochs": epochs, "split": split}
    for run in kept_runs():
        if {name: run[name] for name in key} == key:
            return run["lines"]
    module, *flags = PEERS[peer][0].split()
    words = [sys.executable, "-m", f"lab.peers.{module}", *flags, "--seed", str(seed)]
    words += ["--epochs", str(epochs)] if epochs else []
    done = subprocess.run([*words, *(["--split"] if split else [])], check=True, stdout=subprocess.PIPE, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    with RUNS.open("a") as file:
        file.write(json.dumps({**key, "lines": lines}) + "\n")
    print(f"{key}: {lines[-1]}", file=sys.stderr, flush=True)
    return lines


def kept_runs() -> list[dict]:
    if not RUNS.exists():
        return []
    text = RUNS.read_text()
    if not text.endswith("\n"):  # Cut short by a kill.
        text = text[: text.rfind("\n") + 1]
        RUNS.write_text(text)
    return [json.loads(line) for line in text.splitlines()[1:]]


def chosen_epochs(peer: str, target: float) -> int | None:
    """The first epoch after which the mean accuracy on the images kept back is the target, or None."""
    runs = [
        {line["epoch"]: line["accuracy"] for line in measured(peer, seed, PEERS[peer][1], True)} for seed in CHOOSING
    ]
    reached = [epoch for epoch in runs[0] if statistics.mean(run[epoch] for run in runs) >= target]
    return min(reached, default=None)


def wanted_epochs(peer: str) -> list[int | None]:
    """The epochs of the runs on all images: one run if its first epochs equal shorter runs, else one for each."""
    if peer in OURS:
        return [None]
    epochs = sorted({found for target in TARGETS if (found := chosen_epochs(peer, target))})
    return epochs if PEERS[peer][0].startswith("tenfold") else epochs[-1:]


def figures(peer: str, target: float) -> dict[str, object] | None:
    """Results of the runs on all images, for the number of epochs chosen for the target."""
    epoch = chosen_epochs(peer, target)
    if epoch is None:
        return None
    lines = []
    for run in kept_runs():
        if run["peer"] == peer and not run["split"] and run["seed"] in SEEDS:
            lines += [line for line in run["lines"] if line["epoch"] == epoch]
    if not lines:
        return None
    seconds = [line["seconds"] for line in lines]
    accuracies = [100 * line["accuracy"] for line in lines]
    return {
        "epochs": epoch,
        "n": len(lines),
        "seconds": statistics.median(seconds),
        "seconds_least": min(seconds),
        "seconds_most": max(seconds),
        "accuracy": statistics.mean(accuracies),
        "accuracy_worst": min(accuracies),
    }


def show(peers: list[str]) -> None:
    """Prints the table; writes time_to_accuracy.json, with machine and versions, and docs/pictures/peers.png."""
    table: dict[str, dict[str, object]] = {}
    print("| to | " + " | ".join(peers) + " |\n|---|" + "---:|" * len(peers))
    for target in TARGETS:
        row = {peer: figures(peer, target) for peer in peers}
        ours = min((row[p]["seconds"] for p in OURS if row.get(p)), default=None)  # type: ignore[index]
        cells = []
        for peer in peers:
            found = row[peer]
            if found is None:
                cells.append("not reached")
                continue
            found["times_ours"] = found["seconds"] / ours if ours else None  # type: ignore[operator]
            epochs = f"{found['epochs']} epoch" + ("" if found["epochs"] == 1 else "s")
            ratio = "" if peer in OURS or not ours else f", {found['times_ours']:.0f} x"
            missed = "" if found["accuracy"] >= 100 * target else ", missed on the test images"
            cells.append(f"{found['seconds']:.1f} s{ratio} ({epochs}, {found['accuracy']:.2f} %{missed})")
        print(f"| {100 * target:g} % | " + " | ".join(cells) + " |")
        table[f"{100 * target:g}"] = row
    environment = json.loads(RUNS.read_text().splitlines()[0])
    document = {"environment": environment, "targets": table}
    (RESULTS / "time_to_accuracy.json").write_text(json.dumps(document, indent=2) + "\n")
    draw(peers, PICTURES / "peers.png")


def draw(peers: list[str], path: Path) -> None:
    """Accuracy on the test images against seconds of training, both on log axes; the mean of the seeds."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for peer in peers:
        runs = [run["lines"] for run in kept_runs() if run["peer"] == peer and not run["split"]]
        points = {
            epoch: [line for lines in runs for line in lines if line["epoch"] == epoch]
            for epoch in sorted({line["epoch"] for lines in runs for line in lines})
        }
        if not points:
            continue
        seconds = [statistics.median(line["seconds"] for line in lines) for lines in points.values()]
        errors = [100 - 100 * statistics.mean(line["accuracy"] for line in lines) for lines in points.values()]
        color = "#2563c9" if peer in OURS else "#6b6b70"
        axes.plot(seconds, errors, "o-", color=color, markersize=4, linewidth=1.2)
        place = LABELS.get(peer, (6, -3))
        axes.annotate(
            peer, (seconds[-1], errors[-1]), xytext=place, textcoords="offset points", color=color, fontsize=9
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.invert_yaxis()
    axes.yaxis.set_major_locator(FixedLocator([5, 4, 3, 2, 1, 0.5, 0.3]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 - error:g} %"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g} s"))
    axes.set_title(
        "Accuracy on the test images against seconds of training", loc="left", fontsize=10, fontweight="bold"
    )
    axes.grid(color="#dededf", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * 2)
    figure.savefig(path, dpi=144, facecolor="white")


if __name__ == "__main__":
    main()
