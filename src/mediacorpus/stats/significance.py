"""Tests of differences between classifiers or groups, and corrections for many tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from mediacorpus.stats.intervals import Floats

SMALL = 5
"""Expected count below which a chi-square test is replaced by an exact one (Cochran 1954)."""

DRAWS = 9_999
"""Tables drawn where an exact test over several groups would list too many."""


def holm(p_values: Any) -> Floats:
    """Correct p-values for the number of tests, so that few are false alarms in any family.

    The chance of even one false alarm stays below the level, whatever the dependence
    between the tests.

    Parameters
    ----------
    p_values:
        P-values, `(m,)`; NaN is a test that was not made and does not count.

    Returns
    -------
    ndarray, (m,)
        Corrected p-values, to compare with the level itself.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure.
    *Scandinavian Journal of Statistics*, 6, 65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, 0.005]).round(3).tolist()
    [0.03, 0.06, 0.06, 0.02]
    """
    return _corrected(p_values, _step_down)


def _step_down(p_values: Floats) -> Floats:
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * np.arange(len(order), 0, -1)
    found = np.empty(len(order))
    found[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return found


def benjamini_hochberg(p_values: Any) -> Floats:
    """Correct p-values so that few of those called significant are false alarms.

    The expected share of false alarms among them stays below the level (the false
    discovery rate); for many tests, when finding differences matters more than that each
    is certain.

    Parameters
    ----------
    p_values:
        P-values, `(m,)`; NaN is a test that was not made and does not count.

    References
    ----------
    Benjamini, Y., & Hochberg, Y. (1995). Controlling the false discovery rate. *Journal
    of the Royal Statistical Society B*, 57, 289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.005]).round(3).tolist()
    [0.02, 0.04, 0.04, 0.02]
    """
    from scipy.stats import false_discovery_control

    return _corrected(p_values, false_discovery_control)


CORRECTIONS = {"holm": holm, "benjamini-hochberg": benjamini_hochberg}
"""Corrections for many tests, by name."""


def _corrected(p_values: Any, correct: Callable[[Floats], Floats]) -> Floats:
    given = np.asarray(p_values, dtype=np.float64)
    made = ~np.isnan(given)
    found = np.full(given.shape, np.nan)
    if made.any():
        found[made] = correct(given[made])
    return found


def mcnemar(only_first: int, only_second: int, *, midp: bool = True) -> float:
    """Test whether two classifiers are right equally often on the same items.

    Parameters
    ----------
    only_first, only_second:
        Items that only the first, and only the second, gets right.
    midp:
        Take the mid-p-value, which keeps the level without being as timid as the exact
        conditional one.

    Returns
    -------
    float
        Two-sided p-value.

    References
    ----------
    McNemar, Q. (1947). Note on the sampling error of the difference between correlated
    proportions or percentages. *Psychometrika*, 12, 153-157.
    Fagerland, M. W., Lydersen, S., & Laake, P. (2013). The McNemar test for binary
    matched-pairs data: mid-p and asymptotic are better than exact conditional. *BMC
    Medical Research Methodology*, 13, 91.

    Examples
    --------
    >>> round(mcnemar(1, 7, midp=False), 4), round(mcnemar(1, 7), 4)
    (0.0703, 0.0391)
    """
    from scipy.stats import binom, binomtest

    n, fewer = only_first + only_second, min(only_first, only_second)
    exact = float(binomtest(fewer, n).pvalue) if n else 1.0
    if not midp or not n:
        return exact
    here = float(binom.pmf(fewer, n, 0.5))
    return exact - (here / 2 if only_first == only_second else here)


def sign_flip(differences: Any, *, midp: bool = True) -> float:
    """Test whether two classifiers are right equally often, over groups of items.

    Were they equally good, then within each group the two could change places. All such
    changes are counted, exactly. With groups of one item this is `mcnemar`.

    Parameters
    ----------
    differences:
        For each group, by how many more items the first is right, `(G,)` whole numbers.
    midp:
        Take the mid-p-value.

    References
    ----------
    Durkalski, V. L., Palesch, Y. Y., Lipsitz, S. R., & Rust, P. F. (2003). Analysis of
    clustered matched-pair data. *Statistics in Medicine*, 22, 2417-2428 (the same
    statistic, with a normal approximation).

    Examples
    --------
    >>> round(sign_flip([1, -1, -1, -1, -1, -1, -1, -1]), 4)
    0.0391
    >>> sign_flip([4, 3], midp=False)
    0.5
    """
    given = np.asarray(differences, dtype=np.int64)
    sizes = np.abs(given[given != 0])
    if not len(sizes):
        return 1.0
    if (sizes == 1).all():
        return mcnemar(int((given > 0).sum()), int((given < 0).sum()), midp=midp)
    seen, reach = abs(int(given.sum())), int(sizes.sum())
    chance = np.zeros(reach + 1)
    chance[0] = 1.0
    for size in np.sort(sizes).tolist():  # chance[k]: that the flipped groups hold k in all
        moved = chance / 2
        moved[size:] += chance[:-size] / 2
        chance = moved
    sums = np.abs(reach - 2 * np.arange(reach + 1))
    beyond, here = float(chance[sums > seen].sum()), float(chance[sums == seen].sum())
    return min(1.0, beyond + (here / 2 if midp else here))


def two_proportions(table: Any) -> tuple[float, str]:
    """Test whether two groups have the same proportion.

    Parameters
    ----------
    table:
        Successes and failures of each group, `(2, 2)`: rows are groups.

    Returns
    -------
    p_value
        Two-sided; NaN where a group is empty. 1 where all items are alike.
    method
        `"chi-square"`, or `"Fisher exact"` where an expected count is below 5.

    References
    ----------
    Agresti, A. (2013). *Categorical Data Analysis*, 3rd ed., sections 3.2 and 3.5.

    Examples
    --------
    >>> p, method = two_proportions([[3, 1], [1, 3]])
    >>> round(p, 4), method
    (0.4857, 'Fisher exact')
    """
    from scipy.stats import chi2_contingency, fisher_exact
    from scipy.stats.contingency import expected_freq

    counts = np.asarray(table, dtype=np.int64)
    if (counts.sum(axis=1) == 0).any():
        return float("nan"), ""
    if expected_freq(counts).min() < SMALL:
        return float(fisher_exact(counts).pvalue), "Fisher exact"
    return float(chi2_contingency(counts, correction=False).pvalue), "chi-square"


def heterogeneity(table: Any) -> tuple[float, int, float]:
    """Test whether several groups all have the same proportion (Pearson's chi-square).

    Where an expected count is below 5 the p-value comes from tables drawn with the same
    margins, instead of from the chi-square distribution.

    Parameters
    ----------
    table:
        Successes and failures of each group, `(G, 2)`; empty groups are left out.

    Returns
    -------
    statistic, degrees of freedom, p_value
        NaN, 0, NaN with fewer than two groups.

    References
    ----------
    Agresti, A. (2013). *Categorical Data Analysis*, 3rd ed., sections 3.2 and 16.5.

    Examples
    --------
    >>> statistic, freedom, p = heterogeneity([[30, 70], [50, 50], [40, 60]])
    >>> round(statistic, 3), freedom, round(p, 4)
    (8.333, 2, 0.0155)
    """
    from scipy.stats import chi2_contingency
    from scipy.stats.contingency import expected_freq

    counts = np.asarray(table, dtype=np.int64)
    counts = counts[counts.sum(axis=1) > 0]
    if len(counts) < 2:  # noqa: PLR2004
        return float("nan"), 0, float("nan")
    expected = expected_freq(counts)
    if not expected.all():
        return 0.0, len(counts) - 1, 1.0
    statistic, p_value, freedom, _ = chi2_contingency(counts, correction=False)
    if expected.min() >= SMALL:
        return float(statistic), freedom, float(p_value)
    sizes = counts.sum(axis=1)
    drawn = np.random.default_rng(0).multivariate_hypergeometric(
        sizes, int(counts[:, 0].sum()), size=DRAWS, method="marginals"
    )
    tables = np.stack([drawn, sizes - drawn], axis=2)
    squares = ((tables - expected) ** 2 / expected).sum(axis=(1, 2))
    as_far = int((squares >= statistic * (1 - 1e-9)).sum())
    return float(statistic), freedom, (as_far + 1) / (DRAWS + 1)
