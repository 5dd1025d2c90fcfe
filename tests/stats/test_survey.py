"""Weights: textbook examples of survey sampling, identities, coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from mediacorpus.errors import ParameterError
from mediacorpus.stats.intervals import p_words, wilson
from mediacorpus.stats.metric import metric
from mediacorpus.stats.resampling import group_numbers, score_sample
from mediacorpus.stats.sample import read_sample
from mediacorpus.stats.survey import design_rate, effective_number, prior_warning

RATES = [metric(name) for name in ("accuracy", "precision", "recall", "f1", "base_rate")]


def rates(truth, said, **options):
    """Score for each (metric, class) of a sample."""
    sample = read_sample(list(truth), list(said), options.pop("classes", None))
    if "weights" in options:
        options["weights"] = np.asarray(options["weights"], float)
    found = score_sample(sample, RATES, **options)
    return {
        (name, of if metric(name).per_class else ""): one
        for name, intervals in found.items()
        for of, one in zip(sample.classes, intervals, strict=False)
    }


def test_stratified_proportion_of_scheaffer():
    """Scheaffer, Mendenhall & Ott, *Elementary Survey Sampling*, television households.

    155, 62 and 93 households, of which 20, 8 and 12 drawn; .80, .25 and .50 watch the
    show: estimate .60, variance .0045.
    """
    n, size, watch = [20, 8, 12], [155, 62, 93], [16, 2, 6]
    truth = np.concatenate([np.arange(k) < w for k, w in zip(n, watch, strict=True)])
    strata = np.repeat([0, 1, 2], n)
    weights = np.repeat(np.array(size) / np.array(n), n)
    found = design_rate(truth, np.ones(40), weights=weights, strata=strata)
    assert found.estimate == pytest.approx(0.60)
    trials = 0.60 * 0.40 / 0.0045
    z2 = stats.norm.ppf(0.975) ** 2
    half = np.sqrt(z2 * (trials * 0.24 + z2 / 4)) / (trials + z2)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.01)


def test_equal_weights_give_the_plain_scores():
    truth, said = list("aaaabbbbbbb"), list("aaabbbbbbba")
    plain, found = rates(truth, said), rates(truth, said, weights=[3.0] * 11)
    assert effective_number([3.0] * 11) == pytest.approx(11)
    for key, one in plain.items():
        assert found[key].estimate == pytest.approx(one.estimate)
    accuracy = "accuracy", ""
    assert found[accuracy].limits() == pytest.approx(plain[accuracy].limits(), abs=0.02)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_estimates_are_those_of_scikit_learn_with_sample_weights(seed):
    rng = np.random.default_rng(seed)
    truth, said = rng.integers(0, 3, (2, 60)).astype(str)
    weights = rng.uniform(1, 9, 60)
    found = rates(truth, said, weights=weights)
    assert found["accuracy", ""].estimate == pytest.approx(
        metrics.accuracy_score(truth, said, sample_weight=weights)
    )
    names = list("012")
    parts = metrics.precision_recall_fscore_support(
        truth, said, labels=names, sample_weight=weights, zero_division=np.nan
    )
    for part, values in zip(("precision", "recall", "f1"), parts, strict=False):
        np.testing.assert_allclose([found[part, name].estimate for name in names], values)
    assert sum(found["base_rate", name].estimate for name in names) == pytest.approx(1)


def test_items_written_out_as_often_as_they_count_have_the_same_estimate():
    truth, said, weights = list("aabbb"), list("abbba"), [1, 4, 2, 3, 5]
    long = rates(np.repeat(truth, weights), np.repeat(said, weights))
    found = rates(truth, said, weights=weights)
    assert found["accuracy", ""].estimate == pytest.approx(long["accuracy", ""].estimate)
    assert effective_number(weights) == pytest.approx(15**2 / 55)


def test_the_whole_population_leaves_no_error():
    found = design_rate([1, 0, 1, 1], [1] * 4, weights=[1] * 4, strata=["x", "x", "y", "y"])
    assert found.estimate == 0.75
    assert found.method == "design-based wilson"


def test_intervals_cover_the_population():
    """Precision in a population, from samples that hold rare predictions ten times as often."""
    rng = np.random.default_rng(1)
    size = 20_000
    said = rng.random(size) < 0.1
    truth = rng.random(size) < np.where(said, 0.7, 0.05)
    accuracy, recall = (truth == said).mean(), said[truth].mean()
    places = [np.flatnonzero(said), np.flatnonzero(~said)]
    inside = np.zeros(2)
    for _ in range(300):
        drawn = np.concatenate([rng.choice(place, 150, replace=False) for place in places])
        strata = np.repeat([1, 0], 150)
        weights = np.repeat([len(place) / 150 for place in places], 150)
        true, guess = truth[drawn], said[drawn]
        right = design_rate(true == guess, np.ones(300), weights=weights, strata=strata)
        found = design_rate(true & guess, true, weights=weights, strata=strata)
        hits = (right, accuracy), (found, recall)
        inside += [i.low <= value <= i.high for i, value in hits]
    assert (inside / 300 > 0.91).all()


def test_what_never_occurs_is_undefined():
    found = rates(["a", "a"], ["a", "a"], weights=[1, 2], classes=["a", "b"])
    assert not found["recall", "b"].defined
    assert found["accuracy", ""].low < 1


def test_strata_must_fit():
    with pytest.raises(ParameterError, match="2 items and strata for 1"):
        design_rate([1, 0], [1, 1], weights=[1, 1], strata=["x"])
    with pytest.raises(ParameterError, match="not both"):
        design_rate([1], [1], weights=[1], strata=["x"], group=np.array([0]))


def test_groups_by_hand():
    """In groups of two the residuals of accuracy sum to -1.25, -2.5 and 3.75, over 32.

    Sarndal, Swensson and Wretman (1992), section 5.5.
    """
    truth, said = ["yes", "yes", *["no"] * 4], ["yes", "no", "yes", *["no"] * 3]
    weights = np.array([2.0, 2, 4, 4, 10, 10])
    found = rates(truth, said, weights=weights, numbers=group_numbers("aabbcc"))["accuracy", ""]
    variance = (1.25**2 + 2.5**2 + 3.75**2) / 32**2 * 3 / 2
    trials = 26 / 32 * 6 / 32 / variance
    by_hand = wilson(26 / 32 * trials, trials)
    assert found.limits() == pytest.approx(by_hand.limits())
    alone = rates(truth, said, weights=weights, numbers=group_numbers([None] * 6))
    assert alone == rates(truth, said, weights=weights)


def test_a_warning_needs_five_points_and_more_than_chance():
    assert prior_warning({"a": 5200, "b": 4800}, {"a": 50_000, "b": 50_000}) is None
    assert prior_warning({"a": 6, "b": 4}, {"a": 50_000, "b": 50_000}) is None
    found = prior_warning({"a": 600, "b": 400}, {"a": 50_000, "b": 50_000})
    assert found.startswith("'a' is 60 % of the test part and 50 % of the corpus")


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 200), min_size=2, max_size=4).filter(sum))
def test_a_part_like_the_corpus_never_warns(counts):
    part = {str(i): count for i, count in enumerate(counts)}
    assert prior_warning(part, {name: 10 * count for name, count in part.items()}) is None


def test_new_classes_are_seen_and_one_class_alone_is_no_difference():
    assert "100 % of the corpus" in prior_warning({"b": 50, "c": 50}, {"b": 5000})
    assert prior_warning({"a": 3}, {"a": 10}) is None


def test_the_g_test_is_that_of_a_table_by_hand():
    """Sokal and Rohlf (2012), chapter 17: G = 2 sum f ln(f / expected), here 4.81 with 1 df."""
    part, whole = {"a": 60, "b": 40}, {"a": 490, "b": 510}
    table = np.array([list(part.values()), list(whole.values())])
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    p = stats.chi2.sf(2 * (table * np.log(table / expected)).sum(), 1)
    assert f"(G test of all classes: {p_words(p)})" in prior_warning(part, whole)
