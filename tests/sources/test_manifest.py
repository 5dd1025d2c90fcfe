"""Tables of paths: every row a record, whatever spreadsheet it came from."""

import json
import math
import os
from pathlib import Path

import pandas as pd
import pytest

from mediacorpus.errors import SourceError
from mediacorpus.records import Failure
from mediacorpus.sources.manifest import PATH_COLUMNS, Link, Manifest


@pytest.fixture
def write(tmp_path):
    def put(content, name="posts.csv"):
        path = tmp_path / name
        if isinstance(content, pd.DataFrame):
            content.to_parquet(path)
        else:
            path.write_text(content, encoding="utf-8")
        return path

    return put


def rows(path, **options):
    found = list(Manifest(path, **options).found())
    return [o for o in found if not isinstance(o, Failure)], [
        f for f in found if isinstance(f, Failure)
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("posts.csv", "id,file,note\n007,a.jpg,x\n1e5,b.jpg,\n"),
        ("posts.csv", "id;file;note\n007;a.jpg;x\n1e5;b.jpg;\n"),
        ("posts.csv", "\ufeffid,file,note\r\n007,a.jpg,x\r\n1e5,b.jpg,\r\n"),
        ("posts.tsv", "id\tfile\tnote\n007\ta.jpg\tx\n1e5\tb.jpg\t\n"),
        (
            "posts.jsonl",
            """{"id": "007", "file": "a.jpg", "note": "x"}
            {"id": "1e5", "file": "b.jpg", "note": ""}""",
        ),
        (
            "posts.parquet",
            pd.DataFrame({"id": ["007", "1e5"], "file": ["a.jpg", "b.jpg"], "note": ["x", ""]}),
        ),
    ],
)
def test_the_same_rows_from_any_kind_of_table(write, tmp_path, name, content):
    some, broken = rows(write(content, name))
    assert broken == []
    assert [o.path for o in some] == [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    assert [dict(o.columns) for o in some] == [
        {"id": "007", "note": "x"},
        {"id": "1e5", "note": ""},
    ]


@pytest.mark.parametrize("name", PATH_COLUMNS)
def test_the_column_of_paths_is_found_by_its_name(write, name):
    some, _ = rows(write(f"a,{name.upper()}\n1,x.jpg\n"))
    assert [o.path.name for o in some] == ["x.jpg"]


def test_a_column_of_any_name_can_be_named(write):
    some, _ = rows(write("a,where is it\n1,x.jpg\n"), path_column="where is it")
    assert [dict(o.columns) for o in some] == [{"a": "1"}]


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("a,b\n1,2\n", {}, "No column of posts.csv is named like a path.*are: a, b.*--path-column"),
        ("a,file\n1,2\n", {"path_column": "File"}, "no column 'File'.*a, file"),
        ("a,file\n1,2\n", {"id_column": "id"}, "no column 'id'.*a, file"),
        ("a,file\n1,2\n", {"variable": "kind"}, "no column 'kind'.*a, file"),
        ("a,file\n", {}, "no rows"),
        ("", {}, "is empty"),
        ("id,file\n1,a\n1,a\n2,b\n", {"id_column": "id"}, "'1' stands in 2 rows.*--id-column"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_before_anything_is_read(
    write, content, options, words
):
    with pytest.raises(SourceError, match=words):
        Manifest(write(content), **options)


def test_one_post_with_several_images_is_no_repeated_id(write):
    some, _ = rows(write("id,file\n1,a.jpg\n1,b.jpg\n2,a.jpg\n"), id_column="id")
    assert len({o.key for o in some}) == 3


def test_rows_name_files_or_links_or_say_why_not(write):
    content = "id,file\n1,\n2,   \n3,https://example.org/a.jpg\n4,HTTP://x/y.png\n5,a.jpg\n"
    some, broken = rows(write(content))
    *local, first, second = some
    assert [o.columns["id"] for o in local] == ["5"]
    assert (first, second) == (
        Link("https://example.org/a.jpg", (2,)),
        Link("HTTP://x/y.png", (3,)),
    )
    assert [f.reason for f in broken] == ["The row names no file."] * 2
    assert broken[0].path == "posts.csv row 2"
    assert len({f.subject for f in broken}) == 2


def test_paths_that_no_system_has_are_failures(write):
    content = "".join(json.dumps({"file": f}) + "\n" for f in ("a\0b.jpg", "a\ud800.jpg", "c.jpg"))
    some, broken = rows(write(content, "posts.jsonl"))
    assert [o.path.name for o in some] == ["c.jpg"]
    assert ["zero byte" in f.reason or "characters" in f.reason for f in broken] == [True, True]
    for failure in broken:
        failure.subject.encode()


def test_paths_are_taken_from_where_the_table_lies(write, tmp_path):
    absolute = (tmp_path / "x.jpg").as_posix()
    some, _ = rows(write(f"file\nsub/a.jpg\n./b.jpg\n../c.jpg\n{absolute}\n d.jpg \n"))
    assert [o.path for o in some] == [
        tmp_path / "sub" / "a.jpg",
        tmp_path / "b.jpg",
        tmp_path / ".." / "c.jpg",
        Path(absolute),
        tmp_path / "d.jpg",
    ]


# -- identity --------------------------------------------------------------------------------


def keys(path, **options):
    return [o.key for o in rows(path, **options)[0]]


def test_forty_rows_of_one_file_are_forty_records(write):
    content = "post,file\n" + "".join(f"{n},a.jpg\n" for n in range(40))
    assert len(set(keys(write(content)))) == 40
    assert len(set(keys(write("file\n" + "a.jpg\n" * 40)))) == 40


def test_a_row_whose_other_columns_change_stays_the_same_row(write):
    first = keys(write("id,file,likes\n1,a.jpg,5\n2,a.jpg,6\n"))
    assert keys(write("id,file,likes\n1,a.jpg,50\n2,a.jpg,6\n")) == first
    by_id = keys(write("id,file,likes\n1,a.jpg,5\n2,a.jpg,6\n"), id_column="id")
    turned = keys(write("id,file,likes\n2,a.jpg,6\n1,a.jpg,50\n"), id_column="id")
    assert turned == by_id[::-1]


def test_rows_of_two_tables_are_different_records(write):
    assert not set(keys(write("file\na.jpg\n"))) & set(keys(write("file\na.jpg\n", "two.csv")))


# -- labels and cells ------------------------------------------------------------------------


def test_a_column_can_be_the_label(write):
    some, _ = rows(write("file,kind\na.jpg, ant \nb.jpg,\nc.jpg,   \n"), variable="kind")
    assert [o.label for o in some] == ["ant", None, None]
    assert [o.columns["kind"] for o in some] == [" ant ", "", "   "]
    lines = '{"file": "a", "kind": 1}\n{"file": "b", "kind": true}\n{"file": "c"}\n'
    some, _ = rows(write(lines, "posts.jsonl"), variable="kind")
    assert [o.label for o in some] == ["1", "True", None]


def test_cells_of_any_type_become_what_json_holds(write):
    table = pd.DataFrame(
        {
            "file": ["a.jpg", "b.jpg"],
            "i": [1, 2],
            "f": [0.5, math.nan],
            "inf": [math.inf, 1.0],
            "t": pd.to_datetime(["2025-01-02", None]),
            "b": [True, False],
            "list": [[1, 2], []],
            "one": [["x"], None],
            "map": [{"a": "b"}, None],
            "bytes": [b"x", None],
        }
    )
    (first, second), _ = rows(write(table, "posts.parquet"))
    assert json.loads(json.dumps(dict(first.columns), allow_nan=False)) == {
        "i": 1,
        "f": 0.5,
        "inf": "inf",
        "t": "2025-01-02 00:00:00",
        "b": True,
        "list": "[1, 2]",
        "one": '["x"]',
        "map": '{"a": "b"}',
        "bytes": "x",
    }
    assert second.columns["f"] is None
    assert second.columns["t"] is None
    assert second.columns["one"] is None
    json.dumps(dict(second.columns), allow_nan=False)


def test_text_that_is_no_text_is_escaped(write):
    line = json.dumps({"file": "a.jpg", "note": "half \ud83d"}) + "\n"
    (one,), _ = rows(write(line, "posts.jsonl"))
    assert dict(one.columns) == {"note": r"half \ud83d"}


@pytest.mark.skipif(os.name == "nt", reason="not on this machine: names are UTF-16")
def test_a_name_that_is_no_text_still_finds_its_file(write, tmp_path):
    name = os.fsdecode(b"\xff.jpg")
    (one,), _ = rows(write(json.dumps({"file": name}) + "\n", "posts.jsonl"))
    assert one.path == tmp_path / name
    one.key.encode()
