"""What a sweep searches is what was typed, or an error before anything is trained."""

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.errors import RunError, TenfoldError, UsageError
from tenfold.models.model_config import ARCHITECTURES
from tenfold.studies.search_space import SearchSpace
from tenfold.studies.sweep_plan import SweepPlan
from tenfold.training.recipe import Recipe, recipe_fields

TUTORIAL = Recipe.load("tutorial")


def drawn(words, recipe=TUTORIAL, count=30):
    space = SearchSpace.parse(words, recipe)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [space.changes(study.ask()) for _ in range(count)]


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def test_each_kind_of_field_is_drawn_as_the_recipe_takes_it():
    words = ["learning_rate=log:1e-4..1e-1", "epochs=1..9:4", "dropout=0..0.5:0.1", "hidden=32,64/32,128/64/32",
             "batch_norm=true,false", "batch_size=16,256", "activation=relu,gelu", "seed=0..3"]  # fmt: skip
    found = drawn(words, count=200)
    for changes in found:
        assert 1e-4 <= changes["learning_rate"] <= 0.1
        TUTORIAL.replace(**changes)
    assert {changes["epochs"] for changes in found} == {1, 5, 9}
    assert {round(changes["dropout"], 9) for changes in found} == {0, 0.1, 0.2, 0.3, 0.4, 0.5}
    assert {changes["hidden"] for changes in found} == {(32,), (64, 32), (128, 64, 32)}
    assert {changes["batch_norm"] for changes in found} == {True, False}
    assert {changes["batch_size"] for changes in found} == {16, 256}
    assert {changes["seed"] for changes in found} == {0, 1, 2, 3}
    # As many below 3e-3, the middle of the decades, as above.
    assert 70 < sum(changes["learning_rate"] < 3.16e-3 for changes in found) < 130


def test_every_field_that_decides_about_training_can_be_searched():
    refused = set()
    for name, field in recipe_fields().items():
        least = max(2, field.metadata["limits"]["at_least"] or 0)
        values = {int: f"{least},{least + 1}", float: "0.01,0.02", bool: "true,false"}.get(field.type)
        choices = field.metadata["choices"]
        values = values or (",".join(choices[:2]) if choices else None)
        owners = [owner for owner, config in ARCHITECTURES.items() if name in config.__dataclass_fields__]
        recipe = Recipe.load(owners[0] if owners else "tutorial").replace(final_weights="last")
        if values is None:
            continue
        try:
            SearchSpace.parse([f"{name}={values}"], recipe)
        except UsageError:
            refused.add(name)
    # The images that judge must be the same for all; an average and the best epoch exclude each other.
    assert refused == {"validation", "split_seed"}


def test_a_parameter_of_one_architecture_is_searched_where_it_is_chosen():
    words = ["width=8,16", "architecture=mlp,cnn", "hidden=32,64"]
    found = drawn(words)
    assert {frozenset(changes) for changes in found} == {
        frozenset({"architecture", "hidden"}), frozenset({"architecture", "width"})
    }  # fmt: skip
    grid = SweepPlan.make(TUTORIAL, words, sampler="grid").queue()
    assert grid == [
        {"architecture": "mlp", "hidden": "32"}, {"architecture": "mlp", "hidden": "64"},
        {"architecture": "cnn", "width": "8"}, {"architecture": "cnn", "width": "16"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "needs a parameter"),
        (["learning_rat=0.1,0.2"], "no field 'learning_rat'; did you mean 'learning_rate'"),
        (["width=16,32"], "no field 'width'; cnn, "),
        (["learning_rate"], "it takes NAME=LOW..HIGH"),
        (["learning_rate="], "two or more"),
        (["learning_rate=0.1"], "two or more"),
        (["learning_rate=0.1,0.1"], "two or more"),
        (["learning_rate=0.1..0.01"], "the range is empty: 0.01 is not above 0.1"),
        (["epochs=3..3"], "the range is empty"),
        (["learning_rate=log:0..1"], "starts above 0"),
        (["learning_rate=0..1"], "must be > 0"),
        (["learning_rate=nan..1"], "is empty"),
        (["dropout=0..1:0.1"], "must be >= 0 and < 1"),
        (["dropout=0..0.5:0.6"], "a step is above 0, and 0.5 or less"),
        (["epochs=1.5..3"], "not a range of whole numbers"),
        (["epochs=1,two"], "'two' is not a whole number"),
        (["batch_norm=yes,no"], "'yes' is neither true nor false"),
        (["activation=relu,gelo"], "did you mean 'gelu'"),
        (["activation=a..b"], "a range is of numbers"),
        (["hidden=32,6x"], "'6x' is not a list"),
        (["epochs=1,2", "epochs=3,4"], "given twice"),
        (["validation=0.1,0.2"], "the same validation images"),
        (["dataset=mnist,usps"], "the same validation images"),
        (["architecture=mlp,cmn"], "did you mean 'cnn'"),
    ],
)
def test_what_makes_no_sense_is_reported(words, said):
    with pytest.raises(UsageError, match=said):
        SearchSpace.parse(words, TUTORIAL)


@given(st.text(max_size=30))
def test_no_text_ends_in_anything_but_a_usage_error(text):
    for word in (text, f"learning_rate={text}", f"epochs={text}..{text}", f"hidden={text},{text}"):
        try:
            SearchSpace.parse([word], TUTORIAL)
        except TenfoldError:
            continue


@given(st.integers(0, 50), st.integers(1, 50), st.integers(1, 60))
def test_a_grid_is_what_its_range_holds(low, extent, step):
    word = f"label_smoothing={low / 100}..{(low + extent) / 100 - 0.001:.3f}:{step / 100}"
    try:
        plan = SweepPlan.make(TUTORIAL, [word], sampler="grid")
    except UsageError:
        return
    (parameter,) = plan.space.parameters
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for values in plan.queue():
        study.enqueue_trial(values)
    met = [parameter.suggest(study.ask()) for _ in plan.queue()]
    assert met == pytest.approx([values["label_smoothing"] for values in plan.queue()])
    assert len(set(met)) == len(met)


def test_a_range_is_no_grid_without_steps():
    with pytest.raises(UsageError, match="takes values, not a range"):
        SweepPlan.make(TUTORIAL, ["learning_rate=log:0.001..0.1"], sampler="grid")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trials": 0}, "--trials is 0"),
        ({"sampler": "tpa"}, "did you mean 'tpe'"),
        ({"pruner": "medium"}, "did you mean 'median'"),
        ({"given": {"validation": 0}}, "--validation is 0"),
    ],
)
def test_a_plan_that_makes_no_sense_is_reported(options, said):
    with pytest.raises(UsageError, match=said):
        SweepPlan.make(TUTORIAL, ["epochs=1,2"], **options)


def test_a_plan_comes_back_as_it_was_and_another_versions_is_refused():
    plan = SweepPlan.make(
        Recipe.load("sprint"), ["learning_rate=log:0.001..0.1", "width=16,32"], trials=7, sampler="random"
    )
    document = plan.document()
    assert SweepPlan.from_document(document, "here") == plan
    assert SweepPlan.from_document(document, "here").queue() == plan.queue()
    assert plan.space.recipe.data.validation == 0.2  # what sprint doesn't keep back, a sweep does
    assert plan.best_recipe({"width": 32}).data.validation == 0
    assert plan.best_recipe({"width": 32}).model.width == 32
    with pytest.raises(RunError, match="another version"):
        SweepPlan.from_document({**document, "version": 99}, "here")
    with pytest.raises(RunError, match="can't be read"):
        SweepPlan.from_document({"version": document["version"]}, "here")
