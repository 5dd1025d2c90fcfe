"""Derived items: their ids, their records, and the way back to the file."""

import dataclasses
import json
from pathlib import Path

import pytest

from mediacorpus.records import FileFacts, Kind, Locator, Shot
from mediacorpus.store import derived, holdings
from mediacorpus.store.derived import (
    derived_id,
    forget_strays,
    names_of,
    places,
    with_parts,
    write_derived,
    write_derived_records,
    write_region_records,
    write_shots,
)

FRAME = FileFacts("MP4", 640, 480, "RGB", 0, kind=Kind.FRAME)


def frame(number, pts=None):
    return Locator(Kind.FRAME, frame=number, pts=number * 512 if pts is None else pts, time=0.5)


def box(*sides):
    return Locator(Kind.REGION, box=sides)


@pytest.fixture
def put(store, run, source, make):
    """Write a record and return its item's id."""

    def write(name, n, **columns):
        record = make(name, n, **columns)
        holdings.write_records(store, [record], source=source, run=run)
        return holdings.item_id(record.sha256)

    return write


@pytest.fixture
def paths(store):
    return lambda: [row[0] for row in store.rows("SELECT path FROM records ORDER BY record")]


def test_the_id_depends_on_the_parent_and_the_place_alone():
    one = frame(3).sha256("ab" * 32)
    assert one == frame(3, pts=7).sha256("ab" * 32)
    others = {frame(4).sha256("ab" * 32), frame(3).sha256("cd" * 32)}
    others.add(Locator(Kind.PAGE, page=3, dpi=200).sha256("ab" * 32))
    others.add(Locator(Kind.PAGE, page=3, dpi=100).sha256("ab" * 32))
    assert len(others) == 4
    assert one not in others
    assert derived_id("ab" * 32, frame(3)) == one[:16]


def test_frames_are_items_of_their_video(store, run, put):
    video = put("a.mp4", 1)
    assert write_derived(store, video, [(frame(n), FRAME) for n in (0, 25)], run=run) == 2
    rows = store.rows("SELECT kind, parent, place, locator FROM items WHERE parent IS NOT NULL")
    assert [row[:3] for row in rows] == [("frame", video, "frame=0"), ("frame", video, "frame=25")]
    assert json.loads(rows[1][3]) == {"kind": "frame", "frame": 25, "pts": 12800, "time": 0.5}
    assert write_derived(store, video, [(frame(25), FRAME), (frame(50), FRAME)], run=run) == 1
    assert with_parts(store, [video, "nobody"]) == {video}


def test_many_frames(store, run, put):
    video = put("a.mp4", 1)
    many = [(frame(n), FRAME) for n in range(3000)]
    assert write_derived(store, video, iter(many), run=run) == 3000
    assert write_derived_records(store, [video], run=run) == 3000
    found = places(store, [row[0] for row in store.rows("SELECT item FROM items WHERE n > 1")])
    assert [place.locators for place in found.values()] == [(frame(n),) for n in range(3000)]


def test_parts_occur_wherever_their_file_does(store, run, put, paths):
    video = put("a.mp4", 1, party="A")
    write_derived(store, video, [(frame(0), FRAME), (frame(25), FRAME)], run=run)
    put("copy.mp4", 1, party="B")
    assert write_derived_records(store, [video], run=run) == 4
    assert paths()[2:] == [
        f"/pictures/{name}.mp4#frame={n}" for name in ("a", "copy") for n in (0, 25)
    ]
    columns = [row[0] for row in store.rows("SELECT columns FROM records ORDER BY record")]
    assert [json.loads(c)["party"] for c in columns] == ["A", "B", "A", "A", "B", "B"]
    keys = {row[0] for row in store.rows("SELECT key FROM records")}
    assert "file:/pictures/copy.mp4#frame=25" in keys
    assert write_derived_records(store, [video], run=run) == 0


def test_columns_that_change_are_taken_over(store, run, put):
    video = put("a.mp4", 1, party="A")
    write_derived(store, video, [(frame(0), FRAME)], run=run)
    write_derived_records(store, [video], run=run)
    put("a.mp4", 1, party="B")
    assert write_derived_records(store, [video], run=run) == 0
    assert store.value("SELECT columns FROM records WHERE parent IS NOT NULL") == '{"party": "B"}'


def test_records_of_a_file_that_was_overwritten_go(store, run, put, paths):
    old = put("a.mp4", 1)
    put("copy.mp4", 1)
    write_derived(store, old, [(frame(0), FRAME), (frame(25), FRAME)], run=run)
    write_derived_records(store, [old], run=run)
    new = put("a.mp4", 2)
    forget_strays(store, ["file:/pictures/a.mp4"])
    assert paths() == ["/pictures/a.mp4", "/pictures/copy.mp4"] + [
        f"/pictures/copy.mp4#frame={n}" for n in (0, 25)
    ]
    write_derived(store, new, [(frame(0), FRAME)], run=run)
    assert write_derived_records(store, [new], run=run) == 1
    forget_strays(store, ["file:/pictures/a.mp4", "file:/pictures/copy.mp4"])
    assert len(paths()) == 5


def test_regions_belong_to_rows_not_to_every_copy(store, run, put, paths):
    image = put("a.jpg", 1, note="whole")
    put("copy.jpg", 1)
    facts = dataclasses.replace(FRAME, kind=Kind.REGION)
    left, right = box(0.0, 0.0, 0.5, 1.0), box(0.5, 0.0, 0.5, 1.0)
    write_derived(store, image, [(left, facts), (right, facts)], run=run)
    rows = [("row:1", left, {"who": "Ann"}), ("row:2", right, {"who": "Ben"})]
    items = write_region_records(store, "file:/pictures/a.jpg", rows, run=run)
    assert write_derived_records(store, [image], run=run) == 0
    assert paths()[2:] == ["/pictures/a.jpg#box=0,0,0.5,1", "/pictures/a.jpg#box=0.5,0,0.5,1"]
    assert places(store, [items["row:2"]])[items["row:2"]].locators == (right,)
    moved = [("row:2", left, {"who": "Ben"})]
    again = write_region_records(store, "file:/pictures/a.jpg", moved, run=run)
    assert again["row:2"] == items["row:1"]
    assert len(paths()) == 4


def test_places_lead_from_the_file_to_the_item(store, run, put):
    video, image = put("a.mp4", 1), put("b.jpg", 2)
    write_derived(store, video, [(frame(25), FRAME)], run=run)
    own = store.value("SELECT item FROM items WHERE kind = 'frame'")
    region = dataclasses.replace(FRAME, kind=Kind.REGION)
    write_derived(store, own, [(box(0.1, 0.2, 0.3, 0.4), region)], run=run)
    deep = store.value("SELECT item FROM items WHERE kind = 'region'")
    found = places(store, [deep, image, own])
    assert list(found) == [deep, image, own]
    assert found[deep].locators == (frame(25), box(0.1, 0.2, 0.3, 0.4))
    assert found[own].locators == (frame(25),)
    assert found[image].locators == ()
    assert found[deep].paths == found[own].paths == (Path("/pictures/a.mp4"),)
    assert found[deep].sha256 == store.value("SELECT sha256 FROM items WHERE item = ?", (video,))
    assert found[deep].facts.kind is Kind.IMAGE  # what the catalogue says of the file


def test_names_are_those_of_the_oldest_record(store, run, put):
    video = put("first.mp4", 1)
    put("again.mp4", 1)
    write_derived(store, video, [(frame(25), FRAME)], run=run)
    own = store.value("SELECT item FROM items WHERE kind = 'frame'")
    assert names_of(store, [video, own]) == {video: "/pictures/first.mp4"}
    write_derived_records(store, [video], run=run)
    assert names_of(store, [own]) == {own: "/pictures/first.mp4#frame=25"}


def test_shots_replace_those_that_were_known(store, run, put):
    video = put("a.mp4", 1)
    write_shots(store, video, [Shot(n, n * 10, n * 10 + 9, n, n + 1) for n in (1, 2, 3)], run=run)
    write_shots(store, video, [Shot(1, 0, 29, 0.0, 3.0)], run=run)
    assert store.rows("SELECT shot, first_frame, last_frame, stop FROM shots") == [(1, 0, 29, 3.0)]


def test_locators_come_back_as_they_were():
    for place in (
        frame(3),
        box(0.1, 0.2, 0.3, 0.4),
        Locator(Kind.PAGE, page=2),
        Locator(Kind.PAGE, page=2, dpi=99.5),
        Locator(Kind.FRAME, frame=0, pts=-512, time=0.0),
    ):
        assert derived._locator(derived._json(place)) == place
