"""Archives: every file of a good one, and which files are archives."""

import gzip
import hashlib
import io
import os
import random
import runpy
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from mediacorpus.errors import MediaError, SourceError
from mediacorpus.sources.archive import SUFFIXES, is_archive, members

made = runpy.run_path(str(Path(__file__).with_name("made_archives.py")))
as_tar, as_zip, first = made["as_tar"], made["as_zip"], made["first"]
look, raw_zip = made["look"], made["raw_zip"]


def test_five_thousand_faces_are_read_as_zipfile_reads_them(test_data):
    path = test_data / "smiles" / "smiles.zip"
    with zipfile.ZipFile(path) as archive:
        expected = [(i.filename, i.file_size, i.CRC) for i in archive.infolist()]
        hashes = [hashlib.sha256(archive.read(name)).digest() for name, *_ in expected]
    found, own = [], []
    for member in members(path):
        found.append((member.name, member.size, int(member.check.removeprefix("crc32:"), 16)))
        own.append(hashlib.sha256(b"".join(member.chunks())).digest())
    assert len(found) == 5001
    assert found == expected
    assert own == hashes


def test_the_hostile_files_come_out_whole_and_the_tar_among_them_is_read(test_data):
    path = test_data / "hostile" / "hostile.zip"
    contents, reasons = look(path)
    with zipfile.ZipFile(path) as archive:
        expected = {name: archive.read(name) for name in archive.namelist()}
    inner = expected.pop("pillow/hopper.tar")
    with tarfile.open(fileobj=io.BytesIO(inner)) as archive:
        for info in archive:
            expected[f"pillow/hopper.tar/{info.name}"] = archive.extractfile(info).read()
    assert reasons == {}
    assert contents == expected


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.tar", "w"),
        ("a.tar.gz", "w:gz"),
        ("a.TGZ", "w:gz"),
        ("a.tar.bz2", "w:bz2"),
        ("a.tbz2", "w:bz2"),
        ("a.tar.xz", "w:xz"),
        ("a.txz", "w:xz"),
        ("named_wrongly.zip", "w:gz"),
    ],
)
def test_tars_of_images_are_read_however_they_are_packed(tarred, save, tmp_path, name, mode):
    for n in range(5):
        save(tmp_path / "pictures" / f"{n}.png", n)
    files = {f"p/{f.name}": f.read_bytes() for f in sorted((tmp_path / "pictures").iterdir())}
    path = tarred(*files.items(), name=name, mode=mode)
    assert is_archive(path)
    contents, reasons = look(path)
    assert list(contents.items()) == list(files.items())
    assert reasons == {}


@pytest.mark.parametrize(
    "compression",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
)
@pytest.mark.parametrize(
    "content", [b"", b"a", random.Random(1).randbytes(1_200_001), bytes(5_000_000)]
)
def test_zip_gives_back_what_was_packed_in_pieces(zipped, compression, content):
    path = zipped(("a.bin", content), compression=compression)
    with first(path) as member:
        pieces = list(member.chunks())
    assert b"".join(pieces) == content
    assert max(map(len, pieces), default=0) <= 1 << 20


def test_tar_packed_in_several_runs_is_one_tar(tmp_path):
    whole = as_tar(("a.jpg", b"a" * 5000), ("b.jpg", b"b"))
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(whole[:3000]) + gzip.compress(whole[3000:]))
    assert look(path) == ({"a.jpg": b"a" * 5000, "b.jpg": b"b"}, {})


def test_members_may_be_left_unread_or_half_read(tarred, zipped):
    files = [(f"{n}.bin", bytes([n]) * 3_000_000) for n in range(4)]
    for path in (tarred(*files, name="a.tgz", mode="w:gz"), tarred(*files), zipped(*files)):
        found = []
        for n, member in enumerate(members(path)):
            if n == 1:
                next(member.chunks())
            if n in {0, 3}:
                found.append(b"".join(member.chunks()))
        assert found == [files[0][1], files[3][1]]


def test_tar_members_cannot_be_read_later_and_nothing_else_is_lost(tarred):
    path = tarred(("a", b"a"), ("b", b"b"), ("c", b"c"))
    reading = members(path)
    a, b = next(reading), next(reading)
    assert list(b.chunks()) == [b"b"]
    with pytest.raises(MediaError, match="read each member before asking for the next"):
        list(a.chunks())
    assert list(next(reading).chunks()) == [b"c"]


def test_times_are_kept(zipped, tarred, tmp_path):
    info = zipfile.ZipInfo("a.jpg", (2020, 2, 29, 12, 0, 2))
    with first(zipped((info, b"a"))) as member:
        assert member.mtime_ns == 1582977602 * 10**9
    info.extra = struct.pack("<HHBi", 0x5455, 5, 1, -1)
    with first(zipped((info, b"a"))) as member:
        assert member.mtime_ns == -(10**9)
    info.extra = struct.pack("<HHB", 0x5455, 1, 1)
    with first(zipped((info, b"a"))) as member:
        assert member.mtime_ns == 1582977602 * 10**9
    info = tarfile.TarInfo("a.jpg")
    info.mtime = 1582977602.5
    with first(tarred((info, b"a"))) as member:
        assert member.mtime_ns == 1582977602500000000
    path = tmp_path / "raw.zip"  # a date of zeros
    path.write_bytes(raw_zip({"name": b"a"}).replace(b"\0\0\x21\0", bytes(4)))
    with first(path) as member:
        assert member.mtime_ns == 0


def test_the_check_is_the_crc(zipped, tarred):
    with first(zipped(("a", b"abc"))) as member:
        assert member.check == "crc32:352441c2"  # of "abc", as zlib has it
    with first(tarred(("a", b"abc"))) as member:
        assert member.check == ""


def test_folders_hidden_files_and_litter_are_passed_over(zipped, tarred):
    silent = [
        "scans/",
        "scans\\old\\",
        ".hidden.jpg",
        "a/.git/b.jpg",
        "__MACOSX/._a.jpg",
        "a/Thumbs.db",
        "desktop.ini",
    ]
    files = [(name, b"x") for name in silent] + [("./scans//a.jpg", b"y")]
    assert look(zipped(*files)) == ({"scans/a.jpg": b"y"}, {})
    folder = tarfile.TarInfo("scans")
    folder.type = tarfile.DIRTYPE
    files = [(folder, b""), *files[2:]]
    assert look(tarred(*files)) == ({"scans/a.jpg": b"y"}, {})


# -- which files are archives ----------------------------------------------------------------


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_names_tell_archives(suffix):
    assert is_archive(Path(f"Photos 1{suffix.upper()}"))


@pytest.mark.parametrize(
    ("name", "content", "answer"),
    [
        ("download", as_zip(("a.jpg", b"a")), True),
        ("download", as_zip(), True),
        ("download", as_tar(("a.jpg", b"a")), True),
        ("download", as_tar(("a.jpg", b"a"), mode="w:gz"), True),
        ("download", as_tar(("a.jpg", b"a"), mode="w:bz2"), True),
        ("download", as_tar(("a.jpg", b"a"), mode="w:xz"), True),
        ("download", b"Rar!\x1a\x07\0", True),
        ("download", gzip.compress(b"no tar" * 999), False),
        ("download", b"\x1f\x8b\x08 broken", False),
        ("download", b"\xff\xd8\xff\xe0 an image", False),
        ("download", b"", False),
        ("a.docx", as_zip(("a.jpg", b"a")), False),
        ("a.epub", as_zip(("a.jpg", b"a")), False),
        ("letter", as_zip(("[Content_Types].xml", b"a"), ("word/media/a.png", b"a")), False),
        ("text", as_zip(("mimetype", b"application/vnd.oasis.opendocument.text")), False),
        ("program", as_zip(("META-INF/MANIFEST.MF", b"a")), False),
        ("letter.zip", as_zip(("[Content_Types].xml", b"a"), ("word/media/a.png", b"a")), True),
    ],
)
def test_first_bytes_tell_archives(tmp_path, name, content, answer):
    path = tmp_path / name
    path.write_bytes(content)
    assert is_archive(path) is answer


def test_what_cannot_be_looked_at_is_no_archive(tmp_path):
    assert not is_archive(tmp_path / "not there")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have no names on Windows")
def test_a_pipe_is_no_archive_and_is_not_waited_for(tmp_path):
    for name in ("download", "a.zip"):
        os.mkfifo(tmp_path / name)
        assert not is_archive(tmp_path / name)
        with pytest.raises(SourceError, match="no regular file"):
            members(tmp_path / name)
