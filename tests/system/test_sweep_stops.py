"""A sweep loses no trial and counts none twice, whoever is killed, falls asleep or finds what another version wrote."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import numpy as np
import pytest

from tenfold.errors import RunError, StorageError, StoreError
from tenfold.jobs.local import local_pool
from tenfold.jobs.pool import ATTEMPTS, Job, JobSource, Outcome, WorkerPool, execute
from tenfold.runs.resumable import locked
from tenfold.studies import sweep_storage as storage
from tenfold.studies.sweep import Sweep
from tenfold.studies.sweep_plan import SweepPlan
from tests.log_lines import logged


def results(rows):
    return {tuple(sorted(map(str, row.values.items()))): (row.state, row.accuracy, row.accuracies) for row in rows}


def nothing_left():
    pytest.fail("there is nothing left to train")


def test_a_killed_workers_trial_continues_in_another(swept, grid, tmp_path):
    class Kills(WorkerPool):
        """A pool of two, one of which is killed while both are in the middle of a trial."""

        size = 2
        submit = next_event = None

        def __init__(self, pool, others):
            self.submit, self.next_event = pool.submit, pool.next_event
            self._pool, self._others = pool, others

        def answer(self, key, proceed):
            if self._others is not None:
                (set(multiprocessing.active_children()) - self._others).pop().kill()
                self._others = None
            self._pool.answer(key, proceed)

    @contextmanager
    def deadly():
        before = set(multiprocessing.active_children())
        with local_pool(2) as pool:
            yield Kills(pool, before)

    with logged() as lines:
        rows = Sweep.create(grid, tmp_path).run(deadly)
    assert len([line for line in lines if "its process ended by SIGKILL; restarting it" in line]) == 1
    assert len(lines) == 7
    assert results(rows) == results(swept[1])
    assert [row.number for row in rows] == list(range(6))


def test_a_job_that_kills_every_process_is_given_up(tmp_path, brief):
    class Deadly(WorkerPool):
        """A pool whose processes die each time."""

        size = 1
        submitted = 0
        answer = None

        def submit(self, job):
            self.submitted += 1
            self.event = job.key, Outcome(kind="lost", message="its process ended by SIGKILL")

        def next_event(self, seconds):
            return self.event

    class One(JobSource):
        jobs = iter([Job(key=3, function=print, folder=tmp_path)])

        def on_done(self, job, outcome):
            done.append(outcome)

    done, pool = [], Deadly()
    pool.run(One())
    assert [(outcome.kind, pool.submitted) for outcome in done] == [("lost", ATTEMPTS)]


# Another machine: it takes part in a sweep, or continues with one. It stops itself, as if asleep, when it is asked for
# the so manieth time whether a trial is to continue; and its first trial waits until `party` machines have one.
MACHINE = """
import logging, os, signal, sys, time
from contextlib import contextmanager
from pathlib import Path
from tenfold.jobs.local import local_pool
from tenfold.jobs.pool import WorkerPool
from tenfold.studies.sweep import Sweep

class Watched(WorkerPool):
    size = 1
    asked = 0

    def __init__(self, pool):
        self.pool = pool

    def submit(self, job):
        (gate / str(os.getpid())).touch()
        self.pool.submit(job)

    def next_event(self, seconds):
        if len(list(gate.iterdir())) < int(party):
            return time.sleep(0.05)
        return self.pool.next_event(seconds)

    def answer(self, key, proceed):
        self.asked += 1
        if self.asked == int(sleep_at):
            os.kill(os.getpid(), signal.SIGSTOP)
        self.pool.answer(key, proceed)

@contextmanager
def watched():
    with local_pool(1) as pool:
        yield Watched(pool)

if __name__ == "__main__":
    name, folder, url, sleep_at, party = sys.argv[1:]
    gate = Path(__file__).parent / "gate"
    with Sweep.join(name, Path(folder), url) if url else Sweep.load(Path(folder, name)) as sweep:
        logging.getLogger("tenfold.studies").addHandler(logging.StreamHandler(sys.stdout))
        logging.getLogger("tenfold.studies").setLevel(logging.INFO)
        sweep.run(watched)
"""


def machine(tmp_path, name, folder, url="", sleep_at=0, party=1):
    script = tmp_path / "machine.py"
    script.write_text(MACHINE)
    (tmp_path / "gate").mkdir(exist_ok=True)
    words = [sys.executable, "-W", "error", str(script), name, str(folder), url, str(sleep_at), str(party)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def wait_for_sleep(process):
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), status


def lines_of(process):
    lines = process.communicate(timeout=120)[0].splitlines()
    assert process.returncode == 0
    return lines


def test_a_sweep_that_is_killed_continues_and_counts_nothing_twice(swept, grid, two_workers, tmp_path):
    sweep = Sweep.create(grid, tmp_path / "runs")
    process = machine(tmp_path, sweep.path.name, tmp_path / "runs", sleep_at=5)
    wait_for_sleep(process)
    with pytest.raises(RunError, match="another process is at work in"):
        Sweep.load(sweep.path).run(nothing_left)
    process.kill()
    first = process.communicate()[0].splitlines()
    assert len(first) == 2
    # And as if it had been killed while it wrote.
    (sweep.path / f"{storage.JOURNAL}.lock").symlink_to(storage.JOURNAL)
    with logged() as lines:
        rows = Sweep.load(sweep.path).run(two_workers)
    assert results(rows) == results(swept[1])
    assert sorted(line.split(":")[0] for line in [*first, *lines]) == [f"trial {number}" for number in range(6)]


def test_machines_share_a_sweep_on_postgresql_though_one_dies_and_one_sleeps(swept, grid, tmp_path, postgres):
    import psycopg

    with Sweep.create(grid, tmp_path / "first", postgres.url) as sweep:
        name = sweep.study.study_name
        # Both have had one trial, and are at their second.
        doomed, sleeper = [machine(tmp_path, name, tmp_path / who, postgres.url, sleep_at=3) for who in ("d", "s")]
        wait_for_sleep(doomed)
        wait_for_sleep(sleeper)
        doomed.kill()
        assert len(doomed.communicate()[0].splitlines()) == 1
        with psycopg.connect(postgres.url) as database:  # As long as it takes to be missed.
            database.execute("update trial_heartbeats set heartbeat = heartbeat - interval '1 hour'")
        shutil.rmtree(tmp_path / "gate")
        others = [machine(tmp_path, name, tmp_path / f"{number}", postgres.url, party=2) for number in range(2)]
        lines = [lines_of(process) for process in others]
        sleeper.send_signal(signal.SIGCONT)
        assert len(lines_of(sleeper)) == 1
        # Each trial is reported once: what one slept through, by another that was awake.
        assert all(lines)
        assert len([*lines[0], *lines[1]]) == 4
    with Sweep.load(sweep.path) as sweep:
        rows = sweep.run(nothing_left)
    assert results(rows) == results(swept[1])
    assert len(rows) == 6
    for number in range(2):
        assert (tmp_path / f"{number}" / name / "best.toml").exists()
    with pytest.raises(RunError, match="exists already"):
        Sweep.join(name, tmp_path / "first", postgres.url)
    with pytest.raises(RunError, match="no sweep 'none'"):
        Sweep.join("none", tmp_path, postgres.url)


def test_a_database_that_goes_away_ends_the_sweep_and_it_continues_later(
    swept, grid, one_at_a_time, tmp_path, postgres
):
    def stop(line):
        postgres.stop()

    with Sweep.create(grid, tmp_path, postgres.url) as sweep:
        error = r"can't be used any more: .*; resume with: tenfold sweep --resume"
        with logged(stop) as lines, pytest.raises(StoreError, match=error):
            sweep.run(one_at_a_time)
        postgres.start()
        with logged() as rest:
            assert results(sweep.run(one_at_a_time)) == results(swept[1])
    assert len({*lines, *rest}) == len(lines) + len(rest) == 6


def test_a_full_disk_ends_the_sweep_and_it_continues_later(grid, one_at_a_time, two_workers, tmp_path):
    sweep = Sweep.create(grid, tmp_path)
    (sweep.path / "trials").write_text("in the way")
    with pytest.raises(RunError, match=r"trial 0: cannot write .* fix that, then: tenfold sweep --resume"):
        sweep.run(one_at_a_time)
    (sweep.path / "trials").unlink()
    assert {row.state for row in Sweep.load(sweep.path).run(two_workers)} == {"finished"}


def test_a_disk_that_is_full_in_the_middle_of_a_line_loses_that_line_alone(grid, one_at_a_time, tmp_path, monkeypatch):
    from optuna.storages.journal import JournalFileBackend

    sweep, write = Sweep.create(grid, tmp_path), JournalFileBackend.append_logs
    journal = sweep.path / storage.JOURNAL

    def full(self, logs):
        write(self, logs)
        if any(log.get("values") for log in logs):
            written = journal.read_bytes()
            journal.write_bytes(written[:-9])
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(JournalFileBackend, "append_logs", full)
        with pytest.raises(StorageError, match=r"No space left on device; resume with: tenfold sweep --resume"):
            sweep.run(one_at_a_time)
    assert not journal.read_bytes().endswith(b"\n")
    rows = Sweep.load(sweep.path).run(one_at_a_time)
    assert [(row.number, row.state) for row in rows] == [(number, "finished") for number in range(6)]
    # What was written behind the line that was cut short can be read.
    assert Sweep.load(sweep.path).results() == rows


def test_other_images_than_a_sweep_was_started_with_are_reported(brief, small, tmp_path):
    path = tmp_path / "mine.npz"

    def save(images):
        np.savez(path, x_train=images, y_train=small.train_labels, x_test=small.test_images, y_test=small.test_labels)

    save(small.train_images)
    sweep = Sweep.create(SweepPlan.make(brief.replace(dataset=str(path)), ["batch_size=16,32"], trials=2), tmp_path)
    assert Sweep.load(sweep.path).plan.digest
    save(small.train_images[::-1])
    with pytest.raises(RunError, match=r"holds other data than when .* was created"):
        Sweep.load(sweep.path)


def test_a_sweep_at_work_is_left_alone_by_who_would_take_it_up(grid, tmp_path):
    sweep = Sweep.create(grid, tmp_path)
    lock = sweep.path / f"{storage.JOURNAL}.lock"
    with locked(sweep.path):
        lock.symlink_to("held")
        with pytest.raises(RunError, match="another process is at work in"):
            Sweep.load(sweep.path)
        assert lock.is_symlink()
    Sweep.load(sweep.path)
    assert not lock.is_symlink()


def test_what_nobody_foresaw_costs_its_trial_alone(tmp_path):
    def fails(report, folder):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory\nand where")

    outcome = execute(Job(key=0, function=fails, folder=tmp_path / "run"), lambda message: None)
    assert (outcome.kind, outcome.message) == ("invalid", "RuntimeError: DefaultCPUAllocator: can't allocate memory")


def test_a_database_that_another_version_wrote_is_reported(grid, tmp_path):
    with Sweep.create(grid, tmp_path, f"sqlite:///{tmp_path / 'trials.db'}") as sweep:
        path = sweep.path
    with closing(sqlite3.connect(tmp_path / "trials.db")) as database, database:
        database.execute("update alembic_version set version_num = 'v99.0.0'")
    with pytest.raises(RunError, match="written by another version of Optuna"):
        Sweep.load(path)


@pytest.mark.parametrize("line", ['{"op_code": 99, "worker_id": "x"}\n', "not a journal\n"])
def test_a_journal_that_another_version_wrote_is_reported(swept, tmp_path, line):
    path = shutil.copytree(swept[0].path, tmp_path / "copy", ignore=shutil.ignore_patterns("trials"))
    with (path / storage.JOURNAL).open("a") as journal:
        journal.write(line * 2)
    with pytest.raises(RunError, match=r"journal.log was written by another version"):
        Sweep.load(path)


def test_a_folder_that_another_version_wrote_is_reported(swept, tmp_path):
    path = shutil.copytree(swept[0].path, tmp_path / "copy", ignore=shutil.ignore_patterns("trials"))
    document = json.loads((path / "sweep.json").read_text())
    (path / "sweep.json").write_text(json.dumps({**document, "version": 1}))
    with pytest.raises(RunError, match="another version of Tenfold"):
        Sweep.load(path)
    (path / "sweep.json").write_text(json.dumps({**document, "study": "gone"}))
    with pytest.raises(RunError, match="holds no sweep 'gone'"):
        Sweep.load(path)
    (path / "sweep.json").write_text(json.dumps(document))
    (path / storage.JOURNAL).unlink()
    with pytest.raises(RunError, match="are lost"):
        Sweep.load(path)
    (path / "sweep.json").write_text("{}")
    with pytest.raises(RunError, match="can't be read"):
        Sweep.load(path)
