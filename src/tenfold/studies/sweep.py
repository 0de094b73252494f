"""A sweep: trials of one recipe with different values, in a folder and an Optuna storage, that can be resumed."""

import dataclasses
import shutil
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import optuna
from optuna.exceptions import DuplicatedStudyError, StorageInternalError
from optuna.storages import BaseStorage
from sqlalchemy.exc import SQLAlchemyError

from tenfold import files
from tenfold.database import error_reason
from tenfold.errors import RunError, StorageError, StoreError, TrainingError
from tenfold.jobs.pool import OpenPool
from tenfold.machine import Environment, describe_environment
from tenfold.runs.prepare import one_thread_each, prepare, with_absolute_paths
from tenfold.runs.resumable import ResumableFolder, check_digest, locked, new_folder, read_json, reading
from tenfold.studies import sweep_storage
from tenfold.studies.sweep_plan import SweepPlan
from tenfold.studies.trial_runner import REPLACES, TrialResult, TrialSource, best_trial, result_of

PLAN = "plan"


@dataclasses.dataclass(frozen=True)
class Sweep(ResumableFolder):
    """The folder of a sweep, and its study in the storage.

    path: the folder. plan: what is searched. study, storage: Optuna's. owner: identifies this folder's trials among
    those of other machines. url: of the database, without a password; None for a journal in the folder. environment:
    where it was created. A sweep in a database must be closed, as by `with`.
    """

    manifest: ClassVar[str] = "sweep.json"
    command: ClassVar[str] = "tenfold sweep --resume"

    path: Path
    plan: SweepPlan
    study: optuna.Study
    storage: BaseStorage
    owner: str
    url: str | None
    environment: Environment

    @classmethod
    def create(cls, plan: SweepPlan, folder: Path, url: str | None = None) -> "Sweep":
        """A new sweep in a new folder of `folder`, with all its trials in the queue.

        Raises what `prepare` raises for a recipe that can't be trained, and `StoreError` for a database that can't be
        opened; nothing is left behind then.
        """
        prepared = prepare(one_thread_each(plan.space.recipe))
        space, wanted = dataclasses.replace(plan.space, recipe=prepared.recipe), with_absolute_paths(plan.wanted)
        plan = dataclasses.replace(plan, wanted=wanted, space=space, digest=prepared.data.digest)
        path = new_folder(folder, f"{plan.name}-sweep")
        try:
            with sweep_storage.opened(path, url, new=True) as storage:
                try:
                    study = optuna.create_study(study_name=path.name, storage=storage, direction="maximize")
                except DuplicatedStudyError:
                    raise RunError(f"the database has a sweep {path.name} already: try again in a second") from None
                for values in plan.queue():
                    study.enqueue_trial(values)
                # After the trials: whoever finds the plan finds them all.
                study.set_user_attr(PLAN, plan.document())
                return cls._write(path, plan, study, storage, url)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)  # It was new, and nothing is trained yet.
            raise

    @classmethod
    def join(cls, name: str, folder: Path, url: str) -> "Sweep":
        """Takes part in a sweep that another machine created in a database, with a folder of this machine's own.

        Raises `RunError` where there is no such sweep, or the folder exists already.
        """
        path = folder / name
        if path.exists():
            raise RunError(f"{path} exists already: tenfold sweep --resume {path} continues it")
        with sweep_storage.opened(path, url) as storage:
            study, plan = _load_study(name, storage, sweep_storage.without_password(url))
            files.make_folder(path)
            return cls._write(path, plan, study, storage, url)

    @classmethod
    def load(cls, path: str | Path, url: str | None = None) -> "Sweep":
        """An existing sweep. url: of its database, where that needs a password.

        Raises `RunError` when `path` is not one, or another version wrote it.
        """
        path, file = Path(path), Path(path) / cls.manifest
        if not file.exists():
            raise RunError(f"{path} is not a sweep: it has no {cls.manifest}; tenfold sweep makes one in runs")
        document = read_json(file)
        with reading(file):
            name, owner, place = str(document["study"]), str(document["owner"]), document["storage"]
            environment = document["environment"]
        if url is not None and (given := sweep_storage.without_password(url)) != place:
            raise RunError(f"{path} has its trials in {place or sweep_storage.JOURNAL}, not in {given}")
        # Checked before the study is read, since another version may store studies differently.
        SweepPlan.from_document(document, str(file))
        with locked(path):
            sweep_storage.repair_journal(path)
        with sweep_storage.opened(path, url or place) as storage:
            study, plan = _load_study(name, storage, place or str(path / sweep_storage.JOURNAL))
            return cls(path, plan, study, storage, owner, place, environment)

    @classmethod
    def _write(cls, path: Path, plan: SweepPlan, study: optuna.Study, storage: BaseStorage, url: str | None) -> "Sweep":
        place = sweep_storage.without_password(url) if url else None
        sweep = cls(path, plan, study, storage, uuid.uuid4().hex, place, describe_environment())
        files.write_json(path / cls.manifest, {**sweep.document(), "owner": sweep.owner})
        return sweep

    def __enter__(self) -> "Sweep":
        return self

    def __exit__(self, *_: object) -> None:
        sweep_storage.close(self.storage)

    def run(self, open_pool: OpenPool) -> list[TrialResult]:
        """Trains what is left, waits for trials of other machines, and writes `best.toml` and `trials.json`.

        Each trial is logged. Raises `RunError` when another process runs this sweep, `TrainingError`
        when no trial finished.
        """
        resume = f"resume with: {self.resume_command}"
        try:
            with self.working(), ExitStack() as stack:
                stack.enter_context(sweep_storage.without_warnings())
                source, pool = TrialSource(self), None
                while source.any_left():
                    if source.any_here():
                        pool = pool or stack.enter_context(open_pool())
                        pool.run(source)
                    else:
                        # Trials of other machines; those of one that falls silent come to this one.
                        time.sleep(1)
                        source.tick()
        except (SQLAlchemyError, StorageInternalError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, SQLAlchemyError) else error
            raise StoreError(f"{self.url} can't be used any more: {error_reason(cause)}; {resume}") from error
        except OSError as error:
            raise StorageError(f"{self.path} can't be written: {error.strerror or error}; {resume}") from error
        results = self.results()
        files.write_json(self.path / "trials.json", [dataclasses.asdict(found) for found in results])
        best = best_trial(results)
        if best is None:
            reasons = [found.reason for found in results if found.reason]
            raise TrainingError(
                f"{self.path}: none of {len(results)} trials finished; the first: {reasons[0] if reasons else '?'}"
            )
        files.write_text(self.path / "best.toml", self.plan.best_recipe(best.values).to_toml())
        return results

    def results(self) -> list[TrialResult]:
        """Every trial, in order; without those that were queued again because their machine fell silent."""
        trials = self.study.get_trials(deepcopy=False)
        replaced = {trial.user_attrs.get(REPLACES) for trial in trials}
        return [result_of(trial) for trial in trials if trial.number not in replaced]

    def importance(self) -> dict[str, float]:
        """The share of the differences in accuracy that each parameter explains; empty for too few trials.

        By PED-ANOVA (Watanabe, Bansal and Hutter 2023).
        """
        finished = [found for found in self.results() if found.state == "finished"]
        if len(finished) < 4 or len({found.accuracy for found in finished}) < 2:
            return {}
        with sweep_storage.without_warnings():
            return {name: float(share) for name, share in optuna.importance.get_param_importances(self.study).items()}

    def document(self) -> dict[str, Any]:
        """The definition of the sweep, as JSON takes it."""
        name = self.study.study_name
        return {**self.plan.document(), "study": name, "storage": self.url, "environment": self.environment}

    def result_document(self, results: list[TrialResult]) -> dict[str, Any]:
        """The definition and the results, as JSON takes them."""
        best = best_trial(results)
        return {
            **self.document(),
            "best": best.number if best else None,
            "importance": self.importance(),
            "rows": [dataclasses.asdict(found) for found in results],
        }


def _load_study(name: str, storage: BaseStorage, place: str) -> tuple[optuna.Study, SweepPlan]:
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        raise RunError(f"{place} holds no sweep {name!r}") from None
    plan = SweepPlan.from_document(study.user_attrs.get(PLAN, {}), f"sweep {name}")
    check_digest(plan.space.recipe.data.load(), plan.digest, Path(name))
    return study, plan
