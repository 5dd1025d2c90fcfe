"""Corrected shares: published example, a formula written out anew, coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacorpus.errors import ParameterError
from mediacorpus.stats.prevalence import prevalence


def test_brucellosis_in_a_herd():
    """The example of `epi.prev` of the R package epiR (Stevenson), after Rogan & Gladen.

    23 of 150 cows are positive; sensitivity .96, specificity .89: 5.1 of 100 are ill,
    0 to 13 when both are known exactly. Many labelled items make them nearly so.
    """
    matrix = [[890_000, 110_000], [40_000, 960_000]]
    no, yes = prevalence([127, 23], matrix)
    assert yes.estimate == pytest.approx(0.051, abs=5e-4)
    assert yes.limits() == pytest.approx([0, 0.13], abs=0.005)
    assert no.estimate + yes.estimate == pytest.approx(1)
    assert no.limits() == pytest.approx([1 - yes.high, 1 - yes.low])


def test_the_interval_is_that_of_lang_and_reiczigel_written_out():
    """Lang & Reiczigel (2014), equations 6, 7 and 17, for 60 of 200, 45 of 50, 85 of 100."""
    z = 1.959963984540054
    n, se, sp = 200 + z**2, 46 / 52, 86 / 102
    ap = (60 + z**2 / 2) / n
    p = (ap + sp - 1) / (se + sp - 1)
    shift = 2 * z**2 * (p * se * (1 - se) / 52 - (1 - p) * sp * (1 - sp) / 102)
    spread = ap * (1 - ap) / n + p**2 * se * (1 - se) / 52 + (1 - p) ** 2 * sp * (1 - sp) / 102
    half = z * np.sqrt(spread) / (se + sp - 1)
    _, yes = prevalence([140, 60], [[85, 15], [5, 45]])
    assert yes.estimate == pytest.approx((0.3 + 0.85 - 1) / 0.75)
    assert yes.limits() == pytest.approx([p + shift - half, p + shift + half])


def test_a_perfect_classifier_needs_no_correction():
    for interval, share in zip(
        prevalence([50, 30, 20], np.diag([400, 400, 400])), [0.5, 0.3, 0.2], strict=True
    ):
        assert interval.estimate == pytest.approx(share)
        assert interval.low < share < interval.high


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000))
def test_shares_that_a_classifier_would_say_are_turned_back(seed):
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.ones(3) * 3)
    rates = np.full((3, 3), 0.1) + 0.7 * np.eye(3)
    said = true @ rates * 1_000_000
    found = prevalence(said, rates * 1000, repeats=20)
    assert [i.estimate for i in found] == pytest.approx(true.tolist(), abs=1e-6)


@pytest.mark.parametrize("true", [[0.9, 0.1], [0.6, 0.3, 0.1]])
def test_intervals_cover_the_truth(true):
    rng = np.random.default_rng(0)
    size = len(true)
    rates = np.full((size, size), 0.2 / (size - 1))
    np.fill_diagonal(rates, 0.8)
    inside = []
    for _ in range(200):
        said = rng.multinomial(500, np.array(true) @ rates)
        matrix = np.stack([rng.multinomial(100, row) for row in rates])
        found = prevalence(said, matrix, repeats=300)
        inside.append([i.low <= t <= i.high for i, t in zip(found, true, strict=True)])
    assert (np.mean(inside, axis=0) > 0.91).all()


def test_a_classifier_no_better_than_chance_tells_nothing():
    assert not prevalence([50, 50], [[50, 50], [50, 50]])[1].defined
    assert not prevalence([5, 5, 5], np.ones((3, 3)))[0].defined


@pytest.mark.parametrize(
    ("said", "matrix", "message"),
    [
        ([5], [[5]], "two at least"),
        ([5, 5], [[5, 5]], "one count for each"),
        ([5, -1], [[5, 1], [1, 5]], "0 or more"),
        ([5, 5], [[5, 1], [0, 0]], "needs labelled items"),
    ],
)
def test_bad_input(said, matrix, message):
    with pytest.raises(ParameterError, match=message):
        prevalence(said, matrix)
