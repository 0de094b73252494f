"""If these fail, a network of one's own is trained as another, or can't be loaded again."""

import pickle
from dataclasses import dataclass

import pytest
from torch import nn

from tenfold import (
    ModelConfig,
    Reader,
    Run,
    export,
    register_architecture,
    train,
    train_seeds,
)
from tenfold.config import option
from tenfold.errors import RecipeError, RunError, UsageError
from tenfold.jobs.local import local_pool
from tenfold.models.model_config import MLPConfig


@dataclass(frozen=True, kw_only=True)
class WideConfig(ModelConfig):
    """Options of the network below."""

    units: int = option(32, "units of the hidden layer", at_least=1)


class Wide(nn.Module):
    def __init__(self, units, classes):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, units), nn.Tanh(), nn.Linear(units, classes))

    def forward(self, images):
        return self.layers(images * 2 - 1)


@pytest.fixture
def wide():
    register_architecture("wide", lambda config, classes: Wide(config.units, classes), WideConfig)
    yield "wide"
    from tenfold.models import _BUILDERS, ARCHITECTURES

    del _BUILDERS["wide"], ARCHITECTURES["wide"]


def test_a_network_of_ones_own_is_trained_loaded_exported_and_pickled(wide, quick, small, tmp_path):
    recipe = quick.replace(architecture=wide, units=48)
    assert sum(layer.parameters for layer in recipe.layers()) == 784 * 48 + 48 + 48 * 10 + 10
    run = train(recipe, small, folder=tmp_path)
    assert run.training.validation_accuracy > 0.8
    again = Run.load(run.path)
    assert (again.recipe.model.units, again.recipe.model.registered_as) == (48, "wide")
    assert again.model().layers[1].out_features == 48
    assert Reader(export(again, out=tmp_path / "wide.onnx").path).probabilities(small.test_images[:2]).shape == (2, 10)
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    with pytest.raises(RecipeError, match="units is 0; it must be >= 1"):
        quick.replace(architecture=wide, units=0)


def test_without_its_registration_a_network_is_unknown(quick, small, tmp_path):
    register_architecture("once", lambda config, classes: Wide(8, classes))
    recipe = quick.replace(architecture="once", epochs=1)
    content, path = pickle.dumps(recipe), train(recipe, small, folder=tmp_path).path
    from tenfold.models import _BUILDERS, ARCHITECTURES

    del _BUILDERS["once"], ARCHITECTURES["once"]
    for load in (lambda: pickle.loads(content), lambda: Run.load(path), lambda: quick.replace(architecture="once")):
        with pytest.raises((RecipeError, RunError), match=r"unknown architecture 'once'.*register_architecture"):
            load()


def test_architectures_with_the_same_options_stay_apart_also_when_registered_again(quick, small):
    for name, units in (("one", 4), ("two", 8), ("two", 16)):
        register_architecture(name, lambda config, classes, units=units: Wide(units, classes), MLPConfig)
        if units == 8:
            before = quick.replace(architecture="two")
    from tenfold.models import _BUILDERS, ARCHITECTURES

    try:
        for name, units in (("one", 4), ("two", 16)):
            recipe = quick.replace(architecture=name, epochs=1)
            assert f'architecture = "{name}"' in recipe.to_toml()
            assert train(recipe, small, folder=None).training.parameters == 784 * units + units + units * 10 + 10
        assert 'architecture = "two"' in before.to_toml()
        pickle.loads(pickle.dumps(before))
        with pytest.raises(UsageError, match="architecture one is registered in this process alone"):
            train_seeds(quick.replace(architecture="one"), 2, small, open_pool=lambda: local_pool(2))
    finally:
        for name in ("one", "two"):
            del _BUILDERS[name], ARCHITECTURES[name]


def test_options_that_recipes_have_already_are_refused(quick):
    config = dataclass(frozen=True, kw_only=True)(
        type("Config", (ModelConfig,), {"__annotations__": {"epochs": int}, "epochs": 3})
    )
    register_architecture("clash", lambda config, classes: Wide(8, classes), config)
    from tenfold.models import _BUILDERS, ARCHITECTURES

    try:
        with pytest.raises(RecipeError, match="epochs is a field of recipes; rename that of the architecture"):
            quick.replace(architecture="clash")
    finally:
        del _BUILDERS["clash"], ARCHITECTURES["clash"]


@pytest.mark.parametrize(
    ("name", "message"), [("cnn", "is an architecture of Tenfold"), ("my net", "is no identifier")]
)
def test_names_that_are_taken_or_impossible_are_refused(name, message):
    with pytest.raises(UsageError, match=message):
        register_architecture(name, lambda config, classes: Wide(8, classes))
