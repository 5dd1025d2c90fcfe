"""Numbers and names as readers see them."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacorpus.report import words

PEACE = "\u0633\u0644\u0627\u0645"


@given(st.text())
def test_printable_text_can_always_be_written_as_utf8(text):
    clean = words.printable(text)
    clean.encode("utf-8")
    assert len(clean) == len(text)
    assert not set(clean) & {"\x00", "\x1b", "\u202e"}


def test_printable_keeps_emoji_line_breaks_and_accents():
    text = f"café 😀\n\t{PEACE}"
    assert words.printable(text) == text


@given(st.text(), st.integers(2, 50))
def test_names_fit_their_limit_on_one_line(text, limit):
    said = words.name(text, limit=limit).strip("\u2068\u2069")
    assert len(said) <= limit
    assert "\n" not in said


def test_right_to_left_names_are_isolated():
    assert words.name(PEACE) == f"\u2068{PEACE}\u2069"
    assert words.name("protest") == "protest"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (None, "—"),
        (math.nan, "—"),
    ],
)
def test_durations(seconds, said):
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (5e15, "5000.0 TB"),
    ],
)
def test_sizes(count, said):
    assert words.size(count) == said


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (np.int64(1200), "1,200"),
        (np.float32(0.5), "0.5"),
        (np.bool_(True), "yes"),
        (pd.NaT, "—"),
        (pd.NA, "—"),
        (float("inf"), "inf"),
        ({"a": [1, 2]}, "a: 1, 2"),
        (-3, "-3"),
    ],
)
def test_values_of_any_type(thing, said):
    assert words.value(thing) == said


def test_scores_get_a_third_decimal_from_200_items():
    assert words.estimate(0.8528, 0.8268, 0.8754, n=199) == "0.85 [0.83, 0.88]"
    assert words.estimate(0.8528, 0.8268, 0.8754, n=200) == "0.853 [0.827, 0.875]"
