"""The schema keeps what must never be broken, whoever writes to it."""

import sqlite3

import pytest

from mediacorpus.errors import MediacorpusError
from mediacorpus.store.migrations import MIGRATIONS


def test_every_step_is_a_script_without_its_own_transaction():
    for script in MIGRATIONS:
        words = script.upper()
        assert "COMMIT" not in words
        assert "PRAGMA" not in words


def test_tables_are_strict_and_sound(store):
    kinds = store.rows(
        "SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND schema = 'main' "
        "AND name NOT LIKE 'sqlite%'"
    )
    assert len(kinds) >= 13
    assert {strict for _, strict in kinds} == {1}
    assert store.value("PRAGMA integrity_check") == "ok"


@pytest.fixture
def label(store, run, hold):
    (item,) = hold(1)
    return store.execute(
        "INSERT INTO labels (item, variable, value, coder, time, run) VALUES (?,?,?,?,?,?)",
        (item, "face", "yes", "A", "2025-01-01T00:00:00.000Z", run),
    )


def test_labels_are_only_ever_added(store, label):
    with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
        store.execute("UPDATE labels SET value = 'no' WHERE label = ?", (label,))
    assert store.value("SELECT value FROM labels") == "yes"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO splits (variable, shares, method, time, run) VALUES ('a', '1', 'm', 't', 99)",
        "INSERT INTO labels (item, variable, value, coder, time, run) VALUES ('x','a','b','','',1)",
        "INSERT INTO measured (setup, n) VALUES (99, 1)",
        "INSERT INTO split_items (split, item, part) VALUES (99, 'nobody', 'train')",
        "UPDATE runs SET status = 'odd'",
        "UPDATE runs SET parameters = '{'",
        "UPDATE items SET width = 'wide'",
        "DELETE FROM items",
    ],
)
def test_what_makes_no_sense_is_refused(store, label, sql):
    before = list(store._connection.iterdump())
    with pytest.raises(sqlite3.IntegrityError) as caught:
        store.execute(sql)
    assert not isinstance(caught.value, MediacorpusError)
    assert list(store._connection.iterdump()) == before


def test_an_item_is_measured_once_for_each_setup(store, run, hold):
    hold(1)
    store.execute(
        "INSERT INTO setups (name, version, parameters, info, used) VALUES ('a','1','{}','{}',?)",
        (run,),
    )
    store.execute("INSERT INTO measured (setup, n) VALUES (1, 1)")
    with pytest.raises(sqlite3.IntegrityError):
        store.execute("INSERT INTO measured (setup, n) VALUES (1, 1)")
