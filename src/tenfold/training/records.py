"""Records of training: the loop yields them, `events.jsonl` and TensorBoard store them, the console shows them."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold.errors import MissingDependencyError, RunError


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The state of an epoch in progress; for display only, never stored."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    images_per_second: float


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One epoch, as `events.jsonl` stores it. Accuracies are from 0 to 1; losses are nats per image.

    Training figures are means over the epoch's batches, measured while the weights changed and with dropout active, so
    they may be below the validation figures, which are measured at the epoch's end. Without validation images those
    are None.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float


# Opened with the run's folder; gives a function that is called with every record.
Monitor = Callable[[Path], AbstractContextManager[Callable[[Progress | EpochRecord], None]]]


def to_line(record: EpochRecord) -> str:
    """Returns the record as a line of `events.jsonl`."""
    return json.dumps({"event": "epoch", **dataclasses.asdict(record)}, allow_nan=False) + "\n"


def read_history(path: Path) -> list[EpochRecord]:
    """Returns the epochs in an `events.jsonl`, in order; an incomplete last line, left by a kill, is ignored.

    Raises `RunError` when the file is missing or a complete line is not a record.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"cannot read {path}: {error}") from error
    history = []
    for number, line in enumerate(lines, start=1):
        try:
            fields: dict[str, Any] = json.loads(line)
            if fields.pop("event") == "epoch":
                history.append(_checked(EpochRecord(**fields)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if number == len(lines):
                break
            raise RunError(f"{path}, line {number} is not a training record: {error}") from error
    return history


@contextmanager
def tensorboard(folder: Path) -> Iterator[Callable[[Progress | EpochRecord], None]]:
    """Writes loss and accuracy of every epoch to `folder/tensorboard`: view with `tensorboard --logdir runs`."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingDependencyError("tensorboard", "train") from error
    writer = SummaryWriter(str(folder / "tensorboard"))

    def watch(record: Progress | EpochRecord) -> None:
        if isinstance(record, EpochRecord):
            for name in ("loss", "accuracy"):
                for part in ("train", "validation"):
                    value = getattr(record, f"{part}_{name}")
                    if value is not None:
                        writer.add_scalar(f"{name}/{part}", value, record.epoch)
            writer.flush()

    try:
        yield watch
    finally:
        writer.close()


def _checked(record: EpochRecord) -> EpochRecord:
    optional = (record.validation_loss, record.validation_accuracy)
    numbers = (record.epoch, record.train_loss, record.train_accuracy, record.learning_rate, record.seconds)
    if not all(isinstance(number, int | float) for number in (*numbers, *(v for v in optional if v is not None))):
        raise TypeError("text in place of a number")
    return record
