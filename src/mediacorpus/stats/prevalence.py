"""How common classes truly are, from what an imperfect classifier predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.errors import ParameterError
from mediacorpus.stats.intervals import Interval, check_level, undefined

if TYPE_CHECKING:
    from mediacorpus.stats.intervals import Floats

BINARY = 2


def prevalence(
    predicted: Any,
    confusion: Any,
    *,
    level: float = 0.95,
    repeats: int = 2000,
    seed: int = 0,
) -> list[Interval]:
    """Correct the shares of classes in a corpus for the errors of the classifier.

    What a classifier counts is not what there is: of rare things most hits may be false
    alarms. The error rates on labelled items tell by how much. This holds when items of a
    class are as hard in the corpus as among the labelled ones.

    Parameters
    ----------
    predicted:
        Items of the corpus that are predicted to be of each class, `(K,)`; without the
        labelled ones.
    confusion:
        Confusion matrix of the labelled items `(K, K)`: rows are true classes.
    level:
        Confidence level, between 0 and 1.
    repeats, seed:
        For three classes and more: resamples of the bootstrap, and its seed.

    Returns
    -------
    list of Interval
        The share of each class. For two classes the estimate is Rogan and Gladen's with
        Lang and Reiczigel's interval; for more it comes from the inverted matrix, cut to 0
        and scaled to sum to 1, with a parametric bootstrap interval. Undefined where the
        classifier is no better than chance.

    Raises
    ------
    ParameterError
        Shapes do not fit, a count is negative, or a class has no labelled item.

    References
    ----------
    Rogan, W. J., & Gladen, B. (1978). Estimating prevalence from the results of a
    screening test. *American Journal of Epidemiology*, 107, 71-76.
    Lang, Z., & Reiczigel, J. (2014). Confidence limits for prevalence of disease adjusted
    for estimated sensitivity and specificity. *Preventive Veterinary Medicine*, 113, 13-22.
    Buonaccorsi, J. P. (2010). *Measurement Error*, section 2.4 (several classes).

    Examples
    --------
    >>> no, yes = prevalence([127, 23], [[89, 11], [4, 96]])
    >>> print(yes)
    .051 [.000, .146]
    """
    check_level(level)
    counts, matrix = np.asarray(predicted, np.float64), np.asarray(confusion, np.float64)
    size = len(counts)
    if counts.ndim != 1 or matrix.shape != (size, size) or size < BINARY:
        raise ParameterError(
            f"There are counts of shape {counts.shape} and a confusion matrix of shape "
            f"{matrix.shape}; one count for each of its classes is needed, two at least."
        )
    if (counts < 0).any() or (matrix < 0).any() or counts.sum() == 0:
        raise ParameterError("Counts of items are 0 or more, and at least one is needed.")
    if (matrix.sum(axis=1) == 0).any():
        raise ParameterError("Each class needs labelled items, to tell how it is predicted.")
    if size == BINARY:
        yes = _two_classes(counts, matrix, level)
        no = Interval(1 - yes.estimate, 1 - yes.high, 1 - yes.low, level, yes.method)
        return [no, yes]
    return _many_classes(counts, matrix, level=level, repeats=repeats, seed=seed)


def _two_classes(counts: Floats, matrix: Floats, level: float) -> Interval:
    from scipy.special import ndtri

    method = "Lang and Reiczigel"
    (tn, fp), (fn, tp) = matrix
    n, positives, negatives = counts.sum(), tp + fn, tn + fp
    youden = tp / positives + tn / negatives - 1
    if youden <= 0:
        return undefined(level, method=method)
    estimate = float((counts[1] / n + tn / negatives - 1) / youden)
    z = float(ndtri((1 + level) / 2))
    apparent = (counts[1] + z**2 / 2) / (n + z**2)
    found, kept = (tp + 1) / (positives + 2), (tn + 1) / (negatives + 2)
    gain = found + kept - 1
    center = (apparent + kept - 1) / gain
    spread_found = found * (1 - found) / (positives + 2)
    spread_kept = kept * (1 - kept) / (negatives + 2)
    shift = 2 * z**2 * (center * spread_found - (1 - center) * spread_kept)
    spread = (
        apparent * (1 - apparent) / (n + z**2)
        + center**2 * spread_found
        + (1 - center) ** 2 * spread_kept
    )
    half = z * float(np.sqrt(spread)) / gain
    low, high = np.clip([center + shift - half, center + shift + half], 0, 1).tolist()
    return Interval(float(np.clip(estimate, 0, 1)), low, high, level, method)


def _many_classes(
    counts: Floats, matrix: Floats, *, level: float, repeats: int, seed: int
) -> list[Interval]:
    size = len(counts)
    estimate = _inverted(counts[None] / counts.sum(), (matrix / matrix.sum(1)[:, None])[None])[0]
    if np.isnan(estimate).any():
        return [undefined(level, method="parametric bootstrap")] * size
    rng = np.random.default_rng(seed)
    shares = rng.multinomial(int(counts.sum()), counts / counts.sum(), size=repeats) / counts.sum()
    # A cell without items may still have some chance: half an item is added to each.
    drawn = np.stack([rng.dirichlet(row + 0.5, size=repeats) for row in matrix], axis=1)
    found = _inverted(shares, drawn)
    found = found[~np.isnan(found).any(axis=1)]
    tails = np.quantile(found, [(1 - level) / 2, (1 + level) / 2], axis=0).T.tolist()
    return [
        Interval(share, min(low, share), max(high, share), level, "parametric bootstrap")
        for share, (low, high) in zip(estimate.tolist(), tails, strict=True)
    ]


def _inverted(shares: Floats, rates: Floats) -> Floats:
    """Solve shares `(R, K)` = true shares x rates `(R, K, K)`; NaN where that cannot be done."""
    found = np.full(shares.shape, np.nan)
    good = np.abs(np.linalg.det(rates)) > 1e-6  # noqa: PLR2004
    if good.any():
        solved = np.linalg.solve(np.swapaxes(rates[good], 1, 2), shares[good][..., None])[..., 0]
        cut = np.maximum(solved, 0.0)
        found[good] = cut / cut.sum(axis=1, keepdims=True)
    return found
