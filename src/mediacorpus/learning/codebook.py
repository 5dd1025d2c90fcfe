"""Which values a variable had when a model learned it, so that a change since then is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from mediacorpus.coding.strata import is_scale
from mediacorpus.learning.targets import SEPARATOR, split_values


def values_of(labels: Iterable[str]) -> list[str]:
    """List the values that occur, each one of several labels by itself; none for a scale.

    Examples
    --------
    >>> values_of(["bee", "ant", "bee"]), values_of(["crowd|flags", "flags"])
    (['ant', 'bee'], ['crowd', 'flags'])
    >>> values_of(["0.5", "7.25"])
    []
    """
    names = sorted(set(labels))
    if is_scale(names):
        return []
    if any(SEPARATOR in name for name in names):
        return sorted({value for name in names for value in split_values(name)})
    return names


def codebook_of(labels: Mapping[str, str], parts: Mapping[str, str]) -> dict[str, Any]:
    """Give what a card keeps of the labels: values, their hash, and a hash of what was learned.

    Parameters
    ----------
    labels:
        Item → value, of all labelled items.
    parts:
        Item → part of the split.

    Examples
    --------
    >>> sorted(codebook_of({"a": "ant", "b": "bee"}, {"a": "train", "b": "val"}))
    ['hash', 'train_labels', 'values']
    """
    values = values_of(labels.values())
    learned = sorted((i, labels[i]) for i, part in parts.items() if part == "train" and i in labels)
    return {"values": values, "hash": _hash(values), "train_labels": _hash(learned)}


def _hash(content: object) -> str:
    text = json.dumps(content, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
