"""Augmentation that moves images another way than it says trains on digits that nobody writes."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from tenfold.errors import RecipeError
from tenfold.training.augment import make_augmentation
from tenfold.training.optimizers import WARMUP_START, learning_rate_factor
from tenfold.training.recipe import AugmentConfig, Recipe

CPU = torch.device("cpu")


def moved(images, **strengths):
    torch.manual_seed(0)
    return make_augmentation(AugmentConfig(**strengths), CPU)(images)


@pytest.fixture
def images(small):
    return torch.from_numpy(small.train_images[:200]).float() / 255


def test_no_strength_changes_nothing(images):
    assert make_augmentation(AugmentConfig(), CPU) is None
    assert torch.allclose(moved(images, shift=1e-6, thickness=1e-6), images, atol=1e-4)


def test_shift_moves_the_center_of_mass_evenly_within_its_limit(images):
    shifts = []
    for before, after in zip(images, moved(images, shift=3.0), strict=True):
        shifts.append(np.subtract(ndimage.center_of_mass(after.numpy()), ndimage.center_of_mass(before.numpy())))
    assert np.abs(shifts).max() <= 3.1
    assert np.std(shifts) == pytest.approx(3 / math.sqrt(3), rel=0.15)  # of an even draw


def test_rotation_turns_by_at_most_its_degrees():
    bar = torch.zeros(400, 28, 28)
    bar[:, 4:24, 13:15] = 1
    rows, columns = np.mgrid[:28, :28] - 13.5
    angles = []
    for picture in moved(bar, rotation=20.0).numpy():
        covariance = np.cov(np.stack([rows.ravel(), columns.ravel()]), aweights=picture.ravel())
        angles.append(math.degrees(0.5 * math.atan2(2 * covariance[0, 1], covariance[0, 0] - covariance[1, 1])))
    assert 18 < max(angles) < 20.5
    assert -20.5 < min(angles) < -18


def test_zoom_changes_the_ink_by_the_square_of_its_strength(images):
    ratios = (moved(images, zoom=0.2).sum((1, 2)) / images.sum((1, 2))).numpy()
    assert math.exp(-0.4) * 0.95 < ratios.min() < 0.85
    assert 1.15 < ratios.max() < math.exp(0.4) * 1.05


def test_elastic_moves_places_by_its_strength_on_average_and_smoothly():
    # Ink that grows evenly to the right shows by its change how far each place was moved across.
    ramp = (torch.arange(28) / 28).expand(300, 28, 28)
    inner = (moved(ramp, elastic=0.8) - ramp)[:, 6:22, 6:22] * 28
    assert inner.square().mean().sqrt() == pytest.approx(0.8, rel=0.15)
    assert (inner[:, 1:] - inner[:, :-1]).abs().max() < 0.8


def test_thickness_gives_half_of_a_batch_more_ink_and_the_other_half_less(images):
    changed = moved(images, thickness=0.8)
    ratios = (changed.sum((1, 2)) / images.sum((1, 2))).numpy()
    assert ratios[:100].min() >= 1
    assert ratios[100:].max() <= 1
    assert ratios[:100].mean() > 1.1
    assert ratios[100:].mean() < 0.9
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_each_image_moves_its_own_way_and_the_seed_decides(images):
    same = images[:1].expand(50, 28, 28)
    first = moved(same, rotation=10.0, shift=2.0)
    assert len({picture.numpy().tobytes() for picture in first}) == 50
    assert torch.equal(first, moved(same, rotation=10.0, shift=2.0))


def test_strengths_out_of_range_are_refused():
    for changes in (
        {"rotation": 60.0}, {"shear": -0.1}, {"zoom": 2.0}, {"shift": 20.0}, {"elastic": 5.0}, {"thickness": 1.5},
    ):  # fmt: skip
        with pytest.raises(RecipeError, match=next(iter(changes))):
            Recipe.load("cnn").replace(**changes)


def test_schedules_rise_and_fall_as_they_are_named():
    assert {learning_rate_factor("constant", 0.2, p / 10) for p in range(11)} == {1.0}
    for name in ("one-cycle", "cosine"):
        shares = [learning_rate_factor(name, 0.2, p / 100) for p in range(101)]
        assert shares[0] == pytest.approx(WARMUP_START)
        assert max(shares) == shares[20] == pytest.approx(1)
        assert shares[-1] == pytest.approx(0)
        assert shares[20:] == sorted(shares[20:], reverse=True)
    assert learning_rate_factor("linear", 0.2, 0.25) == pytest.approx(0.75)
    assert learning_rate_factor("one-cycle", 0.2, 0.6) == pytest.approx(0.5)
