"""Linear models on embeddings for every kind of target."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.learning.curves import OnRow
from mediacorpus.learning.folds import best_of, cross_validate, inner_folds
from mediacorpus.learning.targets import Target, TargetKind

Floats: TypeAlias = NDArray[np.float64]

STRENGTHS = tuple(float(f"{c:.3g}") for c in 10.0 ** np.arange(-4.0, 1.01, 0.5))
"""The values of C that are tried; a small C regularizes strongly."""

PENALTIES = tuple(float(f"{a:.3g}") for a in 10.0 ** np.arange(0.0, 6.01, 0.5))
"""Strengths of the penalty that are tried for a scale."""

GROUP_FOLDS = 10
"""Folds for a scale where groups are left out together."""

ITERATIONS = 5000
SAGA = 1000


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
        One row per strength tried; with several models in one, of all of them. Of classes they
        are those of `cross_validate`.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    strength: float
    curves: pd.DataFrame

    def outputs(self, embeddings: NDArray[Any]) -> Floats:
        """Give what `Target.answer` takes: float64 `(N, outputs)`."""
        return _outputs(np.asarray(embeddings, np.float64), self.weight, self.bias)

    def probabilities(self, embeddings: NDArray[Any]) -> Floats:
        """Give the probability of each class: float64 `(N, classes)`, rows sum to 1."""
        from scipy.special import softmax

        return np.asarray(softmax(self.outputs(embeddings), axis=1))


def _outputs(x: Floats, weight: NDArray[Any], bias: NDArray[Any]) -> Floats:
    return np.asarray(x @ weight.T.astype(np.float64) + bias)


def fit_logistic(
    embeddings: NDArray[Any],
    targets: NDArray[np.int64],
    *,
    views: NDArray[Any] | None = None,
    groups: NDArray[np.int64] | None = None,
    balanced: bool = False,
    strength: float | None = None,
    l1_ratio: float = 0.0,
    seed: int = 1,
    on_epoch: OnRow | None = None,
) -> Linear:
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
    l1_ratio:
        Share of l1 in the penalty, 0 (all l2) to 1.
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
    >>> linear = fit_logistic(rng.normal(size=(40, 5)) + 3 * targets[:, None], targets)
    >>> linear.weight.shape, bool((linear.probabilities(np.ones((1, 5)) * 4) [0] > 0.5)[1])
    ((2, 5), True)
    """
    from scipy.special import log_softmax
    from threadpoolctl import threadpool_limits

    x = np.asarray(embeddings, np.float64)
    fit = functools.partial(_scaled_logistic, balanced=balanced, l1_ratio=l1_ratio)

    def scored(value: float, learn: NDArray[np.int64], test: NDArray[np.int64]) -> NDArray[Any]:
        return np.asarray(log_softmax(_outputs(x[test], *fit(x[learn], targets[learn], value)), 1))

    # The matrices are small: several threads would wait for each other, and sum up otherwise.
    with threadpool_limits(1):
        curves = cross_validate(
            scored,
            targets,
            inner_folds(targets, groups, seed=seed),
            name="C",
            values=STRENGTHS if strength is None else (strength,),
            slack=1.0,
            on_row=on_epoch,
        )
        strength = best_of(curves)
        rows, every, count = _with_views(x, targets, views)
        # C weighs the sum of the losses, so each view takes its part of it.
        weight, bias = fit(rows, every, strength / count)
    return Linear(weight.astype(np.float32), bias.astype(np.float32), strength, curves)


def _with_views(
    x: Floats, targets: NDArray[Any], views: NDArray[Any] | None
) -> tuple[Floats, NDArray[Any], int]:
    """Put the views of each image beside it; give rows, targets, and the rows of an image."""
    if views is None:
        return x, targets, 1
    every = np.concatenate([x[:, None], np.asarray(views, np.float64)], axis=1)
    count = every.shape[1]
    return every.reshape(-1, x.shape[1]), np.repeat(targets, count), count


def _scaling(x: Floats) -> tuple[Floats, Floats]:
    """Give the center of features, and the factor by which they are scaled."""
    spread = x.std(axis=0)
    # Embeddings that are all the same have no spread; then the classes' shares are learned.
    return x.mean(axis=0), 1 / np.maximum(spread + spread.mean(), np.finfo(float).tiny)


def logistic(strength: float, l1_ratio: float, weigh: str | None) -> Any:
    """Make a logistic regression of scikit-learn with a penalty of l2, l1 or both.

    Parameters
    ----------
    strength:
        C.
    l1_ratio:
        Share of l1 in the penalty, 0 to 1.
    weigh:
        `"balanced"`, or None.
    """
    from sklearn.linear_model import LogisticRegression

    common: dict[str, Any] = {"C": strength, "class_weight": weigh}
    if not l1_ratio:
        return LogisticRegression(max_iter=ITERATIONS, **common)
    # The only solver that knows l1 for several classes. Its steps are random, and seeded.
    return LogisticRegression(
        l1_ratio=l1_ratio, solver="saga", max_iter=SAGA, tol=1e-3, random_state=0, **common
    )


def _scaled_logistic(
    x: Floats,
    targets: NDArray[np.int64],
    strength: float,
    *,
    balanced: bool,
    l1_ratio: float,
) -> tuple[Floats, Floats]:
    """Scale, fit, and fold the scaling into the weights."""
    center, scale = _scaling(x)
    model = logistic(strength, l1_ratio, "balanced" if balanced else None)
    with warnings.catch_warnings():
        # At a penalty that is hardly one it may stop before the very end, near enough.
        warnings.filterwarnings("ignore", message=".*max_iter was reached")
        model.fit((x - center) * scale, targets)
    weight, bias = model.coef_, model.intercept_
    if len(weight) == 1:
        # Two classes share one row of weights; as two rows the second has them all.
        weight, bias = np.vstack([0 * weight, weight]), np.array([0.0, bias[0]])
    weight = weight * scale
    return weight, bias - weight @ center


def fit_linear(
    embeddings: NDArray[Any],
    encoded: NDArray[Any],
    target: Target,
    *,
    views: NDArray[Any] | None = None,
    groups: NDArray[np.int64] | None = None,
    balanced: bool = False,
    strength: float | None = None,
    l1_ratio: float = 0.0,
    seed: int = 1,
    on_epoch: OnRow | None = None,
) -> Linear:
    """Fit a linear model of any target to embeddings.

    Classes: one logistic regression (see `fit_logistic`). Several labels: one for each value.
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
    groups, balanced, strength, l1_ratio, seed, on_epoch:
        As in `fit_logistic`. Of a scale the strength is 1 / penalty, and the images of one group
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
    fit = functools.partial(
        fit_logistic,
        embeddings,
        views=views,
        groups=groups,
        balanced=balanced,
        strength=strength,
        l1_ratio=l1_ratio,
        seed=seed,
    )
    if target.kind is TargetKind.CLASSES:
        return fit(encoded, on_epoch=on_epoch)
    if target.kind is TargetKind.SCALE:
        tried = PENALTIES if strength is None else (1 / strength,)
        return _ridge(embeddings, encoded, views, tried=tried, groups=groups, on_epoch=on_epoch)
    if target.kind is TargetKind.ORDINAL:
        columns = (encoded[:, None] > np.arange(len(target.classes) - 1)).astype(np.int64)
        names = [f"above {name}" for name in target.classes[:-1]]
    else:
        columns, names = encoded.astype(np.int64), list(target.classes)
    models = []
    for column in columns.T:
        models.append(fit(column))
        if on_epoch is not None:
            best = models[-1].curves.query("best").iloc[0].to_dict()
            on_epoch(len(models), len(names), {str(k): v for k, v in best.items()})
    each = zip(names, models, strict=True)
    return Linear(
        np.stack([model.weight[1] - model.weight[0] for model in models]),
        np.array([model.bias[1] - model.bias[0] for model in models]),
        float(np.mean([model.strength for model in models])),
        pd.concat([model.curves.assign(of=name) for name, model in each], ignore_index=True),
    )


def _ridge(
    embeddings: NDArray[Any],
    y: NDArray[Any],
    views: NDArray[Any] | None,
    *,
    tried: Sequence[float],
    groups: NDArray[np.int64] | None,
    on_epoch: OnRow | None,
) -> Linear:
    from sklearn.linear_model import Ridge
    from threadpoolctl import threadpool_limits

    x = np.asarray(embeddings, np.float64)
    center, scale = _scaling(x)
    with threadpool_limits(1):
        errors = _errors((x - center) * scale, y, groups, tried=tried)
        best = int(errors.argmin())
        rows, values, count = _with_views(x, y, views)
        model = Ridge(alpha=tried[best] * count).fit((rows - center) * scale, values)
    weight = model.coef_.reshape(1, -1) * scale
    bias = float(model.intercept_) - weight @ center
    chosen = np.arange(len(tried)) == best
    curves = pd.DataFrame({"penalty": tried, "squared_error": errors, "best": chosen})
    for number, row in enumerate(curves.to_dict("records"), start=1):
        if on_epoch is not None:
            on_epoch(number, len(curves), {str(k): v for k, v in row.items()})
    return Linear(weight.astype(np.float32), bias.astype(np.float32), 1 / tried[best], curves)


def _errors(
    x: Floats, y: NDArray[Any], groups: NDArray[np.int64] | None, *, tried: Sequence[float]
) -> Floats:
    """Give the squared error of each penalty, each row or group left out in turn."""
    from sklearn.linear_model import Ridge, RidgeCV
    from sklearn.model_selection import GroupKFold, cross_val_predict

    count = 0 if groups is None else len(np.unique(groups))
    if count < 2:  # noqa: PLR2004 - one group cannot be left out
        search = RidgeCV(alphas=np.asarray(tried), store_cv_results=True).fit(x, y)
        return np.asarray(search.cv_results_.reshape(len(y), -1).mean(axis=0), np.float64)
    folds = GroupKFold(min(GROUP_FOLDS, count))
    found = [cross_val_predict(Ridge(alpha=a), x, y, groups=groups, cv=folds) for a in tried]
    return np.asarray(((np.array(found) - y) ** 2).mean(axis=1))
