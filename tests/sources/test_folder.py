"""Folders as sources: images, classes and parts."""

import os
import sys
from collections import Counter

import pytest

from mediacorpus.records import Failure
from mediacorpus.sources.folder import occurrences
from mediacorpus.sources.layout import Layout


def found(root, **options):
    skipped = Counter()
    some = list(occurrences(root, skipped=skipped, **options))
    over = [o for o in some if isinstance(o, Failure)]
    assert all(o.stage == "skipped" for o in over)
    assert len(over) == sum(skipped.values())
    return [o for o in some if not isinstance(o, Failure)], skipped


def test_images_come_with_their_path_as_key_and_others_are_counted(tmp_path, save):
    save(tmp_path / "a.jpg")
    save(tmp_path / "sub" / "a.jpg", 1)
    save(tmp_path / "no suffix", 2, "PNG")
    for name in ("notes.txt", "more.TXT", "README"):
        (tmp_path / name).write_text("hello")
    some, skipped = found(tmp_path)
    assert [o.path.name for o in some] == ["a.jpg", "no suffix", "a.jpg"]
    assert len({o.key for o in some}) == 3
    assert [o.sure for o in some] == [True, True, True]
    assert [(o.label, o.part) for o in some] == [(None, None)] * 3
    assert skipped == {".txt": 2, "no suffix": 1}


def test_one_file_is_a_source_too(tmp_path, save):
    some, _ = found(save(tmp_path / "a.jpg"))
    assert [o.path for o in some] == [tmp_path / "a.jpg"]
    (tmp_path / "a.txt").write_text("hello")
    assert found(tmp_path / "a.txt") == ([], {".txt": 1})


def test_small_files_can_be_left_out(tmp_path, save):
    save(tmp_path / "a.jpg")
    (tmp_path / "icon.gif").write_bytes(b"GIF89a")
    some, skipped = found(tmp_path, min_bytes=100)
    assert [o.path.name for o in some] == ["a.jpg"]
    assert skipped == {"under 100 bytes": 1}


@pytest.mark.skipif(sys.platform == "win32", reason="not on this machine: names are UTF-16")
def test_a_class_folder_that_is_no_text_is_a_label_that_is(tmp_path, save):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        save(folder / "a.jpg")
    except OSError:
        pytest.skip("not on this machine: its file system refuses the name")
    (folder / os.fsdecode(b"a.\xff")).write_bytes(b"hello")
    (some,), skipped = found(tmp_path, layout=Layout())
    assert some.label == r"caf\xe9"
    assert skipped == {r".\xff": 1}
    some.key.encode()
