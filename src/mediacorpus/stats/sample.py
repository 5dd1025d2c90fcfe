"""Items with what is true and what was predicted, and sums over them under any weights."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mediacorpus.stats.intervals import Counts, Floats


@dataclass(frozen=True, eq=False)
class Sample:
    """Items with what is true and what was predicted.

    Parameters
    ----------
    true, predicted:
        Column number of each item's class, `(N,)`; of a scale the values themselves.
    classes:
        The K classes; none for a scale.
    matrix:
        Probabilities `(N, K)`, where there are any.
    ranking:
        What ranks the items for the positive class, `(N,)`, where there are no probabilities.
    positive:
        The class that matters, or None: all matter alike.
    ordinal:
        Whether the classes are ranks, from the lowest to the highest.

    Examples
    --------
    >>> two = Sample(np.array([0, 0, 1]), np.array([0, 1, 1]), ("a", "b"))
    >>> two.under(np.ones((1, 3), dtype=np.int64)).hits.tolist()
    [[1, 1]]
    """

    true: Any
    predicted: Any
    classes: tuple[str, ...] = ()
    matrix: Floats | None = None
    positive: str | None = None
    ordinal: bool = False
    ranking: Floats | None = None

    def __len__(self) -> int:
        return len(self.true)

    @property
    def offers(self) -> frozenset[str]:
        """What metrics may need and is there: numbers, labels, ranks, probabilities, scores."""
        if not self.classes:
            return frozenset({"numbers"})
        there = {"labels": True, "ranks": self.ordinal, "probabilities": self.matrix is not None}
        there["scores"] = self.matrix is not None or self.ranking is not None
        return frozenset(name for name, has in there.items() if has)

    def only(self, rows: Any) -> Sample:
        """Return some of the items."""
        matrix = None if self.matrix is None else self.matrix[rows]
        ranking = None if self.ranking is None else self.ranking[rows]
        own: dict[str, Any] = {"true": self.true[rows], "predicted": self.predicted[rows]}
        return replace(self, matrix=matrix, ranking=ranking, **own)

    def under(self, weights: Any) -> Weighted:
        """Return the items under R sets of weights `(R, N)`."""
        return Weighted(self, weights)

    @functools.cached_property
    def cells(self) -> tuple[Sample, Counts]:
        """The distinct pairs of true and predicted class, and which of them each item is.

        Items of one pair are alike for every score that needs labels only, so that a
        thousand classes or a million items cost no more than the pairs that occur.
        """
        size = len(self.classes)
        pairs, place = np.unique(self.true * size + self.predicted, return_inverse=True)
        own: dict[str, Any] = {"true": pairs // size, "predicted": pairs % size}
        return replace(self, matrix=None, ranking=None, **own), place

    @functools.cached_property
    def indicators(self) -> tuple[Any, Any, Any]:
        """Sparse `(K, N)`: items of a class predicted rightly, truly of it, predicted to be it."""
        right = (self.true == self.predicted).astype(np.int64)
        size = len(self.classes)
        return (
            indicator(self.true, size, right),
            indicator(self.true, size),
            indicator(self.predicted, size),
        )

    @functools.cached_property
    def rankings(self) -> list[Callable[[Any], Floats]]:
        """Ranking scores of the positive class, or of each that occurs, against the rest."""
        if self.matrix is None:
            assert self.ranking is not None
            return [ranking_scores(self.true == at, self.ranking) for at in self.ranked]
        return [ranking_scores(self.true == at, self.matrix[:, at]) for at in self.ranked]

    @property
    def ranked(self) -> list[int]:
        """Columns of the classes of which ranking scores are the mean."""
        if self.positive is None:
            return sorted(set(self.true.tolist()))
        return [self.classes.index(self.positive)]


def indicator(column: Counts, size: int, value: Any = 1) -> Any:
    """Return a sparse array `(size, N)` that says which column each item has.

    >>> indicator(np.array([0, 1, 1]), 2).toarray().tolist()
    [[1, 0, 0], [0, 1, 1]]
    """
    from scipy.sparse import csr_array

    n = len(column)
    values = np.broadcast_to(np.asarray(value), (n,))
    return csr_array((values, (column, np.arange(n))), shape=(size, n))


def read_sample(
    gold: Sequence[str],
    predicted: Sequence[str],
    classes: Sequence[str] | None = None,
    *,
    positive: str | None = None,
    probabilities: Any = None,
    ranking: Any = None,
    ordinal: bool = False,
) -> Sample:
    """Make a sample of labels, and of probabilities where there are any.

    Parameters
    ----------
    gold, predicted:
        One label per item, in the same order.
    classes:
        All classes, in the order in which they are shown; by default those that occur, sorted.
    positive, ranking, ordinal:
        As for `Sample`; a ranking is of the positive class.
    probabilities:
        Array `(N, K)`, the columns in the order of the classes.

    Examples
    --------
    >>> read_sample(["1", "0"], ["1", "1"]).true.tolist()
    [1, 0]
    """
    names = tuple(classes or sorted({*gold, *predicted}))
    place = {name: i for i, name in enumerate(names)}
    at, guessed = (np.array([place[label] for label in labels]) for labels in (gold, predicted))
    matrix = None if probabilities is None else np.asarray(probabilities, dtype=np.float64)
    scores = None if ranking is None else np.asarray(ranking, dtype=np.float64)
    return Sample(at, guessed, names, matrix, positive, ordinal, scores)


def confusion_matrix(sample: Sample) -> Counts:
    """Count the items of each true class (rows) by predicted class (columns), `(K, K)`.

    Examples
    --------
    >>> confusion_matrix(read_sample(["0", "0", "1"], ["0", "1", "1"])).tolist()
    [[1, 1], [0, 1]]
    """
    size = len(sample.classes)
    cells = sample.true * size + sample.predicted
    return np.bincount(cells, minlength=size * size).reshape(size, size)


class Weighted:
    """A sample under R sets of weights at once: what a metric is computed from.

    Weights of ones give the estimate, multinomial weights a bootstrap, weights drawn for
    whole groups a cluster bootstrap, ones for some items and zeros for others a subgroup,
    and one over the chance to be drawn the population.

    Parameters
    ----------
    sample:
        The N items.
    weights:
        `(R, N)`.

    Examples
    --------
    >>> two = Sample(np.array([0, 0, 1]), np.array([0, 1, 1]), ("a", "b"))
    >>> two.under(np.array([[1, 1, 1], [2, 0, 1]])).truths.tolist()
    [[2, 1], [2, 1]]
    """

    def __init__(self, sample: Sample, weights: Any) -> None:
        self.sample = sample
        self.weights = weights

    @functools.cached_property
    def hits(self) -> Any:
        """Weight of the items of each class that are predicted rightly, `(R, K)`."""
        return self._sums(0)

    @functools.cached_property
    def truths(self) -> Any:
        """Weight of the items that truly are of each class, `(R, K)`."""
        return self._sums(1)

    @functools.cached_property
    def guesses(self) -> Any:
        """Weight of the items that are predicted to be of each class, `(R, K)`."""
        return self._sums(2)

    @functools.cached_property
    def total(self) -> Any:
        """Weight of all items, `(R, 1)`."""
        return np.asarray(self.weights.sum(axis=1)).reshape(-1, 1)

    @functools.cached_property
    def rankings(self) -> Floats:
        """ROC AUC and average precision, `(R, 2)`: means over `Sample.rankings`."""
        scores = [one(self.weights) for one in self.sample.rankings]
        return mean_defined(np.stack(scores, axis=-1))

    @functools.cached_property
    def _floats(self) -> Floats:
        return np.asarray(self.weights, dtype=np.float64)

    def mean(self, values: Any) -> Floats:
        """Return the weighted mean `(R,)` of what each item has, `(N,)`."""
        return ratio(self._floats @ values, self.total[:, 0])

    def _sums(self, kind: int) -> Any:
        return (self.sample.indicators[kind] @ self.weights.T).T


def ratio(top: Any, bottom: Any) -> Floats:
    """Divide; NaN, not 0, where the denominator is 0.

    >>> ratio([1, 0], [2, 0]).tolist()
    [0.5, nan]
    """
    over, under = np.broadcast_arrays(np.asarray(top, float), np.asarray(bottom, float))
    result = np.full(over.shape, np.nan)
    np.divide(over, under, out=result, where=under != 0)
    return result


def mean_defined(values: Floats, weights: Any = 1.0) -> Floats:
    """Average over the last axis, leaving out NaN; NaN where nothing is left.

    >>> mean_defined(np.array([[0.5, 1.0, np.nan], [np.nan, np.nan, np.nan]])).tolist()
    [0.75, nan]
    """
    known = ~np.isnan(values)
    weight = np.where(known, weights, 0.0)
    return ratio((weight * np.where(known, values, 0.0)).sum(axis=-1), weight.sum(axis=-1))


def ranking_scores(positive: Any, score: Floats) -> Callable[[Any], Floats]:
    """Prepare the ROC AUC and average precision of weighted items.

    Parameters
    ----------
    positive:
        Whether each item is of the class, `(N,)`.
    score:
        The probability of the class, `(N,)`. Items of equal score are taken together.

    Returns
    -------
    callable
        From weights `(R, N)` to `(R, 2)`.
    """
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    starts = np.searchsorted(-ordered, -ordered, side="left")
    ends = np.searchsorted(-ordered, -ordered, side="right")
    here = np.flatnonzero(np.asarray(positive)[order])
    first, last = starts[here], ends[here]
    hits_first, hits_last = np.searchsorted(here, first), np.searchsorted(here, last)

    def statistic(weights: Any) -> Floats:
        drawn = weights[:, order]
        above, ups = _running(drawn), drawn[:, here]
        hits = _running(ups)
        positives = hits[:, -1]
        negatives = above[:, -1] - positives
        reached, hit = above[:, last], hits[:, hits_last]
        alarms = reached - hit + above[:, first] - hits[:, hits_first]
        won = (ups * (negatives[:, None] - alarms / 2)).sum(axis=1)
        steps = (ups * (hit / np.where(reached > 0, reached, 1))).sum(axis=1)
        return np.stack([ratio(won, positives * negatives), ratio(steps, positives)], axis=1)

    return statistic


def _running(weights: Any) -> Any:
    """Give sums of the first 0, 1, ... columns: `(R, N)` to `(R, N + 1)`."""
    sums = np.zeros((len(weights), weights.shape[1] + 1), dtype=weights.dtype)
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums
