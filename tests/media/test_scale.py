"""Reduced sizes: the same rule for all that decodes."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mediacorpus.media.decode import decode
from mediacorpus.media.scale import reduce, reduction


@given(st.integers(1, 20_000), st.integers(1, 5000))
def test_the_largest_factor_that_leaves_enough(short, side):
    factor = reduction(short, side)
    assert factor in {1, 2, 4, 8}
    left = -(-short // factor)
    assert left >= side or factor == 1
    if factor < 8:
        assert -(-short // (2 * factor)) < side


@given(st.integers(1, 20_000))
def test_no_wish_is_full_size(short):
    assert reduction(short, None) == 1


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [((511, 700), 256, (256, 350)), ((64, 64), 65, (64, 64)), ((801, 803), 100, (101, 101))],
)
def test_sides_are_rounded_up(size, side, expected):
    assert reduce(np.zeros((*size, 3), np.uint8), side).shape[:2] == expected


def test_a_reduced_pixel_is_the_mean_of_its_block():
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 2
    blocks = pixels.reshape(2, 2, 3, 2, 3).mean(axis=(1, 3))
    assert np.abs(reduce(pixels, 2) - blocks).max() <= 0.5


def test_what_is_small_enough_is_given_as_it_is():
    pixels = np.zeros((5, 5, 3), np.uint8)
    assert reduce(pixels, 5) is pixels


@pytest.mark.parametrize("side", [10, 50, 90, 200])
def test_it_agrees_with_decoding_at_that_size(scene, side):
    buffer = io.BytesIO()
    Image.fromarray(scene()).save(buffer, "PNG")
    assert np.array_equal(decode(buffer.getvalue(), min_side=side), reduce(scene(), side))
