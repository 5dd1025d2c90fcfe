"""Tables in files: what Python's own CSV writer would have written, and nothing half."""

import csv
import datetime as dt
import io
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacorpus.errors import CorpusDamaged, ParameterError
from mediacorpus.store.write import safe_cell, write_batches

TEXT = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=5),
    st.sampled_from(["=1+1", '-"x"', "a,b", "a\nb", "\r", "", "\t", '"', "'"]),
)
KINDS = {
    pa.string(): TEXT,
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(),
    pa.bool_(): st.booleans(),
    pa.date32(): st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)),
    pa.list_(pa.float64()): st.lists(st.floats(-5, 5), max_size=3),
}


def by_hand(table):
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([safe_cell(name) for name in table.column_names])
    for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        writer.writerow([safe_cell(cell) for cell in row])
    return file.getvalue()


@st.composite
def tables(draw):
    rows = draw(st.integers(0, 6))
    columns = {}
    for n, kind in enumerate(draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=5))):
        cells = st.one_of(st.none(), KINDS[kind])
        columns[f"{n}{draw(TEXT)}"] = pa.array([draw(cells) for _ in range(rows)], kind)
    return pa.table(columns)


@given(tables())
def test_a_csv_file_is_what_python_writes(tmp_path_factory, table):
    target = tmp_path_factory.mktemp("csv") / "t.csv"
    assert write_batches(table.to_reader(4), target) == table.num_rows
    assert target.read_bytes().decode("utf-8") == by_hand(table)


@pytest.mark.parametrize(
    "number",
    [
        *(0.0, -0.0, 1.0, 5e-324, 1e-4, 9.999e-5, 1e10, 9999999999.5, 1e15, 1e16, 0.1 + 0.2),
        *(-1e22, math.inf, -math.inf, math.nan, 2.5e-5, 123456789012.0),
    ],
)
def test_decimals_are_written_as_python_writes_them(tmp_path, number):
    target = tmp_path / "t.csv"
    table = pa.table({"a": [number, None], "b": ["x", "y"]})
    write_batches(table.to_reader(), target)
    assert target.read_bytes().decode("utf-8") == by_hand(table)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".CSV"])
def test_a_file_is_there_whole_or_not_at_all(tmp_path, suffix):
    target = tmp_path / "new" / f"t{suffix}"
    schema = pa.schema([("a", pa.int64()), ("b", pa.string())])

    def broken():
        yield pa.record_batch([[1], ["x"]], schema=schema)
        raise CorpusDamaged("no more")

    def whole():
        yield pa.record_batch([[1], ["x"]], schema=schema)

    write_batches(pa.RecordBatchReader.from_batches(schema, whole()), target)
    before = target.read_bytes()
    with pytest.raises(CorpusDamaged, match="no more"):
        write_batches(pa.RecordBatchReader.from_batches(schema, broken()), target)
    assert target.read_bytes() == before
    assert [file.name for file in target.parent.iterdir()] == [target.name]


def test_a_table_without_rows_has_its_columns(tmp_path):
    table = pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())})
    for name in ("t.csv", "t.parquet"):
        assert write_batches(table.to_reader(), tmp_path / name) == 0
    assert (tmp_path / "t.csv").read_bytes() == b"a,b\r\n"
    assert pq.read_table(tmp_path / "t.parquet").schema.names == ["a", "b"]


def test_other_endings_are_refused_before_anything_is_read(tmp_path):
    schema = pa.schema([("a", pa.int64())])

    def never():
        raise AssertionError
        yield

    with pytest.raises(ParameterError, match=r"\.parquet"):
        write_batches(pa.RecordBatchReader.from_batches(schema, never()), tmp_path / "t.doc")
