"""A network that is not the one the recipe describes makes every figure about it untrue."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from tenfold.errors import RecipeError
from tenfold.models import build_model
from tenfold.models.composite import deskew, networks
from tenfold.models.describe import describe_model, model_totals
from tenfold.models.layers import set_memory_format
from tenfold.models.lenet import TABLE, Subsampling, TableConvolution
from tenfold.models.model_config import ACTIVATIONS, ARCHITECTURES
from tenfold.training.optimizers import weights_of
from tenfold.training.recipe import Recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_makes_a_network_that_reads_images(name):
    model = build_model(Recipe.load(name).model).eval()
    with torch.inference_mode():
        assert model(torch.rand(3, 28, 28)).shape == (3, 10)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("tutorial", 109_386),
        ("sprint", 95_050),
        ("dash", 67_018),
        ("accurate", 117_818),
        ("lenet", 60_000 + 850),  # the paper's 60,000, and the ten logits in place of its codes
        ("small", 5_546),
        ("tiny", 1_493),
        ("micro", 1_735),
    ],
)
def test_the_parameters_are_as_documented(name, parameters):
    model = build_model(Recipe.load(name).model)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert sum(layer.parameters for layer in describe_model(model)) == parameters


def test_multiply_adds_are_counted_by_hand():
    layers = describe_model(build_model(Recipe.load("dash").model))
    # 4x14x14 -> 32x12x12, pooled to 6x6; 64x4x4; 64x4x4 with the size kept; dense.
    expected = 9 * 4 * 32 * 144 + 9 * 32 * 64 * 16 + 9 * 64 * 64 * 16 + 64 * 16 * 10
    assert sum(layer.multiply_adds for layer in layers) == expected


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("recipe", ARCHITECTURES)
def test_every_activation_trains(recipe, name):
    model = build_model(Recipe.load(recipe).replace(activation=name).model)
    model(torch.rand(4, 28, 28)).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_width_scales_every_convolution():
    kinds = [layer.output_shape[0] for layer in describe_model(build_model(Recipe.load("cnn").replace(width=48).model))
             if layer.kind == "Conv2d"]  # fmt: skip
    assert kinds == [48, 96, 96]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"convolutions": ("1 pool", "2 pool", "2 pool", "2 pool")}, "nothing is left"),
        ({"convolutions": ("1 pol",)}, "such as '2 same pool'"),
        ({"convolutions": ("wide",)}, "such as '2 same pool'"),
        ({"convolutions": ("0 pool",)}, "such as '2 same pool'"),
        ({"center_crop": 26, "space_to_depth": 4}, "must divide"),
        ({"convolutions": ()}, "at least one"),
        ({"convolutions": ("99999999999999",)}, "from 1 to 99"),
        ({"architecture": "resnet", "space_to_depth": 3}, "must divide"),
        ({"architecture": "recurrent", "sharing": "AA-bb"}, "capital letters"),
        ({"architecture": "recurrent", "sharing": "A-A-A-A-A"}, "up to three"),
        ({"architecture": "recurrent", "sharing": ""}, "capital letters"),
        ({"architecture": "recurrent", "stem": 4}, "odd"),
    ],
)
def test_shapes_that_do_not_fit_are_reported(changes, words):
    with pytest.raises(RecipeError, match=words):
        build_model(Recipe.load("cnn").replace(**changes).model)


@pytest.mark.parametrize(
    ("changes", "words"), [({"width": 0}, ">= 1"), ({"center_crop": 29}, "<= 28"), ({"rotation": 90.0}, "<= 45")]
)
def test_values_out_of_range_are_reported(changes, words):
    with pytest.raises(RecipeError, match=words):
        Recipe.load("cnn").replace(**changes)


def test_lenet_sees_only_the_maps_of_its_table():
    third = next(m for m in build_model(Recipe.load("lenet").model).modules() if isinstance(m, TableConvolution))
    features = torch.zeros(1, 6, 14, 14)
    features[0, 4] = torch.rand(14, 14)
    changed = (third(features) - third(torch.zeros_like(features))).abs().sum((0, 2, 3)) > 0
    assert changed.tolist() == [4 in seen for seen in TABLE]


def test_shared_convolutions_are_counted_once_and_cost_each_time():
    model = build_model(Recipe.load("tiny").model)
    layers = [layer for layer in describe_model(model) if layer.name.endswith("convolutions.A")]
    assert [layer.parameters for layer in layers] == [9 * 11 * 11] + [0] * 6
    assert [layer.multiply_adds for layer in layers] == [9 * 11 * 11 * side**2 for side in (14, 14, 7, 7, 7, 3, 3)]


def test_an_ensemble_answers_with_its_members_mean_probability():
    config = Recipe.load("tutorial").replace(ensemble_size=3, final_weights="last").model
    model = build_model(config).eval()
    images = torch.rand(5, 28, 28)
    with torch.inference_mode():
        mean = torch.stack([member(images).softmax(1) for member in networks(model)]).mean(0)
        assert torch.allclose(model(images).softmax(1), mean, atol=1e-6)
    assert (model_totals(model).parameters, model_totals(model).multiply_adds) == (3 * 109_386, 3 * 109_184)
    assert len(describe_model(model)) == 6  # of one network


def test_test_time_augmentation_copies_are_shifted_by_a_pixel_and_counted_in_the_cost():
    config = Recipe.load("tutorial").replace(test_time_augmentation=True).model
    model = build_model(config).eval()
    images = torch.zeros(2, 28, 28)
    images[:, 5:20, 8:12] = 0.8
    copies = [images, *(torch.roll(images, by, axis) for axis in (1, 2) for by in (-1, 1))]
    with torch.inference_mode():
        mean = torch.stack([networks(model)[0](copy).softmax(1) for copy in copies]).mean(0)
        assert torch.allclose(model(images).softmax(1), mean, atol=1e-6)
    assert (model_totals(model).parameters, model_totals(model).multiply_adds) == (109_386, 5 * 109_184)


def test_deskewing_undoes_a_slant_and_centers(mnist):
    upright = torch.zeros(1, 28, 28)
    upright[0, 6:22, 12:16] = 1
    rows = torch.arange(28)
    slanted = torch.stack([torch.roll(upright[0, row], int((14 - row) * 0.4) + 2) for row in rows])[None]
    assert (deskew(slanted) - deskew(upright)).abs().mean() < 0.25 * (slanted - upright).abs().mean()
    digits = deskew(torch.from_numpy(mnist.train_images[:500].astype(np.float32)) / 255).numpy()
    centers = [ndimage.center_of_mass(digit) for digit in digits]
    assert np.abs(np.array(centers) - 13.5).max() < 0.3
    blank = torch.zeros(1, 28, 28)
    assert torch.equal(deskew(blank), blank)


@pytest.mark.parametrize("name", ["dash", *ARCHITECTURES])
def test_the_memory_format_changes_nothing_but_speed(name):
    torch.manual_seed(0)
    model = build_model(Recipe.load(name).model).eval()
    images = torch.rand(4, 28, 28)
    with torch.inference_mode():
        before = model(images)
        set_memory_format(model, torch.channels_last)
        assert torch.allclose(model(images), before, atol=1e-4)


def test_penalties_spare_biases_and_scales():
    for name in ARCHITECTURES:
        model = build_model(Recipe.load(name).model)
        spared = {id(p) for p in model.parameters()} - {id(p) for p in weights_of(model)}
        scales = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d | Subsampling)]
        assert all(id(p) in spared for m in scales for p in m.parameters())
        assert all(id(m.bias) in spared for m in model.modules() if getattr(m, "bias", None) is not None)
