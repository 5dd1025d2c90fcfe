"""Scores: textbook examples, scikit-learn, by hand, over groups, and as text."""

from __future__ import annotations

import json
import math
import warnings
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from mediacorpus.errors import ParameterError
from mediacorpus.stats.metric import metrics as registered
from mediacorpus.stats.resampling import replicates, resample
from mediacorpus.stats.sample import Sample, read_sample
from mediacorpus.validation.scores import score as score_sample
from mediacorpus.validation.scores import score_numbers, score_several

PAIRS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=30
)


def sample_of(truth, predicted, *, probabilities=None, **facts):
    """Make a sample of labels of any type; one column of probabilities is of the second class."""
    if probabilities is not None and np.ndim(probabilities) == 1:
        probabilities = np.stack([1 - np.asarray(probabilities), probabilities], axis=1)
    labels = [[str(label) for label in side] for side in (truth, predicted)]
    return read_sample(*labels, probabilities=probabilities, **facts)


def score(truth, predicted, *, groups=None, level=0.95, repeats=2000, seed=0, **facts):
    sample = sample_of(truth, predicted, **facts)
    return score_sample(sample, groups=groups, level=level, repeats=repeats, seed=seed)


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
    found = score(["a"], ["b"], probabilities=[[0.2, 0.8]]).to_dict()
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
    found = score(truth, (chance >= 0.5).astype(int), positive="1", probabilities=chance)
    assert found["roc_auc"].estimate == pytest.approx(metrics.roc_auc_score(truth, chance))
    assert found["average_precision"].estimate == pytest.approx(
        metrics.average_precision_score(truth, chance)
    )
    assert found["brier"].estimate == pytest.approx(metrics.brier_score_loss(truth, chance))
    assert found["log_loss"].estimate == pytest.approx(metrics.log_loss(truth, chance))
    assert found["roc_auc"].low < found["roc_auc"].estimate < found["roc_auc"].high


def test_sparse_classes_stay_fast():
    """A thousand classes are scored from the filled cells, not from a million."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 1000, 300)
    found = score(truth, truth[::-1], classes=[str(i) for i in range(1000)], repeats=200)
    assert len(found.per_class) == 1000


def test_text_table():
    truth = ["0"] * 393 + ["1"] * 422
    predicted = ["0"] * 321 + ["1"] * 72 + ["0"] * 48 + ["1"] * 374
    lines = str(score(truth, predicted, positive="1")).splitlines()
    assert lines[0] == "815 items, 2 classes, 95 % confidence intervals"
    assert lines[1].split(maxsplit=1) == ["accuracy", ".853 [.827, .875]"]
    positive = next(line for line in lines if line.startswith("1 (positive)"))
    assert ".839 [.802, .870]" in positive
    assert positive.endswith("422")
    assert max(map(len, lines)) <= 90
    assert not any(line != line.rstrip() for line in lines)


def test_columns_line_up():
    lines = str(score(["long class name", "b"], ["b", "b"])).splitlines()
    start = next(line for line in lines if "precision" in line).index("precision")
    assert next(line for line in lines if line.startswith("b")).index(".500 [") == start


def test_one_item_is_singular():
    assert str(score(["a"], ["a"])).startswith("1 item, 1 class,")


def test_many_classes_are_cut_and_counted():
    labels = [f"c{i:02}" for i in range(30)]
    text = str(score(labels, labels, repeats=2))
    assert "10 more classes are in to_frame()." in text
    assert "c19" in text
    assert "c20" not in text


def test_probability_scores_are_shown():
    text = str(score(["a", "b"], ["a", "b"], probabilities=[0.2, 0.8]))
    assert "ROC AUC" in text
    assert "Brier score" in text


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_well_formed_and_escaped():
    hostile = "<script>alert(1)</script>"
    page = score([hostile, "b"], ["b", "b"])._repr_html_()
    parser = _Tags()
    parser.feed(page)
    assert parser.open == []
    assert "script" not in parser.seen
    assert parser.seen.count("table") == 3


def test_html_leaves_out_a_huge_confusion_matrix():
    labels = [str(i) for i in range(40)]
    assert score(labels, labels, repeats=2)._repr_html_().count("<table>") == 2


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
