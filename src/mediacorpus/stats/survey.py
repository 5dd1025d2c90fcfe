"""Shares in a corpus from items that do not look like it: design weights, and a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.stats.intervals import Interval, p_words, undefined, wilson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mediacorpus.stats.intervals import Counts, Floats

POINTS = 0.05
"""Difference of a class's share, in the part and in the corpus, that is worth a warning."""

LEVEL = 0.05
"""P-value below which a difference is beyond chance."""


def prior_warning(test: Mapping[str, float], corpus: Mapping[str, float]) -> str | None:
    """Warn when classes are more or less common in the test part than in the corpus.

    Accuracy, precision and F1 depend on how common the classes are; recall of a class does
    not. A warning needs both a share that differs by 5 points and a difference beyond
    chance (G test).

    Parameters
    ----------
    test:
        Items of each class in the test part (counts).
    corpus:
        Items of each class in the corpus (counts).

    Returns
    -------
    str or None
        The warning; None where there is nothing to warn of.

    References
    ----------
    Sokal, R. R., & Rohlf, F. J. (2012). *Biometry*, 4th ed., chapter 17 (G test).
    Saerens, M., Latinne, P., & Decaestecker, C. (2002). Adjusting the outputs of a
    classifier to new a priori probabilities. *Neural Computation*, 14, 21-41.

    Examples
    --------
    >>> prior_warning({"no": 52, "yes": 48}, {"no": 500, "yes": 500}) is None
    True
    >>> prior_warning({"no": 50, "yes": 50}, {"no": 900, "yes": 100})[:62]
    "'no' is 50 % of the test part and 90 % of the corpus: accuracy"
    """
    from scipy.stats import chi2_contingency

    names = sorted({name for side in (test, corpus) for name, count in side.items() if count})
    if len(names) < 2:  # noqa: PLR2004
        return None
    counts = np.array([[side.get(name, 0) for name in names] for side in (test, corpus)])
    p_value = chi2_contingency(counts, correction=False, lambda_="log-likelihood").pvalue
    shares = counts / counts.sum(axis=1, keepdims=True)
    gaps = np.abs(shares[0] - shares[1])
    most = int(gaps.argmax())
    if p_value >= LEVEL or gaps[most] < POINTS - 1e-12:
        return None
    here, there = 100 * shares[:, most]
    return (
        f"{names[most]!r} is {here:.0f} % of the test part and {there:.0f} % of the corpus: "
        "accuracy, precision and F1 would differ there (recall would not). Where the chance of "
        "each record to be drawn is known, weight by it with --inclusion-probability COLUMN "
        f"(G test of all classes: {p_words(p_value)})."
    )


def effective_number(weights: Any) -> float:
    """Return Kish's effective number: items of equal weight that would tell as much.

    References
    ----------
    Kish, L. (1965). *Survey Sampling*, section 11.7.

    Examples
    --------
    >>> effective_number([1, 1, 2])
    2.66...
    """
    weight = np.asarray(weights, dtype=np.float64)
    return float(weight.sum() ** 2 / (weight**2).sum())


def design_rate(
    top: Any,
    bottom: Any,
    *,
    weights: Any,
    strata: Any = None,
    group: Counts | None = None,
    level: float = 0.95,
) -> Interval:
    """Give a share in the population, when some items were likelier to be drawn than others.

    Totals are Horvitz-Thompson estimates (sums of weights), the share is their ratio (a Hajek
    estimate). The variance is that of the linearised ratio; the interval is Wilson's for
    as many trials as give that variance.

    Parameters
    ----------
    top, bottom:
        Whether each item counts above, and below the line, `(N,)`.
    weights:
        One over the chance of each item to be drawn, `(N,)`, 1 or more.
    strata:
        Optional: the stratum of each item, for samples drawn at random within strata.
        The part of the stratum that was drawn is then allowed for; without strata items
        are taken as drawn with replacement, which is on the wide side.
    group:
        Optional, without strata: the group number of each item, `(N,)`, whose items are alike;
        the variance is then that between groups.
    level:
        Confidence level, between 0 and 1.

    Raises
    ------
    ParameterError
        Lengths differ, or there are both strata and groups.

    References
    ----------
    Sarndal, C.-E., Swensson, B., & Wretman, J. (1992). *Model Assisted Survey Sampling*,
    sections 2.8, 3.7, 5.5 and 5.8.
    Korn, E. L., & Graubard, B. I. (1998). Confidence intervals for proportions with small
    expected number of positive counts estimated from survey data. *Survey Methodology*,
    24, 193-201 (effective number of trials).

    Examples
    --------
    >>> print(design_rate([1, 1, 1, 0] + [1] * 4, [1] * 8, weights=[1] * 4 + [9] * 4))
    .975 [.844, .996]
    """
    above, below = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    weight = np.asarray(weights, np.float64)
    if strata is not None and group is not None:
        raise ParameterError("Give strata or groups, not both.")
    stratum = _strata(strata, len(above))
    each = np.arange(len(above)) if group is None else group
    total = float((weight * below).sum())
    if total == 0:
        return undefined(level, method="design-based wilson")
    share = float((weight * above).sum()) / total
    residual = weight * (above - share * below) / total
    variance = _variance(residual, weight, stratum=stratum, group=each)
    trials = float(total**2 / (np.bincount(each, weight * below) ** 2).sum())
    if variance > 0 and 0 < share < 1:
        trials = share * (1 - share) / variance
    limits = wilson(min(share, 1.0) * trials, trials, level=level)
    return Interval(share, limits.low, limits.high, level, "design-based wilson")


def _strata(strata: Any, n: int) -> Counts | None:
    if strata is None:
        return None
    codes = pd.factorize(pd.Series(list(strata), dtype=object), use_na_sentinel=False)[0]
    if len(codes) != n:
        raise ParameterError(f"There are {n} items and strata for {len(codes)}.")
    return np.asarray(codes, dtype=np.int64)


def _variance(residual: Floats, weight: Floats, *, stratum: Counts | None, group: Counts) -> float:
    if stratum is None:
        sums = np.bincount(group, residual)
        return float((sums**2).sum() * len(sums) / (len(sums) - 1)) if len(sums) > 1 else 0.0
    n = np.bincount(stratum)
    drawn = np.minimum(n / np.bincount(stratum, weight), 1.0)
    mean = np.bincount(stratum, residual) / n
    squares = np.bincount(stratum, (residual - mean[stratum]) ** 2)
    return float(((1 - drawn) * n / np.maximum(n - 1, 1) * squares).sum())
