from __future__ import annotations

import cv2
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
    resized,
    scale_percent,
    short_side,
    squish,
)

FILTERS = {
    "nearest": cv2.INTER_NEAREST_EXACT,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}
WAYS = ["squish", "crop", "pad", "rescale-crop"]
sides = st.integers(1, 70)


@settings(max_examples=60, deadline=None)
@given(st.tuples(sides, sides, sides, sides, st.sampled_from(WAYS), st.booleans()))
def test_every_way_gives_the_size_and_leaves_the_image_alone(case):
    height, width, new_height, new_width, how, gray = case
    image = np.full((height, width) if gray else (height, width, 3), 90, np.uint8)
    before = image.copy()
    result = resize(image, (new_height, new_width), how=how)
    assert result.shape == (new_height, new_width, *image.shape[2:])
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    assert not np.shares_memory(result, image)
    assert np.array_equal(image, before)
    assert set(np.unique(result)) <= {90, 255}
    if how in {"squish", "rescale-crop"}:
        assert (result == 90).all()


@pytest.mark.parametrize("how", WAYS)
def test_the_same_size_changes_nothing(scene, how):
    image = scene(64, 64)
    assert np.array_equal(resize(image, 64, how=how), image)


def test_squish_averages_when_shrinking():
    image = np.array([[0, 100, 50, 150]], np.uint8).repeat(2, 0)
    assert squish(image, (1, 2)).tolist() == [[50, 100]]


def test_shrinking_agrees_with_pillows_box_filter(scene):
    image = scene(240, 320)
    reference = np.asarray(Image.fromarray(image).resize((80, 60), Image.Resampling.BOX))
    assert np.abs(squish(image, (60, 80)).astype(int) - reference).max() <= 1


def test_growing_agrees_with_a_smooth_scene(scene):
    image = scene(60, 80)
    reference = np.asarray(Image.fromarray(image).resize((160, 120), Image.Resampling.BICUBIC))
    assert np.abs(squish(image, (120, 160)).astype(int) - reference).mean() < 2


def test_center_crop_takes_the_center_and_fills_around_small_images():
    image = np.arange(35, dtype=np.uint8).reshape(5, 7)
    assert np.array_equal(center_crop(image, 3), image[1:4, 2:5])
    mixed = center_crop(image, (7, 3), fill=0)
    assert np.array_equal(mixed[1:6], image[:, 2:5])
    assert not mixed[0].any()
    assert not mixed[6].any()


def test_pad_keeps_the_proportions_and_centers():
    image = np.zeros((50, 100, 3), np.uint8)
    result = pad(image, 40)
    dark = (result == 0).all(axis=2)
    assert dark[10:30].all()
    assert (result[:10] == 255).all()
    assert (result[30:] == 255).all()
    assert (pad(image, (10, 40), fill=7)[:, 0] == 7).all()


def test_rescale_crop_is_scaling_then_cropping(scene):
    image = scene(240, 320)
    assert np.array_equal(rescale_crop(image, 60), center_crop(squish(image, (60, 80)), 60))
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
    image = np.zeros((301, 200, 3), np.uint8)
    assert short_side(image, 100).shape == (150, 100, 3)
    assert scale_percent(image, 200).shape == (602, 400, 3)
    assert scale_percent(image, 0.001).shape == (1, 1, 3)
    assert np.array_equal(scale_percent(image, 100), image)


def test_crop_box_in_pixels_and_fractions():
    image = np.arange(200, dtype=np.uint8).reshape(10, 20)
    assert np.array_equal(crop_box(image, (2, 3, 4, 5)), image[3:8, 2:6])
    assert np.array_equal(crop_box(image, (0.1, 0.3, 0.2, 0.5), fractions=True), image[3:8, 2:6])
    assert np.array_equal(crop_box(image, (-5, -5, 100, 100)), image)
    assert np.array_equal(crop_box(image, (18, 8, 10, 10)), image[8:, 18:])


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
    image = np.zeros((10, 10, 3), np.uint8)
    with pytest.raises(UnknownName, match="Did you mean 'squish'"):
        resize(image, 5, how="squash")
    for percent in (0, -10, float("nan"), float("inf"), 1e9):
        with pytest.raises(ParameterError):
            scale_percent(image, percent)
    with pytest.raises(ParameterError, match="gray level"):
        pad(image, (5, 9), fill=256)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("size", [15, (90, 70)])
def test_filters_are_those_of_opencv_in_every_function(scene, name, size):
    image = scene(50, 60)
    height, width = (size, size) if isinstance(size, int) else size
    expected = cv2.resize(image, (width, height), interpolation=FILTERS[name])
    assert np.array_equal(resize(image, size, filter=name), expected)
    assert np.array_equal(squish(image, size, filter=name), expected)
    half = cv2.resize(image, (30, 25), interpolation=FILTERS[name])
    assert np.array_equal(scale_percent(image, 50, filter=name), half)
    assert np.array_equal(short_side(image, 25, filter=name), half)
    assert np.array_equal(rescale_crop(image, (25, 30), filter=name), half)
    assert np.array_equal(pad(image, (25, 30), filter=name), half)
    assert np.array_equal(resized(image, "50%", filter=name), half)
    assert np.array_equal(resized(image, "pad 30x25", filter=name), half)


def test_filters_that_are_not_there_or_have_no_effect(scene):
    with pytest.raises(UnknownName, match="gauss"):
        resize(scene(20, 20), 10, filter="gauss")
    with pytest.raises(ParameterError, match="crop scales nothing"):
        resize(scene(20, 20), 10, how="crop", filter="area")
