"""Settings of a training run: flat records, checked before anything is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from mediacorpus.errors import ParameterError, unknown
from mediacorpus.learning.targets import LOSSES, check_loss, losses_for
from mediacorpus.networks.backbones import LITE
from mediacorpus.networks.scratch import AUTOENCODER, scratch_names, taught_dropout

MODELS = ("knn", "random_forest", "svm", "logistic", "naive_bayes")
KERNELS = ("rbf", "linear", "poly", "sigmoid")
GAMMAS = ("scale", "auto")


@dataclass(frozen=True, slots=True)
class ShallowSettings:
    """Which classic model is fitted, and how.

    Parameters
    ----------
    model:
        One of `MODELS`: k nearest neighbors, random forest, support vector machine, logistic
        regression, or Gaussian naive Bayes.
    neighbors:
        k of `"knn"`, at least 1; None chooses it by cross-validation.
    trees:
        Of a random forest, at least 1.
    C:
        Of `"svm"` and `"logistic"`, above 0; a small C regularizes strongly. None chooses it.
    gamma:
        Kernel width of `"svm"`: `"scale"`, `"auto"` or a number above 0.
    kernel:
        Of `"svm"`: `"rbf"`, `"linear"`, `"poly"` or `"sigmoid"`.
    smoothing:
        Of `"naive_bayes"`: the part of the largest variance that is added to all, 0 to 1. None
        chooses it.
    seed:
        Of the folds and the forest, 0 to 4,294,967,295.
    class_weights:
        Whether rare classes weigh as much as others; `"knn"` has no weights.

    Examples
    --------
    >>> ShallowSettings("random_forest", trees=200).check()
    """

    model: str = "random_forest"
    neighbors: int | None = 5
    trees: int = 100
    C: float | None = None
    gamma: str | float = "scale"
    kernel: str = "rbf"
    smoothing: float | None = None
    seed: int = 1
    class_weights: bool = False

    def check(self) -> None:
        """Raise if a setting cannot be used.

        Raises
        ------
        UnknownName
            There is no such model or kernel.
        ParameterError
            A number is out of its range, or the model has no class weights.
        """
        if self.model not in MODELS:
            raise unknown("model", str(self.model), MODELS)
        if self.kernel not in KERNELS:
            raise unknown("kernel", str(self.kernel), KERNELS)
        if self.neighbors is not None:
            _check_count("neighbors", self.neighbors, 1)
        _check_count("trees", self.trees, 1)
        _check_count("seed", self.seed, 0, high=2**32 - 1)
        if self.C is not None:
            _check_positive("C", self.C, math.inf)
        if self.smoothing is not None:
            _check_positive("smoothing", self.smoothing, 1.0)
        if self.gamma not in GAMMAS:
            _check_positive("gamma", self.gamma, math.inf, other="'scale', 'auto' or ")
        if self.class_weights not in {True, False}:
            raise ParameterError(
                f"class_weights is {self.class_weights!r}; it must be True or False."
            )
        if self.class_weights and self.model == "knn":
            raise ParameterError("knn has no class weights; leave class_weights out.")


def _check_count(name: str, value: object, low: int, *, high: float = math.inf) -> None:
    good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    if not good:
        most = "" if math.isinf(high) else f" and at most {high}"
        raise ParameterError(
            f"{name} is {value!r}; it must be a whole number of at least {low}{most}."
        )


def _check_positive(name: str, value: object, high: float, *, other: str = "") -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(float(str(value))) or not 0 < float(str(value)) <= high:
        most = "" if math.isinf(high) else f" and at most {high:g}"
        raise ParameterError(f"{name} is {value!r}; it must be {other}a number above 0{most}.")


OF_LOOP = (
    *("epochs", "lr", "momentum", "batch_size", "step_size", "gamma", "optimizer", "schedule"),
    *("weight_decay", "patience", "dropout", "nesterov", "power", "warmup"),
    *("loss", "label_smoothing", "mixup", "layer_decay", "precision"),
)
"""Settings of the training loop."""

USERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(OF_LOOP, ("finetune", "scratch")),
    "backbone": ("probe", "finetune"),
    "weights": ("probe", "finetune"),
    "unfreeze": ("finetune",),
    "size": ("finetune",),
    "mirror": ("finetune", "scratch"),
    "augment": ("probe", "finetune", "scratch"),
    "arch": ("scratch",),
    "model": ("shallow",),
    "features": ("shallow",),
    "positive": ("shallow",),
    **dict.fromkeys(("neighbors", "trees", "kernel", "svm_gamma", "smoothing"), ("shallow",)),
    "C": ("probe", "shallow"),
}
"""Methods that use a setting; those that are not named are used by all."""

OF_MODEL: Mapping[str, tuple[str, ...]] = {
    "neighbors": ("knn",),
    "trees": ("random_forest",),
    "C": ("svm", "logistic"),
    "kernel": ("svm",),
    "svm_gamma": ("svm",),
    "smoothing": ("naive_bayes",),
}
"""Classic models that use a setting."""

OF_LABELS = (
    *("dropout", "loss", "label_smoothing", "mixup", "augment", "unfreeze", "layer_decay"),
    "mirror",
)
"""Settings that mean nothing where a network learns without labels."""

_OF_SCHEDULE = {"step_size": "step", "gamma": "step", "power": "polynomial"}


def used_settings(settings: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Give the settings of a training that its method made use of.

    Parameters
    ----------
    settings:
        All settings, complete, as a model's card holds them.
    method:
        The method.

    Examples
    --------
    >>> used_settings({"model": "knn", "backbone": "resnet18", "seed": 1}, "shallow")
    {'model': 'knn', 'seed': 1}
    >>> used_settings({"schedule": "cosine", "step_size": 7, "lr": 0.1}, "finetune")
    {'schedule': 'cosine', 'lr': 0.1}
    """
    idle = set()
    if settings.get("optimizer", "sgd") != "sgd":
        idle |= {"momentum", "nesterov"}
    schedule = settings.get("schedule")
    idle |= {name for name, kind in _OF_SCHEDULE.items() if schedule not in {None, kind}}
    if settings.get("arch") == AUTOENCODER:
        idle |= set(OF_LABELS)
    if method == "shallow":
        idle |= {name for name, models in OF_MODEL.items() if settings.get("model") not in models}
    if settings.get("model") == "knn" or settings.get("target") == "scale":
        idle |= {"class_weights", "label_smoothing"}
    return {
        name: value
        for name, value in settings.items()
        if value is not None and name not in idle and method in USERS.get(name, (method,))
    }


def implied_schedule(given: Mapping[str, Any]) -> str | None:
    """Name the schedule that other settings ask for, where none is named.

    Parameters
    ----------
    given:
        Settings that are not the default.

    Examples
    --------
    >>> implied_schedule({"gamma": 0.5}), implied_schedule({"power": 2}), implied_schedule({})
    ('step', 'polynomial', None)
    """
    return next((kind for name, kind in _OF_SCHEDULE.items() if name in given), None)


def check_used(given: Mapping[str, Any], method: str) -> None:
    """Raise where a setting is given that would change nothing.

    Parameters
    ----------
    given:
        Settings that are not the default.
    method:
        One of `"probe"`, `"finetune"`, `"scratch"` and `"shallow"`.

    Raises
    ------
    ParameterError
        The method, or what it is asked for besides, does not use a setting.

    Examples
    --------
    >>> check_used({"epochs": 3}, "finetune")
    >>> check_used({"weights": "random"}, "scratch")
    Traceback (most recent call last):
    mediacorpus.errors.ParameterError: The method scratch does not use weights, which is a \
setting of probe and finetune. Leave it out, or ask for --method probe.
    """
    for name in given:
        users = USERS.get(name, (method,))
        # A network from scratch learns as a whole, so asking for that is no mistake.
        if method not in users and (name, method, given[name]) != ("unfreeze", "scratch", "all"):
            raise ParameterError(
                f"The method {method} does not use {name}, which is a setting of "
                f"{' and '.join(users)}. Leave it out, or ask for --method {users[0]}."
            )
    if given.get("arch") == AUTOENCODER:
        _check_codes(given)
    for name, models in OF_MODEL.items() if method == "shallow" else ():
        if name in given and given.get("model") not in models:
            raise ParameterError(
                f"The model {given.get('model')} does not use {name}, which is a setting of "
                f"{' and '.join(models)}. Leave it out, or ask for --model {models[0]}."
            )
    _check_loop(given)
    _check_classes(given)
    check_loss(given)


def _check_codes(given: Mapping[str, Any]) -> None:
    for name in OF_LABELS:
        if given.get(name):
            raise ParameterError(
                f"{name} is no setting of the autoencoder, whose codes are learned from plain "
                f"images without labels; leave {name} out."
            )


def _check_loop(given: Mapping[str, Any]) -> None:
    """Refuse what the optimiser, the schedule or the size of the batches leaves without effect."""
    usual = "adam" if given.get("arch") == AUTOENCODER else "sgd"
    optimizer = given.get("optimizer", usual)
    for name in ("momentum", "nesterov"):
        if given.get(name) and optimizer != "sgd":
            raise ParameterError(
                f"The optimizer {optimizer} does not use {name}, which is a setting of sgd. "
                "Leave it out, or ask for --optimizer sgd."
            )
    schedule = given.get("schedule") or implied_schedule(given)
    for name, kind in _OF_SCHEDULE.items():
        if name in given and schedule != kind:
            raise ParameterError(
                f"The schedule {schedule} does not use {name}, which is a setting of {kind}. "
                f"Leave it out, or ask for --schedule {kind}."
            )
    if given.get("mixup") and given.get("batch_size") == 1:
        raise ParameterError(
            "mixup mixes the images of a batch, and a batch of one has nothing to mix. Leave "
            "mixup out, or ask for --batch-size 2 or more."
        )


def _check_classes(given: Mapping[str, Any]) -> None:
    """Refuse settings of classes where there are none to weigh or to smooth over."""
    for name in ("class_weights", "label_smoothing"):
        if given.get(name) and given.get("target") == "scale":
            raise ParameterError(
                f"The target scale has numbers and no classes, so {name} has no meaning; leave it "
                "out, or train with --target ordinal."
            )
    if given.get("class_weights") and given.get("model") == "knn":
        raise ParameterError("The model knn has no class weights; leave class_weights out.")


_EXAMPLES = {"arch": "lenet", "model": "random_forest", "features": "hog"}
METHODS = ("probe", "finetune", "scratch", "shallow")
OPTIMIZERS = ("sgd", "adam", "adamw")
SCHEDULES = ("step", "linear", "polynomial", "cosine", "constant")
TARGETS = ("classes", "multilabel", "ordinal", "scale")
PRECISIONS = ("fp32", "bf16")
AUTO = "auto"
LITE_SIZE = 256
LARGEST_SEED = 2**32 - 1

_WHOLE = {"epochs": 1, "batch_size": 1, "step_size": 1, "patience": 1, "warmup": 0, "size": 32}
_RANGES = {"lr": (0.0, 10.0), "momentum": (0.0, 0.999), "gamma": (0.0, 1.0)}
_RANGES |= {"weight_decay": (0.0, 1.0), "dropout": (0.0, 0.95), "power": (0.0, 10.0)}
_RANGES |= {"label_smoothing": (0.0, 0.5), "mixup": (0.0, 2.0), "layer_decay": (0.0, 1.0)}
_RANGES |= {"size": (32, 1024), "C": (0.0, 1e9)}
_ABOVE_ZERO = {"lr", "gamma", "power", "layer_decay", "C"}
_LISTS = {"method": METHODS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}
_LISTS |= {"target": TARGETS, "precision": PRECISIONS, "loss": LOSSES}


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How a classifier is trained. None stands for the method's default.

    Parameters
    ----------
    method:
        `"probe"`: logistic regression on embeddings. `"finetune"`: a pretrained network whose
        last layer is replaced and whose last blocks go on learning. `"scratch"`: a small
        network that learns from nothing. `"shallow"`: a classic model on the values of a
        measure.
    backbone:
        Name of a network in `BACKBONES`, or `timm:NAME`.
    weights:
        `"pretrained"`, `"random"`, or the path of a `.safetensors` or `.pth` file.
    epochs:
        Passes over the training part, at least 1.
    lr:
        Learning rate at the start, above 0, or `"auto"` to find one by a range test.
    momentum:
        Momentum of SGD, 0 to 0.999.
    batch_size:
        Images in one step, at least 1.
    step_size, gamma:
        With the schedule `"step"` the learning rate is multiplied by `gamma` (above 0, at
        most 1) after every `step_size` epochs. Where no schedule is named, they ask for it.
    optimizer:
        `"sgd"`, `"adam"` (Kingma and Ba, 2015) or `"adamw"` (Loshchilov and Hutter, 2019).
    schedule:
        `"step"`, `"linear"`, `"polynomial"`, `"cosine"` (Loshchilov and Hutter, 2017) or
        `"constant"`.
    weight_decay:
        0 to 1.
    unfreeze:
        What learns: `"head"` (the last layer), a number of blocks before it, or `"all"`.
    class_weights:
        Whether errors in rare classes weigh more, so that each class counts the same in all;
        `"balanced"` is the same as True.
    patience:
        Epochs without a lower validation loss after which training stops.
    augment:
        Whether to train on mirrored and cut-out views too. Turn it off where sides matter.
    dropout:
        Share of the features that is dropped before the last layer, 0 to 0.95.
    seed:
        The same seed gives the same model on the same machine; 0 to 4,294,967,295.
    arch:
        For `"scratch"`: the network that learns from nothing, such as `"lenet"`. The
        `"autoencoder"` learns codes of all images outside val and test without their labels,
        and then a linear model on the codes.
    model:
        For `"shallow"`: `"knn"`, `"random_forest"`, `"svm"`, `"logistic"` or `"naive_bayes"`.
    features:
        For `"shallow"`: the measure whose values are learned from, such as `"hog"`.
    positive:
        For `"shallow"`: one value that is learned against all others.
    target:
        `"classes"`; `"multilabel"` for values such as `crowd|flags`; `"ordinal"` for ranks;
        `"scale"` for numbers.
    order:
        Values of an ordinal variable from the lowest to the highest, with commas.
    nesterov:
        Nesterov's form of momentum.
    power:
        Exponent of the polynomial schedule; where no schedule is named, it asks for it.
    warmup:
        Epochs in which the learning rate rises to its full value.
    loss:
        What is made small. For classes, several labels and ranks `"cross_entropy"`, or
        `"focal"` (Lin et al., 2017), which looks at what is still wrong; for a scale `"mse"`,
        `"mae"` or `"huber"`. By default the first.
    label_smoothing:
        Share of each label that is spread over all classes, 0 to 0.5.
    mixup:
        Strength of mixup (Zhang et al., 2018), 0 to 2; 0 is none.
    layer_decay:
        Factor of the learning rate from each block to the one before it, above 0, at most 1.
    precision:
        `"fp32"`, or `"bf16"` for mixed precision.
    size:
        Height and width in pixels at which a pretrained network sees the images, 32 to 1024.
        By default its own; 256 for EfficientNet-Lite0, which was trained at 224: what random
        cut-outs show is larger than what whole images show (Touvron et al., 2019).
    mirror:
        Whether the model answers with the mean of an image and its mirror image, which takes
        twice as long. By default where it learns from mirrored views.
    neighbors:
        k of `"knn"`, at least 1, or `"auto"` to choose it by cross-validation; by default 5.
    trees:
        Of `"random_forest"`, at least 1; by default 100.
    C:
        Of `"svm"`, `"logistic"` and the method `"probe"`, above 0; a small C regularizes
        strongly. By default it is chosen by cross-validation.
    kernel:
        Of `"svm"`: `"rbf"` (the default), `"linear"`, `"poly"` or `"sigmoid"`.
    svm_gamma:
        Kernel width of `"svm"`: `"scale"` (the default), `"auto"` or a number above 0.
    smoothing:
        Of `"naive_bayes"`: the part of the largest variance that is added to all, above 0, at
        most 1. By default it is chosen by cross-validation.

    Examples
    --------
    >>> settings = TrainSettings(method="finetune", epochs=5)
    >>> settings.check()
    >>> settings.complete().momentum
    0.9
    """

    method: str = "probe"
    backbone: str = "efficientnet_lite0"
    weights: str = "pretrained"
    epochs: int | None = None
    lr: float | str | None = None
    momentum: float | None = None
    batch_size: int | None = None
    step_size: int | None = None
    gamma: float | None = None
    optimizer: str | None = None
    schedule: str | None = None
    weight_decay: float | None = None
    unfreeze: str | int | None = None
    class_weights: bool | str = False
    patience: int | None = None
    augment: bool | None = None
    dropout: float | None = None
    seed: int = 1
    arch: str | None = None
    model: str | None = None
    features: str | None = None
    positive: str | None = None
    target: str = "classes"
    order: str | None = None
    nesterov: bool | None = None
    power: float | None = None
    warmup: int | None = None
    label_smoothing: float | None = None
    mixup: float | None = None
    layer_decay: float | None = None
    precision: str | None = None
    size: int | None = None
    mirror: bool | None = None
    loss: str | None = None
    neighbors: int | str | None = None
    trees: int | None = None
    C: float | None = None
    kernel: str | None = None
    svm_gamma: float | str | None = None
    smoothing: float | None = None

    def check(self) -> None:
        """Raise if a setting cannot be used.

        Raises
        ------
        UnknownName
            There is no such method, optimiser or schedule.
        ParameterError
            A number is out of its range, or a setting is given that the method does not use.
        """
        for name, known in _LISTS.items():
            value = getattr(self, name)
            if value is not None and value not in known:
                raise unknown(name, str(value), known)
        self._check_own()
        for name, least in _WHOLE.items():
            _check_whole(name, getattr(self, name), least)
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not (name == "lr" and value == AUTO):
                _check_number(name, value, low=low, high=high)
        if self.nesterov and self.momentum == 0:
            raise ParameterError("Nesterov's form needs momentum above 0; leave nesterov out.")
        if not _is_whole(self.seed) or not 0 <= self.seed <= LARGEST_SEED:
            raise ParameterError(
                f"seed is {self.seed!r}; it must be a whole number from 0 to {LARGEST_SEED}."
            )
        self._check_flags()
        _check_unfreeze(self.unfreeze)
        check_used(self._given(), self.method)
        if self.method == "shallow":
            self.shallow().check()

    def shallow(self) -> ShallowSettings:
        """Give the settings of a classic model.

        >>> TrainSettings("shallow", model="knn", features="hog", neighbors=3).shallow().neighbors
        3
        """
        chosen: dict[str, Any] = {
            "neighbors": None if self.neighbors == AUTO else self.neighbors,
            "trees": self.trees,
            "C": self.C,
            "kernel": self.kernel,
            "gamma": self.svm_gamma,
            "smoothing": self.smoothing,
        }
        given = {k: v for k, v in chosen.items() if v is not None}
        if self.neighbors == AUTO:
            given["neighbors"] = None
        return ShallowSettings(
            str(self.model), seed=self.seed, class_weights=bool(self.class_weights), **given
        )

    def _check_flags(self) -> None:
        if self.class_weights not in {True, False, "balanced"}:
            raise ParameterError(
                f"class_weights is {self.class_weights!r}; it must be True, False or 'balanced'."
            )
        for name in ("augment", "mirror"):
            if getattr(self, name) not in {True, False, None}:
                raise ParameterError(
                    f"{name} is {getattr(self, name)!r}; it must be True or False."
                )

    def _given(self) -> dict[str, Any]:
        """Give the settings that are not the default."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {f.name: values[f.name] for f in fields(self) if values[f.name] != f.default}

    def complete(self) -> TrainSettings:
        """Return a copy with the method's default for every None.

        The defaults of `finetune` depend on what learns and on the optimiser.

        Examples
        --------
        >>> TrainSettings().complete() == TrainSettings()
        True
        >>> TrainSettings(method="finetune", optimizer="adamw").complete().schedule
        'cosine'
        """
        if self.method in {"probe", "shallow"}:
            return self
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        defaults = _defaults(self)
        return replace(self, **{k: v for k, v in defaults.items() if given[k] is None})

    def _check_own(self) -> None:
        """Check the names of networks and models, and ask for those that a method needs."""
        if self.arch is not None and self.arch not in scratch_names():
            raise unknown("network to train from scratch", self.arch, scratch_names())
        own = {"arch": "scratch", "model": "shallow", "features": "shallow"}
        for name, method in own.items():
            if getattr(self, name) is None and self.method == method:
                raise ParameterError(
                    f"The method {method!r} needs --{name}, such as {_EXAMPLES[name]}."
                )
        if self.model is not None and self.model not in MODELS:
            raise unknown("model", self.model, MODELS)
        if self.method == "shallow" and self.target != "classes":
            raise ParameterError(
                f"Shallow models learn classes; for the target {self.target!r} use the method "
                "probe, finetune or scratch."
            )
        if self.order is not None and self.target != "ordinal":
            raise ParameterError("An order belongs to the target ordinal; leave it out.")


def weights_path(settings: TrainSettings) -> Path | None:
    """Give the file that the weights come from, or None where it is none of the user's.

    >>> weights_path(TrainSettings()) is None
    True
    """
    return None if settings.weights in {"pretrained", "random"} else Path(settings.weights)


def _defaults(settings: TrainSettings) -> Mapping[str, Any]:
    scratch = settings.method == "scratch"
    every = settings.unfreeze == "all"
    optimizer = settings.optimizer or ("adam" if settings.arch == AUTOENCODER else "sgd")
    modern = optimizer in {"adam", "adamw"}
    names = ("step_size", "gamma", "power")
    asked = implied_schedule({n: 1 for n in names if getattr(settings, n) is not None})
    rates = {"sgd": 5e-3 if every else 1e-2, "adamw": 1e-4 if every else 1e-3}
    common = {
        "momentum": 0.9,
        "step_size": 7,
        "gamma": 0.1,
        "optimizer": optimizer,
        "schedule": asked or ("cosine" if modern or scratch else "step"),
        "weight_decay": 0.05 if optimizer == "adamw" else 0.0,
        "patience": 8,
        "nesterov": False,
        "power": 1.0,
        "warmup": 0,
        "loss": losses_for(settings.target)[0],
        "label_smoothing": 0.0,
        "mixup": 0.0,
        "layer_decay": 1.0,
        "precision": "fp32",
    }
    if scratch:
        own: dict[str, Any] = {
            "epochs": 25,
            "lr": 1e-3 if modern else 1e-2,
            "batch_size": 32,
            "unfreeze": "all",
            "augment": False,
            "mirror": bool(settings.augment),
            "dropout": taught_dropout(str(settings.arch)),
        }
    else:
        own = {
            "epochs": 15 if every else 25,
            "lr": rates["adamw" if modern else "sgd"],
            "batch_size": 16 if every else 32,
            "unfreeze": 2,
            "augment": True,
            "mirror": settings.augment is not False,
            "size": LITE_SIZE if settings.backbone == LITE else None,
            "dropout": 0.2,
        }
    return common | own


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_whole(name: str, value: object, least: int) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ParameterError(f"{name} is {value!r}; it must be a whole number of at least {least}.")


def _check_number(name: str, value: object, *, low: float, high: float) -> None:
    if value is None:
        return
    bounds = (
        f"above {low:g} and at most {high:g}" if name in _ABOVE_ZERO else f"{low:g} to {high:g}"
    )
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= float(str(value)) <= high or (name in _ABOVE_ZERO and value == low):
        auto = ", or 'auto'" if name == "lr" else ""
        raise ParameterError(f"{name} is {value!r}; it must be a number {bounds}{auto}.")


def _check_unfreeze(value: str | int | None) -> None:
    if value is None or value in {"head", "all"} or (_is_whole(value) and int(value) >= 0):
        return
    raise ParameterError(
        f"unfreeze is {value!r}; it must be 'head', 'all' or a number of blocks, 0 or more."
    )
