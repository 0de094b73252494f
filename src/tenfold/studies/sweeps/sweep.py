"""A sweep: trials of one recipe, each with other values, in a folder and a storage that can be taken up again."""

import contextlib
import dataclasses
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold import files
from tenfold.data import load_dataset
from tenfold.errors import RunError, StorageError, StoreError, TrainingError
from tenfold.jobs.pool import OpenPool, work
from tenfold.runs.begin import anchored, check, new_folder, resolved
from tenfold.runs.environment import describe_environment
from tenfold.studies.sweeps import storage
from tenfold.studies.sweeps.plan import Plan
from tenfold.studies.sweeps.rows import Row, best_of, read_rows
from tenfold.studies.sweeps.trials import Trials

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

FILE = "sweep.json"
PLAN = "plan"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep:
    """The folder of a sweep, and its study in the storage.

    path: the folder. plan: what is searched. owner: tells this folder's trials from those of other machines. url: of
    the database, without a password; None for the folder's own journal. environment: what it was begun on. One that is
    in a database is to be closed, as by `with`.
    """

    path: Path
    plan: Plan
    study: "optuna.Study"
    kept: "BaseStorage"
    owner: str
    url: str | None
    environment: dict[str, Any]

    @classmethod
    def begin(cls, plan: Plan, folder: Path, url: str | None = None) -> "Sweep":
        """A new sweep in a new folder of `folder`, with all its trials in the queue.

        Raises what `train` raises for recipes that can't be trained, and `StoreError` for a database that is not
        there; nothing is left behind then.
        """
        data = load_dataset(plan.wanted.data.dataset)
        check(plan.space.recipe, data)
        recipe = anchored(plan.space.recipe)
        if not recipe.engine.threads:
            # Other cores are busy with other trials.
            recipe = dataclasses.replace(recipe, engine=dataclasses.replace(recipe.engine, threads=1))
        plan = plan.on(data, resolved(recipe, data), anchored(plan.wanted))
        path = new_folder(folder, f"{plan.name}-sweep")
        try:
            return cls._begin(plan, path, url)
        except BaseException:
            for file in path.glob(f"{storage.JOURNAL}*"):
                file.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                path.rmdir()
            raise

    @classmethod
    def _begin(cls, plan: Plan, path: Path, url: str | None) -> "Sweep":
        import optuna

        with storage.opened(path, url, new=True) as kept:
            try:
                study = optuna.create_study(study_name=path.name, storage=kept, direction="maximize")
            except optuna.exceptions.DuplicatedStudyError:
                raise RunError(f"the database has a sweep {path.name} already: try again in a second") from None
            for values in plan.queue():
                study.enqueue_trial(values)
            # Whoever finds the plan finds all trials.
            study.set_user_attr(PLAN, plan.document())
            return cls._written(path, plan, study, kept, url)

    @classmethod
    def join(cls, name: str, folder: Path, url: str) -> "Sweep":
        """Takes part in a sweep that another machine began in a database, in a folder of one's own in `folder`.

        Raises `RunError` where there is no such sweep, or the folder is there already.
        """
        path = folder / name
        if path.exists():
            raise RunError(f"{path} is there already: tenfold sweep --resume {path} goes on with it")
        with storage.opened(path, url) as kept:
            study = _load_study(name, kept, storage.shown(url))
            plan = Plan.from_document(study.user_attrs.get(PLAN, {}), f"sweep {name}")
            plan.check_data(load_dataset(plan.space.recipe.data.dataset))
            files.make_folder(path)
            return cls._written(path, plan, study, kept, url)

    @classmethod
    def latest(cls, folder: Path) -> Path:
        """The folder of the sweep that was begun last in `folder`. Raises `RunError` when there is none."""
        found = list(folder.glob(f"*/{FILE}"))
        if not found:
            raise RunError(f"there is no sweep in {folder.absolute()} yet")
        # The file is written when the sweep begins, and never again.
        return max(found, key=lambda file: file.stat().st_mtime_ns).parent

    @classmethod
    def load(cls, path: str | Path, url: str | None = None) -> "Sweep":
        """A sweep that was begun. url: of its database, where that needs a password.

        Raises `RunError` when `path` is not one, or another version wrote it.
        """
        path, file = Path(path), Path(path) / FILE
        if not file.exists():
            raise RunError(f"{path} is no sweep: it has no {FILE}; tenfold sweep makes one in runs")
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            name, place, owner = document["study"], document["storage"], document["owner"]
            environment = dict(document["environment"])
            if not isinstance(name, str) or not isinstance(owner, str) or not isinstance(place, str | None):
                raise TypeError("it does not tell its study")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{file} can't be read: {error}") from error
        if url is not None and storage.shown(url) != place:
            raise RunError(f"{path} has its trials in {place or storage.JOURNAL}, not in {storage.shown(url)}")
        # What is there is read before the study is: a plan of another version may have another kind of study.
        Plan.from_document(document, str(file))
        with _alone(path):
            storage.mend(path)
        with storage.opened(path, url or place) as kept:
            study = _load_study(name, kept, place or str(path / storage.JOURNAL))
            plan = Plan.from_document(study.user_attrs.get(PLAN, {}), str(path))
            plan.check_data(load_dataset(plan.space.recipe.data.dataset))
            return cls(path=path, plan=plan, study=study, kept=kept, owner=owner, url=place, environment=environment)

    @classmethod
    def _written(cls, path: Path, plan: Plan, study: "optuna.Study", kept: "BaseStorage", url: str | None) -> "Sweep":
        sweep = cls(
            path=path,
            plan=plan,
            study=study,
            kept=kept,
            owner=uuid.uuid4().hex,
            url=storage.shown(url) if url else None,
            environment=describe_environment(),
        )
        # sweep.json is what makes a folder a sweep, so it comes last; it is never written again.
        files.write_json(path / FILE, {**sweep.document(), "owner": sweep.owner})
        return sweep

    def __enter__(self) -> "Sweep":
        return self

    def __exit__(self, *_: object) -> None:
        storage.close(self.kept)

    def run(self, open_pool: OpenPool, tell: Callable[[str], None] = lambda line: None) -> list[Row]:
        """Trains what is left, waits for what other machines have begun, and writes `best.toml` and `trials.json`.

        tell: hears of each trial. Raises `RunError` when another process is at it, `TrainingError` when no trial came
        to its end.
        """
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        from tenfold.database import error_reason

        on = f"it goes on with: tenfold sweep --resume {self.path}"
        try:
            with ExitStack() as stack:
                stack.enter_context(_alone(self.path))
                stack.enter_context(storage.quiet())
                trials, pool = Trials(self, tell), None
                while trials.left():
                    if trials.to_be_done():
                        pool = pool or stack.enter_context(open_pool())
                        work(pool, trials.take, trials.epoch, trials.done, tell, trials.tick)
                    else:
                        # On other machines: one that falls silent leaves its trials to this one.
                        time.sleep(1)
                        trials.tick()
        except KeyboardInterrupt:
            raise KeyboardInterrupt(on) from None
        except (SQLAlchemyError, StorageInternalError) as error:
            said = error.__cause__ if isinstance(error.__cause__, SQLAlchemyError) else error
            raise StoreError(f"{self.url} can't be used any more: {error_reason(said)}; {on}") from error
        except OSError as error:
            raise StorageError(f"{self.path} can't be written: {error.strerror or error}; {on}") from error
        rows = self.rows()
        files.write_json(self.path / "trials.json", [dataclasses.asdict(row) for row in rows])
        self.write_best(rows)
        return rows

    def rows(self) -> list[Row]:
        """Every trial, in order."""
        return read_rows(self.study)

    def write_best(self, rows: list[Row]) -> Path:
        """Writes `best.toml`. Raises `TrainingError` when no trial came to its end."""
        best = best_of(rows)
        if best is None:
            reasons = [row.why for row in rows if row.why]
            raise TrainingError(
                f"{self.path}: none of {len(rows)} trials came to its end; the first: {reasons[0] if reasons else '?'}"
            )
        return files.write_text(self.path / "best.toml", self.plan.best_recipe(best.values).to_toml())

    def importance(self) -> dict[str, float]:
        """How much of the differences in accuracy each parameter makes, as shares of 1; empty for too few trials.

        By PED-ANOVA (Watanabe, Bansal and Hutter 2023).
        """
        finished = [row for row in self.rows() if row.state == "finished"]
        if len(finished) < 4 or len({row.accuracy for row in finished}) < 2:
            return {}
        import optuna

        with storage.quiet():
            return {name: float(share) for name, share in optuna.importance.get_param_importances(self.study).items()}

    def document(self) -> dict[str, Any]:
        """All that was asked, as JSON takes it."""
        return {
            **self.plan.document(),
            "study": self.study.study_name,
            "storage": self.url,
            "environment": self.environment,
        }

    def result(self, rows: list[Row]) -> dict[str, Any]:
        """All that was asked and found, as JSON takes it."""
        best = best_of(rows)
        return {
            **self.document(),
            "best": best.number if best else None,
            "importance": self.importance(),
            "rows": [dataclasses.asdict(row) for row in rows],
        }


def _load_study(name: str, kept: "BaseStorage", place: str) -> "optuna.Study":
    import optuna

    try:
        return optuna.load_study(study_name=name, storage=kept)
    except KeyError:
        raise RunError(f"{place} holds no sweep {name!r}") from None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keeps a second process from the same folder; without `fcntl` (Windows) nothing is held."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (path / FILE).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunError(f"another process is at {path}") from error
        yield
