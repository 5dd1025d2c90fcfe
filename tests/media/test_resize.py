from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mediacorpus.errors import ParameterError, UnknownName
from mediacorpus.media import (
    center_crop,
    crop_box,
    pad,
    rescale_crop,
    resize,
    scale_percent,
    short_side,
    squish,
)

WAYS = ["squish", "crop", "pad", "rescale-crop"]
sides = st.integers(1, 70)


@settings(max_examples=60, deadline=None)
@given(st.tuples(sides, sides, sides, sides, st.sampled_from(WAYS), st.booleans()))
def test_every_way_gives_the_size_and_leaves_the_picture_alone(case):
    height, width, new_height, new_width, how, gray = case
    picture = np.full((height, width) if gray else (height, width, 3), 90, np.uint8)
    before = picture.copy()
    result = resize(picture, (new_height, new_width), how=how)
    assert result.shape == (new_height, new_width, *picture.shape[2:])
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    assert not np.shares_memory(result, picture)
    assert np.array_equal(picture, before)
    assert set(np.unique(result)) <= {90, 255}
    if how in {"squish", "rescale-crop"}:
        assert (result == 90).all()


@pytest.mark.parametrize("how", WAYS)
def test_the_same_size_changes_nothing(scene, how):
    picture = scene(64, 64)
    assert np.array_equal(resize(picture, 64, how=how), picture)


def test_squish_averages_when_shrinking():
    picture = np.array([[0, 100, 50, 150]], np.uint8).repeat(2, 0)
    assert squish(picture, (1, 2)).tolist() == [[50, 100]]


def test_shrinking_agrees_with_pillows_box_filter(scene):
    picture = scene(240, 320)
    reference = np.asarray(Image.fromarray(picture).resize((80, 60), Image.Resampling.BOX))
    assert np.abs(squish(picture, (60, 80)).astype(int) - reference).max() <= 1


def test_growing_agrees_with_a_smooth_scene(scene):
    picture = scene(60, 80)
    reference = np.asarray(Image.fromarray(picture).resize((160, 120), Image.Resampling.BICUBIC))
    assert np.abs(squish(picture, (120, 160)).astype(int) - reference).mean() < 2


def test_center_crop_takes_the_center_and_fills_around_small_pictures():
    picture = np.arange(35, dtype=np.uint8).reshape(5, 7)
    assert np.array_equal(center_crop(picture, 3), picture[1:4, 2:5])
    mixed = center_crop(picture, (7, 3), fill=0)
    assert np.array_equal(mixed[1:6], picture[:, 2:5])
    assert not mixed[0].any()
    assert not mixed[6].any()


def test_pad_keeps_the_proportions_and_centers():
    picture = np.zeros((50, 100, 3), np.uint8)
    result = pad(picture, 40)
    dark = (result == 0).all(axis=2)
    assert dark[10:30].all()
    assert (result[:10] == 255).all()
    assert (result[30:] == 255).all()
    assert (pad(picture, (10, 40), fill=7)[:, 0] == 7).all()


def test_rescale_crop_is_scaling_then_cropping(scene):
    picture = scene(240, 320)
    assert np.array_equal(rescale_crop(picture, 60), center_crop(squish(picture, (60, 80)), 60))
    upright = scene(320, 240)
    assert np.array_equal(rescale_crop(upright, 60), center_crop(squish(upright, (80, 60)), 60))


def test_a_very_long_strip_needs_little_memory():
    strip = np.zeros((1, 60_000, 3), np.uint8)
    strip[:, 29_000:31_000] = 200
    result = rescale_crop(strip, 224)
    assert result.shape == (224, 224, 3)
    assert (result == 200).all()
    with pytest.raises(ParameterError, match="size"):
        short_side(strip, 224)


def test_short_side_and_percent():
    picture = np.zeros((301, 200, 3), np.uint8)
    assert short_side(picture, 100).shape == (150, 100, 3)
    assert scale_percent(picture, 200).shape == (602, 400, 3)
    assert scale_percent(picture, 0.001).shape == (1, 1, 3)
    assert np.array_equal(scale_percent(picture, 100), picture)


def test_crop_box_in_pixels_and_fractions():
    picture = np.arange(200, dtype=np.uint8).reshape(10, 20)
    assert np.array_equal(crop_box(picture, (2, 3, 4, 5)), picture[3:8, 2:6])
    assert np.array_equal(
        crop_box(picture, (0.1, 0.3, 0.2, 0.5), fractions=True), picture[3:8, 2:6]
    )
    assert np.array_equal(crop_box(picture, (-5, -5, 100, 100)), picture)
    assert np.array_equal(crop_box(picture, (18, 8, 10, 10)), picture[8:, 18:])


@pytest.mark.parametrize(
    "box", [(0, 0, 0, 5), (30, 0, 5, 5), (0, 0, -3, 5), (0, 0, float("nan"), 5), (1, 2, 3)]
)
def test_a_box_without_pixels_is_refused(box):
    with pytest.raises(ParameterError, match="box"):
        crop_box(np.zeros((10, 20, 3), np.uint8), box)


@pytest.mark.parametrize("size", [0, -1, 2.5, (10,), (10, 0), (1, 2, 3), 40_000, "64"])
def test_nonsense_sizes_are_refused(size):
    with pytest.raises(ParameterError, match="size"):
        resize(np.zeros((10, 10, 3), np.uint8), size)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10, 3)),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros(10, np.uint8),
        np.zeros((0, 10, 3), np.uint8),
        [[1, 2], [3, 4]],
    ],
)
@pytest.mark.parametrize("how", WAYS)
def test_what_is_no_image_is_refused(image, how):
    with pytest.raises(ParameterError, match="uint8 array"):
        resize(image, 5, how=how)


def test_other_nonsense_is_refused():
    picture = np.zeros((10, 10, 3), np.uint8)
    with pytest.raises(UnknownName, match="Did you mean 'squish'"):
        resize(picture, 5, how="squash")
    for percent in (0, -10, float("nan"), float("inf"), 1e9):
        with pytest.raises(ParameterError):
            scale_percent(picture, percent)
    with pytest.raises(ParameterError, match="gray level"):
        pad(picture, (5, 9), fill=256)
