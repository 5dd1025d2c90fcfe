"""Scores: the textbook example, agreement with scikit-learn, and what is undefined."""

import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from mediacorpus.errors import ParameterError
from mediacorpus.validation.scores import score

PAIRS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=30
)


@pytest.fixture(scope="module")
def textbook():
    """815 images: TN 321, FP 72, FN 48, TP 374."""
    truth = ["0"] * 393 + ["1"] * 422
    predicted = ["0"] * 321 + ["1"] * 72 + ["0"] * 48 + ["1"] * 374
    return score(truth, predicted, positive="1")


def test_the_textbook_example(textbook):
    assert textbook.n == 815
    assert textbook.confusion == ((321, 72), (48, 374))
    assert round(textbook.accuracy.estimate, 3) == 0.853
    assert round(textbook.precision.estimate, 3) == 0.839
    assert round(textbook.recall.estimate, 3) == 0.886
    assert textbook.f1.estimate == pytest.approx(2 * 374 / (2 * 374 + 72 + 48))
    assert str(textbook.accuracy) == ".853 [.827, .875]"


def test_methods_of_the_intervals(textbook):
    assert (
        textbook.accuracy.method == textbook.recall.method == textbook.precision.method == "wilson"
    )
    assert textbook.f1.method == textbook["macro_f1"].method == "bootstrap"
    assert textbook.f1.low < textbook.f1.estimate < textbook.f1.high
    # Standard error by the delta method: F1 = 2J / (1 + J), J a share of TP + FP + FN items.
    jaccard, either = 374 / 494, 494
    error = 2 / (1 + jaccard) ** 2 * math.sqrt(jaccard * (1 - jaccard) / either)
    assert (textbook.f1.high - textbook.f1.low) / (2 * 1.96) == pytest.approx(error, rel=0.05)


def _theirs(truth, predicted, *, classes, average):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return metrics.precision_recall_fscore_support(
            truth, predicted, labels=classes, average=average, zero_division=np.nan
        )


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_agrees_with_scikit_learn(pairs):
    truth, predicted = map(list, zip(*pairs, strict=True))
    classes = list("abcde")
    ours = score(truth, predicted, classes=classes, repeats=2)
    assert ours.accuracy.estimate == pytest.approx(metrics.accuracy_score(truth, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        balanced = metrics.balanced_accuracy_score(truth, predicted)
    assert ours["balanced_accuracy"].estimate == pytest.approx(balanced)
    theirs = _theirs(truth, predicted, classes=classes, average=None)
    for i, part in enumerate(("precision", "recall", "f1")):
        mine = [one[part].estimate for one in ours.per_class]
        np.testing.assert_allclose(mine, theirs[i])
    assert [one.support for one in ours.per_class] == theirs[3].tolist()
    for average in ("macro", "weighted"):
        expected = _theirs(truth, predicted, classes=classes, average=average)[:3]
        found = [ours[f"{average}_{part}"].estimate for part in ("precision", "recall", "f1")]
        if average == "weighted" and math.isnan(found[0]):
            found, expected = found[1:], expected[1:]  # sklearn gives 0 / 0 weights as 0
        np.testing.assert_allclose(found, expected)


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_every_interval_holds_its_estimate_and_has_a_width(pairs):
    truth, predicted = map(list, zip(*pairs, strict=True))
    frame = score(truth, predicted, repeats=50).to_frame()
    known = frame[frame["estimate"].notna()]
    known = known[known["score"] != "mcc"]  # it may be -1, and has no limits in closed form
    wilsons = known[known["score"].isin(["accuracy", "precision", "recall"])]
    assert (wilsons["low"] <= wilsons["estimate"] + 1e-12).all()
    assert (wilsons["estimate"] <= wilsons["high"] + 1e-12).all()
    assert (known["low"] < known["high"]).all()
    assert known["low"].ge(0).all()
    assert known["high"].le(1).all()


def test_a_class_that_is_never_predicted_has_no_precision_and_a_recall_of_zero():
    found = score(["a", "a", "b"], ["a", "a", "a"])
    rare = found.per_class[1]
    assert not rare["precision"].defined
    assert rare["recall"].estimate == rare["f1"].estimate == 0
    assert found["macro_precision"].estimate == pytest.approx(2 / 3)
    assert found.to_dict()["per_class"]["b"]["precision"] is None
    assert "No item is predicted to be 'b': precision is undefined" in found.notes[0]
    assert "undefined" in str(found)


def test_a_class_that_never_truly_occurs_has_no_recall():
    found = score(["a", "a"], ["a", "b"])
    assert not found.per_class[1]["recall"].defined
    assert found["balanced_accuracy"].estimate == 0.5
    assert "No item truly is 'b'" in found.notes[0]


def test_many_undefined_classes_make_one_short_note():
    found = score(["c0"], ["c0"], classes=[f"c{i}" for i in range(30)], repeats=2)
    assert "or 24 more classes" in found.notes[0]
    assert len(found.notes) == 2


def test_one_item():
    found = score(["a"], ["a"])
    assert found.accuracy.limits() == pytest.approx([0.2065, 1], abs=5e-5)
    assert found.f1.estimate == 1
    wrong = score(["a"], ["b"])
    assert wrong.accuracy.estimate == wrong.f1.estimate == 0


def test_a_classifier_without_errors_still_has_intervals_with_a_width():
    labels = ["a"] * 20 + ["b"] * 20
    found = score(labels, labels, positive="b")
    assert found.f1.method == "wilson of Jaccard"
    assert found.f1.low == pytest.approx(2 * 0.8389 / 1.8389, abs=1e-4)
    assert found["macro_f1"].method == "mean of wilson limits"
    assert found["macro_recall"].low == pytest.approx(found.per_class[0]["recall"].low)
    assert found["macro_recall"].high == 1
    uneven = score(["a"] * 30 + ["b"] * 10, ["a"] * 30 + ["b"] * 10)
    lows = [one["recall"].low for one in uneven.per_class]
    assert uneven["weighted_recall"].low == pytest.approx((3 * lows[0] + lows[1]) / 4)


def test_headline_is_the_positive_class_or_the_macro_average():
    truth, predicted = list("aabb"), list("abbb")
    assert score(truth, predicted, positive="a").recall.estimate == 0.5
    assert score(truth, predicted, positive="b").recall.estimate == 1
    assert score(truth, predicted).recall.estimate == 0.75
    assert score(truth, predicted).to_dict()["average"] == "macro"


def test_the_positive_class_may_be_missing_from_a_sample_of_one_class():
    found = score(["0", "0"], ["0", "0"], positive="1")
    assert found.classes == ("0", "1")
    assert not found.precision.defined
    with pytest.raises(ParameterError, match="positive class 'yes' is none of the classes: 0, 1"):
        score(["0", "1"], ["0", "1"], positive="yes")


def test_numbers_and_text_are_the_same_labels():
    found = score(pd.Series([0, 1, 1]), np.array(["0", "1", "0"]), positive=1)
    assert found.positive == "1"
    assert found.accuracy.estimate == pytest.approx(2 / 3)


def test_frame_is_tidy_and_complete(textbook):
    frame = textbook.to_frame()
    assert list(frame.columns) == ["score", "class", "estimate", "low", "high", "n"]
    assert not frame.duplicated(["score", "class"]).any()
    row = frame.set_index(["score", "class"]).loc[("precision", "1")]
    assert (row["n"], round(row["estimate"], 3)) == (446, 0.839)
    assert frame.set_index(["score", "class"]).loc[("f1", "1"), "n"] == 374 + 72 + 48
    assert frame.loc[frame["score"] == "accuracy", "class"].tolist() == [""]


def test_dict_is_plain_json_and_matches_the_scores(textbook):
    found = json.loads(json.dumps(textbook.to_dict(), allow_nan=False))
    assert found["n"] == 815
    assert found["accuracy"] == textbook.accuracy.estimate
    assert found["intervals"]["f1"] == textbook.f1.limits()
    assert found["confusion_matrix"] == [[321, 72], [48, 374]]
    assert found["classes"] == ["0", "1"]
    assert found["per_class"]["0"]["support"] == 393
    assert found["average"] == "positive class"


def test_undefined_scores_are_null_in_json():
    found = score(["a"], ["b"], probabilities=pd.DataFrame({"a": [0.2], "b": [0.8]})).to_dict()
    text = json.dumps(found, allow_nan=False)
    assert found["roc_auc"] is None
    assert found["intervals"]["roc_auc"] is None
    assert "NaN" not in text


def test_confusion_frame_has_names(textbook):
    frame = textbook.confusion_frame()
    assert frame.loc["1", "0"] == 48
    assert (frame.index.name, frame.columns.name) == ("true", "predicted")


def test_same_seed_same_scores():
    truth, predicted = list("aabbbccc") * 5, list("abbbbcca") * 5
    assert score(truth, predicted, seed=4).to_dict() == score(truth, predicted, seed=4).to_dict()
    assert score(truth, predicted, seed=4) != score(truth, predicted, seed=5)


def test_a_higher_level_is_wider(textbook):
    truth = ["0"] * 50 + ["1"] * 50
    predicted = ["0"] * 40 + ["1"] * 60
    narrow, wide = (score(truth, predicted, positive="1", level=level) for level in (0.8, 0.99))
    assert wide.f1.low < narrow.f1.low < narrow.f1.high < wide.f1.high
    assert wide.accuracy.low < narrow.accuracy.low


def test_probability_scores_agree_with_scikit_learn_for_two_classes():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 120)
    chance = np.clip(rng.random(120) * 0.6 + 0.3 * truth, 0, 1).round(2)
    found = score(truth, (chance >= 0.5).astype(int), positive=1, probabilities=chance)
    assert found["roc_auc"].estimate == pytest.approx(metrics.roc_auc_score(truth, chance))
    assert found["average_precision"].estimate == pytest.approx(
        metrics.average_precision_score(truth, chance)
    )
    assert found["brier"].estimate == pytest.approx(metrics.brier_score_loss(truth, chance))
    assert found["log_loss"].estimate == pytest.approx(metrics.log_loss(truth, chance))
    assert found["roc_auc"].low < found["roc_auc"].estimate < found["roc_auc"].high


def test_probabilities_for_other_items_are_refused():
    with pytest.raises(ParameterError, match="probabilities for 1 items and labels for 2"):
        score(["a", "b"], ["a", "b"], probabilities=[0.5])


def test_sparse_classes_stay_fast():
    """A thousand classes are scored from the filled cells, not from a million."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 1000, 300)
    found = score(truth, truth[::-1], classes=[str(i) for i in range(1000)], repeats=200)
    assert len(found.per_class) == 1000
