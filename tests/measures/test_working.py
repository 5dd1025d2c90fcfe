import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from mediacorpus.measures import _working as working
from mediacorpus.media import short_side, squish


@pytest.mark.parametrize("side", [64, 128, 256])
def test_scaled_images_have_the_short_side_that_was_asked_for(side):
    photograph = data.coffee()
    np.testing.assert_array_equal(working.scaled(photograph, side), short_side(photograph, side))


def test_small_images_are_never_enlarged():
    small = data.coffee()[:100, :300]
    assert working.scaled(small, 128) is small
    assert working.scaled(small, 100) is small


@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([15, 64, 256]))
def test_a_scaled_image_is_neither_larger_nor_endless(height, width, side):
    image = np.zeros((height, width), np.uint8)
    made = working.scaled(image, side)
    assert 1 <= made.shape[0] <= height
    assert 1 <= made.shape[1] <= width
    assert min(made.shape) <= side
    assert max(made.shape) <= 16 * side
    if max(height, width) <= 16 * min(height, width):
        assert min(made.shape) == min(side, height, width)


@pytest.mark.parametrize("shape", [(1, 100_000), (100_000, 3), (300, 50_000)])
def test_strips_of_any_length_are_measured(shape):
    strip = np.full((*shape, 3), 90, np.uint8)
    made = working.scaled(strip, 64)
    assert max(made.shape) == 1024
    assert (made == 90).all()


def test_gray_is_taken_before_scaling(batch):
    photograph = data.astronaut()
    gray = cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
    shown = batch(photograph)
    np.testing.assert_array_equal(working.gray(shown)[0], gray)
    np.testing.assert_array_equal(working.scaled_gray(shown, 200)[0], short_side(gray, 200))
    np.testing.assert_array_equal(working.squished_gray(shown, 30)[0], squish(gray, 30))


def test_gray_of_the_primary_colors(batch):
    """The luma of ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B."""
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert working.gray(batch(primaries))[0].tolist() == [[76, 150, 29]]


@pytest.mark.parametrize("make", [working.scaled_gray, working.squished_gray, working.scaled_rgb])
def test_working_images_are_made_once_for_a_batch_and_a_size(batch, make):
    shown = batch(data.chelsea(), data.rocket())
    first = make(shown, 64)
    assert make(shown, 64) is first
    assert make(shown, 32) is not first
    assert len(first) == 2
