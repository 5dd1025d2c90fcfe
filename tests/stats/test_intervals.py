"""Intervals in closed form: published values, and coverage."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacorpus.errors import ParameterError
from mediacorpus.stats.intervals import (
    Interval,
    short,
    square_and_add,
    undefined,
    wilson,
)
from mediacorpus.stats.metric import metric


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
    f1 = metric("f1")
    found = f1.interval(30, 40, level=0.95)
    jaccard = wilson(30, 40)
    assert found.estimate == pytest.approx(2 * 30 / (2 * 30 + 10))
    assert found.low == pytest.approx(2 * jaccard.low / (1 + jaccard.low))
    assert found.method == "wilson of Jaccard"
    perfect = f1.interval(20, 20, level=0.95)
    assert (round(perfect.low, 3), perfect.high) == (0.912, 1)
    assert not f1.interval(0, 0, level=0.95).defined


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
