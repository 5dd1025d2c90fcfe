"""What the tests of downloads share: the local server, and ways to fetch from it."""

from __future__ import annotations

import sys
import threading
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import httpcore
import pytest

from mediacorpus.sources import _client, addresses
from mediacorpus.sources.download import Manner, Refused, download

_spec = spec_from_file_location("local_server", Path(__file__).with_name("server.py"))
assert _spec
assert _spec.loader
server = module_from_spec(_spec)
sys.modules["local_server"] = server
_spec.loader.exec_module(server)

JPEG = server.jpeg(1)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
PATIENT = {"allow_private": True, "rate": None, "timeout": 10.0}


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """No proxy of this machine's, and short waits between tries."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "MEDIACORPUS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(_client, "BACKOFF", 0.01)


@pytest.fixture(scope="module")
def serving():
    with server.serving() as site:
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
        found = list(download(urls, tmp_path, manner=Manner(**{**PATIENT, **manner})))
        return {result.url: result for result in found}

    yield run
    assert leftovers(tmp_path) == []
    assert ours(before) == []


def one(fetch, url, **manner):
    (result,) = fetch(url, **manner).values()
    return result


def leftovers(folder):
    return [path for path in folder.rglob("*") if path.name.endswith(".part")]


def kept(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def ours(before=()):
    return [
        thread
        for thread in threading.enumerate()
        if thread not in before and thread.name == "mediacorpus-download"
    ]


def refused(result, *words, final=True):
    assert isinstance(result, Refused)
    for word in words:
        assert word in result.reason
    assert result.final is final
    assert result.reason.endswith(".")
    return True


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
