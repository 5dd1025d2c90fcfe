"""The last layer trained on frozen features, without PyTorch: what a grid tries many times."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError, TrainingError, unknown
from mediacorpus.learning.folds import Division, division
from mediacorpus.learning.schedules import rate_factor
from mediacorpus.learning.settings import TrainSettings

if TYPE_CHECKING:
    from mediacorpus.learning.grid_results import Fold, Point

Floats: TypeAlias = NDArray[np.float32]

HEAD_SETTINGS = (
    *("lr", "momentum", "batch_size", "epochs", "schedule", "step_size", "gamma"),
    *("power", "warmup", "nesterov", "weight_decay", "dropout", "class_weights", "seed"),
)
"""Settings that a grid on frozen features may vary; the rest is that of `finetune`."""


def head_settings(point: Point) -> TrainSettings:
    """Complete the settings of a last layer that is trained by SGD on frozen features.

    Raises
    ------
    UnknownName
        A setting is none of `HEAD_SETTINGS`.
    ParameterError
        A value is out of its range.

    Examples
    --------
    >>> s = head_settings({"lr": 0.001, "batch_size": 1})
    >>> s.lr, s.momentum, s.batch_size, s.epochs
    (0.001, 0.9, 1, 25)
    """
    for name in point:
        if name in HEAD_SETTINGS:
            continue
        if name in {f.name for f in fields(TrainSettings)}:
            raise ParameterError(
                f"A grid on frozen features cannot vary {name}. Ask for --method probe or "
                "shallow, whose fits take seconds, or --method finetune or scratch, where each "
                "is a whole training."
            )
        raise unknown("setting of a grid on frozen features", str(name), HEAD_SETTINGS)
    given = dict(point)
    if isinstance(given.get("lr"), str):
        raise ParameterError(f"lr is {given['lr']!r}; a grid takes numbers above 0.")
    # Single pictures are too few for batch normalization, which a last layer has not.
    single = given.get("batch_size") == 1
    given |= {"batch_size": 2} if single else {}
    settings = TrainSettings(method="finetune", unfreeze="head", optimizer="sgd", **given)
    settings.check()
    complete = settings.complete()
    return replace(complete, batch_size=1) if single else complete


def fit_head(
    features: NDArray[Any],
    targets: NDArray[np.int64],
    *,
    classes: int,
    settings: TrainSettings,
    initial: Floats | None = None,
) -> Floats:
    """Train a linear layer and softmax by stochastic gradient descent with momentum.

    The same order of pictures, views and updates as `finetune.fit`, but the last epoch is kept
    and not the best one, so that no picture is looked at that does not learn. Features that are
    dropped are drawn from other random numbers.

    Parameters
    ----------
    features:
        float32 `(N, V, D)`: V views of each picture, of which each epoch sees one.
    targets:
        Class indices `(N,)`.
    classes:
        Their number K.
    settings:
        Complete settings, such as `head_settings` gives.
    initial:
        Weights to start from, `(D + 1, K)`; by default small random ones.

    Returns
    -------
    float32 array `(D + 1, K)`
        Weights; the last row is the bias.

    Raises
    ------
    TrainingError
        The loss became infinite or not a number.

    Examples
    --------
    >>> y = np.arange(20) % 2
    >>> x = np.float32(y)[:, None, None] * 4 - 2
    >>> weights = fit_head(x, y, classes=2, settings=head_settings({"lr": 0.1, "dropout": 0}))
    >>> (head_logits(weights, x[:2, 0]).argmax(1)).tolist()
    [0, 1]
    """
    features = np.asarray(features)  # a memory map is slow to slice
    s, (n, views, width) = settings, features.shape
    weights = _start(width, classes, s.seed) if initial is None else initial.astype(np.float32)
    speed = np.zeros_like(weights)
    factor = rate_factor(s)
    weigh = _class_weights(targets, classes, balanced=bool(s.class_weights))
    with np.errstate(all="ignore"):  # a rate that is too high is told of at the end
        for epoch in range(int(s.epochs or 0)):
            rng = np.random.default_rng((s.seed, epoch + 1))
            rng.integers(2**63)  # `finetune.fit` seeds PyTorch with it
            order = rng.permutation(n)
            x = features[order, rng.integers(views, size=n)]  # (N, D)
            x = np.concatenate([_drop(x, s, epoch), np.ones((n, 1), np.float32)], axis=1)
            goal = np.eye(classes, dtype=np.float32)[targets[order]]  # (N, K)
            _epoch((weights, speed), x, goal, weigh=weigh, s=s, lr=float(s.lr or 0) * factor(epoch))
    if not np.isfinite(weights).all():
        raise TrainingError(
            "The loss became infinite or not a number. Start again with a lower learning rate "
            f"than {s.lr:g}."
        )
    return weights


def head_logits(weights: Floats, features: NDArray[Any]) -> Floats:
    """Give the logits `(N, K)` of features `(N, D)`."""
    logits: Floats = features @ weights[:-1] + weights[-1]
    return logits


@dataclass(frozen=True, eq=False)
class FeaturesRunner:
    """Fits and scores one setting of a last layer on frozen features; see `features_runner`."""

    features: Floats
    items: Division

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of the data and of how they are divided."""
        found = hashlib.sha256(repr(self.features.shape).encode())
        found.update(np.ascontiguousarray(self.features).tobytes())
        return found.hexdigest() + self.items.fingerprint

    def check(self, point: Point, folds: int | None) -> None:
        """Raise if a setting cannot be used, or the data cannot be divided so."""
        head_settings(point)
        self.items.check(folds)

    def ready(self, point: Point) -> None:
        """Do nothing: the features are there."""

    def __call__(self, point: Point, fold: Fold) -> list[dict[str, float]]:
        """Fit on what the fold leaves and score each part that it leaves out."""
        learn, *tests = self.items.parts(fold)
        weights = fit_head(
            self.features[learn],
            self.items.targets[learn],
            classes=len(self.items.classes),
            settings=head_settings(point),
        )
        return [self._scores(weights, test) for test in tests]

    def _scores(self, weights: Floats, test: NDArray[np.int64]) -> dict[str, float]:
        logits = head_logits(weights, self.features[test, 0]).astype(np.float64)
        return scores_of(logits, self.items.targets[test])


def scores_of(logits: NDArray[np.float64], targets: NDArray[np.int64]) -> dict[str, float]:
    """Give accuracy, log loss and number of some pictures.

    >>> scores_of(np.zeros((4, 2)), np.array([0, 0, 0, 1]))["accuracy"]
    0.75
    """
    own = logits[np.arange(len(targets)), targets]
    loss = np.logaddexp.reduce(logits, axis=1) - own
    hits = logits.argmax(1) == targets
    return {"accuracy": float(hits.mean()), "log_loss": float(loss.mean()), "n": len(targets)}


def features_runner(
    features: NDArray[Any],
    targets: NDArray[np.int64],
    classes: Sequence[str],
    *,
    val: NDArray[np.bool_] | None = None,
    groups: Sequence[object] | NDArray[Any] | None = None,
    seed: int = 1,
) -> FeaturesRunner:
    """Make what fits and scores a last layer on frozen features, for `grid`.

    Parameters
    ----------
    features:
        Array `(N, D)`, or `(N, V, D)`: views of each picture, the plain one first. One of them
        is drawn in each epoch; scores are those of the plain one.
    targets:
        Class indices `(N,)`.
    classes:
        Names of the K classes, in order.
    val:
        Which rows are the validation part, bool `(N,)`; used where there are no folds.
    groups:
        What must not be parted, such as copies or authors, `(N,)`; each group lies in one fold.
    seed:
        Of the folds.

    Raises
    ------
    ParameterError
        The arrays do not fit together or hold what is no number.

    Examples
    --------
    >>> run = features_runner(np.eye(6), np.array([0, 1] * 3), ("ant", "bee"))
    >>> run.check({"lr": 0.1}, 3)
    """
    x = np.asarray(features, np.float32)
    x = x[:, None] if x.ndim == 2 else x  # noqa: PLR2004 - (N, D)
    if x.ndim != 3 or np.shape(targets) != (len(x),) or not x.size:  # noqa: PLR2004 - (N, V, D)
        raise ParameterError(
            f"Features must be (N, D) or (N, V, D) and targets (N,); got {np.shape(features)} "
            f"and {np.shape(targets)}."
        )
    if not np.isfinite(x).all():
        raise ParameterError("The features hold numbers that are not finite; leave those rows out.")
    return FeaturesRunner(x, division(targets, classes, val=val, groups=groups, seed=seed))


def _epoch(
    state: tuple[Floats, Floats],
    x: Floats,
    goal: Floats,
    *,
    weigh: Floats | None,
    s: TrainSettings,
    lr: float,
) -> None:
    """Go once through the pictures and change weights and velocity in place."""
    weights, speed = state
    momentum, decay, size = (
        float(s.momentum or 0),
        float(s.weight_decay or 0),
        int(s.batch_size or 1),
    )
    starts = list(range(0, len(x), size))
    if size > 1 and len(starts) > 1 and len(x) - starts[-1] == 1:
        starts.pop()  # a last single picture joins the batch before
    for start, stop in zip(starts, [*starts[1:], len(x)], strict=True):
        batch, wanted = x[start:stop], goal[start:stop]
        odds = batch @ weights  # (B, K)
        odds -= odds.max(axis=1, keepdims=True)
        np.exp(odds, out=odds)
        odds /= odds.sum(axis=1, keepdims=True)
        odds -= wanted
        if weigh is None:
            odds /= stop - start
        else:
            own = wanted @ weigh  # (B,)
            odds *= (own / own.sum())[:, None]
        odds = batch.T @ odds  # (D + 1, K), the gradient
        if decay:
            odds += decay * weights
        speed *= momentum
        speed += odds
        weights -= lr * (odds + momentum * speed if s.nesterov else speed)


def _start(width: int, classes: int, seed: int) -> Floats:
    """Draw weights and bias evenly from plus or minus one over the root of the width."""
    bound = 1 / math.sqrt(width)
    drawn = np.random.default_rng(seed).uniform(-bound, bound, (width + 1, classes))
    return drawn.astype(np.float32)


def _drop(x: Floats, s: TrainSettings, epoch: int) -> Floats:
    """Drop a share of the features and scale up the rest."""
    if not s.dropout:
        return x
    kept = np.random.default_rng((s.seed, epoch, 1)).random(x.shape, np.float32) >= s.dropout
    dropped: Floats = x * kept / np.float32(1 - s.dropout)
    return dropped


def _class_weights(targets: NDArray[np.int64], classes: int, *, balanced: bool) -> Floats | None:
    if not balanced:
        return None
    counts = np.maximum(np.bincount(targets, minlength=classes), 1)
    return (len(targets) / (classes * counts)).astype(np.float32)
