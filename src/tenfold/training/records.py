"""What training tells of itself. The loop yields records; monitors store them; the console shows them."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold.errors import RunError


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where an epoch stands. For eyes, not for the record: never stored."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    images_per_second: float


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One epoch, as `events.jsonl` keeps it. Accuracies are shares of 1; losses are nats per image.

    The training figures are means over the epoch's batches, taken while the weights moved and with dropout at work,
    so they may stand below the validation figures, which are taken at the epoch's end. Without a validation part
    those are None.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float


def to_line(record: EpochRecord) -> str:
    """One line of `events.jsonl`."""
    return json.dumps({"event": "epoch", **dataclasses.asdict(record)}, allow_nan=False) + "\n"


def _typed(record: EpochRecord) -> EpochRecord:
    optional = (record.validation_loss, record.validation_accuracy)
    numbers = (record.epoch, record.train_loss, record.train_accuracy, record.learning_rate, record.seconds)
    if not all(isinstance(number, int | float) for number in (*numbers, *(v for v in optional if v is not None))):
        raise TypeError("text where a number belongs")
    return record


def read_history(path: Path) -> list[EpochRecord]:
    """The epochs in an `events.jsonl`, in order; a last line cut short by a kill is passed over.

    Raises `RunError` when the file is missing or a whole line is not a record.
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
                history.append(_typed(EpochRecord(**fields)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if number == len(lines):
                break
            raise RunError(f"{path}, line {number} is not a training record: {error}") from error
    return history
