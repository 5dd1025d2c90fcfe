"""Predictions against gold labels, as the report shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from mediacorpus.report.content import Thumb

SCORE_COLUMNS = ("score", "class", "estimate", "low", "high", "n")
"""Columns of `Evaluation.scores`."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Predictions against gold labels.

    Parameters
    ----------
    against:
        Variable that holds the gold labels.
    scored_on:
        Part of the split: `"val"`, `"test"`, or `""` for all labelled items.
    scores:
        One row per score and class with the columns `score`, `class` (`""` for scores over all
        classes), `estimate`, `low`, `high` (NaN where undefined) and `n`. Averages over
        classes are named `macro_f1`, `weighted_f1` and so on.
    confusion:
        Counts `(classes, classes)`: rows are gold labels, columns are predictions.
    classes:
        Names of the rows and columns of `confusion`.
    mistakes:
        Wrong images, most confident first; usually some of them only.
    positive:
        Class that the headline precision, recall and F1 are for; `""`: macro averages.
    notes:
        What readers must know of the scores, one sentence each.
    interval:
        How intervals were computed, as in `"Wilson for accuracy, bootstrap for the rest"`.
    level:
        Coverage of the intervals, 0 to 1.
    inclusion:
        Scores as drawn and weighted by the chance to be drawn, as
        `mediacorpus.validation.scores.Inclusion.to_dict` gives them; or None.

    Raises
    ------
    ParameterError
        `scores` lacks a column, or `confusion` does not fit `classes`.

    Examples
    --------
    >>> e = Evaluation("ants", confusion=np.array([[6, 2], [1, 3]]), classes=("no", "yes"))
    >>> e.n, e.errors, round(e.baseline, 3)
    (12, 3, 0.667)
    """

    against: str
    scored_on: str = ""
    scores: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=SCORE_COLUMNS))
    confusion: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    classes: Sequence[str] = ()
    mistakes: Sequence[Thumb] = ()
    positive: str = ""
    notes: Sequence[str] = ()
    interval: str = ""
    level: float = 0.95
    inclusion: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        missing = [name for name in SCORE_COLUMNS if name not in self.scores.columns]
        if missing:
            raise ParameterError(
                f"The scores against {self.against!r} lack the column {missing[0]!r}; "
                f"give {', '.join(SCORE_COLUMNS)}."
            )
        if np.shape(self.confusion) != (len(self.classes), len(self.classes)):
            raise ParameterError(
                f"The confusion matrix against {self.against!r} has the shape "
                f"{np.shape(self.confusion)}; with {len(self.classes)} classes it must be "
                f"({len(self.classes)}, {len(self.classes)})."
            )

    @property
    def n(self) -> int:
        """Number of items that were scored."""
        return int(np.sum(self.confusion))

    @property
    def errors(self) -> int:
        """Number of items whose prediction differs from the gold label."""
        return self.n - int(np.trace(self.confusion)) if self.n else 0

    @property
    def baseline(self) -> float:
        """Accuracy of always giving the most common class; NaN without items."""
        return float(np.sum(self.confusion, axis=1).max() / self.n) if self.n else float("nan")

    def headline(self, score: str) -> tuple[float, float, float] | None:
        """Give estimate, low and high of a score, or None where it is not there.

        Precision, recall and F1 are those of the positive class, or macro averages.
        """
        named, averaged = self.scores["score"], is_overall(self.scores["class"])
        if score == "accuracy":
            rows = self.scores[(named == score) & averaged]
        elif self.positive:
            rows = self.scores[(named == score) & (self.scores["class"] == self.positive)]
        else:
            rows = self.scores[(named == f"macro_{score}") & averaged]
        if rows.empty:
            return None
        row = rows.iloc[0]
        return float(row["estimate"]), float(row["low"]), float(row["high"])


def is_overall(classes: pd.Series) -> pd.Series:
    """Tell which rows of a score table are over all classes: no class is named there.

    Examples
    --------
    >>> is_overall(pd.Series(["", None, "ants"])).tolist()
    [True, True, False]
    """
    return classes.isna() | (classes.astype("object") == "")
