"""Archives: members are copied once, known again, and labelled by their folders."""

import dataclasses
import hashlib
import runpy
import shutil
from collections import Counter
from pathlib import Path

import pytest

from mediacorpus.records import SKIPPED, Failure
from mediacorpus.sources import add as add_module
from mediacorpus.sources.add import add as add_source
from mediacorpus.sources.archive import members
from mediacorpus.sources.packed import occurrences
from mediacorpus.store import holdings
from mediacorpus.store.store import Store

made = runpy.run_path(str(Path(__file__).parents[1] / "made_media.py"))
encoded, zipped, tarred = made["encoded"], made["zipped"], made["tarred"]


@pytest.fixture
def jpeg(small_photographs):
    return lambda n: encoded(small_photographs[n])


@pytest.fixture
def insects(tmp_path, jpeg):
    return zipped(
        tmp_path / "insects.zip",
        {f"insects/{'ants' if n < 3 else 'bees'}/{n}.jpg": jpeg(n) for n in range(6)},
    )


@pytest.fixture
def kept(store):
    return lambda: sorted(p for p in (store.folder / "media").rglob("*") if p.is_file())


def paths(store):
    return [row[0] for row in store.rows("SELECT path FROM records ORDER BY record")]


def test_members_are_items_by_their_content(store, add, insects, jpeg, kept):
    added = add(insects)
    assert (added.items, added.records, added.failed) == (6, 6, 0)
    assert paths(store)[0] == f"{insects}/insects/ants/0.jpg"
    expected = {hashlib.sha256(jpeg(n)).hexdigest() for n in range(6)}
    assert {row[0] for row in store.rows("SELECT sha256 FROM items")} == expected
    assert {path.stem for path in kept()} == expected


def test_class_folders_are_labels(add, insects, labels):
    assert add(insects, variable="insect").labels == 6
    assert labels()["0.jpg"] == {"folder": "ants"}
    assert labels()["5.jpg"] == {"folder": "bees"}


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.tar"])
def test_train_and_test_folders_are_a_split(store, tmp_path, jpeg, *, add, name):
    parts = ["train", "train", "train", "test", "test", "val"]
    files = {f"{p}/{'ants' if n % 2 else 'bees'}/{n}.jpg": jpeg(n) for n, p in enumerate(parts)}
    mode = "w" if name.endswith(".tar") else "w:gz"
    added = add(tarred(tmp_path / name, files, mode), variable="insect")
    assert added.labels == 6
    found = store.rows("SELECT part, count(*) FROM split_items GROUP BY part ORDER BY part")
    assert found == [("test", 2), ("train", 3), ("val", 1)]


def test_adding_again_copies_nothing(add, insects, kept, counts):
    add(insects)
    before = [(path, path.stat().st_mtime_ns, path.stat().st_ino) for path in kept()]
    added = add(insects)
    assert (added.items, added.records, added.changed, added.unchanged) == (0, 0, 0, 6)
    assert [(path, path.stat().st_mtime_ns, path.stat().st_ino) for path in kept()] == before
    assert counts() == (6, 6, 0)


def test_known_members_are_not_even_read(store, add, insects):
    add(insects)

    def unread():
        raise AssertionError("read again")
        yield b""

    found = [dataclasses.replace(m, opening=unread) for m in members(insects)]
    known = add_module._known_members(store, insects)
    given = list(occurrences(insects, store.folder, found=found, known=known, skipped=Counter()))
    assert len(given) == 6
    assert not any(isinstance(one, Failure) for one in given)


def test_a_copy_that_is_gone_is_made_again(add, insects, kept):
    add(insects)
    before = kept()
    before[0].unlink()
    assert add(insects).unchanged == 6
    assert kept() == before


@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_member_that_changed(store, tmp_path, jpeg, *, add, make):
    name = "a.zip" if make is zipped else "a.tgz"
    add(make(tmp_path / name, {"a.jpg": jpeg(0), "b.jpg": jpeg(1)}))
    added = add(make(tmp_path / name, {"a.jpg": jpeg(0), "b.jpg": jpeg(2) + b"  "}))
    assert (added.items, added.records, added.changed, added.unchanged) == (1, 0, 1, 1)
    assert len(paths(store)) == 2


def test_a_member_of_the_same_size_and_date_that_changed(store, tmp_path, add):
    """Reproducible builds write one date throughout, and bitmaps of one size are as long."""
    header = b"P6 8 8 255\n"
    add(zipped(tmp_path / "a.zip", {"a.ppm": header + bytes(192)}))
    added = add(zipped(tmp_path / "a.zip", {"a.ppm": header + b"\x09" * 192}))
    assert added.changed == 1
    assert store.value("SELECT count(*) FROM items") == 2


def test_an_archive_in_an_archive(store, tmp_path, jpeg, add):
    inner = zipped(tmp_path / "inner.zip", {"b/1.jpg": jpeg(1)})
    outer = zipped(tmp_path / "outer.zip", {"a/0.jpg": jpeg(0), "a/inner.zip": inner.read_bytes()})
    assert add(outer).records == 2
    assert paths(store) == [f"{outer}/a/0.jpg", f"{outer}/a/inner.zip/b/1.jpg"]
    assert add(outer).unchanged == 2


def test_the_same_content_is_one_item_and_one_file(add, tmp_path, jpeg, counts, kept):
    add(zipped(tmp_path / "a.zip", {"a.jpg": jpeg(0), "b.jpg": jpeg(0)}))
    add(zipped(tmp_path / "b.zip", {"c.jpg": jpeg(0)}))
    assert counts() == (1, 3, 0)
    assert len(kept()) == 1


def test_names_that_occur_twice(store, tmp_path, jpeg, add):
    archive = tmp_path / "a.tar"
    import io
    import tarfile

    with tarfile.open(archive, "w") as file:
        for n in range(2):
            info = tarfile.TarInfo("a.jpg")
            info.size = len(jpeg(n))
            file.addfile(info, io.BytesIO(jpeg(n)))
    assert add(archive).records == 2
    assert paths(store) == [f"{archive}/a.jpg", f"{archive}/a.jpg#2"]
    assert add(archive).unchanged == 2


def test_what_is_no_media_is_passed_over_by_name(store, tmp_path, jpeg, add):
    files = {"a.jpg": jpeg(0), "notes.txt": b"Dear all", "empty": b"", "b": jpeg(1)}
    added = add(zipped(tmp_path / "a.zip", files))
    assert (added.records, added.failed) == (2, 0)
    assert added.skipped == {".txt": 1, "no suffix": 1}
    found = dict(store.rows("SELECT path, reason FROM failures WHERE stage = ?", (SKIPPED,)))
    assert found[f"{tmp_path}/a.zip/notes.txt"] == "The file is text, not media."


def test_small_members_are_left_out(tmp_path, jpeg, add, kept):
    added = add(zipped(tmp_path / "a.zip", {"a.jpg": jpeg(0), "b.ppm": b"P6"}), min_bytes=100)
    assert (added.records, sum(added.skipped.values())) == (1, 1)
    assert len(kept()) == 1


def test_every_broken_member_is_told(tmp_path, jpeg, add, reasons):
    files = {"a.jpg": jpeg(0), "b.jpg": b"\xff\xd8\xff junk", "c.jpg": b"\xff\xd8\xff junk"}
    added = add(zipped(tmp_path / "a.zip", files))
    assert (added.records, added.failed) == (1, 2)
    assert set(reasons()) == {"b.jpg", "c.jpg"}
    add(zipped(tmp_path / "a.zip", {"a.jpg": jpeg(0), "b.jpg": jpeg(1), "c.jpg": jpeg(2)}))
    assert not reasons()


def test_a_damaged_member_leaves_the_others(tmp_path, add, reasons, kept):
    import zipfile

    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for n in range(3):
            file.writestr(f"{n}.ppm", b"P6 8 8 255\n" + bytes([n]) * 192)
    data = archive.read_bytes()
    archive.write_bytes(data.replace(b"\x01" * 192, b"\x07" * 192))
    added = add(archive)
    assert (added.records, added.failed) == (2, 1)
    assert set(reasons()) == {"1.ppm"}
    assert len(kept()) == 2


def test_moved_together_with_the_corpus(tmp_path, jpeg):
    study = tmp_path / "study"
    zipped(study / "a.zip", {"ants/a.jpg": jpeg(0), "bees/b.jpg": jpeg(1)})
    with Store.create(study / "corpus") as store:
        add_source(store, study / "a.zip", show=False)
    moved = Path(shutil.move(study, tmp_path / "elsewhere"))
    with Store(moved / "corpus") as store:
        items = [row[0] for row in store.rows("SELECT item FROM items")]
        for found in holdings.locate(store, items).values():
            assert found[0].is_file()
            assert found[0].is_relative_to(moved / "corpus")
        added = add_source(store, moved / "a.zip", show=False)
        assert (added.records, added.changed, added.unchanged) == (0, 0, 2)
        assert paths(store) == [f"{moved}/a.zip/ants/a.jpg", f"{moved}/a.zip/bees/b.jpg"]


def test_pages_of_a_document_in_an_archive(store, tmp_path, add, small_photographs):
    document = made["scans"](tmp_path / "a.pdf", *small_photographs[:3])
    archive = zipped(tmp_path / "a.zip", {"texts/a.pdf": document.read_bytes()})
    assert add(archive).derived == 3
    assert paths(store)[1] == f"{archive}/texts/a.pdf#page=1@200dpi"
