"""What models say: labels and probabilities in the order of the items."""

import numpy as np
import pandas as pd
import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.validation.answers import class_names, read_answers

TRUTH = pd.Series(["a", "b"], index=["x", "y"])


def test_a_frame_is_brought_into_order_and_columns_by_name():
    frame = pd.DataFrame({"b": [0.9, 0.2], "a": [0.1, 0.8]}, index=["y", "x"])
    found = read_answers("m", frame, truth=TRUTH, classes=["a", "b"])
    np.testing.assert_allclose(found.matrix, [[0.8, 0.2], [0.1, 0.9]])
    assert found.said.tolist() == [0, 1]


def test_an_item_that_comes_twice_is_refused():
    twice = pd.Series(["a", "b", "b"], index=["x", "y", "y"])
    with pytest.raises(ParameterError, match="twice"):
        read_answers("m", twice, truth=TRUTH, classes=["a", "b"])


def test_classes_are_those_of_the_frame_before_those_that_occur():
    frame = pd.DataFrame({"c": [0.5], "a": [0.5]})
    assert class_names(pd.Series(["a"]), {"m": frame}, None) == ["c", "a"]
    assert class_names(pd.Series(["10", "9"]), {"m": ["9", None]}, None) == ["9", "10"]
