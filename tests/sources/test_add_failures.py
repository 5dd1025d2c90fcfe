"""What cannot be added is said with its reason, and the rest is added."""

import os
import sys
import time

import numpy as np
import pytest
import tifffile

from mediacorpus.errors import SourceError
from mediacorpus.media import opening
from mediacorpus.sources.add import add as add_source
from mediacorpus.store.store import Store


def test_sources_that_hold_nothing(add, tmp_path, counts):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="holds no files"):
        add(tmp_path / "empty")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("hello")
    with pytest.raises(SourceError, match=r"no images.*\.txt 1.*PDF"):
        add(tmp_path / "texts")
    with pytest.raises(SourceError, match="no images"):
        add(tmp_path / "texts" / "a.txt")
    assert counts() == (0, 0, 0)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone", "There is no file or folder"),
        ("file.txt/inner", "There is no file or folder"),
        ("x" * 5000, "cannot be looked at"),
        ("a\0b", "There is no file or folder"),
        ("archive.zip", "archive.zip is damaged"),
    ],
)
def test_sources_that_are_none(store, add, tmp_path, name, words):
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "archive.zip").write_bytes(b"PK")
    with pytest.raises(SourceError, match=words):
        add(tmp_path / name)
    assert store.value("SELECT count(*) FROM runs") == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="not on this machine: no named pipes")
def test_a_pipe_as_source_does_not_block(add, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="pipe"):
        add(tmp_path / "pipe")


def test_broken_files_are_listed_with_their_reason_and_the_rest_is_added(
    add, images, save, reasons, counts
):
    (images / "empty.jpg").write_bytes(b"")
    (images / "text.jpg").write_text("this is a text")
    whole = (images / "0.jpg").read_bytes()
    (images / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (images / "page.png").write_text("<!DOCTYPE html><title>404</title>")
    save(images / "really a png.jpg", 7, "PNG")
    told = add(images)
    assert (told.records, told.failed) == (7, 4)
    found = reasons()
    assert set(found) == {"empty.jpg", "text.jpg", "cut.jpg", "page.png"}
    assert "0 bytes" in found["empty.jpg"]
    assert "text" in found["text.jpg"]
    assert "runcated" in found["cut.jpg"]
    assert "HTML" in found["page.png"]
    assert add(images).failed == 4
    assert counts() == (7, 7, 4)


def test_what_was_mended_is_no_longer_listed(add, images, save, counts, reasons, tmp_path):
    (images / "a.jpg").write_bytes(b"")
    (images / "b.jpg").write_bytes(b"")
    (images / "c.jpg").write_bytes(b"")
    table = tmp_path / "posts.csv"
    table.write_text("post,file\n1,\n2,gone.jpg\n")
    add(images)
    add(table)
    assert counts() == (6, 6, 5)
    save(images / "a.jpg", 50)
    (images / "b.jpg").unlink()
    add(images)
    assert set(reasons()) == {"c.jpg", "posts.csv row 2", "gone.jpg"}
    table.write_text("post,file\n1,pictures/0.jpg\n")
    add(table)
    assert set(reasons()) == {"c.jpg"}


def test_a_file_without_permission(ordinary_user, save):
    folder, lowered = ordinary_user
    save(folder / "p" / "a.jpg")
    save(folder / "p" / "closed.jpg", 1).chmod(0)
    save(folder / "p" / "closed" / "b.jpg", 2)
    with Store.create(folder / "warm up") as store:
        add_source(store, folder / "p", show=False)  # imports all that is needed
    Store.create(folder / "corpus").close()
    with lowered(), Store(folder / "corpus") as store:
        (folder / "p" / "closed").chmod(0)
        told = add_source(store, folder / "p", show=False)
        (folder / "p" / "closed").chmod(0o700)
        assert (told.records, told.failed) == (1, 2)
        listed = dict(store.rows("SELECT path, reason FROM failures"))
    assert "permission is denied" in listed[str(folder / "p" / "closed.jpg")]
    assert "cannot be read" in listed[str(folder / "p" / "closed")]


def test_a_source_below_a_closed_folder(ordinary_user, save):
    folder, lowered = ordinary_user
    save(folder / "closed" / "a.jpg")
    Store.create(folder / "corpus").close()
    with lowered(), Store(folder / "corpus") as store:
        (folder / "closed").chmod(0)
        with pytest.raises(SourceError, match="cannot be looked at"):
            add_source(store, folder / "closed" / "a.jpg", show=False)


def test_a_file_that_hangs_is_given_up_and_the_rest_is_added(add, images, monkeypatch, reasons):
    monkeypatch.setenv("MEDIACORPUS_TIMEOUT", "1")
    real = opening.read
    monkeypatch.setattr(
        opening,
        "read",
        lambda path, **most: (time.sleep(4 * (path.name == "3.png")), real(path, **most))[1],
    )
    told = add(images)
    assert (told.records, told.failed) == (5, 1)
    assert "no answer within 1 seconds" in reasons()["3.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="not on this machine: names are UTF-16")
@pytest.mark.parametrize(
    "name", [b"\xff.jpg", "\U0001f600.jpg".encode(), "\u202egpj.exe.jpg".encode(), b"new\nline.jpg"]
)
def test_names_of_any_kind(store, add, tmp_path, save, name, counts):
    try:
        save(tmp_path / "p" / os.fsdecode(name))
    except OSError:
        pytest.skip("not on this machine: its file system refuses the name")
    (tmp_path / "p" / os.fsdecode(b"bad " + name)).write_bytes(b"")
    told = add(tmp_path / "p")
    assert (told.records, told.failed) == (1, 1)
    str(told).encode()
    assert add(tmp_path / "p").unchanged == 1
    assert counts() == (1, 1, 1)
    store.value("SELECT path FROM records").encode()
    store.value("SELECT reason FROM failures").encode()


@pytest.mark.skipif(sys.platform == "win32", reason="not on this machine: names are UTF-16")
def test_classes_named_by_no_text(add, tmp_path, save, labels):
    try:
        save(tmp_path / "p" / os.fsdecode(b"caf\xe9") / "a.jpg")
    except OSError:
        pytest.skip("not on this machine: its file system refuses the name")
    assert add(tmp_path / "p", variable="kind").labels == 1
    assert labels() == {"a.jpg": {"folder": r"caf\xe9"}}


def test_links_and_the_corpus_inside_the_source(tmp_path, save, add, counts):
    """The corpus lies in the very folder that is added, with images of its own."""
    save(tmp_path / "a.jpg")
    save(tmp_path / "corpus" / "reports" / "plot.png", 1)
    try:
        (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "dangling.jpg").symlink_to("gone.jpg")
    except OSError:
        pytest.skip("not on this machine: no symbolic links")
    told = add(tmp_path)
    assert (told.records, told.failed) == (1, 1)
    assert counts() == (1, 1, 1)


@pytest.mark.parametrize("name", ["photo.heic", "photo.hif", "photo.cr3", "photo.RAF", "photo"])
@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom" + bytes(200),
        b"FUJIFILMCCD-RAW 0201FF129502X-T3" + bytes(200),
    ],
    ids=["Canon", "Fuji"],
)
def test_raw_photographs_are_a_fault_under_every_name(add, tmp_path, reasons, name, content):
    (tmp_path / name).write_bytes(content)
    added = add(tmp_path / name)
    assert (added.failed, added.skipped) == (1, {})
    [reason] = reasons().values()
    assert "raw photograph" in reason
    assert "export it as JPEG or TIFF" in reason


def test_what_only_looked_like_media_is_counted_as_skipped(add, images):
    (images / "notes").write_bytes(b"BMW and other cars" + bytes(50))
    assert add(images).skipped == {"no suffix": 1}


def test_rasters_that_are_stretched_are_reported(add, tmp_path):
    for number, kind in enumerate((np.float32, np.float64, np.int16, np.uint32)):
        values = np.arange(600).reshape(20, 30).astype(kind)
        tifffile.imwrite(tmp_path / f"{number}.tif", values, metadata=None)
    tifffile.imwrite(tmp_path / "plain.tif", np.zeros((20, 30), np.uint16), metadata=None)
    [note] = add(tmp_path).notes
    assert note.startswith("Numbers beyond 16 bits, with signs or fractions (4 images): each image")
