"""The exported last step gives what `Target.answer` gives, for every kind of target."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mediacorpus.learning.export import linear_graph
from mediacorpus.learning.targets import Target, TargetKind
from mediacorpus.networks.onnx_session import open_session

TARGETS = (
    Target(TargetKind.CLASSES, ("a", "b", "c")),
    Target(TargetKind.CLASSES, ("no", "yes")),
    Target(TargetKind.MULTILABEL, ("one",)),
    Target(TargetKind.MULTILABEL, ("x", "y", "z")),
    Target(TargetKind.ORDINAL, ("1", "2")),
    Target(TargetKind.ORDINAL, ("1", "2", "3", "4", "5")),
    Target(TargetKind.SCALE, ("value",), 5.0, 2.5, 0.0, 10.0),
)


@functools.cache
def session(place: int) -> Any:
    """Make a graph whose embedding is the logits themselves."""
    target = TARGETS[place]
    same = np.eye(target.outputs, dtype=np.float32)
    return open_session(linear_graph(same, np.zeros(target.outputs, np.float32), target))


@pytest.mark.parametrize("place", range(len(TARGETS)))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_graph_answers_as_the_target_does(place: int, data: st.DataObject) -> None:
    target = TARGETS[place]
    shape = st.tuples(st.integers(0, 4), st.just(target.outputs))
    logits = data.draw(arrays(np.float32, shape, elements=st.floats(-50, 50, width=32)))
    (found,) = session(place).run(["probabilities"], {"embedding": logits})
    assert found.dtype == np.float32
    assert np.allclose(found, target.answer(logits), atol=2e-6)
    if target.kind in {TargetKind.CLASSES, TargetKind.ORDINAL}:
        assert np.allclose(found.sum(axis=1), 1, atol=1e-5)


def test_the_answer_is_the_only_output() -> None:
    for place in range(len(TARGETS)):
        assert [out.name for out in session(place).get_outputs()] == ["probabilities"]


def test_the_linear_layer_comes_first() -> None:
    """Logits 2 - 1 = 1 and 0: softmax gives e / (e + 1)."""
    weight, bias = np.array([[1.0, 0.0], [0.0, 0.0]], "f4"), np.array([-1.0, 0.0], "f4")
    graph = linear_graph(weight, bias, Target(TargetKind.CLASSES, ("a", "b")))
    (found,) = open_session(graph).run(None, {"embedding": np.array([[2.0, 7.0]], "f4")})
    assert found[0, 0] == pytest.approx(np.e / (np.e + 1), rel=1e-5)
