"""A sweep's trials while they run: taken from the queue, stopped where they lag, and told to the storage."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.errors import RecipeError, RunError
from tenfold.jobs.job import Job, Outcome
from tenfold.runs.run import Run
from tenfold.studies.sweeps import rows, storage
from tenfold.training.records import EpochRecord

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

    from tenfold.studies.sweeps.sweep import Sweep

OWNER = "owner"


class Trials:
    """The trials of this process, among those of a sweep that others may be at too.

    A trial is claimed in one step of the storage, so no two processes have the same one. What this folder had claimed
    before it was stopped comes first, and goes on after its last whole epoch.
    """

    def __init__(self, sweep: "Sweep", tell: Callable[[str], None]) -> None:
        self._sweep, self._tell = sweep, tell
        # Optuna's own way to a study's storage is not public; loading the study gave it.
        self._storage = sweep.study._storage
        self._study_id = self._storage.get_study_id_from_name(sweep.study.study_name)
        sweep.study.pruner = sweep.plan.make_pruner()
        self._claimed: dict[int, optuna.Trial] = {}
        self._beaten = 0.0
        self._looked = 0.0
        self._begun = [trial.number for trial in self._in("RUNNING") if self._is_mine(trial)]
        for number in self._begun:
            # At once: others who are taken up too would find them silent.
            self._beat(number)
        best = rows.best_of(sweep.rows())
        self._best = best.accuracy if best and best.accuracy is not None else 0.0

    def left(self) -> bool:
        """Whether any trial of the sweep has not ended, wherever it runs."""
        return bool(self._in("RUNNING", "WAITING"))

    def to_be_done(self) -> bool:
        """Whether there is a trial for this process."""
        return bool(self._begun or self._in("WAITING"))

    def take(self) -> Job | None:
        """The next trial as a job, its values chosen; None when there is none for now."""
        from optuna.exceptions import UpdateFinishedTrialError

        while (number := self._next()) is not None:
            try:
                if (job := self._job(number)) is not None:
                    return job
            except UpdateFinishedTrialError:
                continue  # Taken for dead meanwhile, and given to another machine.
        return None

    def _job(self, number: int) -> Job | None:
        """The trial's values chosen; None where no model has them."""
        import optuna

        plan = self._sweep.plan
        # One of its own for each trial, seeded by its number: else what is sampled would hang on what this very
        # process has sampled before.
        self._sweep.study.sampler = plan.make_sampler(number)
        trial = optuna.Trial(self._sweep.study, self._trial_id(number))
        trial.set_user_attr(OWNER, self._sweep.owner)
        changes = plan.space.changes(trial)
        trial.set_user_attr(rows.VALUES, {name: _plain(value) for name, value in changes.items()})
        try:
            recipe = plan.space.recipe.replace(**changes)
        except RecipeError as error:
            self._end(trial, "FAIL", why=str(error))
            return None
        self._claimed[number] = trial
        return Job(key=number, recipe=recipe, path=self._folder(number))

    def epoch(self, job: Job, record: EpochRecord) -> bool:
        """Writes an epoch down; whether the trial is worth its next."""
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            return self._epoch(job, record)
        except UpdateFinishedTrialError:
            return False  # Taken for dead, and given to another machine.

    def _epoch(self, job: Job, record: EpochRecord) -> bool:
        trial, epochs = self._claimed[job.key], job.recipe.training.epochs
        # Of an ensemble, the first network: later ones begin from nothing again.
        if record.validation_accuracy is None or record.epoch > epochs:
            return True
        if record.epoch not in self._frozen(trial).intermediate_values:
            trial.report(record.validation_accuracy, record.epoch)
        # The last epoch is paid for already.
        return record.epoch == epochs or not trial.should_prune()

    def done(self, job: Job, outcome: Outcome) -> None:
        """Tells the storage how a trial ended. Raises `RunError` where no other would fare better."""
        from optuna.exceptions import UpdateFinishedTrialError

        trial = self._claimed.pop(job.key)
        # Taken for dead and given to another machine: its result counts, not this one.
        with contextlib.suppress(UpdateFinishedTrialError):
            self._done(trial, job, outcome)

    def _done(self, trial: "optuna.Trial", job: Job, outcome: Outcome) -> None:
        if outcome.kind == "broken":
            raise RunError(f"trial {trial.number}: {outcome.message}; mend that, then: tenfold sweep --resume "
                           f"{self._sweep.path}")  # fmt: skip
        if outcome.kind == "finished":
            figures = Run(job.path, job.recipe).training
            kept = {name: figures[name] for name in ("seconds", "parameters", "train_accuracy", "validation_loss")}
            trial.set_user_attr(rows.FIGURES, kept)
            self._end(trial, "COMPLETE", value=figures["validation_accuracy"])
        elif outcome.kind == "stopped":
            self._end(trial, "PRUNED")
        elif outcome.kind == "diverged":
            # As one that was stopped, so that the sampler learns to keep away; a failure it would pass over.
            self._end(trial, "PRUNED", why=outcome.message)
        else:
            self._end(trial, "FAIL", why=outcome.message)

    def tick(self) -> None:
        """Signs of life to a database that other machines see, and a look at theirs."""
        if self._sweep.url is None or time.monotonic() - self._beaten < storage.HEARTBEAT:
            return
        from optuna.storages import fail_stale_trials

        self._beaten = time.monotonic()
        for number in [*self._claimed, *self._begun]:
            self._beat(number)
        fail_stale_trials(self._sweep.study)

    def _next(self) -> int | None:
        return self._begun.pop(0) if self._begun else self._claim()

    def _claim(self) -> int | None:
        from optuna.trial import TrialState

        if time.monotonic() - self._looked < 0.5:
            return None  # There was none just now; a queue of thousands is not read again after each epoch.
        for trial in self._in("WAITING"):
            # Before it is claimed: a trial that is running without a sign of life would never be missed.
            self._beat(trial.number)
            if self._storage.set_trial_state_values(self._trial_id(trial.number), state=TrialState.RUNNING):
                return trial.number
        self._looked = time.monotonic()
        return None

    def _end(self, trial: "optuna.Trial", state: str, value: float | None = None, why: str = "") -> None:
        from optuna.trial import TrialState

        # Of a trial that is finished already this raises, which `tell` may not.
        trial.set_user_attr(rows.WHY, why)
        self._sweep.study.tell(trial.number, value, state=TrialState[state], skip_if_finished=True)
        self._tell(self._line(trial.number, state, value, why))

    def _line(self, number: int, state: str, value: float | None, why: str) -> str:
        told = {"COMPLETE": "", "PRUNED": "diverged: " if why else "stopped", "FAIL": "failed: "}[state]
        if state == "PRUNED" and not why:
            epoch, accuracy = max(self._storage.get_trial(self._trial_id(number)).intermediate_values.items())
            told = f"stopped after epoch {epoch}, at {100 * accuracy:.2f} %"
        if value is not None:
            better = value > self._best
            self._best = max(value, self._best)
            told = f"{100 * value:.2f} % of the validation images{', the best so far' if better else ''}"
        return f"trial {number}: {told}{why}"

    def _beat(self, number: int) -> None:
        # Of the storages, databases alone have it.
        if self._sweep.url is not None:
            self._storage.record_heartbeat(self._trial_id(number))  # type: ignore[attr-defined]

    def _is_mine(self, trial: "FrozenTrial") -> bool:
        # A journal is this folder's alone; so is a trial that was claimed and not yet signed.
        return self._sweep.url is None or trial.user_attrs.get(OWNER) == self._sweep.owner

    def _in(self, *states: str) -> "list[FrozenTrial]":
        from optuna.trial import TrialState

        return self._storage.get_all_trials(
            self._study_id, deepcopy=False, states=tuple(TrialState[state] for state in states)
        )

    def _frozen(self, trial: "optuna.Trial") -> "FrozenTrial":
        return self._storage.get_trial(self._trial_id(trial.number))

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)

    def _folder(self, number: int) -> Path:
        return self._sweep.path / "trials" / f"{number:04}"


def _plain(value: Any) -> Any:
    """As JSON takes it."""
    return list(value) if isinstance(value, tuple) else value
