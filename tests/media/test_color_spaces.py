from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from mediacorpus.errors import ParameterError
from mediacorpus.media.color_spaces import (
    from_cmyk,
    from_hsv,
    from_lab,
    from_unit,
    to_cmyk,
    to_gray,
    to_hsv,
    to_lab,
    to_rgba,
)
from mediacorpus.media.normalize import to_float

LEVELS = np.linspace(0, 255, 52).astype(np.uint8)
CUBE = np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS), axis=-1).reshape(52, -1, 3)
"""All colors on a grid of 5 levels; the corners and the grays among them."""

colors = arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 4), st.just(3)))


def apart(a, b) -> float:
    return float(np.abs(np.asarray(a, float) - np.asarray(b, float)).max())


def test_gray_is_that_of_opencv_and_of_pillow():
    gray = to_gray(CUBE)
    assert gray.dtype == np.uint8
    assert (gray == cv2.cvtColor(CUBE, cv2.COLOR_RGB2GRAY)).all()
    assert apart(gray, Image.fromarray(CUBE).convert("L")) <= 1
    assert apart(gray, CUBE @ [0.299, 0.587, 0.114]) < 1
    assert (to_gray(gray) == gray).all()
    assert (to_gray(CUBE[:, ::-1]) == gray[:, ::-1]).all()


def test_opacity_is_one_level_or_a_layer():
    layer = np.arange(6, dtype=np.uint8).reshape(2, 3)
    image = np.full((2, 3, 3), 7, np.uint8)
    assert (to_rgba(image)[..., 3] == 255).all()
    assert (to_rgba(image, layer)[..., 3] == layer).all()
    assert (to_rgba(layer, 9)[..., :3] == layer[..., None]).all()


@pytest.mark.parametrize("alpha", [-1, 256, 0.5, np.zeros((3, 2), np.uint8), np.zeros((2, 3))])
def test_other_opacities_are_refused(alpha):
    with pytest.raises(ParameterError, match="alpha"):
        to_rgba(np.zeros((2, 3, 3), np.uint8), alpha)


@pytest.mark.parametrize(
    ("color", "inks"),
    [
        ((255, 255, 255), (0, 0, 0, 0)),
        ((0, 0, 0), (0, 0, 0, 255)),
        ((0, 0, 255), (255, 255, 0, 0)),
        ((128, 128, 128), (0, 0, 0, 127)),
        ((255, 128, 0), (0, 127, 255, 0)),
        ((100, 50, 25), (0, 128, 191, 155)),
    ],
)
def test_inks_by_hand(color, inks):
    """For (100, 50, 25): K = 155, M = (100 - 50) / 100 = .5, Y = .75, of 255."""
    assert to_cmyk(np.array([[color]], np.uint8))[0, 0].tolist() == list(inks)


@given(colors)
def test_inks_come_back(pixels):
    assert apart(from_cmyk(to_cmyk(pixels)), pixels) <= 1


def test_inks_agree_with_pillow():
    pillow = Image.fromarray(CUBE).convert("CMYK")
    assert np.asarray(pillow)[..., 3].max() == 0
    assert apart(from_cmyk(np.asarray(pillow)), CUBE) == 0
    ours = to_cmyk(CUBE)
    assert apart(from_cmyk(ours), Image.fromarray(ours, "CMYK").convert("RGB")) <= 1


def test_hue_and_lab_are_those_of_scikit_image():
    from skimage.color import rgb2hsv, rgb2lab

    assert to_hsv(CUBE).dtype == to_lab(CUBE).dtype == np.float32
    assert apart(to_hsv(CUBE), rgb2hsv(CUBE)) < 1e-4
    assert apart(to_lab(CUBE), rgb2lab(CUBE)) < 1e-3


def test_the_way_back_is_that_of_scikit_image():
    from skimage.color import hsv2rgb, lab2rgb

    rng = np.random.default_rng(4)
    hsv = rng.random((40, 40, 3))
    assert apart(from_hsv(hsv), hsv2rgb(hsv) * 255) < 0.51
    lab = rng.uniform((0, -90, -90), (100, 90, 90), (40, 40, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image tells of colors outside sRGB
        assert apart(from_lab(lab), lab2rgb(lab) * 255) < 0.51


def test_lab_of_the_primaries():
    """Known values under D65, from Lindbloom's calculator (brucelindbloom.com), sRGB."""
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    known = [(53.24, 80.09, 67.20), (87.73, -86.18, 83.18), (32.30, 79.19, -107.86), (100, 0, 0)]
    assert apart(to_lab(primaries)[0], known) < 0.02


def test_all_of_a_grid_of_colors_come_back():
    assert (from_hsv(to_hsv(CUBE)) == CUBE).all()
    assert (from_lab(to_lab(CUBE)) == CUBE).all()


@given(colors)
@settings(max_examples=60)
def test_any_colors_come_back(pixels):
    assert (from_hsv(to_hsv(pixels)) == pixels).all()
    assert (from_lab(to_lab(pixels)) == pixels).all()
    assert (from_unit(to_float(pixels)) == pixels).all()


def test_hue_goes_round_and_the_rest_is_cut():
    hsv = np.array([[[1.25, 2.0, 0.5], [-0.75, 1.0, 0.5], [0.25, 1.0, 0.5]]])
    assert len(np.unique(from_hsv(hsv)[0], axis=0)) == 1


def test_gray_images_go_everywhere():
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert to_hsv(gray)[..., :2].max() == 0
    assert np.abs(to_lab(gray)[..., 1:]).max() < 0.01
    assert (to_cmyk(gray) == to_cmyk(np.dstack([gray] * 3))).all()


def test_the_input_stays_as_it_was():
    before = CUBE.copy()
    for function in (to_gray, to_rgba, to_cmyk, to_hsv, to_lab):
        assert not np.shares_memory(function(CUBE), CUBE)
    assert (before == CUBE).all()
    floats = to_hsv(CUBE)
    kept = floats.copy()
    from_hsv(floats)
    from_lab(floats)
    assert (kept == floats).all()


@pytest.mark.parametrize("function", [to_gray, to_rgba, to_cmyk, to_hsv, to_lab])
@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
        [[1, 2], [3, 4]],
    ],
)
def test_what_is_no_image_is_refused(function, array):
    with pytest.raises(ParameterError, match="An image is a uint8 array"):
        function(array)


@pytest.mark.parametrize(
    ("function", "array"),
    [
        (from_cmyk, np.zeros((2, 2, 3), np.uint8)),
        (from_cmyk, np.zeros((2, 2, 4))),
        (from_hsv, np.zeros((2, 2, 3), np.uint8)),
        (from_hsv, np.full((2, 2, 3), np.nan)),
        (from_lab, np.zeros((2, 2))),
        (from_lab, None),
        (from_unit, np.zeros((2, 2), np.uint8)),
        (from_unit, np.array([0.5, np.nan])),
    ],
)
def test_the_ways_back_refuse_nonsense(function, array):
    with pytest.raises(ParameterError):
        function(array)
