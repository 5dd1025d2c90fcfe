import cv2
import mahotas
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacorpus.measures._working import scaled_gray, squished_gray
from mediacorpus.measures.moments import HU, HU_COLUMNS, ZERNIKE, hu, zernike
from mediacorpus.testing import check_measure


@pytest.fixture(scope="module")
def hu_of(batch, from_gray):
    """Give the moments of images as rows of an array."""

    def rows_of(*images):
        rows = hu(batch(*(from_gray(image) for image in images)))
        return np.array([[row[name] for name in HU_COLUMNS] for row in rows])

    return rows_of


def letter(scale=1, shape=(240, 250), corner=(20, 30)):
    """A white letter F on black."""
    form = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]]) * 255
    form = form.repeat(10 * scale, axis=0).repeat(10 * scale, axis=1)
    image = np.zeros(shape, np.uint8)
    image[corner[0] : corner[0] + len(form), corner[1] : corner[1] + form.shape[1]] = form
    return image


def test_hu_keeps_the_contract():
    check_measure(HU, lambda: hu)


def test_zernike_keeps_the_contract():
    check_measure(ZERNIKE, zernike)


def test_hu_is_that_of_opencv(batch, scenes):
    rows = hu(batch(*scenes))
    for row, image in zip(rows, scaled_gray(batch(*scenes), 256), strict=True):
        expected = cv2.HuMoments(cv2.moments(image)).ravel()
        np.testing.assert_array_equal([row[name] for name in HU_COLUMNS], expected)


@given(st.integers(2, 60), st.integers(2, 60), st.integers(0, 30), st.integers(0, 30))
def test_hu_of_a_rectangle(hu_of, height, width, top, left):
    """The second central moments of a by b equal pixels are a b (a^2 - 1) / 12 and
    a b (b^2 - 1) / 12; divided by the square of the mass they are Hu's (1962) eta. All third
    moments are 0, and so are hu3 to hu7."""
    image = np.zeros((100, 100), np.uint8)
    image[top : top + height, left : left + width] = 255
    along, across = ((side**2 - 1) / (12 * height * width * 255) for side in (height, width))
    [row] = hu_of(image)
    assert row[0] == pytest.approx(along + across, rel=1e-9)
    assert row[1] == pytest.approx((along - across) ** 2, rel=1e-6, abs=1e-15)
    np.testing.assert_allclose(row[2:], 0, atol=1e-15)


@pytest.mark.parametrize(
    "other",
    [
        np.rot90(letter()),
        np.rot90(letter(), 2),
        letter(corner=(100, 200)),
        letter(shape=(256, 2000)),
    ],
    ids=["quarter turn", "half turn", "moved", "wider ground"],
)
def test_hu_stays_when_the_form_is_turned_or_moved(hu_of, other):
    first, second = hu_of(letter(), other)
    np.testing.assert_allclose(second, first, rtol=1e-6)


def test_hu_stays_when_the_form_is_scaled(hu_of):
    first, second = hu_of(letter(), letter(scale=3))
    np.testing.assert_allclose(second[:4], first[:4], rtol=0.02)


def test_a_mirror_image_turns_the_sign_of_the_seventh_moment(hu_of):
    first, second = hu_of(letter(), letter()[:, ::-1])
    np.testing.assert_allclose(second * [1, 1, 1, 1, 1, 1, -1], first, rtol=1e-6)
    assert first[6] != 0


def test_black_has_no_moments(batch, hu_of):
    assert not hu_of(np.zeros((300, 300))).any()
    assert not zernike()(batch(np.zeros((300, 300, 3), np.uint8)))[0].any()


def test_zernike_is_that_of_mahotas(batch, scenes):
    values = zernike()(batch(*scenes))
    for value, image in zip(values, squished_gray(batch(*scenes), 128), strict=True):
        expected = mahotas.features.zernike_moments(image, 64, degree=8)
        assert value.shape == (25,)
        np.testing.assert_allclose(value, expected, rtol=1e-6)


ORDERS = [(n, m) for n in range(9) for m in range(n % 2, n + 1, 2)]


def test_zernike_of_a_point(batch, from_gray):
    """At the center of the circle R_n0 = (-1)^(n/2) and all other radial polynomials are 0, so
    that the magnitude is (n + 1) / pi for m = 0 (Khotanzad & Hong, 1990, equations 2 to 4)."""
    point = np.zeros((128, 128))
    point[50, 70] = 255
    [value] = zernike()(batch(from_gray(point)))
    expected = [(n + 1) / np.pi if m == 0 else 0 for n, m in ORDERS]
    np.testing.assert_allclose(value, expected, atol=1e-6)


def test_zernike_of_two_points(batch, from_gray):
    """Two points half a radius from their center: R_20 = 2/4 - 1 = -1/2 and R_22 = 1/4."""
    points = np.zeros((128, 128))
    points[64, [32, 96]] = 255
    [value] = zernike()(batch(from_gray(points)))
    found = dict(zip(ORDERS, value.tolist(), strict=True))
    assert found[0, 0] == pytest.approx(1 / np.pi, rel=1e-6)
    assert found[1, 1] == pytest.approx(0, abs=1e-6)
    assert found[2, 0] == pytest.approx(3 / np.pi / 2, rel=1e-6)
    assert found[2, 2] == pytest.approx(3 / np.pi / 4, rel=1e-6)


def test_zernike_stays_when_the_image_is_turned_or_darker(batch, from_gray, scenes):
    square = scenes[0][:512, :512].mean(axis=2) // 2 * 2
    images = [from_gray(p) for p in (square, np.rot90(square), square // 2)]
    first, turned, darker = zernike()(batch(*images))
    np.testing.assert_allclose(turned, first, atol=1e-3)
    np.testing.assert_allclose(darker, first, atol=2e-3)
    assert first.std() > 0.01


def test_light_outside_the_circle_gives_no_moments(batch, from_gray):
    corners = np.zeros((128, 128))
    corners[0, 0] = corners[127, 127] = 255
    assert not zernike()(batch(from_gray(corners)))[0].any()
