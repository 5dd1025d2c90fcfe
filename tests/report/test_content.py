"""The facts that a report is made of refuse what would break it."""

import math

import numpy as np
import pandas as pd
import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.report.content import Evaluation, ModelFacts, Thumb


@pytest.mark.parametrize("uri", ["https://example.org/a.jpg", "a.jpg", "javascript:alert(1)", ""])
def test_thumbnails_must_be_inside_the_page(uri):
    with pytest.raises(ParameterError, match="data URI"):
        Thumb("3f2a", uri)


def test_scores_need_their_columns():
    with pytest.raises(ParameterError, match="'low'"):
        Evaluation("ants", scores=pd.DataFrame(columns=["score", "class", "estimate", "high", "n"]))


def test_confusion_matrix_must_fit_the_classes():
    with pytest.raises(ParameterError, match=r"\(2, 2\).*3 classes"):
        Evaluation("ants", confusion=np.eye(2, dtype=int), classes=("a", "b", "c"))


def test_predictions_need_their_columns():
    with pytest.raises(ParameterError, match="'records'"):
        ModelFacts("m", "v", "probe", predicted=pd.DataFrame({"class": ["a"], "items": [1]}))


def test_evaluation_without_items_has_no_baseline():
    empty = Evaluation("ants")
    assert (empty.n, empty.errors) == (0, 0)
    assert math.isnan(empty.baseline)
    assert empty.headline("accuracy") is None


def test_headline_scores_follow_the_positive_class():
    table = pd.DataFrame(
        [
            ("accuracy", "", 0.9, 0.8, 0.95, 50),
            ("macro_f1", "", 0.7, 0.6, 0.8, 50),
            ("f1", "yes", 0.5, 0.4, 0.6, 20),
            ("f1", "no", 0.9, 0.8, 0.95, 40),
        ],
        columns=["score", "class", "estimate", "low", "high", "n"],
    )
    assert Evaluation("v", scores=table).headline("f1") == (0.7, 0.6, 0.8)
    assert Evaluation("v", scores=table, positive="yes").headline("f1") == (0.5, 0.4, 0.6)
    assert Evaluation("v", scores=table, positive="yes").headline("accuracy") == (0.9, 0.8, 0.95)
    assert Evaluation("v", scores=table, positive="yes").headline("recall") is None
