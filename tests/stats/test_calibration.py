"""Calibration, sweeps and thresholds: scikit-learn, textbook tables, trying them all."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from mediacorpus.errors import ParameterError
from mediacorpus.stats.calibration import (
    apply_temperature,
    calibration_error,
    choose_threshold,
    fit_temperature,
    threshold_sweep,
)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    chance = rng.random(400)
    return rng.random(400) < chance, chance


def test_expected_calibration_error_agrees_with_scikit_learn(data):
    """Without ties the bins of scikit-learn's quantiles hold the same items."""
    gold, chance = data
    sure = np.maximum(chance, 1 - chance)
    right = gold == (chance >= 0.5)
    observed, predicted = calibration_curve(right, sure, n_bins=10, strategy="quantile")
    found = calibration_error(gold.astype(int), two(chance))
    assert found == pytest.approx(np.abs(observed - predicted).mean())


def test_expected_calibration_error_by_hand():
    """Guo et al. (2017), equation 3: bins of 6 and 4 items, gaps .2 and .15."""
    rows = [[0.1, 0.3, 0.2, 0.2, 0.2]] * 6 + [[0.025, 0.9, 0.025, 0.025, 0.025]] * 4
    gold = [1, 1, 1, 0, 0, 0, 1, 1, 1, 0]
    assert calibration_error(gold, rows) == pytest.approx(0.6 * 0.2 + 0.4 * 0.15)


def two(chance):
    """Give probabilities of two classes from those of the second."""
    return np.stack([1 - np.asarray(chance), chance], axis=1)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found(true_temperature):
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(4000, 4)) * 3
    draws = rng.random((4000, 1))
    targets = (softmax(logits / true_temperature, axis=1).cumsum(axis=1) < draws).sum(axis=1)
    given = softmax(logits, axis=1)
    found = fit_temperature(given, targets)
    assert found == pytest.approx(true_temperature, rel=0.06)
    after = apply_temperature(given, found)
    assert log_loss(targets, after) <= log_loss(targets, given)
    assert (after.argmax(axis=1) == logits.argmax(axis=1)).all()


def test_the_gradient_is_zero_at_the_maximum_likelihood():
    """The score equation: the mean logit of the true class is the expected one."""
    rng = np.random.default_rng(2)
    logits, targets = rng.normal(size=(200, 3)), rng.integers(0, 3, 200)
    logits[np.arange(200), targets] += 1
    given = softmax(logits, axis=1)
    after = apply_temperature(given, fit_temperature(given, targets))
    expected = (after * logits).sum(axis=1).mean()
    assert logits[np.arange(200), targets].mean() == pytest.approx(expected, abs=1e-4)


def test_items_that_cannot_tell_a_temperature():
    assert fit_temperature([[0.1, 0.9], [0.8, 0.2]], [1, 0]) == 1
    assert fit_temperature([[0.1, 0.9], [0.8, 0.2]], [0, 1]) == pytest.approx(50, rel=0.01)
    np.testing.assert_allclose(apply_temperature([[0.1, 0.9]], 1.0), [[0.1, 0.9]])


def test_a_grid_of_thresholds_agrees_with_scikit_learn(data):
    truth, chance = data
    sweep = threshold_sweep(truth, chance, np.linspace(0, 1, 101).round(2))
    assert len(sweep) == 101
    for row in sweep.iloc[[0, 10, 50, 90]].itertuples():
        guess = chance >= row.threshold
        assert [[row.tn, row.fp], [row.fn, row.tp]] == metrics.confusion_matrix(
            truth, guess
        ).tolist()
        assert row.f1 == pytest.approx(metrics.f1_score(truth, guess))
        assert row.accuracy == pytest.approx(metrics.accuracy_score(truth, guess))


def test_a_threshold_includes_its_own_value():
    sweep = threshold_sweep([1, 0], [0.5, 0.4], [0.5])
    assert sweep.loc[0, ["tp", "fp"]].tolist() == [1, 0]


def test_undefined_scores_are_nan():
    sweep = threshold_sweep([0, 0], [0.2, 0.3], [0.9])
    assert sweep[["precision", "recall", "f1"]].isna().all(axis=None)
    assert sweep.loc[0, "accuracy"] == 1


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(4)
    scores = rng.random(300).round(2)  # with ties
    return rng.random(300) < scores, scores


def test_sweep_is_the_precision_recall_curve_of_scikit_learn(scored):
    precision, recall, thresholds = metrics.precision_recall_curve(*scored)
    found = threshold_sweep(*scored, np.unique(scored[1]))
    np.testing.assert_allclose(found["threshold"], thresholds)
    np.testing.assert_allclose(found["precision"], precision[:-1])
    np.testing.assert_allclose(found["recall"], recall[:-1])


def test_sweep_agrees_with_scikit_learn_at_each_threshold(scored):
    truth, scores = scored
    found = threshold_sweep(*scored, np.unique(scored[1]))
    for row in found.iloc[::13].to_dict("records"):
        said = scores >= row["threshold"]
        assert row["f1"] == pytest.approx(metrics.f1_score(truth, said))
        assert row["accuracy"] == pytest.approx(metrics.accuracy_score(truth, said))
        assert row["flagged"] == pytest.approx(said.mean())


def test_the_best_f1_and_accuracy_are_the_best_there_are(scored):
    truth, scores = scored
    for aim, of in (("f1", metrics.f1_score), ("accuracy", metrics.accuracy_score)):
        found, words = choose_threshold(*scored, aim=aim)
        best = max(of(truth, scores >= t) for t in np.unique(scores))
        assert of(truth, scores >= found) == pytest.approx(best)
        assert f"(aim: {aim})" in words


def row_of(found, truth, scores):
    """Give the row of the sweep at the threshold that was chosen."""
    return threshold_sweep(truth, scores, [found[0]]).iloc[0]


def test_youden_is_the_corner_of_the_roc_curve(scored):
    alarms, hits, _ = metrics.roc_curve(*scored, drop_intermediate=False)
    row = row_of(choose_threshold(*scored, aim="youden"), *scored)
    assert row["recall"] - row["false_positive_rate"] == pytest.approx((hits - alarms).max())


@pytest.mark.parametrize("kept", ["precision", "recall"])
def test_a_floor_is_kept_and_the_other_score_is_the_best_possible(scored, kept):
    other = "recall" if kept == "precision" else "precision"
    found = choose_threshold(*scored, aim=f"{kept} >= 0.8")
    row = row_of(found, *scored)
    table = threshold_sweep(*scored, np.unique(scored[1]))
    enough = table[table[kept] >= 0.8]
    assert "No threshold" not in found[1]
    assert row[kept] >= 0.8
    assert row[other] == enough[other].max()


def test_a_precision_out_of_reach_is_said_so():
    given = [0, 1, 0, 1], [0.9, 0.8, 0.7, 0.1]
    found = choose_threshold(*given, aim="precision>=0.9")
    assert row_of(found, *given)["precision"] == pytest.approx(0.5)
    assert "No threshold reaches this aim" in found[1]


def test_costs_of_elkan_2001():
    """Elkan (2001): with calibrated scores the best threshold is c(fp) / (c(fp) + c(fn))."""
    chance = np.linspace(0.05, 0.95, 19)
    scores = np.repeat(chance, 200)
    truth = np.concatenate([np.arange(200) < round(200 * p) for p in chance])
    found, _ = choose_threshold(truth, scores, aim="cost:fp=1,fn=5")
    assert found == pytest.approx(0.2)  # the first score above 1/6
    assert choose_threshold(truth, scores, aim="cost:fp=3,fn=1")[0] == pytest.approx(0.75)


def test_taking_nothing_can_be_best():
    found, words = choose_threshold([1, 0, 0, 0], [0.1, 0.2, 0.3, 1.0], aim="accuracy")
    assert found > 1
    assert "nothing as positive" in words


def test_of_equal_thresholds_the_middle_one_is_taken_and_few_positives_are_said():
    found, words = choose_threshold([0, 0, 1, 1], [0.1, 0.4, 0.6, 0.9], aim="precision>=0.5")
    assert found == 0.6
    assert "2 positive items" in words


@pytest.mark.parametrize(
    ("truth", "aim", "message"),
    [
        ([0, 1], "best", "unknown"),
        ([0, 1], "precision>=90", r"Write 0\.9 for 90 %"),
        ([0, 1], "precision>=1.2.3", "between 0 and 1"),
        ([1, 1], "f1", "items of both kinds"),
        ([0, 1], "cost:fp=1.2.3,fn=1", "unknown"),
    ],
)
def test_a_bad_aim(truth, aim, message):
    with pytest.raises(ParameterError, match=message):
        choose_threshold(truth, [0.2, 0.7], aim=aim)
