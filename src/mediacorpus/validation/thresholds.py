"""The threshold of a binary probability, chosen on validation data for a stated aim."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.validation.curves import threshold_sweep
from mediacorpus.validation.intervals import short, wilson

if TYPE_CHECKING:
    from collections.abc import Mapping

AIMS = ("f1", "accuracy", "youden", "precision>=0.9", "recall>=0.9", "cost:fp=1,fn=5")
"""Aims as they are written; the numbers in them are free."""

FEW = 30
"""Positives below which a chosen threshold is called uncertain."""

_FLOOR = re.compile(r"(precision|recall)\s*>=\s*([0-9.]+)")
_COST = re.compile(r"cost:\s*fp=([0-9.]+)\s*,\s*fn=([0-9.]+)")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold at and above which an item is taken as positive.

    Parameters
    ----------
    value:
        The threshold; above 1 where the aim is best met by taking nothing as positive.
    aim:
        What it was chosen for.
    row:
        The row of `sweep` at this threshold.
    reached:
        Whether the aim was met; only a stated precision can be out of reach.
    words:
        All of it in sentences.
    """

    value: float
    aim: str
    row: Mapping[str, float]
    reached: bool
    words: str

    def apply(self, scores: Any) -> Any:
        """Return whether each score is taken as positive, `(N,)` bool.

        >>> choose_threshold([0, 1, 1], [0.2, 0.4, 0.9]).apply([0.39, 0.4]).tolist()
        [False, True]
        """
        return np.asarray(scores, dtype=np.float64) >= self.value

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and text, ready for JSON (null: undefined)."""
        row = {name: None if np.isnan(cell) else cell for name, cell in self.row.items()}
        return {
            "threshold": self.value,
            "aim": self.aim,
            "reached": self.reached,
            "row": row,
            "words": self.words,
        }

    def __str__(self) -> str:
        return self.words


def sweep(truth: Any, scores: Any) -> pd.DataFrame:
    """Score every threshold that makes a difference: each distinct score.

    Parameters
    ----------
    truth:
        Whether each item is positive, `(N,)`.
    scores:
        Its probability of being so, `(N,)`, 0 to 1.

    Returns
    -------
    DataFrame
        Columns of `mediacorpus.validation.curves.threshold_sweep`, and `flagged`, the share
        of items taken as positive. Thresholds rise.

    Raises
    ------
    ParameterError
        Lengths differ, there are no items, or values are out of range.

    Examples
    --------
    >>> sweep([0, 1, 1], [0.2, 0.4, 0.9])[["threshold", "recall", "flagged"]].round(2).values[1:]
    array([[0.4 , 1.  , 0.67],
           [0.9 , 0.5 , 0.33]])
    """
    table = threshold_sweep(truth, scores, thresholds=np.unique(np.asarray(scores, np.float64)))
    return table.assign(flagged=(table["tp"] + table["fp"]) / np.size(truth))


def choose_threshold(truth: Any, scores: Any, *, aim: str = "f1") -> Threshold:
    """Choose the threshold that meets an aim best on these items.

    Choose on validation items, never on those that the score to report is computed from:
    the best threshold of a few items looks better than it is. Of equally good thresholds
    the one nearest to 0.5 is taken.

    Parameters
    ----------
    truth:
        Whether each item is positive, `(N,)`.
    scores:
        Its probability of being so, `(N,)`, 0 to 1.
    aim:
        `"f1"` or `"accuracy"`: the highest; `"youden"`: the highest recall minus false
        positive rate; `"precision>=0.9"`: the highest recall among thresholds of that
        precision; `"recall>=0.9"`: the highest precision among those of that recall;
        `"cost:fp=1,fn=5"`: the lowest cost when a false alarm costs 1 and a miss 5.

    Raises
    ------
    ParameterError
        The aim is unknown, or the items are not of both kinds.

    References
    ----------
    Youden, W. J. (1950). Index for rating diagnostic tests. *Cancer*, 3, 32-35.
    Elkan, C. (2001). The foundations of cost-sensitive learning. *IJCAI 2001*, 973-978.
    Lipton, Z. C., Elkan, C., & Naryanaswamy, B. (2014). Optimal thresholding of
    classifiers to maximize F1 measure. *ECML PKDD 2014*, 225-239.

    Examples
    --------
    >>> found = choose_threshold([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], aim="precision>=0.9")
    >>> found.value, found.row["recall"]
    (0.8, 0.5)
    """
    aim = aim.strip()
    if aim not in {"f1", "accuracy", "youden"} and not (_FLOOR.fullmatch(aim) or _cost(aim)):
        raise ParameterError(f"The aim {aim!r} is unknown. Write one like: {', '.join(AIMS)}.")
    table = sweep(truth, scores)
    true = np.asarray(truth).astype(bool)
    if true.all() or not true.any():
        raise ParameterError(
            f"All {len(true)} items are {'positive' if true.all() else 'negative'}; "
            "a threshold is chosen on items of both kinds."
        )
    if aim == "accuracy" or _cost(aim):
        table = _with_nothing_flagged(truth, scores, table)
    merit, reached = _merit(table, aim)
    distance = (table["threshold"] - 0.5).abs()
    best = table.assign(merit=merit, distance=distance).sort_values(
        ["merit", "distance"], ascending=[False, True], kind="stable"
    )
    row = {name: float(best.iloc[0][name]) for name in table.columns}
    return Threshold(row["threshold"], aim, row, reached, _words(row, aim, reached=reached))


def _cost(aim: str) -> tuple[float, float] | None:
    found = _COST.fullmatch(aim)
    return (float(found[1]), float(found[2])) if found else None


def _with_nothing_flagged(truth: Any, scores: Any, table: pd.DataFrame) -> pd.DataFrame:
    above = float(np.nextafter(table["threshold"].max(), 2.0))
    extra = threshold_sweep(truth, scores, thresholds=[above]).assign(flagged=0.0)
    return pd.concat([table, extra], ignore_index=True)


def _merit(table: pd.DataFrame, aim: str) -> tuple[pd.Series[Any], bool]:
    """Give each threshold a number that is highest for the best, and say if one will do."""
    costs = _cost(aim)
    if costs:
        return -(costs[0] * table["fp"] + costs[1] * table["fn"]), True
    if aim == "youden":
        return table["recall"] - table["false_positive_rate"], True
    floor = _FLOOR.fullmatch(aim)
    if not floor:
        return table[aim], True
    kept, wanted = floor[1], _share(floor[2])
    other = "recall" if kept == "precision" else "precision"
    enough = table[kept] >= wanted - 1e-12
    if enough.any():
        return (table[other] + table[kept] * 1e-9).where(enough, -1.0), True
    return table[kept] + table[other] * 1e-9, False


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        hint = f" Write {value / 100:g} for {value:g} %." if value > 1 else ""
        raise ParameterError(f"The aim asks for {text}; a share lies between 0 and 1.{hint}")
    return value


def _words(row: Mapping[str, float], aim: str, *, reached: bool) -> str:
    tp, fp, fn = int(row["tp"]), int(row["fp"]), int(row["fn"])
    n = tp + fp + fn + int(row["tn"])
    found = (
        f"On the {n:,} items it was chosen on: precision {wilson(tp, tp + fp)}, "
        f"recall {wilson(tp, tp + fn)}, F1 {short(row['f1'])}, "
        f"{100 * row['flagged']:.0f} % flagged."
    )
    parts = [
        f"At and above {row['threshold']:.3g} an item is taken as positive (aim: {aim}).",
        found,
    ]
    if not reached:
        parts.insert(1, "No threshold reaches this aim; this one comes closest.")
    if tp + fp == 0:
        parts.append("The aim is met best by taking nothing as positive.")
    if tp + fn < FEW:
        parts.append(f"It rests on {tp + fn} positive items; with under {FEW} it may move a lot.")
    return " ".join(parts)
