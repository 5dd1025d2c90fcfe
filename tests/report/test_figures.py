"""Figures of a corpus."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from mediacorpus.report import figures

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return [node.text for node in ET.fromstring(svg).iter(f"{SVG}text")]


def test_class_bars_say_number_and_share():
    found = texts(figures.class_bars({"protest": 12, "other": 36}))
    assert "12  (25.0\u00a0%)" in found
    assert {"protest", "other"} <= set(found)


def test_many_classes_end_in_one_bar_that_sums_the_rest():
    counts = {f"class {k}": k for k in range(1, 31)}
    found = texts(figures.class_bars(counts))
    rest = sum(range(1, 12))
    assert "11 others" in found
    assert any(text.startswith(f"{rest}  (") for text in found)
    assert "class 30" in found
    assert "class 11" not in found


@pytest.mark.parametrize("counts", [{"only": 0}, {"one": 1}, {"a": 10**9, "b": 1}, {"": 2}])
def test_odd_counts_can_be_drawn(counts):
    ET.fromstring(figures.class_bars(counts))


def test_tags_are_drawn_most_frequent_first_with_shares_of_all_items():
    svg = figures.tag_bars({"daisy": 10, "bee": 30}, 100)
    assert "30  (30.0\u00a0%)" in texts(svg)
    assert ET.fromstring(svg).get("aria-label").index("bee") < svg.index("daisy")


def test_image_sizes_count_orientation():
    svg = figures.image_sizes({(640, 480): 30, (480, 640): 8, (50, 50): 2})
    found = texts(svg)
    assert "30  (75.0\u00a0%)" in found
    assert "8  (20.0\u00a0%)" in found
    assert "2  (5.0\u00a0%)" in found
    assert "median width is 640" in ET.fromstring(svg).get("aria-label")


def test_very_many_sizes_stay_a_small_figure():
    rng = np.random.default_rng(1)
    pairs = rng.integers(100, 5000, (20_000, 2))
    svg = figures.image_sizes({(int(w), int(h)): 1 for w, h in pairs})
    assert len(svg) < 150_000


def test_one_probability_histogram_for_each_predicted_class_at_most_six():
    bins = {f"class {k}": [k] * 10 for k in range(1, 9)}
    found = texts(figures.probability_histogram(bins))
    drawn = {text for text in found if text.startswith("class")}
    assert drawn == {f"class {k}  ({10 * k})" for k in range(3, 9)}


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_probability_histogram_of_few_classes(k):
    ET.fromstring(figures.probability_histogram({str(c): [0, c] for c in range(k)}))
