"""Tests and corrections: published worked examples, scipy, and exact counting."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mediacorpus.stats.significance import (
    benjamini_hochberg,
    heterogeneity,
    holm,
    mcnemar,
    sign_flip,
    two_proportions,
)

FIFTEEN = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
    0.4262, 0.5719, 0.6528, 0.7590, 1.0000,
]  # fmt: skip


def test_benjamini_and_hochberg_1995_reject_four_of_fifteen():
    """Benjamini & Hochberg (1995), section 3.2: the first four at a rate of .05."""
    found = benjamini_hochberg(FIFTEEN)
    assert (found < 0.05).tolist() == [True] * 4 + [False] * 11
    np.testing.assert_allclose(found, stats.false_discovery_control(FIFTEEN))


def test_holm_rejects_the_first_three_of_the_fifteen():
    """Same example: the methods that control the familywise error reject three."""
    assert (holm(FIFTEEN) < 0.05).tolist() == [True] * 3 + [False] * 12


def test_a_test_not_made_does_not_count():
    np.testing.assert_allclose(holm([0.02, np.nan, 0.04]), [0.04, np.nan, 0.04])
    assert holm([]).tolist() == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_corrected_values_lie_between_the_raw_ones_and_bonferroni(p):
    raw = np.array(p)
    strict, mild = holm(raw), benjamini_hochberg(raw)
    assert (mild >= raw - 1e-12).all()
    assert (strict >= mild - 1e-12).all()
    assert (strict <= np.minimum(raw * len(raw), 1) + 1e-12).all()
    order = np.argsort(raw, kind="stable")
    assert (np.diff(strict[order]) >= 0).all()


@pytest.mark.parametrize(
    ("pair", "exact", "midp"),
    [((1, 7), 0.0703, 0.0391), ((6, 16), 0.0525, 0.0347)],
)
def test_mcnemar_gives_the_values_of_fagerland_2013(pair, exact, midp):
    """Fagerland et al. (2013), table 4: Bentur et al. (2009) and Cavo et al. (2012)."""
    assert mcnemar(*pair, midp=False) == pytest.approx(exact, abs=5e-5)
    assert mcnemar(*pair) == pytest.approx(midp, abs=5e-5)


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_exact_mcnemar_is_the_sign_test(b, c):
    if b + c == 0:
        assert mcnemar(b, c) == 1
    else:
        assert mcnemar(b, c, midp=False) == pytest.approx(stats.binomtest(b, b + c).pvalue)
        assert 0 < mcnemar(b, c) < mcnemar(b, c, midp=False)
    assert mcnemar(b, c) == pytest.approx(mcnemar(c, b))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=8), st.booleans())
def test_sign_flip_counts_all_exchanges(differences, midp):
    sizes = np.abs(differences)
    sums = np.array([abs(np.dot(signs, sizes)) for signs in
                     itertools.product([-1, 1], repeat=len(sizes))])  # fmt: skip
    seen = abs(sum(differences))
    expected = (sums > seen).mean() + (sums == seen).mean() * (0.5 if midp else 1)
    if not sizes.any():
        expected = 1.0
    assert sign_flip(differences, midp=midp) == pytest.approx(expected)


def test_sign_flip_of_single_items_is_mcnemar_and_copies_do_not_add_evidence():
    single = [1] * 3 + [-1] * 12 + [0] * 5
    assert sign_flip(single) == pytest.approx(mcnemar(3, 12))
    assert sign_flip(np.array(single) * 4) == pytest.approx(mcnemar(3, 12))


def test_fisher_s_tea():
    """Fisher's tea tasting, 3 and 1 against 1 and 3: Agresti (2013), section 3.5.2: .486."""
    p, method = two_proportions([[3, 1], [1, 3]])
    assert (round(p, 3), method) == (0.486, "Fisher exact")


def test_aspirin_and_heart_attacks():
    """Agresti (2013), table 2.1: 189 of 11,034 against 104 of 11,037, X2 = 25.0."""
    table = [[189, 11034 - 189], [104, 11037 - 104]]
    p, method = two_proportions(table)
    assert method == "chi-square"
    assert p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)
    assert heterogeneity(table)[0] == pytest.approx(25.0, abs=0.05)


def test_nothing_to_test():
    assert np.isnan(two_proportions([[0, 0], [3, 4]])[0])
    assert two_proportions([[5, 0], [7, 0]])[0] == 1
    assert np.isnan(heterogeneity([[3, 4]])[2])
    assert heterogeneity([[3, 0], [4, 0]]) == (0.0, 1, 1.0)


def test_heterogeneity_agrees_with_scipy():
    table = [[30, 70], [50, 50], [40, 60], [22, 61]]
    theirs = stats.chi2_contingency(table, correction=False)
    assert heterogeneity(table) == pytest.approx((theirs.statistic, theirs.dof, theirs.pvalue))


def test_small_tables_are_tested_by_drawing_and_agree_with_fisher():
    table = [[3, 1], [1, 3]]
    assert heterogeneity(table)[2] == pytest.approx(0.4857, abs=0.015)
    assert heterogeneity(table) == heterogeneity(table)
