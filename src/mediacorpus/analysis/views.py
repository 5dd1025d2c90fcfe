"""Every table of a corpus by name: the catalogue's and those of the measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from mediacorpus.store import people, progress
from mediacorpus.store.columns import OwnColumn, own_columns, own_values
from mediacorpus.store.query import (
    TYPES,
    FetchView,
    PartsView,
    RefusedView,
    ScanView,
    View,
)
from mediacorpus.store.results import CURRENT
from mediacorpus.store.store import Store, placeholders

if TYPE_CHECKING:
    import pandas as pd

OF_ITEMS = ("kind", "format", "place", "width", "height", "duration", "mode", "bytes", "taken")
"""Columns of the items that stand in the tidy table."""

FOUND_AT_ONCE = 10_000
"""Items that one query looks up by their ids."""

_SQL_TYPES = {"integer": "BIGINT", "real": "DOUBLE", "boolean": "BOOLEAN"}


@dataclass(frozen=True, slots=True)
class Listing:
    """A table of the catalogue: what stands in its columns, and where the rows come from.

    Parameters
    ----------
    columns:
        Column -> SQLite's expression for it, with its type in front, as in `"BIGINT width"`.
    source:
        What follows FROM.
    order:
        What the rows are ordered by.
    own:
        Column -> that of the user, whose values are read from the JSON of the record.
    """

    columns: Mapping[str, str]
    source: str
    order: str
    own: Mapping[str, OwnColumn] = field(default_factory=dict)

    def view(self, store: Store, *, only: str = "") -> ScanView:
        """Give the table as a query can read it; `only` is a condition that its rows must meet."""
        source = _where(self.source, [only] if only else [])
        return ScanView(
            {name: text.partition(" ")[0] for name, text in self.columns.items()},
            partial(_scan, store, replace(self, source=source)),
            partial(_count, store, source),
        )


def _listing(columns: str, source: str, order: str, /, **special: str) -> Listing:
    """Write a listing briefly: `"item, frame:BIGINT"`; text where no type is given."""
    found = {}
    for entry in columns.split(", "):
        name, _, kind = entry.partition(":")
        found[name] = f"{kind or 'VARCHAR'} {special.get(name, name)}"
    return Listing(found, source, order)


CATALOGUE: Mapping[str, Listing] = {
    "items": _listing(
        "item, kind, format, place, width:BIGINT, height:BIGINT, duration:DOUBLE, records:BIGINT, "
        "mode, bytes:BIGINT, alpha:BOOLEAN, frames:BIGINT, dpi:DOUBLE, taken, frame_rate:DOUBLE, "
        "sample_rate:BIGINT, channels:BIGINT, parent, found_by, sha256, run:BIGINT",
        "items",
        "n",
        records="(SELECT count(*) FROM records WHERE records.item = items.item)",
        bytes="CASE WHEN items.parent IS NULL THEN bytes END",
        alpha="alpha <> 0",
    ),
    "frames": _listing(
        "item, parent, frame:BIGINT, time:DOUBLE, shot:BIGINT, width:BIGINT, height:BIGINT",
        "items LEFT JOIN shots ON shots.item = items.parent AND json_extract(locator, '$.frame') "
        "BETWEEN first_frame AND last_frame WHERE kind = 'frame'",
        "parent, json_extract(locator, '$.frame')",
        item="items.item",
        frame="json_extract(locator, '$.frame')",
        time="json_extract(locator, '$.time')",
    ),
    "pages": _listing(
        "item, parent, page:BIGINT, dpi:DOUBLE, width:BIGINT, height:BIGINT",
        "items WHERE kind = 'page'",
        "parent, json_extract(locator, '$.page')",
        page="json_extract(locator, '$.page')",
    ),
    "shots": _listing(
        "item, shot:BIGINT, first_frame:BIGINT, last_frame:BIGINT, start:DOUBLE, stop:DOUBLE, "
        "duration:DOUBLE, run:BIGINT",
        "shots",
        "item, shot",
        duration="stop - start",
    ),
    "downloads": _listing(
        "url, final_url, status:BIGINT, type, bytes:BIGINT, etag, modified, sha256, stored, time, "
        "run:BIGINT",
        "downloads",
        "time, url",
    ),
    "failures": _listing(
        "path, reason, stage, subject, time, run:BIGINT", "failures", "time, path"
    ),
    "runs": _listing(
        "run:BIGINT, verb, status, done:BIGINT, failed:BIGINT, started, ended, parameters, "
        "seed:BIGINT, model_hash, input_hash, version, machine, note, asked",
        "runs",
        "run",
    ),
    "sources": _listing("source:BIGINT, kind, location, run:BIGINT", "sources", "source"),
    "labels": _listing(
        "label:BIGINT, item, variable, value, coder, seconds:DOUBLE, time, run:BIGINT",
        "labels",
        "label",
    ),
    "measures": _listing(
        "measure, version, shape, items:BIGINT, current:BOOLEAN, file, sha256, parameters, time, "
        "run:BIGINT",
        "setups LEFT JOIN runs ON runs.run = setups.used",
        "name, used, setup",
        measure="name",
        version="setups.version",
        shape="json_extract(info, '$.shape')",
        items="(SELECT count(*) FROM measured WHERE measured.setup = setups.setup "
        "AND part IS NOT NULL)",
        current="NOT EXISTS (SELECT 1 FROM setups AS s WHERE s.name = setups.name "
        "AND (s.used, s.setup) > (setups.used, setups.setup))",
        file="json_extract(setups.parameters, '$.origin.file')",
        sha256="json_extract(setups.parameters, '$.origin.sha256')",
        parameters="setups.parameters",
        time="started",
        run="used",
    ),
    "splits": _listing(
        "split:BIGINT, variable, item, part, shares, seed:BIGINT, method, time",
        "split_items JOIN splits USING (split)",
        "split, item",
    ),
    "models": _listing("model, variable, split:BIGINT, hash, card, run:BIGINT", "models", "run"),
    "results": _listing(
        "result:BIGINT, run:BIGINT, command, kind, subject, subject_hash, variable, part, model, "
        "model_hash, group_column, group, class, metric, estimate:DOUBLE, low:DOUBLE, "
        "high:DOUBLE, level:DOUBLE, n:BIGINT, method, notes, current:BOOLEAN",
        "results",
        "result",
        group='"group"',
        current=CURRENT,
    ),
    "validations": _listing(
        "validation:BIGINT, kind, subject, variable, part, result, time, run:BIGINT",
        "validations",
        "validation",
    ),
}
"""Tables of the catalogue: what each shows, and of which type it is."""


def views(store: Store) -> dict[str, View]:
    """Return all tables that SQL can name in a corpus.

    These are the tables of the catalogue, `records` with the user's own columns, `columns` (their
    names and types), `gold` (one value for each item and variable), and the rows of each measure
    and model.
    """
    found: dict[str, View] = {name: listing.view(store) for name, listing in CATALOGUE.items()}
    found["records"] = records(store).view(store)
    found["columns"] = FetchView(partial(columns, store))
    found["gold"] = FetchView(partial(gold, store))
    for name, (setup, info) in progress.current_setups(store).items():
        found[name] = PartsView(tuple(progress.files_of(store, setup)), info)
    for (name,) in store.rows("SELECT model FROM models"):
        if name not in found:
            found[name] = RefusedView(people.not_applied(store, name))
    return found


def measured(setup: int) -> Listing:
    """Return the items that were measured under a setup, also those without a row."""
    return _listing(
        "item",
        f"measured JOIN items USING (n) WHERE setup = {int(setup)} AND part IS NOT NULL",
        "n",
    )


def records(store: Store) -> Listing:
    """Return the records with the user's columns side by side.

    A user's column that is named like one of ours gets a `_` behind its name.
    """
    base = _listing(
        "record:BIGINT, item, path, source, size:BIGINT, added:BIGINT",
        "records JOIN sources USING (source)",
        "record",
        item="records.item",
        source="sources.kind || ':' || records.source",
        added="records.run",
    )
    own = {column.shown: column for column in own_columns(store)}
    listed = {
        shown: f"{_SQL_TYPES.get(column.type, 'VARCHAR')} {_in_sqlite(column)}"
        for shown, column in own.items()
    }
    return Listing({**base.columns, **listed}, base.source, base.order, own)


def records_of_items(store: Store) -> tuple[Listing, dict[str, str]]:
    """Return the records together with their items, as the tidy table has them.

    Also gives the column of each of `OF_ITEMS`, and of the item's number `n`: hidden ones, which
    are named so that they are nobody else's.
    """
    base, items = records(store), {**CATALOGUE["items"].columns, "n": "BIGINT n"}
    names = {name: f"items.{name}" for name in (*OF_ITEMS, "n")}
    while {name.lower() for name in base.columns} & set(names.values()):
        names = {name: f"{hidden}_" for name, hidden in names.items()}
    listed = dict(base.columns)
    for name, hidden in names.items():
        kind, _, expression = items[name].partition(" ")
        own = f"items.{name}" if expression == name else expression
        listed[hidden] = f"{kind} {own}"
    source = f"{base.source} JOIN items ON items.item = records.item"
    return Listing(listed, source, base.order, base.own), names


def items_of(store: Store, ids: pa.ChunkedArray) -> pa.Table:
    """Give the number `n` of items and their columns `OF_ITEMS`, a row for each id.

    Items mostly have the order of their records, and to read them by number takes a fraction of
    the time that it takes to find each by its id. The rest is found.

    Parameters
    ----------
    store:
        The catalogue.
    ids:
        Ids of items that are there, mostly in the order of their numbers.
    """
    columns = {"n": "BIGINT n", **CATALOGUE["items"].columns}
    listing = Listing({name: columns[name] for name in ("item", "n", *OF_ITEMS)}, "items", "n")
    ends = [
        store.value("SELECT n FROM items WHERE item = ?", (ids[place].as_py(),))
        for place in ((0, -1) if len(ids) else ())
    ]
    found = listing.view(store, only="n < 0").table()
    if ends and abs(ends[1] - ends[0]) < 2 * len(ids):
        found = listing.view(store, only=f"n BETWEEN {min(ends)} AND {max(ends)}").table()
    far = pc.unique(ids.filter(pc.is_null(pc.index_in(ids, found["item"])))).to_pylist()
    for start in range(0, len(far), FOUND_AT_ONCE):
        asked = {"item": far[start : start + FOUND_AT_ONCE]}
        found = pa.concat_tables([found, listing.view(store).table(asked)])
    return found.take(pc.index_in(ids, found["item"]))


def _in_sqlite(column: OwnColumn) -> str:
    """Give SQLite's expression for one of the user's columns, for conditions."""
    value = column.expression
    return f"CAST(nullif({value}, '') AS INTEGER)" if column.type == "integer" else value


def _same_in_sqlite(column: OwnColumn | None) -> bool:
    """Tell whether SQLite gives the values of a column just as they are."""
    # SQLite's own reading of decimals may differ from Python's in the last digit.
    return column is None or (column.in_sql and column.type != "real")


def columns(store: Store) -> pd.DataFrame:
    """Return the user's columns: `column` in tables, `name` as it was written, `type`."""
    import pandas as pd

    rows = [(own.shown, own.name, own.type) for own in own_columns(store)]
    return pd.DataFrame(rows, columns=["column", "name", "type"], dtype=object)


def _count(store: Store, source: str) -> int:
    return int(store.value(f"SELECT count(*) FROM {source}"))


def _where(source: str, conditions: Sequence[str]) -> str:
    joint = " AND " if " WHERE " in source else " WHERE "
    return source + joint + " AND ".join(conditions) if conditions else source


def _scan(  # noqa: PLR0917 - the first two are bound
    store: Store, listing: Listing, wanted: Sequence[str], limits: Mapping[str, Sequence[Any]]
) -> Iterator[pa.RecordBatch]:
    """Give some columns of a table of the catalogue, batch by batch."""
    expressions = {name: text.partition(" ")[2] for name, text in listing.columns.items()}
    own = [listing.own[name] for name in wanted if name in listing.own]
    ours = [name for name in wanted if name not in listing.own]
    listed = [f"{expressions[name]} AS c{n}" for n, name in enumerate(ours)]
    listed += ["columns AS own"] if own else []
    asked = {
        name: values for name, values in limits.items() if _same_in_sqlite(listing.own.get(name))
    }
    source = _where(
        listing.source,
        [f"{expressions[n]} IN ({placeholders(len(values))})" for n, values in asked.items()],
    )
    query = f"SELECT {', '.join(listed)} FROM {source} ORDER BY {listing.order}"
    types = {name: TYPES[listing.columns[name].partition(" ")[0]] for name in wanted}
    schema = pa.schema(list(types.items()))
    for rows in store.batches(query, [v for values in asked.values() for v in values]):
        fetched = list(zip(*rows, strict=True))
        made = own_values(fetched.pop(), own) if own else {}
        made |= {n: _array(values, types[n]) for n, values in zip(ours, fetched, strict=True)}
        yield pa.record_batch([made[name] for name in wanted], schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_boolean(kind):
        return pa.array(values, pa.int8()).cast(kind)
    return pa.array(values, kind)


def gold(store: Store) -> pd.DataFrame:
    """Return the gold value of each variable and item: variable, item, value, coders."""
    import pandas as pd

    from mediacorpus.coding.resolving import gold_labels

    frames = []
    for variable in people.variables(store):
        values, _ = gold_labels(store, variable)
        frames.append(values.assign(variable=variable))
    if not frames:
        return pd.DataFrame(columns=["variable", "item", "value", "coders", "agreed"])
    return pd.concat(frames, ignore_index=True)
