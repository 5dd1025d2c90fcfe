"""Which items a classifier gets wrong, and how sure it was: the rows of the galleries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.learning.targets import SEPARATOR, split_values
from mediacorpus.stats.sample import as_labels, check_classes, probability_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediacorpus.stats.intervals import Floats


COLUMNS = ("item", "gold", "predicted", "probability", "probability_of_gold", "error", "rank", "of")
"""Columns of every table of mistakes, whatever is predicted."""


def mistakes_frame(**columns: Any) -> pd.DataFrame:
    """Make a table of mistakes; columns that do not apply are empty.

    Examples
    --------
    >>> mistakes_frame(item=["a"], gold=["1"], predicted=["3"], error=[2.0])["error"].tolist()
    [2.0]
    """
    found = pd.DataFrame(columns)
    found["rank"] = found.get("rank", pd.Series(range(1, len(found) + 1), dtype="int64"))
    found["of"] = found.get("of", len(found))
    return found.reindex(columns=list(COLUMNS))


def mistakes(
    items: Sequence[str],
    truth: Any,
    *,
    probabilities: Any,
    classes: Sequence[str] | None = None,
    predicted: Sequence[str] | None = None,
    per_kind: int | None = None,
) -> pd.DataFrame:
    """List the errors, the most confident of each kind first, a kind being (gold, predicted).

    Parameters
    ----------
    items:
        Item ids, `(n,)`.
    truth:
        Gold labels in the same order.
    probabilities:
        A frame with one column for each class, or an array `(n, K)`.
    classes:
        The K classes in the order of the array; by default the columns of the frame.
    predicted:
        What was predicted, where a threshold decided; by default the most probable class.
    per_kind:
        Rows listed at most of each kind; by default all.

    Returns
    -------
    DataFrame
        `item`, `gold`, `predicted`, `probability` (of the predicted class),
        `probability_of_gold`, `error` (empty: for numbers and several labels), `rank` (1 is the
        most confident of its kind), `of` (errors of this kind in all). The most frequent kind
        comes first.

    Raises
    ------
    ParameterError
        Lengths differ, or the probabilities do not fit the classes.

    Examples
    --------
    >>> wrong = mistakes(["x", "y", "z"], ["no", "no", "yes"],
    ...                  probabilities=[0.9, 0.6, 0.7], classes=["no", "yes"])
    >>> wrong[["item", "gold", "predicted", "probability", "of"]].values.tolist()
    [['x', 'no', 'yes', 0.9, 2], ['y', 'no', 'yes', 0.6, 2]]
    """
    table = _answers(
        items, truth, probabilities=probabilities, classes=classes, predicted=predicted
    )
    wrong = table[table["gold"] != table["predicted"]]
    kinds = ["gold", "predicted"]
    wrong = wrong.assign(of=wrong.groupby(kinds)["item"].transform("size"))
    wrong = wrong.sort_values(
        ["of", *kinds, "probability", "item"], ascending=[False, True, True, False, True]
    )
    ranked = _ranked(wrong, kinds, max(1, len(wrong)) if per_kind is None else per_kind)
    return ranked.reindex(columns=list(COLUMNS))


def mistakes_of_numbers(items: Sequence[str], gold: Sequence[str], said: Any) -> pd.DataFrame:
    """List all items with what was predicted, the farthest off first.

    >>> mistakes_of_numbers(["a", "b"], ["1", "2"], np.array([1.0, 4.0]))["item"].tolist()
    ['b', 'a']
    """
    error = np.abs(said - np.array([float(v) for v in gold]))
    order = np.argsort(-error, kind="stable")
    return mistakes_frame(
        item=[items[i] for i in order],
        gold=[gold[i] for i in order],
        predicted=[f"{said[i]:.3g}" for i in order],
        error=error[order],
    )


def mistakes_of_labels(
    items: Sequence[str],
    gold: Sequence[str],
    *,
    answers: Any,
    classes: Sequence[str],
    threshold: float,
) -> pd.DataFrame:
    """List the items with a wrong set of labels, the most wrong first.

    >>> mistakes_of_labels(["a"], ["x"], answers=[[0.9, 0.8]], classes=["x", "y"],
    ...                    threshold=0.5)["predicted"].tolist()
    ['x|y']
    """
    rows = []
    for item, label, row in zip(items, gold, answers, strict=True):
        own, said = (
            set(split_values(label)),
            {c for c, p in zip(classes, row, strict=True) if p >= threshold},
        )
        if own != said:
            rows.append((len(own ^ said), item, label, SEPARATOR.join(sorted(said))))
    rows.sort(key=lambda r: -r[0])
    return mistakes_frame(
        item=[item for _, item, _, _ in rows],
        gold=[label for _, _, label, _ in rows],
        predicted=[said for _, _, _, said in rows],
        error=[float(wrong) for wrong, _, _, _ in rows],
    )


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


def _answers(
    items: Sequence[str],
    truth: Any,
    *,
    probabilities: Any,
    classes: Any,
    predicted: Sequence[str] | None,
) -> pd.DataFrame:
    names, matrix = _matrix(probabilities, classes)
    ids, gold = _ids(items, len(matrix)), as_labels(truth, "truth")
    if len(gold) != len(ids):
        raise ParameterError(f"There are {len(ids)} items and {len(gold)} true labels.")
    check_classes(gold, names, "truth")
    place = {name: i for i, name in enumerate(names)}
    if predicted is None:
        guess = [names[i] for i in matrix.argmax(axis=1)]
    else:
        guess = as_labels(predicted, "predicted")
        check_classes(guess, names, "predicted")
    if len(guess) != len(ids):
        raise ParameterError(f"There are {len(ids)} items and {len(guess)} predictions.")
    rows = np.arange(len(ids))
    return pd.DataFrame(
        {
            "item": ids,
            "gold": gold,
            "predicted": guess,
            "probability": matrix[rows, [place[label] for label in guess]],
            "probability_of_gold": matrix[rows, [place[label] for label in gold]],
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
