"""What a query needs is never found to be too little."""

import duckdb
import pytest

from mediacorpus.store.needs import needs

COLUMNS = {"items": ["item", "width", "records", "run"], "records": ["record", "item", "path"]}


@pytest.fixture(scope="module")
def ask():
    connection = duckdb.connect()

    def found(sql):
        need = needs(connection, sql)
        if need is None:
            return None
        return {
            table: need.columns(table, names)
            for table, names in COLUMNS.items()
            if need.tables[table]
        }

    return found


@pytest.fixture(scope="module")
def limits():
    connection = duckdb.connect()
    return lambda sql: needs(connection, sql).equal


@pytest.mark.parametrize(
    ("sql", "items", "records"),
    [
        ("SELECT count(*) FROM items", [], None),
        ("SELECT records FROM items", ["records"], None),
        ("SELECT Width FROM main.ITEMS", ["width"], None),
        ('SELECT "width" FROM items ORDER BY run', ["width", "run"], None),
        ("SELECT 'records' FROM items -- path", [], None),
        ("SELECT sum(width) FILTER (WHERE run > 1) FROM items", ["width", "run"], None),
        ("FROM items", COLUMNS["items"], None),
        ("FROM items SELECT width", ["width"], None),
        ("SELECT * EXCLUDE (width) FROM items", COLUMNS["items"], None),
        ("SELECT COLUMNS('wid.*') FROM items", COLUMNS["items"], None),
        ("SELECT items FROM items", COLUMNS["items"], None),
        ("SELECT i FROM items AS i", COLUMNS["items"], None),
        ("SELECT i.width FROM items AS i", ["width"], None),
        ("SELECT a FROM items AS i (a, b, c, d)", COLUMNS["items"], None),
        ("SELECT count(i) FROM items i", COLUMNS["items"], None),
        (
            "SELECT items.* FROM items JOIN records r ON r.item = items.item",
            COLUMNS["items"],
            ["item"],
        ),
        ("SELECT path FROM records JOIN items USING (item)", ["item"], ["item", "path"]),
        (
            "SELECT width FROM items WHERE item IN (SELECT item FROM records WHERE path LIKE 'a')",
            ["item", "width"],
            ["item", "path"],
        ),
        ("WITH r AS (SELECT path FROM records) SELECT count(*) FROM r", None, ["path"]),
        ("SELECT width FROM items UNION ALL SELECT record FROM records", ["width"], ["record"]),
    ],
)
def test_the_columns_that_a_query_names(ask, sql, items, records):
    found = ask(sql)
    assert found.get("items") == items
    assert found.get("records") == records


@pytest.mark.parametrize(
    "sql",
    [
        "SUMMARIZE items",
        "DESCRIBE items",
        "SELECT width FROM items NATURAL JOIN records",
        "SELECT width FROM items POSITIONAL JOIN records",
        "SELECT width FROM query_table('items')",
        "SELECT * FROM query('FROM items')",
        "SELECT x.width FROM items x WHERE EXISTS (SELECT x.path FROM records x)",
        "PIVOT items ON width USING count(*)",
        "SELECT FROM WHERE",
    ],
)
def test_queries_of_other_kinds_need_everything(ask, sql):
    assert ask(sql) is None


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT * FROM records WHERE record = 5", {"records": {"record": [5]}}),
        ("SELECT * FROM records WHERE 5 = record", {"records": {"record": [5]}}),
        ("SELECT * FROM records r WHERE r.item = 'a'", {"records": {"item": ["a"]}}),
        (
            "SELECT * FROM records WHERE item IN ('a', 'b') AND record = 1 AND path LIKE 'x%'",
            {"records": {"item": ["a", "b"], "record": [1]}},
        ),
        (
            "SELECT width FROM items WHERE item = 'a' UNION SELECT record FROM records",
            {"items": {"item": ["a"]}},
        ),
        ("SELECT * FROM records WHERE record = 5 OR item = 'a'", {}),
        ("SELECT * FROM records WHERE NOT record = 5", {}),
        ("SELECT * FROM records WHERE item NOT IN ('a')", {}),
        ("SELECT * FROM records WHERE record > 5", {}),
        ("SELECT * FROM records WHERE item = path", {}),
        ("SELECT * FROM records WHERE item = lower('A')", {}),
        ("SELECT * FROM records WHERE item IN ('a', NULL)", {}),
        ("SELECT * FROM records TABLESAMPLE 5 ROWS WHERE record = 5", {}),
        ("SELECT * FROM records JOIN items USING (item) WHERE record = 5", {}),
        ("SELECT * FROM records WHERE record = 5 UNION ALL SELECT * FROM records", {}),
        ("SELECT record = 5 FROM records", {}),
        ("SELECT count(*) FROM records HAVING count(*) = 5", {}),
    ],
)
def test_the_rows_that_a_query_asks_for(limits, sql, found):
    assert limits(sql) == found


def test_what_is_read_more_than_once_is_no_stream():
    connection = duckdb.connect()
    assert needs(connection, "SELECT width FROM items").once("items")
    for sql in (
        "SELECT 1 FROM items a JOIN items b USING (item)",
        "WITH i AS (FROM items) SELECT 1 FROM i JOIN i AS j USING (item)",
    ):
        assert not needs(connection, sql).once("items")
