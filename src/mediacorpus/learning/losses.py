"""What training makes small: cross-entropy, the focal loss, and errors of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mediacorpus.errors import ParameterError
from mediacorpus.extras import need

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
    """Give the mean loss where each picture has one class.

    The focal loss (Lin et al., 2017) multiplies the cross-entropy of each class by (1 - p) to
    the power of 2, so that pictures which are learned already count little.

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
        Of the pictures, `(B, 1)`.
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
