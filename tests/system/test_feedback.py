"""Feedback: acknowledged samples are never lost, none is stored twice, and they export as a dataset."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tenfold.data import load_dataset
from tenfold.errors import (
    FeedbackError,
    FormatError,
    StorageError,
    StoreBusyError,
    StoreError,
)
from tenfold.serve.feedback import FeedbackSample, FeedbackStore
from tenfold.serve.feedback.sample_export import export_samples, held_out


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


def test_samples_export_as_a_dataset(tmp_path):
    samples = [sample(label=number % 10, predicted=(number + number % 3) % 10) for number in range(200)]
    made = export_samples(samples, tmp_path / "set")
    data = load_dataset(tmp_path / "set")
    assert (made.train, made.test) == (len(data.train_images), len(data.test_images))
    assert made.train + made.test == 200
    assert 20 <= made.test <= 60
    by_ink = {one.pixels: one.label for one in samples}
    for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        assert [by_ink[image.tobytes()] for image in images] == labels.tolist()
    assert all(held_out(image.tobytes()) for image in data.test_images)
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert sum(manifest["digits"].values()) == 200
    assert manifest["misread"] == sum(one.predicted != one.label for one in samples)
    lines = (tmp_path / "set" / "strokes.jsonl").read_text().splitlines()
    assert len(lines) == 200
    parts = {"train": data.train_images, "test": data.test_images}
    by_id = {str(one.id): one for one in samples}
    for line in map(json.loads, lines):
        assert parts[line["part"]][line["row"]].tobytes() == by_id[line["id"]].pixels
    assert manifest["digest"] == data.digest


def test_later_exports_keep_each_image_in_its_part(tmp_path):
    samples = [sample() for _ in range(100)]
    export_samples(samples[:60], tmp_path / "few")
    export_samples(samples, tmp_path / "many")
    few, many = (load_dataset(tmp_path / name) for name in ("few", "many"))
    before, after = ({image.tobytes() for image in data.test_images} for data in (few, many))
    assert before <= after
    assert not after & {image.tobytes() for image in many.train_images}


def test_duplicates_count_once_and_contradictions_not_at_all(tmp_path):
    samples = [sample() for _ in range(60)]
    again = [sample(pixels=samples[0].pixels), sample(pixels=samples[1].pixels, label=3)]
    made = export_samples([*samples, *again], tmp_path)
    assert (made.duplicates, made.contradictory, made.train + made.test) == (1, 2, 59)


def test_no_samples_and_too_few_are_reported(tmp_path, tenfold_json):
    with pytest.raises(FeedbackError, match="no feedback yet"):
        export_samples([], tmp_path / "none")
    with pytest.raises(FeedbackError, match="collect more"):
        export_samples([sample()], tmp_path / "one")
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"years of work")
    with pytest.raises(FeedbackError, match="other files"):
        export_samples([sample() for _ in range(60)], tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"years of work"]


@pytest.mark.parametrize("written", range(4))
def test_an_export_that_is_stopped_leaves_no_images_with_labels_of_others(tmp_path, monkeypatch, written):
    from tenfold import files

    samples = [sample(label=number % 10) for number in range(100)]
    export_samples(samples[:60], tmp_path)
    whole, calls = files.write_bytes, []

    def full(path, content):
        if "idx" in path.name:
            calls.append(path)
            if len(calls) > written:
                raise StorageError("the disk is full")
        return whole(path, content)

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(StorageError):
        export_samples(samples, tmp_path)
    with pytest.raises(FormatError, match="missing"):
        load_dataset(tmp_path)
    monkeypatch.undo()
    export_samples(samples, tmp_path)
    assert len(load_dataset(tmp_path).train_labels) + len(load_dataset(tmp_path).test_labels) == 100


def test_an_empty_database_is_named(tmp_path, capsys):
    from tenfold import cli

    with pytest.raises(SystemExit) as stopped:
        cli.main(["feedback", "export", str(tmp_path / "out"), "--database", f"sqlite:///{tmp_path / 'none.db'}"])
    assert stopped.value.code == 1
    assert "none.db holds no feedback yet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_exports(tmp_path, tenfold_json):
    url = f"sqlite:///{tmp_path / 'feedback.db'}"
    with FeedbackStore(url) as store:
        for future in [store.add(sample()) for _ in range(50)]:
            future.result()
    document = tenfold_json("feedback", "export", tmp_path / "out", "--database", url)
    assert document["train"] + document["test"] == 50
    assert np.array_equal(load_dataset(Path(document["folder"])).train_labels, np.full(document["train"], 7))
