"""The training loop. It yields records and never prints, writes a file or looks at the test set."""

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.errors import TrainingError
from tenfold.training.optimizers import decay_weights, decayed, make_optimizer
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
        epoch, size = self.epoch + 1, self.recipe.training.batch_size
        losses, correct = yield from self._train_steps(train, epoch)
        validation_loss, validation_accuracy = loss_and_accuracy(self.model, validation)
        weights_finite = all(bool(torch.isfinite(p).all()) for p in self.model.parameters())
        if not weights_finite or (validation_loss is not None and not math.isfinite(validation_loss)):
            raise TrainingError(
                f"the weights are beyond float32 after epoch {epoch}, step {len(losses)}: training diverged; "
                "try a lower --learning-rate"
            )
        self.epoch = epoch
        # The last batch may be smaller, and weighs so.
        images_of_step = torch.full_like(losses, size)
        images_of_step[-1] = len(train) - size * (len(losses) - 1)
        yield EpochRecord(
            epoch=epoch,
            train_loss=(losses * images_of_step).sum().item() / len(train),
            train_accuracy=correct / len(train),
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=self.recipe.training.learning_rate,
            seconds=time.perf_counter() - started,
        )

    def _train_steps(self, train: Part, epoch: int) -> Generator[Progress, None, tuple[Tensor, int]]:
        """One pass over the images; returns each step's loss and how many images were read right."""
        config, device = self.recipe.training, train.labels.device
        torch.manual_seed(int(np.random.SeedSequence([config.seed, epoch]).generate_state(1)[0]))
        order = torch.randperm(len(train)).to(device)
        labels = train.labels[order]
        # A row of 784 bytes is gathered in one copy; indexing [N,28,28] goes byte by byte, at less than half the speed.
        images = train.images.flatten(1).index_select(0, order).view_as(train.images)
        batches = list(zip(torch.split(images, config.batch_size), torch.split(labels, config.batch_size), strict=True))
        losses = torch.zeros(len(batches), device=device)
        predicted: list[Tensor] = []
        self.model.train()
        began = shown = time.perf_counter()
        checked = 0
        for step, (images, truth) in enumerate(batches, start=1):
            losses[step - 1], classes = self._step(images, truth)
            predicted.append(classes)
            now = time.perf_counter()
            if now - shown >= PROGRESS_SECONDS or step == len(batches):
                _check_finite(losses, checked, step, epoch)
                yield Progress(
                    epoch=epoch,
                    epochs=config.epochs,
                    step=step,
                    steps=len(batches),
                    loss=losses[checked:step].mean().item(),
                    images_per_second=min(step * config.batch_size, len(train)) / (now - began),
                )
                shown, checked = now, step
        return losses, int((torch.cat(predicted) == labels).sum())

    def _step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One step on a batch; returns its loss and the classes that were read before it."""
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.model(to_float(images))
        loss = functional.cross_entropy(logits, labels)
        self._penalised(loss).backward()  # type: ignore[no-untyped-call]
        decay_weights(self.model, self.recipe.training)
        self.optimizer.step()
        return loss.detach(), logits.detach().argmax(1)

    def _penalised(self, loss: Tensor) -> Tensor:
        if not self.recipe.training.l1:
            return loss
        return loss + self.recipe.training.l1 * sum(weight.abs().sum() for weight in decayed(self.model))


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
