import numpy as np
import pytest
from skimage.feature import hog as skimage_hog

from mediacorpus.measures._working import squished_gray
from mediacorpus.measures.hog import INFO, hog
from mediacorpus.testing import check_measure


def test_hog_keeps_the_contract():
    check_measure(INFO, hog)


def test_hog_is_that_of_scikit_image(batch, scenes):
    values = hog()(batch(*scenes))
    for value, image in zip(values, squished_gray(batch(*scenes), 128), strict=True):
        expected = skimage_hog(image, 9, (16, 16), (2, 2), "L2-Hys")
        assert value.shape == (1764,)
        np.testing.assert_allclose(value, expected, atol=1e-6)


@pytest.mark.parametrize(("turned", "orientation"), [(False, 0), (True, 4)])
def test_even_gradient_is_one_orientation_of_equal_strength(batch, from_gray, turned, orientation):
    """Four cells with one equal entry each: (1/2, 1/2, 1/2, 1/2) has length 1; clipped at 0.2
    and normalised again it is 1/2 each (Dalal & Triggs, 2005, section 6.4)."""
    ramp = np.arange(128)[None].repeat(128, axis=0)
    [value] = hog()(batch(from_gray(ramp.T if turned else ramp)))
    orientations = value.reshape(-1, 9)
    np.testing.assert_allclose(orientations[:, orientation], 0.5, atol=1e-5)
    assert not np.delete(orientations, orientation, axis=1).any()


def test_a_plain_image_has_no_edges(batch):
    [value] = hog()(batch(np.full((200, 300, 3), 77, np.uint8)))
    assert not value.any()
