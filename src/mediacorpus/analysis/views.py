"""Every table of a corpus by name: the catalogue's and those of the measures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

import pandas as pd

from mediacorpus.catalogue import people, progress
from mediacorpus.catalogue.store import Store
from mediacorpus.coding.resolving import gold_labels
from mediacorpus.tables.query import FetchView, PartsView, RefusedView, View

RECORD_COLUMNS = ("record", "item", "path", "source", "size", "added")

CATALOGUE: Mapping[str, str] = {
    "items": "SELECT items.item, kind, format, place, width, height, duration, count(record) AS "
    "records, mode, CASE WHEN items.parent IS NULL THEN bytes END AS bytes, alpha <> 0 AS alpha, "
    "frames, dpi, taken, frame_rate, sample_rate, channels, items.parent, found_by, sha256, "
    "items.run "
    "FROM items "
    "LEFT JOIN records ON records.item = items.item GROUP BY items.n ORDER BY items.n",
    "frames": "SELECT items.item, parent, json_extract(locator, '$.frame') AS frame, "
    "json_extract(locator, '$.time') AS time, shot, width, height FROM items "
    "LEFT JOIN shots ON shots.item = items.parent AND json_extract(locator, '$.frame') "
    "BETWEEN first_frame AND last_frame WHERE kind = 'frame' ORDER BY parent, frame",
    "pages": "SELECT item, parent, json_extract(locator, '$.page') AS page, dpi, width, height "
    "FROM items WHERE kind = 'page' ORDER BY parent, page",
    "shots": "SELECT item, shot, first_frame, last_frame, start, stop, stop - start AS duration, "
    "run FROM shots ORDER BY item, shot",
    "downloads": "SELECT url, final_url, status, type, bytes, etag, modified, sha256, stored, "
    "time, run FROM downloads ORDER BY time, url",
    "failures": "SELECT path, reason, stage, subject, time, run FROM failures ORDER BY time, path",
    "runs": "SELECT run, verb, status, done, failed, started, ended, parameters, seed, "
    "model_hash, input_hash, version, machine, note FROM runs ORDER BY run",
    "sources": "SELECT source, kind, location, run FROM sources ORDER BY source",
    "labels": "SELECT label, item, variable, value, coder, seconds, time, run FROM labels "
    "ORDER BY label",
    "splits": "SELECT split, variable, item, part, shares, seed, method, time FROM split_items "
    "JOIN splits USING (split) ORDER BY split, item",
    "models": "SELECT model, variable, split, hash, card, run FROM models ORDER BY run",
    "validations": "SELECT validation, subject, variable, part, result, time, run "
    "FROM validations ORDER BY validation",
}
"""Tables of the catalogue, with the query that shows each."""


def views(store: Store) -> dict[str, View]:
    """Return all tables that SQL can name in a corpus.

    These are the tables of the catalogue, `records` with the user's own columns, `gold` (one
    value for each item and variable), and the rows of each measure and model.
    """
    found: dict[str, View] = {
        name: FetchView(partial(store.frame, sql)) for name, sql in CATALOGUE.items()
    }
    found["items"] = FetchView(partial(items, store))
    found["records"] = FetchView(partial(records, store))
    found["gold"] = FetchView(partial(gold, store))
    for name, (setup, info) in progress.current_setups(store).items():
        found[name] = PartsView(tuple(progress.files_of(store, setup)), info)
    for (name,) in store.rows("SELECT model FROM models"):
        if name not in found:
            found[name] = RefusedView(people.not_applied(store, name))
    return found


def items(store: Store) -> pd.DataFrame:
    """Return the items with truth values and whole numbers as such."""
    whole = dict.fromkeys(("bytes", "sample_rate", "channels"), "Int64")
    return store.frame(CATALOGUE["items"]).astype(whole | {"alpha": "boolean"})


def records(store: Store) -> pd.DataFrame:
    """Return the records with the user's columns side by side.

    A user's column that is named like one of ours gets a `_` behind its name.
    """
    frame = store.frame(
        "SELECT record, item, path, kind || ':' || source AS source, size, "
        "records.run AS added, columns FROM records JOIN sources USING (source) ORDER BY record"
    )
    texts = frame.pop("columns")
    if texts.empty or (texts == "{}").all():
        return frame
    own = pd.DataFrame([json.loads(text) for text in texts])
    own.columns = [f"{n}_" if str(n).lower() in RECORD_COLUMNS else str(n) for n in own.columns]
    return pd.concat([frame, own.apply(_numbers_if_all_are)], axis=1)


def _numbers_if_all_are(column: pd.Series) -> pd.Series:
    """Make numbers of text that came from a CSV, unless that would lose leading zeros."""
    given = column.dropna()
    given = given[given != ""]
    if given.empty or not given.map(lambda v: isinstance(v, str)).all():
        return column
    if given.str.fullmatch(r"-?(0|[1-9]\d{0,14})(\.\d+)?").all():
        return pd.to_numeric(column, errors="coerce")
    return column


def gold(store: Store) -> pd.DataFrame:
    """Return the gold value of each variable and item: variable, item, value, coders."""
    frames = []
    for variable in people.variables(store):
        values, _ = gold_labels(store, variable)
        frames.append(values.assign(variable=variable))
    if not frames:
        return pd.DataFrame(columns=["variable", "item", "value", "coders", "agreed"])
    return pd.concat(frames, ignore_index=True)
