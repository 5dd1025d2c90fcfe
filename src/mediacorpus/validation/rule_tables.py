"""The tables that a rule compares, read for some items.

A rule compares measures, models and imported tables by their names, `records` (your own columns),
`items` (format, size, date) and `gold` (other variables); a name without a table is a column of
any of these.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mediacorpus.coding.split_groups import column_values
from mediacorpus.engine.contract import MEASURES
from mediacorpus.errors import ParameterError, UnknownName, unknown
from mediacorpus.learning.train import measure_for
from mediacorpus.measures.imagenet import classes_of
from mediacorpus.measures.known_tags import NETWORK, known_tags, near
from mediacorpus.records import Info, Shape
from mediacorpus.result import counted
from mediacorpus.store import people, progress
from mediacorpus.store.columns import own_columns
from mediacorpus.store.store import Store, chunks, placeholders
from mediacorpus.validation.predictions import apply_first, gold_of, rows_of
from mediacorpus.validation.rule_text import Joined, Rule, Score, comparisons
from mediacorpus.validation.rules import Rows

RECORDS, ITEMS, GOLD = "records", "items", "gold"
COLUMNS_OF_ITEMS = (
    *("kind", "format", "width", "height", "mode", "bytes", "alpha", "frames", "dpi", "taken"),
    *("duration", "frame_rate", "sample_rate", "channels"),
)
"""Columns of the table `items` that a rule can compare."""

_COMMAND = "mediacorpus measures --labels {} --corpus DIR lists them."


@dataclass(frozen=True, slots=True)
class Read:
    """A table as a rule reads it: its rows, the setup that they are of, and what to know."""

    rows: Rows
    setup: int | None = None
    note: str | None = None


def resolve(store: Store, rule: Rule) -> Rule:
    """Give every name of a rule its table: `format=JPEG` becomes `items:format=JPEG`.

    Raises
    ------
    UnknownName
        A name is that of no table and no column.
    ParameterError
        Several measures have such a column.
    """
    if isinstance(rule, Joined):
        return replace(rule, rules=tuple(resolve(store, one) for one in rule.rules))
    home = _home(store, rule.table, bare=not rule.name)
    return rule if home is None else replace(rule, table=home[0], name=home[1])


def resolve_score(store: Store, score: Score) -> Score:
    """Give the name of a score its table, as `resolve` does."""
    home = _home(store, score.table, bare=score.names == ("",))
    return score if home is None else Score(home[0], (home[1],))


def _home(store: Store, table: str, *, bare: bool) -> tuple[str, str] | None:
    """Give the table and column that a name means; None where it is a table already."""
    tables = _tables(store)
    if not bare:
        if table not in tables:
            raise unknown("measure, model or table of columns", table, tables)
        return None
    if tables.get(table) in {Shape.TAG, Shape.REGION, Shape.TEXT}:
        return None
    return _column_home(store, table)


def _tables(store: Store) -> dict[str, Shape]:
    """Give the tables that a rule can name, with the shapes of their rows."""
    setups = progress.current_setups(store)
    shapes: list[tuple[str, Shape]] = [(info.name, info.shape) for info in MEASURES]
    shapes += [(str(model["model"]), Shape.TAG) for model in people.models(store)]
    shapes += [(name, info.shape) for name, (_, info) in setups.items()]
    shapes += [(name, Shape.SCALAR) for name in (RECORDS, ITEMS, GOLD)]
    return {name: shape for name, shape in shapes if shape is not Shape.VECTOR}


def _column_home(store: Store, column: str) -> tuple[str, str]:
    """Find the table that has a column: your own first, then items, then measures."""
    asked = column.casefold()
    for own in own_columns(store):
        if asked in {own.name.casefold(), own.shown.casefold()}:
            return RECORDS, own.name
    for name in COLUMNS_OF_ITEMS:
        if asked == name:
            return ITEMS, name
    infos = {info.name: info for info in MEASURES}
    infos |= {name: info for name, (_, info) in progress.current_setups(store).items()}
    columns = {
        (name, own)
        for name, info in infos.items()
        if info.shape is Shape.SCALAR and name != "facts"
        for own in info.outputs
    }
    homes = sorted((table, own) for table, own in columns if own.casefold() == asked)
    homes = [home for home in homes if home[0] in progress.current_setups(store)] or homes
    if len(homes) == 1:
        return homes[0]
    if homes:
        listed = " or ".join(f"{table}:{own}" for table, own in homes)
        raise ParameterError(f"Several measures have a column {column!r}: write {listed}.")
    own_names = sorted(own.shown for own in own_columns(store))
    tables = sorted(_tables(store))
    every = [*tables, *own_names, *COLUMNS_OF_ITEMS, *sorted(c for _, c in columns)]
    like = near(column, every)
    meant = f" Did you mean {' or '.join(map(repr, like))}?" if like else ""
    raise UnknownName(
        f"There is no measure or column {column!r}.{meant} Tables: {', '.join(tables)}. Your own "
        f"columns: {', '.join(own_names) or 'none'}."
    )


def read_tables(
    store: Store,
    rule: Rule | Score,
    items: list[str],
    *,
    against: str = "",
    show: bool | None = None,
) -> dict[str, Read]:
    """Read the tables of a rule for some items; what they lack of measures is measured first.

    `against` is the variable that the rule is held against, which it must not compare.

    Raises
    ------
    UnknownName, ParameterError
        There is no such measure or column.
    """
    names: dict[str, list[str]] = {}
    if isinstance(rule, Score):
        names[rule.table] = list(rule.names)
    else:
        for one in comparisons(rule):
            names.setdefault(one.table, []).append(one.name)
    readers = {
        RECORDS: functools.partial(_records, store),
        ITEMS: functools.partial(_items, store),
        GOLD: functools.partial(_gold, store, against=against),
    }
    return {
        table: readers[table](items, columns)
        if table in readers
        else _measure(store, table, items, show=show)
        for table, columns in names.items()
    }


def _records(store: Store, items: list[str], columns: Sequence[str]) -> Read:
    """Read your own columns: a row for each value that an item has in any of its records."""
    known = {own.name: own for own in own_columns(store)}
    by_name = {n.casefold(): own for own in known.values() for n in (own.shown, own.name)}
    frames = []
    for name in dict.fromkeys(columns):
        own = known.get(name) or by_name.get(name.casefold())
        values = column_values(store, items, own.name if own else name)  # refuses what is not there
        rows = [(item, value) for item, several in values.items() for value in several]
        frame = pd.DataFrame(rows, columns=["item", name], dtype=object)
        if own is not None and own.type in {"integer", "real"}:
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
        if own is not None and own.type == "boolean":
            frame[name] = frame[name].str.casefold().map({"true": True, "false": False})
        frames.append(frame)
    return Read(Rows(Shape.SCALAR, pd.concat(frames, ignore_index=True), items, several=True))


def _items(store: Store, items: list[str], columns: Sequence[str]) -> Read:
    wanted = {name.casefold() for name in columns}
    if strange := wanted - set(COLUMNS_OF_ITEMS):
        raise unknown("column of items", min(strange), COLUMNS_OF_ITEMS)
    listed = sorted(wanted)
    rows: list[Any] = []
    for chunk in chunks(items):
        rows += store.rows(
            f"SELECT item, {', '.join(listed)} FROM items WHERE item IN "
            f"({placeholders(len(chunk))})",
            chunk,
        )
    return Read(Rows(Shape.SCALAR, pd.DataFrame(rows, columns=["item", *listed]), items))


def _gold(store: Store, items: list[str], variables: Sequence[str], *, against: str) -> Read:
    """Read the gold values of other variables."""
    if against in variables:
        raise ParameterError(
            f"The rule compares {GOLD}:{against}, which is what it is held against."
        )
    frame = pd.DataFrame({"item": items})
    for variable in dict.fromkeys(variables):
        labels = gold_of(store, variable).labels
        values = pd.Series([labels.get(item) for item in items], dtype=object)
        numbers = pd.to_numeric(values, errors="coerce")
        frame[variable] = values if (numbers.isna() & values.notna()).any() else numbers
    return Read(Rows(Shape.SCALAR, frame, items))


def _measure(store: Store, table: str, items: list[str], *, show: bool | None) -> Read:
    """Read a measure or model, which is run first where it can be."""
    for model in people.models(store):
        if model["model"] == table:
            applied = apply_first(store, model, items, show=show)
            return _shown(store, table, items, first=" ".join(applied) or None)
    setups = progress.current_setups(store)
    here = MEASURES.info(table).version if table in MEASURES else None
    first = None
    # A table of another version is scored as it is: measured anew, it would show these items only.
    if here is not None and (table not in setups or setups[table][1].version == here):
        first = measure_for(store, table, items, show=show)
        setups = progress.current_setups(store)
    if table not in setups:
        raise unknown("measure", table, {*setups, *MEASURES.names()})
    return _shown(store, table, items, first=first)


def _shown(store: Store, table: str, items: list[str], *, first: str | None) -> Read:
    """Read the rows that a table shows."""
    setup, info = progress.current_setups(store)[table]
    done = {
        item
        for (item,) in store.rows(
            "SELECT item FROM measured JOIN items USING (n) WHERE setup = ? AND part IS NOT NULL",
            (setup,),
        )
    }
    measured = [item for item in items if item in done]
    frame = rows_of(store, setup, info=info, items=measured)
    rows = rows_from(store, table, info, frame, measured)
    return Read(rows, setup, first or _absent(store, table, len(items) - len(measured)))


def rows_from(  # noqa: PLR0917 - a table and what it is of
    store: Store, table: str, info: Info, frame: pd.DataFrame, measured: list[str]
) -> Rows:
    """Put the rows of a measure beside the tags that it knows."""
    return Rows(
        info.shape,
        frame,
        measured,
        known=known_tags(store, table),
        kinds=classes_of if table == NETWORK else None,
        where=_COMMAND.format(table),
    )


def _absent(store: Store, table: str, count: int) -> str | None:
    """Say that an imported table names nothing of some of the items."""
    if not count or table not in progress.outside(store):
        return None
    are = "is" if count == 1 else "are"
    return (
        f"{counted(count, 'labelled item')} {are} not in the table that {table} was imported from."
    )
