"""Parts: rows of the right shape, on disk whole or not at all."""

import dataclasses
import errno
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mediacorpus.errors import CorpusDamaged, CorpusReadOnly, StorageFull
from mediacorpus.records import Info, Region, Shape, Tag, Text, schema
from mediacorpus.store import parts
from mediacorpus.store.parts import read_parts, sweep, write_part


def info(shape=Shape.SCALAR, **outputs):
    return Info("m", "1", "One line.", "MIT", shape=shape, outputs=outputs)


SCALAR = info(x="float64", n="int64", s="string", b="bool")
WHOLE = {"x": 1.5, "n": 2, "s": "a", "b": True}


def to_rows(told, items, values, run):
    return parts.to_rows(told, items, values=values, run=run)


# -- rows ------------------------------------------------------------------------------------


def test_scalar_rows_hold_what_was_declared_and_nothing_else():
    values = [WHOLE | {"other": 1}, dict.fromkeys(WHOLE)]
    rows = to_rows(SCALAR, ["a", "b"], values, run=7)
    assert rows.schema == schema(SCALAR)
    assert rows.to_pylist() == [
        {"item": "a", "run": 7, **WHOLE},
        {"item": "b", "run": 7, **dict.fromkeys(WHOLE)},
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", "nan"),
        ("x", "1.5"),
        ("n", 1.5),
        ("n", np.float32(0.5)),
        ("n", float("nan")),
        ("n", float("inf")),
        ("n", "2"),
        ("n", True),
        ("s", 1),
        ("b", "yes"),
        ("b", 1),
    ],
)
def test_a_value_of_another_type_is_refused_and_never_bent(name, value):
    with pytest.raises((ValueError, TypeError, OverflowError)):
        to_rows(SCALAR, ["a"], [WHOLE | {name: value}], run=1)


def test_numbers_of_numpy_are_numbers():
    value = {"x": np.float32(1.5), "n": np.int64(2), "s": np.str_("a"), "b": np.bool_(True)}
    assert (
        to_rows(SCALAR, ["a"], [value], run=1).to_pylist()[0] | {"item": 0, "run": 0}
        == {
            "item": 0,
            "run": 0,
        }
        | WHOLE
    )
    assert to_rows(SCALAR, ["a"], [WHOLE | {"n": 2.0}], run=1)["n"].to_pylist() == [2]


def test_a_column_that_is_missing_is_refused():
    with pytest.raises(KeyError):
        to_rows(SCALAR, ["a"], [{"x": 1.0}], run=1)


def test_tags_are_ranked_and_an_item_may_have_none():
    values = [[Tag("cat", 0.9), Tag("dog", 0.1)], [], [Tag("\U0001f600", 1.0)]]
    rows = to_rows(info(Shape.TAG), ["a", "b", "c"], values, run=1)
    assert [(r["item"], r["rank"], r["tag"]) for r in rows.to_pylist()] == [
        ("a", 1, "cat"),
        ("a", 2, "dog"),
        ("c", 1, "\U0001f600"),
    ]
    assert to_rows(info(Shape.TAG), ["b"], [[]], run=1).num_rows == 0


def test_regions_carry_their_box():
    (row,) = to_rows(
        info(Shape.REGION), ["a"], [[Region("face", 0.5, 0.1, 0.2, 0.3, 0.4)]], run=1
    ).to_pylist()
    assert row == {
        "item": "a",
        "run": 1,
        "rank": 1,
        "region": None,
        "tag": "face",
        "score": 0.5,
        "x": 0.1,
        "y": 0.2,
        "width": 0.3,
        "height": 0.4,
    }


@pytest.mark.parametrize("value", [["cat"], None, [("cat", 0.5)], "cat", [Tag("cat", "high")]])
def test_what_is_no_list_of_tags_is_refused(value):
    with pytest.raises((AttributeError, TypeError, ValueError)):
        to_rows(info(Shape.TAG), ["a"], [value], run=1)


def test_text_may_be_empty_or_absent_but_is_never_made_of_something_else():
    rows = to_rows(info(Shape.TEXT), ["a", "b", "c"], ["naïve", "", None], run=1)
    assert rows.select(["item", "text"]).to_pylist() == [
        {"item": "a", "text": "naïve"},
        {"item": "b", "text": ""},
    ]
    for value in (1, ["a"], {"text": "a"}):
        with pytest.raises((AttributeError, TypeError, ValueError)):
            to_rows(info(Shape.TEXT), ["a"], [value], run=1)


def test_text_comes_in_spans_with_times():
    spans = [Text("good", 0.0, 0.5, language="en"), Text("day", 0.5, 1.0, score=0.25)]
    rows = to_rows(info(Shape.TEXT), ["a"], [spans], run=1).to_pylist()
    assert [(r["rank"], r["text"], r["start"], r["stop"]) for r in rows] == [
        (1, "good", 0.0, 0.5),
        (2, "day", 0.5, 1.0),
    ]
    assert [(r["language"], r["score"], r["speaker"]) for r in rows] == [
        ("en", None, None),
        (None, 0.25, None),
    ]


@pytest.mark.parametrize(
    ("shape", "entry"),
    [
        (Shape.TAG, Tag("cat", 0.5, {"age": 3, "at": [1.0, 2.0]})),
        (Shape.REGION, Region("cat", 0.5, 0, 0, 1, 1, {"age": 3, "at": [1.0, 2.0]})),
        (Shape.TEXT, Text("cat", more={"age": 3, "at": [1.0, 2.0]})),
    ],
)
def test_every_shape_may_declare_further_columns(shape, entry):
    wide = info(shape, age="int64", at="float32[2]")
    (row,) = to_rows(wide, ["a"], [[entry]], run=1).to_pylist()
    assert (row["age"], row["at"]) == (3, [1.0, 2.0])
    without = dataclasses.replace(entry, more={})
    with pytest.raises(KeyError):
        to_rows(wide, ["a"], [[without]], run=1)


def test_vectors_keep_their_numbers_and_their_length():
    four = info(Shape.VECTOR, vector="4")
    values = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    rows = to_rows(four, ["a", "b", "c"], list(values), run=1)
    assert np.array_equal(np.array(rows["vector"].to_pylist(), np.float32), values)
    for wrong in (values[:, :3], np.zeros((3, 5)), [["a"] * 4] * 3):
        with pytest.raises(ValueError, match=r"reshape|convert"):
            to_rows(four, ["a", "b", "c"], list(wrong), run=1)


# -- files -----------------------------------------------------------------------------------


def write(folder, run=1, number=0, name="m", value=1.5):
    rows = to_rows(info(x="float64"), ["a"], [{"x": value}], run=run)
    return write_part(folder, rows, name=name, run=run, number=number)


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_part_lies_where_any_tool_finds_it(tmp_path):
    path = write(tmp_path, run=12, number=3)
    assert files(tmp_path) == ["tables/m/12/part-00003.parquet"]
    assert pq.read_table(path).to_pylist() == [{"item": "a", "run": 12, "x": 1.5}]


def refuse(number):
    def call(*_, **__):
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize(
    ("number", "wanted"), [(errno.ENOSPC, StorageFull), (errno.EROFS, CorpusReadOnly)]
)
@pytest.mark.parametrize("place", ["fsync", "write_table", "replace", "mkdir"])
def test_a_disk_that_refuses_leaves_nothing_behind(tmp_path, monkeypatch, number, wanted, place):
    owner = {"fsync": os, "write_table": pq.ParquetWriter}.get(place, Path)
    with monkeypatch.context() as patch:
        patch.setattr(owner, place, refuse(number))
        with pytest.raises(wanted):
            write(tmp_path)
    assert files(tmp_path) == []
    assert write(tmp_path).is_file()


def test_an_interrupt_in_the_middle_leaves_nothing_behind(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path)
    assert files(tmp_path) == []


def test_a_part_is_synced_before_it_gets_its_name(tmp_path, monkeypatch):
    seen = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda h: (seen.append(files(tmp_path)), real(h)))
    write(tmp_path)
    [name] = seen[0]
    assert name.startswith("tables/m/1/.part-00000")
    assert seen[-1] == ["tables/m/1/part-00000.parquet"]


def test_sweep_removes_what_no_row_names_of_runs_that_ended(tmp_path):
    kept = write(tmp_path, run=1)
    write(tmp_path, run=1, number=1)
    write(tmp_path, run=2, name="other")
    under_way = write(tmp_path, run=3)
    (kept.parent / ".part-00009.parquet.tmp").write_bytes(b"half")
    foreign = tmp_path / "tables" / "m" / "notes" / "mine.txt"
    foreign.parent.mkdir()
    foreign.write_text("keep me")
    removed = sweep(tmp_path, {1: {kept.relative_to(tmp_path).as_posix()}, 2: set()})
    assert removed == 3
    assert files(tmp_path) == sorted(
        p.relative_to(tmp_path).as_posix() for p in (kept, under_way, foreign)
    )
    assert sweep(tmp_path, {}) == 0
    assert sweep(tmp_path / "nothing", {1: set()}) == 0


def test_what_cannot_be_removed_now_is_left_for_the_next_time(tmp_path, monkeypatch):
    path = write(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse(errno.EACCES))
        assert sweep(tmp_path, {1: set()}) == 0
    assert path.exists()
    assert sweep(tmp_path, {1: set()}) == 1


# -- reading ---------------------------------------------------------------------------------


def test_parts_are_read_as_one_table(tmp_path):
    paths = [write(tmp_path, number=n, value=float(n)) for n in range(3)]
    table = read_parts(paths, info(x="float64")).to_table()
    assert table.column_names == ["item", "run", "x"]
    assert table["x"].to_pylist() == [0.0, 1.0, 2.0]
    only = read_parts(paths, info(x="float64"), columns=["x"]).to_table()
    assert only.column_names == ["x"]


def test_no_parts_are_an_empty_table():
    table = read_parts([], info(x="float64")).to_table()
    assert table.num_rows == 0
    assert table.schema.equals(schema(info(x="float64")))


@pytest.mark.parametrize("harm", ["missing", "cut", "empty", "text"])
def test_a_part_that_is_missing_or_broken_is_named(tmp_path, harm):
    good, path = write(tmp_path), write(tmp_path, number=1)
    data = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes({"cut": data[:-20], "empty": b"", "text": b"hello"}[harm])
    with pytest.raises(CorpusDamaged, match=r"part-00001\.parquet.*backup"):
        read_parts([good, path], info(x="float64"))


def test_rows_stream(tmp_path):
    rows = pa.concat_tables([to_rows(info(x="float64"), ["a"], [{"x": 1.0}], run=1)] * 5000)
    path = parts.write_part(tmp_path, rows, name="m", run=1, number=0)
    batches = list(read_parts([path], info(x="float64")).to_batches())
    assert sum(batch.num_rows for batch in batches) == 5000
