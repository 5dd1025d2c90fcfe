"""A corpus that an earlier version made: backed up, brought up to date, and used."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import mediacorpus as mc
from mediacorpus.errors import CorpusReadOnly, CorpusTooNew
from mediacorpus.store.migrations import MIGRATIONS

FORMER = Path(__file__).with_name("former.tar.gz")
"""24 made images with posts, facts, labels, a split, and a probe that was applied and validated."""
SCHEMA = 3
KILLED = """
import os, sys
from mediacorpus.store import store
statements, left = store._statements, int(sys.argv[2])

def until_killed(script):
    global left
    for statement in statements(script):
        left -= 1
        if left < 0:
            os._exit(9)
        yield statement

store._statements = until_killed
store.Store(store.Path(sys.argv[1])).close()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with tarfile.open(FORMER) as archive:
        archive.extractall(tmp_path / "former", filter="data")
    return tmp_path / "former" / "corpus"


def schema_of(path: Path) -> int:
    with sqlite3.connect(path) as raw:
        found = int(raw.execute("PRAGMA user_version").fetchone()[0])
    raw.close()
    return found


def test_it_is_backed_up_brought_up_to_date_and_used(folder: Path) -> None:
    with mc.Corpus(folder) as corpus:
        assert set(corpus.items()["kind"]) == {"image"}
        assert len(corpus.records()) == 48
        assert corpus.records()["year"].max() == 2013
        assert list(corpus.failures()["stage"]) == ["skipped"]
        assert len(corpus.table("labels")) == 24
        assert len(corpus.table("colour")) == 24, "what was measured stays under its name"
        assert corpus.validate("quick", against="red", progress=False).scores.n == 6
        assert corpus.measure("facts", progress=False).items == 0, "facts are those of then"
        assert corpus.measure("quality", progress=False).items == 24, "images are found again"
        corpus.train("red", name="next", progress=False)
        corpus.compare("red", progress=False)
        corpus.report()
    kept = folder / f"corpus-schema-{SCHEMA}.db"
    assert schema_of(kept) == SCHEMA
    assert schema_of(folder / "corpus.db") == len(MIGRATIONS)
    before = kept.read_bytes()
    mc.Corpus(folder).close()
    assert kept.read_bytes() == before
    assert len(list(folder.glob("corpus-schema-*"))) == 1


@pytest.mark.parametrize("statements", [0, 1, 2, 4, 8])
def test_a_kill_on_the_way_costs_nothing(folder: Path, statements: int) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(statements)], check=False)
    assert done.returncode == 9
    assert schema_of(folder / f"corpus-schema-{SCHEMA}.db") == SCHEMA
    assert schema_of(folder / "corpus.db") < len(MIGRATIONS)
    with mc.Corpus(folder) as corpus:
        assert len(corpus.records()) == 48
        assert set(corpus.items()["kind"]) == {"image"}
        assert corpus._store.value("PRAGMA integrity_check") == "ok"
    assert schema_of(folder / "corpus.db") == len(MIGRATIONS)


def test_where_it_cannot_be_written_one_sentence_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda p, mode: mode != os.W_OK and allowed(p, mode))
    with pytest.raises(CorpusReadOnly, match=r"earlier version.*Copy it to where you may write"):
        mc.Corpus(folder)
    assert schema_of(folder / "corpus.db") == SCHEMA
    assert not list(folder.glob("corpus-schema-*"))


def test_an_earlier_version_is_told_that_the_corpus_is_newer(folder: Path) -> None:
    mc.Corpus(folder).close()
    with sqlite3.connect(folder / "corpus.db") as raw:  # as a later version would leave it
        raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    raw.close()
    with pytest.raises(CorpusTooNew, match="newer version"):
        mc.Corpus(folder)
