"""One corpus, used from many threads at once, as a web server uses it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.testing.toys import toy_images

THREADS, TIMES = 8, 5


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> mc.Corpus:
    monkeypatch.setenv("MEDIACORPUS_PART_SIZE", "4")
    toy_images(tmp_path / "toys", 24, side=32)
    made = mc.Corpus.create(tmp_path / "corpus")
    made.add(tmp_path / "toys", progress=False)
    return made


def at_once(*tasks: Callable[[], Any]) -> list[Any]:
    """Run tasks in a thread each, all at the same time; return results and errors."""
    found: list[Any] = [None] * len(tasks)
    start = threading.Barrier(len(tasks))

    def run(n: int, task: Callable[[], Any]) -> None:
        start.wait()
        try:
            found[n] = task()
        except Exception as error:  # noqa: BLE001
            found[n] = error

    threads = [threading.Thread(target=run, args=(n, task)) for n, task in enumerate(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads)
    return found


def test_eight_people_label_while_one_measures(corpus: mc.Corpus) -> None:
    items = list(corpus.items()["item"])

    def label(person: int) -> int:
        for time in range(TIMES):
            frame = pd.DataFrame({"item": items, "variable": f"v{time}", "value": "yes"})
            corpus.import_labels(frame, coder=f"person {person}")
            assert corpus.sql("SELECT count(*) AS n FROM items")["n"][0] == len(items)
        return TIMES

    people = [lambda n=n: label(n) for n in range(THREADS)]
    *labelled, measured = at_once(*people, lambda: corpus.measure("facts", "color", progress=False))
    assert labelled == [TIMES] * THREADS
    assert (measured.items, measured.failed) == (len(items), 0)
    counted = corpus.sql("SELECT coder, variable, count(*) AS n FROM labels GROUP BY ALL")
    assert len(counted) == THREADS * TIMES
    assert set(counted["n"]) == {len(items)}
    assert set(corpus.runs()["status"]) == {"done"}
    assert corpus.sql("SELECT count(DISTINCT item) AS n FROM color")["n"][0] == len(items)
    assert len(corpus.gold("v0")) == len(items)  # nothing is locked
    corpus.measure("facts", progress=False)
    corpus.close()
    assert not list(corpus.folder.glob("corpus.db-*"))


def test_two_that_measure_at_once_do_not_both_go_on(corpus: mc.Corpus) -> None:
    def measure() -> Any:
        return corpus.measure("color", progress=False)

    found = at_once(*[measure] * 4)
    busy = [one for one in found if isinstance(one, mc.errors.CorpusBusy)]
    assert len(busy) + sum(hasattr(one, "items") for one in found) == 4
    assert corpus.measure("color", progress=False).items == 0
    rows = corpus.sql("SELECT count(*) AS n, count(DISTINCT item) AS items FROM color")
    assert rows["n"][0] == rows["items"][0] == len(corpus.items())


def test_tables_are_written_from_several_threads(corpus: mc.Corpus, tmp_path: Path) -> None:
    corpus.measure("facts", progress=False)
    target = tmp_path / "tidy.csv"
    found = at_once(*[lambda: len(corpus.table(output=target))] * 4)
    assert found == [24] * 4
    assert len(target.read_text("utf-8").splitlines()) == 25
    assert not list(tmp_path.glob("*.tmp*"))
