"""A sweep trains what one process would, chooses on validation images alone, and says what it found."""

import json
import tomllib

import numpy as np
import pytest

from tenfold.errors import RunError, StoreError, TenfoldError, TrainingError
from tenfold.runs.evaluate import evaluate
from tenfold.runs.export import export
from tenfold.runs.run import Run
from tenfold.runs.train import train
from tenfold.studies import sweep_storage as storage
from tenfold.studies.sweep import Sweep
from tenfold.studies.sweep_plan import SweepPlan
from tenfold.studies.sweep_report import write_sweep_report
from tenfold.studies.trial_runner import best_trial
from tenfold.training.recipe import Recipe
from tests.log_lines import logged


def results(rows):
    return {tuple(sorted(map(str, row.values.items()))): (row.state, row.accuracy, row.accuracies) for row in rows}


def test_trials_in_two_processes_are_the_trainings_that_one_would_do(swept, brief, tmp_path):
    sweep, rows, lines = swept
    assert len(rows) == len(lines) == 6
    assert {row.state for row in rows} == {"finished"}
    row = next(row for row in rows if row.values == {"learning_rate": 0.003, "hidden": [32, 16]})
    recipe = brief.replace(learning_rate=0.003, hidden=(32, 16), validation=0.2)
    alone = train(recipe, path=tmp_path / "alone", write_onnx=False)
    assert row.accuracy == alone.training.validation_accuracy
    assert row.accuracies == {record.epoch: record.validation_accuracy for record in alone.history}
    run = Run.load(sweep.path / "trials" / f"{row.number:04}")
    assert run.finished
    assert run.test is None  # the test images choose nothing
    assert run.digest == alone.digest
    with pytest.raises(RunError, match=r"tenfold export .* --to onnx writes it"):
        run.predict(run.dataset.test_images)
    export(run)
    assert evaluate(run).images == 500


def test_the_best_recipe_trains_as_it_stands(swept, brief):
    sweep, rows, _ = swept
    best = best_trial(rows)
    assert best.accuracy == max(row.accuracy for row in rows)
    recipe = Recipe.load(sweep.path / "best.toml")
    assert recipe.training.learning_rate == best.values["learning_rate"]
    assert list(recipe.model.hidden) == best.values["hidden"]
    # All else as it was asked for: the images kept back for choosing are trained on again.
    assert recipe.data == brief.data
    assert (recipe.device, recipe.training.epochs) == (brief.device, 2)
    assert tomllib.loads((sweep.path / "best.toml").read_text())["name"] == "tutorial-best"


def test_the_report_shows_history_importance_slices_and_the_best(swept):
    sweep, rows, _ = swept
    report = write_sweep_report(sweep, rows).read_text()
    for words in (
        "Search history",
        "Parameter importance",
        "learning_rate",
        "best.toml",
        "PED-ANOVA",
        "accuracy on new images will be somewhat lower",
    ):
        assert words in report
    assert "var(--accent)" in report  # dark mode too
    assert {path.name for path in (sweep.path / "figures").iterdir()} == {"history.png", "importance.png", "slices.png"}
    assert abs(sum(sweep.importance().values()) - 1) < 1e-6


def test_the_definition_stands_in_the_folder(swept, grid):
    sweep, rows, _ = swept
    document = json.loads((sweep.path / "sweep.json").read_text())
    assert document["parameters"] == list(grid.space.typed)
    assert document["environment"]["machine"]["cores"]
    assert len(json.loads((sweep.path / "trials.json").read_text())) == 6
    again = Sweep.load(sweep.path)
    with logged() as lines:
        assert again.run(lambda: pytest.fail("there is nothing left to train")) == rows
    assert lines == []


def test_tpe_comes_to_the_same_with_one_worker_and_learns(brief, one_at_a_time, tmp_path):
    plan = SweepPlan.make(brief.replace(epochs=1), ["learning_rate=log:1e-6..1e-2"], trials=14, pruner="none")
    whole = Sweep.create(plan, tmp_path / "whole")
    rows = whole.run(one_at_a_time)
    stopped = Sweep.create(plan, tmp_path / "stopped")
    seen = []

    def stop(line):
        seen.append(line)
        if len(seen) == 12:
            raise KeyboardInterrupt

    with logged(stop), pytest.raises(KeyboardInterrupt, match="tenfold sweep --resume"):
        stopped.run(one_at_a_time)
    assert results(Sweep.load(stopped.path).run(one_at_a_time)) == results(rows)
    # What it samples after the first ten at random is near the good end.
    assert np.median([row.values["learning_rate"] for row in rows[10:]]) > 3e-4


def test_trials_that_lag_are_stopped_and_the_best_is_not(brief, one_at_a_time, tmp_path):
    plan = SweepPlan.make(brief.replace(epochs=3), ["learning_rate=log:1e-6..1e-2"], trials=12, sampler="random")
    rows = Sweep.create(plan, tmp_path).run(one_at_a_time)
    stopped = [row for row in rows if row.state == "stopped"]
    assert stopped
    assert all(len(row.accuracies) < 3 and row.accuracy is None for row in stopped)
    best = best_trial(rows)
    assert len(best.accuracies) == 3
    assert all(max(row.accuracies.values()) < best.accuracy for row in stopped)
    plan = SweepPlan.make(brief.replace(epochs=4), ["learning_rate=log:1e-6..1e-2"], trials=8, sampler="random",
                     pruner="hyperband")  # fmt: skip
    rows = Sweep.create(plan, tmp_path).run(one_at_a_time)
    assert {row.state for row in rows} == {"stopped", "finished"}


def test_sqlite_keeps_a_sweep_too(swept, grid, two_workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Sweep.create(grid, tmp_path / "runs", "sqlite:///trials.db") as created:
        path = created.path
    monkeypatch.chdir("/")
    with Sweep.load(path) as sweep:
        assert results(sweep.run(two_workers)) == results(swept[1])
    assert not (sweep.path / storage.JOURNAL).exists()


def test_a_password_is_never_written_down(grid, tmp_path):
    with pytest.raises(StoreError, match="can't be opened") as raised:
        Sweep.create(grid, tmp_path, "postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(raised.value)
    assert "secret" not in storage.without_password("postgresql://me:secret@127.0.0.1:1/none")
    assert list(tmp_path.iterdir()) == []


def test_trials_that_all_fail_are_reported(brief, one_at_a_time, tmp_path):
    # Of 1,600 images 1,200 would be a batch, but 1,599 leave one over, which batch norm can't take.
    plan = SweepPlan.make(brief.replace(batch_norm=True), ["batch_size=1599,533"], sampler="grid")
    sweep = Sweep.create(plan, tmp_path)
    with (
        logged() as lines,
        pytest.raises(TrainingError, match=r"none of 2 trials finished; the first: .*a batch of one image"),
    ):
        sweep.run(one_at_a_time)
    assert [line.split(":")[1] for line in lines] == [" failed", " failed"]
    assert {row.state for row in sweep.results()} == {"failed"}
    assert not (sweep.path / "best.toml").exists()


def test_a_trial_that_diverges_teaches_and_the_others_continue(brief, one_at_a_time, tmp_path):
    plan = SweepPlan.make(brief.replace(epochs=1, optimizer="sgd"), ["learning_rate=0.01,1e30"], sampler="grid")
    sweep = Sweep.create(plan, tmp_path)
    rows = sweep.run(one_at_a_time)
    assert [row.state for row in rows] == ["finished", "diverged"]
    assert "diverged" in rows[1].reason
    assert "Diverged or failed: trial 1" in write_sweep_report(sweep, rows).read_text()


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"batch_size": 5000}, "larger than the"), ({"dataset": "gone.npz"}, "gone.npz")],
)
def test_what_can_not_be_trained_leaves_no_folder_behind(brief, tmp_path, changes, words):
    with pytest.raises(TenfoldError, match=words):
        Sweep.create(SweepPlan.make(brief.replace(**changes), ["learning_rate=0.1,0.2"]), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep", "--resume", "x", "--trials", "5"], "leave out the recipe"),
        (["sweep", "--join", "x"], "give its --storage"),
        (["sweep"], "--param"),
        (["sweep", "--param", "epoch=1,2"], "did you mean 'epochs'"),
        (["train", "--seeds", "2", "--workers", "0"], "--workers is 0; it must be >= 1"),
        (["train", "--workers", "2"], "has one network"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(words, said, capsys, tmp_path, monkeypatch):
    from tenfold import cli

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
