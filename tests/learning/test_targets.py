"""Targets: encoding, losses against numbers worked out by hand, and answers as exported."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mediacorpus.errors import TrainingError, UnknownName
from mediacorpus.learning.targets import (
    Target,
    TargetKind,
    make_target,
    number,
    split_values,
    target_of,
)

CLASSES = Target(TargetKind.CLASSES, ("a", "b", "c"))
RANKS = Target(TargetKind.ORDINAL, ("low", "mid", "high"))
SEVERAL = Target(TargetKind.MULTILABEL, ("crowd", "flags"))
SCALE = Target(TargetKind.SCALE, ("value",), 5.0, 2.0, 0.0, 10.0)

logits3 = arrays(np.float64, st.tuples(st.integers(1, 5), st.just(3)), elements=st.floats(-60, 60))
logits2 = arrays(np.float64, st.tuples(st.integers(1, 5), st.just(2)), elements=st.floats(-60, 60))


def bce(p: float, y: float) -> float:
    return -(y * math.log(p) + (1 - y) * math.log(1 - p))


def test_outputs() -> None:
    assert [t.outputs for t in (CLASSES, RANKS, SEVERAL, SCALE)] == [3, 2, 2, 1]


def test_labels_are_encoded() -> None:
    assert CLASSES.encode(["c", "a"]).tolist() == [2, 0]
    assert RANKS.encode(["low", "high"]).tolist() == [0, 2]
    assert SEVERAL.encode(["flags| crowd", "flags", "|"]).tolist() == [[1, 1], [0, 1], [0, 0]]
    assert SCALE.encode(["7", "5.0", " 1 "]).tolist() == [1.0, 0.0, -2.0]
    assert SCALE.encode([]).shape == (0,)
    assert CLASSES.encode([]).dtype == np.int64


def test_cross_entropy_by_hand() -> None:
    """-log(e^2 / (e^2 + e^0 + e^1)), then with a tenth of the label spread over three classes."""
    logits = torch.tensor([[2.0, 0.0, 1.0]])
    total = math.exp(2) + 1 + math.e
    logs = [2 - math.log(total), -math.log(total), 1 - math.log(total)]
    y = torch.tensor([0])
    assert CLASSES.loss(logits, y).item() == pytest.approx(-logs[0], rel=1e-5)
    smooth = Target(TargetKind.CLASSES, ("a", "b", "c"), smoothing=0.1)
    by_hand = -(0.9 * logs[0] + 0.1 / 3 * sum(logs))
    assert smooth.loss(logits, y).item() == pytest.approx(by_hand, rel=1e-5)


def test_weighted_cross_entropy_by_hand() -> None:
    """The weighted mean divides by the sum of the weights, not by the number of images."""
    logits, y = torch.zeros(2, 3), torch.tensor([0, 1])
    weights = torch.tensor([3.0, 1.0, 1.0])
    assert CLASSES.loss(logits, y, weights).item() == pytest.approx(math.log(3), rel=1e-5)
    logits = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    first = math.log(math.e + 2) - 1
    by_hand = (3 * first + math.log(3)) / 4
    assert CLASSES.loss(logits, y, weights).item() == pytest.approx(by_hand, rel=1e-5)


def test_loss_of_several_labels_by_hand() -> None:
    logits = torch.tensor([[0.0, math.log(3.0)]])  # probabilities 1/2 and 3/4
    y = torch.tensor([[1.0, 0.0]])
    by_hand = (bce(0.5, 1) + bce(0.75, 0)) / 2
    assert SEVERAL.loss(logits, y).item() == pytest.approx(by_hand, rel=1e-5)
    smooth = Target(TargetKind.MULTILABEL, ("crowd", "flags"), smoothing=0.2)
    by_hand = (bce(0.5, 0.9) + bce(0.75, 0.1)) / 2
    assert smooth.loss(logits, y).item() == pytest.approx(by_hand, rel=1e-5)
    weights = torch.tensor([4.0, 1.0])
    by_hand = (4 * bce(0.5, 1) + bce(0.75, 0)) / 2
    assert SEVERAL.loss(logits, y, weights).item() == pytest.approx(by_hand, rel=1e-5)


def test_loss_of_ranks_by_hand() -> None:
    """The middle of three ranks is above the first threshold and not above the second."""
    logits = torch.tensor([[0.0, math.log(3.0)]])
    assert RANKS.above(torch.tensor([0, 1, 2])).tolist() == [[0, 0], [1, 0], [1, 1]]
    by_hand = (bce(0.5, 1) + bce(0.75, 0)) / 2
    assert RANKS.loss(logits, torch.tensor([1])).item() == pytest.approx(by_hand, rel=1e-5)


def test_loss_of_a_scale_by_hand() -> None:
    logits, y = torch.tensor([[1.0], [0.0]]), torch.tensor([0.0, 2.0])
    assert SCALE.loss(logits, y).item() == pytest.approx((1 + 4) / 2)


@pytest.mark.parametrize("target", [CLASSES, RANKS, SEVERAL, SCALE])
def test_targets_that_can_be_mixed_have_the_same_loss(target: Target) -> None:
    rng = np.random.default_rng(1)
    logits = torch.tensor(rng.normal(size=(6, target.outputs)), dtype=torch.float32)
    labels = {
        TargetKind.CLASSES: list("abcabc"),
        TargetKind.ORDINAL: ["low", "mid", "high"] * 2,
        TargetKind.MULTILABEL: ["crowd", "flags", "|", "crowd|flags"] + ["flags"] * 2,
        TargetKind.SCALE: ["1", "2", "3", "4", "5", "6"],
    }[target.kind]
    y = torch.from_numpy(target.encode(labels))
    plain, soft = target.loss(logits, y), target.loss(logits, target.mixable(y))
    assert soft.item() == pytest.approx(plain.item(), rel=1e-5)


def test_hits() -> None:
    assert CLASSES.hits(torch.tensor([[1.0, 0, 0], [0, 0, 1]]), torch.tensor([0, 1])) == 1
    assert RANKS.hits(torch.tensor([[1.0, -1], [1, 1], [-1, -1]]), torch.tensor([1, 1, 0])) == 2
    said, true = torch.tensor([[1.0, -1.0]]), torch.tensor([[1.0, 1.0]])
    assert SEVERAL.hits(said, true) == 0.5
    assert SCALE.hits(torch.tensor([[0.5], [3.0]]), torch.tensor([0.0, 0.0])) == 1


@given(logits3)
def test_probabilities_of_classes_sum_to_one(logits: np.ndarray) -> None:
    found = CLASSES.answer(logits)
    assert np.allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == logits.argmax(axis=1)).all() or np.allclose(
        found.max(axis=1), found[np.arange(len(found)), logits.argmax(axis=1)]
    )


@given(logits2)
def test_probabilities_of_ranks_sum_to_one(logits: np.ndarray) -> None:
    """Also where the thresholds contradict each other."""
    found = RANKS.answer(logits)
    assert found.shape == (len(logits), 3)
    assert (found >= 0).all()
    assert np.allclose(found.sum(axis=1), 1)


def test_ranks_by_hand() -> None:
    """Above the first with 3/4, above the second with 1/4: 1/4, 1/2, 1/4."""
    third = math.log(3.0)
    assert np.allclose(RANKS.answer(np.array([[third, -third]])), [[0.25, 0.5, 0.25]])
    # 1/4 and 3/4 contradict: 3/4, -1/2 → 0, 3/4, over their sum 3/2
    assert np.allclose(RANKS.answer(np.array([[-third, third]])), [[0.5, 0, 0.5]])


@given(arrays(np.float64, st.tuples(st.integers(0, 5), st.just(1)), elements=st.floats(-1e6, 1e6)))
def test_a_scale_keeps_to_what_was_seen(logits: np.ndarray) -> None:
    found = SCALE.answer(logits)
    assert ((found >= 0) & (found <= 10)).all()
    inside = np.abs(logits) < 2.4
    assert np.allclose(found[inside], logits[inside] * 2 + 5)


def test_no_answers_for_nothing() -> None:
    for target in (CLASSES, RANKS, SEVERAL, SCALE):
        assert len(target.answer(np.zeros((0, target.outputs)))) == 0


def test_scores_by_hand() -> None:
    found = CLASSES.scores(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]), np.array([0, 1]))
    assert found["accuracy"] == 0.5
    assert found["log_loss"] == pytest.approx(-(math.log(0.5) + math.log(0.1)) / 2)
    ranks = RANKS.scores(np.array([[0.5, 0.5, 0.0], [0, 0, 1.0]]), np.array([0, 2]))
    assert ranks["mean_absolute_error"] == pytest.approx(0.25)
    scale = SCALE.scores(np.array([[5.0], [8.0]]), SCALE.encode(["4", "8"]))
    assert scale["mean_absolute_error"] == pytest.approx(0.5)
    assert scale["r_squared"] == pytest.approx(1 - 1 / 8)
    several = SEVERAL.scores(np.array([[0.9, 0.2], [0.4, 0.6]]), np.array([[1, 0], [1, 1.0]]))
    assert several["accuracy"] == 0.75
    assert several["exact_match"] == 0.5


def test_a_scale_of_one_validation_image_has_no_r_squared_to_tell() -> None:
    assert SCALE.scores(np.array([[5.0]]), SCALE.encode(["4"]))["r_squared"] == 0.0


@settings(max_examples=25)
@example([1.9, 1.9, 1.9])  # their deviation comes out as 2e-16
@given(st.lists(st.floats(-1e3, 1e3).map(lambda v: round(v, 3)), min_size=2, max_size=9))
def test_a_scale_is_standardized_by_its_training_part(values: list[float]) -> None:
    labels = [str(v) for v in values]
    if len(set(values)) == 1:
        with pytest.raises(TrainingError, match="same value"):
            make_target("scale", labels, labels)
        return
    target = make_target("scale", [*labels, "99999"], labels)
    encoded = target.encode(labels).astype(float)
    assert abs(encoded.mean()) < 1e-3
    assert (target.low, target.high) == (min(values), max(values))
    assert np.allclose(target.answer(encoded[:, None])[:, 0], values, rtol=1e-4, atol=1e-2)


def test_a_target_survives_its_card() -> None:
    for target in (CLASSES, RANKS, SEVERAL, SCALE):
        card = {"classes": list(target.classes), "target": target.to_dict()}
        assert target_of(card) == target


def test_ranks_are_ordered_as_asked() -> None:
    labels = ["high", "low", "mid"]
    asked = make_target("ordinal", labels, labels, order=["low", "mid", "high"])
    assert asked.classes == ("low", "mid", "high")
    assert make_target("ordinal", ["3", "20", "1.5"], []).classes == ("1.5", "3", "20")
    with pytest.raises(TrainingError, match="lacks the value 'mid'"):
        make_target("ordinal", labels, labels, order=["low", "high"])
    with pytest.raises(TrainingError, match="twice"):
        make_target("ordinal", labels, labels, order=["low", "mid", "mid", "high"])


def test_labels_that_do_not_fit() -> None:
    with pytest.raises(UnknownName, match="multilabel"):
        make_target("multi", ["a"], ["a"])
    for label in ("tall", "nan", "inf", ""):
        with pytest.raises(TrainingError, match="numbers"):
            number(label)
    assert split_values("a || b|") == ["a", "b"]


def test_weights_of_ranks_weigh_each_image_by_its_rank() -> None:
    """By hand: the weighted mean over images of the losses at both thresholds."""
    logits = torch.tensor([[0.3, -1.0], [2.0, 0.5], [1.0, -0.2]], dtype=torch.float32)
    y = torch.tensor([0, 2, 0])
    weights = torch.tensor([0.75, 1.0, 1.5], dtype=torch.float32)
    each = [
        np.mean([bce(1 / (1 + math.exp(-x)), rank > step) for step, x in enumerate(row)])
        for row, rank in zip(logits.tolist(), y.tolist(), strict=True)
    ]
    wanted = np.average(each, weights=[0.75, 1.5, 0.75])
    assert float(RANKS.loss(logits, y, weights)) == pytest.approx(wanted)
    assert float(RANKS.loss(logits, RANKS.mixable(y), weights)) == pytest.approx(wanted)
    assert float(RANKS.loss(logits, y)) == pytest.approx(np.mean(each))
