"""Which items belong together in a split, and which to leave out for equal classes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping


def join_groups(values: Mapping[str, Iterable[Hashable]]) -> dict[str, int | None]:
    """Give a number to each group of items that share a value, directly or through other items.

    Parameters
    ----------
    values:
        Values of each item, such as the authors of all its records.

    Returns
    -------
    dict
        Item → number of its group; None for an item without a value. Groups are numbered
        from 0 in the order of their first items.

    References
    ----------
    Disjoint sets: Galler, B. A., & Fisher, M. J. (1964). An improved equivalence algorithm.
    *Communications of the ACM*, 7(5), 301-303.

    Examples
    --------
    >>> join_groups({"a": ["Ann"], "b": ["Ann", "Bob"], "c": ["Bob"], "d": ["Eve"], "e": []})
    {'a': 0, 'b': 0, 'c': 0, 'd': 1, 'e': None}
    """
    above: dict[Hashable, Hashable] = {}

    def root(value: Hashable) -> Hashable:
        above.setdefault(value, value)
        while above[value] != value:
            above[value] = above[above[value]]
            value = above[value]
        return value

    first: dict[str, Hashable] = {}
    for item, own in values.items():
        for value in own:
            above[root(value)] = root(first.setdefault(item, value))
    numbers: dict[Hashable, int] = {}
    return {
        item: numbers.setdefault(root(first[item]), len(numbers)) if item in first else None
        for item in values
    }


def surplus(parts: Mapping[str, str], labels: Mapping[str, str], *, seed: int = 1) -> list[str]:
    """Choose at random the training items to leave out so that all classes have equally many.

    The other parts stay as they were found, so that scores hold for what there is.

    Parameters
    ----------
    parts:
        Item → part, as `draw_split` gave it.
    labels:
        Item → class.
    seed:
        The same seed and items give the same choice.

    Returns
    -------
    list of str
        Items of the training part to leave out, sorted.

    References
    ----------
    Random undersampling: He, H., & Garcia, E. A. (2009). Learning from imbalanced data.
    *IEEE Transactions on Knowledge and Data Engineering*, 21(9), 1263-1284.

    Examples
    --------
    >>> labels = {"a": "ant", "b": "bee", "c": "bee", "d": "bee"}
    >>> len(surplus(dict.fromkeys(labels, "train"), labels))
    2
    """
    of_class: dict[str, list[str]] = defaultdict(list)
    for item, part in parts.items():
        if part == "train":
            of_class[labels[item]].append(item)
    keep = min((len(items) for items in of_class.values()), default=0)
    return sorted(
        item
        for items in of_class.values()
        for item in sorted(items, key=lambda one: _lot(one, seed))[keep:]
    )


def _lot(item: str, seed: int) -> bytes:
    text = f"{seed}/surplus/{item}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()
