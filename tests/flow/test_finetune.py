"""Fine-tuning on feedback samples: better on the hand that was corrected, and as good as before on the rest."""

import json
import os
import re
import shutil
import uuid
from datetime import UTC, datetime

import pytest

from tenfold.errors import RunError
from tenfold.runs.finetune import SLOWER, before_and_after, finetuning_recipe
from tenfold.runs.run import Run
from tenfold.runs.train import resume, train
from tenfold.serve.feedback import FeedbackSample
from tenfold.serve.feedback.sample_export import export_samples


def test_the_odd_hand_is_read_better_and_the_rest_no_worse(tuned):
    rest, hand = before_and_after(tuned)
    assert rest["set"] == "test images of small.npz"
    assert hand["after"]["accuracy"] >= hand["before"]["accuracy"] + 0.1
    assert rest["after"]["accuracy"] >= rest["before"]["accuracy"] - 0.02


def test_the_run_reports_where_it_came_from(run, tuned, odd_hand):
    recipe = Run.load(tuned.path).recipe
    assert recipe.training.initial_run == str(run.path.resolve())
    assert recipe.data.feedback == str(odd_hand.resolve())
    assert recipe.training.learning_rate == pytest.approx(SLOWER * run.recipe.training.learning_rate)


def test_fine_tuning_again_is_no_slower_than_the_first_time(run, tuned, odd_hand):
    again = finetuning_recipe(tuned, str(odd_hand)).training
    assert again.learning_rate == tuned.recipe.training.learning_rate
    assert again.initial_run == str(tuned.path)


def test_a_run_of_hard_examples_is_fine_tuned_on_all_images(quick, odd_hand, tmp_path):
    start = train(quick.replace(hard_examples=0.5, epochs=2), folder=tmp_path)
    tuned = train(finetuning_recipe(start, str(odd_hand)).replace(epochs=1), folder=tmp_path)
    assert tuned.recipe.training.hard_examples == 1
    assert len(before_and_after(tuned)) == 2


def test_the_same_recipe_gives_the_same_weights(tuned, tmp_path):
    again = train(tuned.recipe, folder=tmp_path)
    assert (again.path / "model.safetensors").read_bytes() == (tuned.path / "model.safetensors").read_bytes()


def test_the_commands(run, odd_hand, tmp_path, tenfold_json):
    made = tenfold_json("train", "--from", run.path, "--data", odd_hand, "--out", tmp_path, "--epochs", 1)
    document = tenfold_json("evaluate", made["run"])
    names = [found["set"] for found in document["before_and_after"]]
    assert names == ["test images of small.npz", "held-out feedback samples"]
    for found in document["before_and_after"]:
        for when in ("before", "after"):
            low, high = found[when]["interval"]
            assert low <= found[when]["accuracy"] <= high
    assert json.loads((tmp_path / made["run"] / "metrics.json").read_text())["before_and_after"]


def test_other_feedback_samples_than_at_the_beginning_are_compared_with_nothing(run, odd_hand, tmp_path, tenfold_json):
    moved = tmp_path / "moved"
    shutil.copytree(odd_hand, moved)
    recipe = finetuning_recipe(run, str(moved)).replace(epochs=1)
    made = train(recipe, folder=tmp_path)
    export_samples(
        [
            FeedbackSample(id=uuid.uuid4(), label=1, pixels=os.urandom(784), created_at=datetime.now(UTC))
            for _ in range(99)
        ],
        moved,
    )
    with pytest.raises(RunError, match="other feedback samples"):
        before_and_after(made)
    document = tenfold_json("evaluate", made.path)
    assert document["accuracy"] > 0.5
    assert "before_and_after" not in document


def test_another_model_than_it_started_from_is_refused(tuned, run, tmp_path):
    from tenfold.training.checkpoint import load_weights, save_weights

    start, made = tmp_path / "start", tmp_path / "made"
    shutil.copytree(run.path, start)
    shutil.copytree(tuned.path, made)
    text = (made / "recipe.toml").read_text().replace(str(run.path.resolve()), str(start))
    (made / "recipe.toml").write_text(text)
    before_and_after(Run.load(made))
    model = run.model()
    load_weights(tuned.path / "model.safetensors", model)
    save_weights(start / "model.safetensors", model)
    with pytest.raises(RunError, match="other weights"):
        before_and_after(Run.load(made))
    (made / "model.safetensors").unlink()
    with pytest.raises(RunError, match="other weights"):
        resume(made)


def test_a_run_that_is_not_finished_is_no_start(run, odd_hand, tmp_path):
    shutil.copytree(run.path, tmp_path / "cut", ignore=shutil.ignore_patterns("model.*"))
    with pytest.raises(RunError, match="not finished"):
        finetuning_recipe(Run.load(tmp_path / "cut"), str(odd_hand))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--from", "RUN"], "go together"),
        (["--data", "DIR"], "go together"),
        (["cnn", "--from", "RUN", "--data", "DIR"], "own recipe"),
        (["--from", "reader", "--data", "DIR"], "the shipped model"),
        (["--from", "RUN", "--data", "nowhere"], "no file or folder|nowhere"),
        (["--from", "RUN", "--data", "DIR", "--hidden", "5"], "the recipe's model lacks"),
    ],
)
def test_wrong_words_are_reported(words, error, run, odd_hand, tmp_path, capsys):
    from tenfold import cli

    given = [{"RUN": str(run.path), "DIR": str(odd_hand)}.get(word, word) for word in words]
    with pytest.raises(SystemExit) as stopped:
        cli.main(["train", *given, "--out", str(tmp_path / "out")])
    assert stopped.value.code in (1, 2)
    error_output = capsys.readouterr().err
    assert re.search(error, error_output), error_output
    assert "Traceback" not in error_output
    assert not (tmp_path / "out").exists()


def test_a_run_that_started_from_none_is_compared_with_none(run):
    assert before_and_after(run) == []
