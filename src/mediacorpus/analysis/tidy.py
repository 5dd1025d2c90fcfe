"""The tidy table: one row a record, everything known of it side by side."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mediacorpus.analysis.rollup import rollup
from mediacorpus.analysis.views import (
    OF_ITEMS,
    items_of,
    measured,
    records,
    records_of_items,
    views,
)
from mediacorpus.errors import CorpusDamaged, ParameterError, unknown
from mediacorpus.records import Info, Shape
from mediacorpus.store import people, progress
from mediacorpus.store.query import FetchView, PartsView, Result, View, quoted, run_sql
from mediacorpus.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

TIDY = "tidy"
CHOSEN = "selected_items"
WIDE = "wide_labels"
MEMORY = "256MB"
"""What the database may hold in memory while it writes a table to a file."""
RECORDS_AT_ONCE = 50_000
"""Records that are joined with all that is known of them at once, for a file."""


def sql(store: Store, query: str) -> pd.DataFrame:
    """Run one query over all tables of a corpus and return a data frame.

    Raises
    ------
    QueryError, UnknownName
        The query cannot be run.
    """
    frame: pd.DataFrame = run_sql(query, views(store), folder=store.folder).frame()
    return frame


def table(
    store: Store,
    name: str = TIDY,
    *,
    columns: Sequence[str] = (),
    by: str | None = None,
    at_least: float = 0.0,
    only: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return one table whole; `"tidy"` is the one row a record table.

    `columns` are those that are wanted, all by default; in the tidy table they may bear the
    measure's name, as in `"color.red_share"`. `by` sums a measure up: see
    `analysis.rollup.rollup`. `only` holds the ids of the items whose rows are wanted.

    Raises
    ------
    UnknownName
        There is no such table or column.
    """
    return relation(store, name, columns=columns, by=by, at_least=at_least, only=only).frame()


def batches(
    store: Store,
    name: str,
    *,
    columns: Sequence[str] = (),
    by: str | None = None,
    at_least: float = 0.0,
    only: Sequence[str] | None = None,
) -> pa.RecordBatchReader:
    """Give a table batch by batch, for a file; the arguments are those of `table`."""
    if name == TIDY and by is None and only is None and not columns:
        return _tidy_batches(store)
    found = relation(
        store, name, columns=columns, by=by, at_least=at_least, only=only, memory=MEMORY
    )
    return found.batches()


def relation(
    store: Store,
    name: str,
    *,
    columns: Sequence[str] = (),
    by: str | None = None,
    at_least: float = 0.0,
    only: Sequence[str] | None = None,
    memory: str | None = None,
) -> Result:
    """Give a table as a result that is not yet read; the arguments are those of `table`."""
    if by is not None:
        if only is not None or columns:
            raise ParameterError(
                "A table that is summed up holds whole videos and documents; ask for some of its "
                "rows or columns with `sql`, or for single frames without --by."
            )
        return rollup(store, name, by, at_least=at_least)
    if name == TIDY and columns:
        query, known = part_of_tidy(store, columns)
        query += _only(known, only, of="records.") + " ORDER BY records.record"
        return run_sql(query, known, folder=store.folder, memory=memory)
    known = views(store)
    if name == TIDY:
        query, known = _tidy_sql(store), known | _of_tidy(store)
    elif name in known:
        query = f"SELECT * FROM {quoted(name)}"
    else:
        raise unknown("table", name, [*known, TIDY])
    if only is None and not columns:
        return run_sql(query, known, folder=store.folder, memory=memory)
    there = run_sql(query, known, folder=store.folder).columns
    if only is not None and "item" not in there:
        raise ParameterError(f"The rows of {name} are about no items, so none can be chosen.")
    for column in columns:
        if column not in there:
            raise unknown("column", column, there)
    listed = ", ".join(map(quoted, columns)) or "*"
    query = f"SELECT {listed} FROM ({query}){_only(known, only)}"
    return run_sql(query, known, folder=store.folder, memory=memory)


def _only(known: dict[str, View], only: Sequence[str] | None, of: str = "") -> str:
    """Write the condition that rows are about some items, which become a table."""
    if only is None:
        return ""
    chosen = pa.table({"item": list(only)})
    known[CHOSEN] = FetchView(lambda: chosen)
    return f" WHERE {of}item IN (SELECT item FROM {CHOSEN})"


def _tidy_batches(store: Store) -> pa.RecordBatchReader:
    """Give the tidy table piece by piece, so that it need not fit into the memory."""
    pieces = _pieces(store)
    first = next(pieces)
    batches = (batch for piece in itertools.chain([first], pieces) for batch in piece.to_batches())
    return pa.RecordBatchReader.from_batches(first.schema, batches)


def _pieces(store: Store) -> Iterator[pa.Table]:
    """Give the rows of the tidy table for some records after the other, at least one piece."""
    query = _tidy_sql(store)
    labels = _wide(store).fetch()
    known = views(store) | {WIDE: FetchView(lambda: labels)}
    spans = _spans(store)
    last = store.value("SELECT max(record) FROM records") or 1
    for start in range(0, last, RECORDS_AT_ONCE):
        only = f"record > {start} AND record <= {start + RECORDS_AT_ONCE}"
        try:
            piece = _piece(store, query, known, only=only, spans=spans)
        except CorpusDamaged:  # another run may have put small parts together meanwhile
            spans = _spans(store)
            piece = _piece(store, query, known, only=only, spans=spans)
        yield piece


def _spans(store: Store) -> dict[str, list[tuple[Path, int, int]]]:
    return {
        name: progress.spans_of(store, setup)
        for name, (setup, _) in progress.current_setups(store).items()
    }


def _piece(
    store: Store,
    query: str,
    known: Mapping[str, View],
    *,
    only: str,
    spans: Mapping[str, list[tuple[Path, int, int]]],
) -> pa.Table:
    """Give the tidy rows of some records, from no more files than can hold rows of their items."""
    found = records(store).view(store, only=only).table()
    items = items_of(store, found.column("item"))
    for name, hidden in records_of_items(store)[1].items():
        found = found.append_column(hidden, items.column(name))
    numbers = np.sort(items.column("n").to_numpy())
    own: dict[str, View] = {"records": FetchView(lambda: found)}
    near = f"n BETWEEN {numbers[0]} AND {numbers[-1]}" if len(numbers) else "n < 0"
    own |= _measured(store, only=near)
    for name, files in spans.items():
        whole = known.get(name)
        if isinstance(whole, PartsView):
            reached = [
                file
                for file, first, last in files
                if np.searchsorted(numbers, first) < np.searchsorted(numbers, last, "right")
            ]
            own[name] = PartsView(tuple(reached), whole.info)
    return run_sql(query, {**known, **own}, folder=store.folder).batches(RECORDS_AT_ONCE).read_all()


def _of_tidy(store: Store) -> dict[str, View]:
    """Give the tables that only the tidy table is made of."""
    return {"records": records_of_items(store)[0].view(store), **tables_beside(store)}


def tables_beside(store: Store) -> dict[str, View]:
    """Give the further tables that a `Side` may name: labels and parts, and what was measured."""
    return {WIDE: _wide(store), **_measured(store)}


def _measured(store: Store, *, only: str = "") -> dict[str, View]:
    """Give the items of which regions were sought, also those where none was found."""
    return {
        _sought(name): measured(setup).view(store, only=only)
        for name, (setup, info) in progress.current_setups(store).items()
        if info.shape is Shape.REGION
    }


def _sought(name: str) -> str:
    return f"measured by {name}"


def _wide(store: Store) -> FetchView:
    """Give labels and parts of the split in wide form: one column a variable."""

    def labels() -> pd.DataFrame:
        import pandas as pd

        frame = pd.DataFrame({"item": []}, dtype=str)
        for variable in people.variables(store):
            frame = frame.merge(_gold_and_part(store, variable), on="item", how="outer")
        return frame

    return FetchView(labels)


def _gold_and_part(store: Store, variable: str) -> pd.DataFrame:
    from mediacorpus.coding.resolving import gold_labels

    values, _ = gold_labels(store, variable)
    frame = values[["item", "value"]].rename(columns={"value": variable})
    split = people.latest_split(store, variable)
    if split is not None:
        parts = people.split_parts(store, split)
        frame[f"{variable}_part"] = frame["item"].map(parts)
    return frame


@dataclass(frozen=True, slots=True)
class Side:
    """What stands beside the records in the tidy table, from one measure, one model or the labels.

    Parameters
    ----------
    alias:
        What the rows are called in a query.
    source:
        SQL for rows with a column `item`, at most one for each item.
    columns:
        Column of the tidy table -> SQL for it, in the words of `alias`.
    of:
        The measure or model; empty for the labels.
    labels:
        Column of the tidy table -> what it holds, where the measure itself does not say.
    private:
        Whether the columns stand in the tidy table only where they are asked for by name.
    """

    alias: str
    source: str
    columns: Mapping[str, str]
    of: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    private: bool = False

    @property
    def join(self) -> str:
        """What brings the rows to `records`."""
        return f"LEFT JOIN {self.source} AS {self.alias} ON {self.alias}.item = records.item"


def own_side(store: Store) -> dict[str, str]:
    """Give the columns of records and items in the tidy table: column -> SQL for it."""
    own = list(records(store).columns)
    _, hidden = records_of_items(store)
    taken = set(own)
    found = {name: f"records.{quoted(name)}" for name in own}
    for name in OF_ITEMS:
        found[_free(name, taken, "item")] = f"records.{quoted(hidden[name])}"
    return found


def sides(store: Store) -> list[Side]:
    """Give what stands beside the records in the tidy table, in its order."""
    taken = set(own_side(store))
    found = []
    variables = people.variables(store)
    if variables:
        columns: dict[str, str] = {}
        labels: dict[str, str] = {}
        for variable in variables:
            names = {variable: f"Gold value of {variable}"}
            if people.latest_split(store, variable) is not None:
                names[f"{variable}_part"] = f"Part of the split of {variable}: train, val or test"
            for name, label in names.items():
                shown = _free(name, taken, "label")
                columns[shown], labels[shown] = f"{WIDE}.{quoted(name)}", label
        found.append(Side(WIDE, WIDE, columns, labels=labels))
    for name, (_, info) in progress.current_setups(store).items():
        side = _measure_side(name, info, taken=taken, store=store)
        if side is not None:
            found.append(side)
    return found


def _tidy_sql(store: Store) -> str:
    """Join records with items, labels, and the current rows of each measure and model."""
    beside = [side for side in sides(store) if not side.private]
    columns = own_side(store)
    for side in beside:
        columns |= side.columns
    return _joined(columns, beside) + " ORDER BY records.record"


def _joined(columns: Mapping[str, str], beside: Sequence[Side]) -> str:
    select = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in columns.items())
    return f"SELECT {select} FROM records {' '.join(side.join for side in beside)}"


def part_of_tidy(store: Store, names: Sequence[str]) -> tuple[str, dict[str, View]]:
    """Write the query for some columns of the tidy table, which reads nothing else.

    Parameters
    ----------
    store:
        The catalogue.
    names:
        Columns as they are named in the tidy table, in any case; or with the measure's name
        before them, as in `"color.red_share"`.

    Returns
    -------
    str, dict
        A query whose columns bear the names that were asked for, a row for each record in no
        order; and the tables that it names.

    Raises
    ------
    UnknownName
        There is no such column.
    """
    own, beside = own_side(store), sides(store)
    known: dict[str, tuple[str, Side | None]] = {}
    known.update((name.lower(), (sql, None)) for name, sql in own.items())
    for side in beside:
        for name, sql in side.columns.items():
            inner = sql.rpartition(".")[2].strip('"')
            for way in (name, f"{side.of}.{name}", f"{side.of}.{inner}"):
                known.setdefault(way.lower(), (sql, side))
    for name in names:
        if name.lower() not in known:
            shown = [*own, *(n for side in beside for n in side.columns)]
            raise unknown("column", name, shown)
    chosen = {name: known[name.lower()] for name in names}
    needed = [side for side in beside if any(side is found for _, found in chosen.values())]
    query = _joined({name: sql for name, (sql, _) in chosen.items()}, needed)
    return query, views(store) | _of_tidy(store)


def _measure_side(name: str, info: Info, *, taken: set[str], store: Store) -> Side | None:
    """Give the columns of a measure or model in the tidy table, and SQL for their rows."""
    alias, source = quoted(f"m_{name}"), quoted(name)

    def one(column: str, sql: str, *, rows: str, label: str, prefix: str = name) -> Side:
        shown = _free(column, taken, prefix)
        return Side(alias, rows, {shown: f"{sql}"}, name, {shown: label})

    if info.shape is Shape.SCALAR and list(info.outputs) == ["value"]:  # a model of a scale
        label = f"Value predicted by {name}"
        return one(name, f"{alias}.value", rows=source, label=label, prefix="value")
    if info.shape is Shape.SCALAR:
        names = {
            _free(c, taken, name): c
            for c in info.outputs
            if not (name == "facts" and c in OF_ITEMS)
        }
        columns = {shown: f"{alias}.{quoted(c)}" for shown, c in names.items()}
        return Side(alias, source, columns, name, private=info.private)
    if info.shape is Shape.TAG:
        return _tag_side(name, alias, taken=taken, store=store)
    if info.shape is Shape.TEXT:
        text = "string_agg(text, ' ' ORDER BY rank) AS text"
        rows = f"(SELECT item, {text} FROM {source} GROUP BY item)"
        return one(name, f"{alias}.text", rows=rows, label=f"Text by {name}", prefix="text")
    if info.shape is Shape.REGION:
        both = f"SELECT item, 0 AS n FROM {quoted(_sought(name))}"
        both += f" UNION ALL SELECT item, 1 AS n FROM {source}"
        rows = f"(SELECT item, CAST(sum(n) AS BIGINT) AS n FROM ({both}) GROUP BY item)"
        label = f"Number of regions found by {name}"
        return one(f"{name}_count", f"{alias}.n", rows=rows, label=label)
    return None


def _tag_side(name: str, alias: str, *, taken: set[str], store: Store) -> Side:
    """Give the best tag and its score; for a model also the probability of each class."""
    best = _free(name, taken, "tag")
    score = _free(f"{name}_score", taken, "tag")
    columns = {best: f"{alias}.tag", score: f"{alias}.score"}
    labels = {best: f"Best tag of {name}", score: f"Score of the best tag of {name}, 0 to 1"}
    inner = ["arg_max(tag, score) AS tag", "max(score) AS score"]
    classes: list[str] = []
    for model in people.models(store):
        if model["model"] == name:
            classes = [str(c) for c in model["card"].get("classes", [])]
            labels[best] = f"{model['variable']} as predicted by {name}"
            labels[score] = f"Probability of the class predicted by {name}, 0 to 1"
    for number, value in enumerate(classes):
        literal = value.replace("'", "''")
        inner.append(f"max(score) FILTER (WHERE tag = '{literal}') AS p{number}")
        shown = _free(f"{name}_{value}", taken, "p")
        columns[shown] = f"{alias}.p{number}"
        labels[shown] = f"Probability of {value} by {name}, 0 to 1"
    rows = f"(SELECT item, {', '.join(inner)} FROM {quoted(name)} GROUP BY item)"
    return Side(alias, rows, columns, name, labels)


def _free(name: str, taken: set[str], prefix: str) -> str:
    """Take a column name, with a prefix if it is taken already (DuckDB ignores case)."""
    lowered = {t.lower() for t in taken}
    candidate = name
    while candidate.lower() in lowered:
        candidate = f"{prefix}_{candidate}"
    taken.add(candidate)
    return candidate
