"""Agreement of coders, against published worked examples."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from mediacorpus.coding.gold import ratings_of
from mediacorpus.errors import LabelError, ParameterError, UnknownName
from mediacorpus.stats.agreement import (
    cohens_kappa,
    krippendorff_alpha,
    percent_agreement,
)

_ = None
FOUR = pd.DataFrame(
    {
        "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        "C": [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    }
)
"""Krippendorff (2011), section C: four observers, twelve units, values missing."""


@pytest.mark.parametrize(
    ("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_krippendorffs_example(level, alpha):
    """Krippendorff (2011), sections C and D."""
    assert krippendorff_alpha(FOUR, level=level) == pytest.approx(alpha, abs=5e-4)


def test_krippendorffs_two_observers():
    """Krippendorff (2011), section A: ten units, two values, alpha 0.095."""
    table = pd.DataFrame(
        {"Meg": [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], "Owen": [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]}
    )
    assert krippendorff_alpha(table) == pytest.approx(0.095, abs=5e-4)
    assert percent_agreement(table) == pytest.approx(0.6)


def test_kappa_of_a_textbook():
    """Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, table 18.1."""
    table = np.array([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    rows, columns = np.nonzero(table)
    pairs = [(r, c) for r, c in zip(rows, columns, strict=True) for _ in range(table[r, c])]
    first, second = zip(*pairs, strict=True)
    assert cohens_kappa(first, second) == pytest.approx(0.68, abs=5e-3)
    assert percent_agreement(pd.DataFrame(pairs)) == pytest.approx(0.89)


def test_kappa_is_that_of_scikit_learn():
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 4, (2, 200))
    assert cohens_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))


def test_what_cannot_be_told():
    assert math.isnan(krippendorff_alpha(pd.DataFrame({"x": ["a", "b"]})))
    assert math.isnan(krippendorff_alpha(pd.DataFrame({"x": ["a", "a"], "y": ["a", "a"]})))
    assert math.isnan(percent_agreement(pd.DataFrame({"x": ["a"], "y": [None]})))
    assert math.isnan(cohens_kappa(["a"], ["a"]))
    assert math.isnan(cohens_kappa([], []))
    with pytest.raises(ParameterError, match="gave 1 labels"):
        cohens_kappa(["a"], [])
    with pytest.raises(UnknownName, match="ratio"):
        krippendorff_alpha(FOUR, level="ratio")
    with pytest.raises(LabelError, match="'b'"):
        krippendorff_alpha(pd.DataFrame({"x": ["1"], "y": ["b"]}), level="interval")
    ranks = pd.DataFrame({"x": ["low"], "y": ["high"]})
    with pytest.raises(LabelError, match="lacks the value 'high'"):
        krippendorff_alpha(ranks, level="ordinal", order=["low", "middle"])


def test_an_order_of_names_counts():
    ranks = pd.DataFrame({"x": ["low", "middle", "high"], "y": ["middle", "middle", "high"]})
    near = krippendorff_alpha(ranks, level="ordinal", order=["low", "middle", "high"])
    far = krippendorff_alpha(ranks, level="ordinal", order=["low", "high", "middle"])
    assert near > far


def test_the_last_word_of_each_coder_counts():
    log = pd.DataFrame(
        {
            "item": ["a", "a", "a", "b"],
            "variable": "v",
            "coder": ["x", "y", "x", "x"],
            "value": ["no", "yes", "yes", "no"],
            "label": [1, 2, 3, 4],
        }
    )
    assert percent_agreement(ratings_of(log)) == 1
