"""Feedback: acknowledged samples are never lost, none is stored twice, and they export as a dataset."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from tenfold.errors import (
    StoreBusyError,
    StoreError,
)
from tenfold.serve.feedback import FeedbackSample, FeedbackStore


def sample(**fields):
    wanted = {"id": uuid.uuid4(), "label": 7, "pixels": os.urandom(784), "created_at": datetime.now(UTC)}
    return FeedbackSample(**{**wanted, **fields})


@pytest.fixture(params=["sqlite", pytest.param("postgres")])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new' / 'feedback.db'}"
        return
    server = request.getfixturevalue("postgres")
    yield server.url
    with FeedbackStore(server.url) as store:
        from sqlalchemy import text

        with store._engine.begin() as connection:
            connection.execute(text("drop table feedback_samples, feedback_version"))


def test_a_sample_is_read_back_as_it_was_stored(url):
    created_at = datetime(2026, 5, 4, 3, 2, 1, tzinfo=timezone(timedelta(hours=2)))
    whole = sample(
        predicted=1,
        confidence=0.75,
        probabilities=(0.1,) * 10,
        strokes=(((0.5, 1.0), (2.0, 3.25)), ((4.0, 4.0),)),
        source="draw",
        model_digest="ab" * 32,
        created_at=created_at,
    )
    bare = sample()
    with FeedbackStore(url) as store:
        for one_sample in (whole, bare):
            assert store.add(one_sample).result() is True
        assert {found.id: found for found in store} == {whole.id: whole, bare.id: bare}
    with FeedbackStore(url) as store:
        assert store.count() == 2


def test_the_same_id_is_stored_once(url):
    one, other = sample(), sample()
    with FeedbackStore(url) as store:
        # In one transaction, and in another.
        first = [store.add(one_sample) for one_sample in (one, other, one)]
        assert [future.result() for future in first] == [True, True, False]
        assert store.add(one).result() is False
        assert store.count() == 2


def test_two_thousand_concurrent_samples_are_all_stored(url):
    samples = [sample() for _ in range(2000)]
    with FeedbackStore(url) as store:
        futures = [store.add(one) for one in samples]
        assert all(future.result() for future in futures)
        assert {found.id for found in store} == {one.id for one in samples}


def test_a_cancelled_request_still_stores_its_sample(url):
    async def impatient(store, samples):
        for _ in range(3):
            waiting = [asyncio.wrap_future(store.add(one)) for one in samples]
            for future in waiting:
                future.cancel()
            await asyncio.sleep(0.01)

    samples = [sample() for _ in range(100)]
    with FeedbackStore(url) as store:
        asyncio.run(impatient(store, samples))
        assert store.add(samples[0]).result(10) is False
        assert store.count() == 100


def test_closing_writes_pending_samples(url):
    store = FeedbackStore(url)
    futures = [store.add(sample()) for _ in range(300)]
    store.close()
    assert all(future.result(0) for future in futures)
    with pytest.raises(StoreError, match="closed"):
        store.add(sample())


def test_two_stores_may_share_a_database(url):
    with FeedbackStore(url) as one, FeedbackStore(url) as other:
        futures = [store.add(sample()) for _ in range(50) for store in (one, other)]
        assert all(future.result() for future in futures)
        assert one.count() == other.count() == 100


@pytest.fixture
def lock(url):
    """Takes the database for another's, until it is let go."""
    if url.startswith("sqlite"):
        other, words = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None), "BEGIN EXCLUSIVE"
    else:
        import psycopg

        other, words = psycopg.connect(url), "LOCK TABLE feedback_samples IN EXCLUSIVE MODE"
    yield lambda: other.execute(words)
    other.close()


def test_a_locked_database_is_reported_and_recovers(url, request, monkeypatch):
    monkeypatch.setattr("tenfold.database.LOCK_TIMEOUT", 0.3)
    with FeedbackStore(url) as store:
        lock = request.getfixturevalue("lock")
        other = lock()
        late = sample()
        with pytest.raises(StoreError, match="lock"):
            store.add(late).result()
        # Reading continues meanwhile.
        store.check()
        assert store.count() == 0
        getattr(other, "connection", other).rollback()
        assert store.add(late).result() is True


def test_a_store_that_cannot_write_can_be_closed(tmp_path, monkeypatch):
    monkeypatch.setattr("tenfold.database.LOCK_TIMEOUT", 0.5)
    monkeypatch.setattr("tenfold.serve.feedback.sample_store._CLOSE_SECONDS", 0.2)
    store = FeedbackStore(f"sqlite:///{tmp_path / 'feedback.db'}")
    other = sqlite3.connect(tmp_path / "feedback.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    futures = [store.add(sample()) for _ in range(500)]
    store.close()
    for future in futures:
        with pytest.raises(StoreError):
            future.result(5)
    other.close()


def test_a_database_that_restarts(postgres):
    with FeedbackStore(postgres.url) as store:
        before = store.count()
        assert store.add(sample()).result() is True
        postgres.stop()
        try:
            with pytest.raises(StoreError, match="can't be"):
                store.check()
            with pytest.raises(StoreError, match="can't be written"):
                store.add(sample()).result()
        finally:
            postgres.start()
        store.check()
        assert store.add(sample()).result() is True
        assert store.count() == before + 2


def test_a_full_queue_raises(tmp_path):
    from tenfold.serve.feedback.sample_store import FeedbackStore

    path = tmp_path / "feedback.db"
    with FeedbackStore(f"sqlite:///{path}", queue=10) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        futures = []
        with pytest.raises(StoreBusyError, match="10 samples are waiting"):  # noqa: PT012
            for _ in range(300):
                futures.append(store.add(sample()))  # noqa: PERF401
        other.execute("COMMIT")
        other.close()
        assert all(future.result() for future in futures)


def test_several_processes_may_create_it_concurrently(url):
    words = [sys.executable, "-c", "import sys, tenfold.serve.feedback as f; f.FeedbackStore(sys.argv[1]).close()", url]
    started = [subprocess.Popen(words) for _ in range(3)]
    assert [process.wait(30) for process in started] == [0, 0, 0]


def test_the_migrations_create_the_table_in_use(url):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from tenfold.serve.feedback.sample_store import metadata

    with FeedbackStore(url) as store, store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "feedback_version"})
        assert compare_metadata(context, metadata) == []


def test_a_sweep_may_lie_in_the_same_database(tmp_path):
    from optuna.storages import RDBStorage

    url = f"sqlite:///{tmp_path / 'both.db'}"
    FeedbackStore(url).close()
    RDBStorage(url).engine.dispose()
    FeedbackStore(url).close()


def test_a_database_of_a_newer_tenfold_is_reported(tmp_path):
    url = f"sqlite:///{tmp_path / 'feedback.db'}"
    FeedbackStore(url).close()
    with sqlite3.connect(tmp_path / "feedback.db") as database:
        database.execute("update feedback_version set version_num = '9999'")
    database.close()
    with pytest.raises(StoreError, match="newer Tenfold"):
        FeedbackStore(url)


WRITER = """
import os, sys, uuid
from datetime import datetime, UTC
from tenfold.serve.feedback import FeedbackSample, FeedbackStore
store = FeedbackStore(sys.argv[1])
def print_when_saved(future, id):
    if future.result():
        os.write(1, f"{id}\\n".encode())
while True:
    id = uuid.uuid4()
    one = FeedbackSample(id=id, label=1, pixels=os.urandom(784), created_at=datetime.now(UTC))
    try:
        store.add(one).add_done_callback(lambda future, id=id: print_when_saved(future, id))
    except Exception:
        pass
"""


def test_acknowledged_samples_survive_a_kill(url):
    process = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    lines = [process.stdout.readline().strip().decode() for _ in range(700)]
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().decode().splitlines()
    process.wait()
    process.stdout.close()
    # The very last line may be cut.
    acknowledged = {uuid.UUID(line) for line in [*lines, *rest] if len(line) == 36}
    assert len(acknowledged) >= 700
    with FeedbackStore(url) as store:
        assert acknowledged <= {found.id for found in store}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://a@b/c", "not supported"),
        ("nonsense", "not a database URL"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///x.db?mode=ro", "without options"),
        ("postgresql://nobody:secret@host:port/none", "not a database URL"),
        ("sqlite:////dev/null/x.db", "can't be opened"),
        ("postgresql://nobody:secret@127.0.0.1:1/none", "can't be opened"),
    ],
)
def test_invalid_urls_are_reported(url, words):
    with pytest.raises(StoreError, match=words) as raised:
        FeedbackStore(url)
    assert "secret" not in str(raised.value)


def test_a_file_that_is_not_a_database_is_reported(tmp_path):
    (tmp_path / "notes.db").write_text("not a database at all, but long enough to look like one" * 50)
    with pytest.raises(StoreError, match="not a database"):
        FeedbackStore(f"sqlite:///{tmp_path / 'notes.db'}")


def test_the_environment_names_the_database(tmp_path, monkeypatch):
    monkeypatch.setenv("TENFOLD_DATABASE_URL", f"sqlite:///{tmp_path / 'there.db'}")
    with FeedbackStore() as store:
        store.add(sample()).result()
    assert (tmp_path / "there.db").exists()


def test_a_missing_extra_is_named():
    code = (
        "import sys; sys.modules['sqlalchemy'] = None; from tenfold import cli; cli.main(['feedback', 'export', 'out'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "tenfold[serve]" in done.stderr


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("label", 10), ("label", -1), ("label", None), ("label", True), ("predicted", 12), ("confidence", 1.5),
        ("confidence", float("nan")), ("probabilities", (0.5,)), ("pixels", b"short"), ("pixels", bytes(784)),
        ("strokes", (((float("nan"), 0.0),),)), ("strokes", (((1.0,),),)), ("strokes", (((0.0, 0.0),) * 20_001,)),
        ("source", "dream"), ("model_digest", "xyz"), ("created_at", datetime(2026, 1, 1)),
        ("created_at", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))),
    ],
)  # fmt: skip
def test_an_invalid_field_is_named(field, value):
    with pytest.raises(ValidationError, match=field):
        sample(**{field: value})
