"""Strata of labels that are no classes: numbers on a scale, and several labels at once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from mediacorpus.store.people import SEVERAL

MOST_CLASSES = 10
"""Different whole numbers up to which they are taken for classes."""

BINS = 5
"""Strata into which a scale is cut, from the lowest numbers to the highest."""


def strata(labels: Sequence[str], *, parts: int) -> list[str]:
    """Give the stratum of each label, by which a split is drawn.

    Classes are their own strata. A scale (see `is_scale`) is cut into up to `BINS` strata of
    equal size. Of several labels at once, each combination is a stratum; those too rare to be
    in every part are one.

    Parameters
    ----------
    labels:
        Label of each item.
    parts:
        Number of parts that the split has.

    Returns
    -------
    list of str
        One for each label.

    Examples
    --------
    >>> strata(["no", "yes"], parts=2)
    ['no', 'yes']
    >>> strata(["0.5", "9", "1.5", "8", "1"], parts=2)
    ['0.5 to 1.5', '8 to 9', '0.5 to 1.5', '8 to 9', '0.5 to 1.5']
    >>> strata(["a|b", "a|b", "a", "b"], parts=2)
    ['a|b', 'a|b', 'rare combinations', 'rare combinations']
    """
    if any(SEVERAL in label for label in labels):
        return _combinations(labels, parts)
    if not is_scale(labels):
        return list(labels)
    return _bins([_number(label) for label in labels], parts)


def is_scale(labels: Sequence[str]) -> bool:
    """Tell whether labels are numbers on a scale and no classes.

    Numbers with decimals, or more than `MOST_CLASSES` different ones, are a scale.

    Examples
    --------
    >>> is_scale(["0", "1", "1"]), is_scale(["0.5", "1"]), is_scale(["no", "1"])
    (False, True, False)
    """
    values = [_number(label) for label in labels]
    if not values or not all(map(math.isfinite, values)):
        return False
    decimals = any(not value.is_integer() for value in values)
    return decimals or len(set(values)) > MOST_CLASSES


def _bins(values: Sequence[float], parts: int) -> list[str]:
    order = sorted(range(len(values)), key=lambda place: (values[place], place))
    count = max(1, min(BINS, len(values) // parts))
    found = [""] * len(values)
    for number in range(count):
        own = order[-(-len(order) * number // count) : -(-len(order) * (number + 1) // count)]
        for place in own:
            found[place] = f"{values[own[0]]:g} to {values[own[-1]]:g}"
    return found


def _combinations(labels: Sequence[str], parts: int) -> list[str]:
    """Name each combination in one way; merge the rare ones, with one more if need be."""
    names = [
        SEVERAL.join(sorted({n.strip() for n in label.split(SEVERAL) if n.strip()}))
        for label in labels
    ]
    counts = Counter(names)
    merged: set[str] = set()
    total = 0
    for name in sorted(counts, key=lambda name: (counts[name], name)):
        if counts[name] >= parts and (not merged or total >= parts):
            break
        merged.add(name)
        total += counts[name]
    return ["rare combinations" if name in merged else name or "none" for name in names]


def _number(label: str) -> float:
    try:
        return float(label)
    except ValueError:
        return math.nan
