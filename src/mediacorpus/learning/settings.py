"""Settings of a training run: one flat record, checked before anything is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from mediacorpus.errors import ParameterError, unknown

METHODS = ("probe", "finetune")
OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("step", "cosine")
LARGEST_SEED = 2**32 - 1

_WHOLE = {"epochs": 1, "batch_size": 2, "step_size": 1, "patience": 1}
_RANGES = {"lr": (0.0, 10.0), "momentum": (0.0, 0.999), "gamma": (0.0, 1.0)}
_RANGES |= {"weight_decay": (0.0, 1.0), "dropout": (0.0, 0.95)}
_ABOVE_ZERO = {"lr", "gamma"}
_LISTS = {"method": METHODS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}
_NOT_OF_PROBE = (
    *("epochs", "lr", "momentum", "batch_size", "step_size", "gamma", "optimizer", "schedule"),
    *("weight_decay", "unfreeze", "patience", "dropout"),
)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How a classifier is trained. None stands for the method's default.

    Parameters
    ----------
    method:
        `"probe"`: logistic regression on embeddings. `"finetune"`: a pretrained network whose
        last layer is replaced and whose last blocks go on learning.
    backbone:
        Name of a network in `BACKBONES`, or `timm:NAME`.
    weights:
        `"pretrained"`, `"random"`, or the path of a `.safetensors` or `.pth` file.
    epochs:
        Passes over the training part, at least 1.
    lr:
        Learning rate at the start, above 0.
    momentum:
        Momentum of SGD, 0 to 0.999.
    batch_size:
        Pictures in one step, at least 2.
    step_size, gamma:
        With the schedule `"step"` the learning rate is multiplied by `gamma` (above 0, at
        most 1) after every `step_size` epochs.
    optimizer:
        `"sgd"` or `"adamw"` (Loshchilov and Hutter, 2019).
    schedule:
        `"step"` or `"cosine"` (Loshchilov and Hutter, 2017).
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
    lr: float | None = None
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

    def check(self) -> None:
        """Raise if a setting cannot be used.

        Raises
        ------
        UnknownName
            There is no such method, optimiser or schedule.
        ParameterError
            A number is out of its range, or belongs to the other method.
        """
        for name, known in _LISTS.items():
            value = getattr(self, name)
            if value is not None and value not in known:
                raise unknown(name, str(value), known)
        self._check_method()
        for name, least in _WHOLE.items():
            _check_whole(name, getattr(self, name), least)
        for name, (low, high) in _RANGES.items():
            _check_number(name, getattr(self, name), low=low, high=high)
        if not _is_whole(self.seed) or not 0 <= self.seed <= LARGEST_SEED:
            raise ParameterError(
                f"seed is {self.seed!r}; it must be a whole number from 0 to {LARGEST_SEED}."
            )
        if self.class_weights not in {True, False, "balanced"}:
            raise ParameterError(
                f"class_weights is {self.class_weights!r}; it must be True, False or 'balanced'."
            )
        if self.augment not in {True, False, None}:
            raise ParameterError(f"augment is {self.augment!r}; it must be True or False.")
        _check_unfreeze(self.unfreeze)

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
        if self.method == "probe":
            return self
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        defaults = _defaults(self)
        return replace(self, **{k: v for k, v in defaults.items() if given[k] is None})

    def _check_method(self) -> None:
        if self.method != "probe":
            return
        for name in _NOT_OF_PROBE:
            if getattr(self, name) is not None:
                raise ParameterError(
                    f"{name} is a setting of the method 'finetune'; the probe has none. "
                    f"Ask for method='finetune' or leave {name} out."
                )
        if self.weights != "pretrained":
            raise ParameterError(
                f"weights is {self.weights!r}, but the probe works on the embeddings of the "
                "network on board; ask for method='finetune' or leave weights out."
            )


def weights_path(settings: TrainSettings) -> Path | None:
    """Give the file that the weights come from, or None where it is none of the user's.

    >>> weights_path(TrainSettings()) is None
    True
    """
    return None if settings.weights in {"pretrained", "random"} else Path(settings.weights)


def _defaults(settings: TrainSettings) -> Mapping[str, Any]:
    every = settings.unfreeze == "all"
    modern = settings.optimizer == "adamw"
    rates = {"sgd": 5e-3 if every else 1e-2, "adamw": 1e-4 if every else 1e-3}
    return {
        "epochs": 15 if every else 25,
        "lr": rates["adamw" if modern else "sgd"],
        "momentum": 0.9,
        "batch_size": 16 if every else 32,
        "step_size": 7,
        "gamma": 0.1,
        "optimizer": "sgd",
        "schedule": "cosine" if modern else "step",
        "weight_decay": 0.05 if modern else 0.0,
        "unfreeze": 2,
        "patience": 8,
        "augment": True,
        "dropout": 0.2,
    }


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
        raise ParameterError(f"{name} is {value!r}; it must be a number {bounds}.")


def _check_unfreeze(value: str | int | None) -> None:
    if value is None or value in {"head", "all"} or (_is_whole(value) and int(value) >= 0):
        return
    raise ParameterError(
        f"unfreeze is {value!r}; it must be 'head', 'all' or a number of blocks, 0 or more."
    )
