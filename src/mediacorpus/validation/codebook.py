"""Refuse to score a model against labels that speak of other values than it learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mediacorpus.errors import LabelError
from mediacorpus.learning.model import codebook_of, values_of

SHOWN = 6
"""Values that a sentence lists."""


def check_codebook(
    model: Mapping[str, Any],
    truth: Mapping[str, str],
    *,
    variable: str,
    parts: Mapping[str, str],
) -> list[str]:
    """Compare the values of a variable with those that a model learned.

    Parameters
    ----------
    model:
        The model's row of the catalogue.
    truth:
        Item → gold value of the variable, of all labelled items.
    variable:
        The variable that the model is to be scored against.
    parts:
        Item → part, of the split that the model was trained under.

    Returns
    -------
    list of str
        What a reader must know: that labels of training pictures were changed.

    Raises
    ------
    LabelError
        The variable is the model's own and has new values, or it is another one and shares no
        value with what the model learned.
    """
    card, name = model["card"], str(model["model"])
    # One value against all others takes any new one for one of the others.
    if (card.get("settings") or {}).get("positive") is not None:
        return []
    now = values_of(truth.values())
    if model["variable"] != variable:
        _check_shared(name, card, now, variable=variable)
        return []
    kept = card.get("codebook")
    if not kept:
        return []
    current = codebook_of(truth, parts)
    new = [value for value in now if value not in kept["values"]]
    if new or bool(now) != bool(kept["values"]):
        gone = [value for value in kept["values"] if value not in now]
        raise LabelError(
            f"The values of {variable!r} have changed since {name!r} was trained "
            f"({_changes(new, gone)}), so a score would say nothing of these labels; split and "
            "train again, then validate the new model."
        )
    if current["train_labels"] != kept["train_labels"]:
        said = f"Labels of training pictures were changed since {name} was trained"
        return [f"{said}; train again to learn from them."]
    return []


def _check_shared(name: str, card: Mapping[str, Any], now: Sequence[str], *, variable: str) -> None:
    """Raise where another variable has no value that the model knows."""
    kind = (card.get("target") or {}).get("kind", "classes")
    if kind == "scale":
        if now:
            raise LabelError(
                f"The model {name!r} predicts numbers, but the values of {variable!r} are "
                f"{_listed(now)}; name a variable of numbers."
            )
        return
    classes = [str(one) for one in card["classes"]]
    if not set(now) & set(classes):
        found = _listed(now) if now else "numbers on a scale"
        raise LabelError(
            f"The values of {variable!r} are {found}; the model {name!r} knows none of them but "
            f"{_listed(classes)}. Name the variable that it learned ({card.get('variable')})."
        )


def _changes(new: Sequence[str], gone: Sequence[str]) -> str:
    said = [f"new: {_listed(new)}"] if new else ["now numbers on a scale"]
    return "; ".join([*said, f"gone: {_listed(gone)}"] if gone else said)


def _listed(values: Sequence[str]) -> str:
    more = f" and {len(values) - SHOWN} more" if len(values) > SHOWN else ""
    return f"{', '.join(values[:SHOWN])}{more}"
