"""Scores over groups: the same estimates, and intervals against resampling by hand."""

import numpy as np
import pytest
from sklearn import metrics

from mediacorpus.errors import ParameterError
from mediacorpus.stats.metric import metrics as registered
from mediacorpus.stats.resampling import replicates, resample
from mediacorpus.stats.sample import Sample
from mediacorpus.validation.scores import score


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    truth = np.repeat(rng.integers(0, 3, 60), 4)
    said = np.where(
        np.repeat(rng.random(60) < 0.75, 4), truth, np.repeat(rng.integers(0, 3, 60), 4)
    )
    chance = rng.dirichlet(np.ones(3), 240)
    chance[np.arange(240), said] += 1
    return truth, said, chance / chance.sum(axis=1, keepdims=True), np.repeat(np.arange(60), 4)


def test_estimates_are_those_of_score_and_intervals_are_wider(data):
    truth, said, chance, groups = data
    plain = score(truth, said, probabilities=chance)
    found = score(truth, said, groups=groups, probabilities=chance)
    for name, interval in plain.overall.items():
        other = found[name]
        assert other.estimate == pytest.approx(interval.estimate), name
        assert other.high - other.low > (interval.high - interval.low) * 1.1, name
    for one, other in zip(plain.per_class, found.per_class, strict=True):
        for part in ("precision", "recall", "f1"):
            assert other[part].estimate == pytest.approx(one[part].estimate)
    assert "60 groups" in found.notes[-1]


def test_intervals_agree_with_drawing_groups_and_scoring_with_scikit_learn(data):
    truth, said, _, groups = data

    drawn = []
    for times in np.concatenate(list(resample(np.ones(60, np.int64), repeats=150, seed=3))):
        at = np.repeat(np.arange(240), times[groups])
        drawn.append(
            [
                metrics.accuracy_score(truth[at], said[at]),
                metrics.f1_score(truth[at], said[at], average="macro"),
                metrics.recall_score(truth[at], said[at], labels=[1], average=None)[0],
                metrics.matthews_corrcoef(truth[at], said[at]),
            ]
        )
    by_hand = np.quantile(drawn, [0.025, 0.975], axis=0).T.tolist()
    found = score(truth, said, groups=groups, repeats=150, seed=3)
    assert found.accuracy.limits() == pytest.approx(by_hand[0])
    assert found["macro_f1"].limits() == pytest.approx(by_hand[1])
    assert found.per_class[1]["recall"].limits() == pytest.approx(by_hand[2])
    assert found["mcc"].limits() == pytest.approx(by_hand[3])


def test_probability_scores_of_drawn_groups_are_those_of_the_drawn_items(data):
    truth, _, chance, groups = data
    sample = Sample(truth, chance.argmax(axis=1), ("0", "1", "2"), matrix=chance)
    names = [one for one in registered() if one.name in {"roc_auc", "log_loss"}]
    statistic = replicates(sample, names, numbers=groups)
    draws = np.random.default_rng(1).multinomial(60, np.full(60, 1 / 60), size=3)
    for found, times in zip(statistic(draws), draws, strict=True):
        at = np.repeat(np.arange(240), times[groups])
        auc = metrics.roc_auc_score(truth[at], chance[at], multi_class="ovr")
        assert found[0] == pytest.approx(auc)
        assert found[1] == pytest.approx(metrics.log_loss(truth[at], chance[at]))


def test_every_item_its_own_group_is_score():
    truth, said = ["a", "b", "b", "a"], ["a", "b", "a", "a"]
    assert score(truth, said, groups=range(4)) == score(truth, said)


def test_no_errors_count_groups_not_items():
    """Twenty groups without an error tell as much as twenty items: Newcombe (1998), table 1."""
    truth = ["a", "b"] * 50
    found = score(truth, truth, groups=np.arange(100) // 5, positive="a")
    assert found.accuracy.limits() == pytest.approx([1 - 0.1611, 1], abs=5e-5)
    assert found.f1.high == 1
    assert found.f1.low < 1
    assert "too narrow" in found.notes[-1]


def test_binary_probabilities_of_a_positive_class():
    truth, chance = ["0", "0", "1", "1"] * 10, [0.1, 0.4, 0.35, 0.8] * 10
    said = ["1" if c >= 0.5 else "0" for c in chance]
    found = score(truth, said, groups=np.arange(40) // 8, probabilities=chance, positive="1")
    assert found["roc_auc"].estimate == pytest.approx(0.75)


def test_groups_must_fit():
    with pytest.raises(ParameterError, match="2 items and groups for 3"):
        score(["a", "b"], ["a", "b"], groups=[1, 2, 3])
