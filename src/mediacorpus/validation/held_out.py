"""What models said of items that they did not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mediacorpus.catalogue import people, progress
from mediacorpus.catalogue.store import Store
from mediacorpus.coding.resolving import gold_labels
from mediacorpus.errors import LabelError, ParameterError, unknown_column
from mediacorpus.learning.model import model_of
from mediacorpus.learning.targets import against_rest
from mediacorpus.records import Info
from mediacorpus.tables.parts import read_parts
from mediacorpus.validation.codebook import check_codebook

PARTS = ("test", "val")


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


def column_of(store: Store, items: Sequence[str], column: str) -> list[Any]:
    """Give the value of one of your own columns for each item: that of its oldest record.

    Raises
    ------
    ParameterError
        No record has such a column.
    """
    import json

    wanted = set(items)
    found: dict[str, Any] = {}
    known: set[str] = set()
    for item, text in store.rows("SELECT item, columns FROM records ORDER BY record"):
        columns = json.loads(text)
        known |= set(columns)
        value = columns.get(column)
        if item in wanted and value is not None and value != "":
            found.setdefault(item, value)
    if column not in known:
        raise unknown_column(column, known)
    return [found.get(item) for item in items]


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
