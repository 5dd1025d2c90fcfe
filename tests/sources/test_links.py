"""Tables of links: each address is asked for once, and only what is missing."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mediacorpus.engine import pool
from mediacorpus.sources.add import add as add_source
from mediacorpus.sources.options import AddOptions
from mediacorpus.store import derived
from mediacorpus.store.store import Store

made = runpy.run_path(str(Path(__file__).parents[1] / "made_media.py"))
encoded, film, scans = made["encoded"], made["film"], made["scans"]
server = runpy.run_path(str(Path(__file__).with_name("server.py")))


@pytest.fixture
def site(small_photographs):
    """Ten photographs under `/0.jpg` … `/9.jpg`, each with an ETag."""
    with server["serving"]() as site:
        for n in range(10):
            site[f"/{n}.jpg"] = tagged(encoded(small_photographs[n]))
        yield site


def tagged(body, etag=None):
    etag = etag or f'"{len(body)}"'

    def behave(asked):
        if asked.headers.get("if-none-match") == etag:
            asked.answer(status=304, etag=etag)
        else:
            asked.answer(body, etag=etag)

    return behave


def images_asked(site):
    return [path for path, _ in site.asked if path != "/robots.txt"]


@pytest.fixture
def fetch(add):
    def run(table, *, options=(), **more):
        asked = {"allow_private": True, "rate": None, "robots": False, **dict(options)}
        return add(table, options=AddOptions(**asked), **more)

    return run


def write(path, rows):
    frame = pd.DataFrame(rows)
    writers = {
        ".csv": lambda: frame.to_csv(path, index=False),
        ".tsv": lambda: frame.to_csv(path, index=False, sep="\t"),
        ".parquet": lambda: frame.to_parquet(path),
        ".jsonl": lambda: frame.to_json(path, orient="records", lines=True),
    }
    writers[path.suffix]()
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl"])
def test_forty_rows_are_one_request(store, site, tmp_path, fetch, *, suffix, counts):
    rows = [{"url": site.url(f"/{n % 2}.jpg"), "post": n, "likes": n * 2} for n in range(80)]
    added = fetch(write(tmp_path / f"posts{suffix}", rows), id_column="post")
    assert (added.items, added.records, added.failed) == (2, 80, 0)
    assert sorted(images_asked(site)) == ["/0.jpg", "/1.jpg"]
    assert counts() == (2, 80, 0)
    assert store.value("SELECT count(*) FROM downloads") == 2
    likes = store.rows("SELECT json_extract(columns, '$.likes') FROM records ORDER BY record")
    assert sorted(int(value) for (value,) in likes) == list(range(0, 160, 2))


def test_adding_again_asks_for_nothing(site, tmp_path, fetch, counts):
    table = write(tmp_path / "posts.csv", [{"url": site.url(f"/{n}.jpg")} for n in range(10)])
    fetch(table)
    site.asked.clear()
    added = fetch(table)
    assert (added.items, added.records, added.changed, added.unchanged) == (0, 0, 0, 10)
    assert not site.asked
    assert counts() == (10, 10, 0)


def test_refreshing_fetches_only_what_has_changed(site, tmp_path, fetch, small_photographs):
    table = write(tmp_path / "posts.csv", [{"url": site.url(f"/{n}.jpg")} for n in range(3)])
    fetch(table)
    site["/1.jpg"] = tagged(encoded(small_photographs[50]), '"new"')
    site.asked.clear()
    added = fetch(table, options={"refresh": True})
    assert (added.items, added.records, added.changed, added.unchanged) == (1, 0, 1, 2)
    assert len(images_asked(site)) == 3
    assert all("if-none-match" in headers for _, headers in site.asked)


def test_a_copy_that_is_gone_is_fetched_again(store, site, tmp_path, fetch):
    table = write(tmp_path / "posts.csv", [{"url": site.url(f"/{n}.jpg")} for n in range(3)])
    fetch(table)
    (store.folder / store.value("SELECT stored FROM downloads LIMIT 1")).unlink()
    site.asked.clear()
    added = fetch(table)
    assert (added.unchanged, added.failed) == (3, 0)
    assert len(images_asked(site)) == 1


def test_links_and_paths_in_one_table(store, site, tmp_path, *, save, fetch, counts):
    save(tmp_path / "here" / "own.jpg", 20)
    rows = [
        {"image": site.url("/0.jpg"), "who": "Ann"},
        {"image": "here/own.jpg", "who": "Ben"},
        {"image": "here/none.jpg", "who": "Cem"},
        {"image": site.url("/none.jpg"), "who": "Dana"},
        {"image": "", "who": "Eve"},
    ]
    added = fetch(write(tmp_path / "posts.csv", rows), variable="who")
    assert (added.records, added.failed, added.labels) == (2, 3, 2)
    assert counts() == (2, 2, 3)
    found = dict(store.rows("SELECT path, value FROM labels JOIN records USING (item)"))
    assert found == {site.url("/0.jpg"): "Ann", str(tmp_path / "here" / "own.jpg"): "Ben"}
    reasons = dict(store.rows("SELECT path, reason FROM failures"))
    assert "404" in reasons[site.url("/none.jpg")]
    assert reasons[str(tmp_path / "here" / "none.jpg")] == "The file is not there."


def test_two_addresses_of_one_broken_file_are_both_told(site, tmp_path, fetch, reasons):
    for n in range(2):
        site[f"/broken{n}.jpg"] = b"\xff\xd8\xff\xe0" + bytes(500)
    rows = [{"url": site.url(f"/broken{n}.jpg")} for n in range(2)]
    assert fetch(write(tmp_path / "posts.csv", rows)).failed == 2
    assert set(reasons()) == {"broken0.jpg", "broken1.jpg"}


def test_two_spellings_are_one_request(site, tmp_path, fetch, counts):
    site["/a%20b.jpg"] = site.behaviours["/0.jpg"]
    rows = [{"url": f" {site.url('/a b.jpg')} "}, {"url": site.url("/a%20b.jpg")}]
    assert fetch(write(tmp_path / "posts.csv", rows)).records == 2
    assert images_asked(site) == ["/a%20b.jpg"]
    assert counts() == (1, 2, 0)


def test_private_addresses_are_refused_unless_allowed(site, tmp_path, fetch, reasons):
    table = write(tmp_path / "posts.csv", [{"url": site.url("/0.jpg")}])
    added = fetch(table, options={"allow_private": False})
    assert (added.records, added.failed) == (0, 1)
    assert not site.asked
    assert "private" in reasons()["0.jpg"]
    assert fetch(table).records == 1
    assert not reasons()


def test_what_failed_is_tried_again_and_forgotten(site, tmp_path, fetch, reasons):
    site["/late.jpg"] = lambda asked: asked.answer(status=404)
    table = write(tmp_path / "posts.csv", [{"url": site.url(p)} for p in ("/0.jpg", "/late.jpg")])
    assert fetch(table).failed == 1
    site["/late.jpg"] = site.behaviours["/1.jpg"]
    added = fetch(table)
    assert (added.records, added.unchanged, added.failed) == (1, 1, 0)
    assert not reasons()


def test_boxes_in_a_image_behind_a_link(store, site, tmp_path, fetch):
    rows = [{"url": site.url("/0.jpg"), "x": 0, "y": 0, "w": 5 + n, "h": 5} for n in range(3)]
    added = fetch(write(tmp_path / "posts.csv", rows), options={"boxes": "x,y,w,h"})
    assert (added.items, added.records, added.derived, added.failed) == (1, 1, 3, 0)
    assert len(images_asked(site)) == 1
    items = [row[0] for row in store.rows("SELECT item FROM items WHERE kind = 'region'")]
    for place in derived.places(store, items).values():
        assert place.paths[0].is_relative_to(store.folder)


def test_videos_and_documents_behind_links(site, tmp_path, fetch, small_photographs):
    site["/a"] = film(tmp_path / "a.mp4", [50] * 60).read_bytes()
    site["/b"] = scans(tmp_path / "a.pdf", *small_photographs[:2]).read_bytes()
    table = write(tmp_path / "posts.csv", [{"url": site.url(p)} for p in ("/a", "/b")])
    added = fetch(table, options={"frames": "every=1s"})
    assert (added.records, added.derived, added.failed) == (2, 5, 0)
    site.asked.clear()
    added = fetch(table, options={"frames": "every=1s"})
    assert (added.records, added.derived, added.unchanged) == (0, 0, 2)
    assert not site.asked


def test_a_stop_keeps_what_is_complete(store, site, tmp_path, fetch, monkeypatch):
    body = encoded(np.zeros((8, 8, 3), np.uint8))
    stop = {}
    for n in range(120):
        site[f"/s{n}.jpg"] = body + str(n).encode()

    def stopping(asked):
        stop["flag"].asked = True
        asked.answer(body)

    real = pool.Interrupt

    class Watched(real):
        def __init__(self):
            super().__init__()
            stop["flag"] = self

    monkeypatch.setattr(pool, "Interrupt", Watched)
    site["/s70.jpg"] = stopping
    table = write(tmp_path / "posts.csv", [{"url": site.url(f"/s{n}.jpg")} for n in range(120)])
    with pytest.raises(KeyboardInterrupt):
        fetch(table, options={"parallel": 2})
    done = store.value("SELECT count(*) FROM records")
    assert 0 < done < 120
    fetched = store.value("SELECT count(*) FROM downloads")
    assert done <= fetched < 120
    assert not list(store.folder.rglob("*.part"))
    site["/s70.jpg"] = body + b"70"
    site.asked.clear()
    added = fetch(table)
    assert added.records + done == 120
    assert len(images_asked(site)) == 120 - fetched
    assert store.value("SELECT count(*) FROM items") == 120


def test_copies_are_found_after_the_corpus_was_moved(site, tmp_path):
    table = write(tmp_path / "posts.csv", [{"url": site.url("/0.jpg")}])
    options = AddOptions(allow_private=True, robots=False)
    with Store.create(tmp_path / "old") as store:
        add_source(store, table, options=options, show=False)
    (tmp_path / "old").rename(tmp_path / "new")
    with Store(tmp_path / "new") as store:
        (item,) = [row[0] for row in store.rows("SELECT item FROM items")]
        place = derived.places(store, [item])[item]
        assert place.paths[0].is_file()
        site.asked.clear()
        assert add_source(store, table, options=options, show=False).unchanged == 1
        assert not site.asked
