"""Which settings of training a method uses; others are refused, not passed over in silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mediacorpus.errors import ParameterError
from mediacorpus.learning.losses import check_loss
from mediacorpus.learning.networks import AUTOENCODER

OF_LOOP = (
    *("epochs", "lr", "momentum", "batch_size", "step_size", "gamma", "optimizer", "schedule"),
    *("weight_decay", "patience", "dropout", "nesterov", "power", "warmup"),
    *("loss", "label_smoothing", "mixup", "layer_decay", "precision"),
)
"""Settings of the training loop."""

USERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(OF_LOOP, ("finetune", "scratch")),
    "backbone": ("probe", "finetune"),
    "weights": ("finetune",),
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
setting of finetune. Leave it out, or ask for --method finetune.
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
                f"pictures without labels; leave {name} out."
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
            "mixup mixes the pictures of a batch, and a batch of one has nothing to mix. Leave "
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
