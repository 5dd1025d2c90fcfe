"""Adding: new things once, changed things anew."""

import json
import os
import runpy
import shutil
import unicodedata
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from mediacorpus.sources import adding
from mediacorpus.sources.add import add as add_source
from mediacorpus.sources.adding import Added
from mediacorpus.store import people
from mediacorpus.store.store import Store

save_table = runpy.run_path(str(Path(__file__).parents[1] / "made_tables.py"))["save_table"]


def test_a_folder_gives_items_and_records(add, images, counts):
    told = add(images)
    assert (told.items, told.records, told.changed, told.unchanged, told.failed) == (6, 6, 0, 0, 0)
    assert counts() == (6, 6, 0)


def test_adding_again_adds_nothing(store, add, images, counts):
    add(images)
    before = store.rows("SELECT * FROM records")
    told = add(images)
    assert (told.items, told.records, told.changed, told.unchanged) == (0, 0, 0, 6)
    assert store.rows("SELECT * FROM records") == before
    assert counts() == (6, 6, 0)


def test_unchanged_files_are_not_read_again(add, images, monkeypatch):
    add(images)
    monkeypatch.setattr(adding, "read_file", lambda path, **_: pytest.fail(f"{path} was read"))
    assert add(images).unchanged == 6


def test_copies_and_equal_names_are_kept_apart(store, add, images, save, counts):
    shutil.copy(images / "0.jpg", images / "copy of 0.jpg")
    save(images / "sub" / "0.jpg", 20)
    told = add(images)
    assert (told.items, told.records) == (7, 8)
    assert counts() == (7, 8, 0)


def test_one_image_and_a_new_one_later(add, images, save, counts):
    assert add(images / "0.jpg").records == 1
    assert add(images).unchanged == 1
    save(images / "new.png", 30)
    told = add(images)
    assert (told.records, told.unchanged) == (1, 6)
    assert counts() == (7, 7, 0)


def test_a_file_that_changed_is_the_same_record_of_a_new_item(store, add, images, save, counts):
    add(images)
    (old,) = store.rows("SELECT record, item FROM records WHERE path LIKE '%/0.jpg'")
    save(images / "0.jpg", 40)
    told = add(images)
    assert (told.items, told.records, told.changed, told.unchanged) == (1, 0, 1, 5)
    (new,) = store.rows("SELECT record, item FROM records WHERE path LIKE '%/0.jpg'")
    assert new[0] == old[0]
    assert new[1] != old[1]
    assert counts() == (7, 6, 0)


def test_a_file_that_was_only_touched_keeps_its_item(add, images, counts):
    add(images)
    os.utime(images / "0.jpg", ns=(1, 1))
    told = add(images)
    assert (told.items, told.records, told.changed) == (0, 0, 1)
    assert counts() == (6, 6, 0)


def test_a_parent_folder_and_a_part_of_it_are_not_counted_twice(add, classes, counts):
    add(classes / "ants")
    told = add(classes)
    assert (told.records, told.unchanged) == (3, 3)
    assert counts() == (6, 6, 0)


def test_a_relative_path_is_the_same_source(add, images, monkeypatch, counts):
    add(images)
    monkeypatch.chdir(images.parent)
    assert add("pictures").unchanged == 6
    assert add(Path("corpus/../pictures/")).unchanged == 6


def test_many_files_go_in_by_chunks(add, tmp_path, save, monkeypatch, counts):
    monkeypatch.setenv("MEDIACORPUS_PART_SIZE", "4")
    for n in range(10):
        save(tmp_path / "p" / f"{n}.png", n)
    assert add(tmp_path / "p").records == 10
    assert counts() == (10, 10, 0)


# -- tables of paths -------------------------------------------------------------------------


def test_forty_rows_of_one_file_are_one_item_read_once(
    store, add, images, counts, monkeypatch, tmp_path
):
    monkeypatch.setenv("MEDIACORPUS_PART_SIZE", "7")
    read, real = [], adding.read_file
    monkeypatch.setattr(
        adding, "read_file", lambda path, **more: (read.append(path), real(path, **more))[1]
    )
    table = tmp_path / "posts.csv"
    table.write_text("post,file\n" + "".join(f"{n:03},pictures/0.jpg\n" for n in range(40)))
    assert add(table).records == 40
    assert counts() == (1, 40, 0)
    assert len(read) == 1
    posts = store.rows("SELECT json_extract(columns, '$.post') FROM records ORDER BY record")
    assert [p for (p,) in posts] == [f"{n:03}" for n in range(40)]
    assert add(table).unchanged == 40


def test_new_records_keep_rows_and_files_apart(add, images, counts, tmp_path):
    add(images)
    (tmp_path / "posts.csv").write_text("file\npictures/0.jpg\n")
    told = add(tmp_path / "posts.csv", new_records=True)
    assert (told.items, told.records) == (0, 1)
    assert counts() == (6, 7, 0)


@pytest.mark.parametrize("order", ["folder first", "table first"])
def test_a_row_describes_the_file_that_a_folder_holds(store, add, images, tmp_path, counts, order):
    table = tmp_path / "posts.csv"
    table.write_text("file,year\npictures/0.jpg,1936\npictures/0.jpg,1937\npictures/1.png,1938\n")
    first, second = (images, table) if order == "folder first" else (table, images)
    add(first)
    told = add(second)
    if order == "folder first":
        assert (told.records, told.described) == (1, 2)
        assert "2 rows describe files that were there" in str(told)
    assert counts()[:2] == (6, 7)
    kept = "SELECT path, columns FROM records ORDER BY key"
    before = store.rows(kept)
    assert sum("1936" in columns for _, columns in before) == 1
    for again in (images, table, images):
        told = add(again)
        assert (told.records, told.described, told.changed) == (0, 0, 0)
        assert store.rows(kept) == before
    table.write_text("file,year\npictures/0.jpg,1926\npictures/0.jpg,1937\npictures/1.png,1938\n")
    assert add(table).changed == 1
    assert sum("1926" in columns for (columns,) in store.rows("SELECT columns FROM records")) == 1


SEVERAL = {
    "a bar": "post,image\n1,pictures/0.jpg|pictures/1.png\n",
    "a semicolon": 'post,image\n1,"pictures/0.jpg;pictures/1.png"\n',
    "a comma": 'post,image\n1,"pictures/0.jpg, pictures/1.png"\n',
    "a line end": 'post,image\n1,"pictures/0.jpg\npictures/1.png"\n',
    "a list of JSON": 'post,image\n1,"[""pictures/0.jpg"", ""pictures/1.png""]"\n',
    "a list of Python": "post,image\n1,\"['pictures/0.jpg', 'pictures/1.png']\"\n",
    "two columns": "post,image,second\n1,pictures/0.jpg,pictures/1.png\n",
}


@pytest.mark.parametrize("shape", SEVERAL)
@pytest.mark.parametrize("options", [{}, {"id_column": "post"}])
def test_several_files_of_a_row_are_several_records(store, add, images, tmp_path, shape, options):
    table = tmp_path / "posts.csv"
    table.write_text(SEVERAL[shape])
    columns = "image,second" if shape == "two columns" else None
    told = add(table, path_column=columns, **options)
    assert (told.records, told.failed) == (2, 0)
    assert "1 row names several files, 2 in all" in str(told)
    rows = store.rows(
        "SELECT columns ->> 'post', columns ->> 'row', columns ->> 'image_of_row' FROM records"
    )
    assert rows == [("1", 1, 1), ("1", 1, 2)]
    again = add(table, path_column=columns, **options)
    assert (again.records, again.changed, again.unchanged) == (0, 0, 2)


def test_columns_of_paths_added_one_after_the_other_overwrite_nothing(store, add, images, tmp_path):
    table = tmp_path / "posts.csv"
    table.write_text("post,image,second\n1,pictures/0.jpg,pictures/1.png\n")
    for column in ("image", "second"):
        assert add(table, path_column=column, id_column="post").records == 1
    assert store.value("SELECT count(*) FROM records") == 2


def test_a_file_name_with_a_separator_is_one_file(add, save, tmp_path):
    save(tmp_path / "a, b;c.png", 1)
    (tmp_path / "posts.csv").write_text('file\n"a, b;c.png"\n')
    assert add(tmp_path / "posts.csv").records == 1


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("url,image_url", "image_url"),
        ("link,Image URL", "Image URL"),
        ("url,file", "file"),
        ("link,photo", "photo"),
    ],
)
def test_the_column_that_names_images_is_chosen_and_said(add, images, tmp_path, header, chosen):
    (tmp_path / "posts.csv").write_text(f"{header}\nhttps://e.org/post,pictures/0.jpg\n")
    told = add(tmp_path / "posts.csv")
    assert (told.records, told.failed) == (1, 0)
    assert f"named by the column {chosen!r}" in str(told)


WRITTEN = {
    "pictures\\0.jpg": "backslashes",
    "PICTURES/0.JPG": "upper and lower case",
    "pictures/0": "without the suffix",
    "pictures/000": "leading zeros",
    "C:\\Users\\ada\\pictures\\0.jpg": "another machine",
    "/home/ada/pictures/0.jpg": "another machine",
}


@pytest.mark.parametrize("text", WRITTEN)
def test_files_are_found_however_a_table_writes_them(add, images, tmp_path, text):
    (tmp_path / "posts.csv").write_text(f"file,year\n{text},1936\n")
    told = add(tmp_path / "posts.csv")
    assert (told.records, told.failed) == (1, 0)
    assert WRITTEN[text] in str(told)


@pytest.mark.parametrize("one", ["NFC", "NFD"])
def test_accents_of_folders_and_files_may_be_composed_in_two_ways(add, save, tmp_path, one):
    other = "NFD" if one == "NFC" else "NFC"
    name = "é/Zürich.png"
    save(tmp_path / unicodedata.normalize(one, name), 1)
    (tmp_path / "posts.csv").write_text(f"file\n{unicodedata.normalize(other, name)}\n")
    told = add(tmp_path / "posts.csv")
    assert (told.records, told.failed) == (1, 0)
    assert "accents" in str(told)


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "jsonl", "xlsx", "ods"])
def test_tables_of_every_kind_are_sources(store, add, images, tmp_path, kind):
    ids = [2**53 + 1, None]
    frame = pd.DataFrame({"file": ["pictures/0.jpg", "pictures/1.png"], "n": ids}, dtype=object)
    if kind in {"xlsx", "ods"}:  # spreadsheets hold no such number
        frame["n"] = [str(ids[0]), None]
    if kind == "jsonl":
        lines = [f'{{"file": "{f}", "n": {n or "null"}}}' for f, n in frame.to_numpy()]
        (tmp_path / "posts.jsonl").write_text("\n".join(lines))
    else:
        save_table(frame, tmp_path / f"posts.{kind}")
    assert add(tmp_path / f"posts.{kind}").records == 2
    found = store.rows("SELECT columns ->> 'n' FROM records ORDER BY path")
    assert str(found[0][0]) == str(ids[0])
    assert found[1][0] in {None, ""}


@pytest.mark.parametrize("options", [{}, {"id_column": "post"}])
def test_columns_that_changed_are_taken_over(store, add, images, tmp_path, counts, options):
    table = tmp_path / "posts.csv"
    table.write_text("post,file,likes\n007,pictures/0.jpg,1\n008,pictures/1.png,2\n")
    add(table, **options)
    table.write_text("post,file,likes\n007,pictures/0.jpg,100\n008,pictures/1.png,2\n")
    told = add(table, **options)
    assert (told.records, told.changed, told.unchanged) == (0, 1, 1)
    assert counts() == (2, 2, 0)
    assert [json.loads(c) for (c,) in store.rows("SELECT columns FROM records")] == [
        {"post": "007", "likes": "100"},
        {"post": "008", "likes": "2"},
    ]


def test_rows_that_cannot_be_added_are_listed_and_the_rest_is(add, images, reasons, tmp_path):
    (tmp_path / "pictures" / "sub").mkdir()
    table = tmp_path / "posts.csv"
    table.write_text(
        "post,file\n1,pictures/0.jpg\n2,gone.jpg\n3,\n4,ftp://example.org/web.jpg\n"
        f"5,pictures/sub\n6,{'x' * 300}.jpg\n7,pictures/0.jpg/inner.jpg\n"
    )
    told = add(table)
    assert (told.records, told.failed) == (1, 6)
    found = reasons()
    assert "not there" in found["gone.jpg"]
    assert "names no file" in found["posts.csv row 4"]
    assert "only http and https" in found["web.jpg"]
    assert "no regular file" in found["sub"]
    assert "cannot be looked at" in found["x" * 300 + ".jpg"]
    assert "inner.jpg" in found


def test_a_file_that_many_rows_miss_is_one_failure(add, tmp_path, counts, images):
    table = tmp_path / "posts.csv"
    table.write_text("post,file\n0,pictures/0.jpg\n" + "".join(f"{n},gone.jpg\n" for n in range(9)))
    told = add(table)
    assert told.failed == 1
    assert counts() == (1, 1, 1)


def test_a_table_from_another_program_with_cells_of_all_kinds(store, add, images, tmp_path):
    table = pd.DataFrame(
        {"file": ["pictures/0.jpg"], "inf": [float("inf")], "list": [[1, 2]], "n": [2**60]}
    )
    table.to_parquet(tmp_path / "posts.parquet")
    assert add(tmp_path / "posts.parquet").records == 1
    assert json.loads(store.value("SELECT columns FROM records"))["n"] == 2**60
    lines = tmp_path / "posts.jsonl"
    lines.write_text('{"file": "pictures/1.png", "odd": "\\ud83d", "deep": {"a": [1]}}\n')
    assert add(lines).records == 1
    assert add(lines).unchanged == 1


# -- labels and parts ------------------------------------------------------------------------


@pytest.mark.parametrize("apart", [True, False])
def test_adding_again_after_everything_moved_adds_nothing(tmp_path, save, labels, apart):
    home = tmp_path / "home"
    save(home / "pictures" / "ants" / "0.jpg", 0)
    save(home / "pictures" / "bees" / "1.png", 1)
    (home / "pictures" / "bees" / "bad.jpg").write_bytes(b"")
    try:
        save(home / "pictures" / "bees" / os.fsdecode(b"\xff.png"), 2)
    except OSError:  # the file system takes UTF-8 only
        save(home / "pictures" / "bees" / "2.png", 2)
    (home / "posts.csv").write_text("post,file\n1,pictures/ants/0.jpg\n2,pictures/bees/1.png\n")
    sources = ("pictures", "posts.csv", "pictures/ants/0.jpg")
    with Store.create(home / "corpus") as store:
        for name in sources:
            add_source(store, home / name, show=False, new_records=apart)
    new = home.rename(tmp_path / "new")
    with Store(new / "corpus") as store:
        before = store.rows("SELECT item, record FROM records")
        assert len(before) == (5 if apart else 3)
        for name in sources:
            told = add_source(store, new / name, show=False, new_records=apart)
            assert (told.items, told.records, told.changed) == (0, 0, 0), name
        assert store.rows("SELECT item, record FROM records") == before
        assert store.value("SELECT count(*) FROM sources") == 3
        for table in ("records", "failures"):
            for (path,) in store.rows(f"SELECT path FROM {table}"):
                assert path.startswith(str(new))


def test_images_that_were_copied_elsewhere_are_other_records(store, add, images, tmp_path):
    add(images)
    shutil.copytree(images, tmp_path / "second")
    told = add(tmp_path / "second")
    assert (told.items, told.records) == (0, 6)


# -- what the corpus and the disk refuse -----------------------------------------------------


def test_what_a_pass_says_of_itself():
    told = Added(
        items=1_000,
        records=2_000,
        changed=3,
        unchanged=4,
        failed=5,
        skipped={".txt": 2, ".pdf": 1},
        labels=6,
        notes=["A remark."],
    )
    assert str(told) == (
        "Added 2,000 records of 1,000 new items (3 changed, 4 unchanged). 6 labels. Skipped "
        "3 files (.pdf 1, .txt 2). 5 could not be added: see `mediacorpus failures`. A remark."
    )
    assert str(Added()) == "Added 0 records of 0 new items."


def test_what_a_run_remembers(store, add, classes):
    add(classes, variable="kind", min_bytes=10)
    verb, status, done, parameters = store.rows("SELECT verb, status, done, parameters FROM runs")[
        0
    ]
    assert (verb, status, done) == ("add", "done", 6)
    remembered = json.loads(parameters)
    assert remembered["source"] == str(classes)
    assert (remembered["variable"], remembered["min_bytes"]) == ("kind", 10)
    assert (remembered["frames"], remembered["dpi"]) == (None, 200.0)


# -- real data -------------------------------------------------------------------------------


def test_every_hostile_file_is_a_record_or_has_a_reason(store, add, test_data, tmp_path, counts):
    with zipfile.ZipFile(test_data / "hostile" / "hostile.zip") as archive:
        archive.extractall(tmp_path / "hostile")
    files = [p for p in (tmp_path / "hostile").rglob("*") if p.is_file()]
    told = add(tmp_path / "hostile")
    _, records, failures = counts()
    over = store.value("SELECT count(*) FROM failures WHERE stage = 'skipped'")
    hidden = sum(any(part.startswith(".") for part in p.relative_to(tmp_path).parts) for p in files)
    assert records + failures + over + hidden == len(files)
    assert over >= sum(told.skipped.values()) > 10
    assert records > 100
    assert failures > 20
    again = add(tmp_path / "hostile")
    assert (again.records, again.changed, again.unchanged) == (0, 0, records)
    assert counts()[2] == failures
    for (reason,) in store.rows("SELECT reason FROM failures"):
        assert "Traceback" not in reason
        assert reason.endswith((".", ")"))


def test_a_real_table_of_labels(store, add, test_data):
    folder = test_data / "hymenoptera"
    told = add(folder / "labels.csv", variable="label")
    assert told.failed == 0
    assert told.records >= 398
    assert set(people.variables(store)) == {"label"}
    assert dict(store.rows("SELECT value, count(*) FROM labels GROUP BY value")).keys() >= {
        "ants",
        "bees",
    }
    assert add(folder / "labels.csv", variable="label").unchanged == told.records
