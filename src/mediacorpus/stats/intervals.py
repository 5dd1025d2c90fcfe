"""Confidence intervals in closed form: of proportions, their differences, and of means."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval.

    Parameters
    ----------
    estimate:
        The score; NaN where it is undefined (its denominator is zero).
    low, high:
        Limits of the interval; NaN where there is none.
    level:
        Confidence level, between 0 and 1.
    method:
        `"wilson"`, `"bootstrap"`, or a few words on another method.

    Examples
    --------
    >>> print(Interval(0.85276, 0.82678, 0.87543))
    .853 [.827, .875]
    >>> print(Interval(float("nan"), float("nan"), float("nan")))
    undefined
    """

    estimate: float
    low: float
    high: float
    level: float = 0.95
    method: str = ""

    def __str__(self) -> str:
        if not self.defined:
            return "undefined"
        if math.isnan(self.low):
            return short(self.estimate)
        return f"{short(self.estimate)} [{short(self.low)}, {short(self.high)}]"

    @property
    def defined(self) -> bool:
        """Whether there is an estimate at all."""
        return not math.isnan(self.estimate)

    def limits(self) -> list[float] | None:
        """Return `[low, high]` for JSON, or None where there is no interval.

        >>> Interval(0.5, 0.25, 0.75).limits()
        [0.25, 0.75]
        """
        if math.isnan(self.low) or math.isnan(self.high):
            return None
        return [self.low, self.high]

    def row(self, metric: str, of: str | None = "", /, **about: Any) -> dict[str, Any]:
        """Return a row of a long table: the metric, the class it is of, and this interval.

        >>> Interval(0.5, 0.25, 0.75, method="wilson").row("recall", "cat", n=8)["high"]
        0.75
        """
        limits = {"estimate": self.estimate, "low": self.low, "high": self.high}
        about |= {"level": self.level, "method": self.method}
        return {"metric": metric, "class": of, **limits, **about}


def short(value: float) -> str:
    """Write a score with three decimals and without the leading zero.

    >>> short(0.8528), short(1.0), short(-0.25), short(0.0)
    ('.853', '1.000', '-.250', '.000')
    """
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(float(text)) < 1 else text


def p_words(value: float) -> str:
    """Write a p-value; empty where there is none.

    >>> p_words(0.03214), p_words(1e-9), p_words(float("nan"))
    ('p = .032', 'p < .001', '')
    """
    if math.isnan(value):
        return ""
    return "p < .001" if value < 0.001 else f"p = {short(value)}"  # noqa: PLR2004


def undefined(level: float = 0.95, *, method: str = "") -> Interval:
    """Return the interval of a score that has no value.

    >>> undefined().defined
    False
    """
    return Interval(math.nan, math.nan, math.nan, level, method)


def check_level(level: float) -> float:
    """Return `level` if it lies strictly between 0 and 1.

    Raises
    ------
    ParameterError
        It does not.

    Examples
    --------
    >>> check_level(0.9)
    0.9
    """
    if not 0 < level < 1:
        hint = f" Write {level / 100:g} for {level:g} %." if 1 < level < 100 else ""  # noqa: PLR2004
        raise ParameterError(f"The level is {level!r}; it must lie between 0 and 1.{hint}")
    return level


def wilson(successes: float, n: float, *, level: float = 0.95) -> Interval:
    """Give a proportion with Wilson's score interval.

    It keeps close to its level for small `n` and for proportions near 0 and 1, and never
    leaves the range from 0 to 1.

    Parameters
    ----------
    successes:
        Number of successes, from 0 to `n`.
    n:
        Number of trials. With none the proportion is undefined (NaN).
    level:
        Confidence level, between 0 and 1.

    Raises
    ------
    ParameterError
        There are more successes than trials, or a number is negative.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical
    inference. *Journal of the American Statistical Association*, 22, 209-212.
    Newcombe, R. G. (1998). Two-sided confidence intervals for the single proportion.
    *Statistics in Medicine*, 17, 857-872 (method 3).

    Examples
    --------
    >>> print(wilson(81, 263))
    .308 [.255, .366]
    """
    check_level(level)
    if not 0 <= successes <= n:
        raise ParameterError(f"There cannot be {successes} successes in {n} trials.")
    if n == 0:
        return undefined(level, method="wilson")
    from scipy.special import ndtri

    z2 = float(ndtri((1 + level) / 2)) ** 2
    share = successes / n
    center = (successes + z2 / 2) / (n + z2)
    half = math.sqrt(z2 * (n * share * (1 - share) + z2 / 4)) / (n + z2)
    low = 0.0 if successes == 0 else max(0.0, center - half)
    high = 1.0 if successes == n else min(1.0, center + half)
    return Interval(share, low, high, level, "wilson")


def clustered_mean(values: Any, clusters: Any, *, level: float = 0.95) -> Interval:
    """Give a mean with its interval, where some of the values belong together.

    The variance is that of the ratio of two sums over clusters; with clusters of one value each
    the interval is Student's.

    Parameters
    ----------
    values:
        Numbers, `(N,)`, at least one.
    clusters:
        What each value belongs to, `(N,)`.
    level:
        Confidence level, between 0 and 1.

    Returns
    -------
    Interval
        Without limits where there is one cluster only.

    References
    ----------
    Cochran, W. G. (1977). *Sampling Techniques* (3rd ed.), equation 6.13 and section 9A.1.
    Student (1908). The probable error of a mean. *Biometrika*, 6, 1-25.

    Examples
    --------
    >>> sleep = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    >>> found = clustered_mean(sleep, range(10))
    >>> [round(v, 3) for v in (found.estimate, found.low, found.high)]
    [0.75, -0.53, 2.03]
    """
    check_level(level)
    from scipy.special import stdtrit

    numbers = np.asarray(values, np.float64)
    which = np.unique(np.asarray(clusters), return_inverse=True)[1]
    mean = float(numbers.mean())
    residual = np.bincount(which, numbers - mean)
    count = len(residual)
    if count == 1:
        return Interval(mean, math.nan, math.nan, level, "clustered t")
    error = math.sqrt(float((residual**2).sum()) * count / (count - 1)) / len(numbers)
    half = float(stdtrit(count - 1, (1 + level) / 2)) * error
    return Interval(mean, mean - half, mean + half, level, "clustered t")


def square_and_add(one: Interval, other: Interval) -> Interval:
    """Give the difference of two independent estimates, from the interval of each.

    Each limit adds the squared distances of the two limits that lie that way. With
    Wilson's intervals this is Newcombe's method 10 for the difference of two proportions.

    Parameters
    ----------
    one, other:
        Estimates of one level, from different items; the difference is `one - other`.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent
    proportions: Comparison of eleven methods. *Statistics in Medicine*, 17, 873-890.
    Zou, G. Y., & Donner, A. (2008). Construction of confidence limits about effect
    measures: A general approach. *Statistics in Medicine*, 27, 1693-1702.

    Examples
    --------
    >>> print(square_and_add(wilson(56, 70), wilson(48, 80)))
    .200 [.052, .334]
    """
    difference = one.estimate - other.estimate
    down = math.hypot(one.estimate - one.low, other.high - other.estimate)
    up = math.hypot(one.high - one.estimate, other.estimate - other.low)
    return Interval(difference, difference - down, difference + up, one.level, "square and add")


def paired_difference(counts: tuple[int, int, int], n: int, *, level: float = 0.95) -> Interval:
    """Give the difference of two proportions of the same items with its interval.

    Parameters
    ----------
    counts:
        Items with both, with only the first, and with only the second.
    n:
        Number of items, at least 1.
    level:
        Confidence level, between 0 and 1.

    References
    ----------
    Newcombe, R. G. (1998). Improved confidence intervals for the difference between binomial
    proportions based on paired data. *Statistics in Medicine*, 17, 2635-2650 (method 10).

    Examples
    --------
    >>> print(paired_difference((36, 12, 2), 50))
    .200 [.057, .340]
    """
    both, first, second = counts
    neither = n - both - first - second
    if min(*counts, neither) < 0 or n < 1:
        raise ParameterError(f"The counts {counts} do not fit {n} items.")
    one, other = (wilson(both + own, n, level=level) for own in (first, second))
    sides = (both + first) * (second + neither) * (both + second) * (first + neither)
    cross = both * neither - first * second
    if cross > 0:
        cross = max(cross - n / 2, 0)  # type: ignore[assignment]
    phi = cross / math.sqrt(sides) if sides else 0.0
    difference = (first - second) / n

    def reach(down: float, up: float) -> float:
        return math.sqrt(max(down**2 - 2 * phi * down * up + up**2, 0.0))

    low = difference - reach(one.estimate - one.low, other.high - other.estimate)
    high = difference + reach(one.high - one.estimate, other.estimate - other.low)
    return Interval(difference, low, high, level, "Newcombe")
