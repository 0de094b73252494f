"""The training loop. It yields records; it never prints, writes files or uses the test set."""

import math
import time
from collections.abc import Generator, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_swa_multi_avg_fn, update_bn

from tenfold.errors import TrainingError
from tenfold.models.layers import set_memory_format
from tenfold.training.augment import Augmentation, make_augmentation
from tenfold.training.device import MEMORY_FORMATS, autocast
from tenfold.training.optimizers import Optimizer, learning_rate_factor
from tenfold.training.recipe import DeviceConfig, Recipe
from tenfold.training.records import EpochRecord, Progress
from tenfold.training.step import PlainStep, Step, targets_of
from tenfold.training.subset import EVALUATION_BATCH, ImageSubset, scale_pixels
from tenfold.training.traced_step import TracedStep, is_traceable

# Seconds between two `Progress` records and checks of the loss: smooth for a progress bar, and of no cost.
PROGRESS_SECONDS = 0.1
# A training of more steps than this uses a traced step: tracing takes a second, most of it for importing PyTorch's
# compiler, and saves 0.2 ms a step.
TRACED_STEPS = 6000


class Trainer:
    """Trains one network: holds what a checkpoint must store (weights, optimizer, epoch), and runs one epoch at a time.

    Every epoch draws order, dropout and augmentation from a seed made of the recipe's seed and the epoch, so an epoch
    that is repeated after a kill is the same epoch.

    member: which network of an ensemble this is, from 0. Epochs are numbered through the whole ensemble.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, member: int = 0) -> None:
        self.network = network
        self.recipe = recipe
        self.device: torch.device = next(network.parameters()).device
        self.first_epoch: int = member * recipe.training.epochs
        self.last_epoch: int = self.first_epoch + recipe.training.epochs
        self.epoch: int = self.first_epoch
        self.preparing_seconds: float = 0.0
        self.augment: Augmentation | None = make_augmentation(recipe.augment, self.device)
        set_memory_format(network, MEMORY_FORMATS[recipe.device.memory_format])
        self.optimizer = Optimizer(network, recipe.training)
        # Izmailov et al. (2018), "Averaging weights leads to wider optima and better generalization".
        self.averaged: AveragedModel | None = (
            AveragedModel(network, multi_avg_fn=get_swa_multi_avg_fn()) if recipe.training.weight_averaging else None  # type: ignore[no-untyped-call]
        )
        self.has_non_digits: bool = True
        # Of every training image the loss, and 1 where it was read right, when it was last trained on: float32[2,N].
        self.last_seen: Tensor | None = None
        self.optimize: Step = PlainStep(network, recipe, self.optimizer)

    def step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Trains on one batch, uint8[N,28,28] and int64[N]. Returns loss and logits float32[N,C] before the update."""
        targets = targets_of(labels, self.recipe.training.label_smoothing) if self.has_non_digits else labels
        return self.optimize(self.inputs(images), targets)

    def inputs(self, images: Tensor) -> Tensor:
        """uint8[N,28,28] -> float32[N,28,28], scaled and augmented: what the network sees in training."""
        scaled = scale_pixels(images)
        return self.augment(scaled) if self.augment else scaled

    def run_epoch(self, train: ImageSubset, validation: ImageSubset) -> Iterator[Progress | EpochRecord]:
        """Trains for one epoch: yields `Progress` now and then, and the `EpochRecord` last.

        Raises `TrainingError` at a loss that is not finite, and leaves `self.epoch` unchanged then.
        """
        started = time.perf_counter()
        epoch = self.epoch + 1
        steps, loss, accuracy = yield from self._train_epoch(train, epoch)
        if self.averaged and epoch == self.last_epoch:
            self._use_average(train)
        validation_loss, validation_accuracy = loss_and_accuracy(self.network, validation, self.recipe.device)
        weights_finite = all(bool(torch.isfinite(p).all()) for p in self.network.parameters())
        if not weights_finite or (validation_loss is not None and not math.isfinite(validation_loss)):
            raise TrainingError(
                f"the weights overflow float32 after epoch {epoch}, step {steps}: training diverged; "
                "try a lower --learning-rate"
            )
        self.epoch = epoch
        yield EpochRecord(
            epoch=epoch,
            train_loss=loss,
            train_accuracy=accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=self.optimizer.learning_rate,
            seconds=time.perf_counter() - started,
        )

    def order(self, count: int) -> Tensor:
        """Returns the order of an epoch's images, int64[count], drawn from torch's generator."""
        return torch.randperm(count)

    def _images_in(self, epoch: int, count: int) -> int:
        """Returns how many of `count` images an epoch trains on: all, or whole batches of hard examples."""
        config = self.recipe.training
        if config.hard_examples == 1 or epoch == self.first_epoch + 1:
            return count
        batches = max(1, round(config.hard_examples * count / config.batch_size))
        return min(count, batches * config.batch_size)

    def _steps(self, count: int) -> dict[int, int]:
        """How many steps each epoch takes with `count` images."""
        epochs = range(self.first_epoch + 1, self.last_epoch + 1)
        return {epoch: -(-self._images_in(epoch, count) // self.recipe.training.batch_size) for epoch in epochs}

    def is_traced(self, count: int) -> bool:
        """Whether training on `count` images uses a traced step: where it pays, and gives the same bits."""
        return sum(self._steps(count).values()) > TRACED_STEPS and is_traceable(self.recipe, self.device)

    def _rows(self, epoch: int, count: int) -> Tensor:
        """Returns the images of an epoch, int64, in random order.

        Hard examples are chosen by the loss that an image had when it was last trained on, which costs no forward pass:
        Loshchilov and Hutter (2016), "Online batch selection for faster training of neural networks".
        """
        chosen = self._images_in(epoch, count)
        order = self.order(chosen).to(self.device)
        if chosen == count:
            return order
        if self.last_seen is None or self.last_seen.shape != (2, count):
            raise TrainingError(f"the checkpoint has no losses of these {count} images, which hard examples need")
        return self.last_seen[0].topk(chosen).indices[order]

    def _train_epoch(self, train: ImageSubset, epoch: int) -> Generator[Progress, None, tuple[int, float, float]]:
        """One pass over the epoch's images. Returns the number of steps, and loss and accuracy of the training images.

        With hard examples these are of all images, each when it was last trained on.
        """
        config = self.recipe.training
        torch.manual_seed(int(np.random.SeedSequence([config.seed, epoch]).generate_state(1)[0]))
        rows = self._rows(epoch, len(train))
        steps_of = self._steps(len(train))
        steps, all_steps = steps_of[epoch], sum(steps_of.values())
        steps_before = sum(steps_of[e] for e in steps_of if e < epoch)
        # Summed at the end: per step, these small operations would take as long as a small layer. As small tensors of
        # their own they would prevent the allocator from reusing the memory around them, 190 kB a step.
        losses = torch.empty(steps, device=self.device)
        predicted = torch.empty(len(rows), dtype=torch.int64, device=self.device)
        image_losses = torch.empty(len(rows) if config.hard_examples < 1 else 0, device=self.device)
        self.has_non_digits = train.digits < len(train)
        self.network.train()
        started = shown = time.perf_counter()
        checked = 0
        for step, (images, labels) in enumerate(train.batches(config.batch_size, rows), start=1):
            progress = (steps_before + step - 0.5) / all_steps
            self._set_learning_rate(progress)
            if step == 1 and self.is_traced(len(train)):
                self._trace(images, labels)
            loss, logits = self.step(images, labels)
            batch = slice((step - 1) * config.batch_size, step * config.batch_size)
            losses[step - 1], predicted[batch] = loss, logits.argmax(1)
            if config.hard_examples < 1:
                image_losses[batch] = functional.cross_entropy(logits, labels, reduction="none")
            if self.averaged and progress > 1 - config.weight_averaging:
                self.averaged.update_parameters(self.network)
            now = time.perf_counter()
            if now - shown >= PROGRESS_SECONDS or step == steps:
                latest = losses[checked:step]
                _check_finite(latest, checked, epoch)
                yield Progress(
                    epoch=epoch,
                    epochs=config.epochs * self.recipe.model.ensemble_size,
                    step=step,
                    steps=steps,
                    loss=latest.mean().item(),
                    images_per_second=min(step * config.batch_size, len(rows)) / (now - started),
                )
                shown, checked = now, step
        correct = predicted == train.labels[train.rows[rows]]
        if config.hard_examples < 1:
            if self.last_seen is None:
                self.last_seen = torch.empty(2, len(train), device=self.device)
            self.last_seen[:, rows] = torch.stack([image_losses, correct.float()])
            loss, accuracy = self.last_seen.mean(1).tolist()
            return steps, loss, accuracy
        # The last batch may be smaller.
        batch_sizes = torch.full_like(losses, config.batch_size)
        batch_sizes[-1] = len(rows) - config.batch_size * (steps - 1)
        return steps, (losses * batch_sizes).sum().item() / len(rows), int(correct.sum()) / train.digits

    def _trace(self, images: Tensor, labels: Tensor) -> None:
        if len(images) == self.recipe.training.batch_size and isinstance(self.optimize, PlainStep):
            self.optimize = TracedStep(self.optimize, scale_pixels(images), labels.clamp_min(0))

    @torch.no_grad()
    def _use_average(self, train: ImageSubset) -> None:
        """Gives the network the averaged weights, and batch norm the statistics of training batches under them."""
        assert self.averaged is not None
        if not self.averaged.n_averaged:
            return
        for parameter, mean in zip(self.network.parameters(), self.averaged.module.parameters(), strict=True):
            parameter.copy_(mean)
        batches = map(self.inputs, train.random_batches(self.recipe.training.batch_size))
        update_bn(batches, self.network)

    def _set_learning_rate(self, progress: float) -> None:
        config = self.recipe.training
        if config.schedule == "constant":
            return
        factor = learning_rate_factor(config.schedule, config.warmup, progress)
        self.optimizer.learning_rate = config.learning_rate * factor


def predict_logits(model: nn.Module, images: Tensor, config: DeviceConfig | None = None) -> Tensor:
    """images: uint8[N,28,28] -> logits float32[N,C], in evaluation mode. config: sets the precision; else float32."""
    model.eval()
    with torch.inference_mode(), autocast(config or DeviceConfig(), images.device):
        parts = [model(scale_pixels(batch)).float() for batch in torch.split(images, EVALUATION_BATCH)]
    return torch.cat(parts)


def loss_and_accuracy(model: nn.Module, subset: ImageSubset, config: DeviceConfig) -> tuple[float | None, float | None]:
    """Returns mean cross-entropy in nats and accuracy from 0 to 1; None and None for no images."""
    if len(subset) == 0:
        return None, None
    labels = subset.labels[subset.rows]
    logits = torch.cat([predict_logits(model, images, config) for images, _ in subset.batches(EVALUATION_BATCH)])
    loss = functional.cross_entropy(logits, labels).item()
    return loss, int((logits.argmax(1) == labels).sum()) / len(labels)


def _check_finite(losses: Tensor, before: int, epoch: int) -> None:
    """losses: of the steps after the first `before` of the epoch."""
    bad = (~torch.isfinite(losses)).nonzero()
    if len(bad):
        place = int(bad[0])
        raise TrainingError(
            f"the loss is {losses[place].item()} at epoch {epoch}, step {before + place + 1}: training diverged; "
            "try a lower --learning-rate"
        )
