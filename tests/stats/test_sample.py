"""Confusion matrices and the ratios of their cells, against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from mediacorpus.stats.sample import confusion_matrix as of_sample
from mediacorpus.stats.sample import mean_defined, read_sample

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
