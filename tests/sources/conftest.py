"""A catalogue and short ways to add to it and to look at it; archives; a server on this machine."""

from __future__ import annotations

import runpy
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpcore
import pytest

from mediacorpus.sources import _client, addresses
from mediacorpus.sources.add import add as add_source
from mediacorpus.sources.adding import Added
from mediacorpus.sources.download import Manner, download
from mediacorpus.store.store import Store

HERE = Path(__file__).parent
archives, downloads = (
    SimpleNamespace(**runpy.run_path(str(HERE / name)))
    for name in ("made_archives.py", "downloads.py")
)


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
            for name in ("items", "records", "failures WHERE stage <> 'skipped'")
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
        path.write_bytes(archives.as_zip(*files, compression=compression))
        return path

    return make


@pytest.fixture
def tarred(tmp_path):
    """Make a tar from names (or `TarInfo`) and contents."""

    def make(*files, name="a.tar", mode="w"):
        path = tmp_path / name
        path.write_bytes(archives.as_tar(*files, mode=mode))
        return path

    return make


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """No proxy of this machine's, and short waits between tries."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "MEDIACORPUS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(_client, "BACKOFF", 0.01)


@pytest.fixture(scope="module")
def serving():
    with downloads.server.serving() as site:
        yield site


@pytest.fixture
def site(serving):
    serving.behaviours.clear()
    serving.asked.clear()
    serving.counts.clear()
    serving.times.clear()
    serving.most = serving.connections = 0
    return serving


@pytest.fixture
def fetch(tmp_path):
    """Download and give the results by address; in the end nothing half-done may be left."""
    before = set(threading.enumerate())

    def run(*urls, **manner):
        found = list(download(urls, tmp_path, manner=Manner(**{**downloads.PATIENT, **manner})))
        return {result.url: result for result in found}

    yield run
    assert downloads.leftovers(tmp_path) == []
    assert downloads.ours(before) == []


@pytest.fixture
def public(site, monkeypatch):
    """The site as if it stood at a public address, under whatever names a test gives."""
    names = {"pictures.example": ["93.184.216.34"]}
    asked = []

    async def resolve(host, port):
        asked.append(host)
        if host[0].isdigit():
            return [host]
        answers = names[host]
        return [answers.pop(0) if len(answers) > 1 else answers[0]]

    real = httpcore.AnyIOBackend.connect_tcp

    async def connect_tcp(self, host, port, **options):
        return await real(self, "127.0.0.1" if host == "93.184.216.34" else host, port, **options)

    monkeypatch.setattr(addresses, "resolve", resolve)
    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)
    return names, asked
