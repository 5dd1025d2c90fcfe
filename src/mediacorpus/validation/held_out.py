"""What models said of items that they did not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mediacorpus.catalogue import people, progress
from mediacorpus.catalogue.columns import own_columns
from mediacorpus.catalogue.store import Store
from mediacorpus.coding.resolving import gold_labels
from mediacorpus.coding.split_groups import column_values, groups_by
from mediacorpus.coding.splitting import column_of_split
from mediacorpus.errors import LabelError, ParameterError
from mediacorpus.learning.folder import model_of
from mediacorpus.learning.targets import against_rest
from mediacorpus.records import Info
from mediacorpus.tables.parts import read_parts
from mediacorpus.validation.codebook import check_codebook

PARTS = ("test", "val")
NO_GROUPS = "none"
"""In place of a column: draw items, not the groups that the split was drawn by."""


def truth_of(store: Store, variable: str) -> tuple[dict[str, str], int]:
    """Return item -> gold value of a variable, and how many items are unresolved.

    Raises
    ------
    UnknownName
        There is no such variable.
    """
    values, unresolved = gold_labels(store, variable)
    truth = dict(zip(values["item"], values["value"].astype(str), strict=True))
    return truth, len(unresolved)


def truth_for(model: Mapping[str, Any], truth: Mapping[str, str]) -> dict[str, str]:
    """Put the truth as a model learned it: one value against all others, where it was so.

    Examples
    --------
    >>> model = {"card": {"settings": {"positive": "dog"}}}
    >>> truth_for(model, {"a": "dog", "b": "cat"})
    {'a': 'dog', 'b': 'not dog'}
    """
    positive = model["card"].get("settings", {}).get("positive")
    if positive is None:
        return dict(truth)
    return {i: v if v == positive else against_rest(positive) for i, v in truth.items()}


def gold_of(store: Store, model: Mapping[str, Any]) -> dict[str, str]:
    """Return item -> gold value of all labelled items, as a model learned its variable."""
    truth, _ = truth_of(store, str(model["variable"]))
    return truth_for(model, truth)


def held_out(
    store: Store,
    model: Mapping[str, Any],
    *,
    truth: Mapping[str, str],
    variable: str,
    part: str | None,
) -> tuple[dict[str, str], str, list[str]]:
    """Choose the items to score a model on: never those that it learned from.

    This is the one door to the gold values that a model is held against: they come as the model
    learned them, one value against all others where it was so.

    Returns
    -------
    gold : dict
        Item -> gold value, sorted by item.
    part : str
        `"test"`, `"val"`, or `"labelled"`.
    notes : list of str
        What a reader must know.

    Raises
    ------
    LabelError
        No labelled item is left, or the labels have other values than the model learned.
    ModelError
        The model's folder is damaged or was edited.
    """
    model_of(store, str(model["model"]))
    truth = truth_for(model, truth)
    parts = people.split_parts(store, model["split"])
    changed = check_codebook(model, truth, variable=variable, parts=parts)
    if part is not None and part not in PARTS:
        raise ParameterError(f"The part is {part!r}; a model is scored on 'test' or 'val'.")
    name = str(model["model"])
    if model["variable"] != variable and part is None:
        items = sorted(i for i in truth if parts.get(i) not in {"train", "val"})
        return _gold(items, truth, name=name, variable=variable), "labelled", changed
    present = {parts.get(item) for item in truth}
    chosen = part or ("test" if "test" in present else "val")
    items = sorted(i for i in truth if parts.get(i) == chosen)
    notes = [] if chosen == "test" else [_of_val(model, has_test="test" in present)]
    return _gold(items, truth, name=name, variable=variable), chosen, [*notes, *changed]


def answers_of(store: Store, model: Mapping[str, Any], items: Sequence[str]) -> pd.DataFrame:
    """Read what a model said of some items.

    Returns
    -------
    DataFrame
        Indexed by item; one column for each class with its probability, in the order of the
        card, or the column `value` of a scale. Items without a prediction are left out.

    Raises
    ------
    ModelError
        The model has not been applied.
    """
    name = str(model["model"])
    setups = progress.current_setups(store)
    if name not in setups:
        raise people.not_applied(store, name)
    setup, info = setups[name]
    rows = rows_of(store, setup, info=info, items=items)
    if "value" in info.outputs:
        return rows.reindex(columns=["item", "value"]).set_index("item")
    classes = [str(c) for c in model["card"]["classes"]]
    return rows.pivot(index="item", columns="tag", values="score").reindex(columns=classes)


def rows_of(store: Store, setup: int, *, info: Info, items: Sequence[str]) -> pd.DataFrame:
    """Read the rows of a setup for some items, batch by batch."""
    scanner = read_parts(progress.files_of(store, setup), info)
    wanted = pa.array(list(items), pa.string())
    frames = [
        batch.filter(pc.is_in(batch.column("item"), value_set=wanted)).to_pandas()
        for batch in scanner.to_batches()
    ]
    empty = pd.DataFrame(columns=["item", "tag", "score"])
    return pd.concat(frames, ignore_index=True) if frames else empty


def groups_for(
    store: Store,
    model: Mapping[str, Any],
    items: Sequence[str],
    *,
    truth: Mapping[str, str],
    by: str | None,
) -> tuple[list[int | None] | None, list[str]]:
    """Give the groups of items that the bootstrap of a model's scores draws whole.

    They are those of the column `by`; without it those that the model's split never parts;
    with `"none"` there are none. Groups are formed among all items with a label, as a split
    forms them.

    Returns
    -------
    groups : list or None
        For each item the number of its group, None for one on its own; None where each item is
        drawn by itself.
    notes : list of str
        What a reader must know.

    Raises
    ------
    ParameterError
        No record has the column `by`.
    """
    names = {own.name for own in own_columns(store)}
    if by is not None and (by != NO_GROUPS or by in names):
        found = groups_by(store, items, by, among=truth)
        return [found[item] for item in items], []
    column = column_of_split(store, int(model["split"]))
    if by == NO_GROUPS or column is None or column not in names:
        return None, []
    found = groups_by(store, items, column, among=truth)
    count = len({item if found[item] is None else found[item] for item in items})
    if count == 1 < len(items):
        note = (
            f"The split was drawn by groups of {column}, but all of these items belong to one "
            "group, so the intervals take each item as its own and may be too narrow."
        )
        return None, [note]
    note = (
        f"The split was drawn by groups of {column}, so the intervals are from drawing whole "
        f"groups ({count:,}) instead of items; --by {NO_GROUPS} draws items."
    )
    return [found[item] for item in items], [note] if count < len(items) else []


def column_of(store: Store, items: Sequence[str], column: str) -> list[str | None]:
    """Give what stands in one of your own columns for each item, in all of its records.

    An item whose records have several values has all of them, as in `"north, south"`.

    Raises
    ------
    ParameterError
        No record has such a column.
    """
    values = column_values(store, items, column)
    return [", ".join(sorted(set(values[item]))) or None for item in items]


def _of_val(model: Mapping[str, Any], *, has_test: bool) -> str:
    """Say what a score on the validation part is worth."""
    if has_test:
        return "This is for choosing between models; the score to report is that of the test part."
    if model["card"].get("method") in {"finetune", "scratch"}:
        return (
            "The validation part was used to choose the best epoch, so these scores may be a "
            "little too good; a split such as 60/20/20 keeps a test part for an honest score."
        )
    return "There is no test part; scores are on the validation part."


def _gold(
    items: list[str], truth: Mapping[str, str], *, name: str, variable: str
) -> dict[str, str]:
    if not items:
        raise LabelError(
            f"No item with a label of {variable!r} is held out from the training of {name!r}, "
            "so it cannot be scored honestly. Label more items, or split and train again."
        )
    return {item: truth[item] for item in items}
