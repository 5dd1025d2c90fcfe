"""What is new is read, what is broken is set down, the rest is left alone."""

import csv
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mediacorpus.engine import decoding
from mediacorpus.engine.decoding import Child
from mediacorpus.errors import CorpusBusy, SourceError
from mediacorpus.media.opening import Opener
from mediacorpus.sources import adding
from mediacorpus.sources.add import add as add_source
from mediacorpus.sources.options import AddOptions
from mediacorpus.store import derived, originals
from mediacorpus.store.runs import running

made = runpy.run_path(str(Path(__file__).parents[1] / "made_media.py"))
film, tone, scans = made["film"], made["tone"], made["scans"]


@pytest.fixture
def put(add):
    """Add with options of `AddOptions`."""

    def run(source, **options):
        own = {k: options.pop(k) for k in ("variable", "id_column") if k in options}
        return add(source, options=AddOptions(**options), **own)

    return run


@pytest.fixture
def records(store):
    return lambda: [
        Path(row[0]).name for row in store.rows("SELECT path FROM records ORDER BY path")
    ]


def boxes(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "x", "y", "w", "h", "what"])
        writer.writerows(rows)
    return path


@pytest.fixture
def image(tmp_path):
    """An image of 100 x 80 pixels, no two of them alike."""
    pixels = np.zeros((80, 100, 3), np.uint8)
    pixels[..., 0] = np.arange(100)
    pixels[..., 1] = np.arange(80)[:, None]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return pixels


def cut_out(store):
    """The pixels of each region by its label, and its size in the catalogue."""
    found = {}
    rows = store.rows(
        "SELECT items.item, value, width, height FROM items JOIN labels USING (item) "
        "WHERE kind = 'region'"
    )
    places = derived.places(store, [row[0] for row in rows])
    with Opener() as opener:
        for item, value, width, height in rows:
            found[value] = opener.pixels(places[item]), (height, width)
    return found


def test_boxes_in_pixels(store, tmp_path, image, put, counts):
    rows = [["a.png", 10, 20, 30, 40, "eye"], ["a.png", 90, 70, 30, 40, "hand"]]
    added = put(boxes(tmp_path / "b.csv", rows), boxes="x,y,w,h", variable="what")
    assert (added.items, added.records, added.derived, added.labels) == (1, 1, 2, 2)
    assert counts() == (3, 3, 0)
    found = cut_out(store)
    assert np.array_equal(found["eye"][0], image[20:60, 10:40])
    assert np.array_equal(found["hand"][0], image[70:, 90:])
    assert store.value("SELECT count(*) FROM labels") == 2  # none for the image itself


def test_boxes_in_fractions(store, tmp_path, image, put):
    rows = [["a.png", 0.25, 0.5, 0.5, 0.25, "eye"]]
    put(boxes(tmp_path / "b.csv", rows), boxes="x,y,w,h", box_unit="fractions", variable="what")
    assert np.array_equal(cut_out(store)["eye"][0], image[40:60, 25:75])


def test_the_size_in_the_catalogue_is_that_of_the_pixels(store, tmp_path, image, put):
    rng = np.random.default_rng(3)
    sides = rng.uniform([-5, -5, 0.6, 0.6], [99, 79, 40, 40], (300, 4)).round(2)
    rows = [["a.png", *row, f"n{n}"] for n, row in enumerate(sides)]
    added = put(boxes(tmp_path / "b.csv", rows), boxes="x,y,w,h", variable="what")
    found = cut_out(store)
    assert len(found) + added.failed >= 299
    assert len(found) > 200
    for pixels, size in found.values():
        assert pixels.shape[:2] == size


def test_boxes_that_hold_nothing_are_told(store, tmp_path, image, put):
    wrong = [
        [200, 0, 5, 5],
        [-9, -9, 5, 5],
        [5, 5, 0, 5],
        [5, 5, -3, 5],
        ["x", 1, 2, 3],
        ["", 1, 2, 3],
        ["nan", 1, 2, 3],
        [0, 0, "inf", 5],
        [1.6, 1, 0.3, 5],
    ]
    rows = [["a.png", *sides, "no"] for sides in wrong] + [["a.png", 1, 1, 5, 5, "eye"]]
    added = put(boxes(tmp_path / "b.csv", rows), boxes="x,y,w,h", variable="what")
    assert (added.derived, added.failed, added.labels) == (1, len(wrong), 1)
    for (reason,) in store.rows("SELECT reason FROM failures"):
        assert "box" in reason
        assert reason.endswith(".")


def test_boxes_on_what_is_no_image_are_told(store, tmp_path, image, put):
    film(tmp_path / "a.mp4", [9] * 5)
    tone(tmp_path / "a.wav")
    scans(tmp_path / "a.pdf", image)
    rows = [[name, 1, 1, 5, 5, "eye"] for name in ("a.mp4", "a.wav", "a.pdf", "a.png")]
    added = put(boxes(tmp_path / "b.csv", rows), boxes="x,y,w,h")
    assert (added.records, added.failed) == (4, 3)
    assert store.value("SELECT count(*) FROM items WHERE kind = 'region'") == 1
    reasons = " ".join(row[0] for row in store.rows("SELECT reason FROM failures"))
    assert all(word in reasons for word in ("a video", "sound", "a document"))


def test_boxes_again_and_changed(store, tmp_path, image, put, records):
    rows = [["a.png", 10, 20, 30, 40, "eye"], ["a.png", 0, 0, 5, 5, "ear"]]
    table = boxes(tmp_path / "b.csv", rows)
    put(table, boxes="x,y,w,h")
    before = records()
    added = put(table, boxes="x,y,w,h")
    assert (added.items, added.records, added.derived, added.unchanged) == (0, 0, 0, 1)
    assert records() == before
    rows[1][3] = 7
    assert put(boxes(table, rows), boxes="x,y,w,h").derived == 1
    assert len(records()) == 3
    assert "a.png#box=0,0,0.07,0.0625" in records()


def test_regions_follow_a_image_that_is_overwritten(store, tmp_path, image, put, records):
    table = boxes(tmp_path / "b.csv", [["a.png", 0, 0, 50, 40, "eye"]])
    put(table, boxes="x,y,w,h")
    Image.fromarray(image[::-1]).save(tmp_path / "a.png")
    added = put(table, boxes="x,y,w,h")
    assert (added.changed, added.derived) == (1, 1)
    assert records() == ["a.png", "a.png#box=0,0,0.5,0.5"]
    held = "SELECT count(*) FROM records JOIN items USING (item) WHERE items.parent = ?"
    (new,) = store.rows("SELECT item FROM records WHERE parent IS NULL")
    assert store.value(held, new) == 1


def test_boxes_need_a_table(tmp_path, image, put):
    with pytest.raises(SourceError, match="table"):
        put(tmp_path / "a.png", boxes="x,y,w,h")
    with pytest.raises(SourceError, match="width"):
        put(boxes(tmp_path / "b.csv", [["a.png", 1, 1, 1, 1, ""]]), boxes="x,y,width,height")


def test_frames_are_added_once(store, tmp_path, put, records):
    film(tmp_path / "films" / "a.mp4", [50] * 60)
    added = put(tmp_path / "films", frames="every=1s")
    assert (added.items, added.records, added.derived) == (1, 1, 3)
    assert records() == ["a.mp4", "a.mp4#frame=0", "a.mp4#frame=25", "a.mp4#frame=50"]
    added = put(tmp_path / "films", frames="every=1s")
    assert (added.items, added.records, added.derived, added.unchanged) == (0, 0, 0, 1)
    assert put(tmp_path / "films", frames="every=30").derived == 1
    assert len(records()) == 5
    assert store.value("SELECT count(*) FROM failures") == 0


def test_the_user_is_told_of_videos_without_frames(tmp_path, put):
    film(tmp_path / "films" / "a.mp4", [50] * 30)
    assert "--frames" in str(put(tmp_path / "films"))
    assert "--frames" not in str(put(tmp_path / "films", frames="every=1s"))
    assert "--frames" not in str(put(tmp_path / "films"))


def test_a_video_that_is_overwritten(store, tmp_path, put, records):
    path = film(tmp_path / "films" / "a.mp4", [50] * 80)
    put(tmp_path / "films", frames="every=1s")
    film(path, [200] * 30)
    added = put(tmp_path / "films", frames="every=1s")
    assert (added.changed, added.records, added.derived) == (1, 0, 2)
    assert records() == ["a.mp4", "a.mp4#frame=0", "a.mp4#frame=25"]
    orphans = (
        "SELECT count(*) FROM records AS child JOIN records AS r ON child.parent = r.record "
        "JOIN items ON items.item = child.item WHERE items.parent <> r.item"
    )
    assert store.value(orphans) == 0


def test_a_second_copy_has_the_same_frames(tmp_path, put, records, counts):
    path = film(tmp_path / "films" / "a.mp4", [50] * 30)
    put(tmp_path / "films", frames="every=1s")
    (tmp_path / "films" / "b.mp4").write_bytes(path.read_bytes())
    added = put(tmp_path / "films")
    assert (added.items, added.records, added.derived) == (0, 1, 0)
    assert [name for name in records() if name.startswith("b")] == [
        "b.mp4",
        "b.mp4#frame=0",
        "b.mp4#frame=25",
    ]
    assert counts()[0] == 3


def test_shots_are_looked_for_once(store, tmp_path, put, monkeypatch):
    film(tmp_path / "films" / "a.mp4", [20] * 30 + [220] * 40)
    added = put(tmp_path / "films", frames="shots")
    assert added.derived == 2
    rows = store.rows("SELECT shot, first_frame, last_frame FROM shots ORDER BY shot")
    assert rows == [(1, 0, 29), (2, 30, 69)]

    def never(*_, **__):
        raise AssertionError("looked for again")

    monkeypatch.setattr("mediacorpus.sources.derive.find_shots", never)
    added = put(tmp_path / "films", frames="shots")
    assert (added.derived, added.failed, added.unchanged) == (0, 0, 1)


def test_pages_that_are_not_there_are_one_failure(
    tmp_path, put, *, save, reasons, small_photographs
):
    folder = tmp_path / "mixed"
    scans(folder / "short.pdf", small_photographs[0])
    scans(folder / "long.pdf", *small_photographs[:4])
    save(folder / "a.jpg", 9)
    added = put(folder, pages="2-3")
    assert (added.records, added.derived, added.failed) == (3, 2, 1)
    assert set(reasons()) == {"short.pdf"}
    assert put(folder).failed == 0
    assert not reasons()


def test_one_broken_file_among_many(tmp_path, put, save, reasons):
    folder = tmp_path / "mixed"
    for n in range(4):
        save(folder / f"{n}.jpg", n)
    (folder / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(300))
    added = put(folder, frames="every=1s")
    assert (added.records, added.failed) == (4, 1)
    assert set(reasons()) == {"broken.mp4"}


def test_files_that_others_wrote_are_not_swept_away(store, tmp_path, save):
    """A second `add` is refused while one is under way, and does no harm to it."""
    image = save(tmp_path / "a.jpg")
    with running(store, "add"), originals.Keeping(store.folder) as keeping:
        keeping.write(b"half of a download")
        with pytest.raises(CorpusBusy):
            add_source(store, image, show=False)
        kept = keeping.keep(".jpg")
    assert (store.folder / kept.stored).read_bytes() == b"half of a download"


def test_left_over_halves_are_swept_away(store, tmp_path, put, save):
    (store.folder / "media").mkdir(exist_ok=True)
    left = store.folder / "media" / ".0123.part"
    left.write_bytes(b"half")
    put(save(tmp_path / "a.jpg"))
    assert not left.exists()


def test_a_file_that_hangs_is_given_up(tmp_path, put, *, save, reasons, monkeypatch):
    import threading

    over = threading.Event()
    real = decoding.probe_any

    def slow(data, **options):
        if data == hangs.read_bytes():
            over.wait(20)
        return real(data, **options)

    monkeypatch.setattr(decoding, "probe_any", slow)
    monkeypatch.setenv("MEDIACORPUS_TIMEOUT", "0.5")
    hangs = save(tmp_path / "p" / "hangs.jpg", 1)
    save(tmp_path / "p" / "fine.jpg", 2)
    added = put(tmp_path / "p")
    over.set()
    assert (added.records, added.failed) == (1, 1)
    assert "Given up" in reasons()["hangs.jpg"]


def test_a_long_file_that_goes_on_is_not_given_up(tmp_path, put, monkeypatch):
    import time

    real = decoding.hash_file

    def slow(path, *, beat):
        for _ in range(12):
            time.sleep(0.1)
            beat()
        return real(path)

    monkeypatch.setattr(decoding, "hash_file", slow)
    monkeypatch.setattr(Child, "call", lambda self, function, *given, **_: function(*given))
    monkeypatch.setenv("MEDIACORPUS_TIMEOUT", "0.6")
    assert put(film(tmp_path / "a.mp4", [9] * 5)).records == 1


def test_what_adding_several_did_is_summed_up():
    one = adding.Added(items=1, records=2, derived=3, skipped={".txt": 1}, notes=["A."])
    one.join(adding.Added(items=10, failed=2, skipped={".txt": 2, ".doc": 1}, notes=["A.", "B."]))
    assert (one.items, one.records, one.derived, one.failed) == (11, 2, 3, 2)
    assert one.skipped == {".txt": 3, ".doc": 1}
    assert one.notes == ["A.", "B."]
    assert "3 new frames, pages or regions" in str(one)
