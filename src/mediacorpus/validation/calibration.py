"""Whether probabilities mean what they say, and temperature scaling where they do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.validation import curves
from mediacorpus.validation.curves import calibration_error
from mediacorpus.validation.intervals import wilson

if TYPE_CHECKING:
    from mediacorpus.validation.intervals import Counts, Floats

__all__ = [
    "Temperature",
    "apply_temperature",
    "calibration_error",
    "fit_temperature",
    "reliability",
    "top_class",
]

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
        positives), `low`, `high`, as `mediacorpus.validation.curves.reliability` has them.
        `calibration_error` makes one number of it.

    Raises
    ------
    ParameterError
        Lengths differ, there are no items, or an argument is out of range.

    References
    ----------
    Guo, C., Pleiss, G., Sun, Y., & Weinberger, K. Q. (2017). On calibration of modern
    neural networks. *ICML 2017*, 1321-1330.
    Nguyen, K., & O'Connor, B. (2015). Posterior calibration and exploratory analysis for
    natural language processing models. *EMNLP 2015*, 1587-1598 (adaptive bins).

    Examples
    --------
    >>> table = reliability([0, 0, 1, 1], [0.01, 0.02, 0.03, 0.9], bins=2)
    >>> table[["n", "observed"]].values.tolist()
    [[2.0, 0.0], [2.0, 1.0]]
    """
    whole = curves.reliability(truth, probabilities, bins=bins, level=level)
    if strategy == "uniform":
        return whole
    if strategy != "quantile":
        raise ParameterError(f"The strategy is {strategy!r}; it is 'quantile' or 'uniform'.")
    true, score = np.asarray(truth).astype(bool), np.asarray(probabilities, dtype=np.float64)
    place = _by_quantile(score, bins)
    rows = []
    for i in range(int(place.max()) + 1):
        inside = place == i
        n, hits = int(inside.sum()), int(true[inside].sum())
        observed = wilson(hits, n, level=level)
        ends = (float(score[inside].min()), float(score[inside].max()))
        mean = float(score[inside].mean())
        rows.append((*ends, n, mean, observed.estimate, observed.low, observed.high))
    return pd.DataFrame(rows, columns=whole.columns)


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
