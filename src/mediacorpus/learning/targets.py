"""What can be learned: classes, several labels, ranks and numbers, with their losses."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus.coding.strata import is_scale
from mediacorpus.errors import ParameterError, TrainingError, unknown
from mediacorpus.extras import need
from mediacorpus.learning.folds import scores_of

OF_CLASSES = ("cross_entropy", "focal")
OF_NUMBERS = ("mse", "mae", "huber")
LOSSES = (*OF_CLASSES, *OF_NUMBERS)
"""Names of losses; of each tuple the first is the default."""

FOCUS = 2.0
"""Exponent of the focal loss."""


def losses_for(target: str) -> tuple[str, ...]:
    """Name the losses that a kind of target can be learned with, the default first.

    >>> losses_for("multilabel"), losses_for("scale")
    (('cross_entropy', 'focal'), ('mse', 'mae', 'huber'))
    """
    return OF_NUMBERS if target == "scale" else OF_CLASSES


def check_loss(given: Mapping[str, Any]) -> None:
    """Raise where the target cannot be learned with the loss that is asked for.

    Examples
    --------
    >>> check_loss({"loss": "mae", "target": "classes"})
    Traceback (most recent call last):
    mediacorpus.errors.ParameterError: The loss mae does not fit the target classes, which is \
learned with cross_entropy or focal. Leave loss out, or choose one of these.
    """
    target, loss = given.get("target", "classes"), given.get("loss")
    known = losses_for(str(target))
    if loss is not None and loss not in known:
        raise ParameterError(
            f"The loss {loss} does not fit the target {target}, which is learned with "
            f"{', '.join(known[:-1])} or {known[-1]}. Leave loss out, or choose one of these."
        )


def of_one_class(
    logits: Any, y: Any, weights: Any = None, *, name: str = "cross_entropy", smoothing: float = 0.0
) -> Any:
    """Give the mean loss where each image has one class.

    The focal loss (Lin et al., 2017) multiplies the cross-entropy of each class by (1 - p) to
    the power of 2, so that images which are learned already count little.

    Parameters
    ----------
    logits:
        Outputs `(B, K)`.
    y:
        Class indices `(B,)`, or shares `(B, K)`.
    weights:
        Of the classes, `(K,)`.
    name:
        `"cross_entropy"` or `"focal"`.
    smoothing:
        Share of each label that is spread over all classes.

    Returns
    -------
    torch scalar

    References
    ----------
    Lin, Goyal, Girshick, He and Dollár (2017). Focal loss for dense object detection. ICCV.

    Examples
    --------
    >>> import torch
    >>> of_one_class(torch.zeros(2, 2), torch.tensor([0, 1]), name="focal").item() / 0.25
    0.6931471824645996
    """
    functional = need("torch.nn.functional")
    if name == "cross_entropy":
        return functional.cross_entropy(logits, y, weight=weights, label_smoothing=smoothing)
    logs = functional.log_softmax(logits, dim=1)
    shares = functional.one_hot(y, logits.shape[1]).to(logs) if y.ndim == 1 else y
    weigh = 1.0 if weights is None else weights
    # As in PyTorch's cross-entropy, the weights divide what has one class, not what is mixed.
    whole = len(logits) if weights is None or y.ndim > 1 else (shares @ weights).sum()
    spread = shares * (1 - smoothing) + smoothing / logits.shape[1]
    return -(weigh * spread * (1 - logs.exp()) ** FOCUS * logs).sum() / whole


def of_several(
    logits: Any, y: Any, *, name: str = "cross_entropy", weight: Any = None, bearing: Any = None
) -> Any:
    """Give the mean loss where each output answers yes or no.

    Parameters
    ----------
    logits:
        Outputs `(B, K)`.
    y:
        0 to 1, `(B, K)`.
    name:
        `"cross_entropy"` or `"focal"`, here with 1 - p of the right answer.
    weight:
        Of the images, `(B, 1)`.
    bearing:
        How much more yes counts for each output, `(K,)`.

    Returns
    -------
    torch scalar
    """
    functional = need("torch.nn.functional")
    each = functional.binary_cross_entropy_with_logits(
        logits, y, weight=weight, pos_weight=bearing, reduction="none"
    )
    if name == "focal":
        shares = logits.sigmoid()
        each = each * (shares * (1 - y) + (1 - shares) * y) ** FOCUS
    return each.mean()


def of_numbers(found: Any, y: Any, *, name: str = "mse") -> Any:
    """Give the mean loss of standardized numbers `(B,)`.

    `"mse"` is the squared error, `"mae"` the absolute one, and `"huber"` (Huber, 1964) squared
    up to one standard deviation and absolute beyond, so that odd values count less.
    """
    functional = need("torch.nn.functional")
    how = {"mse": "mse_loss", "mae": "l1_loss", "huber": "huber_loss"}[name]
    return getattr(functional, how)(found, y)


SEPARATOR = "|"
"""Between the values of an item that has several."""


class TargetKind(enum.StrEnum):
    """The kinds of variables that can be learned."""

    CLASSES = "classes"
    MULTILABEL = "multilabel"
    ORDINAL = "ordinal"
    SCALE = "scale"


@dataclass(frozen=True, slots=True)
class Target:
    """A variable as a network learns it.

    Parameters
    ----------
    kind:
        What it is.
    classes:
        Its values in order; for a scale only `"value"`.
    mean, sd:
        Of a scale in the training part, for standardizing.
    low, high:
        Least and greatest value of a scale in the training part; predictions keep to them.
    smoothing:
        Share of each label that is spread over all classes (Szegedy et al., 2016).
    loss_name:
        One of `losses.losses_for(kind)`; by default the first of them.
    """

    kind: TargetKind
    classes: tuple[str, ...]
    mean: float = 0.0
    sd: float = 1.0
    low: float = -math.inf
    high: float = math.inf
    smoothing: float = 0.0
    loss_name: str | None = None

    @property
    def outputs(self) -> int:
        """Number of outputs that the network has before the answer is made of them."""
        if self.kind is TargetKind.SCALE:
            return 1
        return len(self.classes) - (self.kind is TargetKind.ORDINAL)

    def encode(self, labels: Sequence[str]) -> NDArray[Any]:
        """Turn labels into what the loss takes.

        Returns
        -------
        ndarray
            int64 `(N,)` for classes and ranks; float32 `(N, classes)` of 0 and 1 for several
            labels; float32 `(N,)`, standardized, for a scale.
        """
        if self.kind is TargetKind.SCALE:
            values = (np.array([number(label) for label in labels]) - self.mean) / self.sd
            return values.astype(np.float32)
        if self.kind is TargetKind.MULTILABEL:
            rows = [split_values(label) for label in labels]
            found = np.array([[c in row for c in self.classes] for row in rows], np.float32)
            return found.reshape(len(rows), len(self.classes))
        places = {name: place for place, name in enumerate(self.classes)}
        return np.array([places[label] for label in labels], np.int64)

    def loss(self, logits: Any, y: Any, weights: Any = None) -> Any:
        """Give the mean loss of a batch, a torch scalar.

        Cross-entropy or focal loss for classes; the same of yes and no for several labels, and
        for ranks over the thresholds between them (Frank and Hall, 2001); an error for a scale.
        `weights` are of classes or ranks, or of several labels how much more it counts to bear
        each.
        """
        name = self.loss_name or losses_for(self.kind)[0]
        if self.kind is TargetKind.CLASSES:
            return of_one_class(logits, y, weights, name=name, smoothing=self.smoothing)
        if self.kind is TargetKind.SCALE:
            return of_numbers(logits[:, 0], y, name=name)
        weight = None
        if self.kind is TargetKind.ORDINAL:
            y = self.above(y) if y.ndim == 1 else y  # (B, K - 1)
            if weights is not None:
                own = _of_ranks(y) @ weights  # (B,)
                weight, weights = (own / own.mean())[:, None], None
        y = y * (1 - self.smoothing) + self.smoothing / 2
        return of_several(logits, y, name=name, weight=weight, bearing=weights)

    def counts(self, encoded: NDArray[Any]) -> NDArray[Any]:
        """Count the images of each class, rank, or one of several labels."""
        if self.kind is TargetKind.MULTILABEL:
            return np.asarray(encoded.sum(axis=0))
        return np.bincount(encoded, minlength=len(self.classes))

    def class_weights(self, encoded: NDArray[Any]) -> NDArray[Any] | None:
        """Weigh each class by the inverse of its share, so that the mean weight of an image is 1.

        With several labels, the images that bear one weigh as much as those that do not. Of
        ranks each weighs by its share, at all thresholds. A scale has no weights.
        """
        if self.kind is TargetKind.SCALE:
            return None
        n, counts = len(encoded), self.counts(encoded)
        if self.kind is TargetKind.MULTILABEL:
            return np.asarray((n - counts) / np.maximum(counts, 1))
        return np.asarray(n / (len(counts) * np.maximum(counts, 1)))

    def above(self, ranks: Any) -> Any:
        """Tell for ranks `(N,)` which thresholds they are above: float `(N, classes - 1)`."""
        torch = need("torch")
        steps = torch.arange(len(self.classes) - 1, device=ranks.device)
        return (ranks[:, None] > steps).float()

    def mixable(self, y: Any) -> Any:
        """Give targets that can be averaged, for mixup (Zhang et al., 2018)."""
        if self.kind is TargetKind.CLASSES:
            return need("torch.nn.functional").one_hot(y, len(self.classes)).float()
        return self.above(y) if self.kind is TargetKind.ORDINAL else y

    def hits(self, logits: Any, y: Any) -> float:
        """Count right answers; for a scale, the values within one standard deviation."""
        if self.kind is TargetKind.SCALE:
            return float(((logits[:, 0] - y).abs() < 1).sum())
        if self.kind is TargetKind.MULTILABEL:
            return float(((logits > 0) == (y > 0.5)).float().mean(1).sum())  # noqa: PLR2004
        if self.kind is TargetKind.ORDINAL:
            return float(((logits > 0).sum(1) == y).sum())
        return float((logits.argmax(1) == y).sum())

    def answer(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        """Turn the outputs of a network into its answer, as the exported network does.

        Returns
        -------
        float64 array
            Probabilities `(N, classes)`, of which each row sums to 1 but for several labels;
            for a scale the values `(N, 1)`.
        """
        from scipy.special import expit, softmax

        x = np.asarray(logits, np.float64)
        if self.kind is TargetKind.CLASSES:
            return np.asarray(softmax(x, axis=1))
        if self.kind is TargetKind.SCALE:
            return np.clip(x * self.sd + self.mean, self.low, self.high)
        if self.kind is TargetKind.MULTILABEL:
            return np.asarray(expit(x))
        found = np.maximum(-np.diff(expit(x), axis=1, prepend=1.0, append=0.0), 0)
        return np.asarray(found / np.maximum(found.sum(axis=1, keepdims=True), 1e-12))

    def scores(self, answer: NDArray[Any], encoded: NDArray[Any]) -> dict[str, Any]:
        """Score answers against encoded labels: what the card says of the validation part."""
        if self.kind is TargetKind.SCALE:
            gold = encoded * self.sd + self.mean
            error = answer[:, 0] - gold
            spread = float(((gold - gold.mean()) ** 2).sum())
            return {
                "n": len(encoded),
                "mean_absolute_error": float(np.abs(error).mean()),
                "r_squared": 1 - float((error**2).sum()) / spread if spread else 0.0,
            }
        if self.kind is TargetKind.MULTILABEL:
            right = (answer > 0.5) == (encoded > 0.5)  # noqa: PLR2004
            own = np.where(encoded > 0.5, answer, 1 - answer)  # noqa: PLR2004
            return {
                "n": len(encoded),
                "accuracy": float(right.mean()),
                "exact_match": float(right.all(axis=1).mean()),
                "log_loss": -float(np.log(np.clip(own, 1e-12, 1.0)).mean()),
            }
        found = scores_of(np.log(np.clip(answer, 1e-12, 1.0)), encoded)
        if self.kind is TargetKind.ORDINAL:
            expected = answer @ np.arange(len(self.classes))
            found["mean_absolute_error"] = float(np.abs(expected - encoded).mean())
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return what a card keeps."""
        numbers = ("mean", "sd", "low", "high") if self.kind is TargetKind.SCALE else ()
        return {"kind": self.kind.value, **{name: getattr(self, name) for name in numbers}}


def _of_ranks(above: Any) -> Any:
    """Turn what is above each threshold `(B, K - 1)` into shares of the ranks `(B, K)`."""
    functional = need("torch.nn.functional")
    whole, none = functional.pad(above, (1, 0), value=1.0), functional.pad(above, (0, 1))
    return whole - none


def make_target(
    kind: str,
    labels: Sequence[str],
    train: Sequence[str],
    *,
    order: Sequence[str] = (),
    smoothing: float = 0.0,
    loss: str | None = None,
) -> Target:
    """Make the target for some labels.

    Parameters
    ----------
    kind:
        `"classes"`, `"multilabel"`, `"ordinal"` or `"scale"`.
    labels, train:
        All labels, and those of the training part.
    order:
        Values of an ordinal variable from the lowest to the highest; by default numbers by
        size, other values by name.
    smoothing:
        Label smoothing.
    loss:
        Name of the loss; None for the usual one.

    Raises
    ------
    TrainingError
        The labels do not fit the kind.

    Examples
    --------
    >>> make_target("multilabel", ["crowd|flags", "flags", ""], ["flags"]).classes
    ('crowd', 'flags')
    >>> make_target("ordinal", ["10", "2", "2"], ["2"]).classes
    ('2', '10')
    """
    try:
        which = TargetKind(kind)
    except ValueError as error:
        raise unknown("target", kind, [k.value for k in TargetKind]) from error
    if which is TargetKind.SCALE:
        values = np.array([number(label) for label in train], np.float64)
        # Not by the deviation, which rounding may leave above 0.
        if len(set(values.tolist())) < 2:  # noqa: PLR2004 - two values span a scale
            raise TrainingError(
                "All training labels have the same value, so there is no scale to learn. Label "
                "images with other values too."
            )
        ends = float(values.min()), float(values.max())
        spread = float(values.mean()), float(values.std())
        return Target(which, ("value",), *spread, *ends, loss_name=loss)
    if which is TargetKind.MULTILABEL:
        names = sorted({name for label in labels for name in split_values(label)})
    elif which is TargetKind.ORDINAL:
        names = _ordered(set(labels), order)
    else:
        names = sorted(set(labels))
    return Target(which, tuple(names), smoothing=smoothing, loss_name=loss)


def check_classes(variable: str, labels: Sequence[str], *, verb: str) -> None:
    """Raise where the values of a variable are no classes, for a verb that learns only those.

    Ranks pass for classes, because nothing in their values tells them apart.

    Raises
    ------
    ParameterError
        The values are numbers on a scale, or several labels at once.

    Examples
    --------
    >>> check_classes("kind", ["ant", "bee"], verb="grid")
    >>> check_classes("mood", ["2.5", "7"], verb="grid")
    Traceback (most recent call last):
    mediacorpus.errors.ParameterError: The values of 'mood' are numbers on a scale, but grid \
learns classes only; train and validate it with --target scale, or write them as words (class 7) \
if they are names.
    """
    if any(SEPARATOR in label for label in labels):
        raise ParameterError(
            f"The values of {variable!r} are several labels at once, but {verb} learns classes "
            "only; train and validate it with --target multilabel."
        )
    if is_scale(labels):
        raise ParameterError(
            f"The values of {variable!r} are numbers on a scale, but {verb} learns classes only; "
            "train and validate it with --target scale, or write them as words (class 7) if they "
            "are names."
        )


def target_of(card: Mapping[str, Any]) -> Target:
    """Make the target that a model's card names."""
    facts = dict(card["target"])
    kind = TargetKind(facts.pop("kind"))
    return Target(kind, tuple(str(name) for name in card["classes"]), **facts)


def against_rest(positive: str) -> str:
    """Name all values but one, where a model tells that one from the rest.

    >>> against_rest("dog")
    'not dog'
    """
    return f"not {positive}"


def split_values(label: str) -> list[str]:
    """Give the values of an item that may have several.

    >>> split_values("crowd| flags|")
    ['crowd', 'flags']
    """
    return [name.strip() for name in label.split(SEPARATOR) if name.strip()]


def number(label: str) -> float:
    """Read a label as a number; raises `TrainingError`.

    >>> number(" 7.5 ")
    7.5
    """
    try:
        value = float(label)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise TrainingError(
            f"A scale is learned from numbers, but one label is {label!r}. Correct it, or train "
            "with the target classes."
        )
    return value


def _ordered(names: set[str], order: Sequence[str]) -> list[str]:
    if order:
        missing = sorted(names - set(order))
        if missing:
            raise TrainingError(
                f"The order {', '.join(order)} lacks the value {missing[0]!r} of the labels."
            )
        twice = [name for place, name in enumerate(order) if name in order[:place]]
        if twice:
            raise TrainingError(f"The order {', '.join(order)} names {twice[0]!r} twice.")
        return list(order)
    try:
        return sorted(names, key=lambda name: (float(name), name))
    except ValueError:
        return sorted(names)
