"""Precision, recall and F1 of each class and averaged, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.stats.counts import AVERAGES, statistics_of_cells
from mediacorpus.stats.intervals import Counts, Interval, bootstrap_many, wilson, wilson_f1

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Averages:
    """Precision, recall and F1 averaged over the classes for which they are defined."""

    precision: Interval
    recall: Interval
    f1: Interval


@dataclass(frozen=True, slots=True)
class ClassScores:
    """The scores of one class.

    `support` counts the items that truly are of the class, `predicted` those predicted to
    be, `hits` those that are both.
    """

    name: str
    precision: Interval
    recall: Interval
    f1: Interval
    support: int
    predicted: int
    hits: int


def score_classes(
    matrix: Counts, names: Sequence[str], options: Mapping[str, Any]
) -> tuple[tuple[ClassScores, ...], Averages, Averages]:
    """Give the scores of each class, and their macro and weighted averages.

    Parameters
    ----------
    matrix:
        Confusion matrix `(K, K)`.
    names:
        The K classes.
    options:
        `level`, `repeats` and `seed` of the bootstrap.

    Examples
    --------
    >>> options = {"level": 0.95, "repeats": 100, "seed": 0}
    >>> per_class, macro, weighted = score_classes(np.array([[8, 2], [0, 5]]), "ab", options)
    >>> print(per_class[0].recall)
    .800 [.490, .943]
    """
    level = options["level"]
    cells, statistic = statistics_of_cells(matrix)
    drawn = bootstrap_many(statistic, cells, **options)
    support, predicted = matrix.sum(axis=1).tolist(), matrix.sum(axis=0).tolist()
    hits = matrix.diagonal().tolist()
    per_class = []
    for i, name in enumerate(names):
        f1 = drawn[i]
        if f1.flat:
            f1 = wilson_f1(hits[i], support[i] + predicted[i] - 2 * hits[i], level=level)
        precision = wilson(hits[i], predicted[i], level=level)
        recall = wilson(hits[i], support[i], level=level)
        per_class.append(
            ClassScores(name, precision, recall, f1, support[i], predicted[i], hits[i])
        )
    averages = []
    for place, name in enumerate(AVERAGES):
        interval = drawn[len(names) + place]
        if interval.flat:
            average, _, part = name.partition("_")
            limits = [getattr(one, part) for one in per_class]
            weights = support if average == "weighted" else [1] * len(names)
            interval = _mean_limits(interval, limits, weights)
        averages.append(interval)
    return tuple(per_class), Averages(*averages[:3]), Averages(*averages[3:])


def _mean_limits(flat: Interval, parts: Sequence[Interval], weights: Sequence[int]) -> Interval:
    known = [(i, w) for i, w in zip(parts, weights, strict=True) if i.defined]
    intervals, given = zip(*known, strict=True)
    low = float(np.average([i.low for i in intervals], weights=given))
    high = float(np.average([i.high for i in intervals], weights=given))
    return Interval(flat.estimate, low, high, flat.level, "mean of wilson limits")


def what_is_undefined(per_class: Sequence[ClassScores]) -> list[str]:
    """Say in a sentence each for which classes precision or recall is undefined.

    >>> options = {"level": 0.95, "repeats": 100, "seed": 0}
    >>> what_is_undefined(score_classes(np.array([[8, 0], [1, 0]]), "ab", options)[0])
    ["No item is predicted to be 'b': precision is undefined there and left out of the averages."]
    """
    notes = []
    unseen = [one.name for one in per_class if one.support == 0]
    unused = [one.name for one in per_class if one.predicted == 0]
    if unused:
        notes.append(
            f"No item is predicted to be {_listed(unused)}: precision is undefined there "
            "and left out of the averages."
        )
    if unseen:
        notes.append(
            f"No item truly is {_listed(unseen)}: recall is undefined there "
            "and left out of the averages."
        )
    return notes


def _listed(names: Sequence[str], most: int = 5) -> str:
    shown = " or ".join(repr(name) for name in names[:most])
    rest = len(names) - most
    return f"{shown} or {rest} more classes" if rest > 0 else shown
