"""What training curves say in words."""

from __future__ import annotations

import pandas as pd
import pytest

from mediacorpus.learning.curves import describe_curves


@pytest.mark.parametrize(
    ("name", "values"),
    [("neighbors", [1, 3, 5]), ("smoothing", [0.1, 0.3, 1.0]), ("C", [0.1, 1.0, 10.0])],
)
def test_a_choice_is_told_with_its_score(name: str, values: list[float]) -> None:
    frame = pd.DataFrame(
        {
            name: values,
            "accuracy": [0.6, 0.75, 0.7],
            "log_loss": [0.7, 0.5, 0.55],
            "log_loss_se": [0.01] * 3,
            "best": [False, True, False],
        }
    )
    assert describe_curves(frame) == (
        f"{name} = {values[1]:.3g} was chosen of 3 by cross-validation on the training part: "
        "log loss 0.500, accuracy 0.750."
    )
    edge = describe_curves(frame.assign(best=[True, False, False]))
    assert edge.endswith("It lies at the edge of what was tried.")


def test_a_forest_is_told_with_its_score_though_there_is_no_choice() -> None:
    frame = pd.DataFrame({"trees": [100], "accuracy": [0.8], "log_loss": [0.4], "best": [True]})
    assert describe_curves(frame) == (
        "trees = 100 was scored by cross-validation on the training part: log loss 0.400, "
        "accuracy 0.800."
    )


def test_several_classifiers_are_told_with_their_mean_score() -> None:
    frame = pd.DataFrame(
        {
            "C": [0.1, 1.0, 0.1, 1.0],
            "log_loss": [0.5, 0.3, 0.7, 0.9],
            "accuracy": [0.7, 0.8, 0.6, 0.5],
            "best": [False, True, True, False],
            "of": ["crowd", "crowd", "flags", "flags"],
        }
    )
    assert describe_curves(frame) == (
        "C = 1, 0.1 was chosen by cross-validation on the training part; mean over 2 classifiers: "
        "log loss 0.500, accuracy 0.700."
    )


def test_a_scale_is_told_by_the_share_of_variance() -> None:
    errors = {"penalty": [1.0, 10.0, 100.0], "squared_error": [0.9, 0.25, 0.5]}
    frame = pd.DataFrame(errors | {"best": [False, True, False]})
    assert describe_curves(frame).endswith("on the training part: R squared 0.750.")


def test_a_rate_that_ruined_the_network_is_not_praised() -> None:
    losses = [2500.0, 2600.0, 2700.0]
    frame = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "train_loss": losses,
            "val_loss": losses,
            "train_accuracy": [0.5] * 3,
            "val_accuracy": [0.5] * 3,
        }
    )
    said = describe_curves(frame)
    assert "the learning rate is probably too high" in said
    assert "no sign" not in said


def curves(train: list[float], val: list[float]) -> pd.DataFrame:
    steps = len(train)
    return pd.DataFrame(
        {
            "epoch": range(1, steps + 1),
            "train_loss": train,
            "val_loss": val,
            "train_accuracy": [0.8] * steps,
            "val_accuracy": [0.8] * steps,
        }
    )


@pytest.mark.parametrize(
    ("train", "val", "sign"),
    [
        ([0.657, 0.3, 0.2, 0.115], [0.4, 0.313, 0.4, 0.489], "a sign of over-fitting"),
        ([0.6, 0.4, 0.3, 0.2, 0.1], [0.5, 0.4, 0.41, 0.41, 0.42], "a sign of over-fitting"),
        ([0.69, 0.69, 0.689, 0.688], [0.69, 0.69, 0.69, 0.69], "a sign of under-fitting"),
        ([0.6, 0.5, 0.45, 0.4], [0.6, 0.5, 0.45, 0.4], "more epochs may help"),
        ([0.6, 0.4, 0.39, 0.38], [0.6, 0.4, 0.399, 0.398], "accuracy 0.800."),
    ],
)
def test_signs_of_over_and_under_fitting(train, val, sign) -> None:
    text = describe_curves(curves(train, val))
    assert sign in text
    assert text.count("a sign of") <= 1
