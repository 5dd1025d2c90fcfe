"""Calibration tables and threshold sweeps, against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from mediacorpus.errors import ParameterError
from mediacorpus.stats.calibration import calibration_error, reliability, threshold_sweep


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    chance = rng.random(400)
    return rng.random(400) < chance, chance


def test_reliability_agrees_with_scikit_learn(data):
    observed, predicted = calibration_curve(*data, n_bins=10)
    found = reliability(*data, bins=10, strategy="uniform")
    np.testing.assert_allclose(found["observed"], observed)
    np.testing.assert_allclose(found["predicted"], predicted)
    assert found["n"].sum() == 400
    assert ((found["low"] < found["observed"]) & (found["observed"] < found["high"])).all()


def test_the_ends_of_the_range_are_in_the_first_and_last_bin():
    found = reliability([0, 1], [0.0, 1.0], bins=5, strategy="uniform")
    assert found[["from", "to"]].values.tolist() == [[0, 0.2], [0.8, 1]]


def test_calibration_error_of_a_known_table():
    positive = [1, 0, 1, 1]
    error = calibration_error(
        reliability(positive, [0.25, 0.25, 0.75, 0.75], bins=2, strategy="uniform")
    )
    assert error == pytest.approx(0.25)


def test_sweep_agrees_with_scikit_learn_at_each_threshold(data):
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
