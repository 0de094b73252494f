"""Tenfold's own trainer, as `tenfold train` runs it, on the given batches."""

from contextlib import ExitStack

import numpy as np
import torch
from torch import Tensor, nn

from lab.frameworks.framework_task import Floats, Labels, Task
from lab.frameworks.on_pytorch import PyTorch
from tenfold.training.device import execution
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord
from tenfold.training.subset import ImageSubset
from tenfold.training.trainer import Trainer

# More than are run: epochs are requested one at a time.
EPOCHS = 1000
HELD = 500


class Tenfold(PyTorch):
    """The tutorial's recipe with the task's network, batch size and rate. Images stay bytes, as the trainer keeps them.

    Its Adam has the paper's epsilon, which no recipe can change; here it gets the task's.
    """

    def __init__(self, task: Task, weights: list[Floats], threads: int) -> None:
        super().__init__(task, weights, threads)
        recipe = Recipe.load("tutorial").replace(
            threads=threads, batch_size=task.batch_size, epochs=EPOCHS, learning_rate=task.learning_rate,
            memory_format="channels_last",
        )  # fmt: skip
        # The trainer gives float32[N,28,28].
        self.trainer = OrderedTrainer(nn.Sequential(nn.Unflatten(1, (1, 28)), self.model), recipe)
        self.trainer.optimizer.epsilon = task.epsilon
        # Kept as long as this object; closing would restore the previous settings.
        self.settings = ExitStack()
        self.settings.enter_context(execution(recipe.device))

    def load_data(self, images: Floats, labels: Labels) -> None:
        self.bytes, self.classes = np.empty(images.shape, np.uint8), labels
        for start in range(0, len(images), HELD):  # So few at a time stay in the processor's cache.
            self.bytes[start : start + HELD] = np.rint(255 * images[start : start + HELD])

    def train(self, order: Labels) -> float:
        device = torch.device("cpu")
        part, nothing = (ImageSubset.of(self.bytes, self.classes, rows, device) for rows in (order, order[:0]))
        *_, record = self.trainer.run_epoch(part, nothing)
        assert isinstance(record, EpochRecord)
        return record.train_loss


class OrderedTrainer(Trainer):
    """A trainer that uses the images in the given order."""

    def order(self, count: int) -> Tensor:
        return torch.arange(count)
