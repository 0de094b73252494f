"""Fails unless the run of this report meets the targets of `tenfold walk`: check_walk.py REPORT."""

import json
import sys
from pathlib import Path

report = Path(sys.argv[1])
run = report.parent
figures = json.loads((run / "metrics.json").read_text())
training, test = figures["training"], figures["test"]
checks = {
    "training accuracy > 98 %": training["train_accuracy"] > 0.98,
    "test accuracy >= 97.2 %": test["accuracy"] >= 0.972,
    "48,000 images to train on": training["train_images"] == 48_000,
    "12,000 images to validate on": training["validation_images"] == 12_000,
    "10,000 images to test on": test["images"] == 10_000,
    "109,386 parameters": training["parameters"] == 109_386,
    "model of at most 0.6 MB": training["model_bytes"] <= 600_000,
    "ONNX agrees with torch": training["onnx_difference"] <= 1e-4,
    "ten epochs": len((run / "events.jsonl").read_text().splitlines()) == 10,
    "thirteen figures": len(list((run / "figures").glob("*.png"))) == 13,
    "a report": report.stat().st_size > 200_000,
}
for name, met in checks.items():
    print(f"{'met   ' if met else 'MISSED'}  {name}")
sys.exit(not all(checks.values()))
