"""Sources, items, records and failures."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacorpus.errors import UnknownName
from mediacorpus.records import Failure
from mediacorpus.store import holdings
from mediacorpus.store.holdings import item_id, path_text
from mediacorpus.store.store import Store


@pytest.fixture
def write(store, run, source):
    def put(*records):
        return holdings.write_records(store, records, source=source, run=run)

    return put


def test_the_same_content_twice_is_one_item_and_two_records(store, write, make):
    assert write(make("a.jpg", 1), make("copy of a.jpg", 1), make("b.jpg", 2)) == {
        "items": 2,
        "records": 3,
        "changed": 0,
        "described": 0,
    }
    assert store.value("SELECT count(*) FROM items") == 2
    assert store.value("SELECT count(DISTINCT item) FROM records") == 2


def test_forty_records_may_share_an_item(store, write, make):
    rows = [make("a.jpg", 1, post=n) for n in range(40)]
    for n, row in enumerate(rows):
        object.__setattr__(row, "key", f"row:posts.csv#{n}")
    assert write(*rows) == {"items": 1, "records": 40, "changed": 0, "described": 0}
    posts = store.rows("SELECT json_extract(columns, '$.post') FROM records ORDER BY record")
    assert [post for (post,) in posts] == list(range(40))


def test_the_same_key_again_is_the_same_record(store, write, make):
    write(make("a.jpg", 1, note="old"))
    before = store.value("SELECT record FROM records")
    assert write(make("a.jpg", 2, note="new")) == {
        "items": 1,
        "records": 0,
        "changed": 1,
        "described": 0,
    }
    assert store.rows("SELECT record, columns FROM records") == [(before, '{"note": "new"}')]
    known = holdings.known_records(store, ["file:/pictures/a.jpg", "file:/pictures/none.jpg"])
    assert list(known) == ["file:/pictures/a.jpg"]
    assert known["file:/pictures/a.jpg"].item == make("a.jpg", 2).sha256[:16]


def test_the_same_key_twice_in_one_go_counts_once(write, make):
    assert write(make("a.jpg", 1), make("a.jpg", 2))["records"] == 1


def test_nothing_to_write_is_nothing_written(write):
    assert write() == {"items": 0, "records": 0, "changed": 0, "described": 0}


def test_columns_may_hold_anything_that_json_holds(store, write, make):
    columns = {"naïve \U0001f600": "\u202eright to left", "nul": "a\x00b", "none": None, "x": 1.5}
    write(make("a.jpg", 1, **columns))
    assert json.loads(store.value("SELECT columns FROM records")) == columns


def test_facts_come_back_as_they_were(store, hold, make):
    (item,) = hold(1)
    assert holdings.facts_of(store, [item, "nobody"]) == {item: make("0.jpg", 0).facts}


def test_many_at_once(store, hold):
    items = hold(1203)
    assert len(holdings.facts_of(store, items)) == 1203
    assert len(holdings.locate(store, items)) == 1203


# -- paths -----------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=20).filter(lambda b: b"\0" not in b and b"/" not in b))
def test_any_name_becomes_text_that_a_database_holds(name):
    text = path_text(Path(os.fsdecode(name)))
    text.encode("utf-8")
    try:
        assert text == str(Path(name.decode("utf-8")))
    except UnicodeDecodeError:
        assert "\\x" in text


def test_a_name_that_is_no_text_is_found_again(store, run, make, tmp_path):
    path = tmp_path / os.fsdecode(b"\xff\xe9.jpg")
    try:
        path.write_bytes(b"x")
    except OSError:
        pytest.skip("not on this machine: its file system refuses the name")
    row = make("a.jpg", 1)
    object.__setattr__(row, "path", path)
    source = holdings.add_source(store, "folder", location=tmp_path, run=run)
    holdings.write_records(store, [row], source=source, run=run)
    assert holdings.locate(store, [item_id(row.sha256)]) == {item_id(row.sha256): (path,)}
    assert store.value("SELECT path FROM records").endswith(r"\xff\xe9.jpg")


def test_a_source_is_written_down_once(store, run, tmp_path):
    first = holdings.add_source(store, "folder", location=tmp_path / "p", run=run)
    assert holdings.add_source(store, "folder", location=tmp_path / "p", run=run) == first
    assert holdings.add_source(store, "table", location=tmp_path / "p", run=run) != first
    assert store.value("SELECT relative FROM sources WHERE source = ?", (first,)) == "../p"


@pytest.fixture
def project(tmp_path, make):
    """A project folder with a corpus and images, to be moved as a whole."""

    def build(images, corpus="corpus", kind="folder", location=None):
        root = tmp_path / "project"
        path = root / images / "deep" / "a.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
        row = make("a.jpg", 1)
        object.__setattr__(row, "path", path)
        with Store.create(root / corpus) as store:
            from mediacorpus.store.runs import running

            with running(store, "add") as run:
                place = root / images if location is None else root / location
                source = holdings.add_source(store, kind, location=place, run=run.id)
                holdings.write_records(store, [row], source=source, run=run.id)
        return root, item_id(row.sha256)

    return build


@pytest.mark.parametrize(
    ("images", "corpus", "kind", "location"),
    [
        ("pictures", "corpus", "folder", None),
        ("pictures.v2", "corpus", "folder", None),  # a folder with a dot is no file
        ("corpus/pictures", "corpus", "folder", None),
        ("", "corpus", "folder", None),  # the corpus lies inside the source
        ("", "", "folder", None),  # the corpus lies among the images
        ("tables/pictures", "corpus", "table", "tables/posts.csv"),
        ("pictures", "corpus", "file", "pictures/deep/a.jpg"),
    ],
)
def test_a_corpus_that_moved_with_its_images_finds_them(
    project, tmp_path, images, corpus, kind, location
):
    root, item = project(images, corpus, kind, location)
    new = root.rename(tmp_path / "elsewhere")
    with Store(new / corpus) as store:
        assert holdings.locate(store, [item])[item] == (new / images / "deep" / "a.jpg",)


def test_a_corpus_that_moved_alone_finds_the_images_where_they_were(project, tmp_path):
    root, item = project("pictures")
    (root / "corpus").rename(tmp_path / "elsewhere")
    with Store(tmp_path / "elsewhere") as store:
        assert holdings.locate(store, [item])[item] == (root / "pictures/deep/a.jpg",)


def test_moving_works_where_a_folder_on_the_way_is_a_link(tmp_path, make):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real", target_is_directory=True)
    path = tmp_path / "link" / "pictures" / "a.jpg"
    path.parent.mkdir()
    path.write_bytes(b"x")
    row = make("a.jpg", 1)
    object.__setattr__(row, "path", path)
    with Store.create(tmp_path / "link" / "corpus") as store:
        from mediacorpus.store.runs import running

        with running(store, "add") as run:
            source = holdings.add_source(store, "folder", location=path.parent, run=run.id)
            holdings.write_records(store, [row], source=source, run=run.id)
    (tmp_path / "real").rename(tmp_path / "new")
    item = item_id(row.sha256)
    with Store(tmp_path / "new" / "corpus") as store:
        assert holdings.locate(store, [item])[item] == (tmp_path / "new/pictures/a.jpg",)


def test_copies_are_tried_in_turn_and_a_shared_file_counts_once(store, write, make):
    rows = [make("a.jpg", 1) for _ in range(10)] + [make("copy.jpg", 1)]
    for n, row in enumerate(rows):
        object.__setattr__(row, "key", f"row:{n}")
    write(*rows)
    item = item_id(rows[0].sha256)
    assert holdings.locate(store, [item]) == {
        item: (Path("/pictures/a.jpg"), Path("/pictures/copy.jpg"))
    }


def test_only_so_many_copies_are_given(store, write, make):
    write(*(make(f"{n}.jpg", 1) for n in range(9)))
    item = item_id(make("", 1).sha256)
    assert len(holdings.locate(store, [item])[item]) == 4
    assert len(holdings.locate(store, [item], most=2)[item]) == 2
    assert holdings.locate(store, ["nobody"]) == {"nobody": ()}


# -- failures --------------------------------------------------------------------------------


def test_a_failure_is_kept_once_with_its_newest_reason(store, run):
    first = Failure("/a.jpg", "/a.jpg", "add", "empty")
    assert holdings.write_failures(store, [first], run) == 1
    holdings.write_failures(store, [Failure("/a.jpg", "/a.jpg", "add", "text")], run)
    holdings.write_failures(store, [Failure("/a.jpg", "/a.jpg", "read", "gone")], run)
    assert store.rows("SELECT stage, reason FROM failures ORDER BY stage") == [
        ("add", "text"),
        ("read", "gone"),
    ]
    holdings.forget_failures(store, "add", ["/a.jpg", "/never.jpg"])
    assert store.rows("SELECT stage FROM failures") == [("read",)]
    assert holdings.write_failures(store, [], run) == 0


def test_a_reason_in_any_characters_can_be_kept(store, run):
    odd = "caf\udce9.jpg"
    holdings.write_failures(store, [Failure(odd, odd, "add", f"cannot read {odd}")], run)
    assert store.value("SELECT reason FROM failures") == r"cannot read caf\udce9.jpg"


# -- item ids --------------------------------------------------------------------------------


def test_an_item_is_found_by_the_first_digits_of_its_id(store, hold):
    items = hold(50)
    item = items[7]
    assert holdings.resolve_item(store, item) == item
    length = next(n for n in range(1, 17) if sum(i.startswith(item[:n]) for i in items) == 1)
    assert holdings.resolve_item(store, item[:length]) == item
    assert holdings.resolve_item(store, item[:length].upper()) == item


def test_digits_that_mean_no_item_or_several(store, hold):
    items = hold(50)
    with pytest.raises(UnknownName, match=r"no item 'zzz'.*mediacorpus items"):
        holdings.resolve_item(store, "zzz")
    digit = items[0][0]
    with pytest.raises(UnknownName, match=r"More than one item begins with.*more of its digits"):
        holdings.resolve_item(store, digit)


@pytest.mark.parametrize("stage", ["read", "color"])
@pytest.mark.parametrize("copies", [False, True])
def test_what_failed_of_a_former_content_goes_when_its_last_file_changes(
    store, write, make, run, stage, copies
):
    write(make("a.jpg", 1), *([make("copy.jpg", 1)] if copies else []))
    old = holdings.item_id(make("a.jpg", 1).sha256)
    failure = Failure(old, "a.jpg", stage, "The file has changed since it was added.")
    holdings.write_failures(store, [failure], run)
    write(make("a.jpg", 2))
    assert store.value("SELECT count(*) FROM failures") == copies
