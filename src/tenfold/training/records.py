"""Records of training: the loop yields them, `events.jsonl` and TensorBoard store them, the console shows them."""

import dataclasses
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import MissingDependencyError, RunError, UsageError
from tenfold.jobs.pool import Report

log = logging.getLogger(__name__)

Figures = NDArray[np.float64]


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
    they may be below the validation figures, which are measured at the epoch's end. With hard examples they are of all
    images, each when it was last trained on. Without validation images the validation figures are None.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float


class History(Sequence[EpochRecord]):
    """The epochs of a training, in order: a sequence of `EpochRecord`, whose figures are also float64[epochs].

    `history.validation_accuracy` is an array; NaN where an epoch has no such figure.
    """

    def __init__(self, records: Iterable[EpochRecord]) -> None:
        self._records = tuple(records)

    @overload
    def __getitem__(self, index: int) -> EpochRecord: ...
    @overload
    def __getitem__(self, index: slice) -> "History": ...
    def __getitem__(self, index: int | slice) -> "EpochRecord | History":
        return History(self._records[index]) if isinstance(index, slice) else self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and self._records == other._records

    def __hash__(self) -> int:
        return hash(self._records)

    def __repr__(self) -> str:
        return f"History({list(self._records)!r})"

    @property
    def train_loss(self) -> Figures:
        return self._figures("train_loss")

    @property
    def train_accuracy(self) -> Figures:
        return self._figures("train_accuracy")

    @property
    def validation_loss(self) -> Figures:
        return self._figures("validation_loss")

    @property
    def validation_accuracy(self) -> Figures:
        return self._figures("validation_accuracy")

    @property
    def learning_rate(self) -> Figures:
        return self._figures("learning_rate")

    @property
    def seconds(self) -> Figures:
        return self._figures("seconds")

    def _figures(self, name: str) -> Figures:
        return np.array([getattr(record, name) for record in self._records], np.float64)


# Called after every epoch, once it is stored; training stops where it returns True, as with scikit-learn's `monitor`.
OnEpoch = Callable[[EpochRecord], object]
OnProgress = Callable[[Progress], object]


@dataclass(frozen=True)
class Callbacks:
    """What is called while a network trains. tensorboard: whether TensorBoard events are written too."""

    on_epoch: OnEpoch | None = None
    on_progress: OnProgress | None = None
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for name in ("on_epoch", "on_progress"):
            value = getattr(self, name)
            if value is not None and not callable(value):
                raise UsageError(f"{name} is {value!r}; it takes a function of one argument")

    def stop_after(self, record: EpochRecord) -> bool:
        """Logs the epoch, calls `on_epoch`, and returns whether training is to stop after this epoch."""
        if not isinstance(self.on_epoch, Report):  # Its source logs it, in the process that started the job.
            log.info(_line(record))
        answer = self.on_epoch(record) if self.on_epoch else None
        # Nothing but True: what a callback happens to return, such as a count, stops nothing.
        return isinstance(answer, bool | np.bool_) and bool(answer)

    def show(self, progress: Progress) -> None:
        """Calls `on_progress`."""
        if self.on_progress:
            self.on_progress(progress)


def _line(record: EpochRecord) -> str:
    line = f"epoch {record.epoch:>3}  loss {record.train_loss:.4f}  accuracy {100 * record.train_accuracy:6.2f} %"
    if record.validation_loss is not None and record.validation_accuracy is not None:
        line += f"  validation {record.validation_loss:.4f} {100 * record.validation_accuracy:6.2f} %"
    return f"{line}  {record.seconds:5.2f} s"


def to_line(record: EpochRecord) -> str:
    """Returns the record as a line of `events.jsonl`."""
    return json.dumps({"event": "epoch", **dataclasses.asdict(record)}, allow_nan=False) + "\n"


def read_history(path: Path) -> History:
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
    return History(history)


@contextmanager
def tensorboard(folder: Path) -> Iterator[Callable[[EpochRecord], None]]:
    """Writes loss and accuracy of every epoch to `folder/tensorboard`: view with `tensorboard --logdir runs`."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingDependencyError("tensorboard", "train") from error
    writer = SummaryWriter(str(folder / "tensorboard"))

    def write(record: EpochRecord) -> None:
        for name in ("loss", "accuracy"):
            for part in ("train", "validation"):
                value = getattr(record, f"{part}_{name}")
                if value is not None:
                    writer.add_scalar(f"{name}/{part}", value, record.epoch)
        writer.flush()

    try:
        yield write
    finally:
        writer.close()


def _checked(record: EpochRecord) -> EpochRecord:
    optional = (record.validation_loss, record.validation_accuracy)
    numbers = (record.epoch, record.train_loss, record.train_accuracy, record.learning_rate, record.seconds)
    if not all(isinstance(number, int | float) for number in (*numbers, *(v for v in optional if v is not None))):
        raise TypeError("text in place of a number")
    return record
