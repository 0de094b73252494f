"""Training in the web app's Learn view, in Chromium, compared with PyTorch on the same images.

    make web-app && python -m lab.benchmarks.learn [--seeds 3] [--out lab/results]

Writes `learn.json`: for each of the two networks the seconds of an epoch, without its evaluation; the validation
accuracy after the last epoch with each seed, in the browser and in PyTorch; and the seconds until 98 % of the
validation images are right. Of the page, while a network trains in the view: frames and long tasks. Run it on a quiet
machine.
"""

import argparse
import json
import statistics
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from playwright.sync_api import Page

from lab import RESULTS
from lab.benchmarks.local_server import served
from lab.benchmarks.web_app import WEB_APP, browser
from tenfold.machine import describe_environment
from tenfold.models import build_model
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord
from tenfold.training.subset import ImageSubset
from tenfold.training.trainer import Trainer

# As web/src/learn/current-training.ts has them.
TRAIN, IMAGES = 10_000, 12_000
RECIPES = {
    "tutorial": Recipe.load("tutorial"),
    "convolutions": Recipe.load("tiny").replace(
        width=16, sharing="A-AA-A", deskew=False, learning_rate=0.03, schedule="cosine", warmup=0.15, batch_size=32,
        epochs=8, rotation=0.0, shear=0.0, zoom=0.0, shift=0.0,
    ),
}  # fmt: skip
# Trains in a worker as the view does, without the view.
TRAIN_IN_WORKER = """async ({ script, model, training }) => {
  const stream = (await fetch("learn/mnist/train-0.bin")).body.pipeThrough(new DecompressionStream("deflate"));
  const content = new Uint8Array(await new Response(stream).arrayBuffer());
  const pixels = content.slice(12000).map((level) => Math.round((255 * level) / 31));
  const part = (start, end) => ({ labels: content.slice(start, end), pixels: pixels.slice(784 * start, 784 * end) });
  const worker = new Worker(script, { type: "module" });
  const records = [];
  const start = performance.now();
  await new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      if (data.kind === "epoch") records.push({ ...data.result.record, elapsed: (performance.now() - start) / 1000 });
      if (data.kind === "failed") reject(new Error(data.message));
      if (data.kind === "finished") resolve();
    };
    const parts = { train: part(0, 10000), validation: part(10000, 12000) };
    worker.postMessage({ kind: "begin", settings: { model, training }, ...parts });
    worker.postMessage({ kind: "run" });
  });
  worker.terminate();
  return records;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    result: dict[str, Any] = {}
    with served() as url, browser() as page:
        page.goto(url)
        for name, recipe in RECIPES.items():
            result[name] = compare(page, recipe, options.seeds)
            print(name, json.dumps(result[name], indent=1))
        result["view"] = watch(page)
        print("view", json.dumps(result["view"], indent=1))
    result["environment"] = describe_environment()
    (options.out / "learn.json").write_text(json.dumps(result, indent=1) + "\n")


def compare(page: Page, recipe: Recipe, seeds: int) -> dict[str, Any]:
    """The same recipe in the browser and in PyTorch, seed by seed."""
    found: dict[str, Any] = {"epoch_seconds": [], "browser": [], "pytorch": [], "seconds_to_98_percent": []}
    for seed in range(seeds):
        seeded = recipe.replace(seed=seed, threads=1, precision="float32", memory_format="contiguous")
        records = in_browser(page, seeded)
        found["epoch_seconds"] += [record["seconds"] for record in records]
        found["browser"].append(records[-1]["validationAccuracy"])
        reached = [record["elapsed"] for record in records if record["validationAccuracy"] >= 0.98]
        found["seconds_to_98_percent"].append(reached[0] if reached else None)
        found["pytorch"].append(in_pytorch(seeded).validation_accuracy)
    found["epoch_seconds_median"] = statistics.median(found["epoch_seconds"])
    found["mean_difference"] = float(np.mean(found["browser"]) - np.mean(found["pytorch"]))
    return found


def in_browser(page: Page, recipe: Recipe) -> list[dict[str, Any]]:
    (script,) = WEB_APP.glob("assets/train-worker-*.js")
    config = recipe.training
    fields = ["learning_rate", "batch_size", "epochs", "schedule", "warmup", "beta1", "beta2", "weight_decay", "seed"]
    training = {name: getattr(config, name) for name in fields}
    model = {"architecture": "mlp" if "hidden" in vars(recipe.model) else "recurrent", **vars(recipe.model)}
    answer: list[dict[str, Any]] = page.evaluate(
        TRAIN_IN_WORKER, {"script": f"assets/{script.name}", "model": model, "training": training}
    )
    return answer


def in_pytorch(recipe: Recipe) -> EpochRecord:
    content = zlib.decompress((WEB_APP / "learn" / "mnist" / "train-0.bin").read_bytes())
    labels = np.frombuffer(content[:IMAGES], np.uint8).astype(np.int64)
    levels = np.frombuffer(content[IMAGES:], np.uint8).reshape(IMAGES, 28, 28)
    images = torch.from_numpy(np.round(levels * (255 / 31)).astype(np.uint8))
    parts = [
        ImageSubset(images, torch.from_numpy(labels), torch.arange(start, end))
        for start, end in ((0, TRAIN), (TRAIN, IMAGES))
    ]
    torch.manual_seed(recipe.training.seed)
    trainer = Trainer(build_model(recipe.model), recipe)
    for _ in range(recipe.training.epochs):
        *_, record = trainer.run_epoch(*parts)
    assert isinstance(record, EpochRecord)
    return record


def watch(page: Page) -> dict[str, Any]:
    """The page's main thread while the tutorial's network trains in the view: long tasks, and frames."""
    page.add_init_script(
        "window.tasks = [];"
        "new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)))"
        "  .observe({ type: 'longtask' });"
    )
    page.goto(page.url.split("#")[0] + "?watch#learn/4")
    page.wait_for_selector("#learn h2")
    page.wait_for_timeout(2000)
    page.evaluate(
        "window.tasks.length = 0; window.gaps = []; let last = performance.now();"
        "const frame = (now) => { gaps.push(now - last); last = now; requestAnimationFrame(frame); };"
        "requestAnimationFrame(frame);"
    )
    start = time.perf_counter()
    page.click("#learn button.main")
    page.wait_for_selector("#learn [data-status=finished]", timeout=120_000)
    seconds = time.perf_counter() - start
    gaps = page.evaluate("gaps")
    return {
        "seconds": seconds,
        "tasks_over_50_ms": page.evaluate("tasks"),
        "frames_per_second": len(gaps) / seconds,
        "longest_frame_ms": max(gaps),
    }


if __name__ == "__main__":
    main()
