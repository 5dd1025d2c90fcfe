"""Rows of the galleries."""

import numpy as np
import pandas as pd
import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.validation.mistakes import COLUMNS, least_certain, mistakes

CLASSES = ["ant", "bee", "cat"]


@pytest.fixture(scope="module")
def answers():
    rng = np.random.default_rng(0)
    n = 300
    items = [f"i{k:03}" for k in range(n)]
    truth = rng.choice(CLASSES, n)
    frame = pd.DataFrame(rng.dirichlet(np.ones(3), n), columns=CLASSES)
    return items, truth, frame


def test_every_row_is_an_error_and_most_confident_come_first(answers):
    items, truth, frame = answers
    found = mistakes(items, truth, probabilities=frame, per_kind=5)
    assert tuple(found.columns) == COLUMNS
    known = dict(zip(items, truth, strict=True))
    best = dict(zip(items, frame.idxmax(axis=1), strict=True))
    assert all(
        known[row.item] == row.gold != row.predicted == best[row.item] for row in found.itertuples()
    )
    for _, kind in found.groupby(["gold", "predicted"]):
        assert kind["probability"].is_monotonic_decreasing
        assert kind["rank"].tolist() == list(range(1, len(kind) + 1))
        assert len(kind) <= 5


def test_the_most_confident_errors_are_the_ones_kept(answers):
    items, truth, frame = answers
    few = mistakes(items, truth, probabilities=frame, per_kind=1)
    every = mistakes(items, truth, probabilities=frame, per_kind=1000)
    assert (
        every.groupby(["gold", "predicted"])["probability"].max().to_dict()
        == few.set_index(["gold", "predicted"])["probability"].to_dict()
    )
    assert len(every) == (truth != frame.idxmax(axis=1).to_numpy()).sum()
    assert every["of"].drop_duplicates().is_monotonic_decreasing
    sizes = every.groupby(["gold", "predicted"]).size()
    assert few.set_index(["gold", "predicted"])["of"].to_dict() == sizes.to_dict()


def test_order_of_the_items_does_not_matter(answers):
    items, truth, frame = answers
    frame = frame.round(1)
    frame = frame.div(frame.sum(axis=1), axis=0)
    back = mistakes(items[::-1], truth[::-1], probabilities=frame.iloc[::-1])
    pd.testing.assert_frame_equal(mistakes(items, truth, probabilities=frame), back)


def test_no_errors_give_an_empty_table_with_its_columns():
    found = mistakes(["x"], ["a"], probabilities=pd.DataFrame({"a": [0.9], "b": [0.1]}))
    assert found.empty
    assert "probability" in found.columns


def test_probability_of_the_true_class_is_there():
    found = mistakes(["x"], ["a"], probabilities=pd.DataFrame({"a": [0.2], "b": [0.8]}))
    assert found.loc[0, ["probability", "probability_of_gold"]].tolist() == [0.8, 0.2]


def test_least_certain_has_the_smallest_margins(answers):
    items, _, frame = answers
    found = least_certain(items, probabilities=frame, count=7)
    sorted_rows = np.sort(frame.to_numpy(), axis=1)
    margins = np.sort(sorted_rows[:, -1] - sorted_rows[:, -2])[:7]
    np.testing.assert_allclose(found["margin"], margins)
    assert (found["predicted"] != found["second"]).all()
    assert found["rank"].tolist() == list(range(1, 8))


def test_wrong_input_is_named(answers):
    items, truth, frame = answers
    with pytest.raises(ParameterError, match="Name the classes"):
        mistakes(items, truth, probabilities=frame.to_numpy())
    with pytest.raises(ParameterError, match="299 items and 300 rows"):
        mistakes(items[1:], truth, probabilities=frame)
    with pytest.raises(ParameterError, match="300 items and 299 true"):
        mistakes(items, truth[1:], probabilities=frame)
    with pytest.raises(ParameterError, match="none of the classes"):
        mistakes(["x"], ["dog"], probabilities=frame[:1])
    with pytest.raises(ParameterError, match="At least one row"):
        mistakes(items, truth, probabilities=frame, per_kind=0)
    with pytest.raises(ParameterError, match="needs two classes"):
        least_certain(["x"], probabilities=pd.DataFrame({"a": [1.0]}))
