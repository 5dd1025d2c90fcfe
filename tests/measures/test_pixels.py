import cv2
import numpy as np

from mediacorpus.measures.pixels import INFO, pixels
from mediacorpus.testing import check_measure


def cosine(first, second):
    return first @ second / np.linalg.norm(first) / np.linalg.norm(second)


def test_pixels_keep_the_contract():
    check_measure(INFO, pixels)


def test_pixels_are_the_image_scaled_by_opencv(batch, scenes):
    for value, photograph in zip(pixels()(batch(*scenes)), scenes, strict=True):
        gray = cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(gray, (15, 15), interpolation=cv2.INTER_AREA)
        np.testing.assert_allclose(value.reshape(15, 15), small / 255, atol=1e-7)


def test_each_pixel_is_the_mean_of_its_block(batch, from_gray):
    levels = np.arange(225).reshape(15, 15)
    noise = np.array([[-9, 9], [3, -3]])
    blocks = np.kron(levels // 2 + 20, np.ones((2, 2))) + np.tile(noise, (15, 15))
    [value] = pixels()(batch(from_gray(blocks)))
    np.testing.assert_allclose(value * 255, levels.ravel() // 2 + 20, atol=1e-4)


def test_a_copy_is_nearer_than_another_image(batch, scenes):
    smaller = cv2.resize(scenes[0], (200, 200), interpolation=cv2.INTER_AREA)
    noisy = cv2.GaussianBlur(scenes[0], (0, 0), 3)
    first, *copies = pixels()(batch(scenes[0], smaller, noisy))
    others = pixels()(batch(*scenes[1:]))
    assert min(cosine(first, copy) for copy in copies) > 0.99
    assert max(cosine(first, other) for other in others) < 0.95
