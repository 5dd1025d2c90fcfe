"""Small parts are put together, and nobody ever sees anything but all rows, once each."""

import sqlite3
from collections import Counter

import numpy as np
import pytest

from mediacorpus.analysis import tidy
from mediacorpus.engine import compacting, local
from mediacorpus.engine.part import Prepared
from mediacorpus.errors import StorageFull
from mediacorpus.records import Info, Shape, Tag
from mediacorpus.store import progress
from mediacorpus.store.parts import read_parts, to_rows
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store

INFO = Info("size", "1", "One line.", "MIT", outputs={"n": "int64"})
TAGS = Info("tagged", "1", "One line.", "MIT", shape=Shape.TAG)
VECTOR = Info("point", "1", "One line.", "MIT", shape=Shape.VECTOR, outputs={"vector": "3"})


def value(info, n):
    if info is INFO:
        return {"n": n}
    return [Tag("a", 0.5), Tag("b", n / 100)] if info is TAGS else np.array([n, 1, 2])


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Four parts are many; a part of six items is full, and one of five is not small."""
    monkeypatch.setattr(compacting, "MANY", 4)
    monkeypatch.setattr(compacting, "SMALL_ITEMS", 5)
    monkeypatch.setattr(compacting, "FULL_ITEMS", 6)


@pytest.fixture
def measured(store, items):
    """Measure items in parts of the given sizes, in a run of their own; return the setup."""

    def put(*sizes, info=INFO, start=0, compact=True):
        with running(store, "measure") as run:
            setup = progress.setup_id(store, info, {}, run=run.id)
            for number, size in enumerate(sizes):
                some = items[start : start + size]
                values = [value(info, start + n) for n in range(size)]
                rows = to_rows(info, some, values=values, run=run.id)
                ready = Prepared(info, {}, lambda batch: [], setup)
                local.commit_rows(store, ready, rows=rows, items=some, current=run, number=number)
                start += size
            if compact:
                compacting.compact(store, [setup], run)
        return setup

    return put


def rows(store, setup, info=INFO):
    table = read_parts(progress.files_of(store, setup), info).to_table()
    return sorted(table.drop_columns(["run"]).to_pylist(), key=str)


def sizes(store, setup):
    return [part.items for part in progress.parts_of(store, setup)]


@pytest.mark.parametrize("info", [INFO, TAGS, VECTOR], ids=lambda info: info.name)
def test_many_small_parts_become_few(store, measured, items, info):
    apart = measured(1, 2, 1, 2, 1, 2, 1, 2, info=info, compact=False)
    before = rows(store, apart, info)
    with running(store, "measure") as run:
        assert compacting.compact(store, [apart], run) == 8
    assert sizes(store, apart) == [6, 6]
    assert rows(store, apart, info) == before
    for part in progress.parts_of(store, apart):
        assert (store.folder / part.file).stat().st_size == part.bytes
        assert part.rows == part.items * (2 if info is TAGS else 1)
    assert progress.count_pending(store, [apart]) == 0
    with running(store, "measure") as run:
        assert compacting.compact(store, [apart], run) == 0


def test_a_few_parts_and_large_ones_stay(store, measured):
    assert sizes(store, measured(1, 1, 1, 1)) == [1, 1, 1, 1]
    assert sizes(store, measured(1, start=4)) == [5]
    assert sizes(store, measured(5, 1, 1, start=5)) == [5, 5, 1, 1]


def test_the_rows_keep_the_run_that_made_them(store, measured):
    first = measured(1, 1, 1)
    measured(1, 1, 1, start=3)
    table = read_parts(progress.files_of(store, first), INFO).to_table()
    assert len(progress.files_of(store, first)) == 1
    assert len(set(table.column("run").to_pylist())) == 2


def test_a_run_puts_its_parts_together_at_its_end(store, go, brightness, table, items, monkeypatch):
    monkeypatch.setattr(compacting, "MANY", 2)
    monkeypatch.setattr(compacting, "SMALL_ITEMS", 6)
    monkeypatch.setattr(compacting, "FULL_ITEMS", 100)
    go(brightness=brightness)
    assert store.value("SELECT count(*) FROM parts") == 1
    assert Counter(row["item"] for row in table(store, "brightness")) == Counter(items)
    assert go(brightness=brightness).items == 0
    assert Counter(brightness.seen) == Counter(items)


def test_the_old_files_go_later_for_the_sake_of_those_who_read_them(store, measured):
    setup = measured(1, 1, 1, 1, 1, compact=False)
    old = progress.files_of(store, setup)
    reader = read_parts(old, INFO)
    with running(store, "measure") as run:
        compacting.compact(store, [setup], run)
    with running(store, "measure"):
        local.sweep(store)
    assert reader.to_table().num_rows == 5
    assert all(path.is_file() for path in old)
    store.execute("UPDATE replaced SET time = '2020-01-01T00:00:00.000Z'")
    with running(store, "measure"):
        assert local.sweep(store) == 5
    assert not any(path.exists() for path in old)
    assert len(rows(store, setup)) == 5


@pytest.mark.parametrize("where", ["between the files", "before the catalogue", "in the catalogue"])
def test_a_kill_in_the_middle_leaves_the_old_parts(store, measured, monkeypatch, where):
    setup = measured(2, 1, 2, 1, 2, 1, compact=False)
    before, files = rows(store, setup), progress.files_of(store, setup)
    written = []
    real = compacting.write_part

    def write(*args, **kwargs):
        if written and where == "between the files":
            raise KeyboardInterrupt
        written.append(real(*args, **kwargs))
        return written[-1]

    class Killed(Store):
        def executemany(self, sql, rows):
            if "moved" in sql and where != "between the files":
                raise KeyboardInterrupt
            return super().executemany(sql, rows)

    monkeypatch.setattr(compacting, "write_part", write)
    if where == "before the catalogue":
        monkeypatch.setattr(progress, "replace_parts", lambda *_, **__: 1 / 0)
    with (
        Killed(store.folder) as other,
        pytest.raises((KeyboardInterrupt, ZeroDivisionError)),
        running(other, "measure") as run,
    ):
        compacting.compact(other, [setup], run)
    assert written
    assert progress.files_of(store, setup) == files
    assert rows(store, setup) == before
    with running(store, "measure"):
        local.sweep(store)
    assert not any(path.exists() for path in written)
    assert rows(store, setup) == before


def test_a_full_disk_is_no_fault_of_the_run(store, measured, monkeypatch):
    def full(*_, **__):
        raise StorageFull("no room")

    monkeypatch.setattr(compacting, "write_part", full)
    assert sizes(store, measured(1, 1, 1, 1, 1)) == [1] * 5


def test_a_part_that_is_gone_is_left_to_those_who_read_it(store, measured):
    setup = measured(1, 1, 1, 1, 1, compact=False)
    progress.files_of(store, setup)[2].unlink()
    with running(store, "measure") as run:
        assert compacting.compact(store, [setup], run) == 0
    assert store.value("SELECT status FROM runs ORDER BY run DESC") == "done"
    assert len(sizes(store, setup)) == 5


def test_every_reader_sees_all_rows_at_all_times(store, measured):
    """Tables and SQL are asked at each step that the catalogue takes."""
    setup = measured(1, 2, 1, 2, 1, 2, compact=False)
    seen = []

    class Watched(Store):
        def executemany(self, sql, rows):
            seen.append(len(tidy.sql(store, "SELECT DISTINCT item FROM size")))
            return super().executemany(sql, rows)

    with Watched(store.folder) as other, running(other, "measure") as run:
        assert compacting.compact(other, [setup], run) == 6
    seen.append(len(tidy.sql(store, "SELECT item FROM size")))
    assert seen == [9] * len(seen)
    assert len(seen) > 2


def test_no_item_is_left_without_its_part(store, measured):
    setup = measured(1, 2, 1, 2, 1, 2)
    lost = "SELECT count(*) FROM measured LEFT JOIN parts USING (part) WHERE parts.part IS NULL"
    assert store.value(lost) == 0
    with pytest.raises(sqlite3.IntegrityError):
        store.execute("DELETE FROM parts WHERE setup = ?", (setup,))
    assert store.rows("PRAGMA foreign_key_check") == []
