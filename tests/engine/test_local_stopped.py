"""The local engine on a full disk, and when it is interrupted or killed: what is done is kept."""

import errno
import itertools
import os
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from mediacorpus.engine import local
from mediacorpus.errors import StorageFull
from mediacorpus.store import parts
from mediacorpus.store.store import Store

# -- disk ------------------------------------------------------------------------------------


def test_a_full_disk_keeps_the_parts_before_it_and_the_next_run_goes_on(
    store, go, brightness, monkeypatch, table, check_once
):
    real, calls = pq.ParquetWriter.write_table, []

    def fills_up(*args, **kwargs):
        calls.append(1)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(parts.pq.ParquetWriter, "write_table", fills_up)
        with pytest.raises(StorageFull, match="kept"):
            go(brightness=brightness)
    assert len(table(store, "brightness")) == 10
    assert store.value("SELECT status FROM runs ORDER BY run DESC") == "failed"
    assert go(brightness=brightness).items == 2
    check_once(store, "brightness")


def test_a_catalogue_that_is_full_records_nothing_and_the_next_run_goes_on(
    store, go, brightness, items, table, check_once
):
    """The part is written, and then there is no room for what is to be recorded of it."""

    def verbose():
        raise RuntimeError("x" * 50_000)

    brightness.trouble[items[7]] = verbose
    store.execute(f"PRAGMA max_page_count = {store.value('PRAGMA page_count') + 2}")
    with pytest.raises(StorageFull):
        go(brightness=brightness)
    recorded = len(table(store, "brightness"))
    assert recorded == 5
    assert len(list((store.folder / "tables").glob("*/*/*.parquet"))) == 2
    store.execute("PRAGMA max_page_count = 1000000")
    brightness.trouble.clear()
    assert go(brightness=brightness).items == 7
    check_once(store, "brightness")


def test_parts_that_nobody_recorded_are_swept(
    store, go, brightness, monkeypatch, table, check_once
):
    """What a kill between writing and recording leaves behind."""

    def dies(*_, **__):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(local.progress, "record_parts", dies)
        with pytest.raises(RuntimeError):
            go(brightness=brightness)
    orphans = list((store.folder / "tables").glob("*/*/*.parquet"))
    assert len(orphans) == 1
    (orphans[0].parent / ".part-00007.parquet.tmp").write_bytes(b"half a part")
    assert table(store, "brightness") == []
    go(brightness=brightness)
    check_once(store, "brightness")
    assert not orphans[0].exists()


# -- Ctrl-C and kill -------------------------------------------------------------------------

SLOW = """
import os, signal, sys, time
from pathlib import Path
from mediacorpus.store import progress
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store
from mediacorpus.engine import local
from mediacorpus.engine.part import Options, Prepared
from mediacorpus.records import Info

folder, number, after = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
seen = []

def brightness(batch):
    seen.append(1)
    if len(seen) == after:
        os.kill(os.getpid(), number)
        time.sleep(0.3)
    return [{"brightness": float(p.mean())} for p in batch.pixels]

info = Info("brightness", "1", "One line.", "MIT", outputs={"brightness": "float64"})
with Store(Path(folder)) as store, running(store, "measure") as run:
    setup = progress.setup_id(store, info, {}, run=run.id)
    options = Options(run=run.id, batch_size=2, part_size=5, workers=1)
    local.run(store, [Prepared(info, {}, brightness, setup)], run, options=options, show=False)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="not on this machine: no SIGINT of this kind")
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, "interrupted"), (signal.SIGKILL, "killed")]
)
def test_a_run_that_is_stopped_keeps_what_is_finished(
    store, go, brightness, number, status, table, check_once
):
    store.close()
    done = subprocess.run(
        [sys.executable, "-c", SLOW, store.folder, str(int(number)), "4"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in {-number, 130, 1}
    if number == signal.SIGINT:
        assert "KeyboardInterrupt" in done.stderr
    with Store(store.folder) as found:
        kept = len(table(found, "brightness"))
        # The first part is recorded; of the second, Ctrl-C keeps the batches that were done.
        assert kept == 5 if number == signal.SIGKILL else 5 < kept < 12
        told = go(found, brightness=brightness)
        assert told.items == 12 - kept
        check_once(found, "brightness")
        statuses = [s for (s,) in found.rows("SELECT status FROM runs ORDER BY run")]
        assert statuses == ["done", status, "done"]


def test_ctrl_c_in_this_process_is_raised_after_what_was_done_is_recorded(
    store, go, brightness, table, check_once
):
    if sys.platform == "win32":
        pytest.skip("not on this machine: no SIGINT of this kind")

    calls = itertools.count()

    def presses(batch):
        if next(calls) == 1:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
        return brightness(batch)

    with pytest.raises(KeyboardInterrupt):
        go(brightness=presses)
    kept = len(table(store, "brightness"))
    assert 0 < kept < 12
    assert store.rows("SELECT status, done FROM runs ORDER BY run DESC LIMIT 1") == [
        ("interrupted", kept)
    ]
    assert go(brightness=brightness).items == 12 - kept
    check_once(store, "brightness")
