"""Intervals: published values, coverage, and the bootstrap against resampling of items."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacorpus.errors import ParameterError
from mediacorpus.stats import intervals
from mediacorpus.stats.intervals import (
    Interval,
    bootstrap,
    bootstrap_many,
    resample,
    short,
    square_and_add,
    undefined,
    wilson,
    wilson_f1,
)


@pytest.mark.parametrize(
    ("successes", "n", "limits"),
    [
        (81, 263, [0.2553, 0.3662]),
        (15, 148, [0.0624, 0.1605]),
        (0, 20, [0, 0.1611]),
        (1, 29, [0.0061, 0.1718]),
    ],
)
def test_wilson_gives_the_values_of_newcombe_1998_table_1(successes, n, limits):
    found = wilson(successes, n)
    assert found.estimate == pytest.approx(successes / n)
    assert found.limits() == pytest.approx(limits, abs=5e-5)
    assert found.method == "wilson"


@settings(deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy(pair):
    from scipy.stats import binomtest

    theirs = binomtest(*pair).proportion_ci(0.9, method="wilson")
    ours = wilson(*pair, level=0.9)
    assert ours.low == pytest.approx(theirs.low, abs=1e-9)
    assert ours.high == pytest.approx(theirs.high, abs=1e-9)
    assert 0 <= ours.low <= ours.estimate <= ours.high <= 1


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_wilson_is_symmetric(successes, failures):
    n = successes + failures
    one, other = wilson(successes, n), wilson(failures, n)
    if n == 0:
        assert not one.defined
    else:
        assert one.low == pytest.approx(1 - other.high)


def test_wilson_of_nothing_is_undefined():
    nothing = wilson(0, 0)
    assert str(nothing) == "undefined"
    assert nothing.limits() is None


@pytest.mark.parametrize(("successes", "n"), [(3, 2), (-1, 5), (0, -1)])
def test_wilson_refuses_impossible_counts(successes, n):
    with pytest.raises(ParameterError, match="successes in"):
        wilson(successes, n)


def test_a_level_in_percent_is_refused_with_the_right_way_to_write_it():
    with pytest.raises(ParameterError, match=r"Write 0\.95 for 95 %"):
        wilson(1, 2, level=95)
    with pytest.raises(ParameterError, match="between 0 and 1"):
        wilson(1, 2, level=1.0)


def test_f1_interval_is_that_of_the_jaccard_index_carried_over():
    found = wilson_f1(30, 10)
    jaccard = wilson(30, 40)
    assert found.estimate == pytest.approx(2 * 30 / (2 * 30 + 10))
    assert found.low == pytest.approx(2 * jaccard.low / (1 + jaccard.low))
    assert wilson_f1(20, 0).low < wilson_f1(20, 0).high == 1
    assert not wilson_f1(0, 0).defined


def _accuracy(tables):
    return tables[:, 0, 0] + tables[:, 1, 1]


def test_bootstrap_of_cells_has_the_limits_of_a_bootstrap_of_items():
    counts = np.array([[30, 6], [4, 20]])
    right = np.repeat([1, 0, 0, 1], counts.ravel())
    drawn = np.random.default_rng(5).choice(right, size=(20_000, len(right))).mean(axis=1)
    found = bootstrap(lambda t: _accuracy(t) / t.sum(axis=(1, 2)), counts, repeats=20_000, seed=1)
    assert found.estimate == pytest.approx(right.mean())
    assert [found.low, found.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.017)


def test_bootstrap_repeats_itself_with_the_same_seed_only():
    counts = [400, 123]
    share = lambda t: t[:, 0] / t.sum(axis=1)  # noqa: E731
    assert bootstrap(share, counts, seed=3) == bootstrap(share, counts, seed=3)
    assert bootstrap(share, counts, seed=3) != bootstrap(share, counts, seed=4)


def test_resampled_tables_do_not_depend_on_the_chunks(monkeypatch):
    counts = np.array([[5, 0, 1], [2, 3, 9]])
    whole = np.concatenate(list(resample(counts, repeats=50, seed=2)))
    monkeypatch.setattr(intervals, "CHUNK_CELLS", 40)
    pieces = list(resample(counts, repeats=50, seed=2))
    assert len(pieces) > 1
    assert np.array_equal(np.concatenate(pieces), whole)
    assert (whole.sum(axis=(1, 2)) == counts.sum()).all()
    assert (whole[:, 0, 1] == 0).all()


def test_bootstrap_leaves_out_resamples_in_which_the_score_is_undefined():
    def share_of_rare(tables):
        result = np.full(len(tables), np.nan)
        np.divide(
            tables[:, 0], tables[:, :2].sum(axis=1), out=result, where=tables[:, :2].any(axis=1)
        )
        return result

    found = bootstrap(share_of_rare, [1, 1, 40], seed=0)
    assert (found.estimate, found.low, found.high) == (0.5, 0, 1)


def test_bootstrap_of_an_undefined_score_is_undefined():
    found = bootstrap(lambda t: np.full(len(t), np.nan), [3, 4])
    assert not found.defined
    assert found.limits() is None


def test_where_no_resample_is_defined_the_estimate_stays():
    found = bootstrap(lambda t: np.where(t[:, 0] == 7, 0.5, np.nan), [7, 1000], repeats=1, seed=2)
    assert (found.estimate, found.limits(), found.flat) == (0.5, None, True)


def test_all_scores_come_from_the_same_resamples():
    both = bootstrap_many(lambda t: t / t.sum(axis=1, keepdims=True), [70, 30], seed=9)
    assert both[0].low == pytest.approx(1 - both[1].high)


@pytest.mark.parametrize("counts", [[], [0, 0], [3, -1]])
def test_bootstrap_needs_items(counts):
    with pytest.raises(ParameterError, match="at least one item"):
        bootstrap(lambda t: t[:, 0], counts)


def test_bootstrap_needs_a_resample():
    with pytest.raises(ParameterError, match="repeats is 0"):
        bootstrap(lambda t: t[:, 0], [1], repeats=0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.8528, ".853"),
        (0.99961, "1.000"),
        (1.0, "1.000"),
        (0.0, ".000"),
        (-0.25, "-.250"),
        (1.5, "1.500"),
    ],
)
def test_scores_are_written_without_the_leading_zero(value, text):
    assert short(value) == text


def test_an_estimate_without_limits_is_written_alone():
    assert str(Interval(1.0, math.nan, math.nan)) == "1.000"
    assert str(undefined()) == "undefined"


def test_wilson_covers_at_its_level():
    """Mean coverage over p, computed exactly from the binomial distribution."""
    from scipy.stats import binom

    n = 40
    limits = [(wilson(k, n).low, wilson(k, n).high) for k in range(n + 1)]
    grid = np.linspace(0.02, 0.98, 97)
    covered = [
        sum(binom.pmf(k, n, p) for k, (low, high) in enumerate(limits) if low <= p <= high)
        for p in grid
    ]
    assert 0.94 < np.mean(covered) < 0.96


@pytest.mark.parametrize(
    ("pairs", "limits"),
    [
        ((56, 70, 48, 80), [0.0524, 0.3339]),
        ((9, 10, 3, 10), [0.1705, 0.8090]),
        ((6, 7, 2, 7), [0.0582, 0.8062]),
        ((5, 56, 0, 29), [-0.0381, 0.1926]),
        ((0, 10, 0, 20), [-0.1611, 0.2775]),
        ((0, 10, 0, 10), [-0.2775, 0.2775]),
        ((10, 10, 0, 20), [0.6791, 1.0]),
        ((10, 10, 0, 10), [0.6075, 1.0]),
    ],
)
def test_differences_have_the_limits_of_newcombe_1998b_table_2_method_10(pairs, limits):
    a, m, b, n = pairs
    found = square_and_add(wilson(a, m), wilson(b, n))
    assert found.estimate == pytest.approx(a / m - b / n)
    assert found.limits() == pytest.approx(limits, abs=5e-5)


def test_the_difference_with_something_undefined_is_undefined():
    assert not square_and_add(wilson(1, 2), undefined()).defined
