"""Epoch time and memory as the data grows: 6,000 to 600,000 images, memory-mapped.

    python -m lab.benchmarks.dataset_growth                   recipe dash
    python -m lab.benchmarks.dataset_growth --recipe tutorial

Generates data sets of MNIST's digits, each copy shifted a little; trains one epoch of the recipe on each,
in a separate process; and writes results/growth.json and docs/pictures/growth.png. Peak memory is the process's
largest resident set, which counts the pages of the mapped file that are in memory.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from lab import PICTURES, RESULTS

SIZES = (6_000, 20_000, 60_000, 200_000, 600_000)
REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="dash")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options.one, options.recipe)
        return
    from tenfold.machine import describe_environment

    rows = []
    with tempfile.TemporaryDirectory(prefix="tenfold-growth-") as folder:
        for size in SIZES:
            path = make(Path(folder) / str(size), size)
            words = [
                sys.executable,
                "-m",
                "lab.benchmarks.dataset_growth",
                "--one",
                str(path),
                "--recipe",
                options.recipe,
            ]
            runs = [json.loads(subprocess.check_output(words, text=True)) for _ in range(REPEATS)]
            seconds = statistics.median(run["seconds"] for run in runs)
            rows.append(
                {
                    "images": size,
                    "seconds": seconds,
                    "microseconds_an_image": 1e6 * seconds / size,
                    "peak_mb": max(run["peak_mb"] for run in runs),
                    "device": runs[0]["device"],
                }
            )
            print(rows[-1], file=sys.stderr)
    document = {"recipe": options.recipe, "repeats": REPEATS, "environment": describe_environment(), "rows": rows}
    (RESULTS / "growth.json").write_text(json.dumps(document, indent=2) + "\n")
    draw(rows, PICTURES / "growth.png")


def make(path: Path, size: int) -> Path:
    """A folder with arrays of `size` images: MNIST's, then copies, each shifted at random."""
    import numpy as np
    import torch

    from tenfold.data import load_dataset
    from tenfold.training.augment import make_augmentation
    from tenfold.training.recipe import AugmentConfig

    path.mkdir(parents=True)
    data = load_dataset("mnist")
    augment = make_augmentation(AugmentConfig(rotation=10.0, shear=0.1, zoom=0.1, shift=1.5), torch.device("cpu"))
    images = np.lib.format.open_memmap(path / "images.npy", "w+", np.uint8, (size, 28, 28))
    labels = np.resize(data.train_labels, size)
    torch.manual_seed(0)
    for start in range(0, size, 10_000):
        stop = min(size, start + 10_000)
        chosen = np.arange(start, stop) % len(data.train_images)
        pixels = data.train_images[chosen]
        if start >= len(data.train_images):
            pixels = augment(torch.from_numpy(pixels).float()).round().byte().numpy()
        images[start:stop] = pixels
    images.flush()
    np.save(path / "labels.npy", labels)
    return path


def one(path: Path, recipe_name: str) -> None:
    """Trains one epoch on the arrays in `path`, mapped; prints seconds and the peak of memory."""
    import numpy as np

    from tenfold import Dataset, Recipe, load_dataset, train

    mnist = load_dataset("mnist")
    data = Dataset(
        name=f"mnist-{path.name}",
        train_images=np.load(path / "images.npy", mmap_mode="r"),
        train_labels=np.load(path / "labels.npy"),
        test_images=mnist.test_images,
        test_labels=mnist.test_labels,
        class_names=mnist.class_names,
        origin="copies of MNIST, moved a little",
    )
    with tempfile.TemporaryDirectory() as folder:
        run = train(Recipe.load(recipe_name).replace(epochs=1, threads=1), data, folder=Path(folder))
        seconds, device = run.history[0].seconds, vars(run.recipe.device)
    # Not ru_maxrss, which starts at the parent's memory when it forked.
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": round(peak), "device": device}))


def draw(rows: list[dict], path: Path) -> None:
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    time, memory = figure.subplots(1, 2)
    sizes = [row["images"] for row in rows]
    time.plot(sizes, [row["seconds"] for row in rows], "o-", color="#2563c9")
    time.set_yscale("log")
    time.set_title("seconds an epoch", loc="left", fontsize=10, fontweight="bold")
    memory.plot(sizes, [row["peak_mb"] for row in rows], "o-", color="#d4550f")
    memory.set_ylim(0, 1600)
    memory.axhline(1500, color="#6b6b70", linewidth=0.8, linestyle=(0, (4, 3)))
    memory.set_title("peak memory, MB", loc="left", fontsize=10, fontweight="bold")
    for axes in (time, memory):
        axes.set_xscale("log")
        axes.set_xlabel("images")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.grid(color="#dededf", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=144, facecolor="white")


if __name__ == "__main__":
    main()
