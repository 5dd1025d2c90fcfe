"""Rows of the galleries."""

import numpy as np
import pandas as pd
import pytest

from mediacorpus.stats.sample import read_sample
from mediacorpus.validation.predictions import COLUMNS
from mediacorpus.validation.predictions import mistakes as of_sample

CLASSES = ["ant", "bee", "cat"]


def mistakes(items, truth, *, probabilities):
    """List the errors of the most probable class."""
    classes = list(probabilities.columns)
    said = probabilities.idxmax(axis=1).tolist()
    sample = read_sample(list(truth), said, classes, probabilities=probabilities)
    return of_sample(items, sample)


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
    found = mistakes(items, truth, probabilities=frame)
    assert tuple(found.columns) == COLUMNS
    known = dict(zip(items, truth, strict=True))
    best = dict(zip(items, frame.idxmax(axis=1), strict=True))
    assert all(
        known[row.item] == row.gold != row.predicted == best[row.item] for row in found.itertuples()
    )
    for _, kind in found.groupby(["gold", "predicted"]):
        assert kind["probability"].is_monotonic_decreasing
        assert kind["rank"].tolist() == list(range(1, len(kind) + 1))
        assert set(kind["of"]) == {len(kind)}


def test_the_most_confident_errors_are_the_ones_kept(answers):
    items, truth, frame = answers
    every = mistakes(items, truth, probabilities=frame)
    few = every[every["rank"] == 1]
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
