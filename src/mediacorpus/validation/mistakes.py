"""Which items a classifier gets wrong, and how sure it was: the rows of the galleries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.validation.counts import as_labels, check_classes
from mediacorpus.validation.probabilities import probability_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediacorpus.validation.intervals import Floats


def mistakes(
    items: Sequence[str],
    truth: Any,
    *,
    probabilities: Any,
    classes: Sequence[str] | None = None,
    per_kind: int = 12,
) -> pd.DataFrame:
    """List the most confident errors of each kind, a kind being a (true, predicted) pair.

    Parameters
    ----------
    items:
        Item ids, `(n,)`.
    truth:
        True labels in the same order.
    probabilities:
        A frame with one column for each class, or an array `(n, K)`.
    classes:
        The K classes in the order of the array; by default the columns of the frame.
    per_kind:
        Rows listed at most of each kind.

    Returns
    -------
    DataFrame
        `true`, `predicted`, `rank` (1 is the most confident), `item`, `confidence`
        (probability of the predicted class), `probability` (of the true class), `of`
        (errors of this kind in all). The most frequent kind comes first.

    Raises
    ------
    ParameterError
        Lengths differ, or the probabilities do not fit the classes.

    Examples
    --------
    >>> wrong = mistakes(["x", "y", "z"], ["no", "no", "yes"],
    ...                  probabilities=[0.9, 0.6, 0.7], classes=["no", "yes"])
    >>> wrong[["item", "true", "predicted", "confidence", "of"]].values.tolist()
    [['x', 'no', 'yes', 0.9, 2], ['y', 'no', 'yes', 0.6, 2]]
    """
    table = _answers(items, truth, probabilities=probabilities, classes=classes)
    wrong = table[table["true"] != table["predicted"]]
    kinds = ["true", "predicted"]
    wrong = wrong.assign(of=wrong.groupby(kinds)["item"].transform("size"))
    wrong = wrong.sort_values(
        ["of", *kinds, "confidence", "item"], ascending=[False, True, True, False, True]
    )
    return _ranked(wrong, kinds, per_kind)[
        [*kinds, "rank", "item", "confidence", "probability", "of"]
    ]


def least_certain(
    items: Sequence[str],
    *,
    probabilities: Any,
    classes: Sequence[str] | None = None,
    count: int = 12,
) -> pd.DataFrame:
    """List the items between whose two most probable classes the margin is smallest.

    They need no true label: these are the ones that are worth labelling next (margin
    sampling).

    Returns
    -------
    DataFrame
        `rank`, `item`, `predicted`, `confidence`, `second` (the runner-up), `margin`.

    References
    ----------
    Scheffer, T., Decomain, C., & Wrobel, S. (2001). Active hidden Markov models for
    information extraction. *IDA 2001*, 309-318.

    Examples
    --------
    >>> least_certain(["x", "y"], probabilities=[0.1, 0.55], classes=["no", "yes"],
    ...               count=1)["item"].tolist()
    ['y']
    """
    names, matrix = _matrix(probabilities, classes)
    if matrix.shape[1] < 2:  # noqa: PLR2004
        raise ParameterError(f"A margin needs two classes; there is only {names[0]!r}.")
    ids = _ids(items, len(matrix))
    order = np.argsort(-matrix, axis=1, kind="stable")
    top, second = order[:, 0], order[:, 1]
    rows = np.arange(len(matrix))
    table = pd.DataFrame(
        {
            "item": ids,
            "predicted": [names[i] for i in top],
            "confidence": matrix[rows, top],
            "second": [names[i] for i in second],
            "margin": matrix[rows, top] - matrix[rows, second],
        }
    )
    return _ranked(table.sort_values(["margin", "item"]), [], count)[
        ["rank", "item", "predicted", "confidence", "second", "margin"]
    ]


def _answers(items: Sequence[str], truth: Any, *, probabilities: Any, classes: Any) -> pd.DataFrame:
    names, matrix = _matrix(probabilities, classes)
    ids, true = _ids(items, len(matrix)), as_labels(truth, "truth")
    if len(true) != len(ids):
        raise ParameterError(f"There are {len(ids)} items and {len(true)} true labels.")
    check_classes(true, names, "truth")
    place = {name: i for i, name in enumerate(names)}
    best = matrix.argmax(axis=1)
    rows = np.arange(len(ids))
    return pd.DataFrame(
        {
            "item": ids,
            "true": true,
            "predicted": [names[i] for i in best],
            "confidence": matrix[rows, best],
            "probability": matrix[rows, [place[label] for label in true]],
        }
    )


def _matrix(probabilities: Any, classes: Sequence[str] | None) -> tuple[list[str], Floats]:
    if classes is None:
        if not isinstance(probabilities, pd.DataFrame):
            raise ParameterError("Name the classes: probabilities as an array have no names.")
        classes = list(probabilities.columns)
    names = as_labels(classes, "classes")
    check_classes([], names, "classes")
    return names, probability_matrix(probabilities, names)


def _ids(items: Sequence[str], n: int) -> list[str]:
    ids = list(items)
    if len(ids) != n:
        raise ParameterError(f"There are {len(ids)} items and {n} rows of probabilities.")
    return ids


def _ranked(table: pd.DataFrame, by: list[str], most: int) -> pd.DataFrame:
    if most < 1:
        raise ParameterError(f"At least one row must be asked for, not {most}.")
    if by:
        rank = table.groupby(by, sort=False).cumcount() + 1
    else:
        rank = pd.Series(np.arange(1, len(table) + 1), index=table.index)
    ranked = table.assign(rank=rank)
    return ranked[ranked["rank"] <= most].reset_index(drop=True)
