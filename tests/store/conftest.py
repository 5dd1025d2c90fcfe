"""A catalogue with a run under way, and a way to fill it without reading files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mediacorpus.records import FileFacts
from mediacorpus.store import holdings
from mediacorpus.store.holdings import NewRecord
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store

FACTS = FileFacts("JPEG", 640, 480, "RGB", 1234, dpi=72.0, taken="1936-03-01T12:00:00")


def content(n: int) -> str:
    """The SHA-256 of made-up content `n`."""
    return hashlib.sha256(str(n).encode()).hexdigest()


def record(name: str, n: int, **columns: Any) -> NewRecord:
    """A record of content `n` in the file `name`."""
    path = Path("/pictures") / name
    return NewRecord(f"file:{path}", path, 10, 20, content(n), FACTS, columns)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "corpus") as made:
        yield made


@pytest.fixture
def run(store: Store) -> int:
    with running(store, "test") as made:
        return made.id


@pytest.fixture
def source(store: Store, run: int) -> int:
    return holdings.add_source(store, "folder", location=Path("/pictures"), run=run)


@pytest.fixture
def make() -> Callable[..., NewRecord]:
    return record


@pytest.fixture
def hold(store: Store, run: int, source: int) -> Callable[[int], list[str]]:
    """Put `count` items into the catalogue, one record each; return their ids."""

    def put(count: int) -> list[str]:
        records = [record(f"{n}.jpg", n) for n in range(count)]
        holdings.write_records(store, records, source=source, run=run)
        return [holdings.item_id(content(n)) for n in range(count)]

    return put
