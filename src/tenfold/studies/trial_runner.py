"""The trials of a sweep: their results, and the jobs that they are while they run."""

import contextlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from tenfold.errors import RecipeError, RunError
from tenfold.jobs.pool import Job, JobSource, Outcome
from tenfold.runs.fit import training_job
from tenfold.runs.run_folder import RunFolder
from tenfold.runs.train import train_run
from tenfold.studies import sweep_storage

if TYPE_CHECKING:
    from tenfold.studies.sweep import Sweep

log = logging.getLogger(__name__)

_STATES = {"COMPLETE": "finished", "PRUNED": "stopped", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}
# Keys of a trial's user attributes.
OWNER, VALUES, REASON, FIGURES, REPLACES = "owner", "values", "reason", "figures", "replaces"


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """A trial and its result.

    state: `finished`, `stopped` by the pruner, `diverged`, `failed`, `running` or `waiting`. values: of its parameters,
    as the recipe has them. accuracies: validation accuracy after each epoch, 0 to 1; accuracy: of the finished run.
    seconds: of training. weights: how many the model has. reason: why it diverged or failed.
    """

    number: int
    state: str
    values: dict[str, Any]
    accuracies: dict[int, float]
    accuracy: float | None = None
    seconds: float | None = None
    weights: int | None = None
    reason: str = ""


def best_trial(results: list[TrialResult]) -> TrialResult | None:
    """The finished trial of the highest validation accuracy; the first of equals."""
    finished = [found for found in results if found.state == "finished" and found.accuracy is not None]
    return max(finished, key=lambda found: (found.accuracy, -found.number), default=None)


def result_of(trial: FrozenTrial) -> TrialResult:
    """What Optuna has stored of a trial."""
    attributes = trial.user_attrs
    state = _STATES[trial.state.name]
    figures = attributes.get(FIGURES, {})
    return TrialResult(
        number=trial.number,
        state="diverged" if state == "stopped" and attributes.get(REASON) else state,
        values=attributes.get(VALUES, {}),
        accuracies=dict(sorted(trial.intermediate_values.items())),
        accuracy=trial.value if state == "finished" else None,
        seconds=figures.get("seconds"),
        weights=figures.get("parameters"),
        reason=attributes.get(REASON, ""),
    )


class TrialSource(JobSource):
    """This process's share of a sweep's trials, as jobs.

    A trial is claimed in one step of the storage, so no two processes have the same one. Trials that this folder had
    claimed before it was interrupted come first, and resume after their last whole epoch.
    """

    def __init__(self, sweep: "Sweep") -> None:
        self._sweep, self._plan, self._study = sweep, sweep.plan, sweep.study
        # Only there may other machines take part.
        self._in_database = sweep.url is not None
        self._shared = (sweep.plan.space.recipe.data.load(),)
        # With a cache, which the sweep's own has not; Optuna has no public access to it.
        self._storage = sweep.study._storage
        self._study_id = self._storage.get_study_id_from_name(sweep.study.study_name)
        sweep.study.pruner = sweep.plan.make_pruner()
        self._claimed: dict[int, optuna.Trial] = {}
        self._last_heartbeat = self._last_empty = 0.0
        # A journal is this folder's alone, so a trial that was claimed and not yet signed is this folder's too.
        self._interrupted = [
            trial.number
            for trial in self._trials(TrialState.RUNNING)
            if not self._in_database or trial.user_attrs.get(OWNER) == sweep.owner
        ]
        for number in self._interrupted:
            # Immediately, or another machine that resumes would take them for silent.
            self._heartbeat(number)
        best = best_trial(sweep.results())
        self._best = best.accuracy if best and best.accuracy is not None else 0.0

    def any_left(self) -> bool:
        """Whether any trial of the sweep has not ended, on whichever machine."""
        return bool(self._trials(TrialState.RUNNING, TrialState.WAITING))

    def any_here(self) -> bool:
        """Whether there is a trial for this process to run."""
        return bool(self._interrupted or self._trials(TrialState.WAITING))

    def next_job(self) -> Job | None:
        while (number := self._interrupted.pop(0) if self._interrupted else self._claim()) is not None:
            try:
                if (job := self._make_job(number)) is not None:
                    return job
            except UpdateFinishedTrialError:
                continue  # Taken for dead meanwhile, and given to another machine.
        return None

    def on_message(self, job: Job, message: Any) -> bool:
        """Stores an epoch's accuracy; whether the trial is worth its next epoch."""
        recipe = job.arguments[0]
        trial, epochs = self._claimed[job.key], recipe.training.epochs
        # Of an ensemble, the first network counts: the others start from nothing.
        if message.validation_accuracy is None or message.epoch > epochs:
            return True
        try:
            if message.epoch not in self._storage.get_trial(self._trial_id(job.key)).intermediate_values:
                trial.report(message.validation_accuracy, message.epoch)
            # After the last epoch there is nothing left to save.
            return message.epoch == epochs or not trial.should_prune()
        except UpdateFinishedTrialError:
            return False  # Taken for dead, and given to another machine.

    def on_done(self, job: Job, outcome: Outcome) -> None:
        """Stores how a trial ended. Raises `RunError` where other trials would fail too."""
        trial = self._claimed.pop(job.key)
        # Where it was taken for dead and given to another machine, that one's result counts.
        with contextlib.suppress(UpdateFinishedTrialError):
            if outcome.kind == "failed":
                raise RunError(f"trial {job.key}: {outcome.message}; fix that, then: {self._sweep.resume_command}")
            if outcome.kind == "finished":
                assert job.folder is not None
                figures = RunFolder(job.folder, self._plan.space.recipe).training
                names = ("seconds", "parameters", "train_accuracy", "validation_loss")
                kept = {name: getattr(figures, name) for name in names}
                trial.set_user_attr(FIGURES, kept)
                self._end(trial, TrialState.COMPLETE, value=figures.validation_accuracy)
            elif outcome.kind in ("stopped", "diverged"):
                # Diverged ones count as pruned too, so that the sampler learns to avoid them; it ignores failures.
                self._end(trial, TrialState.PRUNED, reason=outcome.message)
            else:
                self._end(trial, TrialState.FAIL, reason=outcome.message)

    def tick(self) -> None:
        """Sends heartbeats to a database, and queues the trials of silent machines again."""
        if not self._in_database or time.monotonic() - self._last_heartbeat < sweep_storage.HEARTBEAT:
            return
        self._last_heartbeat = time.monotonic()
        for number in [*self._claimed, *self._interrupted]:
            self._heartbeat(number)
        fail_stale_trials(self._study)

    def _make_job(self, number: int) -> Job | None:
        """The trial with its values chosen, as a job; None where the recipe refuses the values."""
        # A sampler for each trial, seeded by its number: otherwise its values would depend on what this process has
        # sampled before.
        self._study.sampler = self._plan.make_sampler(number)
        trial = optuna.Trial(self._study, self._trial_id(number))
        trial.set_user_attr(OWNER, self._sweep.owner)
        changes = self._plan.space.changes(trial)
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in changes.items()}
        trial.set_user_attr(VALUES, plain)
        try:
            recipe = self._plan.space.recipe.replace(**changes)
        except RecipeError as error:
            self._end(trial, TrialState.FAIL, reason=str(error))
            return None
        self._claimed[number] = trial
        folder = self._sweep.path / "trials" / f"{number:04}"
        return training_job(number, train_run, folder, (recipe, False, False), self._shared, recipe.device)

    def _claim(self) -> int | None:
        if time.monotonic() - self._last_empty < 0.5:
            return None  # The queue was empty just now, and reading thousands of trials takes time.
        for trial in self._trials(TrialState.WAITING):
            # Before it is claimed: a running trial that never had a heartbeat would never be missed.
            self._heartbeat(trial.number)
            if self._storage.set_trial_state_values(self._trial_id(trial.number), state=TrialState.RUNNING):
                return trial.number
        self._last_empty = time.monotonic()
        return None

    def _end(self, trial: optuna.Trial, state: TrialState, value: float | None = None, reason: str = "") -> None:
        # This raises for a trial that has ended already, which the next line ignores.
        trial.set_user_attr(REASON, reason)
        self._study.tell(trial.number, value, state=state, skip_if_finished=True)
        if value is not None:
            line = f"{100 * value:.2f} % of the validation images{', the best so far' if value > self._best else ''}"
            self._best = max(value, self._best)
        elif state is TrialState.PRUNED and not reason:
            epoch, accuracy = max(self._storage.get_trial(self._trial_id(trial.number)).intermediate_values.items())
            line = f"stopped after epoch {epoch}, at {100 * accuracy:.2f} %"
        else:
            line = f"{'failed' if state is TrialState.FAIL else 'diverged'}: {reason}"
        log.info("trial %s: %s", trial.number, line)

    def _heartbeat(self, number: int) -> None:
        if self._in_database:
            self._storage.record_heartbeat(self._trial_id(number))  # type: ignore[attr-defined]

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self._storage.get_all_trials(self._study_id, deepcopy=False, states=states)

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
