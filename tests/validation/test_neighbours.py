"""Nearest embeddings by cosine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from mediacorpus.errors import ParameterError
from mediacorpus.validation.neighbours import Reference, nearest


@given(st.integers(0, 1000), st.integers(1, 30))
def test_it_agrees_with_scikit_learn(seed: int, k: int):
    rng = np.random.default_rng(seed)
    vectors, query = rng.normal(size=(20, 6)), rng.normal(size=6)
    indices, cosine = nearest(vectors, query, k)
    theirs = cosine_similarity(vectors, query[None])[:, 0]
    assert cosine == pytest.approx(np.sort(theirs)[::-1][:k])
    assert theirs[indices] == pytest.approx(cosine)


def test_zeros_are_like_nothing():
    _, cosine = nearest(np.array([[0.0, 0], [1, 0]]), np.array([3.0, 0]), 2)
    assert cosine.tolist() == [1, 0]
    assert nearest(np.eye(2), np.zeros(2), 2)[1].tolist() == [0, 0]


def test_the_picture_itself_is_left_out():
    reference = Reference(["a", "b", "c"], ["x", "y", "y"], np.eye(3) + 0.1)
    near = reference.nearest(np.array([1.1, 0.1, 0.1]), 2, item="a")
    assert [one.item for one in near] == ["b", "c"]
    assert reference.nearest(np.ones(3), 0) == []
    assert len(reference.nearest(np.ones(3), 99)) == 3


def test_bad_input_is_refused():
    with pytest.raises(ParameterError, match=r"\(N, D\)"):
        nearest(np.eye(2), np.ones(3), 1)
    with pytest.raises(ParameterError, match="At least one"):
        nearest(np.eye(2), np.ones(2), 0)
    with pytest.raises(ParameterError, match="each item"):
        Reference(["a"], [], np.eye(1))
