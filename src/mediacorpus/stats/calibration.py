"""How far probabilities can be trusted, how to correct them, and from which one to say yes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.stats.intervals import short, wilson
from mediacorpus.stats.sample import ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mediacorpus.stats.intervals import Floats

RANGE = (0.02, 50.0)
"""Temperatures that are tried."""

BINS = 10
"""Bins of the expected calibration error, with as many items each."""


def calibration_error(gold: Any, matrix: Any) -> float:
    """Return the expected calibration error of the most probable class.

    Items are put into ten bins by the probability of their most probable class, as many into
    each; equal probabilities stay together. The error is the mean distance of the share that is
    right from the mean probability, weighted by the items of the bins.

    Parameters
    ----------
    gold:
        Column number of each item's true class, `(N,)`.
    matrix:
        Probabilities `(N, K)`.

    References
    ----------
    Guo, C., Pleiss, G., Sun, Y., & Weinberger, K. Q. (2017). On calibration of modern
    neural networks. *ICML 2017*, 1321-1330.
    Naeini, M. P., Cooper, G., & Hauskrecht, M. (2015). Obtaining well calibrated
    probabilities using Bayesian binning. *AAAI 2015*, 2901-2907.
    Nguyen, K., & O'Connor, B. (2015). Posterior calibration and exploratory analysis for
    natural language processing models. *EMNLP 2015*, 1587-1598 (adaptive bins).

    Examples
    --------
    >>> round(calibration_error([0, 1], [[0.9, 0.1], [0.2, 0.8]]), 3)
    0.15
    """
    from scipy.stats import rankdata

    given = np.asarray(matrix, dtype=np.float64)
    right, chance = given.argmax(axis=1) == np.asarray(gold), given.max(axis=1)
    middle = (rankdata(chance) - 0.5) / len(chance)
    place = np.minimum((middle * BINS).astype(np.int64), BINS - 1)
    return float(np.abs(np.bincount(place, chance - right)).sum() / len(chance))


def fit_temperature(matrix: Any, gold: Any) -> float:
    """Fit the temperature of class probabilities by maximum likelihood.

    Above 1 the probabilities were too sure, below 1 not sure enough. A temperature changes how
    sure the probabilities are, never which class is the most probable. Fit it on validation
    items. Where all of these are right nothing is known of how sure to be, and the
    temperature is left at 1.

    Parameters
    ----------
    matrix:
        Probabilities `(N, K)`.
    gold:
        Column number of each item's true class, `(N,)`.

    References
    ----------
    Guo, C., Pleiss, G., Sun, Y., & Weinberger, K. Q. (2017). On calibration of modern
    neural networks. *ICML 2017*, 1321-1330.

    Examples
    --------
    >>> sure = fit_temperature([[0.05, 0.95]] * 10, [1] * 8 + [0] * 2)
    >>> apply_temperature([[0.05, 0.95]], sure).round(3).tolist()
    [[0.2, 0.8]]
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    logits = _logits(matrix)
    own = np.arange(len(logits)), np.asarray(gold)

    def loss(inverse: float) -> float:
        return float(-log_softmax(logits * inverse, axis=1)[own].mean())

    others = logits.copy()
    others[own] = -np.inf
    if (logits[own] > others.max(axis=1)).all():
        return 1.0
    # The loss is convex in the inverse of the temperature.
    ends = (1 / RANGE[1], 1 / RANGE[0])
    found = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-9})
    return 1 / min([float(found.x), 1.0, *ends], key=loss)


def apply_temperature(matrix: Any, temperature: float) -> Floats:
    """Return class probabilities `(N, K)` at a temperature.

    Examples
    --------
    >>> apply_temperature([[0.1, 0.9]], 2.0).round(2).tolist()
    [[0.25, 0.75]]
    """
    from scipy.special import softmax

    return np.asarray(softmax(_logits(matrix) / temperature, axis=1))


def _logits(matrix: Any) -> Floats:
    # A network's float32 probabilities hold nothing below this.
    smallest = np.finfo(np.float32).tiny
    return np.log(np.maximum(np.asarray(matrix, dtype=np.float64), smallest))


def threshold_sweep(positive: Any, probability: Any, thresholds: Any) -> pd.DataFrame:
    """Count hits and errors for each threshold at and above which items are taken as positive.

    Parameters
    ----------
    positive:
        Whether each item is of the class, `(N,)`.
    probability:
        Its score, `(N,)`, 0 to 1.
    thresholds:
        Thresholds to try.

    Returns
    -------
    DataFrame
        `threshold`, `tp`, `fp`, `fn`, `tn`, `accuracy`, `precision`, `recall`, `f1`,
        `false_positive_rate`, `flagged` (share of items taken as positive). Undefined scores
        are NaN.

    Examples
    --------
    >>> sweep = threshold_sweep([0, 1, 1], [0.2, 0.4, 0.9], [0.3, 0.95])
    >>> sweep[["threshold", "precision", "recall"]].values.tolist()
    [[0.3, 1.0, 1.0], [0.95, nan, 0.0]]
    """
    gold, score = np.asarray(positive, dtype=bool), np.asarray(probability, dtype=np.float64)
    sides = [np.sort(score[gold]), np.sort(score[~gold])]
    tp, fp = (len(side) - np.searchsorted(side, thresholds, side="left") for side in sides)
    fn, tn = len(sides[0]) - tp, len(sides[1]) - fp
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "tp": tp,
            "fp": fp,
            "fn": fn,
            "tn": tn,
            "accuracy": (tp + tn) / len(gold),
            "precision": ratio(tp, tp + fp),
            "recall": ratio(tp, tp + fn),
            "f1": ratio(2 * tp, 2 * tp + fp + fn),
            "false_positive_rate": ratio(fp, fp + tn),
            "flagged": (tp + fp) / len(gold),
        }
    )


AIMS = ("f1", "accuracy", "youden", "precision>=0.9", "recall>=0.9", "cost:fp=1,fn=5")
"""Aims as they are written; the numbers in them are free."""

FEW = 30
"""Positives below which a chosen threshold is called uncertain."""

_FLOOR = re.compile(r"(precision|recall)\s*>=\s*([0-9.]+)")
_COST = re.compile(r"cost:\s*fp=(\d+\.?\d*|\.\d+)\s*,\s*fn=(\d+\.?\d*|\.\d+)")


def choose_threshold(gold: Any, scores: Any, *, aim: str = "f1") -> tuple[float, str]:
    """Choose the threshold that meets an aim best on these items.

    Choose on validation items, never on those that the score to report is computed from:
    the best threshold of a few items looks better than it is. Of equally good thresholds
    the one nearest to 0.5 is taken.

    Parameters
    ----------
    gold:
        Whether each item is positive, `(N,)`.
    scores:
        Its probability of being so, `(N,)`, 0 to 1.
    aim:
        `"f1"` or `"accuracy"`: the highest; `"youden"`: the highest recall minus false
        positive rate; `"precision>=0.9"`: the highest recall among thresholds of that
        precision; `"recall>=0.9"`: the highest precision among those of that recall;
        `"cost:fp=1,fn=5"`: the lowest cost when a false alarm costs 1 and a miss 5.

    Returns
    -------
    threshold : float
        An item is positive at and above it; above 1 where the aim is best met by taking nothing
        as positive.
    words : str
        What it was chosen for, what it does to these items, and what a reader must know.

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
    >>> value, words = choose_threshold([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], aim="recall>=0.5")
    >>> value, words[:58]
    (0.8, 'At and above 0.8 an item is taken as positive (aim: recall')
    """
    aim = aim.strip()
    if aim not in {"f1", "accuracy", "youden"} and not (_FLOOR.fullmatch(aim) or _cost(aim)):
        raise ParameterError(f"The aim {aim!r} is unknown. Write one like: {', '.join(AIMS)}.")
    positive = np.asarray(gold).astype(bool)
    if positive.all() or not positive.any():
        raise ParameterError(
            f"All {len(positive)} items are {'positive' if positive.all() else 'negative'}; "
            "a threshold is chosen on items of both kinds."
        )
    thresholds = np.unique(np.asarray(scores, dtype=np.float64))
    if aim == "accuracy" or _cost(aim):  # nothing as positive may be best
        thresholds = np.append(thresholds, np.nextafter(thresholds[-1], 2.0))
    table = threshold_sweep(positive, scores, thresholds)
    merit, reached = _merit(table, aim)
    distance = (table["threshold"] - 0.5).abs()
    best = table.assign(merit=merit, distance=distance).sort_values(
        ["merit", "distance"], ascending=[False, True], kind="stable"
    )
    row = {name: float(best.iloc[0][name]) for name in table.columns}
    return row["threshold"], _words(row, aim, reached=reached)


def _cost(aim: str) -> tuple[float, float] | None:
    found = _COST.fullmatch(aim)
    return (float(found[1]), float(found[2])) if found else None


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
