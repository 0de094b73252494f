"""Diagnoses training problems, each with its evidence and the flags to try.

The rules use only the learning curves and the final metrics, so they apply to any model and data set.
"""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any, Protocol

# Each limit was set on runs with one deliberate problem, and on healthy ones (tests/flow/test_evaluation.py).
RISE = 0.15  # overfitting: final validation loss exceeds its minimum by more than this share
GAP = 0.01  # overfitting: training accuracy exceeds validation accuracy by more than this
FALL = 0.05  # stopped too early: validation loss fell in the last epoch by more than this share
NOT_LEARNED = 0.75  # nothing learned: final training loss, as a share of the loss of guessing
UNSTABLE = 0.4  # steps too large: share of epochs in which the training loss rose
PERFECT = 0.9995  # nothing to gain from longer training: validation accuracy is above this
HIGH_RATE = 10  # steps too large: the learning rate is so many times the usual one of its optimizer
LOW = 0.97  # network too small, or stopped too early: both accuracies are below this


class Epoch(Protocol):
    """The fields of an epoch's record that the rules use."""

    @property
    def train_loss(self) -> float: ...
    @property
    def validation_loss(self) -> float | None: ...


@dataclass(frozen=True)
class Remedy:
    """A flag of `tenfold train`, why it may help, and its measured effect, if known."""

    flag: str
    why: str
    measured: str = ""


@dataclass(frozen=True)
class Finding:
    """A problem (`overfitting`, `poor convergence` or `low accuracy`), its evidence, and what to try."""

    fault: str
    evidence: str
    remedies: tuple[Remedy, ...]


def diagnose(
    history: Sequence[Epoch],
    train_accuracy: float,
    validation_accuracy: float | None,
    classes: int = 10,
    *,
    scheduled: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> list[Finding]:
    """Finds problems, most serious first; an empty list for a healthy run.

    history: one record per epoch. train_accuracy, validation_accuracy: of the final weights in evaluation mode, 0 to 1.
    scheduled: whether the learning rate was decayed to zero; a loss that still falls at the end is then normal.
    settings: the recipe's fields and their values; remedies for other fields, and those in place, are omitted.
    """
    rate = _Rate.of(settings or {})
    if convergence := _not_learned(history, classes, rate) or _unstable(history, rate):
        return [_applicable(convergence, settings)]
    findings = [_overfitting(history, train_accuracy, validation_accuracy)]
    perfect = (validation_accuracy or 0.0) >= PERFECT
    findings.append(_too_short(history) if findings == [None] and not scheduled and not perfect else None)
    # The highest rate of a schedule is rightly above what a constant one may be.
    findings.append(_low(train_accuracy, validation_accuracy, () if scheduled else _lower_rate(rate)))
    return [_applicable(finding, settings) for finding in findings if finding]


@dataclass(frozen=True)
class _Rate:
    """The recipe's learning rate, and the usual one of its optimizer."""

    rate: float = 0.001
    usual: float = 0.001

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "_Rate":
        usual = 0.1 if settings.get("optimizer") == "sgd" else 0.001
        return cls(settings.get("learning_rate", usual), usual)

    @property
    def lower(self) -> float:
        """The usual rate for one above it, or else a tenth of the rate."""
        return self.usual if self.rate > self.usual else self.rate / 10


def measured(flag: str) -> str:
    """Describes the effect of a flag as measured by `tenfold compare remedies`; empty if not measured."""
    document = _measured()
    found = document["remedies"].get(flag)
    if found is None:
        return ""
    interval = ""
    if found["interval"]:
        low, high = (100 * limit for limit in found["interval"])
        interval = f" ({low:+.2f} to {high:+.2f})"
    verdict = "" if found["stands"] else ": may be chance"
    return f"{100 * found['mean']:+.2f} points{interval} on {document['network']}, {found['n']} seeds{verdict}"


@cache
def _measured() -> dict[str, Any]:
    file = resources.files("tenfold").joinpath("evaluation").joinpath("remedies.json")
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return document


def _applicable(finding: Finding, settings: Mapping[str, Any] | None) -> Finding:
    """Keeps the remedies that change a field of the recipe, and adds their measured effects."""
    kept = [
        dataclasses.replace(remedy, measured=measured(remedy.flag))
        for remedy in finding.remedies
        if settings is None or _changes(remedy.flag, settings)
    ]
    return dataclasses.replace(finding, remedies=tuple(kept))


def _changes(flags: str, settings: Mapping[str, Any]) -> bool:
    """Whether all flags are fields of the recipe, and one has another value."""
    given = [part.split() for part in flags.split("--")[1:]]
    names = [words[0].replace("-", "_") for words in given]
    values = [words[1] if len(words) > 1 else "True" for words in given]
    return set(names) <= settings.keys() and any(
        value not in (str(settings[name]), f"{settings[name]:g}" if isinstance(settings[name], float) else "")
        for name, value in zip(names, values, strict=True)
    )


def _not_learned(history: Sequence[Epoch], classes: int, rate: _Rate) -> Finding | None:
    guessing = math.log(classes)
    loss = history[-1].train_loss
    if loss < NOT_LEARNED * guessing:
        return None
    large = rate.rate >= rate.usual
    return Finding(
        "poor convergence",
        f"after {len(history)} epoch{'' if len(history) == 1 else 's'} the training loss is {loss:.2f}; guessing alone "
        f"gives {guessing:.2f}",
        (
            Remedy(
                f"--learning-rate {rate.lower if large else rate.usual:g}",
                f"steps that are too {'large' if large else 'small'} learn nothing; it is {rate.rate:g}",
            ),
            Remedy("--activation relu", "saturated units pass no gradient"),
            Remedy("--batch-norm", "keeps each layer's input in a range where it learns"),
        ),
    )


def _unstable(history: Sequence[Epoch], rate: _Rate) -> Finding | None:
    pairs = list(pairwise(history))
    rises = sum(later.train_loss > earlier.train_loss for earlier, later in pairs)
    if len(pairs) < 3 or rises < UNSTABLE * len(pairs):
        return None
    return Finding(
        "poor convergence",
        f"the training loss rose in {rises} of {len(pairs)} epochs",
        (
            Remedy(
                f"--learning-rate {rate.lower:g}", f"smaller steps no longer jump over the minimum; it is {rate.rate:g}"
            ),
            Remedy("--batch-size 128", "larger batches give steadier gradients"),
        ),
    )


def _overfitting(history: Sequence[Epoch], train_accuracy: float, validation_accuracy: float | None) -> Finding | None:
    losses = [epoch.validation_loss for epoch in history if epoch.validation_loss is not None]
    if validation_accuracy is None or not losses:
        return None
    gap, lowest = train_accuracy - validation_accuracy, min(losses)
    rise = losses[-1] / lowest - 1
    if gap <= GAP or rise <= RISE:
        return None
    best = losses.index(lowest) + 1
    return Finding(
        "overfitting",
        f"the validation loss was lowest after epoch {best} and has risen by {100 * rise:.0f} % since; "
        f"training accuracy is {100 * gap:.1f} points above validation accuracy",
        (
            Remedy("--dropout 0.2", "keeps units from memorizing images together"),
            Remedy(
                "--rotation 6 --shear 0.06 --zoom 0.06 --shift 1", "no image is seen twice, so none can be memorized"
            ),
            Remedy("--weight-decay 0.01", "keeps weights small and the function smooth"),
            Remedy(f"--epochs {best}", "stops where the validation loss was lowest"),
        ),
    )


def _too_short(history: Sequence[Epoch]) -> Finding | None:
    losses = [epoch.validation_loss if epoch.validation_loss is not None else epoch.train_loss for epoch in history]
    # Two consecutive falls: one alone may be chance.
    if len(losses) < 3 or not (losses[-1] < (1 - FALL) * losses[-2] < losses[-2] < losses[-3]):
        return None
    fall = 1 - losses[-1] / losses[-2]
    return Finding(
        "poor convergence",
        f"the loss was still falling by {100 * fall:.0f} % in the last of {len(losses)} epochs",
        (
            Remedy(f"--epochs {2 * len(losses)}", "training had not converged"),
            Remedy("--learning-rate 0.003", "larger steps converge faster, if the loss stays stable"),
        ),
    )


def _low(train_accuracy: float, validation_accuracy: float | None, first: tuple[Remedy, ...]) -> Finding | None:
    if train_accuracy >= LOW or (validation_accuracy or 0.0) >= LOW:
        return None
    seen = "" if validation_accuracy is None else f" and {100 * validation_accuracy:.1f} % of the validation images"
    return Finding(
        "low accuracy",
        f"it classifies only {100 * train_accuracy:.1f} % of the training images correctly{seen}",
        (
            *first,
            Remedy("--hidden 256,128", "more units represent more shapes"),
            Remedy("--hidden 128,128,64", "another layer combines shapes"),
            Remedy("--width 64", "more channels represent more shapes"),
            Remedy("--epochs 20", "more passes over the images"),
        ),
    )


def _lower_rate(rate: _Rate) -> tuple[Remedy, ...]:
    if rate.rate < HIGH_RATE * rate.usual:
        return ()
    why = f"steps too large jump over the minimum; {rate.rate:g} is {rate.rate / rate.usual:.0f} times the usual rate"
    return (Remedy(f"--learning-rate {rate.lower:g}", why),)
