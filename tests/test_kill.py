"""SIGKILL at random moments: run again, and every item is there exactly once."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mediacorpus as mc

pytestmark = pytest.mark.slow

SMALL_PARTS = {"MEDIACORPUS_PART_SIZE": "16", "MEDIACORPUS_OFFLINE": "1"}


def start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mediacorpus", *arguments],
        env=os.environ | SMALL_PARTS,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def whole(*arguments: str) -> float:
    """Run a command to its end; return its seconds."""
    started = time.monotonic()
    child = start(*arguments)
    _, said = child.communicate(timeout=300)
    assert child.returncode == 0, said.decode()
    return time.monotonic() - started


def killed(kills: int, typical: float, seed: int, *arguments: str) -> int:
    """Kill a command `kills` times at random moments, then let it end; count the real kills."""
    rng = random.Random(seed)
    hits = 0
    for _ in range(kills):
        child = start(*arguments)
        try:
            child.wait(timeout=rng.uniform(0.15, 1.0) * typical)
        except subprocess.TimeoutExpired:
            child.kill()
            hits += 1
        child.communicate()
    whole(*arguments)
    return hits


def check_catalogue(folder: Path) -> None:
    database = sqlite3.connect(folder / "corpus.db")
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    running = database.execute("SELECT count(*) FROM runs WHERE status = 'running'").fetchone()
    assert running == (0,)
    database.close()


def check_once(corpus: mc.Corpus, table: str, rows_each: int = 1) -> None:
    counts = corpus.sql(
        f'SELECT items.item, count(t.item) AS n FROM items LEFT JOIN "{table}" t '
        "ON t.item = items.item GROUP BY items.item"
    )
    assert set(counts["n"]) == {rows_each}
    named = {Path(row[0]).name for row in corpus._store.rows("SELECT file FROM parts")}
    assert named
    on_disk = {p.relative_to(corpus.folder).as_posix() for p in corpus.folder.glob("tables/*/*/*")}
    assert on_disk == {row[0] for row in corpus._store.rows("SELECT file FROM parts")}


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 small photographs in class folders, two of them twice."""
    import cv2
    from skimage.data import lfw_subset

    folder = tmp_path_factory.mktemp("faces")
    for number, pixels in enumerate((lfw_subset() * 255).round().astype("uint8")[40:160]):
        name = "face" if number < 60 else "no_face"
        (folder / name).mkdir(exist_ok=True)
        cv2.imwrite(str(folder / name / f"{number:03d}.png"), pixels)
        if number in {3, 70}:
            cv2.imwrite(str(folder / name / f"copy {number:03d}.png"), pixels)
    return folder


def test_kills_lose_nothing_and_double_nothing(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference, corpus = str(tmp_path / "reference"), str(tmp_path / "corpus")
    finetune = ["--method", "finetune", "--epochs", "6"]
    steps = [
        ("add", str(faces), "--variable", "face"),
        ("measure", "facts", "tags", "embedding"),
        ("split", "face", "--shares", "60/20/20"),
        ("train", "face", "--name", "tuned", *finetune),
        ("apply", "tuned"),
        ("train", "face", "--name", "linear"),
        ("apply", "linear"),
    ]
    for folder in (reference, corpus):
        mc.Corpus.create(folder).close()
    hits = 0
    for seed, (verb, *rest) in enumerate(steps):
        seconds = whole(verb, reference, *rest)
        if verb == "split":
            whole(verb, corpus, *rest)
        else:
            kills = {"add": 6, "measure": 7, "train": 6, "apply": 6}[verb]
            hits += killed(kills, seconds, seed, verb, corpus, *rest)
    assert hits >= 20
    check_catalogue(Path(corpus))
    with mc.Corpus(corpus) as found, mc.Corpus(reference) as wanted:
        assert len(found.items()) == 120
        assert len(found.records()) == 122
        assert found.failures().empty
        assert list(found.items()["item"]) == list(wanted.items()["item"])
        assert len(found.table("labels")) == len(wanted.table("labels")) == 120
        for table, rows in (("facts", 1), ("tags", 5), ("embedding", 1)):
            check_once(found, table, rows)
        for model in ("tuned", "linear"):
            check_once(found, model, 2)
            same = found.sql(f"SELECT item, tag, score FROM {model} ORDER BY ALL")
            other = wanted.sql(f"SELECT item, tag, score FROM {model} ORDER BY ALL")
            assert (same["item"] == other["item"]).all()
            assert (same["score"] - other["score"]).abs().max() < 1e-5
