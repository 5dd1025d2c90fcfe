"""Folds keep groups whole, so that a setting is not chosen by what it has learned by heart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacorpus.errors import ParameterError
from mediacorpus.learning import folds
from mediacorpus.learning.folds import division, folds_to_choose_by
from mediacorpus.learning.linear import PENALTIES, STRENGTHS, fit_linear, fit_logistic
from mediacorpus.learning.model import fingerprint_of
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.learning.shallow import ShallowSettings, fit_shallow
from mediacorpus.learning.targets import Target, TargetKind
from mediacorpus.records import Example

GROUPS, EACH, WIDTH = 30, 4, 40


def copies() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thirty images in four near-copies each, with labels that are mere chance.

    Who parts the copies believes that the labels can be learned.
    """
    rng = np.random.default_rng(1)
    x = np.repeat(rng.normal(size=(GROUPS, WIDTH)), EACH, axis=0)
    x += rng.normal(size=x.shape) * 0.01
    y = np.repeat(rng.permutation(np.arange(GROUPS) % 2), EACH)
    return x, y, np.repeat(np.arange(GROUPS), EACH)


def test_a_linear_model_is_not_deceived_by_copies() -> None:
    x, y, groups = copies()
    parted = fit_logistic(x, y)
    kept = fit_logistic(x, y, groups=groups)
    best = parted.curves["log_loss"].min(), kept.curves["log_loss"].min()
    assert best[0] < 0.2, "copies on both sides: it seems to be learned"
    assert best[1] > 0.6, "chance is .693"
    assert kept.strength < parted.strength
    assert kept.strength == STRENGTHS[0]


def test_a_scale_is_not_deceived_by_copies() -> None:
    x, _, groups = copies()
    values = np.repeat(np.random.default_rng(2).normal(size=GROUPS), EACH).astype(np.float32)
    target = Target(TargetKind.SCALE, ("value",))
    parted = fit_linear(x, values, target)
    kept = fit_linear(x, values, target, groups=groups)
    assert parted.curves["squared_error"].min() < 0.1
    assert kept.curves["squared_error"].min() > 0.5
    assert kept.strength < parted.strength
    alone = fit_linear(x, values, target, groups=np.zeros(len(x), np.int64))
    assert alone.curves.equals(parted.curves), "one group cannot be left out"
    assert len(kept.curves) == len(PENALTIES)


@pytest.mark.parametrize("model", ["logistic", "knn", "svm"])
def test_classic_models_are_not_deceived_by_copies(model: str) -> None:
    x, y, groups = copies()
    found = [
        fit_shallow(x, y, classes=("a", "b"), settings=ShallowSettings(model), groups=each).facts[
            "cross_validated"
        ]["accuracy"]
        for each in (None, groups)
    ]
    assert found[0] > 0.7
    assert found[1] < 0.6
    assert found[0] - found[1] > 0.15


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_folds_are_a_division_and_part_no_group_if_that_can_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, rng.integers(2, 12), 40)
    y = rng.permutation(np.arange(40) % int(rng.integers(2, 4)))
    found = folds_to_choose_by(y, groups, most=5, seed=1)
    assert sorted(np.concatenate([test for _, test in found])) == list(range(40))
    for learn, test in found:
        assert len(test)
        assert len(np.unique(y[learn])) == len(np.unique(y))
        assert not set(learn) & set(test)
    parted = any(set(groups[learn]) & set(groups[test]) for learn, test in found)
    fewest = min(len(np.unique(groups[y == own])) for own in np.unique(y))
    assert not parted or fewest < 5, "with enough groups of each class none is parted"


def test_a_class_of_one_group_is_divided_nevertheless() -> None:
    y = np.array([0] * 10 + [1] * 10)
    groups = np.array([*range(10), *[99] * 10])
    found = folds_to_choose_by(y, groups, most=5, seed=1)
    assert len(found) == 5
    assert all(len(np.unique(y[learn])) == 2 for learn, _ in found)


def test_many_rows_are_sampled_but_rare_classes_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "MANY", 100)
    y = np.repeat([0, 1], [995, 5])
    kept = folds._sample(y, 1)
    assert np.bincount(y[kept]).tolist() == [100, 5]
    assert len(set(kept.tolist())) == 105


def test_groups_are_part_of_what_a_model_depends_on() -> None:
    def of(group: int | None) -> str:
        rows = [Example("a", "a.png", "yes", "train", None, group)]
        return fingerprint_of(rows, TrainSettings(), None, variable="face")

    assert of(None) != of(1) != of(2)


@pytest.mark.parametrize(
    ("targets", "more", "said"),
    [
        ([0.5, 1.0], {}, "whole numbers"),
        ([], {}, "whole numbers"),
        ([0, 2], {}, "from 0 to 1"),
        ([0, 1], {"groups": ["a"]}, "groups has 1 entries; there are 2 items"),
        ([0, 1], {"val": np.array([True])}, "val has 1 entries"),
    ],
)
def test_arrays_that_do_not_fit(targets: list, more: dict, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        division(targets, ("a", "b"), **more)
