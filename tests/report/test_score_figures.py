"""Figures of how well a classifier does."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from mediacorpus.report import score_figures
from mediacorpus.report.drawing import WIDTH
from mediacorpus.stats.sample import read_sample
from mediacorpus.validation.learning_curve import LearningCurve
from mediacorpus.validation.scores import score

PHONE = 41 * 16
"""Pixels that a figure is wide on a phone; see `templates/report.css`."""

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return [node.text for node in ET.fromstring(svg).iter(f"{SVG}text")]


def test_confusion_matrix_shows_counts_and_row_shares():
    """321/48/72/374 is the published proxy for protest: accuracy .853 on 815 images."""
    svg = score_figures.confusion_matrix(np.array([[321, 72], [48, 374]]), ["no", "yes"])
    found = texts(svg)
    assert {"321", "72", "48", "374"} <= set(found)
    assert {"81.7\u00a0%", "18.3\u00a0%", "11.4\u00a0%", "88.6\u00a0%"} <= set(found)
    assert {"no  (393)", "yes  (422)"} <= set(found)
    assert "695 of 815 items are on the diagonal" in ET.fromstring(svg).get("aria-label")


def test_classes_without_items_have_no_share():
    found = texts(score_figures.confusion_matrix(np.array([[0, 0], [2, 3]]), ["a", "b"]))
    assert found.count("0") == 2
    assert "a  (0)" in found


def test_darker_cells_hold_larger_shares_also_in_gray():
    def luminance(color):
        return sum(w * c for w, c in zip((0.299, 0.587, 0.114), color, strict=True))

    shades = [luminance(score_figures._shade(share)) for share in np.linspace(0, 1, 11)]
    assert all(a > b for a, b in pairwise(shades))


@pytest.mark.parametrize("k", [1, 4, 13, 60])
def test_confusion_matrices_of_any_size_stay_small(k):
    counts = np.diag(np.arange(k)) + (np.random.default_rng(k).random((k, k)) < 5 / k)
    svg = score_figures.confusion_matrix(counts, [f"class {c}" for c in range(k)])
    assert len(svg) < 100_000
    assert ("class 0" in svg) == (k <= 45)


def test_scores_are_written_with_their_intervals():
    found = score(read_sample("a" * 30 + "b" * 20, "a" * 28 + "b" * 22), repeats=200)
    accuracy = found.accuracy
    said = texts(score_figures.scores(found.to_frame()))
    assert f"{accuracy.estimate:.2f} [{accuracy.low:.2f}, {accuracy.high:.2f}]" in said
    assert "a: precision" in said
    assert "Macro F1" in said
    assert "MCC" in said
    assert not any("weighted" in text or "log loss" in text.lower() for text in said)


def test_undefined_scores_are_named_as_such():
    table = score(read_sample("ab", "aa"), repeats=50).to_frame()
    assert "not defined" in texts(score_figures.scores(table))


def test_classes_keep_the_order_of_the_table():
    found = score(read_sample("zam" * 9, "zam" * 9, "zam"), repeats=50)
    said = [text for text in texts(score_figures.scores(found.to_frame())) if ": F1" in text]
    assert said == ["z: F1", "a: F1", "m: F1"]


def test_of_many_classes_the_lowest_f1_are_drawn():
    names = [f"c{k:02d}" for k in range(40)]
    rows = [("accuracy", "", 0.8, 0.7, 0.9, 400)]
    rows += [
        (s, c, (k + 1) / 50, 0.0, 1.0, 10) for k, c in enumerate(names) for s in ("recall", "f1")
    ]
    table = pd.DataFrame(rows, columns=["score", "class", "estimate", "low", "high", "n"])
    assert score_figures.draws_only_f1(table)
    said = texts(score_figures.scores(table))
    assert "c00: F1" in said
    assert "c29: F1" in said
    assert "c30: F1" not in said
    assert not any("recall" in text for text in said)


def test_figures_that_are_written_alone_have_a_title_a_key_and_n():
    right = np.random.default_rng(1).random((4, 3, 20)) < 0.8
    flat = np.array([0.9, 1.0, 1.0])
    sizes = np.array([10, 20, 40, 80])
    curve = LearningCurve(sizes, right, flat, np.tile(flat, (5, 1)))
    said = texts(score_figures.learning_curve(curve, "face"))
    assert {"Learning curve of face", "n = 20 validation images", "Accuracy"} <= set(said)
    assert any("beyond the labels at hand" in text for text in said)


@pytest.mark.parametrize("k", [2, 13, 45])
def test_letters_are_legible_on_a_phone(k):
    """At the width that a figure has there, the smallest letters have 11 pixels."""
    counts = np.full((k, k), 2)
    svg = score_figures.confusion_matrix(counts, [f"class {n}" for n in range(k)])
    sizes = {float(size) for size in re.findall(r"font: ([\d.]+)px", svg)}
    sizes |= {float(size) for size in re.findall(r"font-size: ([\d.]+)px", svg)}
    assert min(sizes) * PHONE / (72 * WIDTH) >= 11
