"""A corpus of small photographs and measures that misbehave on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mediacorpus.catalogue.store import Store
from mediacorpus.engine.contract import Batch
from mediacorpus.engine.local import works_for
from mediacorpus.engine.part import Prepared, Work
from mediacorpus.records import Info
from mediacorpus.sources.add import add

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
            self.batches.append([picture.item for picture in batch.pictures])
        values: list[Any] = []
        for picture in batch.pictures:
            value: Any = -1.0 if picture.pixels is None else float(picture.pixels.mean())
            if picture.item in self.trouble:
                value = self.trouble[picture.item]()
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
