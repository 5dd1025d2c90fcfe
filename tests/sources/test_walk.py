"""Walking a folder: sorted, without loops, whatever lies in it."""

import inspect
import os
import shutil
import sys

import pytest

from mediacorpus.records import Failure
from mediacorpus.sources.walk import (
    IMAGE_SUFFIXES,
    OWN_FOLDERS,
    first_bytes,
    looks_like_media,
    passed_over,
    surely_media,
    walk,
)


@pytest.fixture
def tree(tmp_path):
    """Make empty files from a list of paths."""

    def make(*names):
        for name in names:
            path = tmp_path / "tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return tmp_path / "tree"

    return make


def names(folder, **options):
    return [
        found.path if isinstance(found, Failure) else found.relative_to(folder).as_posix()
        for found in walk(folder, **options)
    ]


@pytest.fixture
def links(tmp_path):
    try:
        (tmp_path / "probe").symlink_to(tmp_path)
    except OSError:
        pytest.skip("not on this machine: no symbolic links")


def test_files_come_sorted_and_depth_first(tree):
    root = tree("b.jpg", "a/z.jpg", "a/b/c.jpg", "c.jpg", "a.jpg")
    assert names(root) == ["a/b/c.jpg", "a/z.jpg", "a.jpg", "b.jpg", "c.jpg"]
    assert names(root) == names(root)


def test_hidden_files_and_folders_are_passed_over(tree):
    assert names(tree("a.jpg", ".hidden.jpg", ".git/b.jpg", "__MACOSX/._a.jpg")) == ["a.jpg"]


def test_an_empty_folder(tree, tmp_path):
    (tmp_path / "empty").mkdir()
    assert names(tmp_path / "empty") == []


def test_links_to_folders_are_followed_but_loops_end(tree, links):
    root = tree("a/1.jpg", "b/2.jpg")
    (root / "a" / "up").symlink_to("..", target_is_directory=True)
    (root / "a" / "self").symlink_to(".", target_is_directory=True)
    (root / "c").symlink_to("b", target_is_directory=True)
    assert names(root) == ["a/1.jpg", "b/2.jpg", "c/2.jpg"]


def test_two_folders_that_link_to_each_other(tree, links):
    root = tree("a/1.jpg", "b/2.jpg")
    (root / "a" / "to b").symlink_to(root / "b", target_is_directory=True)
    (root / "b" / "to a").symlink_to(root / "a", target_is_directory=True)
    assert names(root) == ["a/1.jpg", "a/to b/2.jpg", "b/2.jpg", "b/to a/1.jpg"]


def test_links_to_files_are_files_and_dangling_links_are_failures(tree, links):
    root = tree("a.jpg")
    (root / "b.jpg").symlink_to("a.jpg")
    (root / "c.jpg").symlink_to("gone.jpg")
    (root / "d.jpg").symlink_to("d.jpg")
    found = list(walk(root))
    assert found[:2] == [root / "a.jpg", root / "b.jpg"]
    assert [f.reason.split(" (")[0] for f in found[2:]] == [
        "The link leads nowhere.",
        "The file cannot be looked at",
    ]
    assert all(f.stage == "add" for f in found[2:])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="not on this machine: no named pipes")
def test_a_pipe_is_a_failure_and_does_not_block(tree):
    root = tree("a.jpg")
    os.mkfifo(root / "b.jpg")
    _, pipe = walk(root)
    assert "pipe" in pipe.reason


def test_a_folder_without_permission_is_a_failure_and_the_rest_comes(ordinary_user):
    folder, lowered = ordinary_user
    (folder / "closed").mkdir()
    (folder / "open.jpg").write_bytes(b"")
    names(folder)
    with lowered():
        (folder / "closed").chmod(0)
        closed, fine = walk(folder)
    assert "cannot be read (Permission denied)" in closed.reason
    assert fine == folder / "open.jpg"


def test_the_corpus_is_left_out_wherever_it_lies(tree):
    root = tree("a.jpg", "corpus/reports/plot.png", "corpus/b.jpg", "z.jpg")
    assert names(root, without=root / "corpus") == ["a.jpg", "z.jpg"]
    assert names(root, without=root / "no such folder") == [
        "a.jpg",
        "corpus/b.jpg",
        "corpus/reports/plot.png",
        "z.jpg",
    ]


def test_images_inside_the_corpus_folder_are_found_and_its_own_things_are_not(tree):
    root = tree("mine/a.jpg", "b.jpg", *(f"{name}/x.png" for name in OWN_FOLDERS))
    assert names(root, without=root) == ["b.jpg", "mine/a.jpg"]
    assert names(root / "mine", without=root) == ["a.jpg"]


@pytest.mark.skipif(sys.platform == "win32", reason="not on this machine: names are UTF-16")
def test_names_of_any_kind(tree):
    root = tree("\U0001f600.jpg", "\u202eexe.jpg", "new\nline.jpg", "a b", "naïve.jpg")
    try:
        (root / os.fsdecode(b"\xff.jpg")).write_bytes(b"")
        odd = [os.fsdecode(b"\xff.jpg")]
    except OSError:  # the file system takes UTF-8 only
        odd = []
    assert set(names(root)) == {
        "\U0001f600.jpg",
        "\u202eexe.jpg",
        "new\nline.jpg",
        "a b",
        "naïve.jpg",
        *odd,
    }


def test_a_tree_that_is_deeper_than_the_stack(tmp_path):
    path = tmp_path
    for _ in range(200):
        path /= "d"
        path.mkdir()
    (path / "deep.jpg").write_bytes(b"")
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 120)
    try:
        assert [found.name for found in walk(tmp_path)] == ["deep.jpg"]
    finally:
        sys.setrecursionlimit(before)


# -- what looks like an image ---------------------------------------------------------------


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_known_suffixes_in_any_case(tmp_path, suffix):
    assert is_media(tmp_path / f"a{suffix.upper()}")


def is_media(path):
    return looks_like_media(path.suffix, first_bytes(path))


@pytest.mark.parametrize(
    ("name", "wanted"), [("a", True), ("a.dat", True), ("a.txt", True), ("a.0", True)]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_images_with_another_name_are_known_by_their_first_bytes(
    tmp_path, save, name, wanted, kind
):
    save(tmp_path / name, 0, kind)
    assert is_media(tmp_path / name) is wanted


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 20, b"PK\x03\x04"])
def test_other_files_are_not(tmp_path, content):
    (tmp_path / "a.dat").write_bytes(content)
    assert not is_media(tmp_path / "a.dat")


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"Dear all", "is text, not media"),
        (b"", "is empty, or cannot be read"),
        (b"\x01\x02\x03" * 9, "no kind that is known"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "not media; save it as PDF to add it."),
    ],
)
def test_what_is_passed_over_has_a_reason(head, words):
    assert words in passed_over("a", head).reason


def test_a_file_that_is_not_there_looks_like_nothing(tmp_path):
    assert not is_media(tmp_path / "gone")


@pytest.mark.parametrize(
    ("suffix", "head"),
    [
        (".hif", b""),
        (".CR3", b""),
        (".raf", b""),
        (".dng", b""),
        (".jxl", b""),
        ("", b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"),
        ("", b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom"),
        ("", b"FUJIFILMCCD-RAW 0201\x00\x00"),
        (".dat", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n"),
        (".dat", b"%!PS-Adobe-3.0 EPSF-3.0\n"),
        ("", b"\xff\x0a\xfa\x1f"),
        (".bin", b"II*\x00\x08\x00\x00\x00"),
        ("", b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.4\n"),
    ],
)
def test_an_image_is_meant_to_be_read_whatever_its_format(suffix, head):
    assert surely_media(suffix, head)
    assert looks_like_media(suffix, head)


@pytest.mark.parametrize("head", [b"BMW and P1", b"RIFF and more", b"Dear all", b"PK\x03\x04", b""])
def test_what_may_be_anything_is_no_fault(head):
    assert not surely_media(".txt", head)


@pytest.mark.parametrize(
    "litter", ["@eaDir", "#recycle", "$RECYCLE.BIN", "__MACOSX", "System Volume Information", ".x"]
)
@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_litter_is_left_out_of_folders_and_archives(add, save, tmp_path, litter, kind):
    save(tmp_path / "data" / "yes" / "1.png", 1)
    save(tmp_path / "data" / "yes" / litter / "2.png", 2)
    save(tmp_path / "data" / litter / "3.png", 3)
    (tmp_path / "data" / "Thumbs.db").write_bytes(b"x")
    source = tmp_path / "data"
    if kind != "folder":
        source = shutil.make_archive(str(tmp_path / "made"), kind, source)
    told = add(source)
    assert (told.records, told.failed, told.skipped) == (1, 0, {})
