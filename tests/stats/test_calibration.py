"""Calibration, sweeps and thresholds: scikit-learn, textbook tables, trying them all."""

from __future__ import annotations

import numpy as np
import pandas as pd
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
    reliability,
    threshold_sweep,
    top_class,
)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    chance = rng.random(400)
    return rng.random(400) < chance, chance


@pytest.mark.parametrize("strategy", ["quantile", "uniform"])
def test_reliability_agrees_with_scikit_learn(data, strategy):
    observed, predicted = calibration_curve(*data, n_bins=10, strategy=strategy)
    found = reliability(*data, bins=10, strategy=strategy)
    np.testing.assert_allclose(found["observed"], observed)
    np.testing.assert_allclose(found["predicted"], predicted)
    assert found["n"].sum() == 400
    assert ((found["low"] < found["observed"]) & (found["observed"] < found["high"])).all()


def test_quantile_bins_hold_as_many_items_each_and_keep_equal_scores_together(data):
    assert reliability(*data, bins=8)["n"].tolist() == [50] * 8
    tied = reliability([0, 1, 0, 1, 1], [0.2, 0.2, 0.2, 0.2, 0.9], bins=5)
    assert tied[["from", "to", "n"]].to_numpy().tolist() == [[0.2, 0.2, 4], [0.9, 0.9, 1]]


def test_expected_calibration_error_by_hand():
    """Guo et al. (2017), equation 3: bins of 6 and 4 items, gaps .2 and .15."""
    truth, chance = [1, 1, 1, 0, 0, 0, 1, 1, 1, 0], [0.3] * 6 + [0.9] * 4
    found = calibration_error(reliability(truth, chance, bins=10, strategy="uniform"))
    assert found == pytest.approx(0.6 * 0.2 + 0.4 * 0.15)


def test_top_class_gives_confidence_calibration():
    right, confidence = top_class([0, 2, 1], [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1]])
    assert right.tolist() == [True, False, True]
    assert confidence.tolist() == [0.5, 0.8, 0.7]


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found(true_temperature):
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(4000, 4)) * 3
    draws = rng.random((4000, 1))
    targets = (softmax(logits / true_temperature, axis=1).cumsum(axis=1) < draws).sum(axis=1)
    found = fit_temperature(logits, targets, logits=True)
    assert found.value == pytest.approx(true_temperature, rel=0.06)
    assert found.log_loss_after <= found.log_loss_before
    after = apply_temperature(logits, found, logits=True)
    assert found.log_loss_after == pytest.approx(log_loss(targets, after))
    assert (after.argmax(axis=1) == logits.argmax(axis=1)).all()


def test_probabilities_and_their_logits_give_the_same(data):
    truth, chance = data
    both = np.stack([1 - chance, chance], axis=1)
    one = fit_temperature(chance, truth.astype(int))
    assert fit_temperature(both, truth.astype(int)).value == pytest.approx(one.value)
    logit = np.log(chance / (1 - chance))
    assert fit_temperature(logit, truth.astype(int), logits=True).value == pytest.approx(
        one.value, rel=1e-4
    )
    np.testing.assert_allclose(apply_temperature(chance, 1.0)[:, 1], chance)


def test_the_gradient_is_zero_at_the_maximum_likelihood():
    """The score equation: the mean logit of the true class is the expected one."""
    rng = np.random.default_rng(2)
    logits, targets = rng.normal(size=(200, 3)), rng.integers(0, 3, 200)
    logits[np.arange(200), targets] += 1
    found = fit_temperature(logits, targets, logits=True)
    after = apply_temperature(logits, found, logits=True)
    expected = (after * logits).sum(axis=1).mean()
    assert logits[np.arange(200), targets].mean() == pytest.approx(expected, abs=1e-4)


def test_items_that_cannot_tell_a_temperature():
    found = fit_temperature([[0.1, 0.9], [0.8, 0.2]], [1, 0])
    assert found.value == 1
    assert "no reason to change" in found.words
    wrong = fit_temperature([[0.1, 0.9], [0.8, 0.2]], [0, 1])
    assert wrong.value == pytest.approx(50, rel=0.01)
    assert "cannot tell it" in wrong.words


def test_bad_input():
    with pytest.raises(ParameterError, match="'quantile' or 'uniform'"):
        reliability([0, 1], [0.1, 0.9], strategy="even")
    with pytest.raises(ParameterError, match="say so if these are logits"):
        fit_temperature([2.0, -1.0], [1, 0])
    with pytest.raises(ParameterError, match="number of a column, 0 to 1"):
        fit_temperature([0.2, 0.3], [1, 2])
    with pytest.raises(ParameterError, match="targets of shape"):
        fit_temperature([0.2, 0.3], [1])
    with pytest.raises(ParameterError, match="above 0"):
        apply_temperature([0.2], 0)
    with pytest.raises(ParameterError, match="finite"):
        apply_temperature([np.nan], 1.0)


def test_temperatures_are_read_aloud():
    assert "too sure" in str(fit_temperature([0.95] * 10, [1] * 8 + [0] * 2))
    assert isinstance(reliability([0, 1], [0.2, 0.7]), pd.DataFrame)


def test_the_ends_of_the_range_are_in_the_first_and_last_bin():
    found = reliability([0, 1], [0.0, 1.0], bins=5, strategy="uniform")
    assert found[["from", "to"]].to_numpy().tolist() == [[0, 0.2], [0.8, 1]]


def test_calibration_error_of_a_known_table():
    positive = [1, 0, 1, 1]
    error = calibration_error(
        reliability(positive, [0.25, 0.25, 0.75, 0.75], bins=2, strategy="uniform")
    )
    assert error == pytest.approx(0.25)


def test_a_grid_of_thresholds_agrees_with_scikit_learn(data):
    truth, chance = data
    sweep = threshold_sweep(truth, chance, thresholds=np.linspace(0, 1, 101).round(2))
    assert len(sweep) == 101
    for row in sweep.iloc[[0, 10, 50, 90]].itertuples():
        guess = chance >= row.threshold
        assert [[row.tn, row.fp], [row.fn, row.tp]] == metrics.confusion_matrix(
            truth, guess
        ).tolist()
        assert row.f1 == pytest.approx(metrics.f1_score(truth, guess))
        assert row.accuracy == pytest.approx(metrics.accuracy_score(truth, guess))


def test_a_threshold_includes_its_own_value():
    sweep = threshold_sweep([1, 0], [0.5, 0.4], thresholds=[0.5])
    assert sweep.loc[0, ["tp", "fp"]].tolist() == [1, 0]


def test_undefined_scores_are_nan():
    sweep = threshold_sweep([0, 0], [0.2, 0.3], thresholds=[0.9])
    assert sweep[["precision", "recall", "f1"]].isna().all(axis=None)
    assert sweep.loc[0, "accuracy"] == 1


@pytest.mark.parametrize(
    ("positive", "chance", "words"),
    [
        ([1], [0.5, 0.5], "shape"),
        ([], [], "at least one"),
        ([2], [0.5], "True or False"),
        ([1], [1.5], "between"),
    ],
)
def test_wrong_input_is_named(positive, chance, words):
    with pytest.raises(ParameterError, match=words):
        reliability(positive, chance)


def test_bins_must_be_positive():
    with pytest.raises(ParameterError, match="bins is 0"):
        reliability([1], [0.5], bins=0, strategy="uniform")


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(4)
    scores = rng.random(300).round(2)  # with ties
    return rng.random(300) < scores, scores


def test_sweep_is_the_precision_recall_curve_of_scikit_learn(scored):
    precision, recall, thresholds = metrics.precision_recall_curve(*scored)
    found = threshold_sweep(*scored)
    np.testing.assert_allclose(found["threshold"], thresholds)
    np.testing.assert_allclose(found["precision"], precision[:-1])
    np.testing.assert_allclose(found["recall"], recall[:-1])


def test_sweep_agrees_with_scikit_learn_at_each_threshold(scored):
    truth, scores = scored
    found = threshold_sweep(*scored)
    for row in found.iloc[::13].to_dict("records"):
        said = scores >= row["threshold"]
        assert row["f1"] == pytest.approx(metrics.f1_score(truth, said))
        assert row["accuracy"] == pytest.approx(metrics.accuracy_score(truth, said))
        assert row["flagged"] == pytest.approx(said.mean())


def test_the_best_f1_and_accuracy_are_the_best_there_are(scored):
    truth, scores = scored
    for aim, of in (("f1", metrics.f1_score), ("accuracy", metrics.accuracy_score)):
        found = choose_threshold(*scored, aim=aim)
        best = max(of(truth, scores >= t) for t in np.unique(scores))
        assert of(truth, found.apply(scores)) == pytest.approx(best)
        assert found.row[aim] == pytest.approx(best)


def test_youden_is_the_corner_of_the_roc_curve(scored):
    alarms, hits, _ = metrics.roc_curve(*scored, drop_intermediate=False)
    row = choose_threshold(*scored, aim="youden").row
    assert row["recall"] - row["false_positive_rate"] == pytest.approx((hits - alarms).max())


@pytest.mark.parametrize("kept", ["precision", "recall"])
def test_a_floor_is_kept_and_the_other_score_is_the_best_possible(scored, kept):
    other = "recall" if kept == "precision" else "precision"
    found = choose_threshold(*scored, aim=f"{kept} >= 0.8")
    table = threshold_sweep(*scored)
    enough = table[table[kept] >= 0.8]
    assert found.reached
    assert found.row[kept] >= 0.8
    assert found.row[other] == enough[other].max()


def test_a_precision_out_of_reach_is_said_so():
    found = choose_threshold([0, 1, 0, 1], [0.9, 0.8, 0.7, 0.1], aim="precision>=0.9")
    assert not found.reached
    assert found.row["precision"] == pytest.approx(0.5)
    assert "No threshold reaches this aim" in str(found)


def test_costs_of_elkan_2001():
    """Elkan (2001): with calibrated scores the best threshold is c(fp) / (c(fp) + c(fn))."""
    chance = np.linspace(0.05, 0.95, 19)
    scores = np.repeat(chance, 200)
    truth = np.concatenate([np.arange(200) < round(200 * p) for p in chance])
    found = choose_threshold(truth, scores, aim="cost:fp=1,fn=5")
    assert found.value == pytest.approx(0.2)  # the first score above 1/6
    assert choose_threshold(truth, scores, aim="cost:fp=3,fn=1").value == pytest.approx(0.75)


def test_taking_nothing_can_be_best():
    found = choose_threshold([1, 0, 0, 0], [0.1, 0.2, 0.3, 1.0], aim="accuracy")
    assert not found.apply([1.0, 0.1]).any()
    assert "nothing as positive" in found.words
    assert np.isnan(found.row["precision"])


def test_of_equal_thresholds_the_middle_one_is_taken_and_few_positives_are_said():
    found = choose_threshold([0, 0, 1, 1], [0.1, 0.4, 0.6, 0.9], aim="precision>=0.5")
    assert found.value == 0.6
    assert "2 positive items" in found.words


@pytest.mark.parametrize(
    ("truth", "aim", "message"),
    [
        ([0, 1], "best", "unknown"),
        ([0, 1], "precision>=90", r"Write 0\.9 for 90 %"),
        ([0, 1], "precision>=1.2.3", "between 0 and 1"),
        ([1, 1], "f1", "items of both kinds"),
        ([1, 2], "f1", "positive"),
    ],
)
def test_a_bad_aim(truth, aim, message):
    with pytest.raises(ParameterError, match=message):
        choose_threshold(truth, [0.2, 0.7], aim=aim)
