"""Sum measures of frames up to shots and videos, and those of pages up to documents."""

from __future__ import annotations

from functools import partial
from typing import Any

from mediacorpus.analysis.views import not_run, views
from mediacorpus.errors import ParameterError, unknown
from mediacorpus.records import Info, Shape
from mediacorpus.store import people, progress
from mediacorpus.store.query import FetchView, Result, quoted, run_sql
from mediacorpus.store.store import Store

LEVELS = {"shot": "frame", "video": "frame", "document": "page"}
"""What measures are summed up to, and the kind of items that they are summed up from."""

_CIRCULAR = {"hue_mean"}
"""Columns of degrees, of which 359 and 1 have the mean 0."""
_NUMBERS = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "double")


def rollup(store: Store, name: str, by: str, *, at_least: float = 0.0) -> Result:
    """Give the relation of a measure summed up; `analysis.tidy.table` returns it as a table.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        A measure or model of any shape.
    by:
        `"video"`, `"shot"` or `"document"`.
    at_least:
        Tags and regions with a lower score do not count, 0 to 1.

    Returns
    -------
    relation
        One row for each video, shot or document: `item` (the file), `frames` or `pages` that
        were measured, and for each column of numbers its mean (`_mean`) and maximum (`_max`),
        for each column of truth values the share of frames (`_share`) and the time in seconds,
        or the page, at which it is first true (`_first_seen`). Text is joined, vectors are
        averaged. Tags have one row each: `share` of the frames, `mean` of the score over all
        frames (0 where the tag is not given), `max`, and `first_seen`; regions in addition the
        mean and the maximum of their `count` in a frame.

    Raises
    ------
    UnknownName
        There is no such measure.
    ParameterError
        There is no such level, or nothing was measured on it.
    """
    if by not in LEVELS:
        raise ParameterError(
            f"Tables are summed up by {', '.join(LEVELS)}; {by!r} is none of them."
        )
    if not 0 <= at_least <= 1:
        raise ParameterError(f"The least score is {at_least}; it must be from 0 to 1.")
    setups = progress.current_setups(store)
    if name not in setups:
        if store.value("SELECT 1 FROM models WHERE model = ?", (name,)):
            raise people.not_applied(store, name)
        raise not_run(store, name) or unknown("measure", name, setups)
    setup, info = setups[name]
    part = LEVELS[by]
    group = ("item", "shot", "start", "stop") if by == "shot" else ("item",)
    _check_measured(store, setup, name, by=by)
    known = views(store) | {"parts_of": FetchView(partial(_parts, store, setup, part))}
    return run_sql(
        _sql(info, group, part=part, at_least=float(at_least)), known, folder=store.folder
    )


def _check_measured(store: Store, setup: int, name: str, *, by: str) -> None:
    """Refuse to sum up where there is nothing to be summed up."""
    part = LEVELS[by]
    hint = {
        "video": "Add videos with --frames every=1s or --frames shots, then measure.",
        "shot": "Add videos with --frames shots, then measure.",
        "document": "Add PDF files, then measure.",
    }[by]
    if not store.value(
        "SELECT count(*) FROM measured JOIN items USING (n) "
        "WHERE setup = ? AND part IS NOT NULL AND kind = ?",
        (setup, part),
    ):
        raise ParameterError(f"{name} was measured of no {part}. {hint}")
    if by == "shot" and not store.value(
        "SELECT count(*) FROM measured JOIN items USING (n) JOIN shots ON shots.item = parent "
        "WHERE setup = ? AND part IS NOT NULL",
        (setup,),
    ):
        raise ParameterError(f"Of no video that {name} was measured in the shots are known. {hint}")


def _parts(store: Store, setup: int, kind: str) -> Any:
    """Give the frames or pages that a setup has measured, with their place."""
    return store.frame(
        "SELECT items.item AS part, items.parent AS item, "
        "coalesce(json_extract(locator, '$.time'), json_extract(locator, '$.page')) AS at, "
        "shot, start, stop FROM measured JOIN items USING (n) "
        "LEFT JOIN shots ON shots.item = items.parent "
        "AND json_extract(locator, '$.frame') BETWEEN first_frame AND last_frame "
        "WHERE setup = ? AND measured.part IS NOT NULL AND items.kind = ? ORDER BY items.n",
        (setup, kind),
    )


def _sql(info: Info, group: tuple[str, ...], *, part: str, at_least: float) -> str:
    table, keys = quoted(info.name), ", ".join(group)
    inner = ", ".join(f"p.{key}" for key in group)
    only = "WHERE p.shot IS NOT NULL" if "shot" in group else ""
    if info.shape in {Shape.TAG, Shape.REGION}:
        return _tags(info, group, part=part, at_least=at_least)
    if info.shape is Shape.VECTOR:
        return (
            f"SELECT {keys}, max(n) AS {part}s, list(mean ORDER BY place) AS vector FROM ("
            f"SELECT {inner}, place, avg(v) AS mean, count(*) AS n FROM (SELECT item, "
            f"unnest(vector) AS v, generate_subscripts(vector, 1) AS place FROM {table}) AS m "
            f"JOIN parts_of AS p ON p.part = m.item {only} GROUP BY {inner}, place) "
            f"GROUP BY {keys} ORDER BY {keys}"
        )
    join = "JOIN"
    if info.shape is Shape.TEXT:
        # A frame without any text is a frame that was read all the same.
        columns, join = ["string_agg(m.text, ' ' ORDER BY p.at) AS text"], "RIGHT JOIN"
        table = (
            f"(SELECT item, string_agg(text, ' ' ORDER BY rank) AS text FROM {table} GROUP BY 1)"
        )
    else:
        columns = [c for name, kind in info.outputs.items() for c in _columns(name, kind)]
    return (
        f"SELECT {inner}, count(*) AS {part}s{''.join(', ' + c for c in columns)} "
        f"FROM {table} AS m {join} parts_of AS p ON p.part = m.item {only} "
        f"GROUP BY {inner} ORDER BY {inner}"
    )


def _columns(name: str, kind: str) -> list[str]:
    own = f"m.{quoted(name)}"
    if kind == "bool":
        return [
            f"avg(CAST({own} AS INTEGER)) AS {quoted(name + '_share')}",
            f"min(p.at) FILTER (WHERE {own}) AS {quoted(name + '_first_seen')}",
        ]
    if kind not in _NUMBERS:
        return []
    if name in _CIRCULAR:
        mean = f"degrees(atan2(avg(sin(radians({own}))), avg(cos(radians({own})))))"
        return [f"(({mean} % 360) + 360) % 360 AS {quoted(name + '_mean')}"]
    return [
        f"avg({own}) AS {quoted(name + '_mean')}",
        f"max({own}) AS {quoted(name + '_max')}",
    ]


def _tags(info: Info, group: tuple[str, ...], *, part: str, at_least: float) -> str:
    """Write the query for measures that name things: one row for each name."""
    inner = ", ".join(f"p.{key}" for key in group)
    only = "WHERE p.shot IS NOT NULL" if "shot" in group else ""
    counts = (
        ", sum(n) / any_value(t.total) AS count_mean, max(n) AS count_max"
        if info.shape is Shape.REGION
        else ""
    )
    same = " AND ".join(f"t.{key} IS NOT DISTINCT FROM p.{key}" for key in group)
    return (
        f"WITH best AS (SELECT item AS part, tag, max(score) AS score, count(*) AS n "
        f"FROM {quoted(info.name)} WHERE score >= {at_least} GROUP BY item, tag), "
        f"totals AS (SELECT {inner}, count(*) AS total FROM parts_of AS p {only} GROUP BY {inner}) "
        f"SELECT {inner}, tag, any_value(t.total) AS {part}s, "
        f"count(*) / any_value(t.total) AS share, sum(score) / any_value(t.total) AS mean, "
        f"max(score) AS max, min(p.at) AS first_seen{counts} "
        f"FROM best JOIN parts_of AS p USING (part) JOIN totals AS t ON {same} {only} "
        f"GROUP BY {inner}, tag ORDER BY {inner}, share DESC, mean DESC, tag"
    )
