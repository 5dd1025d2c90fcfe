"""Scores of predicted numbers, and of several labels at once."""

from __future__ import annotations

import functools
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.stats.intervals import Interval
from mediacorpus.stats.resampling import cluster_bootstrap
from mediacorpus.validation.group_scores import score_by_group
from mediacorpus.validation.scores import Scores, score

REPEATS = 1000
HALF = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class NumberScores:
    """How near predicted numbers come to the true ones.

    Parameters
    ----------
    n:
        Number of items.
    scores:
        `mean_absolute_error`, `root_mean_squared_error`, `bias` (mean of predicted minus
        true), `pearson_r`, `r_squared` (share of the variance explained), with bootstrap
        intervals.
    """

    n: int
    scores: Mapping[str, Interval]

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each score: estimate, low, high."""
        rows = [
            {"score": name, "estimate": i.estimate, "low": i.low, "high": i.high}
            for name, i in self.scores.items()
        ]
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and text."""
        return {
            "n": self.n,
            "scores": {k: [i.estimate, i.low, i.high] for k, i in self.scores.items()},
        }

    def __str__(self) -> str:
        rows = [f"  {name.replace('_', ' '):24} {i}" for name, i in self.scores.items()]
        return "\n".join([f"{self.n:,} items", *rows])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def score_numbers(
    truth: Sequence[float],
    said: Sequence[float],
    *,
    groups: Sequence[Any] | None = None,
    level: float = 0.95,
    seed: int = 1,
) -> NumberScores:
    """Score predicted numbers.

    Parameters
    ----------
    truth, said:
        True and predicted value of each item, `(N,)`.
    groups:
        The group of each item for the bootstrap; by default each item is its own.
    level, seed:
        Of the intervals.

    Raises
    ------
    ParameterError
        There are fewer than two items, or lengths differ.

    Examples
    --------
    >>> found = score_numbers([1, 2, 3, 4], [1, 2, 3, 5])
    >>> round(found.scores["mean_absolute_error"].estimate, 3)
    0.25
    """
    true, guess = np.asarray(truth, np.float64), np.asarray(said, np.float64)
    if len(true) != len(guess) or len(true) < 2:  # noqa: PLR2004 - a line needs two points
        raise ParameterError(
            f"There are {len(true)} true and {len(guess)} predicted values; as many of both are "
            "needed, and at least two."
        )

    def statistic(places: Any) -> Any:
        x, y = true[places], guess[places]
        error = y - x
        spread = ((x - x.mean()) ** 2).sum()
        sd = x.std() * y.std()
        return np.array(
            [
                np.abs(error).mean(),
                np.sqrt((error**2).mean()),
                error.mean(),
                ((x - x.mean()) * (y - y.mean())).mean() / sd if sd else np.nan,
                1 - (error**2).sum() / spread if spread else np.nan,
            ]
        )

    names = ("mean_absolute_error", "root_mean_squared_error", "bias", "pearson_r", "r_squared")
    own = range(len(true)) if groups is None else groups
    found = cluster_bootstrap(statistic, list(own), repeats=REPEATS, level=level, seed=seed)
    return NumberScores(len(true), dict(zip(names, found, strict=True)))


@dataclass(frozen=True, slots=True, eq=False)
class SeveralScores:
    """How a model does whose items bear several labels at once.

    Parameters
    ----------
    n:
        Number of items.
    labels:
        For each label the scores of telling it from its absence.
    exact_match:
        Share of the items with just the right set of labels.
    mean_f1:
        Mean of F1 over the labels.
    """

    n: int
    labels: Mapping[str, Scores]
    exact_match: Interval
    mean_f1: float

    def to_frame(self) -> pd.DataFrame:
        """Return the scores of all labels below one another."""
        frames = [one.to_frame().assign(label=name) for name, one in self.labels.items()]
        return pd.concat(frames, ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and text."""
        i = self.exact_match
        return {
            "n": self.n,
            "exact_match": [i.estimate, i.low, i.high],
            "mean_f1": self.mean_f1,
            "labels": {name: one.to_dict() for name, one in self.labels.items()},
        }

    def __str__(self) -> str:
        rows = [
            f"  {name}: precision {one.precision}, recall {one.recall}, F1 {one.f1}"
            for name, one in self.labels.items()
        ]
        head = f"{self.n:,} items; just the right labels {self.exact_match}; mean F1 "
        return "\n".join([f"{head}{self.mean_f1:.3f}", *rows])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def score_several(
    truth: Sequence[Sequence[str]],
    probabilities: Any,
    classes: Sequence[str],
    *,
    threshold: float = HALF,
    groups: Sequence[Any] | None = None,
    level: float = 0.95,
    seed: int = 1,
) -> SeveralScores:
    """Score probabilities of several labels against the true sets of labels.

    Parameters
    ----------
    truth:
        The true labels of each item.
    probabilities:
        Array `(N, K)`.
    classes:
        The K labels, in the order of the columns.
    threshold:
        Probability from which a label counts as given.
    groups:
        The group of each item for the bootstrap; by default each item is its own.
    level, seed:
        Of the intervals.

    Examples
    --------
    >>> found = score_several([["a"], ["a", "b"], []], [[.9, .1], [.8, .2], [.1, .1]], ["a", "b"])
    >>> round(found.exact_match.estimate, 2)
    0.67
    """
    from mediacorpus.stats.intervals import wilson

    given = np.asarray(probabilities, np.float64)
    true = np.array([[c in row for c in classes] for row in truth], bool)
    said = given >= threshold
    labels = {}
    for place, name in enumerate(classes):
        words = (f"not {name}", name)
        scored = score if groups is None else functools.partial(score_by_group, groups=groups)
        labels[name] = scored(
            [words[int(x)] for x in true[:, place]],
            [words[int(x)] for x in said[:, place]],
            classes=list(words),
            positive=name,
            probabilities=np.column_stack([1 - given[:, place], given[:, place]]),
            level=level,
            seed=seed,
        )
    right = int((true == said).all(axis=1).sum())
    values = [one.f1.estimate for one in labels.values() if np.isfinite(one.f1.estimate)]
    mean = float(np.mean(values)) if values else float("nan")
    return SeveralScores(len(true), labels, wilson(right, len(true), level=level), mean)
