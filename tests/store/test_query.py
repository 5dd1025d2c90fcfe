"""SQL over everything a corpus holds, and over nothing else."""

import pandas as pd
import pyarrow as pa
import pytest

from mediacorpus.errors import CorpusDamaged, QueryError, UnknownName
from mediacorpus.records import Info
from mediacorpus.store.parts import to_rows, write_part
from mediacorpus.store.query import FetchView, PartsView, ScanView, quoted, run_sql

INFO = Info("size", "1", "One line.", "MIT", outputs={"bytes": "int64"})


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "it's a corpus"
    made.mkdir()
    (made / "corpus.db").write_bytes(b"the catalogue")
    return made


@pytest.fixture
def fetched():
    return []


@pytest.fixture
def views(folder, fetched):
    paths = [
        write_part(
            folder,
            to_rows(INFO, [item], values=[{"bytes": n}], run=1),
            name="size",
            run=1,
            number=n,
        )
        for n, item in enumerate(["a", "b"])
    ]

    def items():
        fetched.append("items")
        return pd.DataFrame({"item": ["a", "b", "c"], "format": ["JPEG", "PNG", None]})

    def labels():
        fetched.append("labels")
        return pd.DataFrame({"item": ["a"], "mixed": [1], "empty": [None]})

    return {
        "items": FetchView(items),
        "labels": FetchView(labels),
        "size": PartsView(tuple(paths), INFO),
        "nothing": PartsView((), INFO),
        'odd "name"': FetchView(lambda: pd.DataFrame({"n": [1]})),
    }


@pytest.fixture
def ask(views, folder):
    return lambda sql: run_sql(sql, views, folder=folder)


def test_one_query_joins_the_catalogue_and_the_parts(ask):
    sql = "SELECT item, format, bytes FROM items LEFT JOIN size USING (item) ORDER BY item"
    assert ask(sql).fetchall() == [("a", "JPEG", 0), ("b", "PNG", 1), ("c", None, None)]


def test_a_frame_and_batches_hold_the_same(ask):
    relation = ask("SELECT * FROM size ORDER BY item")
    assert relation.columns == ["item", "run", "bytes"]
    assert relation.frame()["bytes"].tolist() == [0, 1]
    batches = list(ask("SELECT * FROM size ORDER BY item").batches())
    assert [v for b in batches for v in b.column("bytes").to_pylist()] == [0, 1]


def test_only_what_a_query_names_is_fetched(ask, fetched):
    ask("SELECT 1").fetchall()
    assert fetched == []
    ask("SELECT count(*) FROM ITEMS").fetchall()
    assert fetched == ["items"]


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT n FROM "odd ""name"""',
        "SELECT count(*) FROM nothing",
        "WITH mine AS (SELECT * FROM items) SELECT * FROM mine JOIN size USING (item)",
        "SELECT * FROM items WHERE item IN (SELECT item FROM labels)",
        "FROM items",
        "SELECT item -- a remark; with a semicolon\nFROM items;",
        "DESCRIBE size",
        "SUMMARIZE size",
        "SELECT * FROM main.items",
        "SELECT ';' FROM items",
    ],
)
def test_queries_of_many_kinds_read(ask, sql):
    assert ask(sql).fetchall()


def test_columns_that_hold_nothing_or_a_mixture_are_text(folder):
    views = {
        "odd": FetchView(
            lambda: pd.DataFrame(
                {
                    "none": pd.Series([None, None], dtype=object),
                    "mixed": pd.Series([1, "a"], dtype=object),
                    "gap": pd.Series([{"k": 1}, None], dtype=object),
                }
            )
        )
    }
    rows = run_sql("SELECT none, mixed FROM odd", views, folder=folder).fetchall()
    assert rows == [(None, "1"), (None, "a")]


def test_rows_without_any_are_a_table_still(folder):
    views = {"labels": FetchView(lambda: pd.DataFrame({"item": [], "value": []}))}
    assert run_sql("SELECT * FROM labels", views, folder=folder).frame().empty


# -- what is refused -------------------------------------------------------------------------


def test_an_unknown_table_lists_near_names(ask):
    with pytest.raises(UnknownName, match=r"no table 'itemz'.*'items'.*Known: items"):
        ask("SELECT * FROM itemz")
    with pytest.raises(UnknownName, match="no table 'my own'"):
        ask('SELECT * FROM "my own"')


def test_variables_of_the_program_are_no_tables(ask):
    secret = pd.DataFrame({"password": ["x"]})
    assert len(secret) == 1
    for name in ("secret", "views", "connection", "self"):
        with pytest.raises(UnknownName):
            ask(f"SELECT * FROM {name}").fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "   ;  ",
        "SELECT 1; SELECT 2",
        "SELEC 1",
        "SELECT FROM WHERE",
        "SELECT nocolumn FROM items",
        "DROP TABLE items",
        "INSERT INTO items VALUES ('x', 'y')",
        "CREATE TABLE mine AS SELECT 1",
        "UPDATE items SET format = 'x'",
        "DELETE FROM items",
        "ATTACH 'other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "SELECT 1 + 'text' FROM items",
    ],
)
def test_what_is_not_one_query_that_reads_is_refused_in_one_line(ask, sql):
    with pytest.raises(QueryError) as caught:
        ask(sql).fetchall()
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("before", ["", "EXPLAIN ", "EXPLAIN ANALYZE "])
def test_nothing_is_written_not_even_inside_the_corpus(ask, folder, tmp_path, before):
    inside = str(folder / "corpus.db").replace("'", "''")
    for target in (inside, f"{tmp_path}/new.csv"):
        with pytest.raises(QueryError):
            ask(f"{before}COPY (SELECT 1 AS a) TO '{target}' (FORMAT csv)").fetchall()
    assert (folder / "corpus.db").read_bytes() == b"the catalogue"
    assert not (tmp_path / "new.csv").exists()


def test_files_outside_the_corpus_cannot_be_read(ask, folder, tmp_path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (tmp_path / "it's a corpus too").mkdir()
    (tmp_path / "it's a corpus too" / "secret.csv").write_text("a\n1\n")
    here = str(folder).replace("'", "''")
    for place in (
        f"{tmp_path}/secret.csv",
        f"{here}/../secret.csv",
        f"{here} too/secret.csv",
        "/etc/passwd",
        "secret.csv",
        "https://example.org/a.csv",
    ):
        for sql in (
            f"SELECT * FROM '{place}'",
            f"SELECT * FROM read_csv('{place}')",
            f"SELECT * FROM read_text('{place}')",
            f"SELECT * FROM glob('{place}*')",
        ):
            with pytest.raises((QueryError, UnknownName)):
                ask(sql).fetchall()


@pytest.mark.parametrize("harm", ["missing", "broken"])
def test_a_part_that_is_missing_or_broken_is_named(ask, views, harm):
    path = views["size"].files[1]
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(b"PAR1 no more")
    with pytest.raises(CorpusDamaged, match=r"part-00001\.parquet.*backup"):
        ask("SELECT sum(bytes) FROM size").fetchall()
    assert ask("SELECT count(*) FROM items").fetchall() == [(3,)]


def test_a_part_that_breaks_in_the_middle_is_an_error_of_ours(ask, views):
    path = views["size"].files[1]
    data = bytearray(path.read_bytes())
    data[4:40] = b"\xff" * 36
    path.write_bytes(data)
    with pytest.raises((QueryError, CorpusDamaged)):
        ask("SELECT * FROM size").fetchall()


def test_quoted():
    assert quoted('a"b') == '"a""b"'


# -- tables that are scanned ------------------------------------------------------------------


class Numbers:
    """A table of ten rows that notes what is asked of it."""

    columns = {"n": "BIGINT", "word": "VARCHAR", "half": "DOUBLE", "even": "BOOLEAN"}  # noqa: RUF012

    def __init__(self, rows=10):
        self.rows, self.asked = rows, []

    @property
    def view(self):
        return ScanView(self.columns, self.scan, lambda: self.rows)

    def scan(self, wanted, limits):
        self.asked.append((list(wanted), dict(limits)))
        for start in range(0, self.rows, 4):
            ns = range(start, min(start + 4, self.rows))
            ns = [n for n in ns if n in limits.get("n", range(self.rows))]
            made = {
                "n": pa.array(ns, pa.int64()),
                "word": pa.array([f"w{n % 3}" for n in ns], pa.string()),
                "half": pa.array([n / 2 for n in ns], pa.float64()),
                "even": pa.array([n % 2 == 0 for n in ns], pa.bool_()),
            }
            yield pa.record_batch([made[name] for name in wanted], names=list(wanted))


@pytest.fixture
def numbers():
    return Numbers()


@pytest.fixture
def of_numbers(numbers, folder):
    return lambda sql: run_sql(sql, {"numbers": numbers.view}, folder=folder)


@pytest.mark.parametrize(
    ("sql", "rows", "asked"),
    [
        ("SELECT count(*) FROM numbers", [(10,)], []),
        ("SELECT sum(n) FROM numbers", [(45,)], [(["n"], {})]),
        ("SELECT half FROM numbers WHERE n = 7", [(3.5,)], [(["n", "half"], {"n": [7]})]),
        ("SELECT half FROM numbers WHERE n = '7'", [(3.5,)], [(["n", "half"], {})]),
        ("SELECT n FROM numbers WHERE word = 'w1' AND even", [(4,)], None),
        ("SELECT max(a.n + b.n) FROM numbers a JOIN numbers b USING (word)", [(18,)], None),
        ("WITH t AS (FROM numbers) SELECT count(*) FROM t JOIN t u USING (n)", [(10,)], None),
        (
            """WITH RECURSIVE t AS (
                SELECT 0 AS n UNION ALL SELECT m.n FROM t JOIN numbers m ON m.n = t.n + 1
            ) SELECT count(*) FROM t""",
            [(10,)],
            None,
        ),
        (
            "SELECT (SELECT max(m.n) FROM numbers m WHERE m.word = o.word) FROM numbers o LIMIT 1",
            [(9,)],
            None,
        ),
        ("SELECT count(*) FROM (SUMMARIZE numbers)", [(4,)], None),
        ("SELECT numbers.n FROM numbers ORDER BY half DESC LIMIT 1", [(9,)], None),
        ("SELECT (numbers).half FROM numbers WHERE n = 2", [(1.0,)], None),
        ("SELECT count(DISTINCT numbers) FROM numbers", [(10,)], None),
        ("SELECT last(even) FROM numbers", [(False,)], [(["even"], {})]),
        ("SELECT word, count(*) FROM numbers GROUP BY ALL ORDER BY ALL LIMIT 1", [("w0", 4)], None),
    ],
)
def test_a_scan_gives_what_the_query_needs(of_numbers, numbers, sql, rows, asked):
    assert of_numbers(sql).fetchall() == rows
    assert asked is None or numbers.asked == asked
    assert len(numbers.asked) <= 1


def test_columns_that_are_not_needed_are_known_all_the_same(of_numbers):
    with pytest.raises(QueryError, match="evn"):
        of_numbers("SELECT evn FROM numbers")
    described = of_numbers("DESCRIBE numbers").fetchall()
    assert [(name, kind) for name, kind, *_ in described] == list(Numbers.columns.items())


def test_a_result_that_is_kept_can_be_read_twice(of_numbers):
    kept = of_numbers("SELECT n FROM numbers ORDER BY n DESC").keep()
    assert kept.frame()["n"].tolist() == list(range(9, -1, -1))
    assert sum(batch.num_rows for batch in kept.batches()) == 10


def test_a_scan_that_fails_says_why_in_its_own_words(folder):
    def broken(wanted, limits):
        yield pa.record_batch([pa.array([1], pa.int64())], names=["n"])
        raise CorpusDamaged("The catalogue is damaged.")

    views = {"numbers": ScanView({"n": "BIGINT"}, broken, lambda: 2)}
    for read in ("fetchall", "frame", "keep"):
        with pytest.raises(CorpusDamaged, match=r"The catalogue is damaged\."):
            getattr(run_sql("SELECT n FROM numbers", views, folder=folder), read)()
    with pytest.raises(CorpusDamaged, match="damaged"):
        list(run_sql("SELECT n FROM numbers", views, folder=folder).batches())


@pytest.mark.slow
def test_with_little_memory_more_than_that_is_sorted_and_joined(folder):
    many, more = Numbers(200_000), Numbers(200_000)
    result = run_sql(
        "SELECT a.n, b.word || repeat('x', 100) AS w, a.half FROM many a JOIN more b USING (n) "
        "ORDER BY a.half DESC",
        {"many": many.view, "more": more.view},
        folder=folder,
        memory="64MB",
    )
    last, rows = many.rows, 0
    for batch in result.batches():
        column = batch.column("n").to_pylist()
        assert column == list(range(last - 1, last - 1 - len(column), -1))
        last, rows = last - len(column), rows + len(column)
    assert rows == many.rows


@pytest.mark.parametrize("first", [2**53 + 1, -(2**53) - 1, 2**63 - 1, 7])
def test_whole_numbers_with_a_gap_keep_their_digits_in_data_frames(tmp_path, first):
    numbers = pa.table({"n": [first, None, 3], "s": ["a", None, "b"]})
    views = {"numbers": FetchView(lambda: numbers)}
    found = run_sql("SELECT * FROM numbers", views, folder=tmp_path).frame()
    assert int(found["n"][0]) == first
    assert found["n"].isna().tolist() == [False, True, False]
