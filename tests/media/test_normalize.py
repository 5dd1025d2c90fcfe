from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacorpus.errors import ParameterError
from mediacorpus.media import (
    IMAGENET_MEAN,
    IMAGENET_SD,
    ChannelStatistics,
    standardize,
    to_float,
)


def noise(*shape: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def test_to_float_divides_by_255():
    levels = np.arange(256, dtype=np.uint8)
    result = to_float(levels)
    assert result.dtype == np.float32
    assert np.array_equal(result, (levels / 255).astype(np.float32))


@pytest.mark.parametrize(("mean", "sd"), [(IMAGENET_MEAN, IMAGENET_SD), (0.5, 0.5), (0.0, 1.0)])
def test_standardize_follows_the_formula(mean, sd):
    pixels = noise(7, 9)
    expected = (pixels / 255 - np.asarray(mean)) / np.asarray(sd)
    last = standardize(pixels, mean, sd, layout="HWC")
    first = standardize(pixels, mean, sd)
    assert last.dtype == first.dtype == np.float32
    assert first.shape == (3, 7, 9)
    assert first.flags.c_contiguous
    assert np.abs(last - expected).max() < 1e-6
    assert np.array_equal(first, last.transpose(2, 0, 1))


def test_standardize_takes_batches():
    batch = np.stack([noise(5, 6, seed=seed) for seed in range(4)])
    result = standardize(batch)
    assert result.shape == (4, 3, 5, 6)
    assert np.array_equal(result[2], standardize(batch[2]))


@pytest.mark.parametrize(
    "arguments",
    [
        {"sd": 0},
        {"sd": (1, 1, -1)},
        {"mean": (1, 2)},
        {"mean": float("nan")},
        {"layout": "WHC"},
        {"pixels": np.zeros((4, 4), np.uint8)},
        {"pixels": np.zeros((4, 4, 3))},
    ],
)
def test_nonsense_is_refused(arguments):
    with pytest.raises(ParameterError):
        standardize(**{"pixels": noise(4, 4), **arguments})
    with pytest.raises(ParameterError, match="uint8"):
        to_float(np.zeros(3))
    with pytest.raises(ParameterError, match="uint8"):
        ChannelStatistics().add(np.zeros((4, 4), np.uint8))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=6))
def test_streamed_statistics_equal_those_of_numpy(sizes):
    images = [noise(*size, seed=seed) for seed, size in enumerate(sizes)]
    everything = np.concatenate([image.reshape(-1, 3) for image in images]) / 255
    statistics, left, right = ChannelStatistics(), ChannelStatistics(), ChannelStatistics()
    for place, image in enumerate(images):
        statistics.add(image)
        (left, right)[place % 2].add(image)
    left.merge(right)
    for found in (statistics, left):
        assert found.count == len(everything)
        np.testing.assert_allclose(found.mean, everything.mean(axis=0), rtol=0, atol=1e-13)
        np.testing.assert_allclose(found.sd, everything.std(axis=0), rtol=0, atol=1e-13)


def test_no_digits_are_lost_where_the_spread_is_small():
    statistics = ChannelStatistics()
    for _ in range(2000):
        statistics.add(np.full((10, 10, 3), 254, np.uint8))
    statistics.add(np.full((1, 1, 3), 255, np.uint8))
    share = 1 / statistics.count
    expected = np.sqrt(share * (1 - share)) / 255
    np.testing.assert_allclose(statistics.sd, expected, rtol=1e-9)


def test_nothing_seen_gives_no_number():
    empty = ChannelStatistics()
    assert np.isnan(empty.mean).all()
    assert np.isnan(empty.sd).all()
    empty.add(np.zeros((0, 5, 3), np.uint8))
    other = ChannelStatistics()
    other.merge(empty)
    assert other.count == 0
