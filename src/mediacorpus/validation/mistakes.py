"""Which items a classifier gets wrong, and how sure it was: the rows of the galleries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.learning.targets import SEPARATOR, split_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediacorpus.stats.sample import Sample


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


def mistakes(items: Sequence[str], sample: Sample) -> pd.DataFrame:
    """List the errors, the most confident of each kind first, a kind being (gold, predicted).

    Parameters
    ----------
    items:
        Item ids, `(N,)`.
    sample:
        What is true, what was predicted, and the probabilities.

    Returns
    -------
    DataFrame
        `item`, `gold`, `predicted`, `probability` (of the predicted class),
        `probability_of_gold`, `error` (empty: for numbers and several labels), `rank` (1 is the
        most confident of its kind), `of` (errors of this kind in all). The most frequent kind
        comes first.

    Examples
    --------
    >>> from mediacorpus.stats.sample import read_sample
    >>> sample = read_sample(["no", "no", "yes"], ["yes"] * 3, probabilities=[0.9, 0.6, 0.7])
    >>> wrong = mistakes(["x", "y", "z"], sample)
    >>> wrong[["item", "gold", "predicted", "probability", "of"]].values.tolist()
    [['x', 'no', 'yes', 0.9, 2], ['y', 'no', 'yes', 0.6, 2]]
    """
    assert sample.matrix is not None
    rows = np.flatnonzero(sample.true != sample.predicted)
    names, kinds = np.array(sample.classes, dtype=object), ["gold", "predicted"]
    gold, said = sample.true[rows], sample.predicted[rows]
    wrong = pd.DataFrame(
        {
            "item": np.array(items, dtype=object)[rows],
            "gold": names[gold],
            "predicted": names[said],
            "probability": sample.matrix[rows, said],
            "probability_of_gold": sample.matrix[rows, gold],
        }
    )
    wrong["of"] = wrong.groupby(kinds)["item"].transform("size")
    wrong = wrong.sort_values(
        ["of", *kinds, "probability", "item"],
        ascending=[False, True, True, False, True],
        ignore_index=True,
    )
    wrong["rank"] = wrong.groupby(kinds, sort=False).cumcount() + 1
    return wrong.reindex(columns=list(COLUMNS))


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
