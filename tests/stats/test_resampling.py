"""Groups: the bootstrap over groups against theory and against the plain bootstrap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacorpus.errors import ParameterError
from mediacorpus.stats.intervals import bootstrap
from mediacorpus.stats.resampling import (
    cluster_bootstrap,
    group_numbers,
    over_items,
    sums_of_groups,
)


def test_missing_groups_are_groups_of_their_own():
    assert group_numbers([1, None, 1, float("nan"), 2]).tolist() == [0, 1, 0, 2, 3]
    with pytest.raises(ParameterError, match="no items"):
        group_numbers([])


def test_with_single_items_it_is_the_plain_bootstrap():
    right = np.array([1] * 80 + [0] * 20)
    [found] = cluster_bootstrap(lambda at: right[at].mean(), range(100), seed=1)
    plain = bootstrap(lambda t: t[:, 0] / t.sum(axis=1), [80, 20], seed=1)
    assert found.estimate == plain.estimate
    assert found.limits() == pytest.approx(plain.limits(), abs=0.02)


def test_the_spread_is_that_of_the_group_means():
    """Groups of equal size: the variance of a mean is that of group means over their number.

    Cameron, Gelbach & Miller (2008), section II: with all items of a group alike, the
    items of a group count for one.
    """
    rng = np.random.default_rng(3)
    means = rng.random(60)
    values = np.repeat(means, 5)
    [found] = cluster_bootstrap(lambda at: values[at].mean(), np.repeat(np.arange(60), 5))
    half = 1.96 * means.std() / np.sqrt(60)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)


def test_coverage_holds_where_the_plain_bootstrap_fails():
    rng = np.random.default_rng(0)
    inside = {"groups": 0, "items": 0}
    for _ in range(120):
        chance = rng.beta(2, 2, size=40)
        hits = np.repeat(rng.random(40) < chance, 6)  # six copies each; the truth is .5
        numbers = np.repeat(np.arange(40), 6)
        for kind, groups in (("groups", numbers), ("items", np.arange(240))):
            sums = sums_of_groups(np.stack([hits, np.ones(240)], axis=1), groups)
            size = int(groups.max()) + 1
            draws = rng.multinomial(size, np.full(size, 1 / size), size=300)
            top, bottom = sums(draws).T
            low, high = np.quantile(top / bottom, [0.025, 0.975])
            inside[kind] += low <= 0.5 <= high
    assert inside["groups"] / 120 > 0.87
    assert inside["items"] / 120 < 0.75


def test_several_scores_come_from_the_same_resamples():
    values = np.arange(20.0)
    found = cluster_bootstrap(
        lambda at: [values[at].mean(), -values[at].mean()], np.arange(20) // 4, repeats=200
    )
    assert found[0].limits() == pytest.approx([-found[1].high, -found[1].low])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 5)), min_size=1, max_size=20))
def test_sums_over_groups_are_sums_over_their_items(items):
    numbers = group_numbers([group for group, _ in items])
    values = np.array([value for _, value in items])
    draws = np.random.default_rng(0).integers(0, 3, size=(4, int(numbers.max()) + 1))
    direct = over_items(lambda d: d @ values, numbers)(draws)
    assert sums_of_groups(values, numbers)(draws).tolist() == direct.tolist()
    assert (draws[:, numbers] @ values).tolist() == direct.tolist()
