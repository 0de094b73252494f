"""What is wrong with a training, which figure says so, and the flag to try.

The rules look at the curves and the final figures only, so they hold for any model and any data set.
"""

import dataclasses
import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any, Protocol

# Each limit was set on runs made to have one fault, and on healthy ones (tests/test_evaluation.py).
RISE = 0.15  # validation loss at the end, above its lowest: by this share, overfitting
GAP = 0.01  # training accuracy above validation accuracy: by more than this, overfitting
FALL = 0.05  # validation loss, fallen in the last epoch by more than this share: stopped too early
STUCK = 0.75  # training loss at the end, as a share of what guessing gives: nothing was learned
WILD = 0.4  # share of epochs whose training loss is above the one before: the steps are too large
LOW = 0.97  # accuracy on both parts below this: the net is too small, or stopped too early


class Epoch(Protocol):
    """The part of an epoch's record that the rules read."""

    @property
    def train_loss(self) -> float: ...
    @property
    def validation_loss(self) -> float | None: ...


@dataclass(frozen=True)
class Remedy:
    """A flag of `tenfold train`, why it may help, and what it was measured to do, where it was."""

    flag: str
    why: str
    measured: str = ""


@dataclass(frozen=True)
class Finding:
    """A fault (`overfitting`, `poor convergence` or `low accuracy`), the measure that says so, and what to try."""

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
    fields: Collection[str] | None = None,
) -> list[Finding]:
    """history: the epochs in order; accuracies: shares of 1 of the final weights, in evaluation mode.

    scheduled: whether the learning rate was led to zero, so that a loss still falling at the end is as it should be.
    fields: of the recipe; a remedy that is none of them is left out. Returns what is wrong, the gravest first; an
    empty list for a healthy run.
    """
    if convergence := _stuck(history, classes) or _wild(history):
        return [_fitting(convergence, fields)]
    findings = [_overfitting(history, train_accuracy, validation_accuracy)]
    findings.append(_too_short(history) if findings == [None] and not scheduled else None)
    findings.append(_low(train_accuracy, validation_accuracy))
    return [_fitting(finding, fields) for finding in findings if finding]


def measured(flag: str) -> str:
    """What `tenfold compare remedies` found of a flag, in a sentence; empty for one that it did not try."""
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


def _fitting(finding: Finding, fields: Collection[str] | None) -> Finding:
    """The finding with those of its remedies that the recipe has fields for, each with its measurement."""
    kept = [
        dataclasses.replace(remedy, measured=measured(remedy.flag))
        for remedy in finding.remedies
        if fields is None
        or all(word[2:].replace("-", "_") in fields for word in remedy.flag.split() if word[:2] == "--")
    ]
    return dataclasses.replace(finding, remedies=tuple(kept))


def _stuck(history: Sequence[Epoch], classes: int) -> Finding | None:
    guessing = math.log(classes)
    loss = history[-1].train_loss
    if loss < STUCK * guessing:
        return None
    return Finding(
        "poor convergence",
        f"after {len(history)} epochs the training loss is {loss:.2f}; guessing alone gives {guessing:.2f}",
        (
            Remedy("--learning-rate 0.001", "steps that are far too large or far too small learn nothing"),
            Remedy("--activation relu", "saturated units pass on no gradient"),
            Remedy("--batch-norm", "keeps each layer's input in a range where it learns"),
        ),
    )


def _wild(history: Sequence[Epoch]) -> Finding | None:
    pairs = list(pairwise(history))
    rises = sum(later.train_loss > earlier.train_loss for earlier, later in pairs)
    if len(pairs) < 3 or rises < WILD * len(pairs):
        return None
    return Finding(
        "poor convergence",
        f"the training loss rose in {rises} of {len(pairs)} epochs",
        (
            Remedy("--learning-rate 0.001", "smaller steps no longer jump over the minimum"),
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
            Remedy("--dropout 0.2", "no unit can rely on another's having memorised the image"),
            Remedy(
                "--rotation 6 --shear 0.06 --zoom 0.06 --shift 1", "no image is seen twice, so none can be memorised"
            ),
            Remedy("--l2 0.01", "keeps weights small, and the function smooth"),
            Remedy(f"--epochs {best}", "ends where the validation loss was lowest"),
        ),
    )


def _too_short(history: Sequence[Epoch]) -> Finding | None:
    losses = [epoch.validation_loss if epoch.validation_loss is not None else epoch.train_loss for epoch in history]
    # Two falls in a row: one alone may be chance.
    if len(losses) < 3 or not (losses[-1] < (1 - FALL) * losses[-2] < losses[-2] < losses[-3]):
        return None
    fall = 1 - losses[-1] / losses[-2]
    return Finding(
        "poor convergence",
        f"the loss was still falling by {100 * fall:.0f} % in the last of {len(losses)} epochs",
        (
            Remedy(f"--epochs {2 * len(losses)}", "it had not arrived"),
            Remedy("--learning-rate 0.003", "larger steps arrive sooner, if the loss stays steady"),
        ),
    )


def _low(train_accuracy: float, validation_accuracy: float | None) -> Finding | None:
    if train_accuracy >= LOW or (validation_accuracy or 0.0) >= LOW:
        return None
    seen = "" if validation_accuracy is None else f" and {100 * validation_accuracy:.1f} % of the validation images"
    return Finding(
        "low accuracy",
        f"it reads only {100 * train_accuracy:.1f} % of the images that it was trained on{seen}",
        (
            Remedy("--hidden 256,128", "more units hold more shapes"),
            Remedy("--hidden 128,128,64", "another layer builds shapes of shapes"),
            Remedy("--width 64", "more channels hold more shapes"),
            Remedy("--epochs 20", "more passes over the images"),
        ),
    )
