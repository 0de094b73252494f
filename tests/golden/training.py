"""What training gives in PyTorch, for the web app to give as well: 50 steps of small networks."""

import base64
import dataclasses
import json
import zlib
from pathlib import Path

import numpy as np
import torch

from tenfold.data import load_dataset
from tenfold.models import build_model
from tenfold.training.recipe import Recipe
from tenfold.training.subset import ImageSubset
from tenfold.training.trainer import Trainer, predict_logits

# Of MNIST's first images: seven batches of 32 and one of 8.
IMAGES = 232
STEPS = 50
RECIPES = {
    "tutorial": Recipe.load("tutorial").replace(seed=3),
    "other activation": Recipe.load("tutorial").replace(
        hidden=(50,), activation="gelu", learning_rate=0.003, weight_decay=0.1, schedule="cosine", warmup=0.2, seed=4
    ),
    "recurrent": Recipe.load("tiny").replace(
        width=8, sharing="AB-A-B", deskew=False, learning_rate=0.01, batch_size=32, seed=5,
        rotation=0.0, shear=0.0, zoom=0.0, shift=0.0,
    ),
}  # fmt: skip


def write_training(path: Path) -> None:
    """Writes images, settings, losses and logits to `path`."""
    data = load_dataset("mnist")
    images, labels = data.train_images[:IMAGES], data.train_labels[:IMAGES].astype(np.int64)
    subset = ImageSubset.whole(torch.from_numpy(np.array(images)), torch.from_numpy(labels))
    cases = {}
    for name, chosen in RECIPES.items():
        steps = -(-IMAGES // chosen.training.batch_size)
        recipe = chosen.replace(epochs=-(-STEPS // steps), threads=1, precision="float32", memory_format="contiguous")
        torch.manual_seed(recipe.training.seed)
        trainer = Trainer(build_model(recipe.model), recipe)
        losses: list[float] = []
        plain = trainer.optimize

        def step(inputs, targets, plain=plain, losses=losses):  # type: ignore[no-untyped-def]
            found = plain(inputs, targets)
            losses.append(float(found[0]))
            return found

        trainer.optimize = step
        for _ in range(recipe.training.epochs):
            for _record in trainer.run_epoch(subset, ImageSubset.whole(subset.images[:0], subset.labels[:0])):
                pass
        logits = predict_logits(trainer.network, subset.images[:4])
        cases[name] = {
            "model": {"architecture": recipe.to_toml().split('architecture = "')[1].split('"')[0]}
            | dataclasses.asdict(recipe.model),
            "training": dataclasses.asdict(recipe.training),
            "losses": losses,
            "probabilities": logits.softmax(1).double().flatten().tolist(),
        }
    document = {
        "pixels": base64.b64encode(zlib.compress(images.tobytes(), 9)).decode(),
        "labels": labels.tolist(),
        "cases": cases,
    }
    path.write_text(json.dumps(document) + "\n", encoding="utf-8")
