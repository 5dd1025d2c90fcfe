"""A pass that cannot write, or that is stopped, loses nothing."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from mediacorpus.errors import CorpusBusy, CorpusReadOnly, StorageFull
from mediacorpus.sources import add as module
from mediacorpus.sources.add import add as add_source
from mediacorpus.store import people
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store


def test_a_corpus_that_cannot_be_written_to(store, images, monkeypatch):
    store.close()
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda p, mode: mode != os.W_OK and allowed(p, mode))
    with Store(store.folder) as found, pytest.raises(CorpusReadOnly, match="cannot be written"):
        add_source(found, images, show=False)


def test_a_corpus_that_another_run_writes_to(store, images):
    with running(store, "measure"), Store(store.folder) as other, pytest.raises(CorpusBusy):
        add_source(other, images, show=False)


def test_a_full_disk_keeps_whole_chunks_and_the_next_pass_goes_on(
    store, add, tmp_path, save, monkeypatch, counts
):
    monkeypatch.setenv("MEDIACORPUS_PART_SIZE", "10")
    for n in range(60):
        save(tmp_path / "p" / f"{n:02}.png", n)
    store.execute(f"PRAGMA max_page_count = {store.value('PRAGMA page_count') + 4}")
    with pytest.raises(StorageFull, match="kept"):
        add(tmp_path / "p")
    items, records, _ = counts()
    assert items == records < 60
    assert items % 10 == 0
    store.execute("PRAGMA max_page_count = 1000000")
    assert add(tmp_path / "p").records == 60 - records
    assert counts() == (60, 60, 0)


def test_a_disk_that_fails_in_the_middle_rolls_the_chunk_back(
    store, add, images, monkeypatch, counts
):
    def refuse(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(module.holdings, "write_failures", refuse)
        with pytest.raises(OSError, match="Input/output"):
            add(images)
    assert counts() == (0, 0, 0)
    assert store.value("SELECT status FROM runs") == "failed"
    assert add(images).records == 6


# -- Ctrl-C and kill -------------------------------------------------------------------------

STOPPED = """
import os, signal, sys, time
from pathlib import Path
from mediacorpus.store.store import Store
from mediacorpus.sources import add as verb, adding as module

number, seen, real = int(sys.argv[3]), [], module.read_file

def read(path, **more):
    seen.append(path)
    if len(seen) == 7:
        os.kill(os.getpid(), number)
        time.sleep(0.3)
    return real(path, **more)

module.read_file = read
with Store(Path(sys.argv[1])) as store:
    verb.add(store, sys.argv[2], variable="kind", show=False)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="not on this machine: no SIGINT of this kind")
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, "interrupted"), (signal.SIGKILL, "killed")]
)
def test_a_pass_that_is_stopped_keeps_what_is_finished(
    store, tmp_path, save, number, status, counts, add
):
    for n in range(20):
        part = "train" if n < 12 else "val"
        save(tmp_path / "p" / part / "ants" / f"{n:02}.png", n)
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, store.folder, tmp_path / "p", str(int(number))],
        env=os.environ | {"MEDIACORPUS_PART_SIZE": "4", "MEDIACORPUS_WORKERS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    items, records, failures = counts()
    assert failures == 0
    assert items == records
    assert 4 <= records < 20
    assert people.latest_split(store, "kind") is None
    told = add(tmp_path / "p", variable="kind")
    assert told.records == 20 - records
    assert counts() == (20, 20, 0)
    assert store.value("SELECT count(*) FROM labels") == 20
    assert store.rows("SELECT status FROM runs ORDER BY run") == [(status,), ("done",)]
    assert store.value("PRAGMA integrity_check") == "ok"
    if status == "interrupted":
        assert store.value("SELECT done FROM runs ORDER BY run") == records


def test_a_catalogue_that_somebody_else_locks_is_waited_for(store, add, images):
    other = sqlite3.connect(store.folder / "corpus.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.execute("PRAGMA busy_timeout = 50")
    try:
        with pytest.raises(CorpusBusy):
            add(images)
    finally:
        other.close()
    assert add(images).records == 6


# -- words -----------------------------------------------------------------------------------
