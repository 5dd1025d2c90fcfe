"""A decoder that crashes, hangs or eats memory costs the file, not the run."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mediacorpus as mc

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")

film = runpy.run_path(str(Path(__file__).parent / "made_media.py"))["film"]

FAULTS = {
    "crash": ("import ctypes; ctypes.string_at(0)", "crashed on this file"),
    "hang": ("import time; time.sleep(60)", "no answer within"),
    "memory": ("import numpy; held = numpy.ones(10**9)", "of memory, which is the limit"),
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a video and three photographs."""
    folder = tmp_path / "files"
    folder.mkdir()
    for n in range(3):
        noise = np.random.default_rng(n).integers(0, 255, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{n}.jpg")
    film(folder / "clip.mp4", [20 * n for n in range(8)])
    return folder


@pytest.fixture(params=FAULTS)
def fault(request, tmp_path, monkeypatch):
    """Let FFmpeg misbehave in every process that opens a video; give the reason to expect."""
    code, reason = FAULTS[request.param]
    monkeypatch.setenv("MEDIACORPUS_TIMEOUT", "5")
    monkeypatch.setenv("MEDIACORPUS_DECODER_MEMORY", "1500")
    (tmp_path / "fault" / "av").mkdir(parents=True)
    (tmp_path / "fault" / "av" / "__init__.py").write_text(code)
    return lambda: monkeypatch.syspath_prepend(tmp_path / "fault"), reason


def test_while_adding(files, tmp_path, fault, monkeypatch):
    begin, reason = fault
    begin()
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        added = corpus.add(files, frames="every=2", progress=False)
        assert (added.records, added.failed) == (3, 1)
        assert reason in corpus.failures()["reason"].item()
        monkeypatch.undo()
        again = corpus.add(files, frames="every=2", progress=False)
        assert (again.records, again.derived, again.failed) == (1, 4, 0)
        assert corpus.failures().empty


def test_while_measuring(files, tmp_path, fault, monkeypatch):
    begin, reason = fault
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(files, frames="every=4", progress=False)
        begin()
        measured = corpus.measure("facts", "quality", progress=False)
        assert measured.failed == 2
        assert len(corpus.table("quality")) == 3
        assert len(corpus.table("facts")) == 6
        assert corpus.failures()["reason"].str.contains(reason).all()
        monkeypatch.undo()
        assert corpus.measure("quality", retry=True, progress=False).failed == 0
        assert len(corpus.table("quality")) == 5
