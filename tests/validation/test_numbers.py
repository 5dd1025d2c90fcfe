"""Scores of numbers and of several labels against numbers worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.validation.scores import score_numbers, score_several


def test_scores_of_numbers_by_hand() -> None:
    """Errors 1, 0, -1, 2: absolute mean 1, squares 6 / 4, mean 1/2."""
    truth, said = [1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 2.0, 6.0]
    found = {k: v.estimate for k, v in score_numbers(truth, said).scores.items()}
    assert found["mean_absolute_error"] == pytest.approx(1.0)
    assert found["root_mean_squared_error"] == pytest.approx(np.sqrt(1.5))
    assert found["bias"] == pytest.approx(0.5)
    assert found["r_squared"] == pytest.approx(1 - 6 / 5)
    assert found["pearson_r"] == pytest.approx(np.corrcoef(truth, said)[0, 1])


def test_intervals_hold_their_estimate() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=80)
    found = score_numbers(truth, truth + rng.normal(size=80) / 2)
    for interval in found.scores.values():
        assert interval.low < interval.estimate < interval.high
    assert found.to_frame()["score"].tolist() == list(found.scores)
    assert "mean absolute error" in str(found)
    json.dumps(found.to_dict())


def test_groups_widen_the_intervals() -> None:
    """Twenty groups of ten copies tell as much as twenty items."""
    rng = np.random.default_rng(1)
    truth = np.repeat(rng.normal(size=20), 10)
    said = truth + np.repeat(rng.normal(size=20), 10)
    alone = score_numbers(truth, said).scores["mean_absolute_error"]
    grouped = score_numbers(truth, said, groups=np.repeat(np.arange(20), 10).tolist())
    wide = grouped.scores["mean_absolute_error"]
    assert wide.estimate == alone.estimate
    assert wide.high - wide.low > 2 * (alone.high - alone.low)


def test_numbers_that_cannot_be_scored() -> None:
    with pytest.raises(ParameterError, match="at least two"):
        score_numbers([1.0], [1.0])
    with pytest.raises(ParameterError, match="as many of both"):
        score_numbers([1.0, 2.0], [1.0])


def test_a_constant_answer_has_no_correlation() -> None:
    found = score_numbers([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    assert np.isnan(found.scores["pearson_r"].estimate)
    assert found.scores["r_squared"].estimate == 0.0


def test_scores_of_several_labels_by_hand() -> None:
    """a: two of three found, none wrong, F1 4/5; b: one right, one wrong, F1 2/3."""
    truth = [["a"], ["a", "b"], ["a"], []]
    answers = [[0.9, 0.1], [0.8, 0.6], [0.2, 0.7], [0.1, 0.1]]
    found = score_several(truth, answers, ["a", "b"])
    assert found.exact_match.estimate == 0.75
    assert found.labels["a"].f1.estimate == pytest.approx(0.8)
    assert found.labels["b"].f1.estimate == pytest.approx(2 / 3)
    assert found.mean_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert set(found.to_frame()["class"]) == {"", "a", "b", "not a", "not b"}
    json.dumps(found.to_dict())
    assert "a: precision" in str(found)


def test_the_threshold_counts_from_itself_on() -> None:
    found = score_several([["a"], []], [[0.3], [0.2]], ["a"], threshold=0.3)
    assert found.exact_match.estimate == 1.0
    assert score_several([["a"], []], [[0.3], [0.2]], ["a"]).exact_match.estimate == 0.5


def test_labels_with_awkward_names_and_labels_nobody_has() -> None:
    truth, answers = [["absent"], [], ["absent"]], [[0.9, 0.1], [0.1, 0.2], [0.8, 0.1]]
    found = score_several(truth, answers, ["absent", "rare"])
    assert found.labels["absent"].f1.estimate == 1.0
    assert found.labels["rare"].n == 3
    assert found.mean_f1 >= 0.5


def test_groups_widen_the_intervals_of_labels() -> None:
    rng = np.random.default_rng(1)
    own = np.repeat(rng.integers(0, 2, 15), 10)
    given = np.repeat(rng.uniform(size=15), 10)
    truth = [["a"] if y else [] for y in own]
    groups = np.repeat(np.arange(15), 10).tolist()
    found = score_several(truth, given[:, None], ["a"])
    grouped = score_several(truth, given[:, None], ["a"], groups=groups)
    for alone, wide in (
        (found.labels["a"].accuracy, grouped.labels["a"].accuracy),
        (found.exact_match, grouped.exact_match),
    ):
        assert wide.estimate == alone.estimate
        assert wide.high - wide.low > 1.5 * (alone.high - alone.low)
