"""Thresholds: sweeps against scikit-learn, and choices against trying them all."""

import numpy as np
import pytest
from sklearn import metrics

from mediacorpus.errors import ParameterError
from mediacorpus.stats.calibration import choose_threshold, threshold_sweep


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    scores = rng.random(300).round(2)  # with ties
    return rng.random(300) < scores, scores


def test_sweep_is_the_precision_recall_curve_of_scikit_learn(data):
    precision, recall, thresholds = metrics.precision_recall_curve(*data)
    found = threshold_sweep(*data)
    np.testing.assert_allclose(found["threshold"], thresholds)
    np.testing.assert_allclose(found["precision"], precision[:-1])
    np.testing.assert_allclose(found["recall"], recall[:-1])


def test_sweep_agrees_with_scikit_learn_at_each_threshold(data):
    truth, scores = data
    found = threshold_sweep(*data)
    for row in found.iloc[::13].to_dict("records"):
        said = scores >= row["threshold"]
        assert row["f1"] == pytest.approx(metrics.f1_score(truth, said))
        assert row["accuracy"] == pytest.approx(metrics.accuracy_score(truth, said))
        assert row["flagged"] == pytest.approx(said.mean())


def test_the_best_f1_and_accuracy_are_the_best_there_are(data):
    truth, scores = data
    for aim, of in (("f1", metrics.f1_score), ("accuracy", metrics.accuracy_score)):
        found = choose_threshold(*data, aim=aim)
        best = max(of(truth, scores >= t) for t in np.unique(scores))
        assert of(truth, found.apply(scores)) == pytest.approx(best)
        assert found.row[aim] == pytest.approx(best)


def test_youden_is_the_corner_of_the_roc_curve(data):
    alarms, hits, _ = metrics.roc_curve(*data, drop_intermediate=False)
    row = choose_threshold(*data, aim="youden").row
    assert row["recall"] - row["false_positive_rate"] == pytest.approx((hits - alarms).max())


@pytest.mark.parametrize("kept", ["precision", "recall"])
def test_a_floor_is_kept_and_the_other_score_is_the_best_possible(data, kept):
    other = "recall" if kept == "precision" else "precision"
    found = choose_threshold(*data, aim=f"{kept} >= 0.8")
    table = threshold_sweep(*data)
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
def test_bad_input(truth, aim, message):
    with pytest.raises(ParameterError, match=message):
        choose_threshold(truth, [0.2, 0.7], aim=aim)
