"""A recipe that is misread trains another network than the one asked for, and nobody notices."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.errors import RecipeError
from tenfold.training.recipe import Recipe, recipe_fields, recipe_names


def test_the_tutorial_is_what_tutorials_say():
    recipe = Recipe.load("tutorial")
    assert recipe.model.hidden == (128, 64)
    assert recipe.model.activation == "relu"
    assert (recipe.training.optimizer, recipe.training.learning_rate) == ("adam", 0.001)
    assert (recipe.training.batch_size, recipe.training.epochs) == (32, 10)
    assert recipe.data.validation == 0.2


@pytest.mark.parametrize("name", recipe_names())
def test_a_description_holds_for_any_number_of_classes(name):
    assert not re.search(r"-10\b|parameters", Recipe.load(name).description)


@pytest.mark.parametrize("name", recipe_names())
def test_what_is_stored_with_a_run_is_read_back_the_same(name):
    recipe = Recipe.load(name)
    assert Recipe.from_toml(recipe.to_toml(), name="another") == recipe


@given(
    rate=st.floats(1e-12, 1e6), seed=st.integers(0, 2**31), hidden=st.lists(st.integers(1, 5000), max_size=4),
    text=st.text(max_size=30),
)  # fmt: skip
def test_any_recipe_survives_toml(rate, seed, hidden, text):
    recipe = Recipe(name="x", description=text).replace(learning_rate=rate, seed=seed, hidden=tuple(hidden))
    assert Recipe.from_toml(recipe.to_toml(), name="y") == recipe


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[training]\nepochs = 4\nlearning_rate = 1\n")
    recipe = Recipe.load(path).replace(epochs=5)
    assert recipe.name == "mine"
    assert (recipe.training.epochs, recipe.training.learning_rate, recipe.training.batch_size) == (5, 1.0, 32)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[training]\nepoch = 3", "did you mean 'epochs'"),
        ("[trainin]\nepochs = 3", "did you mean 'training'"),
        ("epochs = 3", "unknown key 'epochs'"),
        ("[training]\nepochs = 2.5", "takes an integer"),
        ("[training]\nepochs = true", "takes an integer"),
        ("[training]\nlearning_rate = '0.1'", "a number"),
        ("[training]\nlearning_rate = -0.1", "must be > 0"),
        ("[training]\nlearning_rate = nan", "must be > 0"),
        ("[training]\nlearning_rate = inf", "must be > 0"),
        ("[training]\noptimizer = 'adamx'", "did you mean 'adam'"),
        ("[training]\nfinal_weights = 'first'", "known: best, last"),
        ("[model]\nactivation = 'rely'", "did you mean 'relu'"),
        ("[model]\narchitecture = 'mpl'", "did you mean 'mlp'"),
        ("[model]\narchitecture = 3", "unknown architecture 3"),
        ("[model]\narchitecture = ['mlp']", "unknown architecture"),
        ("name = 'a/b'", "names the run"),
        ("name = '../../b'", "names the run"),
        ("[model]\nhidden = 128", "takes a list"),
        ("[model]\nhidden = [128, 0]", "must be >= 1"),
        ("[model]\nhidden = [128, 'a']", "takes an integer"),
        ("[model]\ndropout = 1.0", "must be >= 0 and < 1"),
        ("[model]\nbatch_norm = 1", "true or false"),
        ("[data]\nvalidation = 1", "< 1"),
        ("training = 3", "takes a section"),
        ("name = 3", "takes a string"),
        ("[training", "not TOML"),
        ("[data]\nvalidation = 0.0\n[training]\nfinal_weights = 'best'", "need validation images"),
    ],
)
def test_an_invalid_recipe_names_the_key_and_what_it_takes(text, words):
    with pytest.raises(RecipeError, match=r"recipe '?") as caught:
        Recipe.from_toml(text, name="mine")
    assert words in str(caught.value)


def test_unknown_recipes_and_fields_name_the_nearest(tmp_path):
    with pytest.raises(RecipeError, match="did you mean 'tutorial'"):
        Recipe.load("tutorail")
    with pytest.raises(RecipeError, match="did you mean 'hidden'"):
        Recipe.load("tutorial").replace(hiden=(3,))
    with pytest.raises(RecipeError, match="cannot read"):
        Recipe.load(tmp_path / "gone.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="cannot read"):
        Recipe.load(tmp_path / "bytes.toml")


def test_every_field_has_help():
    assert all(field.metadata["help"] for field in recipe_fields().values())
