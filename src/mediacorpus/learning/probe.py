"""Logistic regression on embeddings, with the strength of regularization cross-validated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.learning.folds import folds_to_choose_by

OnEpoch: TypeAlias = Callable[[int, int, Mapping[str, Any]], None]
Floats: TypeAlias = NDArray[np.float64]

STRENGTHS = tuple(float(f"{c:.3g}") for c in 10.0 ** np.arange(-4.0, 1.01, 0.5))
"""The values of C that are tried; a small C regularizes strongly."""

FOLDS = 5
"""Folds of the cross-validation; fewer where a class has fewer pictures."""

MANY = 2000
"""Training pictures beyond which the cross-validation works on a stratified sample."""

ITERATIONS = 5000


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A fitted linear classifier on embeddings.

    Parameters
    ----------
    weight:
        float32 `(classes, features)`.
    bias:
        float32 `(classes,)`.
    strength:
        The C that was chosen.
    curves:
        One row per C: `C`, `log_loss` and `accuracy` (means over the folds), `log_loss_se`
        (standard error over the folds), `best`.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    strength: float
    curves: pd.DataFrame

    def probabilities(self, embeddings: NDArray[Any]) -> Floats:
        """Give the probability of each class: float64 `(N, classes)`, rows sum to 1."""
        return _shares(np.asarray(embeddings, np.float64), self.weight, self.bias)


def fit_probe(
    embeddings: NDArray[Any],
    targets: NDArray[np.int64],
    *,
    views: NDArray[Any] | None = None,
    groups: NDArray[np.int64] | None = None,
    balanced: bool = False,
    strength: float | None = None,
    seed: int = 1,
    on_epoch: OnEpoch | None = None,
) -> Probe:
    """Fit a logistic regression with an L2 penalty to scaled embeddings.

    Each feature is centred and divided by its standard deviation plus the mean standard
    deviation of all, so that features that hardly vary do not become noise (the shrinkage of
    Tusher et al.). C is chosen on the training part alone, by stratified cross-validation: the
    smallest C whose log loss is at most one standard error above the lowest one. The scaling
    is folded into the weights.

    Parameters
    ----------
    embeddings:
        Array `(N, features)`.
    targets:
        Class indices `(N,)`, 0 to classes - 1, each at least twice.
    views:
        Embeddings of other views of the same pictures, `(N, V, features)`: mirrored and cut out.
        C is chosen without them; then they are learned from too, each picture counting once.
    groups:
        Numbers of what the folds must not part, such as authors, `(N,)`.
    balanced:
        Whether rare classes weigh more.
    strength:
        C, above 0; None chooses it.
    seed:
        Of the folds.
    on_epoch:
        Called after each C with its number, the number of Cs, and its row.

    References
    ----------
    Hastie, Tibshirani and Friedman (2009). The Elements of Statistical Learning, 2nd ed.,
    section 7.10 (the one-standard-error rule).

    Tusher, Tibshirani and Chu (2001). Significance analysis of microarrays. PNAS 98, 5116-5121.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> targets = np.arange(40) % 2
    >>> probe = fit_probe(rng.normal(size=(40, 5)) + 3 * targets[:, None], targets)
    >>> probe.weight.shape, bool((probe.probabilities(np.ones((1, 5)) * 4) [0] > 0.5)[1])
    ((2, 5), True)
    """
    from threadpoolctl import threadpool_limits

    x = np.asarray(embeddings, np.float64)
    # The matrices are small: several threads would wait for each other, and sum up otherwise.
    with threadpool_limits(1):
        curves = _cross_validate(
            x,
            targets,
            groups,
            tried=STRENGTHS if strength is None else (strength,),
            balanced=balanced,
            seed=seed,
            on_epoch=on_epoch,
        )
        best = _choose(curves)
        strength = float(curves["C"].iloc[best])
        weight, bias = _fit_views(x, targets, views, strength=strength, balanced=balanced)
    curves["best"] = np.arange(len(curves)) == best
    return Probe(weight.astype(np.float32), bias.astype(np.float32), strength, curves)


def _fit_views(
    x: Floats,
    targets: NDArray[np.int64],
    views: NDArray[Any] | None,
    *,
    strength: float,
    balanced: bool,
) -> tuple[Floats, Floats]:
    if views is None or not views.shape[1]:
        return _fit(x, targets, strength=strength, balanced=balanced)
    count = 1 + views.shape[1]
    every = np.concatenate([x[:, None], np.asarray(views, np.float64)], axis=1)
    rows = every.reshape(-1, x.shape[1])
    # C weighs the sum of the losses, so each view takes its part of it.
    return _fit(rows, np.repeat(targets, count), strength=strength / count, balanced=balanced)


def _shares(x: Floats, weight: NDArray[Any], bias: NDArray[Any]) -> Floats:
    logits = x @ weight.T.astype(np.float64) + bias
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = odds / odds.sum(axis=1, keepdims=True)
    return shares


def _cross_validate(
    x: Floats,
    targets: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    *,
    tried: Sequence[float],
    balanced: bool,
    seed: int,
    on_epoch: OnEpoch | None,
) -> pd.DataFrame:
    kept = _sample(targets, seed)
    x, targets = x[kept], targets[kept]
    groups = None if groups is None else groups[kept]
    parts = folds_to_choose_by(targets, groups, most=FOLDS, seed=seed)
    folds = len(parts)
    rows: list[dict[str, float]] = []
    for strength in tried:
        losses, hits = np.zeros(folds), np.zeros(folds)
        for fold, (learn, test) in enumerate(parts):
            weight, bias = _fit(x[learn], targets[learn], strength=strength, balanced=balanced)
            shares = _shares(x[test], weight, bias)
            own = shares[np.arange(len(test)), targets[test]]
            losses[fold] = -np.log(np.maximum(own, 1e-15)).mean()
            hits[fold] = (shares.argmax(1) == targets[test]).mean()
        row = {"C": strength, "log_loss": float(losses.mean())}
        row["log_loss_se"] = float(losses.std(ddof=1) / np.sqrt(folds))
        row["accuracy"] = float(hits.mean())
        rows.append(row)
        if on_epoch is not None:
            on_epoch(len(rows), len(tried), dict(row))
    return pd.DataFrame(rows)


def _choose(curves: pd.DataFrame) -> int:
    """Give the position of the C to use."""
    loss = curves["log_loss"].to_numpy()
    lowest = int(loss.argmin())
    bound = loss[lowest] + curves["log_loss_se"].to_numpy()[lowest]
    return int(np.flatnonzero(loss <= bound)[0])


def _fit(
    x: Floats, targets: NDArray[np.int64], *, strength: float, balanced: bool
) -> tuple[Floats, Floats]:
    """Scale, fit, and fold the scaling into the weights."""
    from sklearn.linear_model import LogisticRegression

    centre, spread = x.mean(0), x.std(0)
    # Embeddings that are all the same have no spread; then the classes' shares are learned.
    scale = 1 / np.maximum(spread + spread.mean(), np.finfo(float).tiny)
    model = LogisticRegression(
        C=strength, class_weight="balanced" if balanced else None, max_iter=ITERATIONS
    )
    model.fit((x - centre) * scale, targets)
    weight, bias = model.coef_, model.intercept_
    if len(weight) == 1:
        # Two classes share one row of weights; as two rows the second has them all.
        weight, bias = np.vstack([0 * weight, weight]), np.array([0.0, bias[0]])
    weight = weight * scale
    return weight, bias - weight @ centre


def _sample(targets: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Choose the rows of a stratified sample where there are very many pictures."""
    if len(targets) <= MANY:
        return np.arange(len(targets))
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(targets))
    rank = np.empty(len(targets))
    for own in np.unique(targets):
        mine = order[targets[order] == own]
        rank[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
        # Rare classes are kept whole as far as the folds need them.
        rank[mine[:FOLDS]] = -1
    return np.sort(np.argsort(rank, kind="stable")[:MANY])
