"""A sweep loses no trial and counts none twice, chooses on validation images, and says what it found."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tenfold.cluster import storage
from tenfold.cluster.job import Job, Outcome, run_job
from tenfold.cluster.local import local_pool
from tenfold.cluster.members import resume_members_at_once, train_members_at_once
from tenfold.cluster.page import write_page
from tenfold.cluster.plan import Plan
from tenfold.cluster.pool import ATTEMPTS, work
from tenfold.cluster.rows import best_of
from tenfold.cluster.seeds import resume_seeds_at_once, train_seeds_at_once
from tenfold.cluster.sweep import Sweep
from tenfold.errors import RunError, StoreError, TenfoldError, TrainingError, UsageError
from tenfold.runs.evaluate import evaluate
from tenfold.runs.export import export
from tenfold.runs.run import Run
from tenfold.runs.seeds import Seeds, train_seeds
from tenfold.runs.train import train
from tenfold.training.recipe import Recipe

GRID = ["learning_rate=0.0003,0.001,0.003", "hidden=16,32/16"]


@pytest.fixture(scope="session")
def brief(quick):
    """The quick recipe for two epochs, with all training images, as the recipes with a test figure have it."""
    return quick.replace(epochs=2, validation=0.0, keep="last")


def grid(recipe, **options):
    return Plan.make(recipe, GRID, sampler="grid", pruner="none", **options)


def results(rows):
    return {tuple(sorted(map(str, row.values.items()))): (row.state, row.accuracy, row.accuracies) for row in rows}


@pytest.fixture(scope="session")
def swept(brief, tmp_path_factory):
    """A finished sweep of a grid in two processes, its rows, and what was told."""
    told = []
    sweep = Sweep.begin(grid(brief), tmp_path_factory.mktemp("sweeps"))
    return sweep, sweep.run(lambda: local_pool(2), told.append), told


def test_trials_in_two_processes_are_the_trainings_that_one_would_do(swept, brief, tmp_path):
    sweep, rows, told = swept
    assert len(rows) == len(told) == 6
    assert {row.state for row in rows} == {"finished"}
    row = next(row for row in rows if row.values == {"learning_rate": 0.003, "hidden": [32, 16]})
    recipe = brief.replace(learning_rate=0.003, hidden=(32, 16), validation=0.2)
    outcome = run_job(Job(key=0, recipe=recipe, path=tmp_path / "alone"), None, lambda record: True)
    alone = Run.load(tmp_path / "alone")
    assert outcome == Outcome(kind="finished")
    assert row.accuracy == alone.training["validation_accuracy"]
    assert row.accuracies == {record.epoch: record.validation_accuracy for record in alone.history}
    run = Run.load(sweep.path / "trials" / f"{row.number:04}")
    assert run.finished
    assert "test" not in run.metrics  # the test images choose nothing
    assert run.digest == alone.digest
    with pytest.raises(RunError, match=r"tenfold export .* --to onnx writes it"):
        run.predict(run.dataset.test_images)
    export(run)
    assert evaluate(run).images == 500


def test_the_best_recipe_trains_as_it_stands(swept, brief):
    sweep, rows, _ = swept
    best = best_of(rows)
    assert best.accuracy == max(row.accuracy for row in rows)
    recipe = Recipe.load(sweep.path / "best.toml")
    assert recipe.training.learning_rate == best.values["learning_rate"]
    assert list(recipe.model.hidden) == best.values["hidden"]
    # All else as it was asked for: the images kept back for choosing are trained on again.
    assert recipe.data == brief.data
    assert (recipe.engine, recipe.training.epochs) == (brief.engine, 2)
    assert tomllib.loads((sweep.path / "best.toml").read_text())["name"] == "tutorial-best"


def test_the_page_shows_history_importance_slices_and_the_best(swept):
    sweep, rows, _ = swept
    page = write_page(sweep, rows).read_text()
    for words in (
        "How it went",
        "What mattered",
        "learning_rate",
        "best.toml",
        "PED-ANOVA",
        "it will read somewhat fewer",
    ):
        assert words in page
    assert "var(--accent)" in page  # dark pages too
    assert {path.name for path in (sweep.path / "figures").iterdir()} == {"history.png", "importance.png", "slices.png"}
    assert abs(sum(sweep.importance().values()) - 1) < 1e-6


def test_the_definition_stands_in_the_folder(swept):
    sweep, rows, _ = swept
    document = json.loads((sweep.path / "sweep.json").read_text())
    assert document["parameters"] == GRID
    assert document["environment"]["machine"]["cores"]
    assert len(json.loads((sweep.path / "trials.json").read_text())) == 6
    again = Sweep.load(sweep.path)
    told = []
    assert again.run(lambda: pytest.fail("there is nothing left to train"), told.append) == rows
    assert told == []


@pytest.mark.slow
def test_tpe_comes_to_the_same_with_one_worker_and_learns(brief, tmp_path):
    plan = Plan.make(brief.replace(epochs=1), ["learning_rate=log:1e-6..1e-2"], trials=14, pruner="none")
    whole = Sweep.begin(plan, tmp_path / "whole")
    rows = whole.run(lambda: local_pool(1))
    stopped = Sweep.begin(plan, tmp_path / "stopped")
    seen = []

    def stop(line):
        seen.append(line)
        if len(seen) == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="tenfold sweep --resume"):
        stopped.run(lambda: local_pool(1), stop)
    assert results(Sweep.load(stopped.path).run(lambda: local_pool(1))) == results(rows)
    # What it samples after the first ten at random is near the good end.
    assert np.median([row.values["learning_rate"] for row in rows[10:]]) > 3e-4


@pytest.mark.slow
def test_trials_that_lag_are_stopped_and_the_best_is_not(brief, tmp_path):
    plan = Plan.make(brief.replace(epochs=3), ["learning_rate=log:1e-6..1e-2"], trials=12, sampler="random")
    rows = Sweep.begin(plan, tmp_path).run(lambda: local_pool(2))
    stopped = [row for row in rows if row.state == "stopped"]
    assert stopped
    assert all(len(row.accuracies) < 3 and row.accuracy is None for row in stopped)
    best = best_of(rows)
    assert len(best.accuracies) == 3
    assert all(max(row.accuracies.values()) < best.accuracy for row in stopped)
    plan = Plan.make(brief.replace(epochs=4), ["learning_rate=log:1e-6..1e-2"], trials=8, sampler="random",
                     pruner="hyperband")  # fmt: skip
    rows = Sweep.begin(plan, tmp_path).run(lambda: local_pool(2))
    assert {row.state for row in rows} == {"stopped", "finished"}


def worker_of(folder):
    """The process that trains in `folder`: it holds that run's recipe open."""
    while True:
        for process in Path("/proc").glob("[0-9]*/fd/*"):
            try:
                if os.readlink(process).startswith(f"{folder}/") and process.parts[2] != str(os.getpid()):
                    return int(process.parts[2])
            except OSError:
                continue
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_workers_trial_goes_on_in_another(swept, brief, tmp_path):
    _, expected, _ = swept
    sweep = Sweep.begin(grid(brief), tmp_path)
    told = []

    def kill_once(line):
        told.append(line)
        if len(told) == 1:
            os.kill(worker_of(sweep.path / "trials"), signal.SIGKILL)

    rows = sweep.run(lambda: local_pool(2), kill_once)
    assert any("its process ended by SIGKILL; it is begun again" in line for line in told)
    assert results(rows) == results(expected)
    assert [row.number for row in rows] == list(range(6))


def test_a_job_that_kills_every_process_is_given_up(tmp_path, brief):
    class Deadly:
        """A pool whose processes die each time."""

        size = 1
        submitted = 0

        def submit(self, job):
            from tenfold.cluster.pool import Lost

            self.submitted += 1
            self.event = Lost(key=job.key, reason="its process ended by SIGKILL")

        def next(self, seconds):
            return self.event

    done, jobs, pool = [], iter([Job(key=3, recipe=brief, path=tmp_path)]), Deadly()
    work(pool, lambda: next(jobs, None), None, lambda job, outcome: done.append(outcome), lambda line: None)
    assert [(outcome.kind, pool.submitted) for outcome in done] == [("lost", ATTEMPTS)]


SWEEP = """
import sys
from pathlib import Path
from tenfold.cluster import storage
storage.HEARTBEAT, storage.GRACE = 1, 3
from tenfold.cluster.local import local_pool
from tenfold.cluster.members import resume_members_at_once, train_members_at_once
from tenfold.cluster.sweep import Sweep
if __name__ == "__main__":
    how, where, folder, url = sys.argv[1:]
    sweep = Sweep.join(where, Path(folder), url) if how == "join" else Sweep.load(where)
    sweep.run(lambda: local_pool(1), lambda line: print(line, flush=True))
"""


def other(tmp_path, how, where, folder="", url=""):
    script = tmp_path / "other.py"
    script.write_text(SWEEP)
    words = [sys.executable, "-W", "error", str(script), how, str(where), str(folder), url]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on_and_counts_nothing_twice(swept, brief, tmp_path):
    _, expected, _ = swept
    sweep = Sweep.begin(grid(brief), tmp_path)
    process = other(tmp_path, "load", sweep.path)
    first = [process.stdout.readline() for _ in range(2)]
    with pytest.raises(RunError, match="another process is at"):
        Sweep.load(sweep.path).run(lambda: local_pool(1))
    process.kill()
    process.wait()
    process.stdout.close()
    told = []
    rows = Sweep.load(sweep.path).run(lambda: local_pool(2), told.append)
    assert results(rows) == results(expected)
    numbers = [line.split(":")[0] for line in [*first, *told]]
    assert len(numbers) == len(set(numbers)) == 6


@pytest.mark.slow
@pytest.mark.postgres
def test_machines_share_a_sweep_on_postgresql_and_one_that_dies_loses_nothing(swept, brief, tmp_path, postgres):
    _, expected, _ = swept
    sweep = Sweep.begin(grid(brief), tmp_path / "first", postgres.url)
    name = sweep.study.study_name
    doomed = other(tmp_path, "join", name, tmp_path / "doomed", postgres.url)
    doomed.stdout.readline()  # It has had one trial, and is at its second.
    others = [other(tmp_path, "join", name, tmp_path / f"{number}", postgres.url) for number in range(2)]
    worker_of(tmp_path / "doomed" / name / "trials")
    doomed.kill()
    told = [process.communicate(timeout=120)[0].splitlines() for process in others]
    assert [process.returncode for process in others] == [0, 0]
    doomed.communicate()
    rows = Sweep.load(sweep.path).run(lambda: pytest.fail("all is done"))
    assert results(rows) == results(expected)
    assert len(rows) == 6
    assert all(told)
    for number in range(2):
        assert (tmp_path / f"{number}" / name / "best.toml").exists()
    with pytest.raises(RunError, match="is there already"):
        Sweep.join(name, tmp_path / "first", postgres.url)
    with pytest.raises(RunError, match="no sweep 'none'"):
        Sweep.join("none", tmp_path, postgres.url)


@pytest.mark.slow
def test_a_machine_that_only_slept_counts_nothing_twice(swept, brief, tmp_path):
    _, expected, _ = swept
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    sweep = Sweep.begin(grid(brief), tmp_path / "first", url)
    name = sweep.study.study_name
    sleeper = other(tmp_path, "join", name, tmp_path / "sleeper", url)
    sleeper.stdout.readline()
    worker_of(tmp_path / "sleeper" / name / "trials")
    sleeper.send_signal(signal.SIGSTOP)
    awake = other(tmp_path, "join", name, tmp_path / "awake", url)
    told = awake.communicate(timeout=120)[0].splitlines()
    assert awake.returncode == 0
    sleeper.send_signal(signal.SIGCONT)
    late = sleeper.communicate(timeout=60)[0].splitlines()
    assert sleeper.returncode == 0
    # Each trial is told of once: what the sleeper had slept over, by the one that was awake.
    assert 1 + len(late) + len(told) == 6
    assert len(told) >= 2
    rows = Sweep.load(sweep.path).run(lambda: pytest.fail("all is done"))
    assert results(rows) == results(expected)
    assert len(rows) == 6


@pytest.mark.slow
def test_sqlite_keeps_a_sweep_too(swept, brief, tmp_path, monkeypatch):
    _, expected, _ = swept
    monkeypatch.chdir(tmp_path)
    sweep = Sweep.begin(grid(brief), tmp_path / "runs", "sqlite:///trials.db")
    monkeypatch.chdir("/")
    assert results(Sweep.load(sweep.path).run(lambda: local_pool(2))) == results(expected)
    assert not (sweep.path / storage.JOURNAL).exists()


def test_a_password_is_never_written_down(brief, tmp_path):
    with pytest.raises(StoreError, match="can't be opened") as told:
        Sweep.begin(grid(brief), tmp_path, "postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(told.value)
    assert "secret" not in storage.shown("postgresql://me:secret@127.0.0.1:1/none")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_another_version_wrote_is_told(brief, tmp_path):
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    sweep = Sweep.begin(grid(brief), tmp_path, url)
    with sqlite3.connect(tmp_path / "trials.db") as database:
        database.execute("update alembic_version set version_num = 'v99.0.0'")
    database.close()
    with pytest.raises(RunError, match="written by another version of Optuna"):
        Sweep.load(sweep.path)


@pytest.mark.parametrize("line", ['{"op_code": 99, "worker_id": "x"}\n', "not a journal\n"])
def test_a_journal_that_another_version_wrote_is_told(swept, tmp_path, line):
    path = shutil.copytree(swept[0].path, tmp_path / "copy", ignore=shutil.ignore_patterns("trials"))
    with (path / storage.JOURNAL).open("a") as journal:
        journal.write(line * 2)
    with pytest.raises(RunError, match=r"journal.log was written by another version"):
        Sweep.load(path)


def test_a_folder_that_another_version_wrote_is_told(swept, tmp_path):
    path = shutil.copytree(swept[0].path, tmp_path / "copy", ignore=shutil.ignore_patterns("trials"))
    document = json.loads((path / "sweep.json").read_text())
    (path / "sweep.json").write_text(json.dumps({**document, "version": 2}))
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


def test_trials_that_all_fail_are_told(brief, tmp_path):
    # Of 1,600 images 1,200 would be a batch, but 1,599 leave one over, which batch norm can't take.
    plan = Plan.make(brief.replace(batch_norm=True), ["batch_size=1599,533"], sampler="grid")
    sweep = Sweep.begin(plan, tmp_path)
    told = []
    with pytest.raises(TrainingError, match=r"none of 2 trials came to its end; the first: .*a batch of one image"):
        sweep.run(lambda: local_pool(1), told.append)
    assert [line.split(":")[1] for line in told] == [" failed", " failed"]
    assert {row.state for row in sweep.rows()} == {"failed"}
    assert not (sweep.path / "best.toml").exists()


def test_a_trial_that_diverges_teaches_and_the_others_go_on(brief, tmp_path):
    plan = Plan.make(brief.replace(epochs=1, optimizer="sgd"), ["learning_rate=0.01,1e30"], sampler="grid")
    sweep = Sweep.begin(plan, tmp_path)
    rows = sweep.run(lambda: local_pool(1))
    assert [row.state for row in rows] == ["finished", "diverged"]
    assert "diverged" in rows[1].why
    assert "Diverged or failed: trial 1" in write_page(sweep, rows).read_text()


@pytest.mark.slow
def test_a_full_disk_ends_the_sweep_and_it_goes_on_later(brief, tmp_path):
    sweep = Sweep.begin(grid(brief), tmp_path)
    (sweep.path / "trials").write_text("in the way")
    with pytest.raises(RunError, match=r"trial 0: cannot write .* mend that, then: tenfold sweep --resume"):
        sweep.run(lambda: local_pool(1))
    (sweep.path / "trials").unlink()
    assert {row.state for row in Sweep.load(sweep.path).run(lambda: local_pool(2))} == {"finished"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"batch_size": 5000}, "larger than the"), ({"dataset": "gone.npz"}, "gone.npz")],
)
def test_what_can_not_be_trained_leaves_no_folder_behind(brief, tmp_path, changes, words):
    with pytest.raises(TenfoldError, match=words):
        Sweep.begin(grid(brief.replace(**changes)), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_seeds_at_once_are_the_seeds_one_after_another(quick, tmp_path):
    serial = train_seeds(quick, 3, folder=tmp_path / "serial")
    told = []
    at_once = train_seeds_at_once(quick, 3, lambda: local_pool(2), folder=tmp_path / "at-once", tell=told.append)
    assert len(told) == 3
    assert {s: run.digest for s, run in at_once.finished.items()} == {s: r.digest for s, r in serial.finished.items()}
    assert at_once.figures("test", "accuracy") == serial.figures("test", "accuracy")
    shutil.rmtree(at_once.folder(1))
    again = resume_seeds_at_once(at_once.path, lambda: local_pool(1))
    assert again.figures("test", "accuracy") == serial.figures("test", "accuracy")
    assert Seeds.load(at_once.path).summary()["test_accuracy"].n == 3


def test_a_seed_that_diverges_at_once_is_kept_as_failed(quick, tmp_path):
    recipe = quick.replace(optimizer="sgd", learning_rate=1e30, epochs=1)
    done = train_seeds_at_once(recipe, 2, lambda: local_pool(2), folder=tmp_path)
    assert sorted(done.failed) == sorted(Seeds.load(done.path).failed) == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("averaging", [0.0, 0.5])
def test_an_ensembles_networks_at_once_are_those_one_after_another(quick, tmp_path, averaging):
    recipe = quick.replace(keep="last", members=3, epochs=2, deskew=True, batch_norm=True, averaging=averaging)
    serial = train(recipe, folder=tmp_path / "serial")
    told = []

    def stop(line):
        told.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="--workers"):
        train_members_at_once(recipe, lambda: local_pool(2), folder=tmp_path / "at-once", tell=stop)
    (path,) = (tmp_path / "at-once").iterdir()
    done = resume_members_at_once(path, lambda: local_pool(2), tell=told.append)
    assert len(told) == len(set(told)) == 3
    assert done.digest == serial.digest
    assert [(r.epoch, r.train_loss, r.validation_accuracy) for r in done.history] == [
        (r.epoch, r.train_loss, r.validation_accuracy) for r in serial.history
    ]
    assert done.training["validation_accuracy"] == serial.training["validation_accuracy"]
    assert (done.path / "model.onnx").exists()
    assert not (done.path / "members").exists()
    with pytest.raises(RunError, match="nothing to resume"):
        resume_members_at_once(path, lambda: local_pool(1))


@pytest.mark.parametrize("workers", [0, -1])
def test_fewer_workers_than_one_are_refused(workers):
    with pytest.raises(UsageError, match=">= 1"), local_pool(workers):
        pass


@pytest.mark.slow
def test_the_command_sweeps_and_says_what_is_next(small_file, tmp_path, tenfold_json):
    words = ["sweep", "--dataset", small_file, "--epochs", 1, "--param", "learning_rate=log:1e-3..1e-2", "--param",
             "batch_size=32,64", "--trials", 5, "--workers", 2, "--out", tmp_path]  # fmt: skip
    told = tenfold_json(*words)
    assert len(told["rows"]) == 5
    assert Path(told["page"]).exists()
    assert told["rows"][told["best"]]["accuracy"] == max(row["accuracy"] or 0 for row in told["rows"])
    again = tenfold_json("sweep", "--resume", told["path"])
    assert again["rows"] == told["rows"]
    run = tenfold_json("train", Path(told["path"]) / "best.toml", "--out", tmp_path / "runs")
    assert run["training"]["epochs"] == 1
    seeds = tenfold_json("train", Path(told["path"]) / "best.toml", "--seeds", 2, "--workers", 2, "--out", tmp_path)
    assert seeds["summary"]["test_accuracy"]["n"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep", "--resume", "x", "--trials", "5"], "leave out the recipe"),
        (["sweep", "--join", "x"], "give its --storage"),
        (["sweep"], "--param"),
        (["sweep", "--param", "epoch=1,2"], "did you mean 'epochs'"),
        (["train", "--workers", "2"], "has one network"),
        (["train", "ensemble", "--workers", "2", "--tensorboard"], "one training at a time"),
        (["train", "--seeds", "2", "--workers", "2", "--tensorboard"], "one training at a time"),
    ],
)
def test_flags_that_do_not_go_together_are_told(words, said, capsys, tmp_path, monkeypatch):
    from tenfold import cli

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
