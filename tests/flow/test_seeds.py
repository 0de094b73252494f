"""Several seeds are worth as much as their arithmetic, and a comparison no more than its test."""

import json
import math

import numpy as np
import pytest
import torch
from scipy import stats

from tenfold.errors import RunError, TenfoldError, TrainingError, UsageError
from tenfold.evaluation.statistics import holm, paired, spread
from tenfold.runs.run import Run
from tenfold.runs.seeds import Seeds, resume_seeds, train_seeds
from tenfold.studies import study_recipes
from tenfold.studies.study import RecipeResult, Study
from tenfold.studies.study_report import pareto, write_study_report
from tenfold.training.recipe import Recipe
from tests.log_lines import logged


class StopHere(Exception):  # noqa: N818
    pass


def test_a_spread_is_that_of_a_sample_and_its_interval_students():
    values = [0.97, 0.98, 0.975, 0.9725]
    found = spread(values)
    assert (found.n, found.least, found.most) == (4, 0.97, 0.98)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.sd == pytest.approx(np.std(values, ddof=1))
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert found.interval == pytest.approx((low, high))
    one = spread([0.9])
    assert (one.mean, one.sd, one.interval) == (0.9, None, None)


def test_the_paired_test_is_scipys_and_sees_what_means_alone_do_not():
    rng = np.random.default_rng(0)
    luck = rng.normal(0, 0.01, 6)  # what a seed does to both
    before, after = 0.97 + luck, 0.972 + luck + rng.normal(0, 0.0005, 6)
    found = paired(after, before)
    expected = stats.ttest_rel(after, before)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval()))
    assert found.stands
    assert stats.ttest_ind(after, before).pvalue > 0.3  # as unpaired figures, nothing could be said
    assert paired([0.9], [0.8]).stands is None
    assert not paired([0.9, 0.8], [0.9, 0.8]).stands
    assert paired([0.91, 0.81, 0.92], [0.9, 0.83, 0.91]).stands is False


def test_equal_differences_are_judged_by_their_signs():
    ties = paired([0.975, 0.97, 0.9725], [0.9725, 0.9675, 0.97])  # the same but for rounding
    assert (ties.p, ties.stands, ties.interval) == (0.25, False, None)
    assert paired([0.2] * 6, [0.1] * 6).stands


def test_holm_raises_the_smallest_most():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_seeds_are_runs_of_their_own_and_have_a_spread(quick, tmp_path):
    with logged() as lines:
        done = train_seeds(quick, 3, folder=tmp_path)
    assert [path.name for path in sorted(done.path.glob("[!.]*"))] == ["seed-0", "seed-1", "seed-2", "seeds.json"]
    accuracies = [Run.load(done.folder(seed)).test.accuracy for seed in range(3)]
    assert len(set(accuracies)) > 1
    document = json.loads((done.path / "seeds.json").read_text())
    assert document["summary"]["test_accuracy"]["mean"] == pytest.approx(np.mean(accuracies))
    assert document["summary"]["seconds"]["n"] == 3
    assert len(lines) == 3
    assert [Run.load(done.folder(seed)).recipe.training.seed for seed in range(3)] == [0, 1, 2]
    assert resume_seeds(done.path).summary() == done.summary()  # Nothing is trained again.
    with pytest.raises(RunError, match="seed-0"):
        Run.load(done.path)


@pytest.mark.parametrize("count", [0, -1])
def test_fewer_seeds_than_one_are_refused_and_leave_nothing(quick, tmp_path, count):
    with pytest.raises(UsageError, match=">= 1"):
        train_seeds(quick, count, folder=tmp_path)
    with pytest.raises(UsageError, match=">= 1"):
        Study.create("recipes", {"a": quick, "b": quick}, count, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch_size": 5000}, "larger than the 1600"),
        ({"seed": 2**63 - 1}, "seed is 9223372036854775808"),
        ({"device": "mps"}, "mps is not available"),
        ({"dataset": "gone.npz"}, "gone.npz"),
    ],
)
def test_what_can_not_be_trained_leaves_no_folder_behind(quick, tmp_path, changes, words):
    if changes.get("device") == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has an MPS device")
    recipe = quick.replace(**changes)
    with pytest.raises(TenfoldError, match=words):
        train_seeds(recipe, 2, folder=tmp_path)
    with pytest.raises(TenfoldError, match=words):
        Study.create("recipes", {"a": recipe, "b": recipe}, 2, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_seed_that_diverges_is_reported_and_the_others_continue(quick, tmp_path, monkeypatch):
    from tenfold.training import trainer

    run_epoch = trainer.Trainer.run_epoch

    def poisoned(self, *parts):
        if self.recipe.training.seed == 1:
            raise TrainingError("the loss is nan")
        yield from run_epoch(self, *parts)

    monkeypatch.setattr(trainer.Trainer, "run_epoch", poisoned)
    with logged() as lines:
        done = train_seeds(quick.replace(epochs=1), 3, folder=tmp_path)
    assert "the loss is nan" in lines[1]
    assert list(done.finished) == [0, 2]
    assert list(Seeds.load(done.path).failed) == [1]
    # It would diverge again.
    monkeypatch.setattr(trainer.Trainer, "run_epoch", lambda self, *parts: pytest.fail("nothing is left to train"))
    assert list(resume_seeds(done.path).failed) == [1]
    monkeypatch.setattr(trainer.Trainer, "run_epoch", poisoned)
    study = Study.create("recipes", {"a": quick.replace(epochs=1), "b": quick.replace(epochs=2)}, 3, tmp_path / "study")
    rows = study.run()
    assert [row.failed for row in rows] == [1, 1]
    assert rows[1].difference.n == 2
    assert "diverged" in write_study_report(study, rows).read_text()


def test_one_engine_serves_all_seeds_and_its_probe_counts_in_each(quick, tmp_path, monkeypatch):
    from tenfold.training import autotune as probe

    probes = []
    fastest = probe._fastest
    monkeypatch.setattr(probe, "_fastest", lambda *words: (probes.append(words), fastest(*words))[1])
    done = train_seeds(quick.replace(epochs=1, precision="auto"), 2, folder=tmp_path)
    assert len(probes) == 1
    assert len({Run.load(done.folder(seed)).recipe.device for seed in (0, 1)}) == 1
    seconds = Run.load(done.folder(1)).training.seconds
    assert done.figures("training", "seconds")[1] == pytest.approx(seconds + done.autotune_seconds)


def test_recipes_that_can_not_be_paired_are_refused(quick, tmp_path):
    with pytest.raises(UsageError, match="different images"):
        Study.create("recipes", {"a": quick, "b": quick.replace(split_seed=9)}, 2, tmp_path)
    with pytest.raises(UsageError, match="above 0"):
        study_recipes.recipes(("cnn", "mlp"), {"validation": 0.0})
    study = Study.create("recipes", {"a b": quick.replace(seed=5), "a-b": quick.replace(epochs=1)}, 1, tmp_path)
    rows = study.run()
    folders = {path.parent.name for path in study.path.glob("*/seed-5")}  # the first's seeds, and a folder each
    assert folders == {"00-a-b", "01-a-b"}
    assert rows[0].figures["test_accuracy"] != rows[1].figures["test_accuracy"]
    ends = [study_recipes.recipes(("tutorial", "cnn"), {})[name].training.final_weights for name in ("tutorial", "cnn")]
    assert ends == ["last", "last"]


def test_remedies_that_do_not_fit_are_left_out():
    assert "average of the last fifth" in study_recipes.remedies("ensemble", {})
    assert "epochs 20" not in study_recipes.remedies("tutorial", {"epochs": 20})


def test_a_relative_path_to_data_holds_from_every_folder(quick, small_file, tmp_path, monkeypatch):
    monkeypatch.chdir(small_file.parent)
    done = train_seeds(quick.replace(dataset=small_file.name, epochs=1), 1, folder=tmp_path)
    monkeypatch.chdir(tmp_path)
    assert resume_seeds(done.path).summary() == done.summary()


def test_what_is_not_a_folder_of_seeds_is_reported_apart(tmp_path, quick):
    with pytest.raises(RunError, match="can't be read"):
        Seeds.load(tmp_path)
    (tmp_path / "seeds.json").write_text("{}")
    with pytest.raises(RunError, match="can't be read"):
        resume_seeds(tmp_path)


def study_of(quick, tmp_path, kind="recipes", count=2):
    recipes = {"small steps": quick.replace(epochs=1, learning_rate=1e-5), "as usual": quick.replace(epochs=1)}
    return Study.create(kind, recipes, count, tmp_path)


def test_a_comparison_says_what_stands_and_can_be_resumed(quick, tmp_path):
    def stop(line):
        if len(lines) == 3:
            raise StopHere

    study = study_of(quick, tmp_path, count=3)
    with logged(stop) as lines, pytest.raises(StopHere):
        study.run()
    assert [line.split(",")[0] for line in lines] == ["small steps", "as usual", "small steps"]  # in turn
    again = Study.load(study.path, "recipes")
    with logged() as rest:
        rows = again.run()
    assert len(rest) == 6
    base, usual = rows
    assert base.difference is None
    assert usual.difference.stands
    assert usual.difference.mean > 0.3
    assert usual.difference.n == 3
    document = json.loads((study.path / "compare.json").read_text())
    assert document["rows"][1]["difference"]["stands"] is True
    report = write_study_report(again, rows).read_text()
    assert "1 of 1" in report
    assert "small steps" in report
    assert "better" in report
    with pytest.raises(RunError, match="compare recipes --resume"):
        Study.load(study.path, "models")
    with pytest.raises(RunError, match="can't be read"):
        Study.load(tmp_path, "models")


def test_the_front_holds_what_nothing_cheaper_beats():
    def row(label, parameters, accuracy):
        return RecipeResult(label, "", parameters, parameters, 4 * parameters, {"test_accuracy": spread([accuracy])})

    rows = [row("a", 10, 0.9), row("b", 20, 0.95), row("c", 30, 0.93), row("d", 40, 0.97), row("e", 15, 0.9)]
    assert pareto(rows, "parameters") == {"a", "b", "d"}


def test_every_architecture_is_compared_once_and_every_remedy_changes_something(quick):
    models = study_recipes.models((), {"epochs": 1})
    assert {recipe.training.epochs for recipe in models.values()} == {1}
    kinds = [type(recipe.model).__name__ for recipe in models.values()]
    assert {"MLPConfig", "LeNetConfig", "CNNConfig", "ResNetConfig", "SeparableConfig", "RecurrentConfig"} == set(kinds)
    remedies = study_recipes.remedies("tutorial", {})
    assert len(remedies) == len(study_recipes.REMEDIES) + 1
    assert len({recipe.to_toml() for recipe in remedies.values()}) == len(remedies)
    assert "batch norm" not in study_recipes.remedies("cnn", {})  # which has it already, and no field for it


def test_comparisons_are_made_on_validation_images(quick):
    assert {r.data.validation for r in study_recipes.recipes(("sprint", "cnn"), {}).values()} == {0.2}
    with pytest.raises(UsageError, match="two or more"):
        study_recipes.recipes(("cnn", "cnn"), {})


def test_one_seed_per_recipe_is_reported_as_inconclusive(quick, tmp_path):
    study = study_of(quick, tmp_path, count=1)
    rows = study.run()
    assert rows[1].difference.stands is None
    assert "One seed per recipe does not allow a significance test" in write_study_report(study, rows).read_text()
    assert not math.isnan(rows[1].difference.mean)


def test_a_report_of_models_shows_accuracy_against_cost(quick, tmp_path):
    study = study_of(quick, tmp_path, "models")
    report = write_study_report(study, study.run()).read_text()
    assert "Pareto front" in report
    assert "109,386" in report
    assert (study.path / "figures" / "models.png").read_bytes().startswith(b"\x89PNG")


def test_recipes_that_claim_a_test_figure_train_on_everything():
    for name in ("sprint", "dash", "accurate", "ensemble", "small", "tiny", "micro"):
        assert Recipe.load(name).data.validation == 0
