"""Bootstrap over groups of items that belong together, such as copies or one author's records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.stats.intervals import (
    CHUNK_CELLS,
    Counts,
    Floats,
    Interval,
    bootstrap_many,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def group_numbers(groups: Any) -> Counts:
    """Give groups numbers in order of appearance; a missing value is a group of its own.

    >>> group_numbers(["b", "a", "b", None, None]).tolist()
    [0, 1, 0, 2, 3]
    """
    given = pd.Series(list(groups), dtype=object)
    if given.empty:
        raise ParameterError("There are no items to group.")
    keys = [
        ("", place) if gap else ("group", value)
        for place, (value, gap) in enumerate(zip(given, given.isna(), strict=True))
    ]
    number: dict[tuple[str, Any], int] = {}
    return np.array([number.setdefault(key, len(number)) for key in keys], dtype=np.int64)


def cluster_bootstrap(
    statistic: Callable[[Counts], Any],
    groups: Any,
    *,
    repeats: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> list[Interval]:
    """Give percentile bootstrap intervals when whole groups are drawn instead of items.

    Items of one group are alike, so they tell less than as many items from different
    groups; drawing whole groups lets the interval show that. With every item in a group
    of its own it is the plain bootstrap.

    Parameters
    ----------
    statistic:
        From the places of the drawn items `(m,)` to a score or scores `(S,)`; NaN where
        undefined. It is called once for each resample.
    groups:
        The group of each item, `(N,)`; a missing value is a group of its own.
    repeats:
        Number of resamples. Those in which a score is undefined are left out.
    level, seed:
        Confidence level, and seed of the random numbers.

    Returns
    -------
    list of Interval
        One for each score.

    References
    ----------
    Field, C. A., & Welsh, A. H. (2007). Bootstrapping clustered data. *Journal of the
    Royal Statistical Society B*, 69, 369-390.
    Cameron, A. C., Gelbach, J. B., & Miller, D. L. (2008). Bootstrap-based improvements
    for inference with clustered errors. *Review of Economics and Statistics*, 90, 414-427.

    Examples
    --------
    >>> right = np.array([1, 1, 1, 0, 0, 1, 1, 1])
    >>> [found] = cluster_bootstrap(lambda at: right[at].mean(), [0, 0, 0, 1, 1, 2, 2, 2])
    >>> print(found)
    .750 [.000, 1.000]
    """
    numbers = group_numbers(groups)
    order = np.argsort(numbers, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(numbers))[:-1])

    def of_draws(draws: Counts) -> Floats:
        rows = []
        for times in draws:
            drawn = np.repeat(np.arange(len(times)), times)
            at = np.concatenate([members[group] for group in drawn])
            rows.append(np.atleast_1d(np.asarray(statistic(at), dtype=np.float64)))
        return np.stack(rows)

    once = np.ones(len(members), dtype=np.int64)
    return bootstrap_many(of_draws, once, repeats=repeats, level=level, seed=seed)


def sums_of_groups(values: Any, numbers: Counts) -> Callable[[Counts], Any]:
    """Prepare the sums over resampled groups of values that items have.

    Parameters
    ----------
    values:
        One or several values per item, `(N,)` or `(N, C)`; may be a scipy sparse array.
    numbers:
        Group number of each item, `(N,)`.

    Returns
    -------
    callable
        From how often each group was drawn `(R, G)` to sums `(R,)` or `(R, C)`.

    Examples
    --------
    >>> sums_of_groups([1, 2, 10], np.array([0, 0, 1]))(np.array([[1, 1], [2, 0]])).tolist()
    [13, 6]
    """
    from scipy.sparse import csr_array

    size = int(numbers.max()) + 1
    member = csr_array(
        (np.ones(len(numbers), dtype=np.int64), (numbers, np.arange(len(numbers)))),
        shape=(size, len(numbers)),
    )
    single = np.ndim(values) == 1
    table = csr_array(member @ csr_array(np.asarray(values)[:, None] if single else values))

    def sums(draws: Counts) -> Any:
        found = (table.T @ draws.T).T
        return found[:, 0] if single else found

    return sums


def over_items(
    statistic: Callable[[Counts], Floats], numbers: Counts
) -> Callable[[Counts], Floats]:
    """Make a statistic of drawn items `(R, N)` one of drawn groups `(R, G)`, in blocks.

    >>> mean = lambda draws: draws @ np.array([1, 0, 1]) / draws.sum(axis=1)
    >>> over_items(mean, np.array([0, 0, 1]))(np.array([[2, 0], [0, 2]])).tolist()
    [0.5, 1.0]
    """
    step = max(1, CHUNK_CELLS // len(numbers))

    def of_groups(draws: Counts) -> Floats:
        blocks = [
            statistic(draws[start : start + step][:, numbers])
            for start in range(0, len(draws), step)
        ]
        return np.concatenate(blocks)

    return of_groups
