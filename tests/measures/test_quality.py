import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mediacorpus.engine.contract import Batch, BatchItem
from mediacorpus.measures.quality import INFO, quality
from mediacorpus.records import FileFacts
from mediacorpus.testing import check_measure


def row(pixels) -> dict:
    pixels = np.asarray(pixels, np.uint8)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    file = FileFacts("PNG", pixels.shape[1], pixels.shape[0], "RGB", pixels.nbytes)
    [value] = quality(Batch([BatchItem("a", file, pixels)]))
    return dict(value)


@pytest.fixture(scope="module")
def camera() -> np.ndarray:
    from skimage.data import camera

    return camera()


grays = arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20)))


def test_the_contract_is_kept():
    check_measure(INFO, lambda: quality)
    assert INFO.min_side is None


def test_light_by_hand():
    """Levels 51 and 153 are luma 0.2 and 0.6: mean 0.4, Peli's (1990) contrast 0.2."""
    found = row([[51, 153, 51, 153]])
    assert found["brightness"] == pytest.approx(0.4)
    assert found["contrast_rms"] == pytest.approx(0.2)
    assert found["dynamic_range"] == pytest.approx(0.4)
    assert found["contrast_michelson"] == pytest.approx(0.5)


def test_brightness_is_the_luma_of_rec_601():
    for color, weight in zip(np.eye(3), (0.299, 0.587, 0.114), strict=True):
        assert row([[color * 255]])["brightness"] == pytest.approx(weight, abs=1 / 510)


@given(grays)
def test_light_equals_numpy(image):
    found, luma = row(image), image / 255
    assert found["brightness"] == pytest.approx(luma.mean())
    assert found["contrast_rms"] == pytest.approx(luma.std())
    low, high = np.quantile(luma, [0.01, 0.99], method="inverted_cdf")
    assert found["dynamic_range"] == pytest.approx(high - low)
    assert found["underexposed_share"] == pytest.approx((luma < 0.05).mean())
    assert found["overexposed_share"] == pytest.approx((luma > 0.95).mean())


def test_single_pixels_do_not_decide_the_contrast():
    image = np.full((100, 100), 100)
    image[0, :50], image[1, :50] = 0, 255
    assert (row(image)["contrast_michelson"], row(image)["dynamic_range"]) == (0, 0)


def test_black_has_no_michelson_contrast():
    assert row(np.zeros((9, 9)))["contrast_michelson"] is None


def test_laplacian_equals_opencv(camera):
    expected = cv2.Laplacian(camera, cv2.CV_64F).var()
    assert row(camera)["sharpness_laplacian"] == pytest.approx(expected)


@given(grays)
def test_laplacian_equals_scipy(image):
    """Pech-Pacheco et al. (2000): variance after the mask 0 1 0, 1 -4 1, 0 1 0."""
    from scipy.ndimage import laplace

    expected = laplace(image.astype(float), mode="mirror").var() if min(image.shape) > 1 else 0
    if min(image.shape) > 1:
        assert row(image)["sharpness_laplacian"] == pytest.approx(expected, abs=1e-6)


def test_tenengrad_by_hand():
    """A step of 10: Sobel's mask gives 40 in the two columns at the step, of 8 columns."""
    image = np.full((5, 8), 100)
    image[:, 4:] = 110
    assert row(image)["sharpness_tenengrad"] == pytest.approx(40**2 * 2 / 8)


def test_tenengrad_equals_scikit_image(camera):
    from skimage.filters import sobel_h, sobel_v

    plain = camera.astype(float)
    theirs = ((4 * sobel_h(plain)) ** 2 + (4 * sobel_v(plain)) ** 2)[1:-1, 1:-1].mean()
    assert row(camera)["sharpness_tenengrad"] == pytest.approx(theirs, rel=0.02)


def test_noise_by_hand():
    """Immerkaer (1996), equation 2, on a single 6 amid zeros: the mask's sum of 16, times 6."""
    image = np.zeros((7, 7))
    image[3, 3] = 6
    assert row(image)["noise"] == pytest.approx(math.sqrt(math.pi / 2) * 16 * 6 / (6 * 25))


@pytest.mark.parametrize("sd", [2, 5, 10, 20])
def test_noise_finds_what_was_added(sd):
    noise = np.random.default_rng(2).normal(0, sd, (300, 400))
    ramp = np.linspace(80, 170, 400)
    assert row(np.rint(ramp + noise))["noise"] == pytest.approx(sd, rel=0.03)


@given(arrays(np.uint8, st.tuples(st.integers(3, 20), st.integers(3, 20))))
def test_noise_equals_scipy(image):
    from scipy.signal import convolve2d

    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    found = np.abs(convolve2d(image.astype(float), mask, mode="valid"))
    expected = math.sqrt(math.pi / 2) / 6 * found.mean()
    assert row(image)["noise"] == pytest.approx(expected, abs=1e-9)


def test_blockiness_by_hand():
    """Steps of 1 everywhere and of 3 at the borders: (3 - 1) / (3 + 1)."""
    steps = np.ones(31, int)
    steps[7::8] = 3
    image = np.concatenate([[0], np.cumsum(steps)])[None]
    assert row(image)["blockiness"] == pytest.approx(0.5)
    assert row(image.T)["blockiness"] == pytest.approx(0.5)


def test_blockiness_grows_with_compression(camera):
    found = [row(camera)["blockiness"]]
    for level in (60, 20, 5):
        file = cv2.imencode(".jpg", camera, [cv2.IMWRITE_JPEG_QUALITY, level])[1]
        found.append(row(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE))["blockiness"])
    assert found == sorted(found)
    assert abs(found[0]) < 0.02
    assert found[-1] > 0.4


def test_blur_flags_the_blurred_copy(camera):
    sharp, soft = row(camera), row(cv2.GaussianBlur(camera, (0, 0), 3))
    assert (sharp["blurred"], soft["blurred"]) == (False, True)
    assert sharp["blur"] < 0.5 < soft["blur"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2, 2), (3, 3), (9, 2)])
def test_small_images_have_values(shape):
    found = row(np.random.default_rng(4).integers(0, 256, shape))
    assert set(found) == set(INFO.outputs)
    assert (found["noise"] is None) == (min(shape) < 3)
    assert (found["blur"] is None) == (found["blurred"] is None)


@given(grays)
def test_values_keep_their_ranges(image):
    found = row(image)
    for name in ("brightness", "dynamic_range", "underexposed_share", "overexposed_share"):
        assert 0 <= found[name] <= 1
    assert 0 <= found["contrast_rms"] <= 0.5
    for name, least in (("contrast_michelson", 0), ("blur", 0), ("blockiness", -1)):
        assert found[name] is None or least <= found[name] <= 1
