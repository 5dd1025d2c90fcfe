import mahotas
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from mediacorpus.measures._working import scaled_gray
from mediacorpus.measures.haralick import INFO, haralick
from mediacorpus.testing import check_measure


@pytest.fixture(scope="module", autouse=True)
def one_blas_thread():
    """mahotas multiplies short arrays: several BLAS threads would mostly wait for each other."""
    with threadpool_limits(1, user_api="blas"):
        yield


def test_haralick_keeps_the_contract():
    check_measure(INFO, haralick)


def test_haralick_is_that_of_mahotas(batch, scenes):
    values = haralick()(batch(*scenes))
    for value, image in zip(values, scaled_gray(batch(*scenes), 256), strict=True):
        directions = mahotas.features.haralick(image)
        expected = np.concatenate([directions.mean(axis=0), np.ptp(directions, axis=0)])
        np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_the_example_of_the_paper(batch, from_gray):
    """The 4 by 4 image of Haralick et al. (1973), figure 3: its co-occurrence counts are
    [4 2 1 0, 2 4 0 0, 1 0 6 1, 0 0 1 2] horizontally, [6 0 2 0, 0 4 2 0, 2 2 2 2, 0 0 2 0]
    vertically, [4 1 0 0, 1 2 2 0, 0 2 4 1, 0 0 1 0] at 45 and [2 1 3 0, 1 2 1 0, 3 1 0 2,
    0 0 2 0] at 135 degrees; angular second moment and contrast follow by hand."""
    [value] = haralick()(batch(from_gray([[0, 0, 1, 1], [0, 0, 1, 1], [0, 2, 2, 2], [2, 2, 3, 3]])))
    moments = [84 / 576, 80 / 576, 48 / 324, 38 / 324]
    contrasts = [14 / 24, 24 / 24, 8 / 18, 32 / 18]
    assert value[0] == pytest.approx(np.mean(moments), abs=1e-6)
    assert value[1] == pytest.approx(np.mean(contrasts), abs=1e-6)
    assert value[13] == pytest.approx(48 / 324 - 38 / 324, abs=1e-6)
    assert value[14] == pytest.approx(32 / 18 - 8 / 18, abs=1e-6)


@pytest.mark.parametrize("level", [0, 1, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (300, 1), (260, 300)])
def test_one_gray_level_has_defined_values(batch, level, shape):
    [value] = haralick()(batch(np.full((*shape, 3), level, np.uint8)))
    assert value[[0, 1, 2, 3, 4, 8]].tolist() == [1, 0, 1, 0, 1, 0]
    assert value[5] == 2 * level
    assert not value[13:].any()


def test_a_single_row_counts_as_two_equal_ones(batch, from_gray):
    row = np.arange(0, 250, 5)[None]
    one, two = haralick()(batch(from_gray(row), from_gray(row.repeat(2, axis=0))))
    assert one.tolist() == two.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_nearly_flat_images_give_finite_values(batch, from_gray, seed):
    rng = np.random.default_rng(seed)
    levels = np.full((256, 256), 255)
    levels[tuple(rng.integers(0, 256, 2))] -= rng.integers(1, 3)
    [value] = haralick()(batch(from_gray(levels)))
    assert np.isfinite(value).all()
    assert value[3] > 0
