import cv2
import numpy as np
import pytest
from skimage import data

from mediacorpus.engine.contract import Batch, Picture
from mediacorpus.measures.pixels import INFO, pixels
from mediacorpus.records import FileFacts
from mediacorpus.testing import check_measure


def batch(*pictures):
    return Batch(
        [
            Picture(str(n), FileFacts("PNG", p.shape[1], p.shape[0], "RGB", p.nbytes), p)
            for n, p in enumerate(pictures)
        ]
    )


def from_grey(levels):
    return np.asarray(levels, np.uint8)[:, :, None].repeat(3, axis=2)


@pytest.fixture(scope="module")
def photographs():
    return [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]


def cosine(first, second):
    return first @ second / np.linalg.norm(first) / np.linalg.norm(second)


def test_pixels_keep_the_contract():
    check_measure(INFO, lambda: pixels)


def test_pixels_are_the_picture_scaled_by_opencv(photographs):
    for value, photograph in zip(pixels(batch(*photographs)), photographs, strict=True):
        grey = cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, (15, 15), interpolation=cv2.INTER_AREA)
        np.testing.assert_allclose(value.reshape(15, 15), small / 255, atol=1e-7)


def test_each_pixel_is_the_mean_of_its_block():
    levels = np.arange(225).reshape(15, 15)
    noise = np.array([[-9, 9], [3, -3]])
    blocks = np.kron(levels // 2 + 20, np.ones((2, 2))) + np.tile(noise, (15, 15))
    [value] = pixels(batch(from_grey(blocks)))
    np.testing.assert_allclose(value * 255, levels.ravel() // 2 + 20, atol=1e-4)


def test_a_copy_is_nearer_than_another_picture(photographs):
    smaller = cv2.resize(photographs[0], (200, 200), interpolation=cv2.INTER_AREA)
    noisy = cv2.GaussianBlur(photographs[0], (0, 0), 3)
    first, *copies = pixels(batch(photographs[0], smaller, noisy))
    others = pixels(batch(*photographs[1:]))
    assert min(cosine(first, copy) for copy in copies) > 0.99
    assert max(cosine(first, other) for other in others) < 0.95
