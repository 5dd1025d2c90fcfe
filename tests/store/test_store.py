"""Opening, refusing, protecting and translating: the one SQLite file."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacorpus.errors import (
    CorpusBusy,
    CorpusDamaged,
    CorpusExists,
    CorpusNotFound,
    CorpusReadOnly,
    CorpusTooNew,
    StorageFull,
)
from mediacorpus.store import store as module
from mediacorpus.store.runs import running
from mediacorpus.store.store import DATABASE, Store, chunks, placeholders


def test_a_new_corpus_has_its_folders_and_safe_settings(store):
    assert {p.name for p in store.folder.iterdir() if p.is_dir()} == {"tables", "models", "reports"}
    assert store.value("PRAGMA journal_mode") == "wal"
    assert store.value("PRAGMA synchronous") == 2
    assert store.value("PRAGMA foreign_keys") == 1
    assert store.writable


def test_closing_folds_everything_into_one_file(store):
    with running(store, "test"):
        pass
    store.close()
    assert not list(store.folder.glob(f"{DATABASE}*-wal"))
    with Store(store.folder) as again:
        assert again.value("SELECT count(*) FROM runs") == 1


def test_create_refuses_a_corpus_and_a_file(store, tmp_path):
    with pytest.raises(CorpusExists, match="already"):
        Store.create(store.folder)
    (tmp_path / "file").write_text("x")
    with pytest.raises(CorpusExists, match="is a file"):
        Store.create(tmp_path / "file")


def test_create_in_a_folder_that_holds_other_things(tmp_path):
    (tmp_path / "notes.txt").write_text("keep me")
    Store.create(tmp_path).close()
    assert (tmp_path / "notes.txt").read_text() == "keep me"
    assert not list(tmp_path.glob(".corpus.db*"))


def test_no_corpus_says_how_to_make_one(tmp_path):
    with pytest.raises(CorpusNotFound, match="mediacorpus create"):
        Store(tmp_path)
    with pytest.raises(CorpusNotFound, match="cannot be looked at"):
        Store(tmp_path / ("x" * 5000))


def test_a_newer_corpus_is_left_as_it_is(store):
    store.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(CorpusTooNew, match=r"schema 99.*pip install --upgrade"):
        Store(store.folder)
    with sqlite3.connect(store.folder / DATABASE) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (99,)
    raw.close()


@pytest.mark.parametrize(
    "content", [b"", b"no database" * 999, b"SQLite format 3\0" + b"\1" * 4080]
)
def test_a_damaged_catalogue_is_named_and_not_taken_for_a_new_one(store, content):
    store.close()
    (store.folder / DATABASE).write_bytes(content)
    with pytest.raises(CorpusDamaged, match=r"corpus\.db is damaged.*backup"):
        Store(store.folder)


def test_somebody_elses_database_is_not_touched(tmp_path):
    with sqlite3.connect(tmp_path / DATABASE) as raw:
        raw.execute("CREATE TABLE theirs (a)")
    raw.close()
    with pytest.raises(CorpusDamaged, match="not a catalogue"):
        Store(tmp_path)
    with sqlite3.connect(tmp_path / DATABASE) as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    raw.close()


def test_damage_inside_shows_when_it_is_met(store, hold):
    hold(300)
    store.close()
    path = store.folder / DATABASE
    data = bytearray(path.read_bytes())
    data[3 * 4096 :] = b"\xff" * (len(data) - 3 * 4096)
    path.write_bytes(data)
    with pytest.raises(CorpusDamaged), Store(store.folder) as broken:
        broken.rows("SELECT * FROM items")


def test_a_transaction_is_all_or_nothing(store):
    def half() -> None:
        with store.transaction():
            store.execute("CREATE TABLE t (a)")
            with store.transaction():
                store.execute("INSERT INTO t VALUES (1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert store.value("SELECT count(*) FROM sqlite_master WHERE name = 't'") == 0
    with store.transaction():
        store.execute("CREATE TABLE t (a)")
        with store.transaction():
            store.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
    assert store.rows("SELECT a FROM t") == [(1,), (2,)]
    assert store.value("SELECT a FROM t WHERE a = 3") is None


def test_frames_keep_names_even_without_rows(store):
    assert list(store.frame("SELECT 1 AS one, 'x' AS two").iloc[0]) == [1, "x"]
    assert list(store.frame("SELECT item, n FROM items").columns) == ["item", "n"]


# -- full, busy, read-only -------------------------------------------------------------------


def test_a_full_disk_is_told_and_what_was_recorded_stays(store, hold):
    items = hold(20)
    pages = store.value("PRAGMA page_count")
    store.execute(f"PRAGMA max_page_count = {pages}")

    def write() -> None:
        with store.transaction():
            store.execute("CREATE TABLE big (text)")
            store.executemany("INSERT INTO big VALUES (?)", [("x" * 1000,)] * 1000)

    with pytest.raises(StorageFull, match="kept"):
        write()
    assert store.value("SELECT count(*) FROM items") == len(items)
    assert store.value("SELECT count(*) FROM sqlite_master WHERE name = 'big'") == 0
    store.execute("PRAGMA max_page_count = 1000000")
    write()
    assert store.value("SELECT count(*) FROM big") == 1000


@pytest.mark.parametrize(("free", "wanted"), [(0, StorageFull), (10**10, CorpusDamaged)])
def test_a_failing_disk_is_not_taken_for_a_full_one(store, monkeypatch, free, wanted):
    usage = shutil.disk_usage(store.folder)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=free))
    with pytest.raises(wanted), module._translated(store.folder):
        raise sqlite3.OperationalError("disk I/O error")


def test_creating_on_a_full_disk(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(module.sqlite3, "connect", refuse)
    with pytest.raises(StorageFull):
        Store.create(tmp_path / "corpus")
    assert not (tmp_path / "corpus" / DATABASE).exists()


def test_another_program_that_holds_the_database_is_waited_for_then_named(store):
    other = sqlite3.connect(store.folder / DATABASE, isolation_level=None)
    store.execute("PRAGMA busy_timeout = 50")
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(CorpusBusy, match="Another program"), store.transaction():
            pass
        assert store.rows("SELECT count(*) FROM items") == [(0,)]  # reading goes on
    finally:
        other.close()
    with store.transaction():
        pass


def check_read_only(folder: Path) -> None:
    with Store(folder) as found:
        assert not found.writable
        assert found.value("SELECT count(*) FROM items") == 3
        with pytest.raises(CorpusReadOnly, match="cannot be written"), found.transaction():
            pass
        with pytest.raises(CorpusReadOnly):
            found.execute("DELETE FROM records")
        with pytest.raises(CorpusReadOnly), running(found, "test"):
            pass


def test_a_corpus_without_write_access_is_still_read(store, hold, monkeypatch):
    hold(3)
    store.close()
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda p, mode: mode != os.W_OK and allowed(p, mode))
    check_read_only(store.folder)
    monkeypatch.undo()
    assert sorted(p.name for p in store.folder.iterdir() if p.is_file()) == [
        ".writing.lock",
        DATABASE,
    ]


def test_permissions_of_the_file_system_bind(store, hold, ordinary_user, monkeypatch):
    hold(3)
    store.close()
    folder, lowered = ordinary_user
    corpus = shutil.copytree(store.folder, folder / "corpus")
    check = os.access
    monkeypatch.setattr(  # as root, only the effective user is the ordinary one
        os, "access", lambda p, mode: check(p, mode, effective_ids=True)
    )
    with lowered():
        for path in [*corpus.rglob("*"), corpus]:
            path.chmod(0o500 if path.is_dir() else 0o400)
        check_read_only(corpus)
        monkeypatch.undo()
        # Where the system says yes and then refuses, the refusal is found out.
        monkeypatch.setattr(os, "access", lambda p, mode: True)
        check_read_only(corpus)
        with pytest.raises(CorpusReadOnly):
            Store.create(corpus / "models" / "inner")


def test_a_log_that_was_left_is_read_too(store, hold, monkeypatch, tmp_path):
    """After a kill the newest rows are in the log; a reader must not miss them."""
    hold(3)
    left = shutil.copytree(store.folder, tmp_path / "left")
    assert (left / f"{DATABASE}-wal").stat().st_size > 0
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda p, mode: mode != os.W_OK and allowed(p, mode))
    with Store(left) as found:
        assert found.value("SELECT count(*) FROM items") == 3


# -- migrations ------------------------------------------------------------------------------


def test_a_migration_that_fails_leaves_the_old_schema(store, monkeypatch):
    store.close()
    steps = (*module.MIGRATIONS, "CREATE TABLE more (a); CREATE TABLE more (a)")
    monkeypatch.setattr(module, "MIGRATIONS", steps)
    with pytest.raises(sqlite3.OperationalError):
        Store(store.folder)
    monkeypatch.undo()
    with Store(store.folder) as same:
        assert same.value("SELECT count(*) FROM sqlite_master WHERE name = 'more'") == 0
        assert same.value("PRAGMA user_version") == len(module.MIGRATIONS)


def test_an_older_corpus_is_brought_up_to_date_and_keeps_its_rows(store, hold, monkeypatch):
    hold(3)
    store.close()
    step = "ALTER TABLE items ADD COLUMN note TEXT; UPDATE items SET note = 'new'"
    monkeypatch.setattr(module, "MIGRATIONS", (*module.MIGRATIONS, step))
    with Store(store.folder) as newer:
        assert newer.rows("SELECT DISTINCT note, count(*) FROM items") == [("new", 3)]
        assert newer.value("PRAGMA user_version") == len(module.MIGRATIONS)


def test_two_that_open_a_new_corpus_at_once_both_get_it(tmp_path):
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        Store.create(folder).close()
        with sqlite3.connect(folder / DATABASE) as raw:  # as it is between creation and schema
            for (name,) in raw.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            ).fetchall():
                raw.execute("PRAGMA foreign_keys = OFF")
                raw.execute(f"DROP TABLE {name}")
            raw.execute("PRAGMA user_version = 0")
        raw.close()
        start, errors = threading.Barrier(4), []

        def open_it(folder=folder, start=start, errors=errors):
            start.wait()
            try:
                Store(folder).close()
            except Exception as error:  # noqa: BLE001
                errors.append(error)

        threads = [threading.Thread(target=open_it) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []


def test_a_kill_in_the_middle_of_a_transaction_costs_only_that(store, hold):
    items = hold(5)
    code = (
        "import sys, os; from pathlib import Path; "
        "from mediacorpus.store.store import Store; "
        "s = Store(Path(sys.argv[1])); t = s.transaction(); t.__enter__(); "
        "s.execute('DELETE FROM records'); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", code, store.folder], check=False)
    assert done.returncode == 9
    assert store.value("SELECT count(*) FROM records") == len(items)


# -- small things ----------------------------------------------------------------------------


@given(st.lists(st.integers()), st.integers(1, 7))
def test_chunks_keep_all_in_order(values, size):
    cut = list(chunks(iter(values), size))
    assert [v for chunk in cut for v in chunk] == values
    assert all(len(chunk) == size for chunk in cut[:-1])
    assert all(0 < len(chunk) <= size for chunk in cut)


@given(st.integers(1, 50))
def test_placeholders(count):
    assert placeholders(count).replace(",", "") == "?" * count
    assert placeholders(count).count(",") == count - 1


# -- threads ---------------------------------------------------------------------------------


def in_threads(count, work):
    """Run `work(n)` in so many threads at once; return what each gave, errors too."""
    found, start = [None] * count, threading.Barrier(count)

    def one(n):
        start.wait()
        try:
            found[n] = work(n)
        except Exception as error:  # noqa: BLE001
            found[n] = error

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_threads_write_at_once_and_nothing_is_lost(store, run):
    def write(n):
        for number in range(20):
            with store.transaction():
                store.execute(
                    "INSERT INTO sources (kind, location, run) VALUES ('folder', ?, ?)",
                    (f"/{n}/{number}", run),
                )
        return store.value("SELECT count(*) FROM sources WHERE location LIKE ?", (f"/{n}/%",))

    assert in_threads(8, write) == [20] * 8
    assert store.value("SELECT count(*) FROM sources") == 160


def test_a_transaction_is_that_of_its_thread(store, run):
    insert = "INSERT INTO sources (kind, location, run) VALUES ('folder', ?, ?)"
    count = "SELECT count(*) FROM sources"
    with store.transaction():
        store.execute(insert, ("/mine", run))
        assert in_threads(1, lambda _: store.value(count)) == [0]
    assert in_threads(1, lambda _: store.value(count)) == [1]


def test_closing_closes_the_connections_of_all_threads(store):
    inside, closed, errors = threading.Event(), threading.Event(), []

    def stay():
        store.rows("SELECT 1")
        inside.set()
        closed.wait()
        try:
            store.rows("SELECT 1")
        except sqlite3.ProgrammingError as error:
            errors.append(error)

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait()
    store.close()
    closed.set()
    thread.join()
    assert len(errors) == 1
    assert not list(store.folder.glob(f"{DATABASE}*-wal"))
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        store.rows("SELECT 1")
    assert isinstance(in_threads(1, lambda _: store.rows("SELECT 1"))[0], sqlite3.ProgrammingError)


def test_connections_of_threads_that_have_ended_are_closed(store):
    for _ in range(5):
        in_threads(4, lambda _: store.rows("SELECT 1"))
    assert len(store._open) <= 5


def test_rows_in_batches_stay_as_they_were_at_the_start(store, hold, run):
    hold(25)
    batches = store.batches("SELECT record FROM records ORDER BY record", size=10)
    first = next(batches)
    store.execute("DELETE FROM records")
    rest = in_threads(1, lambda _: list(batches))[0]
    assert [len(rows) for rows in [first, *rest]] == [10, 10, 5]
    assert list(store.each("SELECT record FROM records")) == []


def test_batches_that_nobody_reads_to_the_end_leave_nothing_open(store, hold):
    hold(25)
    before = len(store._open)
    batches = store.batches("SELECT record FROM records", size=10)
    next(batches)
    assert len(store._open) == before + 1
    batches.close()
    assert len(store._open) == before


def test_a_step_that_another_process_has_done_is_not_done_again(store, monkeypatch):
    store.execute("PRAGMA user_version = 2")
    schema = type(store)._schema
    seen = []

    def late(self):
        seen.append(schema(self))
        if len(seen) == 1:  # what was seen before the other process went on
            self.execute(f"PRAGMA user_version = {len(module.MIGRATIONS)}")
        return seen[-1]

    monkeypatch.setattr(type(store), "_schema", late)
    store._migrate()
    assert schema(store) == len(module.MIGRATIONS)
