"""Settings of a training run: flat records, checked before anything is read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from mediacorpus.errors import ParameterError, present_name, unknown
from mediacorpus.learning.targets import LOSSES, TargetKind, check_loss, losses_for
from mediacorpus.networks.backbones import LITE
from mediacorpus.networks.line import INITS
from mediacorpus.networks.scratch import AUTOENCODER, check_arch, taught_dropout
from mediacorpus.store.people import FORMER_METHODS

METHODS = ("linear", "finetune", "scratch", "shallow")
MODELS = ("knn", "random_forest", "svm", "logistic", "naive_bayes")
NORMALIZATIONS = ("imagenet", "train")
PENALTIES = ("l2", "l1", "elasticnet")
SCHEDULES = ("step", "linear", "polynomial", "cosine", "constant")
AUTO = "auto"
LITE_SIZE = 256
LEAST_SIZE = 32
"""Pixels that a pretrained network needs."""
LARGEST_SEED = 2**32 - 1


def _one_of(*names: object, kind: str = "") -> dict[str, Any]:
    """Declare that a setting has one of some names; others are refused with the near ones."""
    return {"names": names, "kind": kind}


def _flag(*words: object) -> dict[str, Any]:
    """Declare a setting that is on, off, or one of some words."""
    return {"flags": (True, False, *words)}


def _number(low: float, high: float = math.inf, *words: object) -> dict[str, Any]:
    """Declare a setting that is a number from `low` to `high`, or one of some words."""
    return {"low": low, "high": high, "words": words, "what": "number"}


def _above(low: float, high: float = math.inf, *words: object) -> dict[str, Any]:
    """Declare a setting that is a number above `low`, at most `high`, or one of some words."""
    return _number(low, high, *words) | {"above": True}


def _whole(low: int, high: float = math.inf, *words: object) -> dict[str, Any]:
    """Declare a setting that is a whole number from `low` to `high`, or one of some words."""
    return _number(low, high, *words) | {"what": "whole number", "whole": True}


def _usual(value: object) -> dict[str, Any]:
    """Declare what a setting is where a network is trained in a loop and it is not given."""
    return {"usual": value}


def _check_values(settings: Any) -> None:
    """Raise if a value is none that its field may have."""
    for each in fields(settings):
        name, value, rule = each.name, getattr(settings, each.name), each.metadata
        if value in rule.get("words", ()) or (value is None and each.default is None):
            continue
        if value not in rule.get("names", (value,)):
            raise unknown(rule["kind"] or name, str(value), rule["names"])
        if value not in rule.get("flags", (value,)):
            *others, last = map(repr, rule["flags"])
            raise ParameterError(f"{name} is {value!r}; it must be {', '.join(others)} or {last}.")
        if "low" in rule and not _in_range(value, rule):
            words = [repr(word) for word in rule["words"] if word is not None]
            either = f"{', '.join(words)} or " if words else ""
            raise ParameterError(f"{name} is {value!r}; it must be {either}{_range(rule)}.")


def _in_range(value: object, rule: Mapping[str, Any]) -> bool:
    kinds = int if rule.get("whole") else int | float
    if not isinstance(value, kinds) or isinstance(value, bool) or not math.isfinite(value):
        return False
    return bool(rule["low"] <= value <= rule["high"] and not (rule.get("above") and not value))


def _range(rule: Mapping[str, Any]) -> str:
    """Say which numbers a setting may be."""
    what, low, high = rule["what"], f"{rule['low']:g}", rule["high"]
    if rule.get("above"):
        return f"a {what} above {low}" + ("" if math.isinf(high) else f" and at most {high:g}")
    return f"a {what} of at least {low}" if math.isinf(high) else f"a {what} from {low} to {high}"


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
    l1_ratio:
        Of `"logistic"`: the share of l1 in the penalty, 0 to 1.
    seed:
        Of the folds and the forest, 0 to 4,294,967,295.
    class_weights:
        Whether rare classes weigh as much as others; `"knn"` has no weights.

    Examples
    --------
    >>> ShallowSettings("random_forest", trees=200).check()
    """

    model: str = field(default="random_forest", metadata=_one_of(*MODELS))
    neighbors: int | None = field(default=5, metadata=_whole(1, math.inf, None))
    trees: int = field(default=100, metadata=_whole(1))
    C: float | None = field(default=None, metadata=_above(0))
    gamma: str | float = field(default="scale", metadata=_above(0, math.inf, "scale", "auto"))
    kernel: str = field(default="rbf", metadata=_one_of("rbf", "linear", "poly", "sigmoid"))
    smoothing: float | None = field(default=None, metadata=_above(0, 1))
    l1_ratio: float = field(default=0.0, metadata=_number(0, 1))
    seed: int = field(default=1, metadata=_whole(0, LARGEST_SEED))
    class_weights: bool = field(default=False, metadata=_flag())

    def check(self) -> None:
        """Raise if a setting cannot be used.

        Raises
        ------
        UnknownName
            There is no such model or kernel.
        ParameterError
            A number is out of its range, or the model has no class weights.
        """
        _check_values(self)
        if self.class_weights and self.model == "knn":
            raise ParameterError("knn has no class weights; leave class_weights out.")


PRETRAINED = {"method": ("linear", "finetune")}
NETWORKS = {"method": ("linear", "finetune", "scratch")}
LOOP = {"method": ("finetune", "scratch")}
FINETUNE = {"method": ("finetune",)}
SCRATCH = {"method": ("scratch",), "needed": "lenet"}
OWN = {"method": ("scratch",), "labels": True}
VARIED = NETWORKS | {"labels": True}
LOGISTIC = {"method": ("linear", "shallow"), "model": ("logistic",)}
SHALLOW = {"method": ("shallow",)}
REGULARIZED = {"method": ("linear", "shallow"), "model": ("svm", "logistic")}
SGD = LOOP | {"optimizer": ("sgd",)}
STEPS = LOOP | {"schedule": ("step",)}
POLYNOMIAL = LOOP | {"schedule": ("polynomial",)}
LABELLED = LOOP | {"labels": True}
BLOCKS = _whole(0, math.inf, "head", "all") | {"what": "number of blocks"}
"""Who uses a setting; what has no method is used by all."""


@dataclass(frozen=True, slots=True)
class Variation:
    """How images that are learned from are varied.

    Parameters
    ----------
    cut:
        Whether they are mirrored and cut out at random.
    degrees:
        Greatest turn.
    jitter:
        Greatest relative change of brightness, contrast and saturation.
    upside_down:
        Whether half of them are turned upside down.
    """

    cut: bool = False
    degrees: float = 0.0
    jitter: float = 0.0
    upside_down: bool = False

    def __bool__(self) -> bool:
        return self != Variation()


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How a classifier is trained. None stands for the method's default.

    Parameters
    ----------
    method:
        `"linear"`: logistic regression on embeddings. `"finetune"`: a pretrained network whose
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
        For `"scratch"`: the network that learns from nothing, such as `"lenet"`, or its layers
        in a line, such as `"conv32-relu-pool-dense128"`; see `mediacorpus.networks.line`. The
        `"autoencoder"` learns codes of all images outside val and test without their labels,
        and then a linear model on the codes.
    init:
        For `"scratch"`: how the first weights are drawn: `"xavier"`, `"he"`, `"normal"` or
        `"orthogonal"`.
    gray:
        For `"scratch"`: whether the network sees gray instead of color. By default as it is
        taught; color where the layers are written in a line.
    normalize:
        By which mean and standard deviation of red, green and blue images are standardized:
        `"imagenet"`, or `"train"` for those of the training images; by default the network's own.
    rotate:
        Greatest turn in degrees, 0 to 180, of the images that are learned from.
    jitter:
        Greatest relative change of their brightness, contrast and saturation, 0 to 1.
    upside_down:
        Whether half of them are turned upside down.
    penalty:
        For the method `"linear"` and the model `"logistic"`: `"l2"` (the default), `"l1"`, which
        leaves few weights that are not 0 (Tibshirani, 1996), or `"elasticnet"`, which mixes both
        (Zou and Hastie, 2005).
    l1_ratio:
        Of `"elasticnet"`: the share of l1, 0 to 1; by default 0.5.
    model:
        For `"shallow"`: `"knn"`, `"random_forest"`, `"svm"`, `"logistic"` or `"naive_bayes"`.
    features:
        For `"shallow"`: the measure whose values are learned from, such as `"hog"`; or several
        features side by side, with commas or `+` between them: measures, `"pixels:32:rgb"` (raw
        pixels of a size, in color), and columns of the records, such as `"records:likes"`, which
        is a number, or `"records:author:category"`, `":words"` (tf-idf) or `":length"`.
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
        The loss function. For classes, several labels and ranks `"cross_entropy"`, or `"focal"`
        (Lin et al., 2017), which looks at what is still wrong; for a scale `"mse"`, `"mae"` or
        `"huber"`. By default the first.
    label_smoothing:
        Share of each label that is spread over all classes, 0 to 0.5.
    mixup:
        Strength of mixup (Zhang et al., 2018), 0 to 2; 0 is none.
    layer_decay:
        Factor of the learning rate from each block to the one before it, above 0, at most 1.
    precision:
        `"fp32"`, or `"bf16"` for mixed precision.
    size:
        Height and width in pixels at which a network sees the images: 32 to 1024 for a
        pretrained one, 4 to 1024 from scratch. By default its own, and 28 where the layers are
        written in a line; 256 for EfficientNet-Lite0, which was trained at 224: what random
        cut-outs show is larger than what whole images show (Touvron et al., 2019).
    tta:
        Test-time augmentation: whether the model answers with the mean of an image and its
        mirror image, which takes twice as long. By default where it learns from mirrored views.
    neighbors:
        k of `"knn"`, at least 1, or `"auto"` to choose it by cross-validation; by default 5.
    trees:
        Of `"random_forest"`, at least 1; by default 100.
    C:
        Of `"svm"`, `"logistic"` and the method `"linear"`, above 0; a small C regularizes
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

    method: str = field(default="linear", metadata=_one_of(*METHODS))
    backbone: str = field(default="efficientnet_lite0", metadata=PRETRAINED)
    weights: str = field(default="pretrained", metadata=PRETRAINED)
    epochs: int | None = field(default=None, metadata=LOOP | _whole(1))
    lr: float | str | None = field(default=None, metadata=LOOP | _above(0, 10, AUTO))
    momentum: float | None = field(default=None, metadata=SGD | _number(0, 0.999) | _usual(0.9))
    batch_size: int | None = field(default=None, metadata=LOOP | _whole(1))
    step_size: int | None = field(default=None, metadata=STEPS | _whole(1) | _usual(7))
    gamma: float | None = field(default=None, metadata=STEPS | _above(0, 1) | _usual(0.1))
    optimizer: str | None = field(default=None, metadata=LOOP | _one_of("sgd", "adam", "adamw"))
    schedule: str | None = field(default=None, metadata=LOOP | _one_of(*SCHEDULES))
    weight_decay: float | None = field(default=None, metadata=LOOP | _number(0, 1))
    unfreeze: str | int | None = field(default=None, metadata=LABELLED | FINETUNE | BLOCKS)
    class_weights: bool | str = field(default=False, metadata=_flag("balanced"))
    patience: int | None = field(default=None, metadata=LOOP | _whole(1) | _usual(8))
    augment: bool | None = field(default=None, metadata=LABELLED | NETWORKS | _flag())
    dropout: float | None = field(default=None, metadata=LABELLED | _number(0, 0.95))
    seed: int = field(default=1, metadata=_whole(0, LARGEST_SEED))
    arch: str | None = field(default=None, metadata=SCRATCH)
    init: str | None = field(default=None, metadata=OWN | _one_of(*INITS) | _usual(INITS[0]))
    gray: bool | None = field(default=None, metadata=OWN | _flag())
    normalize: str | None = field(
        default=None, metadata=LABELLED | _one_of(*NORMALIZATIONS, kind="normalization")
    )
    rotate: float | None = field(default=None, metadata=VARIED | _number(0, 180))
    jitter: float | None = field(default=None, metadata=VARIED | _number(0, 1))
    upside_down: bool | None = field(default=None, metadata=VARIED | _flag())
    model: str | None = field(
        default=None, metadata=SHALLOW | {"needed": "random_forest"} | _one_of(*MODELS)
    )
    features: str | None = field(default=None, metadata=SHALLOW | {"needed": "hog"})
    positive: str | None = field(default=None, metadata=SHALLOW)
    target: str = field(default="classes", metadata=_one_of(*TargetKind))
    order: str | None = None
    nesterov: bool | None = field(default=None, metadata=SGD | {"usual": False})
    power: float | None = field(default=None, metadata=POLYNOMIAL | _above(0, 10) | _usual(1.0))
    warmup: int | None = field(default=None, metadata=LOOP | _whole(0) | _usual(0))
    label_smoothing: float | None = field(
        default=None, metadata=LABELLED | _number(0, 0.5) | _usual(0.0)
    )
    mixup: float | None = field(default=None, metadata=LABELLED | _number(0, 2) | _usual(0.0))
    layer_decay: float | None = field(default=None, metadata=LABELLED | _above(0, 1) | _usual(1.0))
    precision: str | None = field(
        default=None, metadata=LOOP | _one_of("fp32", "bf16") | _usual("fp32")
    )
    size: int | None = field(default=None, metadata=LABELLED | _whole(4, 1024))
    tta: bool | None = field(default=None, metadata=LABELLED | _flag())
    loss: str | None = field(default=None, metadata=LABELLED | _one_of(*LOSSES))
    neighbors: int | str | None = field(default=None, metadata=SHALLOW | {"model": ("knn",)})
    trees: int | None = field(default=None, metadata=SHALLOW | {"model": ("random_forest",)})
    C: float | None = field(default=None, metadata=REGULARIZED | _above(0, 1e9))
    kernel: str | None = field(default=None, metadata=SHALLOW | {"model": ("svm",)})
    svm_gamma: float | str | None = field(default=None, metadata=SHALLOW | {"model": ("svm",)})
    smoothing: float | None = field(default=None, metadata=SHALLOW | {"model": ("naive_bayes",)})
    penalty: str | None = field(default=None, metadata=LOGISTIC | _one_of(*PENALTIES))
    l1_ratio: float | None = field(default=None, metadata=LOGISTIC | _number(0, 1))

    def __post_init__(self) -> None:
        """Take the method by the name that it had in earlier versions, with a warning."""
        object.__setattr__(self, "method", present_name("method", self.method, FORMER_METHODS))

    def check(self) -> None:
        """Raise if a setting cannot be used.

        Raises
        ------
        UnknownName
            There is no such method, optimizer or schedule.
        ParameterError
            A number is out of its range, or a setting is given that the method does not use.
        """
        _check_values(self)
        for each in fields(self):
            used = self.method in each.metadata.get("method", ())
            if "needed" in each.metadata and used and getattr(self, each.name) is None:
                raise ParameterError(
                    f"The method {self.method!r} needs --{each.name}, such as "
                    f"{each.metadata['needed']}."
                )
        if self.method == "shallow" and self.target != "classes":
            raise ParameterError(
                f"Shallow models learn classes; for the target {self.target!r} use the method "
                "linear, finetune or scratch."
            )
        if self.order is not None and self.target != "ordinal":
            raise ParameterError("An order belongs to the target ordinal; leave it out.")
        if self.order is not None and not isinstance(self.order, str):
            raise ParameterError(
                f"order is {self.order!r}; write the values with commas, from the lowest to the "
                "highest, such as 'low,middle,high'."
            )
        if self.nesterov and self.momentum == 0:
            raise ParameterError("Nesterov's form needs momentum above 0; leave nesterov out.")
        check_used(_given(self), self.method)
        self._check_of_method()

    def _check_of_method(self) -> None:
        """Raise if what only one method uses cannot be used."""
        if self.l1_ratio is not None and self.penalty != "elasticnet":
            raise ParameterError(
                f"The method {self.method} uses l1_ratio with --penalty elasticnet only; leave it "
                "out."
            )
        if self.penalty not in {None, "l2"} and self.target == "scale":
            raise ParameterError(
                f"The penalty {self.penalty} is for classes, ranks and several labels; a scale has "
                "l2. Leave penalty out."
            )
        if self.method == "finetune" and self.size is not None and self.size < LEAST_SIZE:
            raise ParameterError(
                f"size is {self.size!r}; it must be a whole number from {LEAST_SIZE} to 1024."
            )
        if self.method == "scratch":
            check_arch(str(self.arch), size=self.size, gray=self.gray)
        if self.method == "shallow":
            self.shallow().check()

    def shallow(self) -> ShallowSettings:
        """Give the settings of a classic model.

        >>> TrainSettings("shallow", model="knn", features="hog", neighbors=3).shallow().neighbors
        3
        """
        chosen = {name: getattr(self, name) for name in OF_MODEL if name != "penalty"}
        chosen["l1_ratio"] = self.l1_share() if self.model == "logistic" else None
        chosen["gamma"] = chosen.pop("svm_gamma")
        given = {name: value for name, value in chosen.items() if value is not None}
        if self.neighbors == AUTO:
            given["neighbors"] = None
        return ShallowSettings(
            str(self.model), seed=self.seed, class_weights=bool(self.class_weights), **given
        )

    def l1_share(self) -> float:
        """Give the share of l1 in the penalty of a logistic regression.

        >>> TrainSettings(penalty="elasticnet").l1_share(), TrainSettings().l1_share()
        (0.5, 0.0)
        """
        mixed = 0.5 if self.l1_ratio is None else self.l1_ratio
        return {"l1": 1.0, "elasticnet": mixed}.get(str(self.penalty), 0.0)

    def varied(self) -> Variation:
        """Give how the images that are learned from are varied."""
        return Variation(
            bool(self.augment),
            float(self.rotate or 0.0),
            float(self.jitter or 0.0),
            bool(self.upside_down),
        )

    def complete(self) -> TrainSettings:
        """Return a copy with the method's default for every None.

        The defaults of `finetune` depend on what learns and on the optimizer.

        Examples
        --------
        >>> TrainSettings().complete() == TrainSettings()
        True
        >>> TrainSettings(method="finetune", optimizer="adamw").complete().schedule
        'cosine'
        """
        if self.method in {"linear", "shallow"}:
            return self
        return replace(self, **{**usual_settings(self), **_given(self)})


def _given(settings: TrainSettings) -> dict[str, Any]:
    """Give the settings that are not the default."""
    values = {each: getattr(settings, each.name) for each in fields(settings)}
    return {each.name: value for each, value in values.items() if value != each.default}


def settings_of(*methods: str) -> tuple[str, ...]:
    """Name the settings that are those of one of some methods alone.

    >>> settings_of("shallow")[:3]
    ('model', 'features', 'positive')
    """
    return tuple(
        each.name
        for each in fields(TrainSettings)
        if set(methods) & set(each.metadata.get("method", ()))
    )


OF_MODEL: Mapping[str, tuple[str, ...]] = {
    each.name: each.metadata["model"] for each in fields(TrainSettings) if "model" in each.metadata
}
"""Settings of classic models, and the models that use each."""


def _idle(settings: Mapping[str, Any], method: str) -> Iterator[tuple[str, str]]:
    """Name the settings that the others leave without effect, and say why."""
    chosen = {**settings, "method": method, "model": None}
    if method == "shallow":
        chosen["model"] = settings.get("model")
    for each in fields(TrainSettings):
        name = each.name
        for kind in ("method", "model", "optimizer", "schedule"):
            users = each.metadata.get(kind, ())
            if users and chosen.get(kind) is not None and chosen[kind] not in users:
                why = f"The {kind} {chosen[kind]} does not use {name}, which is a setting of "
                why += f"{' and '.join(users)}. Leave it out, or ask for --{kind} {users[0]}."
                yield name, why
        if "labels" in each.metadata and settings.get("arch") == AUTOENCODER:
            why = f"{name} is no setting of the autoencoder, whose codes are learned from plain "
            yield name, why + f"images without labels; leave {name} out."
    for name in ("class_weights", "label_smoothing") if settings.get("target") == "scale" else ():
        why = f"The target scale has numbers and no classes, so {name} has no meaning; leave it "
        yield name, why + "out, or train with --target ordinal."
    if settings.get("model") == "knn":
        yield "class_weights", "The model knn has no class weights; leave class_weights out."
    if settings.get("mixup") and settings.get("batch_size") == 1:
        why = "mixup mixes the images of a batch, and a batch of one has nothing to mix. Leave "
        yield "mixup", why + "mixup out, or ask for --batch-size 2 or more."


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
    idle = {name for name, _ in _idle(settings, method)}
    return {k: value for k, value in settings.items() if value is not None and k not in idle}


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
    of = {each.name: each.metadata.get("schedule") for each in fields(TrainSettings)}
    return next((kinds[0] for name, kinds in of.items() if kinds and name in given), None)


def check_used(given: Mapping[str, Any], method: str) -> None:
    """Raise where a setting is given that would change nothing.

    Parameters
    ----------
    given:
        Settings that are not the default.
    method:
        One of `"linear"`, `"finetune"`, `"scratch"` and `"shallow"`.

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
setting of linear and finetune. Leave it out, or ask for --method linear.
    """
    usual = "adam" if given.get("arch") == AUTOENCODER else "sgd"
    asked = {"optimizer": usual, "schedule": implied_schedule(given), **given}
    unused = set(settings_of(*METHODS)) - set(settings_of(method))
    for name, why in _idle(asked, method):
        # A network from scratch learns as a whole, so asking for that is no mistake.
        whole = (name, method, given.get(name)) == ("unfreeze", "scratch", "all")
        if whole and given.get("arch") != AUTOENCODER:
            continue
        if name in given and (given[name] or name in unused):
            raise ParameterError(why)
    check_loss(given)


def usual_settings(settings: TrainSettings) -> Mapping[str, Any]:
    """Give the defaults of the methods that train a network in a loop."""
    scratch, codes = settings.method == "scratch", settings.arch == AUTOENCODER
    whole = settings.unfreeze == "all" and not scratch
    optimizer = settings.optimizer or ("adam" if codes else "sgd")
    adaptive = optimizer in {"adam", "adamw"}
    lr = 1e-3 if adaptive else 1e-2
    if whole:
        lr /= 10 if adaptive else 2
    asked = implied_schedule(_given(settings))
    usual = {
        each.name: each.metadata["usual"] for each in fields(settings) if "usual" in each.metadata
    }
    return usual | {
        "optimizer": optimizer,
        "schedule": asked or ("cosine" if adaptive or scratch else "step"),
        "weight_decay": 0.05 if optimizer == "adamw" else 0.0,
        "loss": losses_for(settings.target)[0],
        "epochs": 15 if whole else 25,
        "lr": lr,
        "batch_size": 16 if whole else 32,
        "unfreeze": "all" if scratch else 2,
        "augment": not scratch,
        "tta": bool(settings.augment) if scratch else settings.augment is not False,
        "size": LITE_SIZE if settings.backbone == LITE and not scratch else None,
        "dropout": taught_dropout(str(settings.arch)) if scratch else 0.2,
    }
