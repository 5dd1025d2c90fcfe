"""The classic models of scikit-learn on a feature matrix, kept as ONNX graphs."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError, TrainingError
from mediacorpus.extras import need
from mediacorpus.learning import export
from mediacorpus.learning.curves import OnRow
from mediacorpus.learning.folds import (
    best_of,
    class_indices,
    cross_validate,
    folds_to_choose_by,
    inner_folds,
)
from mediacorpus.learning.linear import logistic
from mediacorpus.learning.settings import ShallowSettings
from mediacorpus.networks.onnx_session import open_session
from mediacorpus.result import counted
from mediacorpus.settings import settings as environment


def check_data(
    features: NDArray[Any], targets: NDArray[np.int64], classes: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features as float32 and targets as int64; raise where they do not fit together.

    Raises
    ------
    ParameterError
        The shapes or the targets are of another form.
    TrainingError
        A feature is no finite number.
    """
    x, y = np.asarray(features, np.float32), np.asarray(targets)
    if x.ndim != 2 or y.shape != (len(x),) or not x.size:  # noqa: PLR2004 - (N, D)
        raise ParameterError(
            f"Features must be (N, D) and targets (N,); got {x.shape} and {y.shape}."
        )
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise TrainingError(
            f"{int(bad.sum())} of {len(x)} rows have features that are not finite numbers (the "
            f"first is row {int(bad.argmax())}); leave those items out."
        )
    return x, class_indices(y, classes)


def check_counts(y: NDArray[np.int64], classes: Sequence[str], s: ShallowSettings) -> None:
    """Raise where a class has too few rows.

    Raises
    ------
    TrainingError
        There are fewer than two classes, or a class has fewer rows than the model needs.
    """
    if len(classes) < 2:  # noqa: PLR2004 - two classes at least
        raise TrainingError("A classifier needs at least two classes; label items of another one.")
    least = 4 if s.model == "svm" else 2
    for name, count in zip(classes, np.bincount(y, minlength=len(classes)), strict=True):
        if count < least:
            raise TrainingError(
                f"The class {name!r} has {counted(count, 'item')} in the training "
                f"part; {s.model} needs at least {least}. Label more of them, or split again."
            )


TRIED: Mapping[str, tuple[str, tuple[float, ...]]] = {
    "knn": ("neighbors", (1, 3, 5, 7, 9, 15)),
    "svm": ("C", (0.1, 1.0, 10.0, 100.0)),
    "logistic": ("C", (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)),
    "random_forest": ("trees", ()),
    "naive_bayes": ("smoothing", (1e-9, 1e-6, 1e-3, 1e-2, 0.1, 0.3, 1.0)),
}
"""What is chosen by cross-validation where it is not given, and the values that are tried."""

CALIBRATED = 3
"""Folds on which the probabilities of a support vector machine are calibrated."""

LEAST = 1e-6
"""Probability below which a log loss counts it as that."""

TOLERANCE = 1e-4
"""Largest difference of a probability between scikit-learn and ONNX that is let pass."""

CHECKED = 500
"""Training rows on which the two are compared."""

LISTED = 20
"""Features of a forest whose importance is listed."""

OPSET = 18


@dataclass(frozen=True, eq=False)
class Shallow:
    """A fitted classic model.

    Parameters
    ----------
    graph:
        ONNX: input `features` float32 `(N, D)`, output `probabilities` float32 `(N, K)`. What
        the model does to the features first, such as scaling, is inside.
    curves:
        One row per value that was tried: that value (`C`, `neighbors`, `smoothing` or
        `trees`), `accuracy`, `log_loss` (means over the folds), `log_loss_se` (standard error
        over the folds), `best`.
    facts:
        Settings with the chosen value, cross-validated scores, and for a forest the features
        that matter most.
    """

    graph: bytes
    curves: pd.DataFrame
    facts: Mapping[str, Any]

    def probabilities(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Give the probability of each class from the graph: `(N, K)`, rows sum to 1.

        Raises
        ------
        ParameterError
            The array is no matrix with D columns.
        """
        x = np.ascontiguousarray(features, np.float32)
        (wanted,) = self._session.get_inputs()
        if x.ndim != 2 or x.shape[1] != wanted.shape[1]:  # noqa: PLR2004 - (N, D)
            raise ParameterError(
                f"The model takes features (N, {wanted.shape[1]}); got {x.shape}. Give it the "
                "features that it was trained on."
            )
        if not len(x):
            return np.empty((0, self._session.get_outputs()[0].shape[1]), np.float32)
        return np.asarray(self._session.run(["probabilities"], {"features": x})[0])

    @functools.cached_property
    def _session(self) -> Any:
        return open_session(self.graph)


def fit_shallow(
    features: NDArray[Any],
    targets: NDArray[np.int64],
    *,
    classes: Sequence[str],
    settings: ShallowSettings | None = None,
    groups: NDArray[np.int64] | None = None,
    scale: bool = True,
    on_row: OnRow | None = None,
) -> Shallow:
    """Fit a classic model and turn it into an ONNX graph.

    Features are standardized on the training part, except for a forest, which does not depend
    on their scale. What is not given of `C`, `neighbors` and `smoothing` is chosen on the rows
    given here alone, by stratified cross-validation: the value with the lowest log loss. The
    probabilities of k nearest neighbors are shares of neighbors, those of a forest the mean
    of its trees. A support vector machine has none; a logistic curve per class, fitted on
    decision values out of fold, gives them (Platt 1999), and they are scaled to sum to 1.

    Parameters
    ----------
    features:
        Array `(N, D)`, finite.
    targets:
        Class indices `(N,)`, 0 to K - 1, each at least twice (four times for `"svm"`).
    classes:
        Names of the K classes, in order.
    settings:
        Which model, and how.
    groups:
        Numbers of what the folds must not part, such as authors, `(N,)`.
    scale:
        Whether features are standardized; False where they have been brought to a common scale.
    on_row:
        Called after each value tried with its number, the number of values, and its row.

    Raises
    ------
    UnknownName
        There is no such model.
    ParameterError
        A setting is out of range, or features, targets and classes do not fit together.
    TrainingError
        A class has too few rows, features are not finite, or ONNX and scikit-learn disagree.
    MissingExtra
        skl2onnx is not installed.

    References
    ----------
    Breiman (2001). Random forests. Machine Learning 45, 5-32.

    Platt (1999). Probabilistic outputs for support vector machines. Advances in Large Margin
    Classifiers, 61-74.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> y = np.arange(40) % 2
    >>> x = rng.normal(size=(40, 3)).astype(np.float32) + 4 * y[:, None]
    >>> made = fit_shallow(x, y, classes=("ant", "bee"), settings=ShallowSettings("knn"))
    >>> made.probabilities(np.full((1, 3), 4.0)).round(2).tolist()
    [[0.0, 1.0]]
    """
    from threadpoolctl import threadpool_limits

    s = settings or ShallowSettings()
    s.check()
    need("skl2onnx")
    names = list(classes)
    x, y = check_data(features, targets, names)
    check_counts(y, names, s)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn's own changes and of rare classes
        curves, chosen = _choose(x, y, groups, s=s, scale=scale, on_row=on_row)
        model = _model(chosen, y, groups, scale=scale).fit(x, y)
        made = Shallow(_graph(model, x.shape[1], names), curves, {})
        difference = _agreement(model, made, x, s=s)
    best = curves[curves["best"]].iloc[0]
    facts = asdict(chosen) | {
        "n": len(x),
        "features": x.shape[1],
        "cross_validated": {name: float(best[name]) for name in ("accuracy", "log_loss")},
        "export_difference": difference,
    }
    if s.model == "random_forest":
        facts["importances"] = _importances(model)
    return replace(made, facts=facts)


def fit_plain(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    *,
    settings: ShallowSettings,
    scale: bool = True,
) -> Any:
    """Fit a classic model without a graph, with what is not given chosen by cross-validation.

    Parameters
    ----------
    x, y, groups, settings, scale:
        As for `fit_shallow`.

    Returns
    -------
    object
        A classifier of scikit-learn.
    """
    name, _ = TRIED[settings.model]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn's own changes and of rare classes
        if getattr(settings, name) is None:
            _, settings = _choose(x, y, groups, s=settings, scale=scale)
        return _model(settings, y, groups, scale=scale).fit(x, y)


def _model(
    s: ShallowSettings, y: NDArray[np.int64], groups: NDArray[np.int64] | None, *, scale: bool
) -> Any:
    """Make the model, unfitted; what it does to the features first comes with it."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    weight = "balanced" if s.class_weights else None
    if s.model == "random_forest":
        return RandomForestClassifier(
            s.trees, random_state=s.seed, class_weight=weight, n_jobs=environment().workers
        )
    if s.model == "knn":
        model = KNeighborsClassifier(s.neighbors, algorithm="brute")
    elif s.model == "logistic":
        model = logistic(float(s.C or 1.0), s.l1_ratio, weight)
    elif s.model == "naive_bayes":
        count = int(y.max()) + 1
        priors = [1 / count] * count if s.class_weights else None
        model = GaussianNB(priors=priors, var_smoothing=s.smoothing)
    else:
        model = CalibratedClassifierCV(
            SVC(C=s.C, kernel=s.kernel, gamma=s.gamma, class_weight=weight),
            ensemble=False,
            cv=folds_to_choose_by(y, groups, most=CALIBRATED, seed=s.seed),
        )
    return make_pipeline(StandardScaler(with_mean=scale, with_std=scale), model)


def _with(s: ShallowSettings, name: str, value: float) -> ShallowSettings:
    """Return a copy with one setting replaced."""
    given: Any = int(value) if name in {"neighbors", "trees"} else value
    return replace(s, **{name: given})


def _candidates(s: ShallowSettings, rows: int) -> tuple[str, list[float]]:
    """Say which setting is tried, and with which values."""
    name, tried = TRIED[s.model]
    given = getattr(s, name)
    if given is not None:
        if name == "neighbors" and given > rows:
            raise ParameterError(
                f"neighbors is {given}, but the smallest training fold has {rows} rows; "
                "ask for fewer neighbors."
            )
        return name, [float(given)]
    return name, [value for value in tried if name != "neighbors" or value <= rows]


def _choose(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    *,
    s: ShallowSettings,
    scale: bool,
    on_row: OnRow | None = None,
) -> tuple[pd.DataFrame, ShallowSettings]:
    """Score each candidate by cross-validation; give the scores, and settings with the best."""
    splits = inner_folds(y, groups, seed=s.seed)
    name, values = _candidates(s, min(len(learn) for learn, _ in splits))

    def scored(value: float, learn: NDArray[np.int64], test: NDArray[np.int64]) -> NDArray[Any]:
        own = None if groups is None else groups[learn]
        chosen = _with(s, name, value)
        model = _model(chosen, y[learn], own, scale=scale).fit(x[learn], y[learn])
        return log_shares(model.predict_proba(x[test]))

    curves = cross_validate(scored, y, splits, name=name, values=values, on_row=on_row)
    return curves, _with(s, name, best_of(curves))


def log_shares(shares: NDArray[Any]) -> NDArray[Any]:
    """Give the logarithms of probabilities, of which those of classic models may be 0."""
    return np.asarray(np.log(np.maximum(shares, LEAST)))


def _graph(model: Any, width: int, classes: Sequence[str]) -> bytes:
    """Convert to ONNX with the probabilities as the only output."""
    types = need("skl2onnx.common.data_types")
    found = need("skl2onnx").to_onnx(
        model,
        initial_types=[("features", types.FloatTensorType([None, width]))],
        options={id(model): {"zipmap": False}},
        target_opset=OPSET,
    )
    found = export.with_one_output(found, export.ANSWER)
    found.graph.output[0].type.tensor_type.shape.dim[1].dim_value = len(classes)
    note = found.metadata_props.add()
    note.key, note.value = "classes", json.dumps(list(classes), ensure_ascii=False)
    return bytes(found.SerializeToString())


def _agreement(model: Any, made: Shallow, x: NDArray[np.float32], *, s: ShallowSettings) -> float:
    """Give the largest difference of a probability between scikit-learn and ONNX; check it."""
    rows = x[np.linspace(0, len(x) - 1, min(len(x), CHECKED)).astype(int)]
    if s.model == "knn":
        rows = rows[~_tied(model, rows)]
    if not len(rows):
        return 0.0
    difference = float(np.abs(made.probabilities(rows) - model.predict_proba(rows)).max())
    if not difference <= TOLERANCE:
        raise TrainingError(
            f"The exported {s.model} model differs from the fitted one by {difference:.2g} in a "
            f"probability; at most {TOLERANCE:g} is let pass. Scale the features to a common "
            "range, or choose another model."
        )
    return difference


def _tied(model: Any, rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell rows whose last neighbor is as far as the next one: either may be taken."""
    scaler, neighbors = model[0], model[-1]
    k = neighbors.n_neighbors
    if k >= neighbors.n_samples_fit_:
        return np.zeros(len(rows), bool)
    far, _ = neighbors.kneighbors(scaler.transform(rows), k + 1)
    return np.asarray(far[:, k] - far[:, k - 1] <= TOLERANCE * far[:, k])


def _importances(forest: Any) -> list[dict[str, float]]:
    """List the features that lower impurity most, the largest first (shares of 1)."""
    shares = forest.feature_importances_
    order = np.argsort(-shares, kind="stable")[:LISTED]
    return [{"feature": int(i), "importance": float(shares[i])} for i in order]
