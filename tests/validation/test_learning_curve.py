"""Learning curves: the fitted power law, nested stratified subsets, and what they say."""

from __future__ import annotations

import numpy as np
import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.report import score_figures
from mediacorpus.validation.learning_curve import (
    LearningCurve,
    _stratified,
    fit_curve,
    fit_power_law,
)


@pytest.fixture(scope="module")
def curve() -> LearningCurve:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 400)
    features = rng.normal(size=(400, 10))
    features[:, :3] += 0.8 * targets[:, None]
    return fit_curve(
        features,
        targets,
        train=range(200),
        val=range(200, 400),
        sizes=[20, 50, 100, 200],
        repeats=3,
    )


@pytest.mark.parametrize("truth", [(0.95, 1.2, 0.6), (0.8, 0.9, 0.3), (0.99, 3.0, 1.0)])
def test_the_power_law_is_recovered(truth: tuple[float, float, float]):
    n = np.array([20, 40, 80, 160, 320, 640])
    a, b, c = truth
    assert fit_power_law(n, a - b * n**-c) == pytest.approx(truth, rel=0.02)


def test_too_few_sizes_give_no_curve():
    assert np.isnan(fit_power_law([1, 2, 3], [0.5, 0.6, 0.7])).all()


def test_subsets_keep_the_shares_of_the_classes():
    codes = np.repeat([0, 1, 2], [100, 50, 10])
    order = _stratified(codes, np.random.default_rng(3))
    assert sorted(order.tolist()) == list(range(160))
    assert np.bincount(codes[order[:6]], minlength=3).tolist() == [2, 2, 2]
    counts = np.bincount(codes[order[:80]])
    assert np.abs(counts - [50, 25, 5]).max() <= 2


def test_more_labels_help(curve: LearningCurve):
    table = curve.to_frame()
    assert table["n"].tolist() == [20, 50, 100, 200]
    assert table["accuracy"].iloc[-1] > table["accuracy"].iloc[0]
    gain = curve.gain(400)
    assert gain.low <= gain.estimate <= gain.high
    assert "Doubling the labels to 400 would bring about +" in str(curve)
    assert curve.to_dict()["curve"]["c"] > 0
    assert curve.gain(200).estimate == 0


def test_it_is_drawn(curve: LearningCurve):
    svg = score_figures.learning_curve(curve)
    assert svg.startswith("<svg")
    assert ">400<" in svg


def test_few_sizes_are_said_to_be_too_few():
    right = np.ones((2, 2, 30), bool)
    curve = LearningCurve(np.array([10, 20]), right, np.full(3, np.nan), np.empty((0, 3)))
    assert "too few sizes" in str(curve)
    assert curve.to_dict()["doubling"] is None
    assert score_figures.learning_curve(curve).startswith("<svg")


def test_a_flat_curve_is_called_flat():
    right = np.zeros((4, 3, 100), bool)
    right[:, :, :80] = True
    flat = np.array([0.8, 0.0, 0.5])
    curve = LearningCurve(np.array([10, 20, 40, 80]), right, flat, np.tile(flat, (5, 1)))
    assert "flat" in curve.sentences()[-1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"repeats": 0}, "at least 1"),
        ({"train": range(0, 20, 2)}, "two classes"),
    ],
)
def test_bad_input_is_refused(wrong: dict[str, object], said: str):
    targets = np.arange(40) % 2
    parts = {"train": range(20), "val": range(20, 40)} | wrong
    with pytest.raises(ParameterError, match=said):
        fit_curve(np.zeros((40, 2)), targets, **parts)


def test_nothing_is_foretold_from_far_away(curve: LearningCurve):
    with pytest.raises(ParameterError, match="from 200 to 800"):
        curve.gain(801)


def test_where_all_is_right_more_labels_are_said_not_to_help():
    """A fitted curve that goes beyond 1 would promise what cannot be."""
    right = np.ones((4, 3, 30), bool)
    right[0, :, :9] = False
    steep = np.array([1.0, 0.6, 0.5])
    curve = LearningCurve(np.array([10, 20, 40, 80]), right, steep, np.tile(steep, (5, 1)))
    assert curve.sentences()[-1].startswith("All are right already, so more labels would not help")
    assert "Doubling" not in str(curve)


@pytest.mark.slow
def test_images_of_one_author_count_as_one():
    """Four copies of each image tell no more than one; their interval must not be narrower."""
    rng = np.random.default_rng(3)
    targets = np.repeat(np.arange(60) % 2, 4)
    features = np.repeat(rng.normal(size=(60, 4)) + 0.8 * (np.arange(60) % 2)[:, None], 4, axis=0)
    parts = {"train": range(120), "val": range(120, 240), "repeats": 3}
    groups = np.repeat(np.arange(60), 4)
    alone = fit_curve(features, targets, **parts)
    together = fit_curve(features, targets, groups=groups, **parts)
    widths = []
    for curve in (alone, together):
        _, low, high = curve.at(curve.n)
        widths.append(float(high - low))
    assert widths[1] > 1.3 * widths[0]
    each = fit_curve(features, targets, groups=np.arange(240), **parts)
    assert np.array_equal(each.draws, alone.draws), "groups of one change nothing"
