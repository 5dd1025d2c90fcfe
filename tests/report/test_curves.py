"""Figures of how training went."""

import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from mediacorpus.report.curves import best_row, training_curves

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return [node.text for node in ET.fromstring(svg).iter(f"{SVG}text")]


def frame(n):
    at = np.arange(1.0, n + 1)
    return pd.DataFrame(
        {
            "epoch": at.astype(int),
            "train_loss": 1 / at,
            "val_loss": 0.2 + (at - 4) ** 2 / 40,
            "train_accuracy": 1 - 0.5 / at,
            "val_accuracy": np.clip(0.9 - (at - 4) ** 2 / 100, 0, 1),
        }
    )


def test_lines_are_named_at_their_ends_and_the_kept_epoch_is_marked():
    found = texts(training_curves(frame(8)))
    assert "validation 0.6" in found
    assert "training 0.125" in found
    assert found.count("kept") == 2


def test_the_kept_row_is_the_marked_one_else_that_of_lowest_loss():
    curves = frame(8)
    assert best_row(curves) == 3
    assert best_row(curves.assign(best=[False] * 6 + [True, False])) == 6
    assert best_row(pd.DataFrame({"epoch": [1]})) is None
    assert best_row(curves.assign(val_loss=np.nan)) is None


@pytest.mark.parametrize("n", [1, 2, 50])
def test_any_number_of_epochs(n):
    svg = training_curves(frame(n))
    assert f"over {n} epoch" in ET.fromstring(svg).get("aria-label")
    assert not any("." in text and text.startswith("1.") for text in texts(svg)[:3])


def test_curves_with_gaps_and_without_accuracy():
    curves = frame(5)[["epoch", "train_loss", "val_loss"]]
    curves.loc[4, "val_loss"] = np.nan
    found = texts(training_curves(curves))
    assert "Accuracy" not in found
    assert "validation 0.2" in found


def test_values_out_of_their_range_do_not_break_the_figure():
    curves = frame(30).assign(val_accuracy=-20.0, val_loss=np.inf)
    ET.fromstring(training_curves(curves))


def test_linear_marks_the_best_strength():
    curves = pd.DataFrame({"C": [10, 0.1, 1], "log_loss": [0.5, 0.6, 0.25]})
    found = texts(training_curves(curves))
    assert "kept: C = 1, log loss 0.25" in found
    assert {"0.1", "1", "10"} <= set(found)


def test_linear_with_one_strength():
    ET.fromstring(training_curves(pd.DataFrame({"C": [1.0], "log_loss": [0.4]})))
