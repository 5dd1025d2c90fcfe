"""Calibration: identities, scikit-learn, textbook tables, and recovering a known temperature."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from mediacorpus.errors import ParameterError
from mediacorpus.stats.calibration import (
    apply_temperature,
    calibration_error,
    fit_temperature,
    reliability,
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
