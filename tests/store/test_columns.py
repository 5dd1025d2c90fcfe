"""The user's columns and their types, known as records are written."""

import datetime as dt
import functools
import json
import operator

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacorpus import Corpus
from mediacorpus.errors import ParameterError
from mediacorpus.store import columns, holdings
from mediacorpus.store.columns import (
    Form,
    OwnColumn,
    form_of,
    forms_of,
    own_columns,
    own_values,
    type_of,
)
from mediacorpus.store.store import Store


@pytest.fixture
def write(store, run, source, make):
    def put(*rows):
        records = [make(f"{n}.jpg", n, **row) for n, row in enumerate(rows)]
        holdings.write_records(store, records, source=source, run=run)
        return {column.shown: column.type for column in own_columns(store)}

    return put


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2"], "integer"),
        (["1", "", "-3"], "integer"),
        (["1", "2.5"], "real"),
        (["1", "2.50"], "text"),
        (["1.1", "1.10"], "text"),
        (["0.30000000000000004"], "real"),
        (["0.300000000000000041"], "text"),
        (["-0", "1"], "text"),
        (["-0.0"], "text"),
        (["1.0", "0.0"], "real"),
        (["1", "NA", "3"], "integer"),
        (["1.5", "NaN", ""], "real"),
        (["1936-03-01", "NA"], "date"),
        (["NA", "x"], "text"),
        (["NA"], "text"),
        (["007", "8"], "text"),
        (["1234567890123456"], "text"),
        (["1,5"], "text"),
        (["1936-03-01", "2024-02-29T12:00:00Z"], "text"),
        (["1936-03-01", "2024-02-29 12:00"], "datetime"),
        (["2024-02-29T12:00:00", "2024-02-29 12:00:01.5", ""], "datetime"),
        (["2024-02-29T12:00:00Z", "2024-02-29T12:00:00.123+00:00"], "datetime"),
        (["2024-02-29T12:00:00+02:00"], "text"),
        (["2024-02-29T12:00:00Z", "2024-02-29T12:00:00"], "text"),
        (["2023-02-29"], "text"),
        (["2024-02-29 25:00"], "text"),
        (["1936", "1940"], "integer"),
        (["1936", "1936-03-01"], "text"),
        (["1936-03"], "text"),
        (["31.12.2020", "1.2.2021", "NA"], "date"),
        (["1.2.2021", "03.04.2021"], "date"),
        (["31/12/2020", "01/02/2021"], "date"),
        (["12/31/2020", "01/02/2021"], "date"),
        (["12-31-2020"], "date"),
        (["01/02/2020", "3/4/2020"], "text"),
        (["31/12/2020", "12/31/2020"], "text"),
        (["31/12/2020", "2020-12-31"], "text"),
        (["31/12/20"], "text"),
        (["32/12/2020"], "text"),
        (["29/02/2023", "01/02/2023"], "text"),
        (["1936-03-01", "then"], "text"),
        (["2024-13-01"], "text"),
        (["", ""], "text"),
        ([None], "text"),
        ([1, 2, None], "integer"),
        ([1, 2.5], "real"),
        ([True, None], "boolean"),
        ([True, 1], "text"),
        ([1, "1"], "text"),
        ([1, ""], "text"),
        ([2**63], "text"),
    ],
)
def test_the_type_of_a_column(write, values, kind):
    assert write(*({"c": value} for value in values)) == {"c": kind}


def test_columns_come_in_the_order_of_their_first_record(write):
    assert list(write({"b": "x"}, {"a": "1", "b": "y"})) == ["b", "a"]


def test_names_that_are_ours_or_differ_in_case_only_are_kept_apart(write, store, run):
    found = write({"Path": "x", "Year": "1999", "year": "2000", "YEAR": "x"})
    assert found == {"Path_": "text", "Year": "integer", "year_": "integer", "YEAR__": "text"}
    said = columns.remarks(store, run)
    assert len(said) == 2
    assert "'year' differs from 'Year' only in upper and lower case" in said[0]
    assert "tables show it as 'year_'" in said[0]
    assert columns.remarks(store, run + 1) == []


def test_a_type_grows_wider_with_what_comes(write):
    assert write({"c": "1"}) == {"c": "integer"}
    assert write({"c": "1"}, {"c": "1.5"}) == {"c": "real"}
    assert write({"c": "1"}, {"c": "1.5"}, {"c": "many"}) == {"c": "text"}


def test_a_type_grows_narrower_when_the_record_that_made_it_wide_is_mended(write):
    assert write({"c": "1"}, {"c": "none"}) == {"c": "text"}
    assert write({"c": "1"}, {"c": "2"}) == {"c": "integer"}
    assert write({"c": "1"}, {"d": "2"}) == {"c": "integer", "d": "integer"}
    assert write({"d": "1"}, {"d": "2"}) == {"d": "integer"}


def test_records_are_read_again_only_where_something_has_gone(write, store):
    write({"c": "1"}, {"c": "x"})
    assert store.value("SELECT stale FROM columns_read") == 0
    write({"c": "2"}, {"c": "y"})
    assert store.value("SELECT stale FROM columns_read") == 0
    holdings_before = store.value("SELECT type FROM columns")
    assert holdings_before == "text"


def test_a_corpus_of_an_earlier_version_learns_its_columns(write, store):
    write({"a": "1", "b": "007"}, {"c": True})
    known = own_columns(store)
    undone = (
        "TABLE columns",
        "TABLE columns_read",
        "TABLE replaced",
        "INDEX measured_failed",
        "INDEX items_kind",
        "TABLE results",
        "INDEX records_filled_by",
    )
    steps = [f"DROP {name}" for name in undone]
    steps += ["ALTER TABLE validations DROP kind", "ALTER TABLE records DROP filled_by"]
    steps += ["ALTER TABLE runs DROP asked"]
    for step in (*steps, "PRAGMA user_version = 5"):
        store.execute(step)
    store.close()
    with Store(store.folder) as again:
        assert own_columns(again) == known
        assert again.rows("SELECT name, type FROM columns ORDER BY n") == [
            ("a", "integer"),
            ("b", "text"),
            ("c", "boolean"),
        ]


def test_a_corpus_that_cannot_be_written_to_is_read_all_the_same(write, store, monkeypatch):
    write({"a": "1"})
    columns.forget(store)
    store.writable = False
    assert [column.type for column in own_columns(store)] == ["integer"]
    assert store.value("SELECT stale FROM columns_read") == 1


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "1", "07", "1.5", "2020-01-01", "word", "é", "-0"]),
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), _VALUES), max_size=8))
def test_forms_are_the_same_in_whatever_pieces_the_rows_come(rows):
    whole = forms_of(rows)
    for cut in range(len(rows)):
        first, rest = forms_of(rows[:cut]), forms_of(rows[cut:])
        joined = {n: first.get(n, Form(0)) | rest.get(n, Form(0)) for n in [*first, *rest]}
        assert {n: type_of(f) for n, f in joined.items()} == {
            n: type_of(f) for n, f in whole.items()
        }


@given(st.lists(_VALUES, min_size=1))
def test_a_value_of_the_columns_type_says_what_was_written(values):
    forms = Form(0)
    for value in values:
        forms |= form_of(value)
    column = columns.OwnColumn("c", "c", type_of(forms), forms)
    for value in values:
        given_back = column.value(json.loads(json.dumps(value)))
        if column.type == "boolean" or value is None:
            assert given_back is value
        elif column.type in {"integer", "real"}:
            assert given_back is None if value == "" else given_back == float(value)
        elif column.type == "date":
            assert given_back is None if value == "" else given_back.isoformat() == value
        else:
            assert given_back == str(value)


_FAMILIES = st.sampled_from(
    [
        st.from_regex(r"-?(0|[1-9][0-9]{0,14})?", fullmatch=True),
        st.from_regex(r"-?(0|[1-9][0-9]{0,14})\.[0-9]{1,30}", fullmatch=True) | st.just("7"),
        st.text(),
        st.sampled_from(["2020-01-01", "1936-03-01T12:00:00Z", ""]),
        st.integers(-(2**63), 2**63 - 1),
        st.booleans(),
        _VALUES,
    ]
)


@given(_FAMILIES.flatmap(lambda own: st.lists(own | st.none(), min_size=1)), st.data())
def test_values_are_the_same_read_all_at_once_or_one_by_one(values, data):
    rows = [{"c": v} if data.draw(st.booleans()) else {"c": v, "d": "x"} for v in values]
    forms = forms_of([*rows, {"d": "x"}])
    known = [columns.OwnColumn(n, n, type_of(f), f) for n, f in forms.items()]
    found = columns.own_values([json.dumps(row) for row in rows], known)
    for column in known:
        wanted = [column.value(row.get(column.name)) for row in rows]
        assert found[column.shown].to_pylist() == wanted


def test_markers_of_missing_values_are_missing_among_numbers_and_text_among_text(write, store, run):
    write({"year": "1", "t": "NA"}, {"year": "NA", "t": "x"}, {"year": "", "t": ""})
    texts = [text for (text,) in store.rows("SELECT columns FROM records ORDER BY record")]
    found = columns.own_values(texts, own_columns(store))
    assert found["year"].to_pylist() == [1, None, None]
    assert found["t"].to_pylist() == ["NA", "x", ""]
    assert columns.remarks(store, run) == ["NA and the like in the column 'year' count as missing."]


def test_numbers_that_stay_text_are_said(write, store, run):
    write({"code": "1.1"}, {"code": "1.10"})
    assert (
        "'code' stays text: as numbers, 1.1 and 1.10 would be one" in columns.remarks(store, run)[0]
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1936-03-01", dt.date(1936, 3, 1)),
        ("1.2.2021", dt.date(2021, 2, 1)),
        ("", None),
        ("NA", None),
    ],
)
def test_dates_have_values_of_their_type(given, expected):
    forms = form_of("1936-03-01") if given[:1] == "1" and "-" in given else form_of("1.2.2021")
    column = OwnColumn("d", "d", "date", forms | form_of(given))
    assert own_values([json.dumps({"d": given}), "{}"], [column])["d"].to_pylist() == [
        expected,
        None,
    ]


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["01/02/2020", "31/12/2020"], dt.date(2020, 2, 1)),
        (["01/02/2020", "12/31/2020"], dt.date(2020, 1, 2)),
        (["2020-01-02T10:00:00Z"], dt.datetime(2020, 1, 2, 10)),  # noqa: DTZ001 - in UTC
        (["2020-01-02 10:00", "2020-01-03"], dt.datetime(2020, 1, 2, 10)),  # noqa: DTZ001
    ],
)
def test_the_order_of_day_and_month_is_that_of_the_whole_column(texts, first):
    forms = functools.reduce(operator.or_, map(form_of, texts))
    column = OwnColumn("d", "d", type_of(forms), forms)
    rows = [json.dumps({"d": text}) for text in texts]
    assert own_values(rows, [column])["d"].to_pylist()[0] == first


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["31/12/2020", "1/2/2020"], "were read as day/month/year."),
        (["12/31/2020"], "were read as month/day/year."),
        (["1.2.2020"], "as is usual with dots"),
        (["1/2/2020"], "may be day/month/year or month/day/year"),
        (["31/12/2020", "12/31/2020"], "beside dates as month/day/year, so it stays text"),
        (["2020-01-02T10:00:00Z"], "are in UTC"),
        (["2020-01-02T10:00:00+02:00"], "of other time zones and stay text"),
    ],
)
def test_what_was_guessed_of_dates_is_said(tmp_path, save, values, said):
    table = tmp_path / "posts.csv"
    names = [save(tmp_path / f"{n}.png", n).name for n in range(len(values))]
    rows = "".join(f"{name},{value}\n" for name, value in zip(names, values, strict=True))
    table.write_text(f"file,posted\n{rows}")
    with Corpus.create(tmp_path / "corpus") as corpus:
        assert said in str(corpus.add(table))


def test_dates_in_sql_tables_plots_and_files(tmp_path, save):
    table = tmp_path / "posts.csv"
    rows = [f"{save(tmp_path / f'{n}.png', n).name},{1 + n}/12/{2000 + n},{n}" for n in range(20)]
    rows[3] = rows[3].replace("4/12/2003", "")
    table.write_text("\n".join(["file,posted,likes", *rows]))
    with Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(table)
        assert corpus.table("columns").set_index("column")["type"]["posted"] == "date"
        found = corpus.sql("SELECT year(posted) AS y FROM records WHERE posted > '2015-01-01'")
        assert sorted(found["y"]) == [2015, 2016, 2017, 2018, 2019]
        assert corpus.table(columns="posted")["posted"].dtype.kind == "M"
        assert len(corpus.select(where="posted < DATE '2001-06-01'")) == 1
        assert corpus.plot("likes", by="year(posted)").distribution.missing == 1
        with pytest.raises(ParameterError, match=r"--by year\(posted\)"):
            corpus.plot("posted")
        for ending in ("csv", "parquet", "xlsx", "dta", "sav", "rds.csv"):
            corpus.export(tmp_path / f"out.{ending}", columns="posted,likes")
        codebook = (tmp_path / "out_codebook.csv").read_text()
    assert ",own column,date,19,1," in codebook
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == "2000-12-01,0"
    assert pq.read_schema(tmp_path / "out.parquet").field("posted").type == pa.date32()
    cell = openpyxl.load_workbook(tmp_path / "out.xlsx").active["A2"]
    assert (cell.value, cell.is_date) == (dt.datetime(2000, 12, 1), True)  # noqa: DTZ001
    for read, file, kind in (
        (pyreadstat.read_dta, "out.dta", "%td"),
        (pyreadstat.read_sav, "out.sav", "DATE11"),
    ):
        frame, meta = read(str(tmp_path / file))
        assert meta.original_variable_types["posted"] == kind
        assert frame["posted"][0] == dt.date(2000, 12, 1)
        assert frame["posted"].isna().sum() == 1
    assert 'colClasses = c("Date", "numeric")' in (tmp_path / "out.R").read_text()
