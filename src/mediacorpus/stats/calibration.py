"""How far probabilities can be trusted, how to correct them, and from which one to say yes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.stats.intervals import Floats, short, wilson
from mediacorpus.stats.sample import ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mediacorpus.stats.intervals import Counts, Floats

RANGE = (0.02, 50.0)
"""Temperatures that are tried."""


def reliability(
    truth: Any,
    probabilities: Any,
    *,
    bins: int = 10,
    strategy: str = "quantile",
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare probabilities with how often they come true, in bins.

    Parameters
    ----------
    truth:
        Whether each item is of the class, `(N,)`; for more classes see `top_class`.
    probabilities:
        Its probability of being so, `(N,)`, 0 to 1.
    bins:
        Number of bins at most; empty ones are left out.
    strategy:
        `"quantile"`: as many items in each bin (equal probabilities stay together);
        `"uniform"`: bins of equal width.
    level:
        Confidence level of the limits (Wilson).

    Returns
    -------
    DataFrame
        `from`, `to`, `n`, `predicted` (mean probability), `observed` (share of
        positives), `low`, `high`. A calibrated classifier has observed = predicted;
        `calibration_error` makes one number of it.

    Raises
    ------
    ParameterError
        Lengths differ, there are no items, or an argument is out of range.

    References
    ----------
    Guo, C., Pleiss, G., Sun, Y., & Weinberger, K. Q. (2017). On calibration of modern
    neural networks. *ICML 2017*, 1321-1330.
    Niculescu-Mizil, A., & Caruana, R. (2005). Predicting good probabilities with
    supervised learning. *ICML 2005*, 625-632 (bins of equal width).
    Nguyen, K., & O'Connor, B. (2015). Posterior calibration and exploratory analysis for
    natural language processing models. *EMNLP 2015*, 1587-1598 (adaptive bins).

    Examples
    --------
    >>> table = reliability([0, 0, 1, 1], [0.01, 0.02, 0.03, 0.9], bins=2)
    >>> table[["n", "observed"]].values.tolist()
    [[2.0, 0.0], [2.0, 1.0]]
    """
    true, score = _checked(truth, probabilities)
    if bins < 1:
        raise ParameterError(f"bins is {bins}; at least one is needed.")
    if strategy not in {"quantile", "uniform"}:
        raise ParameterError(f"The strategy is {strategy!r}; it is 'quantile' or 'uniform'.")
    uniform = strategy == "uniform"
    place = (
        np.minimum((score * bins).astype(np.int64), bins - 1)
        if uniform
        else _by_quantile(score, bins)
    )
    rows = []
    for i in np.unique(place).tolist():
        own, hits = score[place == i], int(true[place == i].sum())
        ends = (i / bins, (i + 1) / bins) if uniform else (float(own.min()), float(own.max()))
        found = wilson(hits, len(own), level=level)
        shown = (float(own.mean()), found.estimate, found.low, found.high)
        rows.append((*ends, len(own), *shown))
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
    >>> round(calibration_error(reliability([0, 1], [0.1, 0.8], strategy="uniform")), 3)
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
        Thresholds to try; by default each that makes a difference: every distinct score.

    Returns
    -------
    DataFrame
        `threshold`, `tp`, `fp`, `fn`, `tn`, `accuracy`, `precision`, `recall`, `f1`,
        `false_positive_rate`, `flagged` (share of items taken as positive). Undefined scores
        are NaN.

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
    limits = np.asarray(np.unique(score) if thresholds is None else thresholds, np.float64)
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
            "flagged": (tp + fp) / len(true),
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


def _by_quantile(score: Floats, bins: int) -> Counts:
    """Give the bin of each item; items of one score share that of their middle rank."""
    from scipy.stats import rankdata

    middle = (rankdata(score) - 0.5) / len(score)
    place = np.minimum((middle * bins).astype(np.int64), bins - 1)
    return np.asarray(np.unique(place, return_inverse=True)[1], dtype=np.int64)


def top_class(truth: Any, matrix: Any) -> tuple[Any, Floats]:
    """Return whether the most probable class is right, and its probability, for `reliability`.

    Parameters
    ----------
    truth:
        Column number of each item's true class, `(N,)`.
    matrix:
        Probabilities `(N, K)`.

    References
    ----------
    Guo et al. (2017), as in `reliability`: confidence calibration.

    Examples
    --------
    >>> right, confidence = top_class([0, 1], [[0.7, 0.3], [0.6, 0.4]])
    >>> right.tolist(), confidence.tolist()
    ([True, False], [0.7, 0.6])
    """
    given = np.asarray(matrix, dtype=np.float64)
    return given.argmax(axis=1) == np.asarray(truth), given.max(axis=1)


@dataclass(frozen=True, slots=True)
class Temperature:
    """A temperature by which logits are divided, and what that gains.

    Parameters
    ----------
    value:
        The temperature: above 1 the probabilities were too sure, below 1 not sure enough.
    log_loss_before, log_loss_after:
        Mean of -log(probability of the true class) on the items it was fitted on, in nats.
    n:
        Number of these items.
    """

    value: float
    log_loss_before: float
    log_loss_after: float
    n: int

    @property
    def words(self) -> str:
        """What was found, in a sentence."""
        gain = f"log loss {self.log_loss_before:.3f} before, {self.log_loss_after:.3f} after"
        head = f"Temperature {self.value:.3g} on {self.n:,} items"
        if self.value == 1:
            return f"{head}: these items give no reason to change the probabilities ({gain})."
        way = "too sure" if self.value > 1 else "not sure enough"
        edge = not RANGE[0] * 1.01 < self.value < RANGE[1] / 1.01
        end = " It is at the end of the range tried, so these items cannot tell it." if edge else ""
        return f"{head}: the probabilities were {way}; {gain}.{end}"

    def __str__(self) -> str:
        return self.words


def fit_temperature(outputs: Any, targets: Any, *, logits: bool = False) -> Temperature:
    """Fit the temperature of class probabilities by maximum likelihood.

    It changes how sure the probabilities are, never which class is the most probable. Fit
    it on validation items. Where all of these are right nothing can be told of how sure to
    be, and the temperature is left at 1.

    Parameters
    ----------
    outputs:
        Probabilities `(N, K)`, or `(N,)` of the second of two classes; with `logits` the
        numbers before the softmax (`(N,)`: before the sigmoid).
    targets:
        Column number of each item's true class, `(N,)`.
    logits:
        Whether `outputs` are logits.

    Raises
    ------
    ParameterError
        Lengths differ, a target is no column, or values are out of range.

    References
    ----------
    Guo, C., Pleiss, G., Sun, Y., & Weinberger, K. Q. (2017). On calibration of modern
    neural networks. *ICML 2017*, 1321-1330.

    Examples
    --------
    >>> sure = fit_temperature([0.95] * 10, [1] * 8 + [0] * 2)
    >>> apply_temperature([0.95], sure).round(3).tolist()
    [[0.2, 0.8]]
    """
    from scipy.optimize import minimize_scalar

    given = _logits(outputs, logits=logits)
    true = np.asarray(targets)
    n, size = given.shape
    if true.shape != (n,) or not n:
        raise ParameterError(f"There are outputs for {n} items and targets of shape {true.shape}.")
    if not np.isin(true, np.arange(size)).all():
        raise ParameterError(f"A target is the number of a column, 0 to {size - 1}.")
    rows, columns = np.arange(n), true.astype(np.int64)

    def loss(inverse: float) -> float:
        return float(-_log_softmax(given * inverse)[rows, columns].mean())

    others = given.copy()
    others[rows, columns] = -np.inf
    if (given[rows, columns] > others.max(axis=1)).all():
        return Temperature(1.0, loss(1.0), loss(1.0), n)
    # The loss is convex in the inverse of the temperature.
    ends = (1 / RANGE[1], 1 / RANGE[0])
    found = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-9})
    best = min([float(found.x), 1.0, *ends], key=loss)
    return Temperature(1 / best, loss(1.0), loss(best), n)


def apply_temperature(
    outputs: Any, temperature: Temperature | float, *, logits: bool = False
) -> Floats:
    """Return class probabilities `(N, K)` at a temperature.

    Parameters
    ----------
    outputs, logits:
        As for `fit_temperature`.
    temperature:
        What `fit_temperature` returned, or a number above 0.

    Raises
    ------
    ParameterError
        The temperature is not above 0, or values are out of range.

    Examples
    --------
    >>> apply_temperature([[0.1, 0.9]], 2.0).round(2).tolist()
    [[0.25, 0.75]]
    """
    value = temperature.value if isinstance(temperature, Temperature) else float(temperature)
    if not value > 0:
        raise ParameterError(f"The temperature is {value:g}; it must be above 0.")
    return np.asarray(np.exp(_log_softmax(_logits(outputs, logits=logits) / value)))


def _logits(outputs: Any, *, logits: bool) -> Floats:
    given = np.asarray(outputs, dtype=np.float64)
    if given.ndim not in {1, 2} or not np.isfinite(given).all():
        raise ParameterError(
            f"Outputs of shape {given.shape} cannot be used: one row per item and one column "
            "per class are needed, of finite numbers."
        )
    if logits:
        return given if given.ndim > 1 else np.stack([np.zeros_like(given), given], axis=1)
    if ((given < 0) | (given > 1)).any():
        raise ParameterError("Probabilities must lie between 0 and 1; say so if these are logits.")
    matrix = given if given.ndim > 1 else np.stack([1 - given, given], axis=1)
    # A network's float32 probabilities hold nothing below this.
    return np.log(np.maximum(matrix, np.finfo(np.float32).tiny))


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


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

    def __str__(self) -> str:
        return self.words


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
    table = threshold_sweep(truth, scores)
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
    extra = threshold_sweep(truth, scores, thresholds=[above])
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
