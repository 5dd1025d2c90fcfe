"""Confusion matrices and the ratios of their cells, against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from mediacorpus.errors import ParameterError
from mediacorpus.stats.sample import as_labels, mean_defined, read_sample, sorted_classes
from mediacorpus.stats.sample import confusion_matrix as of_sample

PAIRS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1, max_size=40
)


def confusion_matrix(truth, predicted, classes=None):
    return of_sample(read_sample(truth, predicted, classes=classes))


@settings(deadline=None)
@given(PAIRS)
def test_confusion_matrix_agrees_with_scikit_learn(pairs):
    truth, predicted = zip(*pairs, strict=True)
    theirs = metrics.confusion_matrix(truth, predicted, labels=list("abcd"))
    assert np.array_equal(confusion_matrix(truth, predicted, list("abcd")), theirs)


def test_rows_are_truth_and_columns_are_predictions():
    assert confusion_matrix(["a", "a", "b"], ["b", "b", "b"]).tolist() == [[0, 2], [0, 1]]


def test_classes_keep_their_order_and_may_be_empty():
    assert confusion_matrix(["a"], ["b"], ["c", "b", "a"]).tolist() == [[0] * 3, [0] * 3, [0, 1, 0]]


def test_mean_leaves_out_what_is_undefined():
    values = np.array([0.5, np.nan, 1.0])
    assert mean_defined(values) == pytest.approx(0.75)
    assert mean_defined(values, [3, 5, 1]) == pytest.approx((1.5 + 1) / 4)
    assert np.isnan(mean_defined(values, [0, 5, 0]))


def test_labels_are_compared_as_text():
    assert as_labels([1, 1.0, "1", True, np.int64(1), np.float64(2)], "x") == [
        "1",
        "1",
        "1",
        "True",
        "1",
        "2",
    ]


@pytest.mark.parametrize("gap", [None, float("nan"), pd.NA])
def test_a_missing_label_is_counted_in_the_message(gap):
    with pytest.raises(ParameterError, match="truth has no label for 1 of 2 items"):
        confusion_matrix(["a", gap], ["a", "a"])


def test_numbers_sort_as_numbers_and_words_as_words():
    assert sorted_classes(["10", "9", "0.5"]) == ("0.5", "9", "10")
    assert sorted_classes(["b", "a", "b"]) == ("a", "b")


def test_wrong_input_is_named():
    with pytest.raises(ParameterError, match="1 true and 2 predicted"):
        confusion_matrix(["a"], ["a", "b"])
    with pytest.raises(ParameterError, match="no items"):
        confusion_matrix([], [])
    with pytest.raises(
        ParameterError, match="predicted holds 'z', which is none of the classes: a, b"
    ):
        confusion_matrix(["a"], ["z"], ["a", "b"])
    with pytest.raises(ParameterError, match="listed twice"):
        confusion_matrix(["a"], ["a"], ["a", "a"])


def test_series_in_different_order_are_refused_rather_than_mixed_up():
    truth = pd.Series(["a", "b"], index=["x", "y"])
    with pytest.raises(ParameterError, match="different pandas indexes"):
        confusion_matrix(truth, truth[::-1])
