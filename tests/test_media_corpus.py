"""Every kind of file from end to end: added, measured, labelled, summed up, reported."""

import json
import os
import runpy
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.engine.contract import MEASURES, measure
from mediacorpus.media.document import Document
from mediacorpus.media.scale import reduce
from mediacorpus.media.video import VideoReader, index_frames
from mediacorpus.records import Info, Kind
from mediacorpus.store.migrations import MIGRATIONS
from mediacorpus.store.store import APPLICATION_ID, DATABASE

HERE = Path(__file__).parent
made = runpy.run_path(str(HERE / "made_media.py"))
encoded, film, scans, tone, zipped = (
    made[n] for n in ("encoded", "film", "scans", "tone", "zipped")
)
server = SimpleNamespace(**runpy.run_path(str(HERE / "sources" / "server.py")))


def prints(batch):
    """What tells arrays apart: the sum of all values, weighted by their place, and the size."""
    found = []
    for pixels in batch.pixels:
        weights = np.arange(pixels.size) % 251
        found.append(
            {
                "sum": int((pixels.ravel().astype(np.int64) * weights).sum()),
                "rows": pixels.shape[0],
                "columns": pixels.shape[1],
            }
        )
    return found


OUTPUTS = {"sum": "int64", "rows": "int64", "columns": "int64"}
SIDES = {"t_full": None, "t_small": 20, "t_middle": 40, "t_small_too": 20}


@pytest.fixture(scope="module")
def fingerprints():
    for name, side in SIDES.items():
        measure(Info(name, "1", "One line.", "MIT", outputs=OUTPUTS, min_side=side))(prints)
    yield list(SIDES)
    for name in SIDES:
        MEASURES.remove(name)


def print_of(pixels):
    class One:
        pass

    one = One()
    one.pixels = [pixels]
    return prints(one)[0]


@pytest.fixture
def scene():
    """A smooth image of 90 x 120 pixels without symmetry."""
    rows, columns = np.mgrid[:90, :120]
    return np.stack([rows * 2, columns * 2, rows + columns], axis=-1).astype(np.uint8)


@pytest.fixture
def mixed(tmp_path, scene):
    """One file of each kind, and a table of regions."""
    folder = tmp_path / "mixed"
    film(folder / "clip.mp4", np.linspace(0, 250, 60).astype(int), size=(160, 120))
    scans(folder / "text.pdf", scene, scene[::-1], scene[:, ::-1])
    tone(folder / "voice.wav")
    Image.fromarray(scene).save(folder / "a.png")
    Image.fromarray(scene[::-1]).save(folder / "b.jpg")
    (folder / "flag.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40">'
        '<rect width="30" height="40" fill="red"/></svg>'
    )
    frames = [Image.fromarray(np.roll(scene, 20 * n, axis=1)) for n in range(3)]
    frames[0].save(folder / "moves.gif", save_all=True, append_images=frames[1:], duration=1000)
    table = tmp_path / "boxes.csv"
    table.write_text("path,x,y,w,h\nmixed/a.png,10,20,60,50\nmixed/a.png,0,0,120,90\n")
    return folder


@pytest.fixture
def measured(corpus, mixed, fingerprints):
    """A corpus of these with the values of each measure by the end of the path."""
    corpus.add(mixed, frames="every=1s", pages="2-3", dpi=100, progress=False)
    corpus.add(mixed.parent / "boxes.csv", boxes="x,y,w,h", progress=False)
    corpus.measure(*fingerprints, progress=False)

    def values(name):
        rows = corpus.sql(f"SELECT path, t.* FROM records JOIN {name} AS t USING (item)")
        return {
            Path(row["path"]).name: {key: row[key] for key in OUTPUTS}
            for row in rows.to_dict("records")
        }

    return corpus, values


def test_frames_are_measured_as_the_reader_gives_them(measured, mixed):
    _, values = measured
    index = index_frames(mixed / "clip.mp4")
    full, small = values("t_full"), values("t_small")
    with VideoReader(mixed / "clip.mp4") as reader:
        for n in (0, 25, 50):
            pts = int(index.pts[n])
            assert full[f"clip.mp4#frame={n}"] == print_of(reader.frame(pts))
            assert small[f"clip.mp4#frame={n}"] == print_of(reader.frame(pts, min_side=20))
    assert "clip.mp4" not in full


def test_pages_are_measured_as_they_are_drawn(measured, mixed):
    corpus, values = measured
    full = values("t_full")
    with Document((mixed / "text.pdf").read_bytes()) as document:
        for n in (2, 3):
            assert full[f"text.pdf#page={n}@100dpi"] == print_of(document.page(n, dpi=100))
    assert "text.pdf#page=1@100dpi" not in full
    assert corpus.table("pages")["page"].tolist() == [2, 3]
    assert not {"text.pdf", "voice.wav"} & set(full)


def test_regions_are_measured_as_they_are_cut(measured, scene):
    _, values = measured
    full, middle = values("t_full"), values("t_middle")
    (part,) = [name for name in full if name.startswith("a.png#box=0.0")]
    assert full[part] == print_of(scene[20:70, 10:70])
    assert middle[part] == print_of(reduce(scene[20:70, 10:70], 40))
    assert full["a.png#box=0,0,1,1"] == full["a.png"] == print_of(scene)


@pytest.mark.slow
def test_what_a_measure_sees_does_not_depend_on_the_others(measured, mixed, tmp_path):
    _, together = measured
    for name in SIDES:
        with mc.Corpus.create(tmp_path / name) as alone:
            alone.add(mixed, frames="every=1s", pages="2-3", dpi=100, progress=False)
            alone.add(mixed.parent / "boxes.csv", boxes="x,y,w,h", progress=False)
            alone.measure(name, progress=False)
            rows = alone.sql(f"SELECT path, t.* FROM records JOIN {name} AS t USING (item)")
        found = {
            Path(row["path"]).name: {key: row[key] for key in OUTPUTS}
            for row in rows.to_dict("records")
        }
        assert len(found) == 4 + 3 + 3 + 2 + 2  # files, frames of two, pages, regions
        assert found == together(name)


def test_facts_take_all_kinds_and_pixels_pass_over_what_has_none(measured):
    corpus, _ = measured
    done = corpus.measure("facts", progress=False)
    kinds = corpus.table("facts").groupby("kind").size().to_dict()
    assert kinds == {
        "image": 4,
        "video": 1,
        "audio": 1,
        "document": 1,
        "frame": 6,
        "page": 2,
        "region": 2,
    }
    assert done.failed == 0
    assert corpus.measure("t_full", progress=False).items == 0
    assert corpus.failures().empty


def test_adding_and_measuring_again_does_nothing(measured, mixed):
    corpus, _ = measured
    before = len(corpus.items()), len(corpus.records())
    added = corpus.add(mixed, frames="every=1s", pages="2-3", dpi=100, progress=False)
    assert (added.items, added.records, added.derived, added.changed) == (0, 0, 0, 0)
    assert corpus.measure(*SIDES, progress=False).items == 0
    assert (len(corpus.items()), len(corpus.records())) == before


def test_labels_on_frames_and_regions(measured, tmp_path):
    corpus, _ = measured
    table = tmp_path / "labels.csv"
    table.write_text(
        "file,variable,value,coder\n"
        "clip.mp4#frame=25,crowd,yes,A\n"
        f"{tmp_path}/mixed/clip.mp4#frame=50,crowd,no,A\n"
        "text.pdf#page=2@100dpi,crowd,no,A\n"
        "clip.mp4,crowd,yes,A\n"
    )
    assert corpus.import_labels(table).labels == 4
    rows = corpus.sql("SELECT place, value FROM labels JOIN items USING (item) ORDER BY label")
    assert rows["value"].tolist() == ["yes", "no", "no", "yes"]
    assert rows["place"].tolist()[:3] == ["frame=25", "frame=50", "page=2@100dpi"]


def test_a_frame_whose_file_is_gone_is_a_failure(corpus, mixed, fingerprints):
    corpus.add(mixed / "clip.mp4", frames="every=1s", progress=False)
    (mixed / "clip.mp4").unlink()
    assert corpus.measure("t_full", progress=False).failed == 3
    reasons = corpus.failures()["reason"]
    assert reasons.str.contains("cannot be read").all()
    assert corpus.failures()["path"].str.contains("clip.mp4#frame=").all()


def test_frame_beyond_the_end(corpus, mixed, fingerprints):
    """A place that an older program wrote, or a damaged catalogue: a reason, nothing else lost."""
    corpus.add(mixed / "clip.mp4", frames="every=1s", progress=False)
    locator = json.dumps({"kind": "frame", "frame": 999, "pts": 10**9, "time": 40.0})
    corpus._store.execute("UPDATE items SET locator = ? WHERE place = 'frame=25'", (locator,))
    found = corpus.measure("t_full", progress=False)
    assert found.failed == 1
    assert len(corpus.table("t_full")) == 2
    (reason,) = corpus.failures()["reason"]
    assert reason.endswith(".")


# Archives and moving


def test_an_archive_is_measured_wherever_the_corpus_goes(tmp_path, scene, fingerprints):
    archive = zipped(tmp_path / "a.zip", {"x/a.png": encoded(scene, "PNG")})
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(archive, progress=False)
    archive.unlink()
    moved = Path(shutil.move(tmp_path / "corpus", tmp_path / "elsewhere"))
    with mc.Corpus(moved) as corpus:
        corpus.measure("t_full", progress=False)
        (row,) = corpus.table("t_full").to_dict("records")
        assert {key: row[key] for key in OUTPUTS} == print_of(scene)


@pytest.mark.skipif(os.name != "posix", reason="not on this machine: SIGKILL is POSIX")
def test_killed_during_downloads_and_resumed(tmp_path, scene):
    with server.serving() as site, mc.Corpus.create(tmp_path / "corpus") as corpus:
        for n in range(160):
            site[f"/{n}.jpg"] = server.delayed(server.jpeg(n, 600), 0.02)
        table = tmp_path / "posts.csv"
        pd.DataFrame({"url": [site.url(f"/{n}.jpg") for n in range(160)]}).to_csv(table)
        command = [sys.executable, "-m", "mediacorpus", "add", str(corpus.folder), str(table)]
        options = ["--allow-private", "--ignore-robots", "--rate", "0", "--parallel", "4"]
        child = subprocess.Popen(
            [*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(corpus.records()) == 0:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
        child.wait()
        done = len(corpus.records())
        assert 0 < done < 160
        site.asked.clear()
        added = corpus.add(
            table, allow_private=True, robots=False, rate=None, parallel=8, progress=False
        )
        assert added.records == 160 - done
        assert len(site.asked) == 160 - done
        assert len(corpus.items()) == len(corpus.records()) == 160
        assert corpus.failures().empty
        files = [p for p in (corpus.folder / "media").rglob("*") if p.is_file()]
        assert len(files) == 160
        assert set(corpus.runs()["status"]) == {"killed", "done"}


# Old corpora


def test_a_corpus_of_schema_1_opens_with_all_it_held(tmp_path, images, fingerprints):
    """The old catalogue is made by the first migration alone and filled with what it could hold."""
    folder = tmp_path / "corpus"
    with mc.Corpus.create(folder) as corpus:
        corpus.add(images, progress=False)
        corpus.measure("t_full", "facts", progress=False)
        table = corpus.table("t_full")
        items = corpus.items()[["item", "width", "height", "sha256"]]
    (folder / DATABASE).rename(folder / "new.db")
    old = sqlite3.connect(folder / DATABASE)
    old.executescript(
        f"BEGIN; {MIGRATIONS[0]}; PRAGMA user_version = 1; "
        f"PRAGMA application_id = {APPLICATION_ID}; COMMIT;"
    )
    old.execute("ATTACH ? AS new", (str(folder / "new.db"),))
    names = [
        row[0] for row in old.execute("SELECT name FROM main.sqlite_master WHERE type='table'")
    ]
    for name in names:
        columns = [row[1] for row in old.execute(f"PRAGMA main.table_info({name})")]
        listed = ", ".join(columns)
        old.execute(f"INSERT INTO main.{name} ({listed}) SELECT {listed} FROM new.{name}")
    old.execute("UPDATE main.setups SET info = json_remove(info, '$.kinds')")
    old.execute("UPDATE main.setups SET version = '1' WHERE name = 'facts'")
    old.commit()
    old.close()
    (folder / "new.db").unlink()

    with mc.Corpus(folder) as corpus:
        assert corpus._store._schema() == len(MIGRATIONS)
        pd.testing.assert_frame_equal(corpus.items()[items.columns], items)
        assert set(corpus.items()["kind"]) == {"image"}
        pd.testing.assert_frame_equal(corpus.table("t_full"), table)
        assert corpus.measure("t_full", progress=False).items == 0
        assert corpus.add(images, progress=False).unchanged == len(items)
        film(tmp_path / "films" / "a.mp4", [90] * 30)
        corpus.add(tmp_path / "films", frames="every=1s", progress=False)
        assert corpus.measure("t_full", progress=False).items == 2
        assert corpus.measure("facts", progress=False).items == len(items) + 3
        assert corpus._store.rows("PRAGMA foreign_key_check") == []
    with mc.Corpus(folder) as corpus:
        assert len(corpus.table("t_full")) == len(table) + 2


# What else must go on working beside videos without frames


def test_report_training_and_the_tidy_table_beside_videos(tmp_path, corpus, save):
    for n in range(24):
        save(
            tmp_path / "p" / ("face" if n < 12 else "other") / f"{n}.jpg", n if n < 12 else n + 120
        )
    film(tmp_path / "p" / "face" / "clip.mp4", [90] * 30)
    tone(tmp_path / "p" / "other" / "voice.wav")
    scans(tmp_path / "p" / "other" / "text.pdf", np.full((60, 60, 3), 50, np.uint8))
    added = corpus.add(tmp_path / "p", variable="face", progress=False)
    assert (added.records, added.derived, added.failed) == (27, 1, 0)
    corpus.measure("facts", "color", "embedding", progress=False)
    assert corpus.failures().empty
    corpus.split("face", shares="60/40", seed=1)
    corpus.train("face", name="linear", progress=False)
    corpus.apply("linear", progress=False)
    assert corpus.failures().empty
    corpus.validate("linear", against="face")
    text = corpus.report().read_text(encoding="utf-8")
    assert "<html" in text
    assert len(corpus.table()) == len(corpus.records()) == 28
    assert "27" in repr(corpus) or "28" in repr(corpus)
    assert corpus.show() is not None
    assert set(corpus.items()["kind"]) == {
        kind.value for kind in (Kind.IMAGE, Kind.VIDEO, Kind.AUDIO, Kind.DOCUMENT, Kind.PAGE)
    }
