"""A file is hashed again where its size or time says so, or the user: never measured changed."""

import os
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mediacorpus as mc

made = runpy.run_path(str(Path(__file__).parent / "made_media.py"))
KINDS = ("a.bmp", "a.mp4", "a.pdf")


def write(path: Path, value: int) -> None:
    """Write a file of one kind; two values give files of the same size."""
    level = np.full((40, 60, 3), value, np.uint8)
    if path.suffix == ".mp4":
        made["film"](path, [value] * 4)
    elif path.suffix == ".pdf":
        made["scans"](path, level)
    elif path.suffix == ".gif":
        frames = [Image.fromarray(np.full((40, 60), value + n, np.uint8)) for n in range(3)]
        frames[0].save(path, save_all=True, append_images=frames[1:])
    else:
        Image.fromarray(level).save(path)


def change(path: Path, *, keep_time: bool) -> None:
    """Put other content of the same size in the place of a file."""
    before = path.stat()
    size = before.st_size
    write(path, 200)
    data = path.read_bytes()
    path.write_bytes(data[:size].ljust(size, b"\0"))
    time = before.st_mtime_ns if keep_time else before.st_mtime_ns + 5_000_000_000
    os.utime(path, ns=(time, time))
    assert path.stat().st_size == size


@pytest.fixture(params=KINDS)
def corpus(request, tmp_path):
    """A corpus of one file, and that file."""
    path = tmp_path / "files" / request.param
    path.parent.mkdir()
    write(path, 90)
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        assert corpus.add(path.parent, frames="every=2", progress=False).failed == 0
        yield corpus, path


def test_other_content_of_the_same_size_and_time_is_found_when_asked_for(corpus):
    corpus, path = corpus
    change(path, keep_time=True)
    found = corpus.measure("quality", verify=True, progress=False)
    assert (found.items, found.failed > 0) == (0, True)
    assert corpus.failures()["reason"].str.contains("has changed since it was added").all()
    assert '"verify": true' in corpus.sql("SELECT parameters FROM runs").iloc[-1, 0]


def test_a_file_that_looks_the_same_is_not_hashed(corpus):
    corpus, path = corpus
    change(path, keep_time=True)
    measured = corpus.measure("colour", progress=False)
    # What was decoded is the new content, or so damaged a container that it cannot be decoded.
    reasons = corpus.failures()["reason"]
    assert not reasons.str.contains("has changed").any()
    assert measured.items or len(reasons)


def test_a_touched_file_is_measured(corpus):
    corpus, path = corpus
    os.utime(path, ns=(1, 1))
    for name, verify in (("quality", False), ("colour", True)):
        assert corpus.measure(name, verify=verify, progress=False).failed == 0
        assert len(corpus.table(name))


def test_other_content_with_another_time_is_a_failure(corpus):
    corpus, path = corpus
    change(path, keep_time=False)
    assert corpus.measure("quality", progress=False).items == 0
    assert corpus.failures()["reason"].str.contains("has changed since it was added").all()


def test_other_content_of_another_size_is_a_failure(corpus):
    corpus, path = corpus
    before = path.stat().st_mtime_ns
    with path.open("ab") as file:
        file.write(b"\0")
    os.utime(path, ns=(before, before))
    assert corpus.measure("quality", progress=False).items == 0
    assert corpus.failures()["reason"].str.contains("has changed since it was added").all()


def test_a_file_that_was_touched_and_added_again_is_known_by_its_new_time(corpus):
    corpus, path = corpus
    os.utime(path, ns=(10**18, 10**18))
    corpus.add(path.parent, frames="every=2", progress=False)
    [place] = {corpus_place(corpus, item) for item in corpus.items()["item"]}
    assert place == ((path.stat().st_size, 10**18),)


def corpus_place(corpus, item):
    """What is known of the first file of an item."""
    from mediacorpus.catalogue.derived import places

    return tuple(places(corpus._store, [item])[item].stamps[0])


def test_a_moved_corpus_knows_its_files(tmp_path):
    (tmp_path / "old" / "files").mkdir(parents=True)
    write(tmp_path / "old" / "files" / "a.bmp", 90)
    with mc.Corpus.create(tmp_path / "old" / "corpus") as corpus:
        corpus.add(tmp_path / "old" / "files", progress=False)
    shutil.move(tmp_path / "old", tmp_path / "new")
    change(tmp_path / "new" / "files" / "a.bmp", keep_time=True)
    with mc.Corpus.open(tmp_path / "new" / "corpus") as corpus:
        assert corpus.measure("quality", progress=False).failed == 0
        assert corpus.measure("colour", verify=True, progress=False).failed == 1


def test_kept_members_of_archives_are_hashed(tmp_path):
    """The corpus knows the time of the archive, not of its own copy."""
    write(tmp_path / "a.bmp", 90)
    shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path, "a.bmp")
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(tmp_path / "all.zip", progress=False)
        [copy] = (tmp_path / "corpus" / "media").rglob("*.bmp")
        change(copy, keep_time=True)
        assert corpus.measure("quality", progress=False).failed == 1
