"""Scales and several labels at once can be split too."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mediacorpus.coding.split import draw_split
from mediacorpus.coding.strata import strata


def test_classes_stay_as_they_are() -> None:
    for labels in (["a", "b", "a"], ["1", "2", "10"], ["0", "1.0"], [""]):
        assert strata(labels, parts=3) == labels


def test_numbers_are_cut_into_equal_strata() -> None:
    found = strata([f"{n}.5" for n in range(50)], parts=3)
    assert sorted(Counter(found).values()) == [10] * 5
    assert len(Counter(strata([str(n) for n in range(11)], parts=3))) == 3


@given(
    st.lists(st.floats(0, 10).map(lambda v: f"{v:.2f}"), min_size=8, max_size=60).filter(
        lambda labels: any(not float(v).is_integer() for v in labels) and len(set(labels)) > 2
    )
)
def test_every_scale_can_be_split(labels: list[str]) -> None:
    items = [f"{n:03d}" for n in range(len(labels))]
    classes = strata(labels, parts=2)
    if len(set(classes)) > 1 and min(Counter(classes).values()) > 1:
        parts = draw_split(items, classes, shares="80/20")
        assert set(parts.values()) == {"train", "val"}
    else:  # ties give two strata the same range, which is one
        assert len(set(labels)) < len(labels)


def test_rare_combinations_are_one_stratum() -> None:
    labels = ["a|b"] * 5 + ["b| a"] * 2 + ["a"] * 4 + ["c", "a|c", "|"]
    assert Counter(strata(labels, parts=3)) == {"a|b": 7, "a": 4, "rare combinations": 3}


def test_a_single_rare_combination_takes_the_next_one_with_it() -> None:
    labels = ["a|b"] * 5 + ["a"] * 4 + ["c"]
    assert Counter(strata(labels, parts=3)) == {"a|b": 5, "rare combinations": 5}
