"""A decoder that crashes, hangs or eats memory costs the file, not the run."""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.errors import MediaError
from mediacorpus.learning.features import Plan, prepare
from mediacorpus.measures.int8 import corpus_model
from mediacorpus.media import opening
from mediacorpus.records import Example
from mediacorpus.report.showing import show_file
from mediacorpus.store import derived

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")

film = runpy.run_path(str(Path(__file__).parent / "made_media.py"))["film"]

FAULTS = {
    "crash": ("import ctypes; ctypes.string_at(0)", "crashed on this file"),
    "hang": ("import time; time.sleep(60)", "no answer within"),
    "memory": ("import numpy; held = numpy.ones(10**9)", "of memory, which is the limit"),
}


def write_files(folder: Path, photographs: int) -> Path:
    """Make a folder with a video and some photographs."""
    folder.mkdir()
    for n in range(photographs):
        noise = np.random.default_rng(n).integers(0, 255, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{n}.jpg")
    film(folder / "clip.mp4", [20 * n for n in range(8)])
    return folder


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return write_files(tmp_path / "files", 3)


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


CRASH = pytest.mark.parametrize("fault", ["crash"], indirect=True)
SCRATCH = {"method": "scratch", "arch": "autoencoder", "epochs": 1, "batch_size": 8}


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """A corpus of 28 photographs and four frames of a video, in two classes, and a model of it."""
    folder = tmp_path_factory.mktemp("studied")
    with mc.Corpus.create(folder / "corpus") as corpus:
        corpus.add(write_files(folder / "files", 28), frames="every=2", progress=False)
        items = corpus.sql("SELECT item FROM items WHERE kind <> 'video' ORDER BY kind, item")
        values = ["light" if n % 2 else "dark" for n in range(len(items))]
        corpus.import_labels(
            pd.DataFrame({"item": items["item"], "variable": "v", "value": values})
        )
        corpus.split("v", shares="50/50")
        corpus.train("v", name="m", progress=False, **SCRATCH)
    return folder / "corpus"


@pytest.fixture
def labelled(studied, tmp_path):
    """A copy of it."""
    shutil.copytree(studied, tmp_path / "corpus")
    with mc.Corpus.open(tmp_path / "corpus") as corpus:
        yield corpus


def frames_of(corpus):
    """The frames of the video."""
    return corpus.sql("SELECT item FROM items WHERE kind = 'frame' ORDER BY item")["item"].tolist()


@CRASH
def test_while_training(labelled, fault):
    begin, reason = fault
    begin()
    trained = labelled.train("v", name="new", progress=False, **SCRATCH)
    assert {one["item"] for one in trained.card["unreadable"]} == set(frames_of(labelled))
    assert all(reason in one["reason"] for one in trained.card["unreadable"])


@CRASH
def test_while_explaining(labelled, fault, tmp_path):
    begin, reason = fault
    frame = frames_of(labelled)[0]
    photo = labelled.sql("SELECT item FROM items WHERE kind = 'image'")["item"].iloc[0]
    labelled.measure("embedding", progress=False)
    begin()
    output = tmp_path / "sheet.png"
    found = labelled.explain("m", frame, photo, output=output, progress=False)
    assert [row.item for row in found.rows] == [photo]
    assert reason in found.failed[frame]
    assert f"{frame}: not read." in str(found)
    assert output.is_file()
    with pytest.raises(MediaError, match=f"None of the 1 items can be read. .*{reason}"):
        labelled.explain("m", frame, progress=False)


@CRASH
def test_while_auditing_robustness(labelled, fault):
    begin, reason = fault
    before = labelled.robustness("m", against="v", progress=False)
    begin()
    after = labelled.robustness("m", against="v", progress=False)
    lost = before.n - after.n
    assert 0 < lost <= 4
    run = labelled.sql("SELECT * FROM runs ORDER BY run DESC").iloc[0]
    assert (run["done"], run["failed"]) == (after.n, lost)
    assert reason in run["note"]


@pytest.mark.parametrize(
    "fault", ["crash", pytest.param("hang", marks=pytest.mark.slow)], indirect=True
)
def test_while_showing(labelled, files, fault, tmp_path):
    begin, reason = fault
    begin()
    target = tmp_path / "sheet.png"
    drawn = labelled.show(["0.jpg", "clip.mp4", "1.jpg"], output=target)
    assert drawn.tiles == 2
    assert reason in drawn.failed["clip.mp4"]
    assert target.is_file()
    with pytest.raises(MediaError, match=reason):
        show_file(files / "clip.mp4", output=target)


@CRASH
def test_while_reporting(labelled, fault, tmp_path):
    begin, _ = fault
    begin()
    with pytest.warns(UserWarning, match="image(s?) could not be shown"):
        labelled.report(output=tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size > 10_000


@pytest.mark.slow
@CRASH
def test_while_calibrating_int8(labelled, fault):
    begin, _ = fault
    begin()
    assert corpus_model(labelled._store, show=False).compared <= 28


@pytest.mark.parametrize("workers", ["1", "2"])
def test_training_opens_a_file_once_for_each_thread(tmp_path, monkeypatch, workers):
    """Not once for each frame: frames are read in the order in which they lie in their file."""
    monkeypatch.setenv("MEDIACORPUS_WORKERS", workers)
    frames = [Image.fromarray(np.full((20, 20), 9 * n, np.uint8)) for n in range(20)]
    for name in ("a.gif", "b.gif"):
        last = frames if name == "a.gif" else frames[::-1]
        last[0].save(tmp_path / name, save_all=True, append_images=last[1:])
    opened = []

    class Counting(opening.AnimationReader):
        def __init__(self, *given, **more):
            opened.append(1)
            super().__init__(*given, **more)

    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(tmp_path, frames="every=1", progress=False)
        monkeypatch.setattr(opening, "AnimationReader", Counting)
        items = corpus.sql("SELECT item FROM items WHERE kind = 'frame' ORDER BY item")["item"]
        places = derived.places(corpus._store, items.tolist())
    examples = [Example(item, item, "a", "train", place) for item, place in places.items()]
    plan = Plan(size=8, crop=1.0, views=1, squares=False, seed=1)
    part, lost = prepare(examples, lambda labels: np.zeros(len(labels)), tmp_path / "v", plan=plan)
    assert (len(part), lost) == (40, [])
    assert 2 <= len(opened) <= 2 * int(workers)
    # Each row holds the frame of its own example.
    for row, example in enumerate(examples):
        with opening.Opener() as opener:
            level = opener.pixels(example.place, 8).mean()
        assert abs(part.views[row].mean() - level) < 2
