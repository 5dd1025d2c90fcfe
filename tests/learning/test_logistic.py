"""Logistic regression on embeddings."""

from __future__ import annotations

import numpy as np
import pytest

from mediacorpus.learning.linear import STRENGTHS, fit_logistic


def made(n=120, features=20, classes=3, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % classes
    centers = rng.normal(size=(classes, features))
    return rng.normal(size=(n, features)) * spread + centers[targets], targets.astype(np.int64)


def test_the_folded_weights_are_scikit_learns_on_scaled_features():
    from sklearn.linear_model import LogisticRegression

    x, y = made()
    x = x * np.linspace(0.1, 50, x.shape[1]) + 7
    linear = fit_logistic(x, y)
    scaled = (x - x.mean(0)) / (x.std(0) + x.std(0).mean())
    model = LogisticRegression(C=linear.strength, tol=1e-8, max_iter=10_000).fit(scaled, y)
    assert np.allclose(linear.probabilities(x), model.predict_proba(scaled), atol=2e-2)
    assert (linear.probabilities(x).argmax(1) == model.predict(scaled)).mean() >= 0.99


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_classes_that_lie_apart_are_told_apart(classes):
    x, y = made(n=40 * classes, classes=classes, spread=0.3)
    linear = fit_logistic(x, y)
    assert (linear.probabilities(x).argmax(1) == y).mean() > 0.95
    assert np.allclose(linear.probabilities(x).sum(1), 1)


def test_noise_is_regularized_strongly_and_kept_modest():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(80, 200)), (np.arange(80) % 2).astype(np.int64)
    linear = fit_logistic(x, y)
    assert linear.strength <= 1e-2
    assert linear.probabilities(rng.normal(size=(50, 200))).max() < 0.95


def test_two_images_a_class_are_enough():
    x = np.array([[0.0, 1], [0.1, 1], [5, 1], [5.1, 1]])
    linear = fit_logistic(x, np.array([0, 0, 1, 1]))
    assert (linear.probabilities(x).argmax(1) == [0, 0, 1, 1]).all()


def test_balanced_weights_find_more_of_the_rare_class():
    rng = np.random.default_rng(1)
    y = (np.arange(300) % 10 == 0).astype(np.int64)
    x = rng.normal(size=(300, 3)) + 0.8 * y[:, None]
    plain, balanced = fit_logistic(x, y), fit_logistic(x, y, balanced=True)
    rare = y == 1
    assert (balanced.probabilities(x).argmax(1) == 1)[rare].mean() > (
        plain.probabilities(x).argmax(1) == 1
    )[rare].mean()


def test_curves_have_a_row_for_each_strength_and_one_best():
    x, y = made()
    seen = []
    linear = fit_logistic(x, y, on_epoch=lambda n, of, row: seen.append((n, of, row["C"])))
    assert list(linear.curves["C"]) == list(STRENGTHS)
    assert linear.curves["best"].sum() == 1
    assert [n for n, _, _ in seen] == list(range(1, len(STRENGTHS) + 1))
    assert float(linear.curves["C"][linear.curves["best"]].iloc[0]) == linear.strength


def test_the_same_data_give_the_same_linear_model():
    x, y = made()
    assert np.array_equal(fit_logistic(x, y).weight, fit_logistic(x, y).weight)


def test_views_that_repeat_the_images_change_nothing():
    x, y = made()
    plain = fit_logistic(x, y)
    again = fit_logistic(x, y, views=np.repeat(x[:, None], 3, axis=1))
    assert again.strength == plain.strength
    assert np.allclose(again.probabilities(x), plain.probabilities(x), atol=2e-2)


def test_views_teach_what_the_images_alone_do_not():
    """Two features tell the classes apart, but only the views vary the misleading one."""
    rng = np.random.default_rng(0)
    y = (np.arange(40) % 2).astype(np.int64)
    signal = y + rng.normal(size=40) * 0.3
    x = np.stack([signal, y * 1.0], axis=1)
    views = np.stack([np.stack([signal, rng.integers(0, 2, 40)], 1) for _ in range(6)], axis=1)
    plain, taught = fit_logistic(x, y), fit_logistic(x, y, views=views)
    assert abs(taught.weight[1, 1] / taught.weight[1, 0]) < abs(
        plain.weight[1, 1] / plain.weight[1, 0]
    )
