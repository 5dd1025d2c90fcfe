import errno
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from mediacorpus.errors import ParameterError, StorageFull
from mediacorpus.networks.stored import digest_path, intact, store, stored


def test_a_stored_file_is_made_once(tmp_path):
    made = []

    def make():
        made.append(1)
        return b"content"

    path = tmp_path / "deep" / "network.bin"
    assert stored(path, make).read_bytes() == b"content"
    assert stored(path, make) == path
    assert len(made) == 1
    assert sorted(p.name for p in path.parent.iterdir()) == ["network.bin", "network.bin.sha256"]


@pytest.mark.parametrize("damage", ["cut", "changed", "no hash", "strange hash", "gone"])
def test_a_damaged_file_is_made_again(tmp_path, damage):
    path = store(tmp_path / "network.bin", b"content")
    beside = digest_path(path)
    match damage:
        case "cut":
            path.write_bytes(b"cont")
        case "changed":
            path.write_bytes(b"c0ntent")
        case "no hash":
            beside.unlink()
        case "strange hash":
            beside.write_bytes(b"\xff\xfe")
        case "gone":
            path.unlink()
    assert not intact(path)
    assert stored(path, lambda: b"content").read_bytes() == b"content"
    assert intact(path)


def test_many_at_once_leave_one_whole_file(tmp_path):
    path = tmp_path / "network.bin"
    content = os.urandom(200_000)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: stored(path, lambda: content).read_bytes(), range(40)))
    assert set(found) == {content}
    assert intact(path)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ParameterError, match="MEDIACORPUS_CACHE"):
        store(tmp_path / "file" / "network.bin", b"content")


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = store(tmp_path / "network.bin", b"old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull, match=r"network\.bin"):
        store(path, b"new content")
    assert path.read_bytes() == b"old"
    assert intact(path)
    assert len(list(tmp_path.iterdir())) == 2
