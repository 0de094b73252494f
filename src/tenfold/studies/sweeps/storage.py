"""Where a sweep's trials are kept: a journal in its folder, or a database that several machines share."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold import files
from tenfold.errors import RunError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

JOURNAL = "journal.log"
# Seconds between two signs of life of a running trial in a database, and after which a silent one is given to another
# machine: as long as a machine may be suspended, or its network away, without its work being done again.
HEARTBEAT = 15
GRACE = 120


@contextmanager
def opened(folder: Path, url: str | None, *, new: bool = False) -> Iterator["BaseStorage"]:
    """The journal of `folder`, or the database at `url`: `sqlite:///PATH` or `postgresql://USER@HOST/NAME`.

    new: a file that isn't there is made. Whoever has the storage when the block comes to its end closes it; a block
    that fails leaves nothing open. Raises `StoreError` for what is no such URL or can't be opened, `RunError` for what
    another version wrote and for trials that are gone.
    """
    kept = _open(folder, url, new)
    try:
        yield kept
    except BaseException:
        close(kept)
        raise


def mend(folder: Path) -> None:
    """Makes a journal whole that a killed process or a full disk left; for who is alone with the folder."""
    (folder / f"{JOURNAL}.lock").unlink(missing_ok=True)
    journal = folder / JOURNAL
    if not journal.exists():
        return
    with files.storage_errors(journal), journal.open("rb+") as file:
        # What was cut short counts as never written. Optuna would write on behind it, and read neither.
        written = file.read()
        file.truncate(written.rfind(b"\n") + 1)


def close(kept: "BaseStorage") -> None:
    """Gives a database its connections back, which Optuna never does; a journal has none."""
    from optuna.storages import RDBStorage

    if isinstance(kept, RDBStorage):
        kept.engine.dispose()


def _open(folder: Path, url: str | None, new: bool) -> "BaseStorage":
    import optuna
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    # It tells of every trial on stderr, and so do we.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    if url is None:
        if not new and not (folder / JOURNAL).exists():
            raise RunError(f"{folder / JOURNAL} is missing: the sweep's trials are lost")
        with _foreign(str(folder / JOURNAL)):
            return JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    from tenfold import database

    found = database.parse_url(url)
    place = shown(url)
    with database.opening(found):
        if found.get_backend_name() == "sqlite":
            if not new and not Path(str(found.database)).exists():
                raise RunError(f"{place}: there is no such file")
            Path(str(found.database)).parent.mkdir(parents=True, exist_ok=True)
            patience: dict[str, Any] = {"timeout": 60}
        else:
            patience = {"connect_timeout": 5}
        # Heartbeats have been called an experiment since 2021.
        with _foreign(place), quiet():
            return RDBStorage(
                found.render_as_string(hide_password=False),
                engine_kwargs={"pool_pre_ping": True, "connect_args": patience},
                heartbeat_interval=HEARTBEAT,
                grace_period=GRACE,
                heartbeat_stale_trial_callback=_again,
            )


def shown(url: str) -> str:
    """The URL as it may be written down: absolute, and without its password."""
    from tenfold import database

    return database.without_password(database.parse_url(url))


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings that parts of Optuna which are called experiments give each time."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


@contextmanager
def _foreign(place: str) -> Iterator[None]:
    """Turns what Optuna raises at a storage that it can't understand into an error that says so."""
    from sqlalchemy.exc import SQLAlchemyError

    from tenfold.errors import TenfoldError

    try:
        yield
    except (TenfoldError, ModuleNotFoundError, OSError, SQLAlchemyError):
        raise
    except Exception as error:
        import optuna

        raise RunError(
            f"{place} was written by another version of Optuna than {optuna.__version__}, or by something else "
            f"({str(error) or type(error).__name__}): go on with the version that wrote it, or begin a new sweep"
        ) from error


def _again(study: "Study", trial: "FrozenTrial") -> None:
    """Puts a trial whose machine fell silent back in the queue."""
    wanted = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    study.enqueue_trial(wanted, user_attrs={"instead_of": trial.number})
