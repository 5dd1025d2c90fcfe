"""The tables of the catalogue as SQL shows them: their columns, their types, their rows."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.analysis.views import CATALOGUE, records, views
from mediacorpus.store.query import TYPES, ScanView
from mediacorpus.store.store import Store


@pytest.fixture
def added(tmp_path: Path, corpus: mc.Corpus) -> Any:
    """Add a table of so many rows about one image, with the columns given."""

    def add(name: str = "posts.csv", **columns: list[Any]) -> mc.Corpus:
        Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
        count = len(next(iter(columns.values())))
        frame = pd.DataFrame({"file": ["a.png"] * count, **columns})
        path = tmp_path / name
        if path.suffix == ".csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path)
        corpus.add(path, path_column="file")
        return corpus

    return add


def types(corpus: mc.Corpus, table: str) -> dict[str, str]:
    described = corpus.sql(f"DESCRIBE {table}")
    return dict(zip(described["column_name"], described["column_type"], strict=True))


@pytest.mark.parametrize("name", [*CATALOGUE, "records"])
def test_each_table_has_its_columns_and_types_without_any_row(corpus: mc.Corpus, name: str) -> None:
    with Store(corpus.folder) as store:
        view = views(store)[name]
        assert isinstance(view, ScanView)
        assert set(view.columns.values()) <= set(TYPES)
        assert types(corpus, name) == dict(view.columns)
        assert corpus.sql(f"SELECT count(*) AS n FROM {name}")["n"][0] == view.count() == 0
        assert list(corpus.table(name).columns) == list(view.columns)


def test_columns_of_csv_files_have_the_type_of_what_is_in_them(added: Any) -> None:
    corpus = added(
        code=["007", "8", "9"],
        year=["1999", "2001", ""],
        share=["0.1", "1", "2.675"],
        day=["2024-01-31", "2024-02-01", ""],
        text=["", "=1", "x"],
    )
    found = types(corpus, "records")
    wanted = {"code": "VARCHAR", "year": "BIGINT", "share": "DOUBLE", "day": "DATE"}
    assert found | wanted == found
    frame = corpus.records()
    assert list(frame["code"]) == ["007", "8", "9"]
    assert frame["year"].dropna().tolist() == [1999, 2001]
    assert list(frame["share"]) == [0.1, 1.0, 2.675]
    assert list(frame["text"]) == ["", "=1", "x"]
    listed = corpus.table("columns").set_index("column")["type"].to_dict()
    assert listed == {
        "code": "text",
        "year": "integer",
        "share": "real",
        "day": "date",
        "text": "text",
    }
    assert corpus.sql("SELECT sum(year) AS s FROM records WHERE code = '8'")["s"][0] == 2001
    assert list(corpus.sql("SELECT record FROM records WHERE year = 1999")["record"]) == [1]


def test_columns_of_parquet_files_keep_their_values(added: Any) -> None:
    numbers = [0.1 + 0.2, 1e22, 5e-324]
    corpus = added(
        "posts.parquet",
        number=numbers,
        whole=[1, 2, 2**62],
        truth=[True, None, False],
        mixed=["1", "7.50", None],
    )
    frame = corpus.sql("SELECT number, whole, truth, mixed FROM records ORDER BY record")
    assert list(frame["number"]) == numbers
    assert types(corpus, "records")["whole"] == "BIGINT"
    assert corpus.sql("SELECT max(whole) AS m FROM records")["m"][0] == 2**62
    assert frame["truth"][0] is True or frame["truth"][0] == True  # noqa: E712
    assert pd.isna(frame["truth"][1])


def test_a_column_that_two_tables_write_differently_is_text(added: Any) -> None:
    added("a.parquet", n=[1, 2])
    corpus = added("b.csv", n=["3", "4"])
    assert types(corpus, "records")["n"] == "VARCHAR"
    assert list(corpus.records()["n"]) == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    "name", ["it's", 'say "so"', "back\\slash", "a.b", "$.x", "zwei Wörter", "[0]", "select"]
)
def test_columns_may_have_any_name(added: Any, name: str) -> None:
    corpus = added(**{name: ["x", "7"], "other": ["1", "2"]})
    assert list(corpus.records()[name]) == ["x", "7"]
    quoted = name.replace('"', '""')
    found = corpus.sql(f'SELECT "{quoted}" AS c FROM records WHERE "{quoted}" = \'7\'')
    assert list(found["c"]) == ["7"]


def test_columns_that_differ_in_case_only_are_kept_apart_and_said(
    tmp_path: Path, corpus: mc.Corpus
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "a.csv").write_text("file,Year\na.png,1999\n")
    (tmp_path / "b.csv").write_text("file,year\na.png,2000\n")
    assert "case" not in str(corpus.add(tmp_path / "a.csv"))
    said = str(corpus.add(tmp_path / "b.csv"))
    assert "'year' differs from 'Year' only in upper and lower case" in said
    assert "tables show it as 'year_'" in said
    frame = corpus.table()
    assert frame["Year"].dropna().tolist() == [1999]
    assert frame["year_"].dropna().tolist() == [2000]
    assert "case" not in str(corpus.add(tmp_path / "b.csv"))


def test_records_of_items_are_counted(added: Any) -> None:
    corpus = added(n=["1", "2", "3"])
    assert list(corpus.sql("SELECT records FROM items")["records"]) == [3]
    frame = corpus.items()
    assert list(frame["records"]) == [3]
    assert math.isnan(frame["duration"][0])


def test_only_the_columns_asked_for_are_read(added: Any) -> None:
    corpus = added(a=["1"], b=["x"])
    with Store(corpus.folder) as store:
        asked: list[str] = []
        real = store.batches
        store.batches = lambda sql, *rest: (asked.append(sql), real(sql, *rest))[1]  # type: ignore[method-assign]
        view = records(store).view(store)
        [batch] = view.scan(["b"], {"record": [1]})
        assert batch.to_pydict() == {"b": ["x"]}
        assert list(view.scan(["b"], {"record": [2]})) == []
    assert asked[0].startswith("SELECT columns AS own FROM records")
    assert "WHERE record IN (?)" in asked[0]


def test_a_changed_table_changes_the_types(tmp_path: Path, corpus: mc.Corpus) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    for text, kind in (("x", "VARCHAR"), ("7", "BIGINT"), ("7.5", "DOUBLE"), ("", "VARCHAR")):
        (tmp_path / "a.csv").write_text(f"file,c\na.png,{text}\n")
        corpus.add(tmp_path / "a.csv")
        assert types(corpus, "records")["c"] == kind
        stored = corpus.sql("SELECT type FROM columns")["type"][0]
        assert {"VARCHAR": "text", "BIGINT": "integer", "DOUBLE": "real"}[kind] == stored


def test_boxes_and_their_columns_are_known(tmp_path: Path, corpus: mc.Corpus) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "boxes.csv").write_text("file,x,y,w,h,who\na.png,1,1,2,2,Ann\na.png,4,4,2,2,7\n")
    corpus.add(tmp_path / "boxes.csv", boxes=["x", "y", "w", "h"])
    assert types(corpus, "records")["who"] == "VARCHAR"
    assert corpus.records()["who"].dropna().tolist() == ["Ann", "7"]
    assert json.loads(corpus.sql("SELECT parameters FROM runs")["parameters"][0])
