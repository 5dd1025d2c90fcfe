import numpy as np
import pytest
from skimage.feature import local_binary_pattern

from mediacorpus.measures._working import scaled_gray
from mediacorpus.measures.lbp import INFO, lbp
from mediacorpus.testing import check_measure


def test_lbp_keeps_the_contract():
    check_measure(INFO, lbp)


def test_lbp_is_that_of_scikit_image(batch, scenes):
    values = lbp()(batch(*scenes))
    for value, image in zip(values, scaled_gray(batch(*scenes), 256), strict=True):
        start = 0
        for points, radius in [(8, 1), (16, 2), (24, 3)]:
            codes = local_binary_pattern(image, points, radius, "uniform")
            expected = np.histogram(codes, np.arange(points + 3), density=True)[0]
            np.testing.assert_allclose(value[start : start + points + 2], expected, atol=1e-7)
            start += points + 2
        assert start == len(value) == 54


def test_each_of_the_three_histograms_sums_to_one(batch, scenes):
    [value] = lbp()(batch(scenes[0]))
    sums = [part.sum() for part in np.split(value, [10, 28])]
    np.testing.assert_allclose(sums, 1, atol=1e-6)


def test_a_white_point_on_black(batch, from_gray):
    """Of 9 pixels the point has no neighbor as bright (pattern 0); for the 8 others all 8
    neighbors are as bright or brighter (pattern 8)."""
    point = np.zeros((3, 3))
    point[1, 1] = 255
    [value] = lbp()(batch(from_gray(point)))
    assert value[:10].tolist() == pytest.approx([1 / 9, 0, 0, 0, 0, 0, 0, 0, 8 / 9, 0])


def test_lbp_stays_under_rotation_and_change_of_contrast(batch, from_gray, scenes):
    """Gray-scale and rotation invariance (Ojala et al., 2002)."""
    levels = scenes[3][:256, :256].mean(axis=2) // 2
    framed = np.pad(levels[4:-4, 4:-4], 4)
    first, turned, brighter = lbp()(
        batch(*(from_gray(p) for p in (framed, np.rot90(framed), framed * 2)))
    )
    np.testing.assert_allclose(turned, first, atol=2e-3)
    np.testing.assert_allclose(brighter, first, atol=2e-3)
    assert np.abs(lbp()(batch(scenes[1]))[0] - first).max() > 0.02
