"""Linear models on embeddings for every kind of target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.learning.probe import fit_probe
from mediacorpus.learning.targets import Target, TargetKind

OnEpoch: TypeAlias = Callable[[int, int, Mapping[str, Any]], None]
Floats: TypeAlias = NDArray[np.float64]

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
        Embeddings of other views of the same pictures, `(N, V, features)`, or None.
    groups, balanced, strength, seed, on_epoch:
        As in `fit_probe`. Of a scale the strength is 1 / penalty, and the pictures of one group
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
    centre, spread = x.mean(axis=0), x.std(axis=0)
    spread = spread + spread.mean() + 1e-12
    with threadpool_limits(1):
        errors = _errors((x - centre) / spread, y, groups, tried=tried)
        best = int(errors.argmin())
        penalty, rows, values = tried[best], x, y
        if views is not None and views.shape[1]:
            count = 1 + views.shape[1]
            rows = np.concatenate([x[:, None], np.asarray(views, np.float64)], axis=1)
            rows, values = rows.reshape(-1, x.shape[1]), np.repeat(y, count)
            penalty *= count
        model = Ridge(alpha=penalty).fit((rows - centre) / spread, values)
    weight = np.asarray(model.coef_, np.float64).reshape(1, -1) / spread
    bias = float(model.intercept_) - weight @ centre
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
