"""Scores of probabilities, against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from mediacorpus.errors import ParameterError
from mediacorpus.stats import probabilities as module
from mediacorpus.stats.probabilities import probability_matrix, score_probabilities

ITEMS = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=30)


@settings(max_examples=60, deadline=None)
@given(ITEMS)
def test_ranking_with_ties_agrees_with_scikit_learn(items):
    truth = np.array([int(t) for t, _ in items])
    chance = np.array([s / 8 for _, s in items])
    matrix = probability_matrix(chance, ["0", "1"])
    found = score_probabilities(truth, matrix, positive=1, repeats=2)
    if 0 < truth.sum() < len(truth):
        assert found.roc_auc.estimate == pytest.approx(metrics.roc_auc_score(truth, chance))
    else:
        assert not found.roc_auc.defined
    if truth.any():
        expected = metrics.average_precision_score(truth, chance)
        assert found.average_precision.estimate == pytest.approx(expected)
    else:
        assert not found.average_precision.defined


def test_resamples_are_scored_as_items_repeated():
    rng = np.random.default_rng(3)
    positive, chance = rng.random(40) < 0.4, rng.random(40).round(1)
    statistic = module.ranking_scores(positive, chance)
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
    assert found.roc_auc.estimate == pytest.approx(expected)
    onehot = np.eye(3)[truth]
    assert found.average_precision.estimate == pytest.approx(
        metrics.average_precision_score(onehot, matrix, average="macro")
    )
    assert found.brier.estimate == pytest.approx(((matrix - onehot) ** 2).sum(axis=1).mean())
    assert found.log_loss.estimate == pytest.approx(metrics.log_loss(truth, matrix))


def test_a_class_that_does_not_occur_is_left_out_of_the_means():
    matrix = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]])
    found = score_probabilities([0, 1, 0], matrix, repeats=10)
    assert found.roc_auc.estimate == 1


def test_a_perfect_ranking_has_no_limits_rather_than_flat_ones():
    matrix = probability_matrix([0.1, 0.2, 0.8, 0.9], ["0", "1"])
    found = score_probabilities([0, 0, 1, 1], matrix, positive=1)
    assert str(found.roc_auc) == "1.000"
    assert found.roc_auc.limits() is None
    assert found.brier.limits() is not None


def test_the_interval_of_auc_is_close_to_hanley_and_mcneil():
    """Hanley & McNeil (1982), Radiology 143: standard error of the area under the curve."""
    rng = np.random.default_rng(7)
    truth = np.repeat([0, 1], [150, 150])
    chance = 1 / (1 + np.exp(-(rng.normal(size=300) + truth)))
    found = score_probabilities(truth, probability_matrix(chance, ["0", "1"]), positive=1).roc_auc
    a = found.estimate
    q1, q2 = a / (2 - a), 2 * a**2 / (1 + a)
    error = np.sqrt((a * (1 - a) + 149 * (q1 - a**2) + 149 * (q2 - a**2)) / 150**2)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.1)


def test_a_certain_error_has_a_large_but_finite_log_loss():
    found = score_probabilities([0, 1], np.array([[0.0, 1.0], [0.0, 1.0]]), repeats=5)
    assert 15 < found.log_loss.estimate < 40


def test_very_large_inputs_draw_fewer_resamples(monkeypatch):
    seen = []

    def spy(statistic, counts, *, repeats, level, seed):
        seen.append(repeats)
        return original(statistic, counts, repeats=repeats, level=level, seed=seed)

    original = module.bootstrap_many
    monkeypatch.setattr(module, "bootstrap_many", spy)
    monkeypatch.setattr(module, "WORK", 1000)
    matrix = np.full((40, 2), 0.5)
    score_probabilities([0, 1] * 20, matrix, repeats=2000)
    score_probabilities([0, 1] * 20, matrix, repeats=7)
    assert seen == [module.FEWEST, 7]


def test_a_frame_is_put_in_the_order_of_the_classes():
    frame = pd.DataFrame({"b": [0.9], "item": ["x"], "a": [0.1]})
    assert probability_matrix(frame, ["a", "b"]).tolist() == [[0.1, 0.9]]


def test_one_column_is_for_the_positive_class():
    assert probability_matrix([0.25], ["yes", "no"], positive="yes").tolist() == [[0.25, 0.75]]
    assert probability_matrix([0.25], ["no", "yes"]).tolist() == [[0.75, 0.25]]


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        (pd.DataFrame({"a": [1.0]}), "no column for 'b'; found: a"),
        ([[0.5, 0.2, 0.3]], r"shape \(1, 3\)"),
        ([[0.5, 0.2]], r"row 1 sum to 0\.7"),
        ([[1.5, -0.5]], "between 0 and 1; row 1"),
        ([[float("nan"), 1.0]], "between 0 and 1"),
    ],
)
def test_wrong_probabilities_are_named(given_, words):
    with pytest.raises(ParameterError, match=words):
        probability_matrix(given_, ["a", "b"])
