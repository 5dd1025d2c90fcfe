"""What is left to measure, and what is recorded as done."""

import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediacorpus.records import Failure, Info, Shape
from mediacorpus.store import holdings, progress
from mediacorpus.store.progress import Part
from mediacorpus.store.runs import running

COUNT = 12


def info(name, version="1"):
    return Info(name, version, "One line.", "MIT", outputs={"x": "float64"})


@pytest.fixture
def setup(store, run):
    def make(name="a", version="1", **parameters):
        return progress.setup_id(store, info(name, version), parameters, run=run)

    return make


@pytest.fixture
def record(store, run):
    numbers = iter(range(10**6))

    def put(setup, done=(), failed=()):
        part = Part(setup, f"tables/x/{run}/part-{next(numbers)}.parquet", len(done), 9, done)
        progress.record_parts(store, [part] if done else [], failed={setup: failed}, run=run)

    return put


def left(store, setups, size=100):
    return [n for _, rows in progress.pending(store, setups, size=size) for n, _ in rows]


# -- setups ----------------------------------------------------------------------------------


def test_a_setup_is_its_name_version_and_parameters(store, setup):
    assert setup("a", top=5, size=1) == setup("a", size=1, top=5)
    assert len({setup("a"), setup("a", top=5), setup("a", version="2"), setup("b")}) == 4


def test_the_table_shows_the_setup_that_was_used_last(store, setup, run):
    first, second = setup("a", top=5), setup("a", top=9)
    assert progress.current_setups(store)["a"][0] == second
    with running(store, "measure") as later:
        again = progress.setup_id(store, info("a"), {"top": 5}, run=later.id)
    assert again == first
    assert progress.current_setups(store)["a"][0] == first


@pytest.mark.parametrize("shape", Shape)
def test_the_facts_of_a_measure_come_back_from_the_catalogue(store, run, shape):
    told = Info("m", "3", "One line.", "MIT", "Somebody 1999", "models", shape, {"vector": "4"})
    progress.setup_id(store, told, {}, run=run)
    assert progress.current_setups(store)["m"][1] == told


# -- what is left ----------------------------------------------------------------------------


def test_everything_is_left_at_first_in_pages(store, hold, setup):
    items = hold(COUNT)
    pages = [rows for _, rows in progress.pending(store, [setup()], size=5)]
    assert [len(rows) for rows in pages] == [5, 5, 2]
    assert [item for rows in pages for _, item in rows] == items


def test_an_empty_corpus_has_nothing_left(store, setup):
    assert left(store, [setup()]) == []
    assert progress.count_pending(store, [setup()]) == 0


@given(
    done=st.lists(st.sets(st.integers(1, COUNT)), min_size=3, max_size=3),
    failed=st.lists(st.sets(st.integers(1, COUNT)), min_size=3, max_size=3),
    size=st.integers(1, COUNT + 1),
    finish=st.booleans(),
)
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_each_item_comes_once_with_just_the_setups_that_it_lacks(
    store, hold, setup, record, done, failed, size, finish
):
    hold(COUNT)
    setups = [setup(name) for name in "abc"]
    with store.transaction():
        store.execute("DELETE FROM measured")
    lacks = {n: set(setups) for n in range(1, COUNT + 1)}
    for one, good, bad in zip(setups, done, failed, strict=True):
        record(one, sorted(good), sorted(bad - good))
        for n in good | bad:
            lacks[n].discard(one)
    wanted = {n: tuple(s for s in setups if s in some) for n, some in lacks.items() if some}
    assert progress.count_pending(store, setups) == len(wanted)
    assert progress.count_failed(store, setups) == len(
        set().union(*(bad - good for good, bad in zip(done, failed, strict=True)))
    )
    seen = {}
    for lacking, rows in progress.pending(store, setups, size=size):
        assert 0 < len(rows) <= size
        for n, _ in rows:
            assert n not in seen
            seen[n] = lacking
        if finish:  # what a run does: it records each page before it asks for the next
            for one in lacking:
                record(one, [n for n, _ in rows])
    assert seen == wanted
    assert progress.count_pending(store, setups) == (0 if finish else len(wanted))


def test_pages_are_small_however_many_items_there_are(store, hold, setup):
    hold(3000)
    asked = []
    store._connection.set_trace_callback(asked.append)
    pages = progress.pending(store, [setup()], size=100)
    _, first = next(pages)
    store._connection.set_trace_callback(None)
    assert len(first) == 100
    assert any("LIMIT 100" in sql for sql in asked)


def test_content_that_no_file_holds_any_more_is_not_waited_for(
    store, hold, run, source, make, setup
):
    items = hold(3)
    one = setup()
    progress.record_parts(store, [], failed={one: [2]}, run=run)
    holdings.write_records(store, [make("1.jpg", 99)], source=source, run=run)
    assert [item for _, rows in progress.pending(store, [one], size=9) for _, item in rows] == [
        items[0],
        items[2],
        make("", 99).sha256[:16],
    ]
    assert progress.count_pending(store, [one]) == 3
    assert progress.count_failed(store, [one]) == 0


# -- recording -------------------------------------------------------------------------------


def test_parts_are_recorded_with_their_items_or_not_at_all(store, hold, setup, record, run):
    hold(3)
    one = setup()
    record(one, [1, 2])
    with pytest.raises(sqlite3.IntegrityError):
        record(one, [2, 3])
    assert left(store, [one]) == [3]
    assert [f.name for f in progress.files_of(store, one)] == ["part-0.parquet"]
    assert progress.recorded_files(store) == {run: {f"tables/x/{run}/part-0.parquet"}}


def test_failed_items_are_left_alone_until_they_are_forgotten(store, hold, setup, record):
    hold(4)
    one = setup()
    record(one, [1, 2], [3])
    assert left(store, [one]) == [4]
    assert progress.forget_failed(store, [one]) == 1
    assert left(store, [one]) == [3, 4]
    assert progress.forget_failed(store, [one]) == 0


def test_retrying_one_measure_keeps_the_reasons_of_the_others(store, hold, setup, record, run):
    items = hold(4)
    a, b = setup("a"), setup("b")
    record(a, [], [1, 2, 3])
    record(b, [], [2, 3])
    record(a, [4])

    def trouble(n, stage):
        return Failure(items[n - 1], "p", stage, "why")

    holdings.write_failures(
        store,
        [trouble(1, "a"), trouble(2, "a"), trouble(2, "b"), trouble(3, "read"), trouble(4, "add")],
        run,
    )
    progress.forget_failed(store, [a])
    listed = {(items.index(s) + 1, g) for s, g in store.rows("SELECT subject, stage FROM failures")}
    assert listed == {(2, "b"), (3, "read"), (4, "add")}
    progress.forget_failed(store, [b])
    assert store.rows("SELECT stage FROM failures") == [("add",)]
