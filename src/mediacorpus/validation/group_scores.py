"""Scores whose intervals come from the bootstrap over groups of items."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.errors import ParameterError
from mediacorpus.stats.counts import check_pair, mean_defined, ratio, statistics_of_cells
from mediacorpus.stats.intervals import (
    Counts,
    Floats,
    Interval,
    bootstrap_many,
    wilson,
    wilson_f1,
)
from mediacorpus.stats.probabilities import (
    FEWEST,
    WORK,
    ProbabilityScores,
    probability_matrix,
    ranking_scores,
)
from mediacorpus.stats.resampling import group_numbers, over_items, sums_of_groups
from mediacorpus.validation.scores import Averages, Scores, score

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FEW = 30
"""Groups below which intervals over groups are known to be too narrow."""

ROUNDING = 1e-12
"""Width below which limits differ by rounding only."""


def cell_statistic(
    true: Counts, guess: Counts, *, size: int, numbers: Counts
) -> Callable[[Counts], Floats]:
    """Prepare F1 of each class and the averages, over resampled groups.

    Parameters
    ----------
    true, guess:
        Column number of the true and the predicted class of each item, `(N,)`.
    size:
        Number of classes, K.
    numbers:
        Group number of each item, `(N,)`.

    Returns
    -------
    callable
        From how often each group was drawn `(R, G)` to `(R, K + 6)`, as
        `mediacorpus.stats.counts.statistics_of_cells` has them.

    Examples
    --------
    >>> true, guess = np.array([0, 0, 1]), np.array([0, 1, 1])
    >>> statistic = cell_statistic(true, guess, size=2, numbers=np.arange(3))
    >>> statistic(np.ones((1, 3), dtype=np.int64))[0, :2].round(3).tolist()
    [0.667, 0.667]
    """
    cell = true * size + guess
    counts = np.bincount(cell, minlength=size * size).reshape(size, size).astype(np.int64)
    _, statistic = statistics_of_cells(counts)
    sums = sums_of_groups(_onehot(np.searchsorted(np.unique(cell), cell)), numbers)
    return lambda draws: statistic(np.ascontiguousarray(sums(draws)))


def rate_statistic(
    true: Counts, guess: Counts, *, size: int, numbers: Counts
) -> Callable[[Counts], Floats]:
    """Prepare accuracy, then precision and recall of each class: `(R, G)` to `(R, 1 + 2K)`.

    >>> true, guess = np.array([0, 0, 1]), np.array([0, 1, 1])
    >>> statistic = rate_statistic(true, guess, size=2, numbers=np.arange(3))
    >>> statistic(np.ones((1, 3), dtype=np.int64))[0].round(2).tolist()
    [0.67, 1.0, 0.5, 0.5, 1.0]
    """
    right = (true == guess).astype(np.int64)
    hits = sums_of_groups(_onehot(true, size, right), numbers)
    truths = sums_of_groups(_onehot(true, size), numbers)
    named = sums_of_groups(_onehot(guess, size), numbers)

    def statistic(draws: Counts) -> Floats:
        top, real, said = hits(draws), truths(draws), named(draws)
        accuracy = ratio(top.sum(axis=1), real.sum(axis=1))[:, None]
        return np.concatenate([accuracy, ratio(top, said), ratio(top, real)], axis=1)

    return statistic


def _onehot(column: Counts, size: int | None = None, value: Any = 1) -> Any:
    from scipy.sparse import csr_array

    n = len(column)
    width = int(column.max()) + 1 if size is None else size
    cells = np.broadcast_to(np.asarray(value, dtype=np.int64), (n,))
    return csr_array((cells, (np.arange(n), column)), shape=(n, width))


def probability_statistic(
    true: Counts, matrix: Floats, *, numbers: Counts, columns: Sequence[int]
) -> Callable[[Counts], Floats]:
    """Prepare the scores of probabilities, over resampled groups.

    Parameters
    ----------
    true:
        Column number of each item's true class, `(N,)`.
    matrix:
        Probabilities `(N, K)`.
    numbers:
        Group number of each item, `(N,)`.
    columns:
        Classes of which the ranking scores are the mean, each against the rest.

    Returns
    -------
    callable
        From how often each group was drawn `(R, G)` to `(R, 4)`: ROC AUC, average
        precision, Brier score, log loss.

    Examples
    --------
    >>> matrix = probability_matrix([0.1, 0.4, 0.35, 0.8], ["0", "1"])
    >>> statistic = probability_statistic(
    ...     np.array([0, 0, 1, 1]), matrix, numbers=np.arange(4), columns=[1])
    >>> statistic(np.ones((1, 4), dtype=np.int64)).round(3).tolist()
    [[0.75, 0.833, 0.158, 0.472]]
    """
    n, size = matrix.shape
    squared = ((matrix - np.eye(size)[true]) ** 2).sum(axis=1) / (2 if size == 2 else 1)  # noqa: PLR2004
    tiny = np.finfo(np.float64).eps
    surprise = -np.log(np.clip(matrix[np.arange(n), true], tiny, 1.0))
    sums = sums_of_groups(np.stack([squared, surprise, np.ones(n)], axis=1), numbers)
    rankings = [ranking_scores(true == column, matrix[:, column]) for column in columns]

    def ranked(draws: Counts) -> Floats:
        return mean_defined(np.stack([one(draws) for one in rankings], axis=-1))

    ranked_groups = over_items(ranked, numbers)

    def statistic(draws: Counts) -> Floats:
        losses = sums(draws)
        return np.concatenate([ranked_groups(draws), losses[:, :2] / losses[:, 2:]], axis=1)

    return statistic


def affordable(repeats: int, work: int) -> int:
    """Return how many resamples are drawn when each ranks `work` items.

    >>> affordable(2000, 1000), affordable(2000, 10**9)
    (2000, 200)
    """
    return max(min(repeats, FEWEST), min(repeats, WORK // max(work, 1)))


def score_by_group(truth: Any, predicted: Any, *, groups: Any, **options: Any) -> Scores:
    """Score predicted classes as `score` does, with intervals that allow for groups.

    All intervals come from the bootstrap over groups. Where every resample gives the same
    value, Wilson's limits take its place, with the groups counted instead of the items.

    Parameters
    ----------
    truth, predicted:
        One label per item, in the same order.
    groups:
        The group of each item, `(N,)`; a missing value is a group of its own.
    **options:
        `classes`, `positive`, `probabilities`, `level`, `repeats` and `seed` of `score`.

    Raises
    ------
    ParameterError
        As `score`; or the groups are not one for each item.

    References
    ----------
    Field & Welsh (2007) and Cameron et al. (2008), as in `cluster_bootstrap`.

    Examples
    --------
    >>> truth, said = list("aabbbbaa"), list("aabbaaaa")
    >>> found = score_by_group(truth, said, groups=[1, 1, 2, 2, 3, 3, 4, 4])
    >>> print(found.accuracy)
    .750 [.250, 1.000]
    """
    plain = score(truth, predicted, **options)
    true, guess = check_pair(truth, predicted)
    numbers = group_numbers(groups)
    if len(numbers) != plain.n:
        raise ParameterError(f"There are {plain.n} items and groups for {len(numbers)}.")
    count = int(numbers.max()) + 1
    if count == plain.n:
        return plain
    place = {name: i for i, name in enumerate(plain.classes)}
    at = np.array([place[t] for t in true]), np.array([place[g] for g in guess])
    settings = {
        "level": plain.level,
        "repeats": options.get("repeats", 2000),
        "seed": options.get("seed", 0),
    }
    found = _of_counts(plain, at, numbers=numbers, settings=settings)
    if plain.probability is not None:
        matrix = probability_matrix(
            options["probabilities"], plain.classes, positive=plain.positive
        )
        columns = [place[plain.positive]] if plain.positive else sorted(set(at[0].tolist()))
        statistic = probability_statistic(at[0], matrix, numbers=numbers, columns=columns)
        settings["repeats"] = affordable(settings["repeats"], plain.n * len(columns))
        once = np.ones(count, dtype=np.int64)
        drawn = bootstrap_many(statistic, once, **settings)
        found = replace(found, probability=ProbabilityScores(*map(without_flat_limits, drawn)))
    return replace(found, notes=(*plain.notes, *_notes(count, plain.n)))


def _of_counts(
    plain: Scores, at: tuple[Counts, Counts], *, numbers: Counts, settings: dict[str, Any]
) -> Scores:
    """Replace the intervals of all scores that are ratios of counts."""
    size, groups = len(plain.classes), int(numbers.max()) + 1
    true, guess = at
    cells = cell_statistic(true, guess, size=size, numbers=numbers)
    rates = rate_statistic(true, guess, size=size, numbers=numbers)

    def statistic(draws: Counts) -> Floats:
        return np.concatenate([rates(draws), cells(draws)], axis=1)

    found = bootstrap_many(statistic, np.ones(groups, dtype=np.int64), **settings)

    def widened(interval: Interval, inside: Any, *, f1: bool = False) -> Interval:
        return _with_width(interval, len(np.unique(numbers[inside])), f1=f1)

    per_class = []
    for i, one in enumerate(plain.per_class):
        named, real = guess == i, true == i
        per_class.append(
            replace(
                one,
                precision=widened(found[1 + i], named),
                recall=widened(found[1 + size + i], real),
                f1=widened(found[1 + 2 * size + i], named | real, f1=True),
            )
        )
    every = np.ones(len(true), dtype=bool)
    averages = [widened(interval, every) for interval in found[1 + 3 * size :]]
    return replace(
        plain,
        accuracy=widened(found[0], every),
        per_class=tuple(per_class),
        macro=Averages(*averages[:3]),
        weighted=Averages(*averages[3:]),
    )


def without_flat_limits(interval: Interval) -> Interval:
    """Take away limits that coincide (but for rounding): they say nothing of the error.

    >>> without_flat_limits(Interval(0.5, 0.5, 0.5 + 1e-15)).limits() is None
    True
    """
    if interval.high - interval.low > ROUNDING:
        return interval
    return replace(interval, low=float("nan"), high=float("nan"))


def _with_width(interval: Interval, groups: int, *, f1: bool) -> Interval:
    """Give an interval without width Wilson's limits for as many trials as there are groups."""
    if not interval.defined or interval.high - interval.low > ROUNDING:
        return interval
    value, level = interval.estimate, interval.level
    if f1:
        hits = groups * value / (2 - value)
        return replace(wilson_f1(hits, groups - hits, level=level), estimate=value)
    limits = wilson(groups * min(value, 1.0), groups, level=level)
    return replace(limits, estimate=value, method="wilson over groups")


def _notes(groups: int, n: int) -> list[str]:
    shown = "1 group" if groups == 1 else f"{groups:,} groups"
    notes = [f"Intervals are over {shown} of the {n:,} items, not over items."]
    if groups < FEW:
        notes.append(f"With fewer than {FEW} groups such intervals tend to be too narrow.")
    return notes
