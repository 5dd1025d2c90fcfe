"""Taking a source out again: its records, and what nothing else holds."""

import shutil

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.errors import UnknownName
from mediacorpus.testing import toy_images


@pytest.fixture
def images(tmp_path):
    toy_images(tmp_path / "images", 6)
    return tmp_path / "images"


@pytest.fixture
def corpus(tmp_path):
    made = mc.Corpus.create(tmp_path / "corpus")
    yield made
    assert made._store.rows("PRAGMA foreign_key_check") == []
    made.close()


@pytest.mark.parametrize("kind", ["folder", "table", "archive", "file"])
def test_what_was_added_goes_and_comes_back_the_same(corpus, images, tmp_path, kind):
    (tmp_path / "posts.csv").write_text(
        "file,year\n" + "".join(f"{path},1936\n" for path in images.glob("*/*.jpg"))
    )
    source = {
        "folder": images,
        "table": tmp_path / "posts.csv",
        "archive": tmp_path / "images.zip",
        "file": next(images.glob("*/*.jpg")),
    }[kind]
    shutil.make_archive(str(tmp_path / "images"), "zip", tmp_path, "images")
    added = corpus.add(source, progress=False)
    corpus.measure("facts", progress=False)
    before = corpus.table("facts").drop(columns="run").sort_values("item", ignore_index=True)
    done = corpus.remove(source)
    assert (done.records, done.items, done.kept) == (added.records, added.items, 0)
    for table in ("items", "records", "facts", "sources", "failures", "tidy"):
        assert len(corpus.table(table)) == 0, table
    if kind == "archive":
        assert list((corpus.folder / "media").glob("*/*")) == []
    assert len(list(images.glob("*/*.jpg"))) == 6
    corpus.add(source, progress=False)
    corpus.measure("facts", progress=False)
    after = corpus.table("facts").drop(columns="run").sort_values("item", ignore_index=True)
    pd.testing.assert_frame_equal(before, after)


def test_items_that_another_source_holds_stay_with_their_measures(corpus, images, tmp_path):
    one = next(images.glob("*/*.jpg"))
    shutil.copy(one, tmp_path / "copy.jpg")
    corpus.add(images, progress=False)
    corpus.add(tmp_path / "copy.jpg", progress=False)
    corpus.measure("facts", progress=False)
    done = corpus.remove(images)
    assert (done.records, done.items) == (6, 5)
    assert len(corpus.items()) == len(corpus.table("facts")) == 1
    corpus.measure("facts", progress=False)
    assert corpus.table("runs")["done"].tolist()[-1] == 0


@pytest.mark.parametrize("labels", [False, True])
def test_labelled_items_are_kept_and_said_unless_labels_go_too(corpus, images, labels):
    corpus.add(images, progress=False)
    item = corpus.items()["item"][0]
    corpus.import_labels(
        pd.DataFrame([(item, "crowd", "yes")], columns=["item", "variable", "value"])
    )
    done = corpus.remove(images, labels=labels)
    assert done.kept == (0 if labels else 1)
    assert ("--labels removes them" in str(done)) == (not labels)
    assert len(corpus.table("labels")) == done.kept
    assert len(corpus.items()) == done.kept


def test_labels_and_split_that_a_source_stated_go_with_it(corpus, images, tmp_path):
    for part in ("train", "val"):
        shutil.copytree(images, tmp_path / "wrong" / part)
    corpus.add(tmp_path / "wrong", variable="light", progress=False)
    assert len(corpus.table("labels")) == 6
    corpus.remove(tmp_path / "wrong")
    assert len(corpus.table("labels")) == len(corpus.table("splits")) == 0
    corpus.add(images, variable="light", progress=False)
    assert len(corpus.gold("light")) == 6


@pytest.mark.parametrize("first", ["folder", "table"])
@pytest.mark.parametrize("goes", ["folder", "table"])
def test_a_described_file_stays_as_what_the_other_source_says(
    corpus, images, tmp_path, first, goes
):
    table = tmp_path / "posts.csv"
    table.write_text(f"file,year\n{next(images.glob('*/*.jpg'))},1936\n")
    sources = [images, table] if first == "folder" else [table, images]
    for source in sources:
        corpus.add(source, progress=False)
    assert len(corpus.records()) == 6
    corpus.remove(images if goes == "folder" else table)
    records = corpus.records()
    if goes == "folder":
        assert records["year"].tolist() == [1936]
        assert corpus.add(table, progress=False).unchanged == 1
    else:
        assert len(records) == 6
        assert "year" not in records
        assert corpus.add(images, progress=False).unchanged == 6


def test_frames_and_regions_go_with_their_file(corpus, images, tmp_path):
    table = tmp_path / "boxes.csv"
    one = next(images.glob("*/*.jpg"))
    table.write_text(f"file,x,y,w,h\n{one},0,0,8,8\n{one},4,4,8,8\n")
    corpus.add(images, progress=False)
    corpus.add(table, boxes="x,y,w,h", progress=False)
    corpus.measure("facts", progress=False)
    assert len(corpus.items()) == 8
    corpus.remove(table)
    assert len(corpus.items()) == 6
    corpus.remove(images)
    assert len(corpus.items()) == len(corpus.records()) == 0


def test_a_source_may_be_named_as_records_have_it_or_by_its_end(corpus, images):
    corpus.add(images, progress=False)
    with pytest.raises(UnknownName, match="image"):
        corpus.remove("imagse")
    assert corpus.remove("folder:1").records == 6
    with pytest.raises(UnknownName, match="Nothing has been added"):
        corpus.remove("folder:1")
