from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.media import (
    Augmentation,
    color_jitter,
    horizontal_flip,
    random_resized_crop,
    rotate,
)

FULL = Augmentation(size=48, degrees=20, brightness=0.3, contrast=0.3, saturation=0.3)


def rng(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    "function", [FULL, random_resized_crop, horizontal_flip, rotate, color_jitter]
)
def test_same_seed_same_result_and_the_image_stays(scene, function):
    image = scene(90, 120)
    before = image.copy()
    results = [function(image, rng(seed)) for seed in (1, 1, 2, 3, 4, 5)]
    assert np.array_equal(results[0], results[1])
    assert any(not np.array_equal(results[0], other) for other in results[2:])
    assert np.array_equal(image, before)
    assert not any(np.shares_memory(result, image) for result in results)
    assert all(result.dtype == np.uint8 for result in results)


def test_crops_cover_the_range_of_areas_and_ratios():
    rows, columns = np.mgrid[0:200, 0:200].astype(np.uint8)
    image = np.dstack([rows, columns, rows])
    source = rng()
    areas, ratios = [], []
    for _ in range(400):
        crop = random_resized_crop(image, source, size=32).astype(float)
        height = np.ptp(crop[:, :, 0]) * 32 / 31
        width = np.ptp(crop[:, :, 1]) * 32 / 31
        areas.append(height * width / 200**2)
        ratios.append(width / height)
    assert min(areas) < 0.12
    assert max(areas) > 0.85
    assert np.mean(areas) == pytest.approx(0.5, abs=0.06)
    assert min(ratios) > 0.7
    assert max(ratios) < 1.43


def test_a_whole_crop_is_plain_scaling(scene):
    image = scene(60, 60)
    whole = random_resized_crop(image, rng(), size=60, area=(1, 1), ratio=(1, 1))
    assert np.array_equal(whole, image)


def test_a_strip_falls_back_to_the_center():
    strip = np.full((2, 300, 3), 50, np.uint8)
    result = random_resized_crop(strip, rng(), size=16, area=(0.9, 1))
    assert result.shape == (16, 16, 3)
    assert (result == 50).all()


def test_flip_probability(scene):
    image = scene()
    assert np.array_equal(horizontal_flip(image, rng(), probability=0), image)
    assert np.array_equal(horizontal_flip(image, rng(), probability=1), image[:, ::-1])
    source = rng()
    flips = [not np.array_equal(horizontal_flip(image, source), image) for _ in range(400)]
    assert np.mean(flips) == pytest.approx(0.5, abs=0.08)


class Fixed:
    """A generator that always draws the upper end."""

    def uniform(self, _low: float, high: float) -> float:
        return high


def test_rotation_turns_about_the_center(scene):
    image = scene(81, 81)
    quarter = rotate(image, Fixed(), degrees=90)
    assert np.abs(quarter.astype(int) - np.rot90(image)).max() <= 2
    assert np.array_equal(rotate(image, rng(), degrees=0), image)
    assert (rotate(np.full((40, 50, 3), 8, np.uint8), rng(), degrees=45) == 8).all()


def test_each_color_change_does_what_it_says(scene):
    image = (scene(40, 60) // 3 + 40).astype(np.uint8)
    weights = np.array([0.299, 0.587, 0.114])
    none = {"brightness": 0, "contrast": 0, "saturation": 0}
    assert np.array_equal(color_jitter(image, rng(), **none), image)
    brighter = color_jitter(image, Fixed(), **{**none, "brightness": 0.5})
    assert np.abs(brighter - image * 1.5).max() <= 0.6
    harder = color_jitter(image, Fixed(), **{**none, "contrast": 0.5})
    mean = (image @ weights).mean()
    assert np.abs(harder - (mean + (image - mean) * 1.5)).max() <= 0.6
    richer = color_jitter(image, Fixed(), **{**none, "saturation": 0.5})
    gray = (image @ weights)[:, :, None]
    assert np.abs(richer - np.clip(gray + (image - gray) * 1.5, 0, 255)).max() <= 0.6


def test_levels_are_cut_at_the_ends():
    image = np.full((3, 3, 3), 250, np.uint8)
    assert (color_jitter(image, Fixed(), brightness=1, contrast=0, saturation=0) == 255).all()


def test_the_settings_are_frozen_and_the_size_is_kept(scene):
    assert FULL(scene(), rng()).shape == (48, 48, 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        FULL.size = 3
    plain = Augmentation(size=60, area=(1, 1), ratio=(1, 1), flip=0)
    assert np.array_equal(plain(scene(60, 60), rng()), scene(60, 60))


@pytest.mark.parametrize(
    "call",
    [
        lambda p: random_resized_crop(p, rng(), area=(0, 1)),
        lambda p: random_resized_crop(p, rng(), area=(0.5, 1.5)),
        lambda p: random_resized_crop(p, rng(), area=(0.9, 0.5)),
        lambda p: random_resized_crop(p, rng(), ratio=(0, 2)),
        lambda p: random_resized_crop(p, rng(), ratio=(1, float("inf"))),
        lambda p: random_resized_crop(p, rng(), size=0),
        lambda p: horizontal_flip(p, rng(), probability=1.1),
        lambda p: rotate(p, rng(), degrees=-1),
        lambda p: color_jitter(p, rng(), contrast=2),
        lambda p: Augmentation(flip=-1)(p, rng()),
    ],
)
def test_nonsense_is_refused(call, scene):
    with pytest.raises(ParameterError):
        call(scene())
