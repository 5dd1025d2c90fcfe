import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mediacorpus.measures._working import scaled_rgb
from mediacorpus.measures.histogram import CORRELOGRAM, HISTOGRAM, correlogram, histogram
from mediacorpus.testing import check_measure

RED, WHITE = 3 * 16, 63


def by_definition(image):
    """Autocorrelogram pixel by pixel: pairs of one color at a chessboard distance, divided
    by 8 k times the number of pixels of the color (Huang et al., 1997, section 3)."""
    colors = [[int(r) // 64 * 16 + int(g) // 64 * 4 + int(b) // 64 for r, g, b in row]
               for row in image]  # fmt: skip
    places = list(itertools.product(range(len(colors)), range(len(colors[0]))))
    result = np.zeros((4, 64))
    for number, distance in enumerate([1, 3, 5, 7]):
        for (i, j), (k, m) in itertools.product(places, places):
            far = max(abs(i - k), abs(j - m)) == distance
            if far and colors[i][j] == colors[k][m]:
                result[number, colors[i][j]] += 1
        for color in range(64):
            held = sum(row.count(color) for row in colors)
            result[number, color] /= max(1, held) * 8 * distance
    return result.ravel()


def test_histogram_keeps_the_contract():
    check_measure(HISTOGRAM, lambda: histogram)


def test_correlogram_keeps_the_contract():
    check_measure(CORRELOGRAM, lambda: correlogram)


def test_histogram_is_that_of_opencv(batch, scenes):
    values = histogram(batch(*scenes))
    for value, image in zip(values, scaled_rgb(batch(*scenes), 256), strict=True):
        counts = cv2.calcHist([image], [0, 1, 2], None, [8, 8, 8], [0, 256, 0, 256, 0, 256])
        np.testing.assert_allclose(value * image.size / 3, counts.ravel(), rtol=1e-5)
        assert value.sum() == pytest.approx(1, abs=1e-5)


@given(arrays(np.uint8, (3, 4, 3)))
def test_histogram_counts_each_color_in_its_bin(batch, image):
    expected = np.zeros(512)
    for r, g, b in image.reshape(-1, 3).astype(int):
        expected[r // 32 * 64 + g // 32 * 8 + b // 32] += 1 / 12
    np.testing.assert_allclose(histogram(batch(image))[0], expected, atol=1e-6)


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)),
              elements=st.sampled_from([0, 63, 64, 255])))  # fmt: skip
def test_correlogram_is_that_of_the_definition(batch, image):
    np.testing.assert_allclose(correlogram(batch(image))[0], by_definition(image), atol=1e-6)


def test_correlogram_of_a_part_of_a_photograph(batch, scenes):
    part = scenes[1][100:120, 200:224]
    value = correlogram(batch(part))[0]
    np.testing.assert_allclose(value, by_definition(part), atol=1e-6)
    assert (value > 0).sum() > 10


def test_correlogram_of_two_columns(batch):
    """Red beside white, two pixels each: at distance 1 each of the two has 1 of 8 neighbors in
    its color; nothing lies farther away."""
    image = np.full((2, 2, 3), 255, np.uint8)
    image[:, 0] = 255, 0, 0
    [value] = correlogram(batch(image))
    assert np.flatnonzero(value).tolist() == [RED, WHITE]
    assert value[[RED, WHITE]].tolist() == [1 / 8, 1 / 8]


def test_correlogram_of_a_chessboard(batch, from_gray):
    """On single fields, of 9 by 9, the middle has its 4 diagonal neighbors of 8 in its color.
    Of the 41 fields of the corners' color 4 x 1, 12 x 2 and 25 x 4 diagonal neighbors exist
    (corners, other borders, inside); of the 40 others 16 x 2 and 24 x 4."""
    board = np.indices((9, 9)).sum(axis=0) % 2 * 255
    [value] = correlogram(batch(from_gray(board)))
    assert value[0] == pytest.approx((4 * 1 + 12 * 2 + 25 * 4) / (41 * 8), abs=1e-6)
    assert value[63] == pytest.approx((16 * 2 + 24 * 4) / (40 * 8), abs=1e-6)


def test_correlogram_tells_patches_from_speckle(batch, from_gray):
    """The case the paper is made for: equal histograms, other arrangement."""
    patches = np.repeat([0, 255], 64)[None].repeat(128, axis=0)
    speckle = np.random.default_rng(1).permutation(patches.ravel()).reshape(128, 128)
    shown = batch(from_gray(patches), from_gray(speckle))
    first, second = histogram(shown)
    assert first.tolist() == second.tolist()
    near, far = correlogram(shown)
    assert near[63] > 0.95
    assert far[63] == pytest.approx(0.5, abs=0.02)
