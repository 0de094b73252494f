"""A training is prepared once, in one place, and leaves the process as it was."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tenfold.errors import RunError, UsageError
from tenfold.jobs.pool import Job, JobSource, in_process_pool
from tenfold.runs import prepare as prepare_module
from tenfold.runs import train as train_module
from tenfold.runs.prepare import prepare
from tenfold.runs.train import resume, train


class StopHere(Exception):  # noqa: N818
    pass


def stop(record):
    if type(record).__name__ == "EpochRecord":
        raise StopHere


def test_model_and_split_are_made_once(quick, tmp_path, monkeypatch):
    calls = []
    for name in ("build_model", "split_indices"):
        made = getattr(prepare_module, name)
        monkeypatch.setattr(prepare_module, name, lambda *a, made=made, name=name: (calls.append(name), made(*a))[1])
    train(quick.replace(epochs=1), folder=tmp_path)
    assert sorted(calls) == ["build_model", "split_indices"]


def test_what_was_prepared_can_be_trained_twice(quick, tmp_path):
    prepared = prepare(quick.replace(epochs=1))
    before = [value.clone() for value in prepared.model.parameters()]
    first, second = (train(prepared, folder=tmp_path) for _ in range(2))
    assert first.digest == second.digest
    assert all(map(torch.equal, before, prepared.model.parameters()))


def test_training_leaves_torchs_generator_as_it_was(quick, tmp_path):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    train(quick.replace(epochs=1, dropout=0.2), folder=tmp_path)
    assert torch.equal(state, torch.get_rng_state())


def test_the_checkpoint_of_an_ensembles_network_holds_that_network_alone(quick, tmp_path):
    recipe = quick.replace(final_weights="last", epochs=2, ensemble_size=3)
    with pytest.raises(StopHere):
        train(recipe, folder=tmp_path, on_epoch=stop)
    (path,) = tmp_path.iterdir()
    (member,) = (path / "members").iterdir()
    weights = load_file(member / "checkpoint.safetensors")
    learned = sum(value.numel() for key, value in weights.items() if key.startswith("model."))
    assert learned == sum(value.numel() for value in resume(path).model().state_dict().values()) / 3


def test_a_run_that_another_process_finished_meanwhile_is_not_trained_again(quick, tmp_path, monkeypatch):
    with pytest.raises(StopHere):
        train(quick, folder=tmp_path, on_epoch=stop)
    (path,) = tmp_path.iterdir()

    def finish_first(*arguments):
        monkeypatch.undo()
        resume(path)
        return prepare(*arguments)

    monkeypatch.setattr(train_module, "prepare", finish_first)
    with pytest.raises(RunError, match="is finished: there is nothing to resume"):
        resume(path)


def test_one_network_is_refused_in_a_pool_before_anything_is_prepared(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(train_module, "prepare", lambda *arguments: pytest.fail("prepared"))
    with pytest.raises(UsageError, match="has one network"):
        train(quick, folder=tmp_path, open_pool=lambda: pytest.fail("opened"))


@pytest.mark.parametrize(
    ("model", "trainable"),
    [
        ({"architecture": "mlp", "batch_norm": True}, False),
        ({"architecture": "cnn", "center_crop": 8, "space_to_depth": 2, "convolutions": ("1 pool",)}, False),
        ({"architecture": "cnn", "center_crop": 8, "space_to_depth": 2, "convolutions": ("1",)}, True),
    ],
)
def test_a_batch_of_one_image_is_refused_where_batch_norm_has_one_value(quick, model, trainable):
    """A channel of a single pixel is as undefined as a unit of a dense layer."""
    recipe = quick.replace(**model).replace(batch_size=1)
    if trainable:
        assert prepare(recipe).recipe.training.batch_size == 1
    else:
        with pytest.raises(UsageError, match="a batch of one image"):
            prepare(recipe)


class Failing(JobSource):
    """A source whose one job runs a pool of its own, and which fails at the first message."""

    def __init__(self, job):
        self.jobs = iter([job])

    def on_message(self, job, message):
        raise RunError("the sweep's storage is full")

    def on_done(self, job, outcome):
        pytest.fail(f"taken for the job's own: {outcome}")


class Passing(JobSource):
    def __init__(self, job, report):
        self.jobs, self.report = iter([job]), report

    def on_message(self, job, message):
        self.report(message)
        return True


def inner_job(report, folder):
    report("an epoch")


def outer_job(report, folder):
    with in_process_pool() as pool:
        pool.run(Passing(Job(key=0, function=inner_job, folder=folder), report))


def test_an_error_of_the_outer_source_is_not_taken_for_one_of_a_nested_job(tmp_path):
    with pytest.raises(RunError, match="storage is full"), in_process_pool() as pool:
        pool.run(Failing(Job(key=0, function=outer_job, folder=tmp_path)))


def test_images_of_one_class_are_refused_before_anything_is_made(quick, small):
    alone = dataclasses.replace(small, train_labels=np.zeros_like(small.train_labels))
    with pytest.raises(UsageError, match="all training images are of class 0"):
        prepare(quick, alone)
