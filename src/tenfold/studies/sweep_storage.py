"""Where a sweep's trials are stored: a journal in its folder, or a database that several machines share."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial
from sqlalchemy.exc import SQLAlchemyError

from tenfold import database, files
from tenfold.errors import RunError, TenfoldError

JOURNAL = "journal.log"
# Seconds between heartbeats of a running trial in a database, and after which a silent trial is queued again: how long
# a machine may be suspended or offline without losing its trials.
HEARTBEAT = 15
GRACE = 120


@contextmanager
def opened(folder: Path, url: str | None, *, new: bool = False) -> Iterator[BaseStorage]:
    """The journal of `folder`, or the database at `url`: `sqlite:///PATH` or `postgresql://USER@HOST/NAME`.

    new: whether to create a missing file. The storage stays open after the block, for `close`; a block that fails
    closes it. Raises `StoreError` for another URL or a database that can't be opened, `RunError` for what another
    version wrote and for a missing journal.
    """
    storage = _open(folder, url, new)
    try:
        yield storage
    except BaseException:
        close(storage)
        raise


def repair_journal(folder: Path) -> None:
    """Repairs the journal that a killed process or a full disk left. The caller holds the folder's lock."""
    (folder / f"{JOURNAL}.lock").unlink(missing_ok=True)
    journal = folder / JOURNAL
    if not journal.exists():
        return
    with files.storage_errors(journal), journal.open("rb+") as file:
        # A truncated last line counts as not written. Optuna would append to it, and then read neither.
        written = file.read()
        file.truncate(written.rfind(b"\n") + 1)


def close(storage: BaseStorage) -> None:
    """Closes the connections to a database, which Optuna never does; a journal has none."""
    if isinstance(storage, RDBStorage):
        storage.engine.dispose()


def _open(folder: Path, url: str | None, new: bool) -> BaseStorage:
    # It logs every trial to stderr; so does the console.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    if url is None:
        if not new and not (folder / JOURNAL).exists():
            raise RunError(f"{folder / JOURNAL} is missing: the sweep's trials are lost")
        with _version_errors(str(folder / JOURNAL)):
            return JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    found = database.parse_url(url)
    place = without_password(url)
    with database.opening(found):
        if found.get_backend_name() == "sqlite":
            if not new and not Path(str(found.database)).exists():
                raise RunError(f"{place}: there is no such file")
            Path(str(found.database)).parent.mkdir(parents=True, exist_ok=True)
            options: dict[str, Any] = {"timeout": 60}
        else:
            options = {"connect_timeout": 5}
        with _version_errors(place), without_warnings():
            return RDBStorage(
                found.render_as_string(hide_password=False),
                engine_kwargs={"pool_pre_ping": True, "connect_args": options},
                heartbeat_interval=HEARTBEAT,
                grace_period=GRACE,
                heartbeat_stale_trial_callback=_requeue,
            )


def without_password(url: str) -> str:
    """The URL as it is stored and shown: absolute, and without its password."""
    return database.without_password(database.parse_url(url))


@contextmanager
def without_warnings() -> Iterator[None]:
    """Silences the warnings of Optuna's experimental features, such as heartbeats since 2021."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


@contextmanager
def _version_errors(place: str) -> Iterator[None]:
    """Turns what Optuna raises at a storage of another version into a `RunError`."""
    try:
        yield
    except (TenfoldError, ModuleNotFoundError, OSError, SQLAlchemyError):
        raise
    except Exception as error:
        raise RunError(
            f"{place} was written by another version of Optuna than {optuna.__version__}, or by something else "
            f"({str(error) or type(error).__name__}): continue with the version that wrote it, or start a new sweep"
        ) from error


def _requeue(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queues a trial again whose machine fell silent."""
    wanted = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    study.enqueue_trial(wanted, user_attrs={"replaces": trial.number})
