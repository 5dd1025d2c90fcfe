"""Runs: written down from start to end, one writer at a time."""

import json
import os
import re
import subprocess
import sys
import threading

import filelock
import pytest

import mediacorpus
from mediacorpus.errors import CorpusBusy, CorpusReadOnly, SourceError, StorageFull
from mediacorpus.store.runs import LOCK, machine, now, running
from mediacorpus.store.store import Store


def runs(store):
    return store.frame("SELECT * FROM runs ORDER BY run").to_dict("records")


def test_a_run_says_all_that_is_needed_to_do_it_again(store):
    with running(store, "measure", parameters={"top": 5}, seed=7, model_hash="ab") as run:
        (under_way,) = runs(store)
        run.done, run.failed, run.note = 3, 1, "a remark"
    (ended,) = runs(store)
    assert under_way["status"] == "running"
    assert ended["status"] == "done"
    assert (ended["done"], ended["failed"], ended["note"]) == (3, 1, "a remark")
    assert (ended["verb"], ended["seed"], ended["model_hash"]) == ("measure", 7, "ab")
    assert json.loads(ended["parameters"]) == {"top": 5}
    assert ended["version"] == mediacorpus.__version__
    assert ended["started"] <= ended["ended"]
    assert set(json.loads(ended["machine"])) >= {"system", "cores", "python", "packages"}
    assert machine()["packages"]["numpy"]


def test_times_are_utc_to_the_millisecond():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", now())


@pytest.mark.parametrize(
    ("error", "status", "note"),
    [
        (KeyboardInterrupt(), "interrupted", None),
        (SourceError("no images"), "failed", "SourceError: no images"),
        (SystemExit(1), "failed", "SystemExit: 1"),
        (ValueError("caf\udce9.jpg"), "failed", r"ValueError: caf\udce9.jpg"),
    ],
)
def test_whatever_the_end_it_is_written_down(store, error, status, note):
    def fail():
        with running(store, "add") as run:
            run.done = 2
            raise error

    with pytest.raises(type(error)):
        fail()
    (ended,) = runs(store)
    assert (ended["status"], ended["note"], ended["done"]) == (status, note, 2)
    assert ended["ended"]
    with running(store, "add"):  # the lock is free again
        pass


def test_a_full_disk_in_a_run_is_told_as_such(store):
    def fill():
        with running(store, "add"):
            store.execute(f"PRAGMA max_page_count = {store.value('PRAGMA page_count')}")
            with store.transaction():
                store.execute("CREATE TABLE big (text)")
                store.executemany("INSERT INTO big VALUES (?)", [("x" * 4000,)] * 50)

    with pytest.raises(StorageFull):
        fill()
    store.execute("PRAGMA max_page_count = 1000000")
    with running(store, "add"):
        pass
    assert [run["status"] for run in runs(store)][-1] == "done"


def test_a_run_that_was_killed_is_found_out_by_the_next(store):
    code = (
        "import os, sys; from pathlib import Path; "
        "from mediacorpus.store.store import Store; "
        "from mediacorpus.store.runs import running; "
        "run = running(Store(Path(sys.argv[1])), 'measure'); run.__enter__(); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", code, store.folder], check=False)
    assert done.returncode == 9
    assert runs(store)[0]["status"] == "running"
    with running(store, "measure"):
        assert [run["status"] for run in runs(store)] == ["killed", "running"]


def test_two_runs_at_once_are_one_too_many(store):
    with running(store, "measure"), Store(store.folder) as other:
        with pytest.raises(CorpusBusy, match=r"Another run.*run this command again"):
            running(other, "add").__enter__()
        assert other.value("SELECT count(*) FROM items") == 0  # looking is allowed
        with running(other, "labels import", exclusive=False):
            pass
    assert [run["status"] for run in runs(store)] == ["done", "done"]


def test_a_run_in_another_thread_is_another_run(store):
    found = []

    def other():
        with Store(store.folder) as mine:
            try:
                with running(mine, "add"):
                    found.append("entered")
            except CorpusBusy:
                found.append("busy")

    with running(store, "measure"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert found == ["busy"]


def test_a_run_in_another_process_is_waited_for_by_the_user(store):
    code = (
        "import sys, filelock; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); "
        "print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(store.folder / LOCK)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout.readline() == "held\n"
        with pytest.raises(CorpusBusy):
            running(store, "add").__enter__()
        assert runs(store) == []
    finally:
        child.communicate("")
    with running(store, "add"):
        pass


def test_runs_that_do_not_exclude_others_are_not_taken_for_killed(store):
    with (
        running(store, "labels import", exclusive=False),
        Store(store.folder) as other,
        running(other, "measure"),
    ):
        assert [run["status"] for run in runs(store)] == ["running", "running"]
    assert [run["status"] for run in runs(store)] == ["done", "done"]


def test_no_run_in_a_corpus_that_cannot_be_written_to(store, monkeypatch):
    store.close()
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    with Store(store.folder) as found, pytest.raises(CorpusReadOnly):
        running(found, "add").__enter__()


def test_a_lock_that_cannot_be_made_is_a_corpus_that_cannot_be_written_to(store, monkeypatch):
    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(CorpusReadOnly):
        running(store, "add").__enter__()
