"""How far coders agree: percent agreement, Cohen's kappa, Krippendorff's alpha."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.errors import LabelError, ParameterError, unknown

LEVELS = ("nominal", "ordinal", "interval")
"""Levels of measurement that Krippendorff's alpha knows here."""


def percent_agreement(ratings: pd.DataFrame) -> float:
    """Give the share of pairs of labels of one item by two coders that are the same.

    Parameters
    ----------
    ratings:
        One row per item, one column per coder, missing where there is no label.

    Returns
    -------
    float
        0 to 1; NaN where no item has two labels.

    Examples
    --------
    >>> percent_agreement(pd.DataFrame({"x": [1, 1, 0, 1], "y": [1, 0, 0, None]}))
    0.666...
    """
    same = pairs = 0
    for one, other in itertools.combinations(ratings.columns, 2):
        both = ratings[[one, other]].dropna()
        pairs += len(both)
        same += int((both[one] == both[other]).sum())
    return same / pairs if pairs else math.nan


def cohens_kappa(first: Sequence[Any], second: Sequence[Any]) -> float:
    """Give the agreement of two coders beyond chance.

    Parameters
    ----------
    first, second:
        What each of them said of the same items, `(N,)`, no value missing.

    Returns
    -------
    float
        At most 1; NaN where both always gave one and the same value, or there are no items.

    Raises
    ------
    ParameterError
        The lengths differ.

    References
    ----------
    Cohen, J. (1960). A coefficient of agreement for nominal scales. *Educational and
    Psychological Measurement*, 20, 37-46.

    Examples
    --------
    >>> cohens_kappa(["a", "a", "b", "b"], ["a", "a", "b", "a"])
    0.5
    """
    if len(first) != len(second):
        raise ParameterError(f"One coder gave {len(first)} labels, the other {len(second)}.")
    if not len(first):
        return math.nan
    one, other = np.asarray(first, dtype=object), np.asarray(second, dtype=object)
    chance = sum(float((one == v).mean() * (other == v).mean()) for v in set(one) | set(other))
    return math.nan if chance == 1 else (float((one == other).mean()) - chance) / (1 - chance)


def krippendorff_alpha(
    ratings: pd.DataFrame, *, level: str = "nominal", order: Sequence[Any] = ()
) -> float:
    """Give the agreement of any number of coders beyond chance, with labels missing or not.

    Parameters
    ----------
    ratings:
        One row per item, one column per coder, missing where there is no label.
    level:
        `"nominal"`: values that are the same or not. `"ordinal"`: ranks. `"interval"`: numbers.
    order:
        Values from the lowest to the highest, for ranks; by default as they sort.

    Returns
    -------
    float
        At most 1; NaN where no item has two labels, or all of them have the same value.

    Raises
    ------
    UnknownName
        There is no such level.
    LabelError
        A value is no number, or the order lacks it.

    References
    ----------
    Krippendorff, K. (2011). Computing Krippendorff's alpha-reliability. University of
    Pennsylvania, ScholarlyCommons.

    Examples
    --------
    >>> table = pd.DataFrame({"x": ["a", "a", "b", "b"], "y": ["a", "a", "b", "a"]})
    >>> round(krippendorff_alpha(table), 3)
    0.533
    """
    if level not in LEVELS:
        raise unknown("level of measurement", level, LEVELS)
    labels = ratings.reset_index(drop=True).melt(ignore_index=False)["value"].dropna()
    values = _values(labels.tolist(), level=level, order=order)
    counts = np.zeros((len(ratings), len(values)))
    for item, value in zip(labels.index.tolist(), labels, strict=True):
        counts[item, values.index(value)] += 1
    coders = counts.sum(axis=1)
    counts, coders = counts[coders > 1], coders[coders > 1]
    scaled = counts / (coders - 1)[:, None]
    coincidences = counts.T @ scaled - np.diag(scaled.sum(axis=0))
    totals = coincidences.sum(axis=1)
    distance = _distances(values, totals, level=level)
    expected = float((np.outer(totals, totals) * distance).sum())
    if not expected:
        return math.nan
    return float(1 - (totals.sum() - 1) * (coincidences * distance).sum() / expected)


def _values(cells: Sequence[Any], *, level: str, order: Sequence[Any]) -> list[Any]:
    found = list(dict.fromkeys(cells))
    if level == "interval":
        numbers = pd.to_numeric(pd.Series(found, dtype=object), errors="coerce")
        if numbers.isna().any():
            odd = found[int(numbers.isna().to_numpy().argmax())]
            raise LabelError(f"Agreement on an interval scale needs numbers; found {odd!r}.")
        return found
    if not order:
        return sorted(found)
    lacking = [value for value in found if value not in order]
    if lacking:
        raise LabelError(f"The order of the ranks lacks the value {lacking[0]!r}.")
    return list(order)


def _distances(
    values: Sequence[Any], totals: NDArray[np.float64], *, level: str
) -> NDArray[np.float64]:
    """Give the squared distance of each two values."""
    if level == "nominal":
        return 1 - np.eye(len(values))
    if level == "interval":
        at = np.array([float(value) for value in values])
    else:  # the ranks between two values, each as far apart as labels lie there
        at = np.cumsum(totals) - totals / 2
    return np.asarray((at[:, None] - at[None, :]) ** 2)
