"""Items with what is true and what was predicted, and sums over them under any weights."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mediacorpus.stats.intervals import Counts, Floats

TOLERANCE = 1e-3
"""How far the probabilities of one item may sum from 1, for rounding in a file."""


def as_labels(values: Iterable[Any], what: str) -> list[str]:
    """Return class labels as text; whole floats lose their `.0`.

    Parameters
    ----------
    values:
        One label per item, of any type.
    what:
        What they are, as messages name them.

    Raises
    ------
    ParameterError
        A label is missing.

    Examples
    --------
    >>> as_labels([1.0, "yes", 2], "truth")
    ['1', 'yes', '2']
    """
    given = list(values)
    gaps = sum(1 for value in given if _missing(value))
    if gaps:
        raise ParameterError(
            f"{what} has no label for {gaps} of {len(given)} items; leave these items out first."
        )
    return [
        str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        for value in given
    ]


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def sorted_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct labels, sorted: as numbers where all are numbers, else as text.

    >>> sorted_classes(["10", "9", "9"]), sorted_classes(["no", "10", "9"])
    (('9', '10'), ('10', '9', 'no'))
    """
    distinct = sorted(set(labels))
    try:
        return tuple(sorted(distinct, key=float))
    except ValueError:
        return tuple(distinct)


def check_classes(labels: Sequence[str], classes: Sequence[str], what: str) -> None:
    """Make sure that every label is one of the classes, and no class comes twice.

    Raises
    ------
    ParameterError
        A label is no class, or a class is listed twice.

    Examples
    --------
    >>> check_classes(["a"], ["a", "b"], "truth")
    """
    if len(set(classes)) < len(classes):
        raise ParameterError(f"A class is listed twice: {', '.join(classes)}.")
    strange = sorted(set(labels) - set(classes))
    if strange:
        raise ParameterError(
            f"{what} holds {', '.join(map(repr, strange[:5]))}, "
            f"which is none of the classes: {', '.join(classes)}."
        )


def probability_matrix(
    probabilities: Any, classes: Sequence[str], *, positive: str | None = None
) -> Floats:
    """Return class probabilities as an array `(N, K)` with the columns in order of `classes`.

    Parameters
    ----------
    probabilities:
        A pandas frame with one column for each class, an array `(N, K)` in the order of
        `classes`, or, for two classes, an array `(N,)` with those of the positive class.
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
    outside = np.flatnonzero(~((matrix >= 0) & (matrix <= 1)).all(axis=1))
    if len(outside):
        row = int(outside[0])
        raise ParameterError(
            f"Probabilities must lie between 0 and 1; row {row + 1} is {matrix[row].tolist()}."
        )
    off = np.flatnonzero(np.abs(matrix.sum(axis=1) - 1) > TOLERANCE)
    if len(off):
        row = int(off[0])
        raise ParameterError(
            f"The probabilities of an item must sum to 1; "
            f"those in row {row + 1} sum to {matrix[row].sum():.4g}."
        )
    return matrix


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

    def __len__(self) -> int:
        return len(self.true)

    @property
    def offers(self) -> frozenset[str]:
        """What metrics may need and is there: numbers, labels, ranks, probabilities."""
        if not self.classes:
            return frozenset({"numbers"})
        there = {"labels": True, "ranks": self.ordinal, "probabilities": self.matrix is not None}
        return frozenset(name for name, has in there.items() if has)

    def only(self, rows: Any) -> Sample:
        """Return some of the items."""
        matrix = None if self.matrix is None else self.matrix[rows]
        return replace(self, true=self.true[rows], predicted=self.predicted[rows], matrix=matrix)

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
        return replace(self, true=pairs // size, predicted=pairs % size, matrix=None), place

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
        assert self.matrix is not None
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
    truth: Any,
    predicted: Any,
    *,
    classes: Sequence[str] | None = None,
    positive: Any = None,
    probabilities: Any = None,
    ordinal: bool = False,
) -> Sample:
    """Read labels, and probabilities where there are any, and check that they fit.

    Parameters
    ----------
    truth, predicted:
        One label per item, in the same order. Labels are compared as text.
    classes:
        All classes, in the order in which they are shown; by default those that occur.
    positive, ordinal:
        As for `Sample`.
    probabilities:
        As for `probability_matrix`.

    Raises
    ------
    ParameterError
        There are no items, lengths or pandas indexes differ, or labels are missing or unknown.

    Examples
    --------
    >>> read_sample([1, 0], ["1", "1"]).true.tolist()
    [1, 0]
    """
    series = isinstance(truth, pd.Series) and isinstance(predicted, pd.Series)
    if series and len(truth) == len(predicted) and not truth.index.equals(predicted.index):
        raise ParameterError(
            "truth and predicted have different pandas indexes; bring both into one order first."
        )
    true, guess = as_labels(truth, "truth"), as_labels(predicted, "predicted")
    if len(true) != len(guess):
        raise ParameterError(
            f"There are {len(true)} true and {len(guess)} predicted labels; "
            "each item needs one of both."
        )
    if not true:
        raise ParameterError("There are no items to validate with.")
    head = None if positive is None else as_labels([positive], "positive")[0]
    if classes is not None:
        names = tuple(as_labels(classes, "classes"))
    else:
        names = sorted_classes(true + guess)
        if head is not None and len(names) == 1:
            names = sorted_classes([*names, head])
    check_classes(true, names, "truth")
    check_classes(guess, names, "predicted")
    if head is not None and head not in names:
        raise ParameterError(
            f"The positive class {head!r} is none of the classes: {', '.join(names)}."
        )
    matrix = None
    if probabilities is not None:
        matrix = probability_matrix(probabilities, names, positive=head)
        if len(matrix) != len(true):
            raise ParameterError(
                f"There are probabilities for {len(matrix)} items and labels for {len(true)}."
            )
    place = {name: i for i, name in enumerate(names)}
    at, said = (np.array([place[label] for label in labels]) for labels in (true, guess))
    return Sample(at, said, names, matrix, head, ordinal)


def confusion_matrix(sample: Sample) -> Counts:
    """Count the items of each true class (rows) by predicted class (columns), `(K, K)`.

    Examples
    --------
    >>> confusion_matrix(read_sample(["0", "0", "1"], ["0", "1", "1"])).tolist()
    [[1, 1], [0, 1]]
    """
    size = len(sample.classes)
    cells = sample.true * size + sample.predicted
    return np.bincount(cells, minlength=size * size).reshape(size, size).astype(np.int64)


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
