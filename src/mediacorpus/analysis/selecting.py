"""Which items a command works on: named ones, a condition in SQL, a part of a split, a sample."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mediacorpus.analysis.tidy import sides, tables_beside
from mediacorpus.analysis.views import views
from mediacorpus.coding import splitting
from mediacorpus.errors import ParameterError, QueryError, unknown
from mediacorpus.records import Shape
from mediacorpus.store import holdings, people
from mediacorpus.store.query import PartsView, ScanView, View, quoted, run_sql
from mediacorpus.store.store import Store, chunks, placeholders

PARTS = ("train", "val", "test")
_TABLE = re.compile(r"(?<![\w.\"'])([A-Za-z_]\w*)\s*\.")
_WORD = re.compile(r'(?<![\w."])(?:"([^"]+)"|([A-Za-z_]\w*))(?!\w|\s*[.(])')
_TEXT = re.compile(r"'(?:[^']|'')*'")
_LINE = re.compile(r"\(line (\d+), ")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items a command works on: those that all of the given conditions hold for.

    Parameters
    ----------
    items:
        Items by their ids, the first digits of them, or the names of their files.
    where:
        A condition in SQL (DuckDB's dialect) on the columns of records and items, such as
        `"year > 1990 AND width >= 500"`, and on all other columns of the tidy table, such as
        `"colorfulness > 50"` or a label, `"smile = 'yes'"`; of a measure of one row for each item
        also with its name, `"color.red_share > 0.3"`. Other tables can be asked by a query:
        `"item IN (SELECT item FROM tags WHERE tag = 'dome')"`.
    split:
        A variable and a part of its newest split, as in `"face:test"`.
    sample:
        How many items are drawn, at random, from those that are left; all where there are fewer.
    seed:
        Of the sample; the same seed draws the same items.

    Examples
    --------
    >>> Selection(where="year > 1990", sample=100)
    Selection(where='year > 1990', sample=100)
    """

    items: Sequence[str] | str | None = None
    where: str | None = None
    split: str | None = None
    sample: int | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        if self.items is not None:
            named = (self.items,) if isinstance(self.items, str) else self.items
            object.__setattr__(self, "items", tuple(map(str, named)))

    def __repr__(self) -> str:
        names = ("items", "where", "split", "sample")
        given = [f"{n}={getattr(self, n)!r}" for n in names if getattr(self, n) is not None]
        if self.seed != 1:
            given.append(f"seed={self.seed}")
        return f"Selection({', '.join(given)})"


Chosen: TypeAlias = Selection | Sequence[str] | str | None
"""What commands take: a selection, items, one item, or None for all."""


def select(store: Store, chosen: Chosen) -> list[str] | None:
    """Give the ids of the items that a selection names, in the order of the corpus.

    Parameters
    ----------
    store:
        The catalogue.
    chosen:
        A selection, or item ids or file names; None stands for all items.

    Returns
    -------
    list of str or None
        None where nothing is asked.

    Raises
    ------
    UnknownName
        There is no such item, variable or part.
    QueryError
        The condition is not SQL, or names what is not there; the message shows where.
    ParameterError
        Nothing is selected.
    """
    if chosen is not None and not isinstance(chosen, Selection):
        chosen = Selection(items=chosen)
    if chosen in {None, Selection()}:
        return None
    found = _meant(store, chosen)
    if not found:
        asked = ", ".join(
            f"{name} {value!r}"
            for name in ("items", "where", "split")
            if (value := getattr(chosen, name)) is not None
        )
        raise ParameterError(
            f"No item of {store.folder} fits {asked or 'the selection'}. `mediacorpus table` shows "
            "the columns and their values."
        )
    if chosen.sample is not None:
        found = _sample(found, chosen.sample, chosen.seed)
    numbers: dict[str, int] = {}
    for part in chunks(sorted(found)):
        marks = placeholders(len(part))
        numbers.update(store.rows(f"SELECT item, n FROM items WHERE item IN ({marks})", part))
    return sorted(found, key=numbers.__getitem__)


def _meant(store: Store, chosen: Selection) -> set[str]:
    """Give the items for which all that is asked holds, before a sample is drawn."""
    found = []
    if chosen.items is not None:
        found.append({holdings.resolve_item(store, text) for text in chosen.items})
    if chosen.where is not None:
        found.append(_where(store, chosen.where))
    if chosen.split is not None:
        found.append(_part(store, chosen.split))
    if not found:
        rows = store.rows("SELECT item FROM items WHERE found_by IS NULL")
        found.append({item for (item,) in rows})
    return set.intersection(*found)


def _where(store: Store, condition: str) -> set[str]:
    if not condition.strip():
        raise ParameterError("The condition of the selection is empty; try 'width > 500'.")
    known = views(store) | tables_beside(store)
    plain = _TEXT.sub("''", condition)
    joined = []
    for name in dict.fromkeys(_TABLE.findall(plain)):
        view = known.get(name)
        if name in {"items", "records"} or not isinstance(view, PartsView):
            continue
        if view.info.shape is not Shape.SCALAR:
            raise ParameterError(
                f"{name} has several rows for an item, so a condition cannot name its columns. Ask "
                f"with a query: item IN (SELECT item FROM {name} WHERE …)."
            )
        joined.append(f"LEFT JOIN {quoted(name)} USING (item)")
    joined += _named_alone(store, plain, known)
    own = _columns(known, "records") & _columns(known, "items") - {"item"}
    condition = _of_records(condition, own)
    # The condition stands on a line of its own, so that the place of an error can be told.
    tables = " ".join(["items LEFT JOIN records USING (item)", *joined])
    query = f"SELECT DISTINCT item FROM {tables} WHERE (\n{condition}\n)"
    try:
        rows = run_sql(query, known, folder=store.folder).fetchall()
    except QueryError as error:
        # The condition begins on the second line of the query.
        text = _LINE.sub(lambda found: f"(line {int(found[1]) - 1}, ", str(error))
        text = text.replace("The query was refused: ", "")
        raise QueryError(f"The condition {condition!r} cannot be used: {text}") from error
    return {row[0] for row in rows}


def _columns(known: Mapping[str, View], table: str) -> set[str]:
    view = known[table]
    return {name.lower() for name in view.columns} if isinstance(view, ScanView) else set()


def _of_records(condition: str, names: set[str]) -> str:
    """Let a column that the user named like one of the items' be the user's, as in the tidy table.

    >>> _of_records("place = 'a place' AND items.place IS NULL", {"place"})
    "records.place = 'a place' AND items.place IS NULL"
    """
    if not names:
        return condition

    def mend(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return f"records.{found[0]}" if name.lower() in names else found[0]

    texts = [*_TEXT.findall(condition), ""]
    outside = _TEXT.split(condition)
    return "".join(_WORD.sub(mend, part) + text for part, text in zip(outside, texts, strict=True))


def _named_alone(store: Store, condition: str, known: Mapping[str, View]) -> list[str]:
    """Join the columns of the tidy table that a condition names without their table."""
    words = {(quoted or bare).lower() for quoted, bare in _WORD.findall(condition)}
    words -= _columns(known, "items") | _columns(known, "records")
    joined = []
    for side in sides(store):
        columns = [
            f"{sql} AS {quoted(name)}"
            for name, sql in side.columns.items()
            if name.lower() in words
        ]
        if columns:
            inner = f"SELECT {side.alias}.item, {', '.join(columns)} FROM {side.source}"
            joined.append(f"LEFT JOIN ({inner} AS {side.alias}) USING (item)")
    return joined


def _part(store: Store, text: str) -> set[str]:
    variable, _, part = text.rpartition(":")
    if part not in PARTS or not variable:
        raise ParameterError(
            f"The part of a split is {text!r}; name a variable and a part of its newest split, "
            "such as face:test."
        )
    if variable not in people.variables(store):
        raise unknown("variable", variable, people.variables(store))
    _, split = splitting.latest(store, variable)
    return {item for item, own in split.parts.items() if own == part}


def _sample(items: set[str], count: int, seed: int) -> set[str]:
    if count < 1:
        raise ParameterError(f"The sample is {count}; it must have at least 1 item.")
    # Sorted, so that the draw depends on the items and the seed alone.
    everything = sorted(items)
    if count >= len(everything):
        return items
    return set(random.Random(seed).sample(everything, count))  # noqa: S311 - no secret
