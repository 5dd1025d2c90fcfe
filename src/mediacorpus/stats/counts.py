"""Confusion matrices, and the scores that are ratios of their cells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mediacorpus.stats.intervals import Counts, Floats


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
    return [_text(value) for value in given]


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


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


def check_pair(truth: Any, predicted: Any) -> tuple[list[str], list[str]]:
    """Return truth and prediction as two lists of labels of one length, in the same order.

    Raises
    ------
    ParameterError
        They are empty, differ in length or in their pandas index, or a label is missing.

    Examples
    --------
    >>> check_pair([1, 0], ["1", "1"])
    (['1', '0'], ['1', '1'])
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
    return true, guess


def confusion_matrix(truth: Any, predicted: Any, classes: Sequence[str] | None = None) -> Counts:
    """Count the items of each true class (rows) by predicted class (columns).

    Parameters
    ----------
    truth, predicted:
        One label per item, in the same order.
    classes:
        The K classes in the order of rows and columns; by default all that occur, sorted.

    Returns
    -------
    ndarray of int64, (K, K)
        Cell `[i, j]` counts the items of true class i that are predicted to be class j.

    Raises
    ------
    ParameterError
        Lengths differ, labels are missing, or a label is none of the classes.

    Examples
    --------
    >>> confusion_matrix(["0", "0", "1"], ["0", "1", "1"]).tolist()
    [[1, 1], [0, 1]]
    """
    true, guess = check_pair(truth, predicted)
    names = sorted_classes(true + guess) if classes is None else as_labels(classes, "classes")
    check_classes(true, names, "truth")
    check_classes(guess, names, "predicted")
    place = {name: i for i, name in enumerate(names)}
    size = len(names)
    cells = [place[t] * size + place[g] for t, g in zip(true, guess, strict=True)]
    return np.bincount(cells, minlength=size * size).reshape(size, size).astype(np.int64)


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


AVERAGES = tuple(
    f"{average}_{name}"
    for average in ("macro", "weighted")
    for name in ("precision", "recall", "f1")
)
"""The averages over classes, in the order in which `averaged` gives them."""


def class_scores(hits: Any, truth: Any, predicted: Any) -> Floats:
    """Give precision, recall and F1 `(3, ..., K)` from counts `(..., K)`.

    F1 = 2 hits / (truth + predicted): 0 for a class that occurs and is never predicted, and
    undefined only for a class that is in neither.

    >>> class_scores([1, 0], [1, 1], [2, 0]).round(2).tolist()
    [[0.5, nan], [1.0, 0.0], [0.67, 0.0]]
    """
    both = np.asarray(truth, float) + np.asarray(predicted, float)
    doubled = 2 * np.asarray(hits, float)
    return np.stack([ratio(hits, predicted), ratio(hits, truth), ratio(doubled, both)])


def averaged(scores: Floats, truth: Any) -> Floats:
    """Average the class scores `(3, ..., K)` to `(..., 6)`, in the order of `AVERAGES`.

    Undefined scores are left out, as scikit-learn does with `zero_division=np.nan`.

    >>> averaged(class_scores([1, 0], [1, 3], [2, 0]), [1, 3])[:2].tolist()
    [0.5, 0.5]
    """
    macro = [mean_defined(score) for score in scores]
    weighted = [mean_defined(score, truth) for score in scores]
    return np.stack(macro + weighted, axis=-1)


def statistics_of_cells(matrix: Counts) -> tuple[Counts, Callable[[Counts], Floats]]:
    """Prepare the bootstrap of all scores of a confusion matrix.

    Only filled cells are resampled, so that a thousand classes cost no more than the items.

    Parameters
    ----------
    matrix:
        Confusion matrix `(K, K)`.

    Returns
    -------
    cells
        Counts `(C,)` of the filled cells.
    statistic
        From resampled cells `(R, C)` to `(R, K + 6)`: F1 of each class, then the averages.

    Examples
    --------
    >>> cells, statistic = statistics_of_cells(np.array([[8, 0], [1, 1]]))
    >>> cells.tolist(), statistic(cells[None]).shape
    ([8, 1, 1], (1, 8))
    """
    size = len(matrix)
    true, guess = np.nonzero(matrix)
    right = np.flatnonzero(true == guess)

    def statistic(cells: Counts) -> Floats:
        truth, predicted = _sums(cells, true, size), _sums(cells, guess, size)
        hits = np.zeros_like(truth)
        hits[:, true[right]] = cells[:, right]
        scores = class_scores(hits, truth, predicted)
        return np.concatenate([scores[2], averaged(scores, truth)], axis=1)

    return matrix[true, guess], statistic


def _sums(cells: Counts, group: Any, size: int) -> Counts:
    """Add up the columns of `cells` (R, C) by group to (R, size)."""
    order = np.argsort(group, kind="stable")
    present, starts = np.unique(group[order], return_index=True)
    sums = np.zeros((len(cells), size), dtype=np.int64)
    sums[:, present] = np.add.reduceat(cells[:, order], starts, axis=1)
    return sums
