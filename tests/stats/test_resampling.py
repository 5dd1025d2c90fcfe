"""Replicate weights: the bootstrap over items and groups against theory, and pairing."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

from mediacorpus.stats import resampling
from mediacorpus.stats.metric import metric, metrics
from mediacorpus.stats.resampling import (
    bootstrap,
    group_numbers,
    replicates,
    resample,
    score_paired,
    score_sample,
)
from mediacorpus.stats.sample import Sample, read_sample


def numbers_of(values):
    """Make a sample whose mean absolute error is the mean of the values."""
    given_ = np.asarray(values, dtype=float)
    return Sample(np.zeros(len(given_)), given_)


MEAN = [metric("mean_absolute_error")]


def mean(values, **options):
    return score_sample(numbers_of(values), MEAN, **options)["mean_absolute_error"][0]


def _accuracy(tables):
    return (tables[:, 0, 0] + tables[:, 1, 1])[:, None]


def test_bootstrap_of_cells_has_the_limits_of_a_bootstrap_of_items():
    counts = np.array([[30, 6], [4, 20]])
    right = np.repeat([1, 0, 0, 1], counts.ravel())
    drawn = np.random.default_rng(5).choice(right, size=(20_000, len(right))).mean(axis=1)
    [found] = bootstrap(
        lambda t: _accuracy(t) / t.sum(axis=(1, 2))[:, None], counts, repeats=20_000, seed=1
    )
    assert found.estimate == pytest.approx(right.mean())
    assert [found.low, found.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.017)


def test_bootstrap_repeats_itself_with_the_same_seed_only():
    counts = [400, 123]
    share = lambda t: t[:, :1] / t.sum(axis=1)[:, None]  # noqa: E731
    assert bootstrap(share, counts, seed=3) == bootstrap(share, counts, seed=3)
    assert bootstrap(share, counts, seed=3) != bootstrap(share, counts, seed=4)


def test_resampled_tables_do_not_depend_on_the_chunks(monkeypatch):
    counts = np.array([[5, 0, 1], [2, 3, 9]])
    whole = np.concatenate(list(resample(counts, repeats=50, seed=2)))
    monkeypatch.setattr(resampling, "CHUNK_CELLS", 40)
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
        return result[:, None]

    [found] = bootstrap(share_of_rare, [1, 1, 40], seed=0)
    assert (found.estimate, found.low, found.high) == (0.5, 0, 1)


def test_bootstrap_of_an_undefined_score_is_undefined():
    [found] = bootstrap(lambda t: np.full((len(t), 1), np.nan), [3, 4])
    assert not found.defined
    assert found.limits() is None


def test_where_no_resample_is_defined_the_estimate_stays():
    one = lambda t: np.where(t[:, :1] == 7, 0.5, np.nan)  # noqa: E731
    [found] = bootstrap(one, [7, 1000], repeats=1, seed=2)
    assert (found.estimate, found.limits()) == (0.5, None)


def test_all_scores_come_from_the_same_resamples():
    both = bootstrap(lambda t: t / t.sum(axis=1, keepdims=True), [70, 30], seed=9)
    assert both[0].low == pytest.approx(1 - both[1].high)


def test_missing_groups_are_groups_of_their_own():
    assert group_numbers([1, None, 1, float("nan"), 2]).tolist() == [0, 1, 0, 2, 3]


def test_with_single_items_it_is_the_plain_bootstrap():
    right = np.array([1] * 80 + [0] * 20)
    found = mean(right, numbers=np.arange(100), seed=1)
    [plain] = bootstrap(lambda t: t[:, :1] / t.sum(axis=1)[:, None], [80, 20], seed=1)
    assert found.estimate == plain.estimate
    assert found.limits() == pytest.approx(plain.limits(), abs=0.02)


def test_the_spread_is_that_of_the_group_means():
    """Groups of equal size: the variance of a mean is that of group means over their number.

    Cameron, Gelbach & Miller (2008), section II: with all items of a group alike, the
    items of a group count for one.
    """
    rng = np.random.default_rng(3)
    means = rng.random(60)
    found = mean(np.repeat(means, 5), numbers=np.repeat(np.arange(60), 5))
    half = 1.96 * means.std() / np.sqrt(60)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)


def test_coverage_holds_where_the_plain_bootstrap_fails():
    rng = np.random.default_rng(0)
    inside = {"groups": 0, "items": 0}
    for _ in range(120):
        chance = rng.beta(2, 2, size=40)
        hits = np.repeat(rng.random(40) < chance, 6)  # six copies each; the truth is .5
        for kind, groups in (("groups", np.repeat(np.arange(40), 6)), ("items", None)):
            found = mean(hits, numbers=groups, repeats=300)
            inside[kind] += found.low <= 0.5 <= found.high
    assert inside["groups"] / 120 > 0.87
    assert inside["items"] / 120 < 0.75


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)), min_size=1),
    st.integers(0, 1000),
)
def test_drawn_groups_score_as_their_items_written_out(items, seed):
    numbers = group_numbers([group for group, _, _ in items])
    true, said = (np.array(side) for side in zip(*[pair for _, *pair in items], strict=True))
    sample = Sample(true, said, tuple("abc"))
    known = metrics({"labels"}, "validate")
    draws = np.random.default_rng(seed).integers(1, 3, size=(3, int(numbers.max()) + 1))
    found = replicates(sample, known, numbers=numbers)(draws)
    for times, row in zip(draws, found, strict=True):
        at = np.repeat(np.arange(len(true)), times[numbers])
        alone = sample.only(at).under(np.ones((1, len(at)), dtype=np.int64))
        by_hand = np.concatenate([one.values(alone)[0] for one in known])
        np.testing.assert_allclose(row, by_hand, atol=1e-12)


def test_weights_repeat_items():
    """A weight of 3 tells a metric what three copies of the item tell it."""
    rng = np.random.default_rng(1)
    true, said = rng.integers(0, 3, (2, 50))
    chance = rng.dirichlet(np.ones(3), 50)
    sample = Sample(true, said, tuple("abc"), chance, ordinal=True)
    times = rng.integers(1, 4, 50)
    copies = sample.only(np.repeat(np.arange(50), times))
    for one in metrics(sample.offers):
        weighted = one.values(sample.under(times[None] * 1.0))
        np.testing.assert_allclose(weighted, one.values(copies.under(np.ones((1, times.sum())))))


def test_weighted_averages_have_an_interval_over_items_and_over_groups():
    rng = np.random.default_rng(2)
    true = rng.integers(0, 2, 300)
    said = np.where(rng.random(300) < 0.8, true, 1 - true)
    weights = rng.uniform(1, 9, 300)
    sample = Sample(true, said, ("no", "yes"))
    known = [metric("macro_f1"), metric("mcc")]
    items = score_sample(sample, known, weights=weights)
    groups = score_sample(sample, known, weights=weights, numbers=np.arange(300) // 10)
    expected = theirs.f1_score(true, said, average="macro", sample_weight=weights)
    assert items["macro_f1"][0].estimate == pytest.approx(expected)
    expected = theirs.matthews_corrcoef(true, said, sample_weight=weights)
    assert items["mcc"][0].estimate == pytest.approx(expected)
    for found in (items, groups):
        for [one] in found.values():
            assert one.low < one.estimate < one.high


def test_differences_of_models_are_paired():
    """The spread of a difference of means is that of the differences, not of both means."""
    rng = np.random.default_rng(4)
    common = rng.random(400)
    one, other = common + 0.5, common + rng.normal(0, 0.01, 400)
    scores, [gap] = score_paired([numbers_of(one), numbers_of(other)], MEAN)
    [found], widths = gap.values(), [row["mean_absolute_error"] for row in scores]
    half = 1.96 * (one - other).std() / 20
    assert found.estimate == pytest.approx((one - np.abs(other)).mean())
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.15)
    assert all(w.high - w.low > 5 * (found.high - found.low) for w in widths)


def test_forty_thousand_numbers_are_scored_in_seconds_not_minutes():
    """Each item its own group: no list is made for each resample and item."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=40_000)
    sample = Sample(truth, truth + rng.normal(size=40_000))
    start = time.process_time()
    score_sample(sample, metrics({"numbers"}), repeats=50)
    assert time.process_time() - start < 2


def test_groups_and_plain_give_the_same_estimates():
    sample = read_sample(list("aabbbc"), list("abbbcc"))
    known = metrics(sample.offers, "validate")
    plain = score_sample(sample, known, repeats=10)
    grouped = score_sample(sample, known, repeats=10, numbers=np.array([0, 0, 1, 1, 2, 2]))
    for name, intervals in plain.items():
        for one, other in zip(intervals, grouped[name], strict=True):
            assert one.estimate == pytest.approx(other.estimate, nan_ok=True)


def test_a_thousand_classes_are_weighted_without_a_table_of_all_pairs():
    """Twenty thousand items of a thousand classes: some megabytes, not some gigabytes."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, 1000, 20_000)
    said = np.where(rng.random(20_000) < 0.5, true, rng.integers(0, 1000, 20_000))
    sample = Sample(true, said, tuple(map(str, range(1000))))
    weights = rng.uniform(1, 3, 20_000)
    rates = [metric(name) for name in ("precision", "false_positive_rate")]
    tracemalloc.start()
    found = score_sample(sample, rates[:1], weights=weights)
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()
    mine = said == 7
    expected = np.average((true == 7)[mine], weights=weights[mine])
    assert found["precision"][7].estimate == pytest.approx(expected)
    few = Sample(true % 5, said % 5, tuple("abcde"))
    alarms = score_sample(few, rates, weights=weights)["false_positive_rate"]
    others = few.true != 2
    expected = np.average((few.predicted == 2)[others], weights=weights[others])
    assert alarms[2].estimate == pytest.approx(expected)


def test_a_perfect_answer_over_groups_counts_the_groups_of_each_class():
    """Wilson (1927) for 4 of 4 and 6 of 6 groups: lower limits .510 and .610."""
    true = np.repeat([0, 1], [8, 12])
    sample = Sample(true, true, ("a", "b"))
    found = score_sample(sample, [metric("recall")], numbers=np.arange(20) // 2)["recall"]
    assert [i.low for i in found] == pytest.approx([0.5101, 0.6097], abs=5e-5)
