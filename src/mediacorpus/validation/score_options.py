"""How something is scored, and what scoring a model gives."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mediacorpus.validation.inclusion import Inclusion
from mediacorpus.validation.numbers import NumberScores, SeveralScores
from mediacorpus.validation.scores import Scores


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """How something is scored.

    Parameters
    ----------
    positive:
        Value for which precision, recall and F1 are told; found by itself where it is plain.
    part:
        `"val"` or `"test"` instead of the usual choice.
    level:
        Confidence level of the intervals, between 0 and 1.
    seed:
        Seed of the bootstrap.
    threshold:
        Probability from which an item counts as positive, as a number, or an aim such as
        `"f1"` or `"precision>=0.9"`, for which the threshold is chosen on the validation part.
    by:
        One of your own columns whose equal values belong together, such as an author: the
        bootstrap then draws whole groups. By default those that the model's split was drawn by,
        if any; `"none"` draws items all the same.
    inclusion:
        One of your own columns with the chance with which each record was drawn, above 0 and
        at most 1: the scores are also weighted by one over it.
    """

    positive: str | None = None
    part: str | None = None
    level: float = 0.95
    seed: int = 1
    threshold: float | str | None = None
    by: str | None = None
    inclusion: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ModelScores:
    """The scores of a model with all that belongs to them."""

    part: str
    scores: Scores | NumberScores | SeveralScores
    mistakes: pd.DataFrame
    missing: int
    notes: tuple[str, ...]
    threshold: float | None = None
    inclusion: Inclusion | None = None
