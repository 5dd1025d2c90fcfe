"""Linear models on embeddings for every kind of target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.learning.folds import folds_to_choose_by
from mediacorpus.learning.targets import Target, TargetKind

OnEpoch: TypeAlias = Callable[[int, int, Mapping[str, Any]], None]
Floats: TypeAlias = NDArray[np.float64]

STRENGTHS = tuple(float(f"{c:.3g}") for c in 10.0 ** np.arange(-4.0, 1.01, 0.5))
"""The values of C that are tried; a small C regularizes strongly."""

FOLDS = 5
"""Folds of the cross-validation; fewer where a class has fewer images."""

MANY = 2000
"""Training images beyond which the cross-validation works on a stratified sample."""

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

    Each feature is centered and divided by its standard deviation plus the mean standard
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
        Embeddings of other views of the same images, `(N, V, features)`: mirrored and cut out.
        C is chosen without them; then they are learned from too, each image counting once.
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

    center, spread = x.mean(0), x.std(0)
    # Embeddings that are all the same have no spread; then the classes' shares are learned.
    scale = 1 / np.maximum(spread + spread.mean(), np.finfo(float).tiny)
    model = LogisticRegression(
        C=strength, class_weight="balanced" if balanced else None, max_iter=ITERATIONS
    )
    model.fit((x - center) * scale, targets)
    weight, bias = model.coef_, model.intercept_
    if len(weight) == 1:
        # Two classes share one row of weights; as two rows the second has them all.
        weight, bias = np.vstack([0 * weight, weight]), np.array([0.0, bias[0]])
    weight = weight * scale
    return weight, bias - weight @ center


def _sample(targets: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Choose the rows of a stratified sample where there are very many images."""
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


PENALTIES = tuple(float(f"{a:.3g}") for a in 10.0 ** np.arange(0.0, 6.01, 0.5))
"""Strengths of the penalty that are tried for a scale."""

GROUP_FOLDS = 10
"""Folds for a scale where groups are left out together."""


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A fitted linear model on embeddings.

    Parameters
    ----------
    weight:
        float32 `(outputs, features)`.
    bias:
        float32 `(outputs,)`.
    strength:
        The C that was chosen (the mean of several), or 1 / penalty for a scale.
    curves:
        One row per strength tried; with several models in one, of all of them.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    strength: float
    curves: pd.DataFrame

    def outputs(self, embeddings: NDArray[Any]) -> Floats:
        """Give what `Target.answer` takes: float64 `(N, outputs)`."""
        x = np.asarray(embeddings, np.float64)
        return x @ self.weight.T.astype(np.float64) + self.bias


def fit_linear(
    embeddings: NDArray[Any],
    encoded: NDArray[Any],
    target: Target,
    *,
    views: NDArray[Any] | None = None,
    groups: NDArray[np.int64] | None = None,
    balanced: bool = False,
    strength: float | None = None,
    seed: int = 1,
    on_epoch: OnEpoch | None = None,
) -> Linear:
    """Fit a linear model of any target to embeddings.

    Classes: one logistic regression (see `fit_probe`). Several labels: one for each value.
    Ranks: one for each threshold between them (Frank and Hall, 2001). A scale: ridge
    regression, its penalty chosen by leave-one-out cross-validation.

    Parameters
    ----------
    embeddings:
        Array `(N, features)`.
    encoded:
        What `Target.encode` gave.
    target:
        What is learned.
    views:
        Embeddings of other views of the same images, `(N, V, features)`, or None.
    groups, balanced, strength, seed, on_epoch:
        As in `fit_probe`. Of a scale the strength is 1 / penalty, and the images of one group
        are left out together.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(60, 3))
    >>> target = Target(TargetKind.SCALE, ("value",), 0.0, 1.0)
    >>> model = fit_linear(x, (x @ [1.0, -1.0, 0.0]).astype(np.float32), target)
    >>> bool(np.abs(model.weight - [[1, -1, 0]]).max() < 0.1)
    True
    """
    if target.kind is TargetKind.CLASSES:
        probe = fit_probe(
            embeddings,
            encoded,
            views=views,
            groups=groups,
            balanced=balanced,
            strength=strength,
            seed=seed,
            on_epoch=on_epoch,
        )
        return Linear(probe.weight, probe.bias, probe.strength, probe.curves)
    if target.kind is TargetKind.SCALE:
        tried = PENALTIES if strength is None else (1 / strength,)
        return _ridge(embeddings, encoded, views, tried=tried, groups=groups, on_epoch=on_epoch)
    if target.kind is TargetKind.ORDINAL:
        columns = (encoded[:, None] > np.arange(len(target.classes) - 1)).astype(np.int64)
        names = [f"above {name}" for name in target.classes[:-1]]
    else:
        columns, names = encoded.astype(np.int64), list(target.classes)
    weights, biases, strengths, curves = [], [], [], []
    for name, column in zip(names, columns.T, strict=True):
        probe = fit_probe(
            embeddings,
            column,
            views=views,
            groups=groups,
            balanced=balanced,
            strength=strength,
            seed=seed,
        )
        weights.append(probe.weight[1] - probe.weight[0])
        biases.append(probe.bias[1] - probe.bias[0])
        strengths.append(probe.strength)
        curves.append(probe.curves.assign(of=name))
        if on_epoch is not None:
            best = probe.curves[probe.curves["best"]].iloc[0].to_dict()
            on_epoch(len(weights), len(names), {str(k): v for k, v in best.items()})
    return Linear(
        np.stack(weights).astype(np.float32),
        np.array(biases, np.float32),
        float(np.mean(strengths)),
        pd.concat(curves, ignore_index=True),
    )


def _ridge(
    embeddings: NDArray[Any],
    y: NDArray[Any],
    views: NDArray[Any] | None,
    *,
    tried: Sequence[float],
    groups: NDArray[np.int64] | None,
    on_epoch: OnEpoch | None,
) -> Linear:
    from sklearn.linear_model import Ridge
    from threadpoolctl import threadpool_limits

    x = np.asarray(embeddings, np.float64)
    center, spread = x.mean(axis=0), x.std(axis=0)
    spread = spread + spread.mean() + 1e-12
    with threadpool_limits(1):
        errors = _errors((x - center) / spread, y, groups, tried=tried)
        best = int(errors.argmin())
        penalty, rows, values = tried[best], x, y
        if views is not None and views.shape[1]:
            count = 1 + views.shape[1]
            rows = np.concatenate([x[:, None], np.asarray(views, np.float64)], axis=1)
            rows, values = rows.reshape(-1, x.shape[1]), np.repeat(y, count)
            penalty *= count
        model = Ridge(alpha=penalty).fit((rows - center) / spread, values)
    weight = np.asarray(model.coef_, np.float64).reshape(1, -1) / spread
    bias = float(model.intercept_) - weight @ center
    curves = pd.DataFrame(
        {
            "penalty": tried,
            "squared_error": errors,
            "best": np.arange(len(tried)) == best,
        }
    )
    for number, row in enumerate(curves.to_dict("records"), start=1):
        if on_epoch is not None:
            on_epoch(number, len(curves), {str(k): v for k, v in row.items()})
    return Linear(weight.astype(np.float32), bias.astype(np.float32), 1 / tried[best], curves)


def _errors(
    x: Floats, y: NDArray[Any], groups: NDArray[np.int64] | None, *, tried: Sequence[float]
) -> Floats:
    """Give the squared error of each penalty, each row or group left out in turn."""
    from sklearn.linear_model import Ridge, RidgeCV
    from sklearn.model_selection import GroupKFold

    count = 0 if groups is None else len(np.unique(groups))
    if count < 2:  # noqa: PLR2004 - one group cannot be left out
        search = RidgeCV(alphas=np.asarray(tried), store_cv_results=True).fit(x, y)
        return np.asarray(search.cv_results_.reshape(len(y), -1).mean(axis=0), np.float64)
    found = np.zeros((len(tried), len(y)))
    for learn, test in GroupKFold(min(GROUP_FOLDS, count)).split(x, y, groups):
        for place, penalty in enumerate(tried):
            model = Ridge(alpha=penalty).fit(x[learn], y[learn])
            found[place, test] = (model.predict(x[test]) - y[test]) ** 2
    return np.asarray(found.mean(axis=1))
