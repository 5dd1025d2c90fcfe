"""Curves of a score over all its thresholds: ROC, precision-recall, calibration, and the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.result import Result, plain
from mediacorpus.stats.calibration import threshold_sweep
from mediacorpus.stats.intervals import short, wilson
from mediacorpus.stats.sample import ranking_scores

if TYPE_CHECKING:
    from mediacorpus.stats.intervals import Floats

BINS = 10
"""Equal steps of the score from 0 to 1 in which the share of positives is counted."""

POINTS = 100
"""Points of a curve that are kept with a result, and drawn in the report."""

ROWS = 12
"""Thresholds that are listed in words."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """What curves are computed from.

    Parameters
    ----------
    positive:
        The class that the score is of.
    gold:
        Whether each item is of it, `(N,)`.
    scores:
        The score of each item, higher for the class, `(N,)`.
    threshold:
        The one that was used, on the same scale; None where there was none.
    bounded:
        Whether the scores lie between 0 and 1, so that they can be read as probabilities.
    falls:
        Whether `scores` are the values that were compared with their sign turned.
    """

    positive: str
    gold: Any
    scores: Floats
    threshold: float | None = None
    bounded: bool = True
    falls: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Curves(Result):
    """A score over all its thresholds.

    Parameters
    ----------
    subject, variable, positive, part:
        What was scored, against which labels, for which class, on which items.
    n, positives:
        Number of items, and of those that are of the class.
    roc_auc, average_precision:
        Areas under the two curves.
    roc:
        `threshold`, `false_positive_rate`, `recall`, from nothing taken as positive to all.
    precision_recall:
        `threshold`, `recall`, `precision`.
    calibration:
        A row for each step of the score that holds items: `low`, `high`, `score` (their mean),
        `share` of positives with its Wilson interval (`share_low`, `share_high`), `n`. None where
        the scores are no probabilities.
    thresholds:
        A row for each value that a score has, as `stats.calibration.threshold_sweep` gives it.
    threshold:
        The threshold that was used, or None.
    draw:
        Draws them; None where the figure cannot be had.
    """

    subject: str
    variable: str
    positive: str
    part: str
    n: int
    positives: int
    roc_auc: float
    average_precision: float
    roc: pd.DataFrame
    precision_recall: pd.DataFrame
    calibration: pd.DataFrame | None
    thresholds: pd.DataFrame
    threshold: float | None = None
    draw: Callable[[Any], Any] | None = None

    def to_frame(self) -> pd.DataFrame:
        """Return the table of thresholds."""
        return self.thresholds

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and text, each curve in at most 100 points."""
        names = ("subject", "variable", "positive", "part", "n", "positives", "threshold")
        facts = {name: plain(getattr(self, name)) for name in (*names, "roc_auc")}
        facts["average_precision"] = plain(self.average_precision)
        for name in ("roc", "precision_recall", "thresholds"):
            facts[name] = plain(_thinned(getattr(self, name), POINTS))
        return facts | {"calibration": plain(self.calibration)}

    def figure(self) -> Any:
        """Return a figure of matplotlib with the curves, which can be changed and saved.

        Raises
        ------
        ParameterError
            This result was read without the means to draw.
        """
        if self.draw is None:
            raise ParameterError("Only a validation by `Corpus.validate` can be drawn.")
        return self.draw(self)

    def __str__(self) -> str:
        table = _thinned(self.thresholds, ROWS)
        columns = ["threshold", "precision", "recall", "f1", "false_positive_rate", "flagged"]
        shown = table[columns].rename(columns={"false_positive_rate": "false positives"})
        head = (
            f"{self.subject} over all thresholds, for {self.positive!r} of {self.variable}: "
            f"{self.n:,} items, {self.positives:,} of them {self.positive!r}. "
            f"ROC AUC {short(self.roc_auc)}, average precision {short(self.average_precision)}."
        )
        return f"{head}\n{shown.to_string(index=False, float_format='{:.3f}'.format)}"


def score_curves(
    ranked: Ranked,
    *,
    subject: str,
    variable: str,
    part: str,
    draw: Callable[[Any], Any] | None = None,
) -> Curves:
    """Compute the curves of a score.

    Parameters
    ----------
    ranked:
        The gold values and the scores.
    subject, variable, part, draw:
        As for `Curves`.

    Raises
    ------
    ParameterError
        The items are not of both kinds.

    References
    ----------
    Fawcett, T. (2006). An introduction to ROC analysis. *Pattern Recognition Letters*, 27,
    861-874. Niculescu-Mizil, A., & Caruana, R. (2005). Predicting good probabilities with
    supervised learning. *ICML 2005*.

    Examples
    --------
    >>> ranked = Ranked("yes", np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    >>> found = score_curves(ranked, subject="m", variable="v", part="test")
    >>> found.roc_auc, found.roc["recall"].tolist()
    (0.75, [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    gold, scores = np.asarray(ranked.gold, dtype=bool), np.asarray(ranked.scores, np.float64)
    if gold.all() or not gold.any():
        raise ParameterError(
            f"All {len(gold):,} items are {'' if gold.all() else 'not '}{ranked.positive!r}; "
            "curves need items of both kinds."
        )
    sweep = threshold_sweep(gold, scores, np.unique(scores)[::-1])
    auc, precision = ranking_scores(gold, scores)(np.ones((1, len(gold))))[0].tolist()
    sign = -1.0 if ranked.falls else 1.0
    sweep["threshold"] *= sign
    start = {"threshold": sign * np.inf, "false_positive_rate": 0.0, "recall": 0.0}
    roc = pd.concat([pd.DataFrame([start]), sweep[list(start)]], ignore_index=True)
    return Curves(
        subject,
        variable,
        ranked.positive,
        part,
        len(gold),
        int(gold.sum()),
        auc,
        precision,
        roc,
        sweep[["threshold", "recall", "precision"]],
        _calibration(gold, scores) if ranked.bounded else None,
        sweep,
        None if ranked.threshold is None else sign * ranked.threshold,
        draw,
    )


def _calibration(gold: Any, scores: Floats) -> pd.DataFrame:
    """Count the positives in equal steps of the score."""
    place = np.minimum((scores * BINS).astype(int), BINS - 1)
    rows = []
    for step in range(BINS):
        own = place == step
        n = int(own.sum())
        if n:
            share = wilson(int(gold[own].sum()), n)
            mean = float(scores[own].mean())
            ends = (step / BINS, (step + 1) / BINS)
            rows.append((*ends, mean, share.estimate, share.low, share.high, n))
    columns = ["low", "high", "score", "share", "share_low", "share_high", "n"]
    return pd.DataFrame(rows, columns=columns)


def _thinned(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """Keep some rows at equal steps, the first and the last among them."""
    if len(table) <= most:
        return table
    chosen = np.unique(np.linspace(0, len(table) - 1, most).round().astype(int))
    return table.iloc[chosen].reset_index(drop=True)
