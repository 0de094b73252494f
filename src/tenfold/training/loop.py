"""The training loop. It yields records and never prints, writes a file or looks at the test set."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.errors import TrainingError
from tenfold.training.optimizers import decay_weights, make_optimizer
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord, Progress

# How often a Progress is yielded, and the losses are looked at for NaN: often enough for a smooth bar, rarely enough
# to cost nothing.
PROGRESS_SECONDS = 0.1
EVALUATION_BATCH = 2048


@dataclass(frozen=True)
class Part:
    """Images and labels resident on the training device: images uint8[N,28,28], labels int64[N].

    uint8 takes a quarter of float's memory and bandwidth; a batch becomes float32 in [0,1] when it is used.
    """

    images: Tensor
    labels: Tensor

    @classmethod
    def of(cls, images: np.ndarray, labels: np.ndarray, indices: np.ndarray, device: torch.device) -> "Part":
        """Copies the images at `indices` onto `device`."""
        return cls(
            torch.from_numpy(images[indices]).to(device), torch.from_numpy(labels[indices].astype(np.int64)).to(device)
        )

    def __len__(self) -> int:
        return len(self.labels)


class Trainer:
    """A model in training: what a checkpoint must hold to go on (weights, optimiser, epoch), and one epoch's work.

    Each epoch draws its order and its dropout from a seed made of (recipe's seed, epoch), so an epoch that is begun
    again after a kill is the same epoch.
    """

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        self.model = model
        self.recipe = recipe
        self.optimizer = make_optimizer(model, recipe.training)
        self.epoch = 0

    def run_epoch(self, train: Part, validation: Part) -> Iterator[Progress | EpochRecord]:
        """Trains for one epoch: yields `Progress` now and then, and the `EpochRecord` last.

        Raises `TrainingError` at a loss that is not finite, and leaves `self.epoch` where it was.
        """
        started = time.perf_counter()
        epoch = self.epoch + 1
        losses = torch.zeros(-(-len(train) // self.recipe.training.batch_size), device=train.labels.device)
        correct = torch.zeros((), dtype=torch.int64, device=train.labels.device)
        yield from self._train_steps(train, epoch, losses, correct)
        validation_loss, validation_accuracy = loss_and_accuracy(self.model, validation)
        self.epoch = epoch
        sizes = torch.full_like(losses, self.recipe.training.batch_size)
        sizes[-1] = len(train) - self.recipe.training.batch_size * (len(losses) - 1)
        yield EpochRecord(
            epoch=epoch,
            # The last batch may be smaller, and weighs so.
            train_loss=(losses * sizes).sum().item() / len(train),
            train_accuracy=correct.item() / len(train),
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=self.recipe.training.learning_rate,
            seconds=time.perf_counter() - started,
        )

    def _train_steps(self, train: Part, epoch: int, losses: Tensor, correct: Tensor) -> Iterator[Progress]:
        size, steps = self.recipe.training.batch_size, len(losses)
        seed = np.random.SeedSequence([self.recipe.training.seed, epoch]).generate_state(1)[0]
        torch.manual_seed(int(seed))
        order = torch.randperm(len(train)).to(train.labels.device)
        images, labels = train.images[order], train.labels[order]
        self.model.train()
        began = shown = time.perf_counter()
        checked = 0
        for step in range(steps):
            batch = slice(step * size, (step + 1) * size)
            losses[step] = self._step(images[batch], labels[batch], correct)
            now = time.perf_counter()
            if now - shown >= PROGRESS_SECONDS or step + 1 == steps:
                _check_finite(losses, checked, step + 1, epoch)
                mean = losses[checked : step + 1].mean().item()
                shown, checked = now, step + 1
                done = min(checked * size, len(train))
                yield Progress(
                    epoch=epoch,
                    epochs=self.recipe.training.epochs,
                    step=checked,
                    steps=steps,
                    loss=mean,
                    images_per_second=done / (now - began),
                )

    def _step(self, images: Tensor, labels: Tensor, correct: Tensor) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.model(to_float(images))
        loss = functional.cross_entropy(logits, labels)
        self._penalised(loss).backward()  # type: ignore[no-untyped-call]
        decay_weights(self.optimizer, self.recipe.training)
        self.optimizer.step()
        correct += (logits.detach().argmax(1) == labels).sum()
        return loss.detach()

    def _penalised(self, loss: Tensor) -> Tensor:
        if not self.recipe.training.l1:
            return loss
        return loss + self.recipe.training.l1 * sum(p.abs().sum() for p in self.model.parameters() if p.ndim > 1)


def to_float(images: Tensor) -> Tensor:
    """uint8[N,28,28], 0 paper to 255 ink -> float32[N,28,28], 0 paper to 1 ink."""
    return images.float().mul_(1 / 255)


def predict_logits(model: nn.Module, images: Tensor) -> Tensor:
    """images: uint8[N,28,28] -> logits float32[N,10], with dropout off and batch norm's running statistics."""
    model.eval()
    with torch.inference_mode():
        parts = [model(to_float(batch)) for batch in torch.split(images, EVALUATION_BATCH)]
    return torch.cat(parts)


def loss_and_accuracy(model: nn.Module, part: Part) -> tuple[float | None, float | None]:
    """Mean cross-entropy in nats and the share read right; None and None for an empty part."""
    if len(part) == 0:
        return None, None
    logits = predict_logits(model, part.images)
    loss = functional.cross_entropy(logits, part.labels).item()
    return loss, (logits.argmax(1) == part.labels).float().mean().item()


def _check_finite(losses: Tensor, start: int, stop: int, epoch: int) -> None:
    bad = (~torch.isfinite(losses[start:stop])).nonzero()
    if len(bad):
        step = start + int(bad[0])
        raise TrainingError(
            f"the loss is {losses[step].item()} at epoch {epoch}, step {step + 1}: training diverged; "
            "try a lower --learning-rate"
        )
