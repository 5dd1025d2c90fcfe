"""What a query needs: which tables, which of their columns, and which of their rows at most.

DuckDB's own parser says so. What is found is never too little: where a query is of a kind that is
not known here, it needs everything.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

_REFERENCES = {"BASE_TABLE", "JOIN", "SUBQUERY", "EMPTY", "EMPTY_FROM", "EXPRESSION_LIST"}
_JOINS = {"REGULAR", "CROSS", "DEPENDENT"}
_BY_NAME = {"query", "query_table"}


@dataclass(slots=True)
class Needs:
    """What a query needs.

    Parameters
    ----------
    tables:
        How often each table is read, by its name in lower case.
    names:
        All words of the query, in lower case, that may be columns.
    whole:
        Tables of which all columns are needed.
    equal:
        Table -> column -> values: only rows with one of these values in the column matter.
    streams:
        Whether each table can be read from start to end just once.
    """

    tables: Counter[str] = field(default_factory=Counter)
    names: set[str] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)
    equal: dict[str, dict[str, Sequence[Any]]] = field(default_factory=dict)
    streams: bool = True

    def columns(self, table: str, of: Sequence[str]) -> list[str]:
        """Return those columns of a table that are needed."""
        if table.lower() in self.whole:
            return list(of)
        return [name for name in of if name.lower() in self.names]

    def once(self, table: str) -> bool:
        """Tell whether a table is read only once."""
        return self.streams and self.tables[table.lower()] == 1


def needs(connection: Any, sql: str) -> Needs | None:
    """Find out what a query needs; None is everything.

    Examples
    --------
    >>> found = needs(duckdb.connect(), "SELECT width FROM items WHERE item = 'ab'")
    >>> found.columns("items", ["item", "width", "height"]), found.equal
    (['item', 'width'], {'items': {'item': ['ab']}})
    >>> needs(duckdb.connect(), "SUMMARIZE items") is None
    True
    """
    try:
        ((text,),) = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    except duckdb.Error:
        return None
    tree = json.loads(text)
    if tree.get("error", True):
        return None
    found = Needs()
    aliases: dict[str, str] = {}
    nodes = list(_nodes(tree))
    for node in nodes:
        if node.get("type") == "BASE_TABLE" and not _reference(node, found, aliases):
            return None
    for node in nodes:
        if not _take(node, found, aliases):
            return None
    alone = _alone(nodes)
    found.whole.update(table for alias, table in aliases.items() if alias in alone)
    return found


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _reference(node: Mapping[str, Any], found: Needs, aliases: dict[str, str]) -> bool:
    """Take in one mention of a table."""
    table = str(node["table_name"]).lower()
    alias = str(node.get("alias") or table).lower()
    found.tables[table] += 1
    if node.get("column_name_alias"):
        found.whole.add(table)
    # One name may stand for two tables, in different parts of the query.
    return aliases.setdefault(alias, table) == table


def _take(node: Mapping[str, Any], found: Needs, aliases: Mapping[str, str]) -> bool:
    """Take in one node of the parsed query; False where it is of a kind that is not known."""
    kind, of = node.get("type"), node.get("class")
    if of == "STAR":
        relation = str(node.get("relation_name") or "").lower()
        found.whole.update([aliases[relation]] if relation in aliases else found.tables)
    elif of == "COLUMN_REF":
        found.names.update(str(name).lower() for name in node["column_names"])
    elif of == "FUNCTION":
        return str(node.get("function_name", "")).lower() not in _BY_NAME
    elif of is None and "sample" in node and "alias" in node:
        if kind == "TABLE_FUNCTION":
            return True
        if kind == "JOIN":
            found.names.update(str(name).lower() for name in node.get("using_columns", ()))
            return node.get("ref_type") in _JOINS
        return kind in _REFERENCES
    elif kind == "SELECT_NODE":
        found.streams &= not node["cte_map"]["map"]
        _limit(node, found)
    elif str(kind).endswith("CTE_NODE"):
        found.streams = False
    return True


def _alone(nodes: Sequence[Mapping[str, Any]]) -> set[str]:
    """Give the names that stand alone, or behind a schema, where one of a table is a whole row."""
    names = [node["column_names"] for node in nodes if node.get("class") == "COLUMN_REF"]
    return {str(n[-1]).lower() for n in names if len(n) == 1 or str(n[0]).lower() == "main"}


def _limit(node: Mapping[str, Any], found: Needs) -> None:
    """Take in the conditions of a query of one table that ask for single values of a column."""
    source = node["from_table"]
    if source.get("type") != "BASE_TABLE" or source.get("sample") or source.get("at_clause"):
        return
    table = str(source["table_name"]).lower()
    if found.tables[table] != 1 or source.get("column_name_alias"):
        return
    pending, limits = [node.get("where_clause")], found.equal.setdefault(table, {})
    while pending:
        condition = pending.pop() or {}
        if condition.get("type") == "CONJUNCTION_AND":
            pending += condition["children"]
        sides: list[dict[str, Any]] = []
        if condition.get("type") == "COMPARE_EQUAL":
            sides = [condition["left"], condition["right"]]
            sides.sort(key=lambda side: side.get("class") != "COLUMN_REF")
        elif condition.get("type") == "COMPARE_IN":
            sides = condition["children"]
        if sides and sides[0].get("class") == "COLUMN_REF":
            values = [_constant(side) for side in sides[1:]]
            if values and None not in values:
                limits.setdefault(str(sides[0]["column_names"][-1]).lower(), values)
    if not limits:
        del found.equal[table]


def _constant(node: Mapping[str, Any]) -> int | str | None:
    """Give the text or whole number that a node of the query is, if it is one."""
    if node.get("class") != "CONSTANT":
        return None
    if "literal" in node:
        kind, value = node["literal"].get("kind"), node["literal"].get("text")
    else:
        held = node.get("value", {})
        kind, value = held.get("type", {}).get("id"), held.get("value")
    if kind in {"STRING", "VARCHAR"} and isinstance(value, str):
        return value
    return int(value) if kind in {"INTEGER", "BIGINT"} and value is not None else None
