"""A corpus of small photographs and measures that misbehave on demand."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mediacorpus.engine import local
from mediacorpus.engine.contract import Batch
from mediacorpus.engine.local import works_for
from mediacorpus.engine.part import Options, Prepared, Work
from mediacorpus.records import Info
from mediacorpus.sources.add import add
from mediacorpus.store import progress
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store

COUNT = 12


@pytest.fixture
def photographs(tmp_path: Path, save: Callable[..., Path]) -> list[Path]:
    suffixes = ("jpg", "png", "jpg")
    return [save(tmp_path / "pictures" / f"{n:02}.{suffixes[n % 3]}", n) for n in range(COUNT)]


@pytest.fixture
def store(tmp_path: Path, photographs: list[Path]) -> Iterator[Store]:
    with Store.create(tmp_path / "corpus") as made:
        add(made, photographs[0].parent, show=False)
        yield made


@pytest.fixture
def items(store: Store) -> list[str]:
    """Item ids in the order of the photographs."""
    return [row[0] for row in store.rows("SELECT item FROM records ORDER BY path")]


@pytest.fixture
def works(store: Store) -> list[Work]:
    return works_for(store, store.rows("SELECT n, item FROM items ORDER BY n"))


class Brightness:
    """A measure that notes what it was given and does as it is told with single items."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.trouble: dict[str, Callable[[], Any]] = {}
        self.lock = threading.Lock()

    @property
    def seen(self) -> list[str]:
        return [item for batch in self.batches for item in batch]

    def __call__(self, batch: Batch) -> Sequence[Any]:
        with self.lock:
            self.batches.append([image.item for image in batch.items])
        values: list[Any] = []
        for image in batch.items:
            value: Any = -1.0 if image.pixels is None else float(image.pixels.mean())
            if image.item in self.trouble:
                value = self.trouble[image.item]()
            values.append({"brightness": value})
        return values


@pytest.fixture
def brightness() -> Brightness:
    return Brightness()


@pytest.fixture
def prepared() -> Callable[..., Prepared]:
    def make(
        function: Any, name: str = "brightness", *, setup: int = 0, pixels: bool = True
    ) -> Prepared:
        info = Info(name, "1", "One line.", "MIT", outputs={"brightness": "float64"}, pixels=pixels)
        return Prepared(info, {}, function, setup)

    return make


@pytest.fixture
def go(store, prepared):
    """Run measures, given as `name=function`, over a corpus in small parts."""

    def call(corpus=store, *, retry=False, pixels=True, timeout=20.0, **measures):
        with running(corpus, "measure") as run:
            ready = []
            for name, function in measures.items():
                info = prepared(function, name, pixels=pixels).info
                setup = progress.setup_id(corpus, info, {}, run=run.id)
                ready.append(prepared(function, name, setup=setup, pixels=pixels))
            if retry:
                progress.forget_failed(corpus, [one.setup for one in ready])
            options = Options(run=run.id, batch_size=2, part_size=5, timeout=timeout)
            return local.run(corpus, ready, run, options=options, show=False)

    return call


@pytest.fixture
def table():
    """Give the rows of a measure."""

    def look(store, name):
        setup, _ = progress.current_setups(store)[name]
        return [
            row
            for path in progress.files_of(store, setup)
            for row in pq.read_table(path).to_pylist()
        ]

    return look


@pytest.fixture
def check_once(table):
    """Check that each item but those that lack it has one row of each measure, all recorded."""

    def check(store, *names, lacking=()):
        wanted = Counter(i for (i,) in store.rows("SELECT item FROM items") if i not in lacking)
        for name in names:
            assert Counter(row["item"] for row in table(store, name)) == wanted
        on_disk = {
            p.relative_to(store.folder).as_posix() for p in (store.folder / "tables").glob("*/*/*")
        }
        assert on_disk == {f for (f,) in store.rows("SELECT file FROM parts")}
        for file, rows, size in store.rows("SELECT file, rows, bytes FROM parts"):
            assert pq.read_metadata(store.folder / file).num_rows == rows
            assert (store.folder / file).stat().st_size == size

    return check
