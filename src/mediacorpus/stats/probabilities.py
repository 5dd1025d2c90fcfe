"""Scores of the probabilities themselves: ranking, Brier score and log loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.stats.counts import mean_defined, ratio
from mediacorpus.stats.intervals import Counts, Floats, Interval, bootstrap_many

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TOLERANCE = 1e-3
"""How far the probabilities of one item may sum from 1, for rounding in a file."""

WORK = 40_000_000
"""Items x classes x resamples beyond which fewer resamples are drawn (some seconds)."""

FEWEST = 200
"""Resamples that are drawn in any case."""


@dataclass(frozen=True, slots=True)
class ProbabilityScores:
    """Scores that need the probabilities, not only the predicted classes.

    Parameters
    ----------
    roc_auc:
        Area under the ROC curve: of the positive class, or the mean over classes, each
        against the rest. Undefined where only one class occurs.
    average_precision:
        Area under the precision-recall curve, as a sum over its steps; likewise.
    brier:
        Mean squared error of the probabilities: 0 to 1 for two classes, 0 to 2 for more.
    log_loss:
        Mean of -log(probability of the true class), in nats.
    """

    roc_auc: Interval
    average_precision: Interval
    brier: Interval
    log_loss: Interval


def probability_matrix(
    probabilities: Any, classes: Sequence[str], *, positive: str | None = None
) -> Floats:
    """Return class probabilities as an array `(n, K)` with the columns in order of `classes`.

    Parameters
    ----------
    probabilities:
        A pandas frame with one column for each class, an array `(n, K)` in the order of
        `classes`, or, for two classes, an array `(n,)` with those of the positive class.
    classes:
        The K classes.
    positive:
        The class that a one-dimensional array is for; by default the second.

    Raises
    ------
    ParameterError
        Columns are missing, values lie outside 0 to 1, or a row does not sum to 1.

    Examples
    --------
    >>> probability_matrix([0.2, 0.9], ["no", "yes"]).round(1).tolist()
    [[0.8, 0.2], [0.1, 0.9]]
    """
    if isinstance(probabilities, pd.DataFrame):
        named = probabilities.rename(columns=str)
        missing = [name for name in classes if name not in named.columns]
        if missing:
            raise ParameterError(
                f"The probabilities have no column for {', '.join(map(repr, missing[:5]))}; "
                f"found: {', '.join(map(str, named.columns))}."
            )
        matrix = named.loc[:, list(classes)].to_numpy(dtype=np.float64)
    else:
        matrix = np.asarray(probabilities, dtype=np.float64)
    if matrix.ndim == 1 and len(classes) == 2:  # noqa: PLR2004
        other = [1 - matrix, matrix] if positive != classes[0] else [matrix, 1 - matrix]
        matrix = np.stack(other, axis=1)
    if matrix.ndim != 2 or matrix.shape[1] != len(classes):  # noqa: PLR2004
        raise ParameterError(
            f"The probabilities have the shape {matrix.shape}; "
            f"one row per item and {len(classes)} columns are needed, one for each class."
        )
    _check_range(matrix)
    return matrix


def _check_range(matrix: Floats) -> None:
    inside = (matrix >= 0) & (matrix <= 1)
    if not inside.all():
        row = int(np.flatnonzero(~inside.all(axis=1))[0])
        raise ParameterError(
            f"Probabilities must lie between 0 and 1; row {row + 1} is {matrix[row].tolist()}."
        )
    off = np.abs(matrix.sum(axis=1) - 1) > TOLERANCE
    if off.any():
        row = int(np.flatnonzero(off)[0])
        raise ParameterError(
            f"The probabilities of an item must sum to 1; "
            f"those in row {row + 1} sum to {matrix[row].sum():.4g}."
        )


def score_probabilities(
    truth: Sequence[int] | Counts,
    matrix: Floats,
    *,
    positive: int | None = None,
    level: float = 0.95,
    repeats: int = 2000,
    seed: int = 0,
) -> ProbabilityScores:
    """Score class probabilities, with percentile bootstrap intervals over items.

    Parameters
    ----------
    truth:
        Column number of each item's true class, `(n,)`.
    matrix:
        Probabilities `(n, K)`.
    positive:
        Column of the positive class; without it ranking scores are means over the
        classes that occur, each against the rest.
    level, repeats, seed:
        As for `bootstrap`; fewer resamples are drawn for very large inputs. A score that
        is the same in every resample comes without limits.

    References
    ----------
    Fawcett, T. (2006). An introduction to ROC analysis. *Pattern Recognition Letters*, 27.
    Brier, G. W. (1950). Verification of forecasts expressed in terms of probability.
    *Monthly Weather Review*, 78, 1-3.

    Examples
    --------
    >>> matrix = probability_matrix([0.1, 0.4, 0.35, 0.8], ["0", "1"])
    >>> scores = score_probabilities([0, 0, 1, 1], matrix, positive=1)
    >>> scores.roc_auc.estimate, round(scores.average_precision.estimate, 3)
    (0.75, 0.833)
    """
    true = np.asarray(truth, dtype=np.int64)
    n, size = matrix.shape
    onehot = np.eye(size)[true]
    squared = ((matrix - onehot) ** 2).sum(axis=1) / (2 if size == 2 else 1)  # noqa: PLR2004
    tiny = np.finfo(np.float64).eps
    surprise = -np.log(np.clip(matrix[np.arange(n), true], tiny, 1.0))
    losses = np.stack([squared, surprise], axis=1)
    columns = [positive] if positive is not None else sorted(set(true.tolist()))
    rankings = [ranking_scores(true == column, matrix[:, column]) for column in columns]

    def statistic(draws: Counts) -> Floats:
        ranked = np.stack([one(draws) for one in rankings])
        return np.concatenate([_mean_of_classes(ranked), draws @ losses / n], axis=1)

    drawn = max(min(repeats, FEWEST), min(repeats, WORK // (n * len(columns))))
    found = bootstrap_many(
        statistic, np.ones(n, dtype=np.int64), repeats=drawn, level=level, seed=seed
    )
    return ProbabilityScores(*[_without_flat_limits(interval) for interval in found])


def _mean_of_classes(ranked: Floats) -> Floats:
    """Average `(K, R, 2)` over the classes, leaving out NaN."""
    return mean_defined(np.moveaxis(ranked, 0, -1))


def _without_flat_limits(interval: Interval) -> Interval:
    if interval.flat:
        return replace(interval, low=float("nan"), high=float("nan"))
    return interval


def ranking_scores(positive: Any, score: Floats) -> Callable[[Counts], Floats]:
    """Prepare the ROC AUC and average precision of resampled items.

    Parameters
    ----------
    positive:
        Whether each item is of the class, `(n,)`.
    score:
        The probability of the class, `(n,)`. Items of equal score are taken together.

    Returns
    -------
    callable
        From how often each item was drawn `(R, n)` to `(R, 2)`.
    """
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    starts = np.searchsorted(-ordered, -ordered, side="left")
    ends = np.searchsorted(-ordered, -ordered, side="right")
    here = np.flatnonzero(np.asarray(positive)[order])
    first, last = starts[here], ends[here]
    hits_first, hits_last = np.searchsorted(here, first), np.searchsorted(here, last)

    def statistic(draws: Counts) -> Floats:
        drawn = draws[:, order]
        above, ups = _running(drawn), drawn[:, here]
        hits = _running(ups)
        positives = hits[:, -1]
        negatives = above[:, -1] - positives
        reached, hit = above[:, last], hits[:, hits_last]
        alarms = reached - hit + above[:, first] - hits[:, hits_first]
        won = (ups * (negatives[:, None] - alarms / 2)).sum(axis=1)
        steps = (ups * (hit / np.maximum(reached, 1))).sum(axis=1)
        return np.stack([ratio(won, positives * negatives), ratio(steps, positives)], axis=1)

    return statistic


def _running(draws: Counts) -> Counts:
    """Give sums of the first 0, 1, ... columns: `(R, n)` to `(R, n + 1)`."""
    sums = np.zeros((len(draws), draws.shape[1] + 1), dtype=np.int64)
    np.cumsum(draws, axis=1, out=sums[:, 1:])
    return sums
