"""The audit by groups: a published audit, error rates of the tests, and what is said."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

import mediacorpus as mc
from mediacorpus.errors import ParameterError, UnknownName
from mediacorpus.stats.sample import read_sample
from mediacorpus.stats.significance import benjamini_hochberg, holm
from mediacorpus.validation.printing import WIDTH
from mediacorpus.validation.subgroups import MISSING, REST
from mediacorpus.validation.subgroups import audit_groups as audit_sample


def sample_of(truth, predicted, *, probabilities=None, **facts):
    """Make a sample of labels of any type; one column of probabilities is of the second class."""
    if probabilities is not None and np.ndim(probabilities) == 1:
        probabilities = np.stack([1 - np.asarray(probabilities), probabilities], axis=1)
    labels = [[str(label) for label in side] for side in (truth, predicted)]
    return read_sample(*labels, probabilities=probabilities, **facts)


def audit_groups(truth, said, by, *, least=30, **facts):
    return audit_sample(sample_of(truth, said, **facts), by, least=least)


def rebuilt(cells):
    """Make truth, prediction and group from (group, tp, fp, fn, tn)."""
    truth, said, group = [], [], []
    for name, *counts in cells:
        for (t, s), n in zip((("1", "1"), ("0", "1"), ("1", "0"), ("0", "0")), counts, strict=True):
            truth += [t] * n
            said += [s] * n
            group += [name] * n
    return truth, said, group


@pytest.fixture(scope="module")
def compas():
    """Larson et al. (2016), *How we analyzed the COMPAS recidivism algorithm*: two tables."""
    truth, said, group = rebuilt([("black", 1369, 805, 532, 990), ("white", 505, 349, 461, 1139)])
    return audit_groups(truth, said, {"race": group}, positive="1")


def test_the_rates_of_compas(compas):
    """Larson et al. (2016) and Chouldechova (2017): FPR .45 and .23, FNR .28 and .48."""
    found = compas.scores.set_index(["group", "score"])["estimate"]
    assert found["black", "false_positive_rate"] == pytest.approx(0.4485, abs=5e-5)
    assert found["white", "false_positive_rate"] == pytest.approx(0.2345, abs=5e-5)
    assert 1 - found["black", "recall"] == pytest.approx(0.2799, abs=5e-5)
    assert 1 - found["white", "recall"] == pytest.approx(0.4772, abs=5e-5)
    assert found["black", "precision"] == pytest.approx(0.63, abs=5e-3)
    assert found["white", "precision"] == pytest.approx(0.59, abs=5e-3)


def test_compas_misses_equalized_odds_and_not_predictive_parity(compas):
    """Chouldechova (2017): precision is near parity while error rates are far from it."""
    found = set(compas.findings["score"])
    assert {"false_positive_rate", "recall", "selection_rate"} <= found
    assert "precision" not in found
    words = " ".join(compas.sentences())
    assert "equalized odds (Hardt et al., 2016) does not hold" in words
    assert "predictive parity (Chouldechova" not in words
    assert "Base rates differ by race" in words


def test_two_groups_are_compared_once_and_the_larger_is_the_reference(compas):
    assert set(compas.differences["group"]) == {"white"}
    assert set(compas.differences["against"]) == {"black"}
    row = compas.differences.set_index("score").loc["recall"]
    table = [[505, 461], [1369, 532]]
    assert row["p"] == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)
    assert row["difference"] == pytest.approx(505 / 966 - 1369 / 1901)
    assert row["low"] < row["difference"] < row["high"] < 0
    overall = compas.overall.set_index("score").loc["recall"]
    assert overall["p"] == pytest.approx(row["p"])


def test_p_values_are_corrected_over_all_columns():
    truth, said, group = rebuilt([("f", 30, 12, 10, 30), ("m", 45, 5, 5, 60)])
    other = ["n", "s", "e"] * 65 + ["n", "s"]
    audit = audit_groups(truth, said, {"sex": group, "region": other}, positive="1")
    raw = audit.differences["p"].to_numpy()
    assert np.isnan(raw).sum() == 4  # base rates
    np.testing.assert_allclose(audit.differences["p_corrected"], holm(raw))
    mild = audit.compared(correction="benjamini-hochberg")
    np.testing.assert_allclose(mild.differences["p_corrected"], benjamini_hochberg(raw))
    named = audit.compared({"region": "n"})
    assert set(named.differences.query("column == 'region'")["against"]) == {"n"}
    assert set(named.differences.query("column == 'sex'")["against"]) == {"m"}
    with pytest.raises(UnknownName, match="'x'"):
        audit.compared({"region": "x"})
    with pytest.raises(UnknownName, match="column"):
        audit.compared({"regions": "n"})
    with pytest.raises(UnknownName, match="holm"):
        audit.compared(correction="bonferroni")


@pytest.mark.slow
def test_few_false_alarms_where_groups_do_not_differ():
    """Holm (1979): at most 5 % of audits find anything at all."""
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(120):
        truth = rng.integers(0, 2, 240)
        said = np.where(rng.random(240) < 0.8, truth, 1 - truth)
        group = rng.choice(list("abc"), 240)
        alarms += not audit_groups(truth, said, {"g": group}, positive="1").findings.empty
    assert alarms / 120 <= 0.09


def test_a_planted_difference_is_found_and_put_in_words():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 900)
    group = rng.choice(["north", "south", "east"], 900)
    skill = np.where(group == "east", 0.6, 0.92)
    said = np.where(rng.random(900) < skill, truth, 1 - truth)
    audit = audit_groups(truth, said, {"region": group}, positive="1")
    worst = audit.findings.sort_values("p").iloc[0]
    assert worst["group"] == "east"
    assert worst["difference"] < -0.2
    first = audit.sentences()[0]
    assert first.startswith("region = east: accuracy .")
    assert "for the rest, difference -." in first
    assert any("differs between the 3 groups of region" in s for s in audit.sentences())


def test_small_and_missing_groups_are_shown_and_not_tested():
    truth, said, group = rebuilt(
        [("a", 30, 3, 4, 30), ("b", 25, 5, 6, 25), ("tiny", 0, 9, 9, 0), (None, 0, 20, 20, 0)]
    )
    audit = audit_groups(truth, said, {"g": group}, positive="1")
    assert audit.scores["group"].unique().tolist() == ["a", "b", "tiny", "(missing)"]
    assert set(audit.scores.loc[audit.scores["small"], "group"]) == {"tiny"}
    assert set(audit.differences["group"]) == {"a", "b"}
    assert set(audit.overall["groups"]) == {2}
    words = audit.sentences()
    assert "g = tiny has 18 items, under 30: shown with *, not tested." in words
    assert "40 items have no value of g: shown, not tested." in words
    assert "tiny*" in str(audit)


def test_nothing_found_and_nothing_to_test_are_told_apart():
    truth, said, group = rebuilt([("a", 30, 3, 4, 30), ("b", 30, 3, 4, 30)])
    assert "None of 6 differences" in audit_groups(truth, said, {"g": group}).sentences()[0]
    few = audit_groups(["a", "b"], ["a", "b"], {"g": ["x", "y"]})
    assert few.sentences()[0] == "No groups are large enough to be compared."
    assert few.differences.empty


def test_probabilities_give_the_area_under_the_curve_of_each_group():
    rng = np.random.default_rng(3)
    chance = rng.random(200)
    truth = (rng.random(200) < chance).astype(int)
    group = np.repeat(["x", "y"], 100)
    audit = audit_groups(
        truth, (chance > 0.5).astype(int), {"g": group}, probabilities=chance, positive="1"
    )
    found = audit.scores.set_index(["group", "score"])["estimate"]
    for name in ("x", "y"):
        own = group == name
        assert found[name, "roc_auc"] == pytest.approx(
            metrics.roc_auc_score(truth[own], chance[own])
        )
        assert found[name, "brier"] == pytest.approx(
            metrics.brier_score_loss(truth[own], chance[own])
        )
    assert "ROC AUC" in str(audit)


def test_each_class_in_turn_when_none_is_positive():
    rng = np.random.default_rng(4)
    truth = rng.choice(list("abc"), 200)
    audit = audit_groups(truth, truth, {"g": ["1"] * 100 + ["2"] * 100})
    assert set(audit.scores["class"]) == {"", "a", "b", "c"}
    assert set(audit.scores["group"]) == {"1", "2"}
    assert (audit.scores.query("score == 'accuracy'")["class"] == "").all()
    assert len(audit.differences.query("score == 'accuracy'")) == 1


def test_everything_can_be_shown_and_stored(compas):
    stored = json.loads(json.dumps(compas.to_dict(), allow_nan=False))
    assert len(stored["scores"]) == len(compas.scores) == 16
    assert stored["scores"][0]["group"] == "black"
    frame = compas.to_frame()
    assert len(frame) == 16
    assert frame["difference"].notna().sum() == 7
    shown = audit_groups(["a", "b"], ["a", "b"], {"<c>": ["<g>", "h"]})._repr_html_()
    assert "&lt;g&gt;" in shown
    assert "<g>" not in shown


RNG = np.random.default_rng(6)
TRUE = RNG.integers(0, 3, 400).astype(str)
SAID = np.where(RNG.random(400) < 0.7, TRUE, RNG.integers(0, 3, 400).astype(str))
GROUP = RNG.choice(["x", "y", "z", MISSING], 400, p=[0.4, 0.3, 0.2, 0.1])


def audited(**options):
    groups = [None if group == MISSING else group for group in GROUP]
    return audit_groups(TRUE, SAID, {"g": groups}, **options)


def test_rates_are_those_of_scikit_learn():
    found = audited().scores.set_index(["group", "class", "score"])["estimate"]
    for group in np.unique(GROUP):
        true, said = TRUE[group == GROUP], SAID[group == GROUP]
        assert found[group, "", "accuracy"] == pytest.approx(metrics.accuracy_score(true, said))
        mcc = metrics.matthews_corrcoef(true, said)
        assert found[group, "", "mcc"] == pytest.approx(mcc)
        parts = metrics.precision_recall_fscore_support(true, said, labels=["0", "1", "2"])
        for name, values in zip(("precision", "recall", "f1"), parts, strict=False):
            mine = [found[group, label, name] for label in ("0", "1", "2")]
            np.testing.assert_allclose(mine, values)
        assert found[group, "1", "selection_rate"] == pytest.approx((said == "1").mean())
        assert found[group, "1", "base_rate"] == pytest.approx((true == "1").mean())
        alarms = (said[true != "1"] == "1").mean()
        assert found[group, "1", "false_positive_rate"] == pytest.approx(alarms)


def test_the_rest_is_all_others_that_have_a_group():
    found = audited().differences
    assert set(found["group"]) == {"x", "y", "z"}
    assert set(found["against"]) == {REST}
    row = found[(found["group"] == "x") & (found["score"] == "accuracy")].iloc[0]
    others = (GROUP != "x") & (GROUP != MISSING)
    assert row["other"] == pytest.approx((TRUE == SAID)[others].mean())
    assert found.loc[found["score"] == "base_rate", "p"].isna().all()
    assert (found["score"] == "accuracy").sum() == 3


def test_a_reference_is_compared_with_each():
    found = audited().compared({"g": "y"}).differences
    assert set(found["group"]) == {"x", "z"}
    assert set(found["against"]) == {"y"}


def test_small_groups_are_not_compared_but_are_part_of_the_rest():
    least = int((GROUP == "z").sum()) + 1
    found = audited(least=least)
    assert set(found.differences["group"]) == {"x", "y"}
    assert found.compared({"g": "z"}).differences.empty
    assert set(found.overall["groups"]) == {2}


def test_denominators_are_counts_of_items():
    for row in audited().counts.to_dict("records"):
        n = (row["group"] == GROUP).sum()
        assert row["items"] == n
        assert 0 <= row["top"] <= row["bottom"] <= n
        if row["score"] in {"accuracy", "base_rate", "selection_rate"}:
            assert row["bottom"] == n


made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("audit"))


def test_groups_by_a_column(corpus: mc.Corpus) -> None:
    frame = corpus.audit("first", against="red", by="region").to_frame()
    assert {"north", "south"} <= set(frame["group"])
    assert set(frame["by" if "by" in frame else "column"]) == {"region"}


def test_groups_by_labels_and_several_columns(corpus: mc.Corpus) -> None:
    found = corpus.audit("first", against="red", by=["region", "tags"])
    assert "tags" in str(found)
    again = corpus.audit("first", against="red", by="region, tags")
    assert again.to_dict() == found.to_dict()
    assert "audit" in set(corpus.runs()["verb"])


def test_what_cannot_be_audited(corpus: mc.Corpus) -> None:
    with pytest.raises(ParameterError, match="--by gender"):
        corpus.audit("first", against="red", by=[])
    with pytest.raises(ParameterError, match="No record has"):
        corpus.audit("first", against="red", by="gender")
    for name in ("degree", "several"):
        with pytest.raises(ParameterError, match="does not learn classes"):
            corpus.audit(name, against="red", by="region")
    assert corpus.audit("idle", against="red", by="region").n > 0, "it is applied first"
    with pytest.raises(UnknownName):
        corpus.audit("third", against="red", by="region")


def test_one_row_for_each_group_and_class():
    truth = ["a", "b", "c"] * 40
    audit = audit_groups(truth, truth, {"g": ["x", "y"] * 60, "h": ["z"] * 120})
    lines = str(audit).splitlines()
    assert lines[0] == "120 items by g, h, 95 % confidence intervals"
    tables = [table.splitlines() for table in str(audit).split("\n\n")[1:-1]]
    keys = [[line.split()[:3] for line in table[1:]] for table in tables]
    of_g, of_h = (
        [[g, c, n] for g in groups for c in "abc"] for groups, n in (("xy", "60"), ("z", "120"))
    )
    assert keys == [of_g, of_g, of_h, of_h]
    assert [table[0].split()[:4] for table in tables[::2]] == [
        ["g", "class", "items", "accuracy"],
        ["h", "class", "items", "accuracy"],
    ]
    assert max(map(len, lines)) <= WIDTH


def test_html_has_a_table_for_each_column():
    truth = ["a", "b"] * 40
    page = audit_groups(truth, truth, {"g": ["x", "y"] * 40, "h": ["z"] * 80})._repr_html_()
    assert page.count("<table>") == 2
    assert page.startswith('<div class="mediacorpus-audit">')


def test_a_long_tail_of_small_groups_is_one_line():
    """Forty authors of one image, two of two, one of thirty: the large one and five are told."""
    truth = ["a", "b"] * 37
    authors = ["big"] * 30 + ["two"] * 2 + ["pair"] * 2 + [f"n{place}" for place in range(40)]
    audit = audit_groups(truth, truth, {"author": authors})
    lines = str(audit).splitlines()
    first = str(audit).split("\n\n")[1].splitlines()
    rows = [line.split()[0] for line in first if " b " in line]
    assert rows == ["big", "n0*", "n1*", "n10*", "pair*", "two*"]
    assert "and 37 more groups of fewer than 30 items: see -o FILE, --json or to_frame()" in lines
    assert "42 groups of author are under 30 items (*): not tested." in lines
    assert audit.to_frame()["group"].nunique() == 43
    assert "and 37 more groups of fewer than 30 items" in audit._repr_html_()


def test_few_small_groups_are_all_shown_and_counted_in_words():
    truth = ["a", "b"] * 18
    audit = audit_groups(truth, truth, {"g": ["x"] * 32 + ["y"] * 3 + ["z"], "h": ["v"] * 36})
    said = audit.sentences()
    assert "g = y (3 items) and z (1 item) are under 30: shown with *, not tested." in said
    assert not any("more groups" in line for line in str(audit).splitlines())
    one = audit_groups(truth, truth, {"g": ["x"] * 35 + ["y"]}).sentences()
    assert "g = y has 1 item, under 30: shown with *, not tested." in one
    gap = audit_groups(truth, truth, {"g": ["x"] * 35 + [None]}).sentences()
    assert "1 item has no value of g: shown, not tested." in gap
