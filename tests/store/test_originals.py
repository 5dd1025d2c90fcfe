"""What the corpus keeps itself: whole or not at all, each content once."""

import hashlib

import pytest

from mediacorpus.errors import CorpusReadOnly
from mediacorpus.store.originals import MEDIA, Keeping, Kept, sweep


def keep(folder, *pieces, suffix=".jpg"):
    with Keeping(folder) as keeping:
        for piece in pieces:
            keeping.write(piece)
        return keeping.keep(suffix)


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_file_is_named_by_its_content(tmp_path):
    digest = hashlib.sha256(b"some content").hexdigest()
    kept = keep(tmp_path, b"some ", b"content")
    assert kept == Kept(digest, f"{MEDIA}/{digest[:2]}/{digest}.jpg", 12)
    assert (tmp_path / kept.stored).read_bytes() == b"some content"
    assert files(tmp_path) == [kept.stored]


def test_the_same_content_is_kept_once(tmp_path):
    first = keep(tmp_path, b"content")
    path = tmp_path / first.stored
    before = path.stat().st_mtime_ns, path.stat().st_ino
    assert keep(tmp_path, b"con", b"tent") == first
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
    assert files(tmp_path) == [first.stored]


def test_a_copy_that_was_cut_short_is_replaced(tmp_path):
    first = keep(tmp_path, b"content")
    (tmp_path / first.stored).write_bytes(b"cont")
    keep(tmp_path, b"content")
    assert (tmp_path / first.stored).read_bytes() == b"content"


@pytest.mark.parametrize("suffix", ["", ".", "jpg", "../../x", ".a/b", ".jpeg2000x", ".ä", ".j\n"])
def test_strange_suffixes_are_left_out(tmp_path, suffix):
    kept = keep(tmp_path, b"content", suffix=suffix)
    assert kept.stored == f"{MEDIA}/{kept.sha256[:2]}/{kept.sha256}"
    assert files(tmp_path) == [kept.stored]


def test_suffixes_are_written_small(tmp_path):
    assert keep(tmp_path, b"content", suffix=".JPG").stored.endswith(".jpg")


def test_an_empty_file_can_be_kept(tmp_path):
    kept = keep(tmp_path)
    assert kept.sha256 == hashlib.sha256(b"").hexdigest()
    assert (tmp_path / kept.stored).read_bytes() == b""


def test_what_is_not_kept_leaves_nothing(tmp_path):
    with Keeping(tmp_path) as keeping:
        keeping.write(b"some")
        assert len(files(tmp_path)) == 1
    assert files(tmp_path) == []
    keeping.drop()


def test_an_error_on_the_way_leaves_nothing(tmp_path):
    def fail():
        with Keeping(tmp_path) as keeping:
            keeping.write(b"some")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert files(tmp_path) == []


def test_sweep_takes_only_what_is_half_written(tmp_path):
    kept = keep(tmp_path, b"content")
    left = tmp_path / MEDIA / ".0123.part"
    left.write_bytes(b"half")
    own = tmp_path / MEDIA / "notes.part"
    own.write_bytes(b"of the user")
    assert sweep(tmp_path) == 1
    assert files(tmp_path) == sorted([kept.stored, f"{MEDIA}/notes.part"])
    assert sweep(tmp_path) == 0


def test_sweep_without_a_folder(tmp_path):
    assert sweep(tmp_path) == 0
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_written_to_is_told(ordinary_user):
    folder, lowered = ordinary_user
    folder.chmod(0o500)
    with lowered(), Keeping(folder) as keeping, pytest.raises(CorpusReadOnly):
        keeping.write(b"content")
