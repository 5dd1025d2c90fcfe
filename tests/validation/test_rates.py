"""Rates by group: against scikit-learn, and the rules of who is compared with whom."""

import numpy as np
import pytest
from sklearn import metrics

from mediacorpus.validation.rates import (
    MISSING,
    REST,
    difference_rows,
    group_counts,
    heterogeneity_rows,
    rate_of,
    score_rows,
)

RNG = np.random.default_rng(6)
TRUE = RNG.integers(0, 3, 400).astype(str)
SAID = np.where(RNG.random(400) < 0.7, TRUE, RNG.integers(0, 3, 400).astype(str))
GROUP = RNG.choice(["x", "y", "z", MISSING], 400, p=[0.4, 0.3, 0.2, 0.1])


@pytest.fixture(scope="module")
def counts():
    return group_counts(TRUE, SAID, GROUP, classes=["0", "1", "2"])


def test_rates_are_those_of_scikit_learn(counts):
    found = score_rows(counts, level=0.95).set_index(["group", "class", "score"])["estimate"]
    for group in np.unique(GROUP):
        true, said = TRUE[group == GROUP], SAID[group == GROUP]
        assert found[group, "", "accuracy"] == pytest.approx(metrics.accuracy_score(true, said))
        parts = metrics.precision_recall_fscore_support(true, said, labels=["0", "1", "2"])
        for name, values in zip(("precision", "recall", "f1"), parts, strict=False):
            mine = [found[group, label, name] for label in ("0", "1", "2")]
            np.testing.assert_allclose(mine, values)
        assert found[group, "1", "selection_rate"] == pytest.approx((said == "1").mean())
        assert found[group, "1", "base_rate"] == pytest.approx((true == "1").mean())
        alarms = (said[true != "1"] == "1").mean()
        assert found[group, "1", "false_positive_rate"] == pytest.approx(alarms)


def test_the_rest_is_all_others_that_have_a_group(counts):
    found = difference_rows(counts, reference=None, level=0.95, least=30)
    assert set(found["group"]) == {"x", "y", "z"}
    assert set(found["against"]) == {REST}
    row = found[(found["group"] == "x") & (found["score"] == "accuracy")].iloc[0]
    others = (GROUP != "x") & (GROUP != MISSING)
    assert row["other"] == pytest.approx((TRUE == SAID)[others].mean())
    assert found.loc[found["score"] == "base_rate", "p"].isna().all()
    assert (found["score"] == "accuracy").sum() == 3


def test_a_reference_is_compared_with_each(counts):
    found = difference_rows(counts, reference="y", level=0.95, least=30)
    assert set(found["group"]) == {"x", "z"}
    assert set(found["against"]) == {"y"}


def test_small_groups_are_not_compared_but_are_part_of_the_rest(counts):
    sizes = {g: int((g == GROUP).sum()) for g in ("x", "y", "z")}
    found = difference_rows(counts, reference=None, level=0.95, least=sizes["z"] + 1)
    assert set(found["group"]) == {"x", "y"}
    assert difference_rows(counts, reference="z", level=0.95, least=sizes["z"] + 1).empty
    overall = heterogeneity_rows(counts, least=sizes["z"] + 1)
    assert set(overall["groups"]) == {2}


def test_all_counts_add_up(counts):
    for row in counts.to_dict("records"):
        n = (row["group"] == GROUP).sum()
        assert row["tp"] + row["fp"] + row["fn"] + row["tn"] == n
        assert rate_of(row, "accuracy")[1] == n
