"""What fits and scores one setting of a grid: a last layer, a classic model, a whole training."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError, TrainingError, unknown
from mediacorpus.learning.cache import hash_of, write_json
from mediacorpus.learning.features import EMBEDDING, Part, Plan, channel_statistics, prepare
from mediacorpus.learning.folds import Division, scores_of
from mediacorpus.learning.joined import is_joined
from mediacorpus.learning.linear import fit_logistic
from mediacorpus.learning.loop import batches, fit, predict, rate_factor
from mediacorpus.learning.methods import Assembled, assemble, features_of, plan_to_score
from mediacorpus.learning.settings import OF_MODEL, TrainSettings, settings_of
from mediacorpus.learning.shallow import check_counts, fit_plain, log_shares
from mediacorpus.learning.targets import Target, TargetKind
from mediacorpus.networks.scratch import AUTOENCODER

if TYPE_CHECKING:
    from mediacorpus.learning.folds import Fold, Point
    from mediacorpus.records import Example


Floats: TypeAlias = NDArray[np.float32]
Rows: TypeAlias = NDArray[np.int64]

TRAININGS = ("finetune", "scratch")
"""Methods of which each combination of a grid is a whole training."""

SETTINGS: Mapping[str | None, tuple[str, ...]] = {
    None: (
        *("lr", "momentum", "batch_size", "epochs", "schedule", "step_size", "gamma"),
        *("power", "warmup", "nesterov", "weight_decay", "dropout", "class_weights", "seed"),
    ),
    "linear": ("C", "penalty", "l1_ratio", "class_weights"),
    "shallow": ("model", "features", "class_weights", *OF_MODEL),
    **dict.fromkeys(TRAININGS, (*settings_of(*TRAININGS), "class_weights")),
}
"""Settings that a grid of each method may vary; None is a last layer on frozen features."""


def point_settings(method: str | None, point: Point, *, seed: int = 1) -> TrainSettings:
    """Complete the settings of one fit of a grid, and check them.

    A last layer on frozen features has those of `finetune` with SGD.

    Raises
    ------
    UnknownName
        There is no such method, or it has no such setting.
    ParameterError
        A value is out of its range, or the method does not use the setting.

    Examples
    --------
    >>> s = point_settings(None, {"lr": 0.001, "batch_size": 1})
    >>> s.lr, s.momentum, s.batch_size, s.epochs
    (0.001, 0.9, 1, 25)
    >>> point_settings("finetune", {"optimizer": "adamw", "unfreeze": "head"}).lr
    0.001
    """
    if method not in SETTINGS:
        raise unknown("method of a grid", str(method), [name for name in SETTINGS if name])
    for name in point:
        if name in SETTINGS[method]:
            continue
        if method is None and name in {f.name for f in fields(TrainSettings)}:
            raise ParameterError(
                f"A grid on frozen features cannot vary {name}. Ask for --method linear or "
                "shallow, whose fits take seconds, or --method finetune or scratch, where each "
                "is a whole training."
            )
        of = f"of {method}" if method else "on frozen features"
        raise unknown(f"setting of a grid {of}", str(name), SETTINGS[method])
    if point.get("arch") == AUTOENCODER:
        raise ParameterError(
            "A grid compares what learns from labels, and the autoencoder learns without; leave "
            "it out, or train it by itself."
        )
    given: dict[str, Any] = {"seed": seed}
    given |= {name: value for name, value in point.items() if value is not None}
    if method is None:
        if isinstance(given.get("lr"), str):
            raise ParameterError(f"lr is {given['lr']!r}; a grid takes numbers above 0.")
        given |= {"unfreeze": "head", "optimizer": "sgd"}
    settings = TrainSettings(method=method or "finetune", **given)
    settings.check()
    return settings.complete()


def usable_points(
    method: str | None, points: Sequence[Point], *, seed: int
) -> list[dict[str, Any]]:
    """Check the combinations of a grid, and leave out what a model of theirs does not use.

    A grid over several classic models may list settings that only some of them have: the others
    get None in their place, and are tried once.

    Raises
    ------
    UnknownName
        There is no such setting, model or kernel.
    ParameterError
        A value is out of its range, or nothing of what is listed can be used.

    Examples
    --------
    >>> lists = [{"model": m, "features": "hog", "C": c} for m in ("svm", "knn") for c in (1, 2)]
    >>> [(p["model"], p["C"]) for p in usable_points("shallow", lists, seed=1)]
    [('svm', 1), ('svm', 2), ('knn', None)]
    """
    of_model = OF_MODEL if method == "shallow" else {}
    found: list[dict[str, Any]] = []
    for point in points:
        idle = {name for name in of_model if point.get("model") not in of_model[name]}
        own = {name: None if name in idle else value for name, value in point.items()}
        point_settings(method, own, seed=seed)
        if own not in found:
            found.append(own)
    for name in points[0]:
        if name in of_model and all(point[name] is None for point in found):
            raise ParameterError(
                f"None of the models that are tried uses {name}, which is a setting of "
                f"{' and '.join(of_model[name])}. Leave it out, or list --model "
                f"{of_model[name][0]} too."
            )
    return found


def fit_head(
    features: NDArray[Any], targets: Rows, *, start: Floats, settings: TrainSettings
) -> Floats:
    """Train a linear layer and softmax by stochastic gradient descent with momentum.

    The same order of images and updates as `loop.fit`, some times faster on matrices as small
    as these. But the last epoch is kept and not the best one, so that no image is looked at
    that does not learn. Features that are dropped are drawn from other random numbers.

    Parameters
    ----------
    features:
        float32 `(N, D)`.
    targets:
        Class indices `(N,)`.
    start:
        Weights to start from, `(D + 1, K)`, such as `start_weights` gives.
    settings:
        Complete settings, such as `point_settings` gives.

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
    >>> x, start = np.float32(y)[:, None] * 4 - 2, start_weights(1, 2, seed=1)
    >>> s = point_settings(None, {"lr": 0.1, "dropout": 0})
    >>> weights = fit_head(x, y, start=start, settings=s)
    >>> (head_logits(weights, x[:2]).argmax(1)).tolist()
    [0, 1]
    """
    s, n, classes = settings, len(features), start.shape[1]
    momentum, decay = np.float32(s.momentum or 0), np.float32(s.weight_decay or 0)
    factor, size = rate_factor(s), int(s.batch_size or 1)
    target = Target(TargetKind.CLASSES, ("",) * classes)
    weigh: Any = target.class_weights(targets) if s.class_weights else np.ones(classes)
    weights, speed = start.astype(np.float32), np.zeros_like(start, np.float32)
    with np.errstate(all="ignore"):  # a rate that is too high is reported at the end
        for epoch in range(int(s.epochs or 0)):
            rng = np.random.default_rng((s.seed, epoch + 1))
            rng.integers(2**63)  # `loop.fit` seeds PyTorch with it
            order, lr = rng.permutation(n), np.float32(float(s.lr or 0) * factor(epoch))
            x = np.concatenate([_drop(features[order], s, epoch), np.ones((n, 1), "f4")], axis=1)
            goal = np.eye(classes, dtype=np.float32)[targets[order]]  # (N, K)
            for batch, wanted in zip(batches(x, size), batches(goal, size), strict=True):
                error = _errors(batch @ weights, wanted, weigh)  # (B, K)
                gradient = batch.T @ error + decay * weights  # (D + 1, K)
                speed = momentum * speed + gradient
                weights -= lr * (gradient + momentum * speed if s.nesterov else speed)
    if not np.isfinite(weights).all():
        raise TrainingError(
            "The loss became infinite or not a number. Start again with a lower learning rate "
            f"than {s.lr:g}."
        )
    return weights


def head_logits(weights: Floats, features: NDArray[Any]) -> Floats:
    """Give the logits `(N, K)` of features `(N, D)`."""
    return np.asarray(features @ weights[:-1] + weights[-1])


def start_weights(width: int, classes: int, *, seed: int) -> Floats:
    """Draw weights and bias evenly from plus or minus one over the root of the width."""
    bound = 1 / math.sqrt(width)
    drawn = np.random.default_rng(seed).uniform(-bound, bound, (width + 1, classes))
    return drawn.astype(np.float32)


def _errors(logits: Floats, wanted: Floats, weigh: NDArray[Any]) -> Floats:
    """Give what the weighted mean of the losses changes by with each logit: `(B, K)`."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    own = wanted @ weigh  # (B,)
    errors = (odds / odds.sum(axis=1, keepdims=True) - wanted) * (own / own.sum())[:, None]
    return np.asarray(errors, np.float32)


def _drop(x: Floats, s: TrainSettings, epoch: int) -> Floats:
    """Drop a share of the features and scale up the rest."""
    if not s.dropout:
        return x
    kept = np.random.default_rng((s.seed, epoch, 1)).random(x.shape, np.float32) >= s.dropout
    return np.asarray(x * kept / np.float32(1 - s.dropout))


@dataclass(frozen=True, eq=False)
class FeaturesRunner:
    """Fits a model on the values of a measure with one setting, and scores it.

    What is not listed of a linear or a classic model is chosen by cross-validation within the
    rows that are learned from, as `train` does.

    Parameters
    ----------
    features:
        Name of a measure to its values, float32 `(N, D)`.
    items:
        Classes of the N items, and how they may be parted.
    method:
        `"linear"`, `"shallow"`, or None for a last layer that is trained by `fit_head`.
    """

    features: Mapping[str, Floats]
    items: Division
    method: str | None = None

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of the data, the method, and how the data are divided."""
        found = hashlib.sha256(str(self.method).encode())
        for name, values in sorted(self.features.items()):
            found.update(f"{name} {values.shape}".encode())
            found.update(np.ascontiguousarray(values).tobytes())
        return found.hexdigest() + self.items.fingerprint

    def check(self, point: Point, folds: int | None) -> None:
        """Raise if a setting cannot be used, or the data cannot be divided so."""
        point_settings(self.method, point, seed=self.items.seed)
        self.items.check(folds)

    def ready(self, point: Point) -> None:
        """Do nothing: the features are there."""

    def __call__(self, point: Point, fold: Fold) -> list[dict[str, float]]:
        """Fit on what the fold leaves and score each part that it leaves out."""
        learn, *tests = self.items.parts(fold)
        s = point_settings(self.method, point, seed=self.items.seed)
        x, y = self.features[s.features or EMBEDDING], self.items.targets
        logs = self._fit(x[learn], learn, s)
        return [scores_of(logs(x[test]), y[test]) for test in tests]

    def _fit(self, x: Floats, learn: Rows, s: TrainSettings) -> Callable[[Floats], NDArray[Any]]:
        """Fit on some rows; give what turns features into logarithms of probabilities."""
        from scipy.special import log_softmax

        y, classes = self.items.targets[learn], self.items.classes
        groups = None if self.items.groups is None else self.items.groups[learn]
        if self.method is None:
            start = start_weights(x.shape[1], len(classes), seed=s.seed)
            weights = fit_head(x, y, start=start, settings=s)
            return lambda rows: log_softmax(head_logits(weights, rows).astype(np.float64), axis=1)
        if self.method == "linear":
            kept: dict[str, Any] = {"groups": groups, "balanced": bool(s.class_weights)}
            kept |= {"strength": s.C, "l1_ratio": s.l1_share(), "seed": s.seed}
            linear = fit_logistic(x, y, **kept)
            return lambda rows: log_softmax(linear.outputs(rows), axis=1)
        check_counts(y, classes, s.shallow())
        scale = not is_joined(s.features)
        model = fit_plain(x, y, groups, settings=s.shallow(), scale=scale)
        return lambda rows: log_shares(model.predict_proba(rows))


Read = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class TrainingRunner:
    """Trains with one setting and scores it, on images that took no part in it.

    In a fold one in eight of the images that are learned from chooses the epoch, as the
    validation part does in `train`; the images that score choose nothing. Without folds the
    validation part does both.

    Parameters
    ----------
    examples:
        Labelled images, all of which can be read.
    items:
        Their classes, and how they may be parted.
    method:
        `"finetune"` or `"scratch"`.
    place:
        Folder for the views of the images, which are made once for all fits.
    read:
        Called with how many images have been read, while `ready` makes the views.
    """

    examples: tuple[Example, ...]
    items: Division
    method: str
    place: Path
    read: Read | None = field(default=None, repr=False)

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of the data, the method, and how the data are divided."""
        rows = [self.method, [(e.item, e.label) for e in self.examples]]
        return hash_of(rows) + self.items.fingerprint

    def check(self, point: Point, folds: int | None) -> None:
        """Raise if a setting cannot be used, or the data cannot be divided so."""
        self.items.check(folds)
        self._assembled(point)

    def ready(self, point: Point) -> None:
        """Make the views that the fits of a setting share."""
        self._views(*self._assembled(point), read=self.read)

    def __call__(self, point: Point, fold: Fold) -> list[dict[str, Any]]:
        """Train on what the fold leaves and score each part that it leaves out.

        The first score has the `curves` of the training with it.
        """
        from scipy.special import log_softmax

        learn, *tests = self.items.parts(fold)
        teach, choose = (learn, tests[0]) if fold.count == 1 else self.items.inner(learn)
        s, target, made = self._assembled(point)
        varied, plain = self._views(s, target, made)
        with tempfile.TemporaryDirectory() as work:
            trained = fit(
                made.module,
                _rows(varied, teach),
                _rows(plain, choose),
                plan=made.plan,
                settings=s,
                target=target,
                work=Path(work),
            )
        found: list[dict[str, Any]] = []
        for part in (_rows(plain, test) for test in tests):
            logits = predict(made.module, part).numpy().astype(np.float64)
            found.append(scores_of(log_softmax(logits, axis=1), part.targets))
        found[0] |= {"curves": trained.curves.to_dict("list")}
        return found

    def __getstate__(self) -> dict[str, Any]:
        # What shows progress stays in the process of the user.
        return {**self.__dict__, "read": None}

    def _assembled(self, point: Point) -> tuple[TrainSettings, Target, Assembled]:
        s = point_settings(self.method, point, seed=self.items.seed)
        smoothing = float(s.label_smoothing or 0.0)
        target = Target(
            TargetKind.CLASSES, self.items.classes, smoothing=smoothing, loss_name=s.loss
        )
        own = self._own_colors() if s.normalize == "train" else None
        return s, target, assemble(s, target, own=own)

    def _own_colors(self) -> Any:
        """Give mean and standard deviation of the images' channels; they are computed once."""
        note = self.place / "colors.json"
        if not note.exists():
            found = channel_statistics(self.examples, self.place / "colors.bin")
            write_json(note, {"found": found})
        mean, sd = json.loads(note.read_text("utf-8"))["found"]
        return tuple(mean), tuple(sd)

    def _views(
        self, s: TrainSettings, target: Target, made: Assembled, *, read: Read | None = None
    ) -> tuple[Part, Part]:
        """Give the views that teach and those that score; made once, then read from the disk."""
        features = functools.cache(lambda: features_of(made.network, made.fixed))
        found = []
        for plan in (made.plan, plan_to_score(made.plan, tta=bool(s.tta))):
            depth = len(made.fixed)
            key = hash_of([made.network.name, s.weights, depth, asdict(plan), self.fingerprint])
            path = self.place / f"{key[:24]}.bin"
            if path not in _OPEN:
                part, lost = prepare(
                    self.examples, target.encode, path, plan=plan, fixed=features(), progress=read
                )
                if lost:
                    raise ParameterError(
                        f"{lost[0].path} was read before and cannot be read now: {lost[0].reason}"
                    )
                _OPEN[path] = part
            found.append(_OPEN[path])
        return found[0], found[1]


_OPEN: dict[Path, Part] = {}
"""Views that this process has opened: a process that fits many times opens them once."""


def forget_views(place: Path) -> None:
    """Delete the views of images below a folder, which can be made again."""
    for path in [path for path in _OPEN if place in path.parents]:
        del _OPEN[path]
    shutil.rmtree(place, ignore_errors=True)


def readable(examples: Sequence[Example], place: Path, read: Read | None = None) -> list[Example]:
    """Leave out images that cannot be read; which those are is noted beside `place`."""
    note = place.parent / "unreadable.json"
    items = [e.item for e in examples]
    known = json.loads(note.read_text("utf-8")) if note.exists() else {}
    if known.get("of") != hash_of(items):
        plan = Plan(size=32, crop=1.0, views=1, squares=False, seed=0)
        path = place / f"{hash_of(items)[:24]}.bin"
        _, lost = prepare(examples, None, path, plan=plan, progress=read)
        known = {"of": hash_of(items), "lost": [one.item for one in lost]}
        write_json(note, known)
    return [example for example in examples if example.item not in known["lost"]]


def _rows(part: Part, chosen: Any) -> Part:
    return replace(part, rows=part.rows[chosen], targets=part.targets[chosen])
