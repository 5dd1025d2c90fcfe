"""Linear models recover what the embeddings were made of, for every target."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from mediacorpus.learning.linear import fit_linear
from mediacorpus.learning.targets import Target, TargetKind

RNG = np.random.default_rng(1)
X = RNG.normal(size=(120, 4))
TRUE = X @ np.array([2.0, -1.0, 0.0, 0.0])


def test_a_scale_is_ridge_regression() -> None:
    target = Target(TargetKind.SCALE, ("value",))
    y = (TRUE + RNG.normal(size=120) / 2).astype(np.float32)
    made = fit_linear(X, y, target)
    center, spread = X.mean(axis=0), X.std(axis=0)
    spread = spread + spread.mean() + 1e-12
    theirs = Ridge(alpha=1 / made.strength).fit((X - center) / spread, y)
    wanted = theirs.predict((X - center) / spread)
    assert made.outputs(X)[:, 0] == pytest.approx(wanted, abs=1e-4)
    assert made.curves["best"].sum() == 1
    assert made.curves["squared_error"].idxmin() == made.curves["best"].idxmax()


def test_views_that_are_copies_change_nothing_of_a_scale() -> None:
    target = Target(TargetKind.SCALE, ("value",))
    y = TRUE.astype(np.float32)
    plain = fit_linear(X, y, target)
    viewed = fit_linear(X, y, target, views=np.repeat(X[:, None], 3, axis=1))
    assert viewed.weight == pytest.approx(plain.weight, abs=1e-5)


def test_ranks_have_a_model_for_each_threshold() -> None:
    target = Target(TargetKind.ORDINAL, ("a", "b", "c"))
    ranks = np.digitize(TRUE, [-1, 1])
    seen: list[int] = []
    made = fit_linear(X, ranks, target, on_epoch=lambda n, total, _: seen.append(total))
    assert made.weight.shape == (2, 4)
    assert seen == [2, 2]
    assert set(made.curves["of"]) == {"above a", "above b"}
    assert (target.answer(made.outputs(X)).argmax(axis=1) == ranks).mean() > 0.9


def test_several_labels_have_a_model_each() -> None:
    target = Target(TargetKind.MULTILABEL, ("x", "y"))
    labels = np.column_stack([TRUE > 0, X[:, 2] > 0]).astype(np.float32)
    made = fit_linear(X, labels, target)
    assert ((target.answer(made.outputs(X)) > 0.5) == labels).mean() > 0.95
