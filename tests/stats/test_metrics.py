"""Metrics: against scikit-learn, published examples, and a new one in every place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from mediacorpus.stats import resampling
from mediacorpus.stats.metric import metric
from mediacorpus.stats.metric import metrics as registered
from mediacorpus.stats.resampling import score_sample
from mediacorpus.stats.sample import (
    Sample,
    ranking_scores,
    read_sample,
)

PROBABILITY = [one for one in registered() if one.needs in {"probabilities", "scores"}]


def two(chance):
    """Give probabilities of two classes from those of the second."""
    return np.stack([1 - np.asarray(chance), chance], axis=1)


def score_probabilities(truth, matrix, *, positive=None, **options):
    names = tuple(map(str, range(matrix.shape[1])))
    head = None if positive is None else names[positive]
    sample = Sample(np.asarray(truth), matrix.argmax(axis=1), names, matrix, head)
    return {k: i[0] for k, i in score_sample(sample, PROBABILITY, **options).items()}


ITEMS = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=30)


@settings(max_examples=60, deadline=None)
@given(ITEMS)
def test_ranking_with_ties_agrees_with_scikit_learn(items):
    truth = np.array([int(t) for t, _ in items])
    chance = np.array([s / 8 for _, s in items])
    matrix = two(chance)
    found = score_probabilities(truth, matrix, positive=1, repeats=2)
    if 0 < truth.sum() < len(truth):
        assert found["roc_auc"].estimate == pytest.approx(metrics.roc_auc_score(truth, chance))
    else:
        assert not found["roc_auc"].defined
    if truth.any():
        expected = metrics.average_precision_score(truth, chance)
        assert found["average_precision"].estimate == pytest.approx(expected)
    else:
        assert not found["average_precision"].defined


def test_resamples_are_scored_as_items_repeated():
    rng = np.random.default_rng(3)
    positive, chance = rng.random(40) < 0.4, rng.random(40).round(1)
    statistic = ranking_scores(positive, chance)
    draws = rng.multinomial(40, np.full(40, 1 / 40), size=5)
    for times, (auc, precision) in zip(draws, statistic(draws), strict=True):
        truth, score = np.repeat(positive, times), np.repeat(chance, times)
        assert auc == pytest.approx(metrics.roc_auc_score(truth, score))
        assert precision == pytest.approx(metrics.average_precision_score(truth, score))


def test_several_classes_agree_with_scikit_learn():
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 3, 90)
    matrix = rng.dirichlet(np.ones(3), 90) * 0.6 + np.eye(3)[truth] * 0.4
    found = score_probabilities(truth, matrix, repeats=50)
    expected = metrics.roc_auc_score(truth, matrix, multi_class="ovr", average="macro")
    assert found["roc_auc"].estimate == pytest.approx(expected)
    onehot = np.eye(3)[truth]
    assert found["average_precision"].estimate == pytest.approx(
        metrics.average_precision_score(onehot, matrix, average="macro")
    )
    assert found["brier"].estimate == pytest.approx(((matrix - onehot) ** 2).sum(axis=1).mean())
    assert found["log_loss"].estimate == pytest.approx(metrics.log_loss(truth, matrix))


def test_a_class_that_does_not_occur_is_left_out_of_the_means():
    matrix = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]])
    found = score_probabilities([0, 1, 0], matrix, repeats=10)
    assert found["roc_auc"].estimate == 1


def test_a_perfect_ranking_has_no_limits_rather_than_flat_ones():
    matrix = two([0.1, 0.2, 0.8, 0.9])
    found = score_probabilities([0, 0, 1, 1], matrix, positive=1)
    assert str(found["roc_auc"]) == "1.000"
    assert found["roc_auc"].limits() is None
    assert found["brier"].limits() is not None


def test_the_interval_of_auc_is_close_to_hanley_and_mcneil():
    """Hanley & McNeil (1982), Radiology 143: standard error of the area under the curve."""
    rng = np.random.default_rng(7)
    truth = np.repeat([0, 1], [150, 150])
    chance = 1 / (1 + np.exp(-(rng.normal(size=300) + truth)))
    found = score_probabilities(truth, two(chance), positive=1)["roc_auc"]
    a = found.estimate
    q1, q2 = a / (2 - a), 2 * a**2 / (1 + a)
    error = np.sqrt((a * (1 - a) + 149 * (q1 - a**2) + 149 * (q2 - a**2)) / 150**2)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.1)


def test_a_certain_error_has_a_large_but_finite_log_loss():
    found = score_probabilities([0, 1], np.array([[0.0, 1.0], [0.0, 1.0]]), repeats=5)
    assert 15 < found["log_loss"].estimate < 40


def test_very_large_inputs_draw_fewer_resamples(monkeypatch):
    seen = []

    def spy(statistic, counts, *, repeats, level, seed):
        seen.append(repeats)
        return original(statistic, counts, repeats=repeats, level=level, seed=seed)

    original = resampling.bootstrap
    monkeypatch.setattr(resampling, "bootstrap", spy)
    monkeypatch.setattr(resampling, "WORK", 1000)
    matrix = np.full((40, 2), 0.5)
    score_probabilities([0, 1] * 20, matrix, repeats=2000)
    score_probabilities([0, 1] * 20, matrix, repeats=7)
    assert seen == [resampling.FEWEST, 7]


def value(name, truth, predicted, **options):
    sample = read_sample(list(map(str, truth)), list(map(str, predicted)), **options)
    return score_sample(sample, [metric(name)], repeats=200)[name][0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2))
def test_mcc_agrees_with_scikit_learn(pairs):
    truth, said = zip(*pairs, strict=True)
    found = value("mcc", truth, said)
    if len(set(truth)) > 1 and len(set(said)) > 1:
        assert found.estimate == pytest.approx(metrics.matthews_corrcoef(truth, said), abs=1e-12)
    else:
        assert not found.defined


def test_mcc_of_a_table_by_hand():
    """Matthews (1975): (TP TN - FP FN) / sqrt((TP+FP)(TP+FN)(TN+FP)(TN+FN)).

    The textbook example of 815 images: TN 321, FP 72, FN 48, TP 374.
    """
    truth = ["0"] * 393 + ["1"] * 422
    said = ["0"] * 321 + ["1"] * 72 + ["0"] * 48 + ["1"] * 374
    by_hand = (374 * 321 - 72 * 48) / np.sqrt(446.0 * 422 * 393 * 369)
    found = value("mcc", truth, said)
    assert found.estimate == pytest.approx(by_hand)
    assert found.low < by_hand < found.high
    assert value("mcc", ["a", "b"] * 9, ["b", "a"] * 9).estimate == pytest.approx(-1)
    assert str(value("mcc", ["a", "b"] * 9, ["a", "b"] * 9)) == "1.000"


def test_mcc_does_not_overflow_with_a_million_items():
    sample = Sample(np.arange(4_000_000) % 2, np.arange(4_000_000) % 4 // 2, ("a", "b"))
    found = score_sample(sample, [metric("mcc")], repeats=10)["mcc"][0]
    assert found.estimate == pytest.approx(0)


def test_macro_mae_weighs_ranks_alike():
    """Baccianella, Esuli & Sebastiani (2009): the trivial classifier of a skewed set.

    90 items of rank 1, 10 of rank 3, all predicted 1: the mean absolute error is .2, that
    averaged over ranks is (0 + 2) / 2.
    """
    truth = ["1"] * 90 + ["3"] * 10
    given_ = {"classes": ["1", "2", "3"], "ordinal": True}
    found = value("macro_mae", truth, ["1"] * 100, **given_)
    assert found.estimate == pytest.approx(1.0)
    rng = np.random.default_rng(3)
    true, said = rng.integers(0, 4, (2, 200))
    by_hand = np.mean([np.abs(said - true)[true == rank].mean() for rank in range(4)])
    found = value("macro_mae", true, said, ordinal=True)
    assert found.estimate == pytest.approx(by_hand)
    assert found.low < by_hand < found.high
    by_rank = [metrics.mean_absolute_error(true[true == k], said[true == k]) for k in range(4)]
    assert found.estimate == pytest.approx(np.mean(by_rank))


def test_macro_mae_is_for_ranks_only():
    assert "macro_mae" not in {one.name for one in registered({"labels"})}
    assert "macro_mae" in {one.name for one in registered({"labels", "ranks"})}
    assert read_sample(["1"], ["2"], ordinal=True).offers == {"labels", "ranks"}


def test_weighted_recall_is_accuracy_and_has_nearly_its_interval():
    truth = ["a"] * 75 + ["b"] * 50 + ["c"] * 35
    said = list("a" * 60 + "b" * 10 + "c" * 5 + "a" * 8 + "b" * 40 + "c" * 2 + "b" * 5 + "c" * 30)
    accuracy, recall = (value(name, truth, said) for name in ("accuracy", "weighted_recall"))
    assert recall.estimate == pytest.approx(accuracy.estimate)
    assert recall.limits() == pytest.approx(accuracy.limits(), abs=0.015)


def test_every_metric_names_itself_and_its_source():
    assert len({one.label for one in registered()}) == len(registered())
    for one in registered():
        assert one.summary.endswith((".", "best.", "chance."))
        assert one.needs in {"labels", "ranks", "probabilities", "scores", "numbers"}
