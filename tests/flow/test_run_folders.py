"""What lies in a run's folder: another run's, tampered with, damaged or in use, it is reported and left alone."""

import json

import numpy as np
import pytest
from safetensors.torch import load_file

from tenfold.errors import CheckpointError, ModelError, RunError
from tenfold.models import build_model
from tenfold.runs.resumable import locked
from tenfold.runs.run import Run
from tenfold.runs.run_folder import latest_run
from tenfold.runs.train import resume, train
from tests.flow.test_training import StopHere, stop_after
from tests.log_lines import logged


def test_a_finished_run_is_not_resumed(run):
    with pytest.raises(RunError, match="nothing to resume"):
        resume(run.path)


def test_two_processes_do_not_train_one_run(quick, tmp_path):
    with pytest.raises(StopHere):
        train(quick, folder=tmp_path, on_epoch=stop_after(1))
    path = latest_run(tmp_path)
    with locked(path), pytest.raises(RunError, match="another process"):
        resume(path)
    assert len(resume(path).history) == 3


def test_a_training_that_stored_no_epoch_says_that_it_starts_over(quick, tmp_path):
    with pytest.raises(StopHere):
        train(quick, folder=tmp_path, on_epoch=stop_after(1))
    path = latest_run(tmp_path)
    (path / "checkpoint.safetensors").unlink()
    with logged() as lines:
        assert len(resume(path).history) == 3
    assert lines == [f"{path} has no whole epoch: training starts over"]


def test_checkpoints_of_another_shape_are_refused(quick, tmp_path):
    from safetensors import safe_open
    from safetensors.torch import save_file

    with pytest.raises(StopHere):
        train(quick, folder=tmp_path, on_epoch=stop_after(2))
    path = latest_run(tmp_path)
    file = path / "checkpoint.safetensors"
    whole = file.read_bytes()
    tensors = load_file(file)
    with safe_open(file, framework="pt") as opened:
        header = opened.metadata()
    for key, value in (("optimizer.0.exp_avg", tensors["optimizer.0.exp_avg"][:3].clone()),
                       ("optimizer.3.exp_avg", None),
                       ("best.1.weight", tensors["best.1.weight"][:3].clone())):  # fmt: skip
        damaged = {
            name: tensor for name, tensor in tensors.items() if name != key and (value is not None or ".3." not in name)
        }
        save_file(damaged | ({key: value} if value is not None else {}), file, header)
        with pytest.raises(CheckpointError):
            resume(path)
    file.write_bytes(whole)
    (path / "events.jsonl").write_text("")
    with pytest.raises(RunError, match="lacks some of the 2 epochs"):
        resume(path)


def test_a_run_that_was_tampered_with_is_reported_apart(run, tmp_path):
    import shutil

    from tenfold.report.run_report import write_report
    from tenfold.runs.evaluate import diagnose

    for name, content in (("metrics.json", '{"training": {}}'), ("metrics.json", "[]"), ("environment.json", "{}"),
                          ("environment.json", "[]"), ("events.jsonl", ""), ("metrics.json", None)):  # fmt: skip
        copy = shutil.copytree(run.path, tmp_path / "copy")
        if content is None:
            (copy / name).unlink()
        else:
            (copy / name).write_text(content)
        with pytest.raises(RunError, match=name):
            write_report(Run.load(copy))
        if name != "environment.json":
            with pytest.raises(RunError, match=name):
                diagnose(Run.load(copy))
        shutil.rmtree(copy)


def test_latest_is_the_run_that_was_started_last(quick, tmp_path):
    first = train(quick.replace(epochs=1), folder=tmp_path)
    first.path.rename(tmp_path / "good")
    second = train(quick.replace(epochs=1), folder=tmp_path)
    assert latest_run(tmp_path) == second.path


def test_damaged_weights_are_reported_apart(run, tmp_path, quick):
    from tenfold.training.checkpoint import load_weights, save_weights

    whole = (run.path / "model.safetensors").read_bytes()
    for content in (b"", whole[:100], whole[:-1000], b"junk" * 100):
        (tmp_path / "cut.safetensors").write_bytes(content)
        with pytest.raises(CheckpointError, match="damaged or not"):
            load_weights(tmp_path / "cut.safetensors", build_model(quick.model))
    with pytest.raises(CheckpointError, match="missing"):
        load_weights(tmp_path / "none.safetensors", build_model(quick.model))
    save_weights(tmp_path / "other.safetensors", build_model(quick.replace(hidden=(128, 32)).model))
    with pytest.raises(CheckpointError, match=r"shape \(32, 128\).*model has \(64, 128\)"):
        load_weights(tmp_path / "other.safetensors", build_model(quick.model))
    save_weights(tmp_path / "deep.safetensors", build_model(quick.replace(hidden=(128, 64, 32)).model))
    with pytest.raises(CheckpointError, match="which the recipe's model lacks"):
        load_weights(tmp_path / "deep.safetensors", build_model(quick.model))


def test_what_is_not_a_run_is_reported_apart(tmp_path, run):
    for path, words in ((tmp_path / "gone", "not a folder"), (tmp_path, "not a run")):
        with pytest.raises(RunError, match=words):
            Run.load(path)
    (tmp_path / "recipe.toml").write_text("epoch = 3")
    with pytest.raises(RunError, match="can't be read"):
        Run.load(tmp_path)
    (tmp_path / "recipe.toml").write_text(run.recipe.to_toml())
    with pytest.raises(RunError, match="not finished"):
        Run.load(tmp_path).predict(np.zeros((1, 28, 28), np.uint8))
    (tmp_path / "model.onnx").write_bytes((run.path / "model.onnx").read_bytes()[:500])
    with pytest.raises(ModelError, match="is not an ONNX model, or is damaged"):
        Run.load(tmp_path).predict(np.zeros((1, 28, 28), np.uint8))
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(RunError, match=r"metrics\.json can't be read"):
        _ = Run.load(tmp_path).test
    (tmp_path / "events.jsonl").write_text("{}\n" + json.dumps({"event": "epoch"}) + "\n")
    with pytest.raises(RunError, match="line 1"):
        _ = Run.load(tmp_path).history
