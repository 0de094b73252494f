"""A training is prepared once, in one place, and leaves nothing behind in the process."""

import pytest
import torch
from safetensors.torch import load_file

from tenfold.runs import prepare as prepare_module
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
        train(recipe, folder=tmp_path, watch=stop)
    (path,) = tmp_path.iterdir()
    (member,) = (path / "members").iterdir()
    weights = load_file(member / "checkpoint.safetensors")
    learned = sum(value.numel() for key, value in weights.items() if key.startswith("model."))
    assert learned == sum(value.numel() for value in resume(path).model().state_dict().values()) / 3
