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
from mediacorpus.extras import need
from mediacorpus.learning.cache import write_json
from mediacorpus.learning.features import Part, Plan, plan_for, prepare
from mediacorpus.learning.folds import Division, division
from mediacorpus.learning.linear import fit_probe
from mediacorpus.learning.loop import fit, predict, rate_factor
from mediacorpus.learning.methods import features_of, network_for, plan_to_score
from mediacorpus.learning.settings import OF_LOOP, OF_MODEL, TrainSettings
from mediacorpus.learning.shallow import check_counts, fit_plain
from mediacorpus.learning.targets import Target, TargetKind
from mediacorpus.networks import frozen
from mediacorpus.networks.scratch import AUTOENCODER

if TYPE_CHECKING:
    from mediacorpus.learning.folds import Fold, Point
    from mediacorpus.networks.backbones import Network
    from mediacorpus.records import Example


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
    # Single images are too few for batch normalization, which a last layer has not.
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

    The same order of images, views and updates as `finetune.fit`, but the last epoch is kept
    and not the best one, so that no image is looked at that does not learn. Features that are
    dropped are drawn from other random numbers.

    Parameters
    ----------
    features:
        float32 `(N, V, D)`: V views of each image, of which each epoch sees one.
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
    """Give accuracy, log loss and number of some images.

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
        Array `(N, D)`, or `(N, V, D)`: views of each image, the plain one first. One of them
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
    """Go once through the images and change weights and velocity in place."""
    weights, speed = state
    momentum, decay, size = (
        float(s.momentum or 0),
        float(s.weight_decay or 0),
        int(s.batch_size or 1),
    )
    starts = list(range(0, len(x), size))
    if size > 1 and len(starts) > 1 and len(x) - starts[-1] == 1:
        starts.pop()  # a last single image joins the batch before
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


CLASSIC_SETTINGS = {
    "probe": ("C", "class_weights"),
    "shallow": ("model", "features", "class_weights", *OF_MODEL),
}
"""Methods, and the settings of each that a grid may vary."""

LEAST = 1e-6
"""Probability below which a log loss counts it as that."""


def classic_points(method: str, points: Sequence[Point], *, seed: int) -> list[dict[str, Any]]:
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
    >>> [(p["model"], p["C"]) for p in classic_points("shallow", lists, seed=1)]
    [('svm', 1), ('svm', 2), ('knn', None)]
    """
    known = CLASSIC_SETTINGS[method]
    found: list[dict[str, Any]] = []
    for point in points:
        for name in point:
            if name not in known:
                raise unknown(f"setting of a grid of {method}", str(name), known)
        model = point.get("model")
        own = {
            name: value if name not in OF_MODEL or method == "probe" or model in OF_MODEL[name]
            else None
            for name, value in point.items()
        }  # fmt: skip
        classic_settings(method, own, seed=seed)
        if own not in found:
            found.append(own)
    for name in (n for n in points[0] if n in OF_MODEL and method == "shallow"):
        if all(point[name] is None for point in found):
            raise ParameterError(
                f"None of the models that are tried uses {name}, which is a setting of "
                f"{' and '.join(OF_MODEL[name])}. Leave it out, or list --model "
                f"{OF_MODEL[name][0]} too."
            )
    return found


def classic_settings(method: str, point: Point, *, seed: int) -> TrainSettings:
    """Make the settings of one fit and check them."""
    given = {name: value for name, value in point.items() if value is not None}
    settings = TrainSettings(method=method, seed=seed, **given)
    settings.check()
    return settings


@dataclass(frozen=True, eq=False)
class ClassicRunner:
    """Fits a probe or a classic model with one setting and scores it.

    What is not listed is chosen by cross-validation within the rows that are learned from, as
    `train` does.

    Parameters
    ----------
    features:
        Name of a measure to its values, float32 `(N, D)`.
    items:
        Classes of the N items, and how they may be parted.
    method:
        `"probe"` or `"shallow"`.
    """

    features: Mapping[str, NDArray[np.float32]]
    items: Division
    method: str

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of the data, the method, and how the data are divided."""
        found = hashlib.sha256(self.method.encode())
        for name, values in sorted(self.features.items()):
            found.update(f"{name} {values.shape}".encode())
            found.update(np.ascontiguousarray(values).tobytes())
        return found.hexdigest() + self.items.fingerprint

    def check(self, point: Point, folds: int | None) -> None:
        """Raise if a setting cannot be used, or the data cannot be divided so."""
        classic_settings(self.method, point, seed=self.items.seed)
        self.items.check(folds)

    def ready(self, point: Point) -> None:
        """Do nothing: the features are there."""

    def __call__(self, point: Point, fold: Fold) -> list[dict[str, float]]:
        """Fit on what the fold leaves and score each part that it leaves out."""
        learn, *tests = self.items.parts(fold)
        s = classic_settings(self.method, point, seed=self.items.seed)
        x = self.features[str(s.features or "embedding")]
        y = self.items.targets
        groups = None if self.items.groups is None else self.items.groups[learn]
        if self.method == "probe":
            probe = fit_probe(
                x[learn],
                y[learn],
                groups=groups,
                balanced=bool(s.class_weights),
                strength=s.C,
                seed=s.seed,
            )
            shares = [probe.probabilities(x[test]) for test in tests]
        else:
            check_counts(y[learn], self.items.classes, s.shallow())
            model = fit_plain(x[learn], y[learn], groups, settings=s.shallow())
            shares = [model.predict_proba(x[test]) for test in tests]
        return [_scores(found, y[test]) for found, test in zip(shares, tests, strict=True)]


def _scores(shares: NDArray[Any], targets: NDArray[np.int64]) -> dict[str, float]:
    own = np.maximum(shares[np.arange(len(targets)), targets], LEAST)
    hits = shares.argmax(1) == targets
    return {
        "accuracy": float(hits.mean()),
        "log_loss": float(-np.log(own).mean()),
        "n": len(targets),
    }


METHODS = ("finetune", "scratch")
TRAINING_SETTINGS = (
    *OF_LOOP,
    *("unfreeze", "class_weights", "augment", "mirror", "size", "backbone", "weights", "arch"),
)
"""Settings that a grid of whole trainings may vary."""

Read = Callable[[int, int], None]


def training_settings(method: str, point: Point, *, seed: int = 1) -> TrainSettings:
    """Complete the settings of one whole training.

    Raises
    ------
    UnknownName
        There is no such setting or method.
    ParameterError
        A value is out of its range, or the method does not use the setting.

    Examples
    --------
    >>> training_settings("finetune", {"optimizer": "adamw", "unfreeze": "head"}).lr
    0.001
    """
    if method not in METHODS:
        raise unknown("method of a grid", method, ("probe", "shallow", *METHODS))
    for name in point:
        if name not in TRAINING_SETTINGS:
            raise unknown("setting of a grid", str(name), TRAINING_SETTINGS)
    if point.get("arch") == AUTOENCODER:
        raise ParameterError(
            "A grid compares what learns from labels, and the autoencoder learns without; leave "
            "it out, or train it by itself."
        )
    settings = TrainSettings(method=method, seed=seed, **dict(point))
    settings.check()
    return settings.complete()


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
        Told how many images have been read, while `ready` makes the views.
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
        return _hash(rows) + self.items.fingerprint

    def check(self, point: Point, folds: int | None) -> None:
        """Raise if a setting cannot be used, or the data cannot be divided so."""
        self.items.check(folds)
        s = self._settings(point)
        frozen.split(network_for(s, self._target(s)), _depth(s))

    def ready(self, point: Point) -> None:
        """Make the views that the fits of a setting share."""
        s = self._settings(point)
        self._views(network_for(s, self._target(s)), s, read=self.read)

    def __call__(self, point: Point, fold: Fold) -> list[dict[str, float]]:
        """Train on what the fold leaves and score each part that it leaves out."""
        learn, *tests = self.items.parts(fold)
        teach, choose = (learn, tests[0]) if fold.count == 1 else self.items.inner(learn)
        s = self._settings(point)
        target = self._target(s)
        network = network_for(s, target)
        plan, varied, plain = self._views(network, s)
        fixed, learning = frozen.split(network, _depth(s))
        module = need("torch.nn").Sequential(
            *([] if fixed else [frozen.standardizer(network)]), *learning
        )
        with tempfile.TemporaryDirectory() as work:
            fit(
                module,
                _rows(varied, teach),
                _rows(plain, choose),
                plan=plan,
                settings=s,
                target=target,
                work=Path(work),
            )
        parts = [_rows(plain, test) for test in tests]
        return [
            scores_of(predict(module, part).numpy().astype(np.float64), part.targets)
            for part in parts
        ]

    def __getstate__(self) -> dict[str, Any]:
        # What shows progress stays in the process of the user.
        return {**self.__dict__, "read": None}

    def _settings(self, point: Point) -> TrainSettings:
        return training_settings(self.method, point, seed=self.items.seed)

    def _target(self, s: TrainSettings) -> Target:
        return Target(
            TargetKind.CLASSES,
            self.items.classes,
            smoothing=float(s.label_smoothing or 0.0),
            loss_name=s.loss,
        )

    def _views(
        self, network: Network, s: TrainSettings, *, read: Read | None = None
    ) -> tuple[Plan, Part, Part]:
        """Give the views that teach and those that score; made once, then read from the disk."""
        fixed, _ = frozen.split(network, _depth(s))
        plan = plan_for(network, learns_all=not fixed, augment=bool(s.augment), seed=s.seed)
        features = functools.cache(lambda: features_of(network, fixed))
        found = []
        for each in (plan, plan_to_score(plan, mirror=bool(s.mirror))):
            content = [network.name, s.weights, str(_depth(s)), asdict(each), self.fingerprint]
            path = self.place / f"{_hash(content)}.bin"
            if path not in _OPEN:
                part, lost = prepare(
                    self.examples,
                    self._target(s).encode,
                    path,
                    plan=each,
                    fixed=features(),
                    progress=read,
                )
                if lost:
                    raise ParameterError(
                        f"{lost[0].path} was read before and cannot be read now: {lost[0].reason}"
                    )
                _OPEN[path] = part
            found.append(_OPEN[path])
        return plan, found[0], found[1]


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
    if known.get("of") != _hash(items):
        plan = Plan(size=32, crop=1.0, views=1, squares=False, seed=0)
        path = place / f"{_hash(items)}.bin"
        _, lost = prepare(
            examples, lambda labels: np.zeros(len(labels)), path, plan=plan, progress=read
        )
        known = {"of": _hash(items), "lost": [one.item for one in lost]}
        write_json(note, known)
    return [example for example in examples if example.item not in known["lost"]]


def _depth(s: TrainSettings) -> str | int:
    return s.unfreeze if s.unfreeze is not None else "head"


def _rows(part: Part, chosen: Any) -> Part:
    return replace(part, rows=part.rows[chosen], targets=part.targets[chosen])


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]
