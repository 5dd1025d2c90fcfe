"""Replicate weights: scores and their differences under weights drawn again and again."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.stats.intervals import Interval, check_level, undefined, wilson
from mediacorpus.stats.metric import METRICS, metric
from mediacorpus.stats.sample import indicator
from mediacorpus.stats.survey import design_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import ArrayLike

    from mediacorpus.stats.intervals import Counts, Floats
    from mediacorpus.stats.metric import Metric
    from mediacorpus.stats.sample import Sample, Weighted

CHUNK_CELLS = 1_000_000
"""Weights held at one time (8 MB), whatever the number of items and repeats."""

WORK = 40_000_000
"""Items x classes x resamples beyond which fewer resamples are drawn (some seconds)."""

FEWEST = 200
"""Resamples that are drawn in any case."""

FEW = 30
"""Groups below which intervals over groups are known to be too narrow."""

ROUNDING = 1e-12
"""Width below which limits differ by rounding only."""

LABELED = frozenset({"labels", "ranks"})
"""Needs that items of one true and one predicted class meet alike."""

RANKED = frozenset({"probabilities", "scores"})
"""Needs that take a sort of the items for each class."""


def bootstrap(
    statistic: Callable[[Counts], Any],
    counts: ArrayLike,
    *,
    repeats: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> list[Interval]:
    """Give scores of a table of counts with percentile bootstrap intervals, from one set of draws.

    Items that fall into the same cell of the table are alike for the scores. So drawing
    the cells from a multinomial distribution is the very same thing as drawing the items
    with replacement, and costs the same for a hundred items as for a million.

    Parameters
    ----------
    statistic:
        From tables `(R, *shape)` to scores `(R, S)`, for any R; NaN where undefined.
    counts:
        Number of items in each cell, of any shape.
    repeats:
        Number of resamples. Those in which a score is undefined are left out.
    level:
        Confidence level, between 0 and 1.
    seed:
        Seed of the random numbers; the same seed gives the same intervals.

    Returns
    -------
    list of Interval
        S intervals.

    References
    ----------
    Efron, B., & Tibshirani, R. J. (1993). *An Introduction to the Bootstrap*, chapter 13.

    Examples
    --------
    >>> both = lambda tables: tables / tables.sum(axis=1, keepdims=True)
    >>> [str(i) for i in bootstrap(both, [80, 20], seed=1)]
    ['.800 [.720, .870]', '.200 [.130, .280]']
    """
    check_level(level)
    table = np.asarray(counts, dtype=np.int64)
    estimates = np.asarray(statistic(table[None]), dtype=np.float64)[0]
    draws = resample(table, repeats=repeats, seed=seed)
    drawn = np.concatenate([np.asarray(statistic(tables), dtype=np.float64) for tables in draws])
    return [_percentile(e, drawn[:, i], level=level) for i, e in enumerate(estimates.tolist())]


def resample(counts: Counts, *, repeats: int, seed: int) -> Iterator[Counts]:
    """Yield resampled tables `(R, *shape)` in chunks that together hold `repeats` tables.

    The tables do not depend on the size of the chunks.

    >>> sum(len(t) for t in resample(np.array([3, 4]), repeats=10, seed=0))
    10
    """
    rng = np.random.default_rng(seed)
    flat = counts.ravel()
    filled = np.flatnonzero(flat)
    n = int(flat.sum())
    shares, single = flat[filled] / n, bool((flat == 1).all())
    step = max(1, CHUNK_CELLS // flat.size)
    for start in range(0, repeats, step):
        size = min(step, repeats - start)
        if single:  # drawing the cells one by one is several times as fast
            drawn = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
            tables = np.bincount(drawn.ravel(), minlength=size * n)
        else:
            tables = np.zeros((size, flat.size), dtype=np.int64)
            tables[:, filled] = rng.multinomial(n, shares, size=size)
        yield tables.reshape(size, *counts.shape)


def _percentile(estimate: float, drawn: Floats, *, level: float) -> Interval:
    drawn = drawn[~np.isnan(drawn)]
    if math.isnan(estimate):
        return undefined(level, method="bootstrap")
    if drawn.size == 0:
        return Interval(estimate, math.nan, math.nan, level, "bootstrap")
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return Interval(estimate, low, high, level, "bootstrap")


def group_numbers(groups: Any) -> Counts:
    """Give groups numbers in order of appearance; a missing value is a group of its own.

    Parameters
    ----------
    groups:
        The group of each item, such as its author.

    Examples
    --------
    >>> group_numbers(["b", "a", "b", None, None]).tolist()
    [0, 1, 0, 2, 3]
    """
    given = pd.Series(list(groups), dtype=object)
    gaps = np.flatnonzero(given.isna())
    given.iloc[gaps] = pd.Series([object() for _ in gaps], index=gaps, dtype=object)
    return np.asarray(pd.factorize(given)[0], dtype=np.int64)


def affordable(repeats: int, work: int) -> int:
    """Return how many resamples are drawn when each ranks `work` items.

    >>> affordable(2000, 1000), affordable(2000, 10**9)
    (2000, 200)
    """
    return max(min(repeats, FEWEST), min(repeats, WORK // max(work, 1)))


def replicates(
    sample: Sample,
    metrics: Sequence[Metric],
    *,
    numbers: Counts,
    weights: Floats | None = None,
) -> Callable[[Counts], Floats]:
    """Prepare metrics as a function of how often each group of items was drawn.

    Parameters
    ----------
    sample:
        The N items.
    metrics:
        What is computed; a metric that needs more than the sample offers is NaN.
    numbers:
        Group number of each item, `(N,)`; `arange(N)` where each item is drawn by itself.
    weights:
        What each item counts when drawn once, `(N,)`; by default 1.

    Returns
    -------
    callable
        From draws `(R, G)` to `(R, S)`.

    Examples
    --------
    >>> from mediacorpus.stats.sample import read_sample
    >>> two = read_sample(["a", "b", "b"], ["a", "b", "a"])
    >>> statistic = replicates(two, [metric("accuracy")], numbers=np.array([0, 0, 1]))
    >>> statistic(np.array([[1, 1], [2, 1], [0, 1]])).round(2).ravel().tolist()
    [0.67, 0.8, 0.0]
    """
    there = [one for one in metrics if one.needs in sample.offers]
    labeled = [one for one in there if one.needs in LABELED]
    other = [one for one in there if one.needs not in LABELED]
    table = _table(sample, numbers, weights) if labeled else np.empty((0, 0))
    step = max(1, CHUNK_CELLS // len(numbers))

    def statistic(draws: Counts) -> Floats:
        found = {one.name: np.full((len(draws), 1), np.nan) for one in metrics}
        if labeled:
            found |= _by_name(labeled, sample.cells[0].under(draws @ table))
        if other:
            blocks = [draws[at : at + step][:, numbers] for at in range(0, len(draws), step)]
            given = (block if weights is None else block * weights for block in blocks)
            values = [_by_name(other, sample.under(one)) for one in given]
            found |= {one.name: np.concatenate([v[one.name] for v in values]) for one in other}
        return np.concatenate(list(found.values()), axis=1)

    return statistic


def _table(sample: Sample, numbers: Counts, weights: Any) -> Any:
    """Give the weight of each pair of classes in each group, sparse `(G, C)`."""
    from scipy.sparse import csr_array

    small, place = sample.cells
    values = np.ones(len(numbers), dtype=np.int64) if weights is None else weights
    return csr_array((values, (numbers, place)), shape=(int(numbers.max()) + 1, len(small)))


def _by_name(metrics: Sequence[Metric], given: Weighted) -> dict[str, Floats]:
    return {one.name: one.values(given) for one in metrics}


def score_sample(
    sample: Sample,
    metrics: Sequence[Metric],
    *,
    numbers: Counts | None = None,
    weights: Floats | None = None,
    level: float = 0.95,
    repeats: int = 2000,
    seed: int = 0,
) -> dict[str, tuple[Interval, ...]]:
    """Give metrics with their intervals, over items or groups, as drawn or for a population.

    Proportions have Wilson's interval; all else, and everything over groups, a percentile
    bootstrap. Under weights proportions have Wilson's interval for as many trials as give the
    variance of the linearised ratio, and all else a bootstrap of the weighted items. Where every
    resample gives the same value, limits in closed form take its place, if there are any.

    Parameters
    ----------
    sample:
        The N items.
    metrics:
        What is computed; the sample must offer what they need.
    numbers:
        Group number of each item, `(N,)`, from `group_numbers`.
    weights:
        One over the chance of each item to be drawn, `(N,)`, 1 or more.
    level, repeats, seed:
        As for `bootstrap`; fewer resamples are drawn where very many items are ranked.

    Returns
    -------
    dict
        For each metric one interval, or one for each class.

    References
    ----------
    Field, C. A., & Welsh, A. H. (2007). Bootstrapping clustered data. *Journal of the
    Royal Statistical Society B*, 69, 369-390.
    Cameron, A. C., Gelbach, J. B., & Miller, D. L. (2008). Bootstrap-based improvements
    for inference with clustered errors. *Review of Economics and Statistics*, 90, 414-427.
    Rao, J. N. K., & Wu, C. F. J. (1988). Resampling inference with complex survey data.
    *Journal of the American Statistical Association*, 83, 231-241 (weights).

    Examples
    --------
    >>> from mediacorpus.stats.sample import read_sample
    >>> two = read_sample(list("aabbbbaa"), list("aabbaaaa"))
    >>> print(*score_sample(two, [metric("accuracy")])["accuracy"])
    .750 [.409, .929]
    >>> groups = group_numbers([1, 1, 2, 2, 3, 3, 4, 4])
    >>> print(*score_sample(two, [metric("accuracy")], numbers=groups)["accuracy"])
    .750 [.250, 1.000]
    """
    check_level(level)
    design = _Design(sample, numbers, weights, level)
    plain = numbers is None and weights is None
    found = {
        one.name: design.closed(one)
        for one in metrics
        if one.form == "proportion"
        and one.needs in LABELED
        and (weights is not None or (plain and one.exact))
    }
    drawn = [one for one in metrics if one.name not in found]
    labeled = [one for one in drawn if one.needs in LABELED]
    units = np.arange(len(sample)) if numbers is None else numbers
    for block in (labeled, [one for one in drawn if one.needs not in LABELED]):
        if not block:
            continue
        counts, times = np.ones(int(units.max()) + 1, dtype=np.int64), repeats
        statistic = replicates(sample, block, numbers=units, weights=design.weights)
        if plain and block is labeled:
            pairs, place = sample.cells
            counts = np.bincount(place)
            statistic = replicates(pairs, block, numbers=np.arange(len(pairs)))
        if block[0].needs in RANKED:
            times = affordable(repeats, len(sample) * len(sample.ranked))
        intervals = iter(bootstrap(statistic, counts, repeats=times, level=level, seed=seed))
        for one in block:
            own = [next(intervals) for _ in (sample.classes if one.per_class else "1")]
            found[one.name] = tuple(design.with_width(i, one, at) for at, i in enumerate(own))
    return {one.name: found[one.name] for one in metrics}


@dataclass(frozen=True, slots=True)
class _Design:
    """How the items were drawn, and what follows of it in closed form."""

    sample: Sample
    numbers: Counts | None
    weights: Floats | None
    level: float
    parts: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def closed(self, one: Metric) -> tuple[Interval, ...]:
        """Give the intervals of a proportion without drawing."""
        small, place = self.sample.cells
        if self.weights is None:
            pairs = np.stack(one.parts(small.under(np.bincount(place)[None])), axis=-1)[0]
            return tuple(one.interval(*pair, level=self.level) for pair in pairs.tolist())
        rate = functools.partial(
            design_rate, weights=self.weights, group=self.numbers, level=self.level
        )
        sides = self.unit_parts(one)
        size = len(small.classes) if one.per_class else 1
        columns = ([_column(side, at)[place] for side in sides] for at in range(size))
        return tuple(one.shown(rate(*parts)) for parts in columns)

    def unit_parts(self, one: Metric) -> tuple[Any, Any]:
        """Give what each pair of classes adds to the two sides of a proportion, `(C, K)`."""
        if one.name not in self.parts:
            small, _ = self.sample.cells
            # Sparse, since each pair counts for its own one or two of maybe a thousand classes.
            every = indicator(np.arange(len(small)), len(small))
            top, bottom = METRICS.get(one.name)(small.under(every))
            self.parts[one.name] = top, bottom
        return self.parts[one.name]

    def with_width(self, interval: Interval, one: Metric, at: int) -> Interval:
        """Give an interval without width limits in closed form, or none."""
        if not interval.defined or interval.high - interval.low > ROUNDING:
            return interval
        if one.form == "value" or one.needs not in LABELED:
            return without_flat_limits(interval)
        if self.numbers is not None and self.weights is None:
            return self._over_groups(interval, one, at)
        if one.form == "proportion":
            return self.closed(one)[at]
        small, place = self.sample.cells
        given = small.under(np.bincount(place, self.weights)[None])
        limits = self.closed(metric(one.averages))
        shares = np.broadcast_to(METRICS.get(one.name)(given), (1, len(limits)))[0]
        known = [(i.low, i.high, w) for i, w in zip(limits, shares, strict=True) if i.defined]
        *ends, share = np.array(known).T
        low, high = (float(np.average(end, weights=share)) for end in ends)
        return Interval(interval.estimate, low, high, self.level, "mean of wilson limits")

    def _over_groups(self, interval: Interval, one: Metric, at: int) -> Interval:
        """Give Wilson's limits for as many trials as there are groups that count."""
        inside = self.numbers
        assert inside is not None
        if one.form == "proportion":
            place = self.sample.cells[1]
            inside = inside[_column(self.unit_parts(one)[1], at)[place] > 0]
        groups, value = len(np.unique(inside)), min(interval.estimate, 1.0)
        share = value / (2 - value) if one.jaccard else value
        limits = wilson(groups * share, groups, level=self.level)
        return one.shown(replace(limits, method="wilson over groups"), interval.estimate)


def _column(side: Any, at: int) -> Any:
    """Give what is of one class, `(C,)`, of a dense or sparse side that may be of all alike."""
    column = side[:, [min(at, side.shape[1] - 1)]]
    return (column.toarray() if hasattr(column, "toarray") else column)[:, 0]


def without_flat_limits(interval: Interval) -> Interval:
    """Take away limits that coincide (but for rounding): they say nothing of the error.

    >>> without_flat_limits(Interval(0.5, 0.5, 0.5 + 1e-15)).limits() is None
    True
    """
    if interval.high - interval.low > ROUNDING:
        return interval
    return replace(interval, low=math.nan, high=math.nan)


Named = dict[str, Interval]


def score_paired(
    samples: Sequence[Sample],
    metrics: Sequence[Metric],
    *,
    numbers: Counts | None = None,
    level: float = 0.95,
    repeats: int = 2000,
    seed: int = 0,
) -> tuple[list[Named], list[Named]]:
    """Score several models on the same items, and how each two of them differ.

    All come from the same resamples of the items, or of the groups, so that differences are
    paired.

    Parameters
    ----------
    samples:
        One for each model; the items are the same in the same order.
    metrics:
        Metrics of all classes together; undefined for a model that lacks what they need.
    numbers, level, repeats, seed:
        As for `score_sample`.

    Returns
    -------
    scores, differences : list of dict
        For each model, and for each pair in the order of `itertools.combinations` the first
        minus the second.

    Examples
    --------
    >>> from mediacorpus.stats.sample import read_sample
    >>> one, two = (read_sample(list("aabb"), list(said)) for said in ("aabb", "aaab"))
    >>> scores, differences = score_paired([one, two], [metric("accuracy")])
    >>> differences[0]["accuracy"].estimate
    0.25
    """
    n, size = len(samples[0]), len(metrics)
    each = np.arange(n) if numbers is None else numbers
    parts = [replicates(sample, metrics, numbers=each) for sample in samples]
    pairs = np.array(list(combinations(range(len(samples)), 2)), dtype=np.int64).reshape(-1, 2)

    def statistic(draws: Counts) -> Floats:
        table = np.stack([part(draws) for part in parts], axis=1)
        both = np.concatenate([table, table[:, pairs[:, 0]] - table[:, pairs[:, 1]]], axis=1)
        return both.reshape(len(draws), -1)

    ranked = sum(len(sample.ranked) for sample in samples if "scores" in sample.offers)
    found = bootstrap(
        statistic,
        np.ones(int(each.max()) + 1, dtype=np.int64),
        repeats=affordable(repeats, n * ranked),
        level=level,
        seed=seed,
    )
    names = [one.name for one in metrics]
    rows = [
        dict(zip(names, map(without_flat_limits, found[at : at + size]), strict=True))
        for at in range(0, len(found), size)
    ]
    if numbers is None:
        exact = [one for one in metrics if one.form == "proportion" and one.exact]
        for row, sample in zip(rows, samples, strict=False):
            row |= {k: i[0] for k, i in score_sample(sample, exact, level=level).items()}
    return rows[: len(samples)], rows[len(samples) :]
