import threading

import cv2
import numpy as np
import pytest

from mediacorpus.measures import keypoints as module
from mediacorpus.measures._working import scaled_gray
from mediacorpus.measures.keypoints import INFO, keypoints
from mediacorpus.testing import check_measure


def test_keypoints_keep_the_contract():
    check_measure(INFO, lambda: keypoints)


def test_keypoints_are_those_of_opencv(batch, scenes):
    rows = keypoints(batch(*scenes))
    for row, image in zip(rows, scaled_gray(batch(*scenes), 512), strict=True):
        sift, _ = cv2.SIFT_create().detectAndCompute(image, None)
        assert row["orb"] == len(cv2.ORB_create(nfeatures=500).detect(image, None)) > 0
        assert row["sift"] == len(sift) > 0
        assert row["sift_scale"] == pytest.approx(sum(p.size for p in sift) / len(sift))


@pytest.mark.parametrize("sigma", [4, 8, 16])
def test_a_blob_is_found_at_its_size(batch, from_gray, sigma):
    """Blurred by s, a Gaussian blob of standard deviation t has the height t^2 / (t^2 + s^2).
    The difference of two blurs, s and k s, is greatest where k s^2 = t^2. OpenCV has three
    scales an octave, so k is 2^(1/3), and gives the diameter 2 s (Lowe, 2004, section 3)."""
    down, across = np.mgrid[0:200, 0:200]
    blob = 220 * np.exp(-((down - 100) ** 2 + (across - 100) ** 2) / (2 * sigma**2))
    [row] = keypoints(batch(from_gray(blob)))
    assert row["sift_scale"] == pytest.approx(2 * sigma / 2 ** (1 / 6), rel=0.01)


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (2, 700), (3, 3), (40, 900)])
def test_small_images_have_values(batch, shape):
    noise = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    [row] = keypoints(batch(noise))
    assert row["orb"] == 0
    assert row["sift"] >= 0
    assert (row["sift_scale"] is None) == (row["sift"] == 0)


def test_each_thread_has_detectors_of_its_own():
    found = [module._own_detectors()]
    thread = threading.Thread(target=lambda: found.append(module._own_detectors()))
    thread.start()
    thread.join()
    first, second = found
    assert module._own_detectors() is first
    assert first[0] is not second[0]
    assert first[1] is not second[1]
