"""What the tests of downloads share: the local server, and ways to look at what it gave."""

from __future__ import annotations

import runpy
import threading
from pathlib import Path
from types import SimpleNamespace

from mediacorpus.sources.download import Refused

server = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("server.py"))))

JPEG = server.jpeg(1)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
PATIENT = {"allow_private": True, "rate": None, "timeout": 10.0}


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
