"""The recipes over seeds: test accuracy and training time, each seed in a separate process.

    python -m lab.benchmarks.recipe_seeds sprint 20
    python -m lab.benchmarks.recipe_seeds dash 10

`tenfold train RECIPE --seeds N` does the same in one process; here each seed includes a cold start. Results
are appended to `results/recipe-NAME.jsonl`, so that an interrupted benchmark resumes; delete the file to start over.
Run it on a quiet machine. Training time includes autotuning, copying the data, and all epochs; it excludes imports and
the export that follows.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from lab import RESULTS
from tenfold.data import load_dataset
from tenfold.evaluation.statistics import spread
from tenfold.exporters.c import run_c
from tenfold.machine import describe_environment
from tenfold.training.recipe import Recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("seeds", type=int)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    kept = options.out / f"recipe-{options.recipe}.jsonl"
    text = kept.read_text() if kept.exists() else ""
    if not text.endswith("\n"):  # Cut short by a kill.
        text = text[: text.rfind("\n") + 1]
        kept.write_text(text)
    lines = text.splitlines()
    if not lines:
        lines = [json.dumps({"recipe": options.recipe, **describe_environment()})]
        kept.write_text(lines[0] + "\n")
    done = {record["seed"]: record for record in map(json.loads, lines[1:])}
    stored = sum(seed in done for seed in range(options.seeds))
    print(f"{stored} of {options.seeds} seeds are in {kept}: --out FOLDER trains them anew", file=sys.stderr)
    for seed in range(options.seeds):
        if seed not in done:
            done[seed] = one_seed(options.recipe, seed)
            with kept.open("a") as file:
                file.write(json.dumps(done[seed]) + "\n")
            print(done[seed], file=sys.stderr)
    show(options.recipe, [done[seed] for seed in range(options.seeds)])


def one_seed(recipe: str, seed: int) -> dict[str, object]:
    """Trains by the recipe's fixed schedule; the last step's weights read the test images, once."""
    folder = Path(tempfile.mkdtemp(prefix="tenfold-"))
    try:
        trained = tenfold("train", recipe, "--seed", str(seed), "--out", str(folder))
        tested = tenfold("evaluate", trained["run"])
        made = Recipe.load(Path(trained["run"], "recipe.toml"))
        header = header_figures(trained["run"], folder / "model.h") if made.model.weight_bits else {}
    finally:
        shutil.rmtree(folder)
    training = trained["training"]
    return {
        "seed": seed,
        "accuracy": tested["accuracy"],
        "seconds": round(training["seconds"], 3),
        "preparing_seconds": round(training["preparing_seconds"], 3),
        "parameters": training["parameters"],
        "train_images": training["train_images"],
        "device": asdict(made.device),
        **header,
    }


def header_figures(run: str, path: Path) -> dict[str, object]:
    """Bytes of weights in a run's C header, whose scales are rounded too, and its accuracy on the test images."""
    tenfold("export", run, "--to", "c", "--out", str(path))
    data = load_dataset("mnist")
    probabilities = run_c(path, data.test_images)
    if probabilities is None:
        raise SystemExit("there is no C compiler: apt-get install gcc")
    size = re.search(r"(\d+) bytes of weights", path.read_text())
    assert size
    return {"c_weight_bytes": int(size[1]), "c_accuracy": float((probabilities.argmax(1) == data.test_labels).mean())}


def tenfold(*words: str) -> dict[str, object]:
    command = [sys.executable, "-m", "tenfold", *words, "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def show(recipe: str, records: list[dict[str, object]]) -> None:
    accuracy, seconds = (spread([float(r[key]) for r in records]) for key in ("accuracy", "seconds"))
    print(f"{recipe}: n {accuracy.n}, {records[0]['parameters']:,} parameters")
    line = (
        f"accuracy  mean {100 * accuracy.mean:.3f} %, worst {100 * accuracy.least:.2f}, best {100 * accuracy.most:.2f}"
    )
    if accuracy.sd is not None and accuracy.interval is not None:
        low, high = accuracy.interval
        line += f", sd {100 * accuracy.sd:.3f}, 95 % interval of the mean {100 * low:.3f} to {100 * high:.3f}"
    print(line)
    if headers := [r for r in records if "c_accuracy" in r]:
        in_c, size = (spread([float(r[key]) for r in headers]) for key in ("c_accuracy", "c_weight_bytes"))
        print(f"in C      mean {100 * in_c.mean:.3f} %, worst {100 * in_c.least:.2f}, {size.most:.0f} bytes of weights")
    print(f"seconds   mean {seconds.mean:.2f}, least {seconds.least:.2f}, most {seconds.most:.2f}")


if __name__ == "__main__":
    main()
