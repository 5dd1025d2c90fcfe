"""Which items belong together in a split, and which to leave out for equal classes."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from mediacorpus.errors import unknown_column
from mediacorpus.store.columns import OwnColumn, own_columns
from mediacorpus.store.store import chunks, placeholders

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from mediacorpus.store.store import Store


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


def groups_by(
    store: Store, items: Sequence[str], column: str, *, among: Iterable[str] = ()
) -> dict[str, int | None]:
    """Give a number to each group of items that share a value of one of your own columns.

    This is the one way in which `split`, the folds of a grid and the intervals of a score form
    groups, so that they are the same.

    Parameters
    ----------
    store:
        The catalogue.
    items:
        Items to give groups to.
    column:
        One of the user's columns.
    among:
        Further items through which two groups can be one, such as all that have a label.

    Returns
    -------
    dict
        Item → number of its group; None for an item without a value.

    Raises
    ------
    ParameterError
        No record has such a column.
    """
    known = list(dict.fromkeys([*among, *items]))
    groups = join_groups(column_values(store, known, column))
    return {item: groups[item] for item in items}


def column_values(store: Store, items: Sequence[str], column: str) -> dict[str, list[str]]:
    """Return the values of one of your own columns in all records of each item.

    A record that lies in another one, such as a crop of an image, has its values too.

    Raises
    ------
    ParameterError
        No record has such a column.
    """
    known = {own.name: own for own in own_columns(store)}
    if column not in known:
        raise unknown_column(column, known)
    expression, read = _reading(known[column])
    records: dict[int, tuple[int | None, str]] = {}
    of_item: list[tuple[int, str]] = []
    for chunk in chunks(items):
        for record, parent, item, value in store.rows(
            f"SELECT record, parent, item, {expression} FROM records "
            f"WHERE item IN ({placeholders(len(chunk))})",
            chunk,
        ):
            records[record] = (parent, read(value))
            of_item.append((record, item))
    _learn_parents(store, records, known[column])
    found: dict[str, list[str]] = {item: [] for item in items}
    for first, item in sorted(of_item):
        above: list[str] = []
        place: int | None = first
        while place is not None:
            place, value = records[place]
            above.append(value)
        found[item] += [v for v in reversed(above) if v and v not in found[item]]
    return found


def _reading(column: OwnColumn) -> tuple[str, Callable[[Any], str]]:
    """Give SQLite's expression for the values of a column, and what makes text of what it gives."""
    if column.in_sql and column.type != "boolean":
        return column.expression, _as_text
    return "columns", lambda text: _as_text(json.loads(text).get(column.name))


def _learn_parents(
    store: Store, records: dict[int, tuple[int | None, str]], column: OwnColumn
) -> None:
    """Add what some records lie in, and what that lies in, to what is known of them."""
    expression, read = _reading(column)
    while wanted := {p for p, _ in records.values() if p is not None and p not in records}:
        for chunk in chunks(sorted(wanted)):
            for record, parent, value in store.rows(
                f"SELECT record, parent, {expression} FROM records "
                f"WHERE record IN ({placeholders(len(chunk))})",
                chunk,
            ):
                records[record] = (parent, read(value))


def _as_text(value: Any) -> str:
    """Write a value so that 7 and 7.0, as different tables have it, are the same author."""
    if value is None or value != value:  # noqa: PLR0124 - only NaN differs from itself
        return ""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).strip()


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
