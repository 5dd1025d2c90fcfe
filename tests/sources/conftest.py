"""A catalogue and short ways to add to it and to look at it."""

from __future__ import annotations

import runpy
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mediacorpus.catalogue.store import Store
from mediacorpus.sources.add import add as add_source
from mediacorpus.sources.adding import Added

archives = runpy.run_path(str(Path(__file__).with_name("made_archives.py")))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "corpus") as made:
        yield made


@pytest.fixture
def add(store: Store) -> Callable[..., Added]:
    return lambda source, **options: add_source(store, source, show=False, **options)


@pytest.fixture
def counts(store: Store) -> Callable[[], tuple[int, int, int]]:
    """Numbers of items, records and failures."""

    def count() -> tuple[int, int, int]:
        items, records, failures = (
            store.value(f"SELECT count(*) FROM {name}")
            for name in ("items", "records", "failures WHERE stage <> 'passed over'")
        )
        return items, records, failures

    return count


@pytest.fixture
def reasons(store: Store) -> Callable[[], dict[str, str]]:
    """The reason of each failure, by the name of its file."""
    return lambda: {
        Path(path).name: reason for path, reason in store.rows("SELECT path, reason FROM failures")
    }


@pytest.fixture
def labels(store: Store) -> Callable[..., Any]:
    """What each coder last said, by the name of the first file of the item."""

    def look() -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for path, coder, value in store.rows(
            "SELECT min(path), coder, value FROM (SELECT item, coder, value, label FROM labels) "
            "JOIN records USING (item) GROUP BY label ORDER BY label"
        ):
            found.setdefault(Path(path).name, {})[coder] = value
        return found

    return look


@pytest.fixture
def classes(tmp_path, save):
    """Ants and bees, three each, no two alike."""
    folder = tmp_path / "insects"
    for n in range(6):
        save(folder / ("ants" if n < 3 else "bees") / f"{n}.jpg", n)
    return folder


@pytest.fixture
def zipped(tmp_path):
    """Make a zip from names (or `ZipInfo`) and contents, repeated names and all."""

    def make(*files, name="a.zip", compression=zipfile.ZIP_DEFLATED):
        path = tmp_path / name
        path.write_bytes(archives["as_zip"](*files, compression=compression))
        return path

    return make


@pytest.fixture
def tarred(tmp_path):
    """Make a tar from names (or `TarInfo`) and contents."""

    def make(*files, name="a.tar", mode="w"):
        path = tmp_path / name
        path.write_bytes(archives["as_tar"](*files, mode=mode))
        return path

    return make
