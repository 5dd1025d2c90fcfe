"""Which images are shown, in which order, and what is said of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mediacorpus.analysis.selecting import Chosen, Selection, select
from mediacorpus.analysis.tidy import part_of_tidy, sql
from mediacorpus.errors import ParameterError
from mediacorpus.report import words
from mediacorpus.result import shown_moment
from mediacorpus.store import holdings
from mediacorpus.store.progress import VISUAL_ITEMS
from mediacorpus.store.query import FetchView, quoted, run_sql
from mediacorpus.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

OF_THUMBS = ("gold", "predicted", "probability")
"""Columns of a data frame that are known to be about a prediction."""
_PLAIN = 1e15
_OWN = ("item", "rank", "caption", *OF_THUMBS)


@dataclass(frozen=True, slots=True)
class Choice:
    """Items to show.

    Parameters
    ----------
    title:
        What they are.
    items:
        Their ids, in order.
    total:
        Number of items that they were chosen from.
    facts:
        Item -> fields of its `Thumb`: `gold`, `predicted`, `probability`, `about`.
    """

    title: str
    items: Sequence[str]
    total: int
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def choose(
    store: Store,
    on: Chosen | pd.DataFrame = None,
    *,
    sort: str | None = None,
    columns: Sequence[str] | str = (),
    query: str | None = None,
    most: int,
) -> Choice:
    """Choose items to show; the parameters are those of `mediacorpus.report.gallery.gallery`.

    Raises
    ------
    UnknownName, QueryError
        There is no such item or column, or the query cannot be run.
    ParameterError
        Nothing is chosen.
    """
    if most < 1:
        raise ParameterError(f"The number of images is {most}; it must be at least 1.")
    wanted = [n.strip() for n in (columns.split(",") if isinstance(columns, str) else columns)]
    wanted = [name for name in wanted if name]
    if query is not None:
        if on is not None:
            raise ParameterError("Choose items by a query or by a selection, not by both.")
        on = sql(store, query)
    if hasattr(on, "itertuples"):
        found = _of_frame(store, on, sort=sort, columns=wanted, most=most)
        if query is not None and not found.items:
            raise ParameterError("The query gives no rows, so there is nothing to show.")
        title = "Images of a table" if query is None else "Images of a query"
        return replace(found, title=title if found.items else "Nothing to show: an empty table")
    title = _title(on)
    chosen = select(store, on)
    if sort is not None:
        items, total = _sorted(store, chosen, sort=sort, most=most)
    elif chosen is None:
        items = spread(store, most)
        total = int(store.value(f"SELECT count(*) FROM items WHERE {VISUAL_ITEMS}"))
    else:
        items, total = chosen[:most], len(chosen)
    if not items:
        raise ParameterError(f"{store.folder} holds no images yet; add some first.")
    about = _values(store, items, wanted)
    return Choice(title, items, total, {item: {"about": lines} for item, lines in about.items()})


def _title(on: Any) -> str:
    if isinstance(on, Selection) and on.where is not None:
        return f"Images where {on.where}"
    return "Images of the corpus" if on is None else "Images that were chosen"


def _of_frame(
    store: Store, frame: Any, *, sort: str | None, columns: Sequence[str], most: int
) -> Choice:
    """Choose the items of a data frame, and say its other columns of each."""
    if "item" not in frame.columns:
        raise ParameterError(
            "A table whose images are to be shown needs a column 'item'; its columns are: "
            f"{', '.join(map(str, frame.columns)) or 'none'}."
        )
    frame = frame.drop_duplicates("item")
    if sort is not None:
        name = sort.removeprefix("-")
        if name not in frame.columns:
            raise ParameterError(
                f"The table has no column {name!r} to sort by; its columns are: "
                f"{', '.join(map(str, frame.columns))}."
            )
        frame = frame.sort_values(name, ascending=not sort.startswith("-"), kind="stable")
    if frame.empty:
        return Choice("", [], 0)
    shown = frame.head(most)
    items = [holdings.resolve_item(store, str(item)) for item in shown["item"]]
    here = [name for name in columns if name in frame.columns]
    below = here if columns else [str(n) for n in frame.columns if n not in _OWN]
    others = _values(store, items, [name for name in columns if name not in here])
    facts = {}
    for item, row in zip(items, shown.to_dict("records"), strict=True):
        own = {name: row[name] for name in OF_THUMBS if not _missing(row.get(name))}
        lines = [f"{name}: {_text(row[name])}" for name in below if not _missing(row[name])]
        facts[item] = own | {"about": [*lines, *others.get(item, ())]}
    return Choice("", items, len(frame), facts)


def _missing(value: Any) -> bool:
    return value is None or str(value) in {"", "nan", "NaT", "<NA>"}


def _text(value: Any) -> str:
    plain = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, datetime):
        return shown_moment(value)
    whole = isinstance(plain, float) and plain.is_integer() and abs(plain) < _PLAIN
    # A year is no number of things: nothing between its thousands.
    return str(int(plain)) if whole else words.value(str(plain) if type(plain) is int else plain)


def _sorted(
    store: Store, chosen: Sequence[str] | None, *, sort: str, most: int
) -> tuple[list[str], int]:
    """Order items by a column of the tidy table; give the first, and how many have a value."""
    name = sort.removeprefix("-").strip()
    query, known = part_of_tidy(store, ["item", "record", name])
    order = "DESC" if sort.startswith("-") else "ASC"
    images = f"SELECT item FROM items WHERE {VISUAL_ITEMS}"
    where = f"v IS NOT NULL AND item IN ({images})"
    if chosen is not None:
        ids = pa.table({"item": list(chosen)})
        known["selected_items"] = FetchView(lambda: ids)
        where += " AND item IN (SELECT item FROM selected_items)"
    rows = run_sql(
        f"WITH t AS ({query}), u AS (SELECT item, {quoted(name)} AS v, record FROM t) "
        f"SELECT item, count(*) OVER () FROM (SELECT item, arg_min(v, record) AS v FROM u "
        f"WHERE {where} GROUP BY item) ORDER BY v {order}, item LIMIT {most}",
        known,
        folder=store.folder,
    ).fetchall()
    if not rows:
        raise ParameterError(f"None of the images has a value of {name} to sort by.")
    return [row[0] for row in rows], int(rows[0][1])


def _values(store: Store, items: Sequence[str], columns: Sequence[str]) -> dict[str, list[str]]:
    """Give the values of some columns of the tidy table for each item, in words."""
    if not columns:
        return {}
    query, known = part_of_tidy(store, ["item", "record", *columns])
    ids = pa.table({"item": list(items)})
    known["selected_items"] = FetchView(lambda: ids)
    frame = run_sql(
        f"SELECT * FROM ({query}) WHERE item IN (SELECT item FROM selected_items) ORDER BY record",
        known,
        folder=store.folder,
    ).frame()
    found: dict[str, list[str]] = {}
    for item, own in frame.groupby("item", sort=False):
        lines = found[str(item)] = []
        for name in dict.fromkeys(columns):
            values = [_text(v) for v in own[name].drop_duplicates() if not _missing(v)]
            if values:
                lines.append(f"{name}: {'; '.join(words.first(values, 2, '{:,} more'))}")
    return found


def spread(store: Store, count: int) -> list[str]:
    """Choose items that lie at equal steps through the corpus, in the order they came."""
    images = f"FROM items WHERE {VISUAL_ITEMS}"
    total = int(store.value(f"SELECT count(*) {images}"))
    step = max(total / count, 1.0)
    return [
        str(store.value(f"SELECT item {images} ORDER BY n LIMIT 1 OFFSET ?", (int(place * step),)))
        for place in range(min(count, total))
    ]
