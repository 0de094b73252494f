"""Corrections: what was acknowledged is never lost, nothing is stored twice, and a data set comes of it."""

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

from tenfold.data import load_dataset
from tenfold.errors import (
    FeedbackError,
    FormatError,
    MissingDependencyError,
    StorageError,
    StoreBusyError,
    StoreError,
)
from tenfold.serve.feedback import Correction, open_store
from tenfold.serve.feedback.export import export, held_out


def correction(**fields):
    wanted = {"id": uuid.uuid4(), "truth": 7, "pixels": os.urandom(784), "made_at": datetime.now(UTC)}
    return Correction(**{**wanted, **fields})


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new' / 'feedback.db'}"
        return
    server = request.getfixturevalue("postgres")
    yield server.url
    with open_store(server.url) as store:
        from sqlalchemy import text

        with store._engine.begin() as connection:
            connection.execute(text("drop table corrections, corrections_version"))


def test_a_correction_comes_back_as_it_was(url):
    made_at = datetime(2026, 5, 4, 3, 2, 1, tzinfo=timezone(timedelta(hours=2)))
    whole = correction(
        digit=1,
        confidence=0.75,
        probabilities=(0.1,) * 10,
        strokes=(((0.5, 1.0), (2.0, 3.25)), ((4.0, 4.0),)),
        source="draw",
        model_digest="ab" * 32,
        made_at=made_at,
    )
    bare = correction()
    with open_store(url) as store:
        for told in (whole, bare):
            assert store.add(told).result() is True
        assert {found.id: found for found in store} == {whole.id: whole, bare.id: bare}
    with open_store(url) as store:
        assert store.count() == 2


def test_the_same_id_is_stored_once(url):
    one, other = correction(), correction()
    with open_store(url) as store:
        # In one transaction, and in another.
        first = [store.add(told) for told in (one, other, one)]
        assert [future.result() for future in first] == [True, True, False]
        assert store.add(one).result() is False
        assert store.count() == 2


def test_two_thousand_at_once_are_all_stored(url):
    told = [correction() for _ in range(2000)]
    with open_store(url) as store:
        futures = [store.add(one) for one in told]
        assert all(future.result() for future in futures)
        assert {found.id for found in store} == {one.id for one in told}


def test_who_gives_up_waiting_takes_nothing_back(url):
    async def impatient(store, told):
        for _ in range(3):
            waiting = [asyncio.wrap_future(store.add(one)) for one in told]
            for future in waiting:
                future.cancel()
            await asyncio.sleep(0.01)

    told = [correction() for _ in range(100)]
    with open_store(url) as store:
        asyncio.run(impatient(store, told))
        assert store.add(told[0]).result(10) is False
        assert store.count() == 100


def test_what_waits_is_written_when_the_store_is_closed(url):
    store = open_store(url)
    futures = [store.add(correction()) for _ in range(300)]
    store.close()
    assert all(future.result(0) for future in futures)
    with pytest.raises(StoreError, match="closed"):
        store.add(correction())


def test_two_stores_may_open_at_once(url):
    with open_store(url) as one, open_store(url) as other:
        told = [store.add(correction()) for _ in range(50) for store in (one, other)]
        assert all(future.result() for future in told)
        assert one.count() == other.count() == 100


@pytest.fixture
def lock(url):
    """Takes the database for another's, until it is let go."""
    if url.startswith("sqlite"):
        other, words = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None), "BEGIN EXCLUSIVE"
    else:
        import psycopg

        other, words = psycopg.connect(url), "LOCK TABLE corrections IN EXCLUSIVE MODE"
    yield lambda: other.execute(words)
    other.close()


def test_a_locked_database_is_told_and_waited_for(url, request, monkeypatch):
    monkeypatch.setattr("tenfold.database.LOCK_TIMEOUT", 0.3)
    with open_store(url) as store:
        lock = request.getfixturevalue("lock")
        other = lock()
        late = correction()
        with pytest.raises(StoreError, match="lock"):
            store.add(late).result()
        # Reading goes on meanwhile.
        store.check()
        assert store.count() == 0
        getattr(other, "connection", other).rollback()
        assert store.add(late).result() is True


def test_a_store_that_cannot_write_is_closed_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("tenfold.database.LOCK_TIMEOUT", 0.5)
    monkeypatch.setattr("tenfold.serve.feedback.store._CLOSE_SECONDS", 0.2)
    store = open_store(f"sqlite:///{tmp_path / 'feedback.db'}")
    other = sqlite3.connect(tmp_path / "feedback.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    futures = [store.add(correction()) for _ in range(500)]
    store.close()
    for future in futures:
        with pytest.raises(StoreError):
            future.result(5)
    other.close()


@pytest.mark.postgres
def test_a_database_that_goes_and_comes_back(postgres):
    with open_store(postgres.url) as store:
        before = store.count()
        assert store.add(correction()).result() is True
        postgres.stop()
        try:
            with pytest.raises(StoreError, match="can't be"):
                store.check()
            with pytest.raises(StoreError, match="can't be written"):
                store.add(correction()).result()
        finally:
            postgres.start()
        store.check()
        assert store.add(correction()).result() is True
        assert store.count() == before + 2


def test_a_full_queue_is_refused_at_once(tmp_path):
    from tenfold.serve.feedback.store import FeedbackStore

    path = tmp_path / "feedback.db"
    with FeedbackStore(f"sqlite:///{path}", waiting=10) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        futures = []
        with pytest.raises(StoreBusyError, match="10 corrections wait"):  # noqa: PT012
            for _ in range(300):
                futures.append(store.add(correction()))  # noqa: PERF401
        other.execute("COMMIT")
        other.close()
        assert all(future.result() for future in futures)


def test_several_processes_may_make_it_at_once(url):
    words = [sys.executable, "-c", "import sys, tenfold.serve.feedback as f; f.open_store(sys.argv[1]).close()", url]
    started = [subprocess.Popen(words) for _ in range(3)]
    assert [process.wait(30) for process in started] == [0, 0, 0]


def test_the_migrations_make_the_table_that_is_used(url):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from tenfold.serve.feedback.tables import metadata

    with open_store(url) as store, store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "corrections_version"})
        assert compare_metadata(context, metadata) == []


def test_a_sweep_may_lie_in_the_same_database(tmp_path):
    from optuna.storages import RDBStorage

    url = f"sqlite:///{tmp_path / 'both.db'}"
    open_store(url).close()
    RDBStorage(url).engine.dispose()
    open_store(url).close()


def test_a_database_of_a_newer_tenfold_is_told(tmp_path):
    url = f"sqlite:///{tmp_path / 'feedback.db'}"
    open_store(url).close()
    with sqlite3.connect(tmp_path / "feedback.db") as database:
        database.execute("update corrections_version set version_num = '9999'")
    database.close()
    with pytest.raises(StoreError, match="newer Tenfold"):
        open_store(url)


WRITER = """
import os, sys, uuid
from datetime import datetime, UTC
from tenfold.serve.feedback import Correction, open_store
store = open_store(sys.argv[1])
def told(future, id):
    if future.result():
        os.write(1, f"{id}\\n".encode())
while True:
    id = uuid.uuid4()
    one = Correction(id=id, truth=1, pixels=os.urandom(784), made_at=datetime.now(UTC))
    try:
        store.add(one).add_done_callback(lambda future, id=id: told(future, id))
    except Exception:
        pass
"""


def test_what_was_acknowledged_is_there_after_a_kill(url):
    process = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    told = [process.stdout.readline().strip().decode() for _ in range(700)]
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().decode().splitlines()
    process.wait()
    process.stdout.close()
    # The very last line may be cut.
    acknowledged = {uuid.UUID(line) for line in [*told, *rest] if len(line) == 36}
    assert len(acknowledged) >= 700
    with open_store(url) as store:
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
def test_what_is_no_database_is_told(url, words):
    with pytest.raises(StoreError, match=words) as told:
        open_store(url)
    assert "secret" not in str(told.value)


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "notes.db").write_text("not a database at all, but long enough to look like one" * 50)
    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{tmp_path / 'notes.db'}")


def test_the_environment_names_the_database(tmp_path, monkeypatch):
    monkeypatch.setenv("TENFOLD_DATABASE_URL", f"sqlite:///{tmp_path / 'there.db'}")
    with open_store() as store:
        store.add(correction()).result()
    assert (tmp_path / "there.db").exists()


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "tenfold.serve.feedback.store")
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(MissingDependencyError, match="serve"):
        open_store("sqlite:///x.db")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("truth", 10), ("truth", -1), ("truth", None), ("truth", True), ("digit", 12), ("confidence", 1.5),
        ("confidence", float("nan")), ("probabilities", (0.5,)), ("pixels", b"short"), ("pixels", bytes(784)),
        ("strokes", (((float("nan"), 0.0),),)), ("strokes", (((1.0,),),)), ("strokes", (((0.0, 0.0),) * 20_001,)),
        ("source", "dream"), ("model_digest", "xyz"), ("made_at", datetime(2026, 1, 1)),
        ("made_at", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))),
    ],
)  # fmt: skip
def test_a_field_that_makes_no_sense_is_named(field, value):
    with pytest.raises(FeedbackError, match=field):
        correction(**{field: value})


def test_corrections_become_a_data_set(tmp_path):
    told = [correction(truth=number % 10, digit=(number + number % 3) % 10) for number in range(200)]
    made = export(told, tmp_path / "set")
    data = load_dataset(tmp_path / "set")
    assert (made.train, made.test) == (len(data.train_images), len(data.test_images))
    assert made.train + made.test == 200
    assert 20 <= made.test <= 60
    by_ink = {one.pixels: one.truth for one in told}
    for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        assert [by_ink[image.tobytes()] for image in images] == labels.tolist()
    assert all(held_out(image.tobytes()) for image in data.test_images)
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert sum(manifest["digits"].values()) == 200
    assert manifest["misread"] == sum(one.digit != one.truth for one in told)
    lines = (tmp_path / "set" / "strokes.jsonl").read_text().splitlines()
    assert len(lines) == 200
    parts = {"train": data.train_images, "test": data.test_images}
    by_id = {str(one.id): one for one in told}
    for line in map(json.loads, lines):
        assert parts[line["part"]][line["row"]].tobytes() == by_id[line["id"]].pixels
    assert manifest["digest"] == data.digest


def test_more_corrections_leave_each_on_its_side(tmp_path):
    told = [correction() for _ in range(100)]
    export(told[:60], tmp_path / "few")
    export(told, tmp_path / "many")
    few, many = (load_dataset(tmp_path / name) for name in ("few", "many"))
    before, after = ({image.tobytes() for image in data.test_images} for data in (few, many))
    assert before <= after
    assert not after & {image.tobytes() for image in many.train_images}


def test_the_same_ink_counts_once_and_two_truths_of_it_not_at_all(tmp_path):
    told = [correction() for _ in range(60)]
    again = [correction(pixels=told[0].pixels), correction(pixels=told[1].pixels, truth=3)]
    made = export([*told, *again], tmp_path)
    assert (made.repeated, made.contradicted, made.train + made.test) == (1, 2, 59)


def test_no_corrections_and_too_few_are_told(tmp_path, tenfold_json):
    with pytest.raises(FeedbackError, match="no corrections yet"):
        export([], tmp_path / "none")
    with pytest.raises(FeedbackError, match="collect more"):
        export([correction()], tmp_path / "one")
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"years of work")
    with pytest.raises(FeedbackError, match="other files"):
        export([correction() for _ in range(60)], tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"years of work"]


@pytest.mark.parametrize("written", range(4))
def test_an_export_that_is_stopped_leaves_no_images_with_labels_of_others(tmp_path, monkeypatch, written):
    from tenfold import files

    told = [correction(truth=number % 10) for number in range(100)]
    export(told[:60], tmp_path)
    whole, calls = files.write_bytes, []

    def full(path, content):
        if "idx" in path.name:
            calls.append(path)
            if len(calls) > written:
                raise StorageError("the disk is full")
        return whole(path, content)

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(StorageError):
        export(told, tmp_path)
    with pytest.raises(FormatError, match="missing"):
        load_dataset(tmp_path)
    monkeypatch.undo()
    export(told, tmp_path)
    assert len(load_dataset(tmp_path).train_labels) + len(load_dataset(tmp_path).test_labels) == 100


def test_an_empty_database_is_named(tmp_path, capsys):
    from tenfold import cli

    with pytest.raises(SystemExit) as stopped:
        cli.main(["feedback", "export", str(tmp_path / "out"), "--database", f"sqlite:///{tmp_path / 'none.db'}"])
    assert stopped.value.code == 1
    assert "none.db holds no corrections yet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_exports(tmp_path, tenfold_json):
    url = f"sqlite:///{tmp_path / 'feedback.db'}"
    with open_store(url) as store:
        for future in [store.add(correction()) for _ in range(50)]:
            future.result()
    told = tenfold_json("feedback", "export", tmp_path / "out", "--database", url)
    assert told["train"] + told["test"] == 50
    assert np.array_equal(load_dataset(Path(told["folder"])).train_labels, np.full(told["train"], 7))
