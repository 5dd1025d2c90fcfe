"""Files are there whole or not at all, however many write them."""

import hashlib
import os
import threading

import pytest

from mediacorpus.files import atomic_write, sha256_file


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("lasting", [False, True])
def test_a_file_takes_the_place_of_the_one_before(tmp_path, lasting):
    target = tmp_path / "a.csv"
    for text in ("first", "second"):
        with atomic_write(target, lasting=lasting) as path:
            path.write_text(text)
            assert path.suffix == ".csv"
            assert path.name.startswith(".")
            assert text == "first" or target.read_text() == "first"
        assert target.read_text() == text
    assert names(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("written", [False, True])
def test_an_error_leaves_what_was_there(tmp_path, error, written):
    target = tmp_path / "a.txt"
    target.write_text("before")

    def write():
        with atomic_write(target) as path:
            if written:
                path.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert target.read_text() == "before"
    assert names(tmp_path) == ["a.txt"]


def test_what_must_last_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    seen, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (seen.append(names(tmp_path)), real(handle)))
    with atomic_write(tmp_path / "a.txt") as path:
        path.write_text("x")
    assert seen == []
    with atomic_write(tmp_path / "b.txt", lasting=True) as path:
        path.write_text("x")
    assert "b.txt" not in seen[0]
    assert "b.txt" in seen[-1] or os.name == "nt"


def test_threads_that_write_one_file_do_not_mix(tmp_path):
    target, wrong = tmp_path / "a.txt", []

    def write(letter):
        for _ in range(50):
            with atomic_write(target) as path:
                path.write_text(letter * 1000)
            if len(set(target.read_text())) != 1:
                wrong.append(letter)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("size", [0, 1, 2**22, 2**22 + 1])
def test_the_hash_of_a_file(tmp_path, size):
    path, beats = tmp_path / "a", []
    path.write_bytes(b"x" * size)
    assert (
        sha256_file(path, beat=lambda: beats.append(1)) == hashlib.sha256(b"x" * size).hexdigest()
    )
    assert len(beats) == -(-size // 2**22)


def test_no_other_module_has_a_writer_of_its_own(request):
    """One definition: what is renamed into its place goes through `atomic_write`."""
    source = request.config.rootpath / "src" / "mediacorpus"
    own = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if any(sign in path.read_text("utf-8") for sign in ("os.replace(", "temporary.replace("))
    }
    # A download's name is that of its content, which is known only at its end.
    assert own == {"store/originals.py", "files.py"}
