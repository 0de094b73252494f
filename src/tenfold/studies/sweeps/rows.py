"""What became of each trial, read from the study."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

# What a trial's user attributes are called.
VALUES, WHY, FIGURES = "values", "why", "figures"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A trial and what came of it.

    state: `finished`, `stopped` by the pruner, `diverged`, `failed`, `running` or `waiting`. values: of its parameters,
    as the recipe has them. accuracies: after each epoch, of the validation images, shares of 1; accuracy: of the run as
    it ended. seconds: of training. weights: how many the network has.
    """

    number: int
    state: str
    values: dict[str, Any]
    accuracies: dict[int, float]
    accuracy: float | None = None
    seconds: float | None = None
    weights: int | None = None
    why: str = ""


def read_rows(study: "Study") -> list[Row]:
    """Every trial, in order. One that another took the place of, after its machine fell silent, is none."""
    trials = study.get_trials(deepcopy=False)
    replaced = {trial.user_attrs.get("instead_of") for trial in trials}
    return [_row(trial) for trial in trials if trial.number not in replaced]


def best_of(rows: list[Row]) -> Row | None:
    """The trial that ended with most validation images read right; the first of equals."""
    ended = [row for row in rows if row.state == "finished" and row.accuracy is not None]
    return max(ended, key=lambda row: (row.accuracy, -row.number), default=None)


def _row(trial: "FrozenTrial") -> Row:
    told = trial.user_attrs
    states = {"COMPLETE": "finished", "PRUNED": "stopped", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}
    state = states[trial.state.name]
    figures = told.get(FIGURES, {})
    return Row(
        number=trial.number,
        state="diverged" if state == "stopped" and told.get(WHY) else state,
        values=told.get(VALUES, {}),
        accuracies=dict(sorted(trial.intermediate_values.items())),
        accuracy=trial.value if state == "finished" else None,
        seconds=figures.get("seconds"),
        weights=figures.get("parameters"),
        why=told.get(WHY, ""),
    )
