"""Records how the recipe `tiny` learns, for the web app's Learn view: `python -m lab.replay` (6 minutes on one core).

It trains with seed 0 on 58,000 of MNIST's training images; the other 2,000, rows 10,000 to 11,999, are those that
`web/src/learn/data.ts` keeps for validation. 30 checkpoints are written to `web/public/learn/replay.bin`, and what
they answer to `tests/golden/replay.json`. The same machine writes the same bytes again.

    replay.bin   zlib's, as a whole; for each checkpoint the length of its file, uint32, little-endian, then the file
    file         a web file (tenfold/exporters/web.py) with int8 weights, for images that are deskewed beforehand

A file's `settings` are the measurements at that checkpoint:

    step, epochs, images    done so far; epochs is a fraction
    training_loss           mean of the last steps, on augmented images, with weights that changed meanwhile; nats
    loss, accuracy          of the file itself on the 2,000 images; accuracy from 0 to 1

Checkpoints are dense at first: number n, from 0, is taken where ln(1 + step / 25) is n / 29 of what it is at the end.
Batch norm has the statistics of some 16,000 training images under the checkpoint's weights, as after weight averaging.
The running statistics that training keeps lag behind while weights change fast: with them the checkpoint of step 102
has an accuracy of 32 % instead of 89 %. From step 6,000 on it makes no difference, and neither does int8 anywhere.
"""

import argparse
import base64
import copy
import json
import math
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from lab.runtimes.torch_graph import GraphNetwork
from tenfold import files
from tenfold.data import load_dataset
from tenfold.exporters.from_torch import inference_layers
from tenfold.exporters.inference_graph import InferenceLayer, evaluate_layers, quantize, softmax
from tenfold.exporters.web import read_web, write_web
from tenfold.models import build_model
from tenfold.models.composite import networks
from tenfold.training.device import execution
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord
from tenfold.training.subset import ImageSubset
from tenfold.training.trainer import Trainer, loss_and_accuracy

ROOT = Path(__file__).parents[1]
REPLAY = ROOT / "web" / "public" / "learn" / "replay.bin"
GOLDEN = ROOT / "tests" / "golden" / "replay.json"
CHECKPOINTS = 30
# Steps up to which checkpoints are about evenly spaced.
EVEN_STEPS = 25
VALIDATION = slice(10_000, 12_000)
# The training loss is the mean of the last tenth of the steps; of so many at least and at most.
LOSS_STEPS = 5, 50
# Of the validation images; so many are stored deskewed as well.
GOLDEN_IMAGES, GOLDEN_DESKEWED = 100, 10


class RecordingTrainer(Trainer):
    """Copies the network after some of the steps: `taken` has (step, network, training loss)."""

    def __init__(self, network: nn.Module, recipe: Recipe, steps: Sequence[int]) -> None:
        super().__init__(network, recipe)
        self.steps = set(steps)
        self.losses: list[float] = []
        self.taken: list[tuple[int, nn.Module, float]] = []
        self.initial = copy.deepcopy(network)

    def step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        found = super().step(images, labels)
        self.losses.append(float(found[0]))
        done = len(self.losses)
        # The loss is from before the update: that of the first step is the untrained network's.
        if done == 1:
            self.taken.append((0, self.initial, self.losses[0]))
        if done in self.steps:
            some = min(max(LOSS_STEPS[0], done // 10), LOSS_STEPS[1])
            self.taken.append((done, copy.deepcopy(self.network), float(np.mean(self.losses[-some:]))))
        return found


def checkpoint_steps(last: int, count: int = CHECKPOINTS) -> list[int]:
    """Steps from 0 to `last`, dense at first."""
    rate = math.log(1 + last / EVEN_STEPS) / (count - 1)
    return [round(EVEN_STEPS * math.expm1(rate * place)) for place in range(count)]


def record(recipe: Recipe, train: ImageSubset, validation: ImageSubset, steps: Sequence[int]) -> Iterator[bytes]:
    """Trains, and yields each checkpoint as a web file. Both subsets are deskewed."""
    config = recipe.training
    with execution(recipe.device), tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(config.seed)
        trainer = RecordingTrainer(networks(build_model(recipe.model))[0], recipe, steps)
        while trainer.epoch < trainer.last_epoch:
            for entry in trainer.run_epoch(train, validation):
                if isinstance(entry, EpochRecord):
                    print(f"epoch {entry.epoch}: {entry.validation_accuracy:.4f} of the validation images right")
        for step, network, training_loss in trainer.taken:
            torch.manual_seed(config.seed)
            update_bn(map(trainer.inputs, train.random_batches(config.batch_size)), network)
            # Half of the bytes of what fits float16 are zeros, which compress to nothing.
            layers = [_in_halves(layer) for layer in inference_layers(network)]
            path = Path(folder) / "checkpoint.10fd"
            stored, _ = read_web(write_web(layers, path, {}))
            loss, accuracy = loss_and_accuracy(GraphNetwork(stored), validation, recipe.device)
            epochs, rest = divmod(step, -(-len(train) // config.batch_size))
            images = epochs * len(train) + rest * config.batch_size
            measured: dict[str, float] = {
                "step": step, "images": images, "epochs": images / len(train), "training_loss": training_loss,
                "loss": loss or 0.0, "accuracy": accuracy or 0.0,
            }  # fmt: skip
            print(json.dumps(measured))
            yield write_web(layers, path, {key: round(value, 4) for key, value in measured.items()}).read_bytes()


def _in_halves(layer: InferenceLayer) -> InferenceLayer:
    """The layer with weights of 8 bits, and scales and biases that fit float16."""
    if layer.weight is None or layer.bias is None:
        return layer
    weight = layer.weight.astype(np.float16)
    if layer.kind != "scale":
        whole, scales = quantize(layer.weight)
        weight = whole * scales.astype(np.float16).astype(np.float32).reshape(-1, *[1] * (whole.ndim - 1))
    return replace(layer, weight=weight.astype(np.float32), bias=layer.bias.astype(np.float16).astype(np.float32))


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    recipe = Recipe.load("tiny").replace(seed=0, threads=1, memory_format="contiguous")
    data = load_dataset("mnist")
    rows = np.arange(len(data.train_images))
    parts = np.delete(rows, VALIDATION), rows[VALIDATION]
    train, validation = (
        ImageSubset.of(data.train_images, data.train_labels, part, torch.device("cpu")).deskewed() for part in parts
    )
    last = recipe.training.epochs * -(-len(train) // recipe.training.batch_size)
    checkpoints = list(record(recipe, train, validation, checkpoint_steps(last)))
    content = b"".join(len(file).to_bytes(4, "little") + file for file in checkpoints)
    files.write_bytes(REPLAY, zlib.compress(content, 9))
    write_golden(checkpoints, data.train_images[VALIDATION][:GOLDEN_IMAGES], validation)


def write_golden(checkpoints: Sequence[bytes], images: np.ndarray, validation: ImageSubset) -> None:
    """Some images before and after deskewing, what each checkpoint answers to the first, and the last one to all."""
    upright = validation.images[: len(images)].numpy()
    with tempfile.TemporaryDirectory() as folder:
        graphs = [read_web(files.write_bytes(Path(folder) / "checkpoint.10fd", file))[0] for file in checkpoints]
    document = {
        "pixels": base64.b64encode(zlib.compress(images.tobytes(), 9)).decode(),
        "upright": base64.b64encode(zlib.compress(upright[:GOLDEN_DESKEWED].tobytes(), 9)).decode(),
        "labels": validation.labels[: len(images)].tolist(),
        "probabilities": [[round(float(p), 6) for p in softmax(evaluate_layers(g, upright[:1]))[0]] for g in graphs],
        "answers": evaluate_layers(graphs[-1], upright).argmax(1).tolist(),
    }
    files.write_text(GOLDEN, json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
