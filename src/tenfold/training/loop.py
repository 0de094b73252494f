"""The training loop. It yields records and never prints, writes a file or looks at the test set."""

import math
import time
import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.errors import TrainingError
from tenfold.models.composite import deskew, networks
from tenfold.models.layers import set_memory_format
from tenfold.training.augment import make_augmentation
from tenfold.training.averaging import Average
from tenfold.training.engine import FORMATS, autocast
from tenfold.training.lean import LeanStep
from tenfold.training.loss import STRANGER, cross_entropy, targets_of
from tenfold.training.optimizers import decay_weights, decayed, make_optimizer
from tenfold.training.recipe import EngineConfig, Recipe
from tenfold.training.records import EpochRecord, Progress
from tenfold.training.schedule import learning_rate_share
from tenfold.training.share import Share

# How often a Progress is yielded, and the losses are looked at for NaN: often enough for a smooth bar, rarely enough
# to cost nothing.
PROGRESS_SECONDS = 0.1
EVALUATION_BATCH = 2048
# Images that are gathered at a time.
GATHERED = 16_384
# A training of more steps than this has them made lean: that takes a tenth of a second, and saves 0.2 ms of each.
LEAN_STEPS = 1000


@dataclass(frozen=True)
class Part:
    """Some of a set's images, for training or for judging: images uint8[M,28,28], labels int64[M], rows int64[N].

    The images stay uint8, a quarter of float's memory and bandwidth; a batch becomes float32 in [0,1] when it is used.
    On the CPU they stay where they are, in a memory-mapped file even: rows says which of them are this part's.
    """

    images: Tensor
    labels: Tensor
    rows: Tensor

    @classmethod
    def of(cls, images: np.ndarray, labels: np.ndarray, indices: np.ndarray, device: torch.device) -> "Part":
        """The images at `indices`; a GPU gets a copy of them."""
        rows = torch.from_numpy(np.ascontiguousarray(indices, np.int64))
        with warnings.catch_warnings():
            # Torch warns of arrays that can't be written to; nothing here writes to them.
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            part = cls(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)), rows)
        if device.type == "cpu":
            return part
        there = torch.arange(len(rows), device=device)
        return cls(part.images[rows].to(device), part.labels[rows].to(device), there)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def digits(self) -> int:
        """How many of them show a digit; the others are strangers."""
        return int((self.labels[self.rows] != STRANGER).sum())

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels, `size` at a time; in the part's own order, or in that of `order`, int64[N]."""
        # A row of 784 bytes is gathered in one copy; indexing [N,28,28] goes byte by byte, at less than half the speed.
        pixels = self.images.flatten(1)
        # Many small gathers are slow, and one of the whole set would double its memory.
        rows = self.rows if order is None else self.rows[order]
        if len(rows) == 0:
            return  # Torch would split nothing into one part of nothing.
        for chunk in torch.split(rows, max(1, GATHERED // size) * size):
            images = pixels.index_select(0, chunk).view(-1, *self.images.shape[1:])
            yield from zip(torch.split(images, size), torch.split(self.labels[chunk], size), strict=True)

    def share(self, share: Share) -> "Part":
        """Those that a worker of several judges."""
        return Part(self.images, self.labels, self.rows[share.rank :: share.workers])

    def sample(self, count: int) -> "Part":
        """`count` of them, evenly spaced; all where there are no more."""
        if len(self) <= count:
            return self
        chosen = torch.arange(count, device=self.rows.device) * len(self) // count
        return Part(self.images, self.labels, self.rows[chosen])

    def deskewed(self) -> "Part":
        """The same with every image deskewed."""
        upright = self.images.new_empty(len(self), *self.images.shape[1:])
        for start, (batch, _) in zip(
            range(0, len(self), EVALUATION_BATCH), self.batches(EVALUATION_BATCH), strict=True
        ):
            upright[start : start + len(batch)] = deskew(to_float(batch)).mul_(255).round_()
        return Part(upright, self.labels[self.rows], torch.arange(len(self), device=self.rows.device))


class Trainer:
    """A model in training: what a checkpoint must hold to go on (weights, optimiser, epoch), and one epoch's work.

    Each epoch draws its order, dropout and augmentation from a seed made of (recipe's seed, epoch), so an epoch that is
    begun again after a kill is the same epoch. The networks of an ensemble are trained one after another, each for the
    recipe's epochs; epochs are counted through.

    share: this process's, where several train the model; each then has a trainer, and yields the same records.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, share: Share | None = None) -> None:
        self.model = model
        self.recipe = recipe
        self.share = share or Share()
        self.device = next(model.parameters()).device
        self.augment = make_augmentation(recipe.augment, self.device)
        self.networks = networks(model)
        set_memory_format(model, FORMATS[recipe.engine.layout])
        # Whether some of the images show no digit.
        self.strangers = True
        self.epoch = 0
        self.preparing_seconds = 0.0
        self.begin(0)

    def begin(self, member: int) -> None:
        """Turns to a network of the ensemble, with a fresh optimiser."""
        self.member = member
        self.network = self.networks[member]
        self.wrapped = self.share.wrapped(self.network)
        self.optimizer = make_optimizer(self.network, self.recipe.training)
        self.average = Average(self.network) if self.recipe.training.averaging else None
        self.lean: LeanStep | None = None

    @property
    def epochs(self) -> int:
        """Of the whole training."""
        return self.recipe.training.epochs * len(self.networks)

    def run_epoch(self, train: Part, validation: Part) -> Iterator[Progress | EpochRecord]:
        """Trains for one epoch: yields `Progress` now and then, and the `EpochRecord` last.

        Raises `TrainingError` at a loss that is not finite, and leaves `self.epoch` where it was.
        """
        started = time.perf_counter()
        epoch, size = self.epoch + 1, self.recipe.training.batch_size
        member, done = divmod(self.epoch, self.recipe.training.epochs)
        if member != self.member:
            self.begin(member)
        with self.share.joined(self.network):
            losses, correct = yield from self._train_steps(train, epoch, done)
            if self.average and done + 1 == self.recipe.training.epochs:
                self.average.settle(self.network, self._seen(train))
        validation_loss, validation_accuracy = self._judged(validation)
        weights_finite = all(bool(torch.isfinite(p).all()) for p in self.network.parameters())
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
            train_accuracy=correct / train.digits,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            seconds=time.perf_counter() - started,
        )

    def step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One step on a batch, uint8[N,28,28] and int64[N]; returns its loss and the classes read before it: of the
        images in this worker's share.
        """
        config = self.recipe.training
        part = self.share.take(len(images))
        inputs = self._inputs(images, part)
        labels = labels[part]
        targets = targets_of(labels, config.label_smoothing) if self.strangers else labels
        if self.lean and len(images) == config.batch_size and targets is labels:
            loss, logits = self.lean(inputs, targets)
            return loss, logits.argmax(1)
        self.optimizer.zero_grad(set_to_none=True)
        logits = self._logits(inputs)
        loss = cross_entropy(logits, targets, config.label_smoothing)
        self._penalised(self.share.scaled(loss)).backward()  # type: ignore[no-untyped-call]
        decay_weights(self.network, config, self.optimizer.param_groups[0]["lr"])
        self.optimizer.step()
        return self.share.mean(loss.detach()), logits.detach().argmax(1)

    def order(self, count: int) -> Tensor:
        """The order of an epoch's images, int64[count], drawn from torch's generator."""
        return torch.randperm(count)

    def _train_steps(self, train: Part, epoch: int, done: int) -> Generator[Progress, None, tuple[Tensor, int]]:
        """One pass over the images; returns each step's loss and how many images were read right.

        done: epochs that the network has behind it, which its learning rate depends on.
        """
        config = self.recipe.training
        torch.manual_seed(int(np.random.SeedSequence([config.seed, epoch]).generate_state(1)[0]))
        order = self.order(len(train)).to(self.device)
        steps = -(-len(train) // config.batch_size)
        # Sums and comparisons of single steps would take as long as their smaller layers.
        losses: list[Tensor] = []
        read: list[Tensor] = []
        right: list[Tensor] = []
        self.strangers = train.digits < len(train)
        many = self._may_be_lean and steps * config.epochs > LEAN_STEPS
        self.network.train()
        began = shown = time.perf_counter()
        checked = 0
        for step, (images, labels) in enumerate(train.batches(config.batch_size, order), start=1):
            progress = (done + (step - 0.5) / steps) / config.epochs
            self._set_learning_rate(progress)
            if step == 2 and many and not self.lean and len(images) == config.batch_size:
                # The optimiser has its state now.
                digits = labels.clamp_max(STRANGER - 1)
                self.lean = LeanStep(self.network, self.recipe, self.optimizer, to_float(images), digits)
            loss, classes = self.step(images, labels)
            losses.append(loss)
            read.append(classes)
            right.append(labels[self.share.part])
            if self.share.workers > 1:
                # All must stop at the same step: who goes on would wait for the others.
                _check_finite(loss[None], step - 1, epoch)
            if self.average and progress > 1 - config.averaging:
                self.average.add(self.network)
            now = time.perf_counter()
            if now - shown >= PROGRESS_SECONDS or step == steps:
                latest = torch.stack(losses[checked:])
                _check_finite(latest, checked, epoch)
                yield Progress(
                    epoch=epoch,
                    epochs=self.epochs,
                    step=step,
                    steps=steps,
                    loss=latest.mean().item(),
                    images_per_second=min(step * config.batch_size, len(train)) / (now - began),
                )
                shown, checked = now, step
        correct = self.share.added((torch.cat(read) == torch.cat(right)).sum())
        return torch.stack(losses), int(correct)

    @property
    def _may_be_lean(self) -> bool:
        """Whether a lean step is known to give the same bits; in bfloat16 it does not for every network."""
        return (
            self.share.workers == 1
            and self.recipe.engine.precision == "float32"
            and self.recipe.training.optimizer != "sgd"
            and self.device.type == "cpu"
        )

    def _seen(self, train: Part) -> Iterator[Tensor]:
        """Whole batches in random order, as the network sees them in training."""
        size = self.recipe.training.batch_size
        few = torch.randperm(len(train))[: max(size, GATHERED)].to(self.device)
        for images, _ in train.batches(size, few):
            if len(images) == size:
                yield self._inputs(images, self.share.take(size))

    def _inputs(self, images: Tensor, part: slice) -> Tensor:
        """What the network sees of those images of a batch."""
        return self.augment(to_float(images), part) if self.augment else to_float(images[part])

    def _judged(self, validation: Part) -> tuple[float | None, float | None]:
        if self.share.workers == 1 or len(validation) == 0:
            return loss_and_accuracy(self.network, validation, self.recipe.engine)
        own = validation.share(self.share)
        found = [value or 0.0 for value in loss_and_accuracy(self.network, own, self.recipe.engine)]
        loss, accuracy = self.share.added(len(own) * torch.tensor(found, dtype=torch.float64)).tolist()
        return loss / len(validation), accuracy / len(validation)

    def _logits(self, inputs: Tensor) -> Tensor:
        with autocast(self.recipe.engine, self.device):
            logits: Tensor = self.wrapped(inputs)
        return logits.float()

    def _set_learning_rate(self, progress: float) -> None:
        config = self.recipe.training
        if config.schedule == "constant":
            return
        rate = config.learning_rate * learning_rate_share(config.schedule, config.warmup, progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _penalised(self, loss: Tensor) -> Tensor:
        if not self.recipe.training.l1:
            return loss
        return loss + self.recipe.training.l1 * sum(weight.abs().sum() for weight in decayed(self.network))


def to_float(images: Tensor) -> Tensor:
    """uint8[N,28,28], 0 paper to 255 ink -> float32[N,28,28], 0 paper to 1 ink."""
    return images * (1 / 255)


def predict_logits(model: nn.Module, images: Tensor, engine: EngineConfig | None = None) -> Tensor:
    """images: uint8[N,28,28] -> logits float32[N,10], with dropout off and batch norm's running statistics.

    engine: whose precision to work in; float32 without.
    """
    model.eval()
    with torch.inference_mode(), autocast(engine or EngineConfig(), images.device):
        parts = [model(to_float(batch)).float() for batch in torch.split(images, EVALUATION_BATCH)]
    return torch.cat(parts)


def loss_and_accuracy(model: nn.Module, part: Part, engine: EngineConfig) -> tuple[float | None, float | None]:
    """Mean cross-entropy in nats and the share read right; None and None for an empty part."""
    if len(part) == 0:
        return None, None
    labels = part.labels[part.rows]
    logits = torch.cat([predict_logits(model, images, engine) for images, _ in part.batches(EVALUATION_BATCH)])
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
