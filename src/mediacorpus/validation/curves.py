"""Calibration and the choice of a threshold, as tables to plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.validation.counts import ratio
from mediacorpus.validation.intervals import Floats, wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray


def reliability(
    positive: Any, probability: Any, *, bins: int = 10, level: float = 0.95
) -> pd.DataFrame:
    """Compare probabilities with how often they come true, in bins of equal width.

    Parameters
    ----------
    positive:
        Whether each item is of the class, `(n,)`.
    probability:
        Its predicted probability of being so, `(n,)`, 0 to 1.
    bins:
        Number of bins; empty ones are left out.
    level:
        Confidence level of the limits (Wilson).

    Returns
    -------
    DataFrame
        `from`, `to`, `n`, `predicted` (mean probability), `observed` (share of
        positives), `low`, `high`. A calibrated classifier has observed = predicted.

    Raises
    ------
    ParameterError
        Lengths differ, there are no items, or values are out of range.

    References
    ----------
    Niculescu-Mizil, A., & Caruana, R. (2005). Predicting good probabilities with
    supervised learning. *ICML 2005*, 625-632.

    Examples
    --------
    >>> reliability([0, 1, 1, 1], [0.1, 0.2, 0.8, 0.9], bins=2)["observed"].tolist()
    [0.5, 1.0]
    """
    true, score = _checked(positive, probability)
    if bins < 1:
        raise ParameterError(f"bins is {bins}; at least one is needed.")
    place = np.minimum((score * bins).astype(np.int64), bins - 1)
    rows = []
    for i in np.unique(place).tolist():
        inside = place == i
        n, hits = int(inside.sum()), int(true[inside].sum())
        observed = wilson(hits, n, level=level)
        mean = float(score[inside].mean())
        rows.append(
            (i / bins, (i + 1) / bins, n, mean, observed.estimate, observed.low, observed.high)
        )
    return pd.DataFrame(rows, columns=["from", "to", "n", "predicted", "observed", "low", "high"])


def calibration_error(table: pd.DataFrame) -> float:
    """Return the expected calibration error of a table from `reliability`.

    It is the mean distance of observed from predicted, weighted by the items of the bins.

    References
    ----------
    Naeini, M. P., Cooper, G., & Hauskrecht, M. (2015). Obtaining well calibrated
    probabilities using Bayesian binning. *AAAI 2015*, 2901-2907.

    Examples
    --------
    >>> round(calibration_error(reliability([0, 1], [0.1, 0.8])), 3)
    0.15
    """
    distance = (table["observed"] - table["predicted"]).abs()
    return float((distance * table["n"]).sum() / table["n"].sum())


def threshold_sweep(positive: Any, probability: Any, *, thresholds: Any = None) -> pd.DataFrame:
    """Count hits and errors for each threshold at and above which items are taken as positive.

    Parameters
    ----------
    positive:
        Whether each item is of the class, `(n,)`.
    probability:
        Its score, `(n,)`, 0 to 1.
    thresholds:
        Thresholds to try; by default 0, 0.01, ..., 1.

    Returns
    -------
    DataFrame
        `threshold`, `tp`, `fp`, `fn`, `tn`, `accuracy`, `precision`, `recall`, `f1`,
        `false_positive_rate`. Undefined scores are NaN.

    Raises
    ------
    ParameterError
        Lengths differ, there are no items, or values are out of range.

    Examples
    --------
    >>> sweep = threshold_sweep([0, 1, 1], [0.2, 0.4, 0.9], thresholds=[0.3, 0.95])
    >>> sweep[["threshold", "precision", "recall"]].values.tolist()
    [[0.3, 1.0, 1.0], [0.95, nan, 0.0]]
    """
    true, score = _checked(positive, probability)
    given = np.linspace(0, 1, 101).round(2) if thresholds is None else thresholds
    limits = np.asarray(given, dtype=np.float64)
    ups, downs = np.sort(score[true]), np.sort(score[~true])
    tp = len(ups) - np.searchsorted(ups, limits, side="left")
    fp = len(downs) - np.searchsorted(downs, limits, side="left")
    fn, tn = len(ups) - tp, len(downs) - fp
    return pd.DataFrame(
        {
            "threshold": limits,
            "tp": tp,
            "fp": fp,
            "fn": fn,
            "tn": tn,
            "accuracy": (tp + tn) / len(true),
            "precision": ratio(tp, tp + fp),
            "recall": ratio(tp, tp + fn),
            "f1": ratio(2 * tp, 2 * tp + fp + fn),
            "false_positive_rate": ratio(fp, fp + tn),
        }
    )


def _checked(positive: Any, probability: Any) -> tuple[NDArray[np.bool_], Floats]:
    true, score = np.asarray(positive), np.asarray(probability, dtype=np.float64)
    if true.shape != score.shape or true.ndim != 1 or not len(true):
        raise ParameterError(
            f"There are truths of shape {true.shape} and probabilities of shape {score.shape}; "
            "one of both is needed for each item, and at least one item."
        )
    if not np.isin(true, [0, 1]).all():
        raise ParameterError("Say for each item whether it is positive: True or False, 1 or 0.")
    if not ((score >= 0) & (score <= 1)).all():
        raise ParameterError("Probabilities must lie between 0 and 1.")
    return true.astype(bool), score
